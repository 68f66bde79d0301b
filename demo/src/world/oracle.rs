//! Price feeds and markets of a deployment, and the price snapshots that L1 records of them.

use std::time::{Duration, Instant};

use alloy_primitives::Address;
use anyhow::{Context as _, ensure};
use subrosa_l1::deploy::{NewFeed, development_feed, set_answer, set_feed, set_market};
use subrosa_protocol::{asset::AssetId, encoding::fr_to_hex, market::PriceSnapshot};

use super::World;
use crate::collateral::{Day, MarketLine, PRICE_DECIMALS};

/// Greatest age of an answer, in seconds: every day of the path has new ones.
const HEARTBEAT: u64 = 3600;
/// Most by which a recorded price moves in a minute, basis points: prices of the path jump.
const MAXIMUM_MOVE: u16 = 10_000;
/// Time between two snapshots, after which the oracle keeps a price as a sample.
const SPACING: Duration = Duration::from_secs(5 * 60);
/// Snapshots after which the median of the five samples before is a new price.
const SNAPSHOTS: usize = 4;
/// Longest wait for a snapshot to get from L1 to the sequencer.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(150);

/// A feed for each asset that has a price.
pub(crate) struct Feeds(Vec<(String, Address)>);

impl World {
    /// Deploys a feed for every asset of the day and lists the markets.
    pub(crate) async fn list_markets(
        &self,
        markets: &[MarketLine],
        day: &Day,
    ) -> anyhow::Result<Feeds> {
        let (transport, deployer) = (&self.chain.transport, &self.deployer);
        let mut feeds = Vec::new();
        for (symbol, price) in &day.prices {
            let asset = self.asset(symbol)?;
            let feed =
                development_feed(transport, deployer, PRICE_DECIMALS, answer(*price)?).await?;
            let new = NewFeed {
                asset: AssetId(asset.id),
                feed,
                heartbeat: HEARTBEAT,
                token_decimals: asset.decimals,
            };
            set_feed(transport, deployer, &self.deployment, &new).await?;
            feeds.push((symbol.clone(), feed));
        }
        for (id, line) in (0u8..).zip(markets) {
            let market = line.market(|symbol| Ok(self.asset(symbol)?.id))?;
            set_market(
                transport,
                deployer,
                &self.deployment,
                id,
                &market,
                MAXIMUM_MOVE,
            )
            .await?;
        }
        Ok(Feeds(feeds))
    }

    /// Sets the feeds to a day's prices, and has L1 record snapshots until low and high prices are
    /// those. Waits until the sequencer serves the last one. Time must be virtual.
    pub(crate) async fn publish(&self, feeds: &Feeds, day: &Day) -> anyhow::Result<PriceSnapshot> {
        let (transport, deployer) = (&self.chain.transport, &self.deployer);
        for (symbol, feed) in &feeds.0 {
            let price = *day.prices.get(symbol).context("a price is missing")?;
            set_answer(transport, deployer, *feed, answer(price)?).await?;
        }
        let mut taken = self.snapshot().await?;
        for _ in 1..SNAPSHOTS {
            taken = self.snapshot().await?;
        }
        Ok(taken)
    }

    /// Has L1 record a snapshot, some minutes after the last one.
    async fn snapshot(&self) -> anyhow::Result<PriceSnapshot> {
        // Batches that wait must not grow too old.
        self.settle_all().await?;
        self.time.pass(SPACING);
        self.l1.take_snapshot(&self.deployer).await?;
        let taken = self.l1.snapshot().await?.context("L1 has no snapshot")?;
        let digest = fr_to_hex(&taken.digest());
        let since = Instant::now();
        loop {
            let served = self.sequencer.oracle().await?;
            if served.is_some_and(|served| served.digest == digest) {
                return Ok(taken);
            }
            ensure!(
                since.elapsed() < PATIENCE,
                "the sequencer does not serve the snapshot of {}",
                taken.time
            );
            tokio::time::sleep(POLL).await;
        }
    }
}

fn answer(price: u128) -> anyhow::Result<i128> {
    i128::try_from(price).context("a price is greater than a feed can answer")
}
