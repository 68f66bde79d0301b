//! A market on L1, and its prices.

use alloy_primitives::Address;
use anyhow::Context as _;
use serde_json::Value;
use subrosa_l1::deploy::{NewFeed, development_feed, set_answer, set_feed, set_market};
use subrosa_protocol::market::Market;

use crate::{
    World,
    chain::{DECIMALS, DEPLOYER, DOLLAR, GOLD, OPERATOR, account},
    eventually,
};

/// Decimals of the feeds.
const FEED_DECIMALS: u8 = 8;

/// Most by which a recorded price moves in a minute, basis points.
const MAXIMUM_MOVE: u16 = 10_000;

/// Market of dollars against gold, number 0.
pub const MARKET: Market = Market {
    collateral: GOLD,
    debt: DOLLAR,
    haircut: 500,
    initial: 12_500,
    maintenance: 11_000,
    bonus: 500,
    max_age: 3_600,
};

/// Price feeds of the market.
pub struct Prices {
    gold: Address,
}

impl Prices {
    /// Sets the market and its feeds, and has L1 record a snapshot in which a unit of gold is worth
    /// `cents`.
    ///
    /// # Errors
    /// If the chain refuses a transaction or the sequencer does not follow.
    pub async fn open(world: &World, cents: u64) -> anyhow::Result<Self> {
        let transport = &*world.chain.transport;
        let deployment = world.deployed.deployment.as_ref();
        let deployment = deployment.context("the contracts are this process's")?;
        let mut feeds = [Address::ZERO; 2];
        for (feed, (asset, answer)) in feeds
            .iter_mut()
            .zip([(DOLLAR, 100_000_000), (GOLD, i128::from(cents) * 1_000_000)])
        {
            *feed = development_feed(transport, &account(DEPLOYER), FEED_DECIMALS, answer).await?;
            let new = NewFeed {
                asset,
                feed: *feed,
                heartbeat: 86_400,
                token_decimals: DECIMALS[usize::from(asset.0)],
            };
            set_feed(transport, &account(DEPLOYER), deployment, &new).await?;
        }
        set_market(
            transport,
            &account(DEPLOYER),
            deployment,
            0,
            &MARKET,
            MAXIMUM_MOVE,
        )
        .await?;
        let prices = Self { gold: feeds[1] };
        prices.snapshot(world).await?;
        Ok(prices)
    }

    /// Sets the value of a unit of gold to `cents`, and has L1 record snapshots until low and high
    /// price are that value. Returns when the sequencer serves the last one. The chain must be one
    /// whose time can be moved.
    ///
    /// # Errors
    /// If the chain refuses a transaction or the sequencer does not follow.
    pub async fn gold(&self, world: &World, cents: u64) -> anyhow::Result<Value> {
        let answer = i128::from(cents) * 1_000_000;
        set_answer(
            &*world.chain.transport,
            &account(DEPLOYER),
            self.gold,
            answer,
        )
        .await?;
        // Batches that wait would grow too old.
        let batches = world.api.batches().await?.len() as u64;
        world.api.settled_below(batches + 1).await?;
        // The reference is the median of five earlier prices.
        for _ in 0..3 {
            world.chain.pass(300);
            self.snapshot(world).await?;
        }
        world.chain.pass(300);
        self.snapshot(world).await
    }

    async fn snapshot(&self, world: &World) -> anyhow::Result<Value> {
        world.l1.take_snapshot(&account(OPERATOR)).await?;
        let taken = world.l1.snapshot().await?.context("a snapshot was taken")?;
        let digest = subrosa_protocol::encoding::fr_to_hex(&taken.digest());
        eventually("the snapshot to be known", || async {
            if world.api.status("/v1/oracle").await? != 200 {
                return Ok(None);
            }
            let shown = world.api.json("/v1/oracle").await?;
            Ok((shown["digest"] == digest.as_str()).then_some(shown))
        })
        .await
    }
}
