//! The price oracle through the client on the embedded chain: L1 and the protocol hash the same
//! snapshots.

#![allow(missing_docs, reason = "a test")]

use std::{sync::Arc, time::Duration};

use alloy_primitives::Address;
use subrosa_clock::VirtualClock;
use subrosa_l1::{
    Account, Client, EmbeddedTransport, L1, L1Error, OracleChange, Validity,
    deploy::{
        DeployConfig, Deployment, NewAsset, NewFeed, deploy, development_feed, development_token,
        set_answer, set_feed, set_market,
    },
    development,
    prices::current_prices,
};
use subrosa_protocol::{
    Fr,
    asset::AssetId,
    market::{MARKETS, Market, Price, PriceSnapshot},
};

const DOLLAR: AssetId = AssetId(0);
const GOLD: AssetId = AssetId(1);
const HEARTBEAT: u64 = 3_600;
/// Prices follow the feeds at once.
const MAXIMUM_MOVE: u16 = 10_000;
const START: u64 = 1_800_000_000;

struct World {
    clock: VirtualClock,
    transport: Arc<EmbeddedTransport>,
    owner: Account,
    deployment: Deployment,
    client: Client<Arc<EmbeddedTransport>>,
}

impl World {
    async fn new() -> Result<Self, L1Error> {
        let accounts = development::accounts();
        let funded: Vec<Address> = accounts.iter().map(Account::address).collect();
        let clock = VirtualClock::new(START);
        let shared = Arc::new(clock.clone());
        let transport = Arc::new(EmbeddedTransport::with_clock(&funded, shared));
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
            fee_asset: DOLLAR,
            assets,
            shapes: Vec::new(),
        };
        let deployment = deploy(&*transport, &owner, &config).await?;
        let client = Client::new(transport.clone(), deployment.contracts, None);
        Ok(Self {
            clock,
            transport,
            owner,
            deployment,
            client,
        })
    }

    async fn feed(
        &self,
        asset: AssetId,
        token_decimals: u8,
        answer: i128,
    ) -> Result<Address, L1Error> {
        let feed = development_feed(&*self.transport, &self.owner, 8, answer).await?;
        let new = NewFeed {
            asset,
            feed,
            heartbeat: HEARTBEAT,
            token_decimals,
        };
        set_feed(&*self.transport, &self.owner, &self.deployment, &new).await?;
        Ok(feed)
    }

    /// Takes a snapshot a minute later, and reads it.
    async fn snapshot(&self) -> Result<PriceSnapshot, L1Error> {
        self.clock.advance(Duration::from_secs(60));
        let anybody = development::accounts().remove(7);
        self.client.take_snapshot(&anybody).await?;
        Ok(self.client.snapshot().await?.expect("one was taken"))
    }

    async fn market(&self, id: u8, market: &Market) -> Result<(), L1Error> {
        set_market(
            &*self.transport,
            &self.owner,
            &self.deployment,
            id,
            market,
            MAXIMUM_MOVE,
        )
        .await
    }
}

fn market() -> Market {
    Market {
        collateral: GOLD,
        debt: DOLLAR,
        haircut: 500,
        initial: 15_000,
        maintenance: 12_000,
        bonus: 500,
        max_age: 3_600,
    }
}

fn rejected(operation: &'static str, reason: &str) -> L1Error {
    L1Error::Rejected {
        operation,
        reason: reason.into(),
    }
}

#[tokio::test]
async fn snapshots_hash_as_in_the_protocol() {
    let world = World::new().await.unwrap();
    assert_eq!(world.client.snapshot().await.unwrap(), None);
    world.feed(DOLLAR, 6, 100_000_000).await.unwrap();
    let gold = world.feed(GOLD, 18, 234_567_891_234).await.unwrap();
    let back = Market {
        collateral: DOLLAR,
        debt: GOLD,
        ..market()
    };
    world.market(0, &market()).await.unwrap();
    world.market(15, &back).await.unwrap();

    let validity = async |digest: Fr| world.client.snapshot_validity(&digest).await.unwrap();
    let valid = |taken, superseded| Some(Validity { taken, superseded });
    let zero = Fr::from(0u64);
    assert_eq!(validity(zero).await, valid(1, None));
    // The client compares the snapshot's digest with L1's when it reads it.
    let first = world.snapshot().await.unwrap();
    let mut prices = [Price::default(); MARKETS];
    prices[0] = Price::flat(2_345_678_912);
    prices[15] = Price::flat(426_315_807_649_232_353_843_687_963);
    assert_eq!(first.previous, 0);
    assert_eq!(first.prices, prices);
    assert_eq!(first.markets.get(0), Some(&market()));
    assert_eq!(first.markets.get(15), Some(&back));
    assert_eq!(validity(first.digest()).await, valid(first.time, None));
    assert_eq!(validity(zero).await, valid(1, Some(first.time)));
    assert_eq!(validity(Fr::from(5u64)).await, None);

    let log = world.client.oracle_log(0).await.unwrap();
    let changes: Vec<_> = log.events.iter().map(|event| event.change).collect();
    let set = |id, market: &Market| OracleChange::Market {
        id,
        word: market.word(),
    };
    let taken = OracleChange::Snapshot {
        digest: first.digest(),
        time: first.time,
        previous: 0,
        market_root: first.markets.root(),
        prices: first.price_words(),
    };
    assert_eq!(changes, [set(0, &market()), set(15, &back), taken]);
    let last = log.events[2].block;
    assert_eq!(log.head.number, last);
    let newer = world.client.oracle_log(last).await.unwrap();
    assert_eq!(newer.events, [log.events[2]]);
    let newer = world.client.oracle_log(last + 1).await.unwrap();
    assert_eq!(newer.events, []);

    // A change of a market affects the next snapshot only. A feed with a negative answer gives no
    // price.
    let stricter = Market {
        haircut: 1_000,
        ..market()
    };
    world.market(0, &stricter).await.unwrap();
    assert_eq!(world.client.snapshot().await.unwrap(), Some(first));
    set_answer(&*world.transport, &world.owner, gold, -1)
        .await
        .unwrap();
    let second = world.snapshot().await.unwrap();
    assert_eq!(second.prices, [Price::default(); MARKETS]);
    assert_eq!(second.previous, first.time);
    assert_eq!(second.markets.get(0), Some(&stricter));
    let still = valid(first.time, Some(second.time));
    assert_eq!(validity(first.digest()).await, still);
    // A snapshot follows the last one after a minute at the earliest.
    world.clock.advance(Duration::from_secs(59));
    let early = world.client.take_snapshot(&world.owner).await.unwrap_err();
    assert_eq!(early, rejected("snapshot", "SnapshotTooEarly"));

    // `current_prices` states the spot prices. The first price stands for the five samples before.
    set_answer(&*world.transport, &world.owner, gold, 345_678_912_345)
        .await
        .unwrap();
    let rollup = world.deployment.contracts.rollup;
    let spot = current_prices(&*world.transport, rollup).await.unwrap();
    let third = world.snapshot().await.unwrap();
    assert_eq!(spot.markets, third.markets);
    assert!(spot.prices[0] > prices[0].low);
    for id in [0, 15] {
        let [before, now] = [prices[id].low, spot.prices[id]];
        let range = Price {
            low: before.min(now),
            high: before.max(now),
        };
        assert_eq!(third.prices[id], range);
    }

    // After three samples there is one price again, and a change is apart from those before it.
    let settled = spot.prices.map(Price::flat);
    let mut samples = 0;
    let third = loop {
        world.clock.advance(Duration::from_secs(300));
        let next = world.snapshot().await.unwrap();
        samples += 1;
        if next.prices == settled {
            break next;
        }
        assert!(samples < 12, "the reference follows");
    };
    assert!(samples >= 3);
    set_answer(&*world.transport, &world.owner, gold, 400_000_000_000)
        .await
        .unwrap();
    let changed = world.snapshot().await.unwrap();
    let spot = current_prices(&*world.transport, rollup).await.unwrap();
    for id in [0, 15] {
        let [before, now] = [third.prices[id].low, spot.prices[id]];
        let range = Price {
            low: before.min(now),
            high: before.max(now),
        };
        assert!(range.low < range.high);
        assert_eq!(changed.prices[id], range);
    }

    // An equal change is a new operation of governance each time.
    world.market(0, &market()).await.unwrap();
    world.market(0, &market()).await.unwrap();
}

#[tokio::test]
async fn rejections_have_names() {
    let world = World::new().await.unwrap();
    let same = Market {
        debt: GOLD,
        ..market()
    };
    // The timelock passes the oracle's error on.
    let refused = world.market(0, &same).await.unwrap_err();
    assert_eq!(refused, rejected("execute", "SameAsset"));
    let stranger = development::accounts().remove(5);
    let feed = development_feed(&*world.transport, &world.owner, 8, 1)
        .await
        .unwrap();
    let refused = set_answer(&*world.transport, &stranger, feed, 2)
        .await
        .unwrap_err();
    assert_eq!(refused, rejected("setAnswer", "OwnableUnauthorizedAccount"));
}
