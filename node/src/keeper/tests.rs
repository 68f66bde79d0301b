use std::sync::{Mutex, atomic::AtomicBool, atomic::Ordering};

use alloy_primitives::{Address, B256, Bytes};
use subrosa_clock::VirtualClock;
use subrosa_l1::{
    At, Block, Client, EmbeddedTransport, Head, L1Error, LogQuery, Tag,
    deploy::{
        DeployConfig, NewAsset, NewFeed, deploy, development_feed, development_token, set_answer,
        set_feed, set_market,
    },
    development,
    transactions::{Accounts, Node},
    transport::{FoundLog, Mined, Outgoing},
};
use subrosa_protocol::{asset::AssetId, market::Market};

use super::*;

const START: u64 = 1_800_000_000;
const DAY: u64 = 86_400;
/// Wei for a unit of gas, unless a test sets another price.
const PRICE: u128 = 10;

/// The embedded chain, with a price of gas.
struct Priced {
    chain: EmbeddedTransport,
    price: Mutex<u128>,
    /// Wei that the keeper's account has paid.
    paid: Mutex<u128>,
    payer: Address,
    down: AtomicBool,
}

impl Priced {
    fn up(&self) -> Result<(), L1Error> {
        if self.down.load(Ordering::SeqCst) {
            return Err(L1Error::Unavailable("it is down".into()));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Transport for Priced {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.chain.chain_id().await
    }

    async fn head(&self) -> Result<Head, L1Error> {
        self.up()?;
        self.chain.head().await
    }

    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        self.up()?;
        self.chain.block(tag).await
    }

    fn accounts(&self) -> &Accounts {
        self.chain.accounts()
    }

    fn node(&self) -> Arc<dyn Node> {
        self.chain.node()
    }

    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error> {
        self.up()?;
        self.chain.call(operation, to, data, at).await
    }

    async fn send(&self, from: &Account, outgoing: Outgoing) -> Result<Mined, L1Error> {
        self.up()?;
        let mined = self.chain.send(from, outgoing).await?;
        if from.address() == self.payer {
            *self.paid.lock().unwrap() += *self.price.lock().unwrap() * u128::from(mined.gas_used);
        }
        Ok(mined)
    }

    async fn logs(&self, query: LogQuery) -> Result<Vec<FoundLog>, L1Error> {
        self.up()?;
        self.chain.logs(query).await
    }

    async fn calldata(
        &self,
        transaction: B256,
        block: Option<B256>,
    ) -> Result<Option<Bytes>, L1Error> {
        self.chain.calldata(transaction, block).await
    }

    async fn ether(&self, owner: Address) -> Result<U256, L1Error> {
        self.up()?;
        let held = self.chain.ether(owner).await?;
        Ok(held - U256::from(*self.paid.lock().unwrap()))
    }

    async fn gas_price(&self) -> Result<u128, L1Error> {
        Ok(*self.price.lock().unwrap())
    }
}

struct World {
    clock: VirtualClock,
    transport: Arc<Priced>,
    client: Arc<dyn L1>,
    owner: Account,
    feed: Address,
}

impl World {
    /// Starts a chain with a market of gold against dollars at 2,000.
    async fn new() -> anyhow::Result<Self> {
        let accounts = development::accounts();
        let funded: Vec<Address> = accounts.iter().map(Account::address).collect();
        let clock = VirtualClock::new(START);
        let transport = Arc::new(Priced {
            chain: EmbeddedTransport::with_clock(&funded, Arc::new(clock.clone())),
            price: Mutex::new(PRICE),
            paid: Mutex::new(0),
            payer: funded[7],
            down: AtomicBool::new(false),
        });
        let owner = accounts[0].clone();
        let mut assets = Vec::new();
        for (symbol, decimals) in [("dUSD", 6), ("dXAU", 18)] {
            let token = development_token(&*transport, &owner, symbol, symbol, decimals).await?;
            assets.push(NewAsset {
                token,
                auditor: None,
                flags: 0,
            });
        }
        let config = DeployConfig {
            sequencer: funded[1],
            guardian: funded[2],
            fee_asset: AssetId(0),
            assets,
            shapes: Vec::new(),
        };
        let deployment = deploy(&*transport, &owner, &config).await?;
        let mut gold = Address::ZERO;
        for (asset, token_decimals, answer) in [(0, 6, 100_000_000), (1, 18, 200_000_000_000)] {
            gold = development_feed(&*transport, &owner, 8, answer).await?;
            let feed = NewFeed {
                asset: AssetId(asset),
                feed: gold,
                heartbeat: DAY + 3_600,
                token_decimals,
            };
            set_feed(&*transport, &owner, &deployment, &feed).await?;
        }
        let market = Market {
            collateral: AssetId(1),
            debt: AssetId(0),
            haircut: 500,
            initial: 15_000,
            maintenance: 12_000,
            bonus: 500,
            max_age: 3_600,
        };
        set_market(&*transport, &owner, &deployment, 0, &market, 10_000).await?;
        let shared: Arc<dyn Transport> = transport.clone();
        Ok(Self {
            client: Arc::new(Client::new(shared, deployment.contracts, None)),
            clock,
            transport,
            owner,
            feed: gold,
        })
    }

    fn keeper(&self, settings: KeeperSettings) -> anyhow::Result<Keeper> {
        Keeper::new(
            self.client.clone(),
            self.transport.clone(),
            development::accounts().swap_remove(7),
            Arc::new(self.clock.clone()),
            settings,
        )
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn answer(&self, answer: i128) -> anyhow::Result<()> {
        Ok(set_answer(&*self.transport, &self.owner, self.feed, answer).await?)
    }

    async fn newest(&self) -> anyhow::Result<u64> {
        Ok(self.client.snapshot().await?.map_or(0, |found| found.time))
    }
}

fn every(seconds: u64) -> KeeperSettings {
    KeeperSettings {
        every: Some(Duration::from_secs(seconds)),
        deviation: None,
        poll: Duration::from_secs(1),
        max_fee: None,
        daily: None,
        state: None,
    }
}

#[tokio::test]
async fn a_schedule_takes_a_snapshot_when_the_newest_one_is_old() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut keeper = world.keeper(every(600))?;
    assert_eq!(keeper.turn().await?, Turn::Taken);
    assert_eq!(world.newest().await?, START);
    // Within a minute there is no other.
    assert_eq!(keeper.turn().await?, Turn::Fresh);
    world.wait(599);
    assert_eq!(keeper.turn().await?, Turn::Fresh);
    world.wait(1);
    assert_eq!(keeper.turn().await?, Turn::Taken);
    assert_eq!(world.newest().await?, START + 600);
    // Somebody else takes one: it counts as if it were the keeper's.
    world.wait(500);
    world.client.take_snapshot(&world.owner).await?;
    world.wait(500);
    assert_eq!(keeper.turn().await?, Turn::Fresh);
    world.wait(100);
    assert_eq!(keeper.turn().await?, Turn::Taken);
    Ok(())
}

#[tokio::test]
async fn a_price_that_moves_far_enough_takes_a_snapshot() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut keeper = world.keeper(KeeperSettings {
        every: None,
        deviation: Some(100),
        ..every(1)
    })?;
    assert_eq!(keeper.turn().await?, Turn::Taken);
    world.wait(DAY);
    assert_eq!(keeper.turn().await?, Turn::Fresh);
    world.answer(201_999_000_000).await?;
    assert_eq!(keeper.turn().await?, Turn::Fresh);
    world.answer(202_000_000_000).await?;
    assert_eq!(keeper.turn().await?, Turn::Taken);
    // However far a price moves, a minute passes.
    // The low price is still the first one, and a fall counts from there.
    world.answer(198_000_000_000).await?;
    world.wait(59);
    assert_eq!(keeper.turn().await?, Turn::Fresh);
    world.wait(1);
    assert_eq!(keeper.turn().await?, Turn::Taken);
    // A price that goes is a change as well; without any price a snapshot is of no use.
    world.wait(60);
    world.answer(-1).await?;
    assert_eq!(keeper.turn().await?, Turn::NoPrices);
    Ok(())
}

#[tokio::test]
async fn fees_and_the_budget_of_a_day_are_limits() -> anyhow::Result<()> {
    let world = World::new().await?;
    let directory = tempfile::tempdir()?;
    let settings = |daily| KeeperSettings {
        max_fee: Some(PRICE * u128::from(GAS)),
        daily: Some(daily),
        state: Some(directory.path().join("spending.json")),
        ..every(60)
    };
    let mut keeper = world.keeper(settings(u128::MAX))?;
    *world.transport.price.lock().unwrap() = PRICE + 1;
    let cost = (PRICE + 1) * u128::from(GAS);
    assert_eq!(keeper.turn().await?, Turn::TooDear { cost });
    *world.transport.price.lock().unwrap() = PRICE;
    assert_eq!(keeper.turn().await?, Turn::Taken);
    let first = *world.transport.paid.lock().unwrap();
    assert_eq!(keeper.budget.spent(), first);

    // A budget for two, and the spending outlives the process. The first one paid for new storage.
    let mut keeper = world.keeper(settings(first + first / 2))?;
    assert_eq!(keeper.budget.spent(), first);
    keeper.gas = u64::try_from(first / PRICE / 2)?;
    world.wait(60);
    assert_eq!(keeper.turn().await?, Turn::Taken);
    world.wait(60);
    assert_eq!(keeper.turn().await?, Turn::BudgetSpent);
    world.wait(60);
    assert_eq!(keeper.turn().await?, Turn::BudgetSpent);
    let paid = *world.transport.paid.lock().unwrap();
    world.wait(DAY);
    assert_eq!(keeper.turn().await?, Turn::Taken);
    assert!(keeper.budget.spent() <= *world.transport.paid.lock().unwrap() - paid);
    Ok(())
}

#[tokio::test]
async fn failures_of_l1_pass() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut keeper = world.keeper(every(60))?;
    world.transport.down.store(true, Ordering::SeqCst);
    assert!(keeper.turn().await.is_err());
    world.transport.down.store(false, Ordering::SeqCst);
    assert_eq!(keeper.turn().await?, Turn::Taken);

    // The same in the loop, which nothing ends.
    let running = tokio::spawn(world.keeper(every(60))?.run());
    world.transport.down.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        world.wait(30);
        tokio::task::yield_now().await;
    }
    world.transport.down.store(false, Ordering::SeqCst);
    let before = world.newest().await?;
    for _ in 0..1_000 {
        world.wait(30);
        tokio::task::yield_now().await;
        if world.newest().await? > before {
            break;
        }
    }
    assert!(world.newest().await? > before);
    assert!(!running.is_finished());
    running.abort();
    Ok(())
}

#[test]
fn a_crash_before_the_receipt_counts_the_expected_cost() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = Some(directory.path().join("spending.json"));
    let mut budget = Budget::open(Some(100), file.clone())?;
    assert!(budget.reserve(60, START)?);
    let mut budget = Budget::open(Some(100), file.clone())?;
    assert_eq!(budget.spent(), 60);
    assert!(!budget.reserve(60, START)?);
    assert!(budget.reserve(60, START + DAY)?);
    std::fs::write(directory.path().join("spending.json"), "{")?;
    assert!(Budget::open(Some(100), file).is_err());
    Ok(())
}

#[test]
fn a_keeper_needs_a_reason_to_act() {
    let moved = |spot, low, high, deviation| has_moved(&[spot], &[Price { low, high }], deviation);
    assert!(moved(0, 5, 5, 1) && moved(5, 0, 0, 10_000));
    assert!(!moved(0, 0, 0, 1) && !moved(7, 7, 7, 1));
    assert!(moved(u128::MAX >> 8, 1, 1, 1));
    // Between the low and the high price nothing has moved; outside of them, the nearer one counts.
    assert!(!moved(100, 100, 200, 0) && !moved(150, 100, 200, 0) && !moved(200, 100, 200, 0));
    assert!(moved(202, 100, 200, 100) && !moved(201, 100, 200, 100));
    assert!(moved(99, 100, 200, 100) && !moved(99, 100, 200, 101));
}
