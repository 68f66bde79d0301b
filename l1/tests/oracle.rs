//! The price oracle through the client on the embedded chain: L1 and the protocol hash the same
//! snapshots.

#![allow(missing_docs, reason = "a test")]

use std::sync::Arc;

use alloy_primitives::Address;
use subrosa_l1::{
    Account, Client, EmbeddedTransport, L1, L1Error, OracleChange,
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
    market::{MARKETS, Market},
};

const DOLLAR: AssetId = AssetId(0);
const GOLD: AssetId = AssetId(1);
const HEARTBEAT: u64 = 3_600;

struct World {
    transport: Arc<EmbeddedTransport>,
    owner: Account,
    deployment: Deployment,
    client: Client<Arc<EmbeddedTransport>>,
}

impl World {
    async fn new() -> Result<Self, L1Error> {
        let accounts = development::accounts();
        let funded: Vec<Address> = accounts.iter().map(Account::address).collect();
        let transport = Arc::new(EmbeddedTransport::new(&funded));
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

    async fn market(&self, id: u8, market: &Market) -> Result<(), L1Error> {
        set_market(&*self.transport, &self.owner, &self.deployment, id, market).await
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

    let anybody = development::accounts().remove(7);
    world.client.take_snapshot(&anybody).await.unwrap();
    // The client compares the snapshot's digest with L1's when it reads it.
    let first = world.client.snapshot().await.unwrap().unwrap();
    let mut prices = [0; MARKETS];
    prices[0] = 2_345_678_912;
    prices[15] = 426_315_807_649_232_353_843_687_963;
    assert_eq!(first.prices, prices);
    assert_eq!(first.markets.get(0), Some(&market()));
    assert_eq!(first.markets.get(15), Some(&back));
    let known = world.client.snapshot_time(&first.digest()).await.unwrap();
    assert_eq!(known, Some(first.time));
    let unknown = world.client.snapshot_time(&Fr::from(5u64)).await.unwrap();
    assert_eq!(unknown, None);

    let log = world.client.oracle_log(0).await.unwrap();
    let changes: Vec<_> = log.events.iter().map(|event| event.change).collect();
    let set = |id, market: &Market| OracleChange::Market {
        id,
        word: market.word(),
    };
    let taken = OracleChange::Snapshot {
        digest: first.digest(),
        time: first.time,
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
    world.client.take_snapshot(&anybody).await.unwrap();
    let second = world.client.snapshot().await.unwrap().unwrap();
    assert_eq!(second.prices, [0; MARKETS]);
    assert_eq!(second.markets.get(0), Some(&stricter));
    let still = world.client.snapshot_time(&first.digest()).await.unwrap();
    assert_eq!(still, Some(first.time));

    // What a snapshot taken now would hold is known beforehand.
    set_answer(&*world.transport, &world.owner, gold, 345_678_912_345)
        .await
        .unwrap();
    let rollup = world.deployment.contracts.rollup;
    let ahead = current_prices(&*world.transport, rollup).await.unwrap();
    world.client.take_snapshot(&anybody).await.unwrap();
    let third = world.client.snapshot().await.unwrap().unwrap();
    assert_eq!((ahead.prices, ahead.markets), (third.prices, third.markets));
    assert!(third.prices[0] > 0 && third.prices[15] > 0);

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
