//! The keeper: takes price snapshots on a schedule, or when prices move, within a budget.
//!
//! Anybody may take a snapshot, so that several keepers can run: each takes one only if none has
//! the age or the prices that its settings ask for. A failure of L1 is logged and tried again. The
//! budget counts the wei that the account lost, whatever for; use an account of its own.

mod budget;
pub mod metrics;

use std::{path::PathBuf, sync::Arc, time::Duration};

use alloy_primitives::U256;
use subrosa_clock::Clock;
use subrosa_l1::{
    Account, L1, L1Error, Transport,
    prices::{CurrentPrices, current_prices},
};
use subrosa_protocol::market::{Price, PriceSnapshot};

pub use self::budget::Budget;

/// Gas of a snapshot before the first one was taken: sixteen markets over as many feeds.
pub const GAS: u64 = 1_500_000;
/// Basis points of the whole.
const WHOLE: u128 = 10_000;
/// Least seconds between two snapshots, which the contract enforces.
const INTERVAL: u64 = 60;
/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Settings of a keeper.
#[derive(Debug, Clone)]
pub struct KeeperSettings {
    /// Age at which the newest snapshot is replaced.
    pub every: Option<Duration>,
    /// Distance of a spot price from the newest snapshot's range of low to high price, in basis
    /// points of the nearer one, at which the snapshot is replaced.
    pub deviation: Option<u32>,
    /// Pause between two looks at L1.
    pub poll: Duration,
    /// Most wei that a snapshot may cost.
    pub max_fee: Option<u128>,
    /// Most wei that the account may spend in a day (UTC).
    pub daily: Option<u128>,
    /// File in which the day's spending is kept over restarts.
    pub state: Option<PathBuf>,
}

/// Outcome of one look at L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It took a snapshot.
    Taken,
    /// The newest snapshot is young enough and holds the spot prices, or it is less than a minute
    /// old, whoever took it.
    Fresh,
    /// No market has a price, so that a snapshot would be of no use.
    NoPrices,
    /// A snapshot costs more at present than the settings allow.
    TooDear {
        /// Expected wei.
        cost: u128,
    },
    /// The day's budget does not cover a further snapshot.
    BudgetSpent,
}

/// A keeper of one rollup.
pub struct Keeper {
    l1: Arc<dyn L1>,
    transport: Arc<dyn Transport>,
    account: Account,
    clock: Arc<dyn Clock>,
    settings: KeeperSettings,
    budget: Budget,
    /// Gas of the last snapshot.
    gas: u64,
    /// Balance at the last look.
    balance: Option<U256>,
}

impl Keeper {
    /// Makes a keeper that pays from `account`.
    ///
    /// # Errors
    /// If the settings name neither a schedule nor a deviation, or the state cannot be read.
    pub fn new(
        l1: Arc<dyn L1>,
        transport: Arc<dyn Transport>,
        account: Account,
        clock: Arc<dyn Clock>,
        settings: KeeperSettings,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!(
            settings.every.is_some() || settings.deviation.is_some(),
            "when shall snapshots be taken? Name --every, --deviation or both"
        );
        anyhow::ensure!(
            settings.every.is_none_or(|every| !every.is_zero()),
            "--every must be at least a second"
        );
        let budget = Budget::open(settings.daily, settings.state.clone())?;
        Ok(Self {
            l1,
            transport,
            account,
            clock,
            settings,
            budget,
            gas: GAS,
            balance: None,
        })
    }

    /// Works until it is dropped.
    pub async fn run(mut self) {
        let mut failures = 0u32;
        let mut last = None;
        loop {
            let pause = match self.turn().await {
                Ok(turn) => {
                    failures = 0;
                    report(turn, &mut last);
                    self.settings.poll
                }
                Err(error) => {
                    failures += 1;
                    metrics::failed();
                    tracing::warn!(failures, "no snapshot: {error:#}");
                    let factor = 2u32.saturating_pow(failures.min(16));
                    let pause = self.settings.poll.saturating_mul(factor);
                    pause.min(LONGEST_PAUSE.max(self.settings.poll))
                }
            };
            self.clock.sleep(pause).await;
        }
    }

    /// Looks at L1 and takes a snapshot if one is due.
    ///
    /// # Errors
    /// If L1 fails, or the day's spending cannot be stored: nothing is sent then.
    pub async fn turn(&mut self) -> anyhow::Result<Turn> {
        self.count_spending().await?;
        let rollup = self.l1.contracts().rollup;
        let now = current_prices(&*self.transport, rollup).await?;
        let newest = self.l1.snapshot().await?;
        let age = newest.map(|snapshot| now.time.saturating_sub(snapshot.time));
        metrics::age(age);
        if !self.is_due(&now, newest.as_ref()) {
            return Ok(Turn::Fresh);
        }
        if now.prices.iter().all(|price| *price == 0) {
            return Ok(Turn::NoPrices);
        }
        let cost = self
            .transport
            .gas_price()
            .await?
            .saturating_mul(self.gas.into());
        if self.settings.max_fee.is_some_and(|most| cost > most) {
            return Ok(Turn::TooDear { cost });
        }
        // Stored before it is sent: after a crash, the cost counts.
        if !self.budget.reserve(cost, self.clock.unix())? {
            metrics::exhausted(true);
            return Ok(Turn::BudgetSpent);
        }
        metrics::exhausted(false);
        let receipt = match self.l1.take_snapshot(&self.account).await {
            // Somebody else took one meanwhile.
            Err(L1Error::Rejected { reason, .. }) if reason == "SnapshotTooEarly" => {
                self.count_spending().await?;
                return Ok(Turn::Fresh);
            }
            taken => taken?,
        };
        // The next one may be over more markets.
        self.gas = receipt.gas_used + receipt.gas_used / 4;
        self.count_spending().await?;
        metrics::taken();
        Ok(Turn::Taken)
    }

    /// Whether a snapshot is due by age or by prices.
    fn is_due(&self, now: &CurrentPrices, newest: Option<&PriceSnapshot>) -> bool {
        let Some(newest) = newest else {
            return true;
        };
        let age = now.time.saturating_sub(newest.time);
        if age < INTERVAL {
            return false;
        }
        let age = Duration::from_secs(age);
        let old = self.settings.every.is_some_and(|every| age >= every);
        let moved = self.settings.deviation.is_some_and(|deviation| {
            now.markets != newest.markets || has_moved(&now.prices, &newest.prices, deviation)
        });
        old || moved
    }

    /// Counts the wei that the account lost since the last look.
    async fn count_spending(&mut self) -> anyhow::Result<()> {
        let balance = self.transport.ether(self.account.address()).await?;
        let lost = self
            .balance
            .map_or(U256::ZERO, |before| before.saturating_sub(balance));
        self.balance = Some(balance);
        let lost = u128::try_from(lost).unwrap_or(u128::MAX);
        self.budget.count(lost, self.clock.unix())?;
        metrics::money(balance, self.budget.spent());
        Ok(())
    }
}

/// Whether a spot price is outside of the range of its snapshot by at least `deviation` basis
/// points, or came or went.
fn has_moved(now: &[u128], before: &[Price], deviation: u32) -> bool {
    now.iter().zip(before).any(|(spot, Price { low, high })| {
        if (*spot == 0) != (*low == 0) {
            return true;
        }
        let (change, of) = if spot < low {
            (low - spot, *low)
        } else {
            (spot.saturating_sub(*high), *high)
        };
        // Prices are below 2¹²⁰: with 10⁴ the products stay below 2¹³⁴, and may not fit.
        let left = U256::from(change) * U256::from(WHOLE);
        change != 0 && left >= U256::from(of) * U256::from(deviation)
    })
}

/// Logs a turn: a snapshot always, anything else when it begins.
fn report(turn: Turn, last: &mut Option<Turn>) {
    let kind = |turn: Turn| std::mem::discriminant(&turn);
    let is_new = last.replace(turn).map(kind) != Some(kind(turn));
    match turn {
        Turn::Taken => tracing::info!("a price snapshot was taken"),
        _ if !is_new => {}
        Turn::Fresh => tracing::info!("the newest snapshot is fresh"),
        Turn::NoPrices => tracing::warn!(
            "no market has a price, so that no snapshot is taken: look at the price feeds"
        ),
        Turn::TooDear { cost } => tracing::warn!(
            cost,
            "a snapshot costs more than --max-fee allows: waiting for lower fees"
        ),
        Turn::BudgetSpent => tracing::warn!(
            "the day's budget is used up: NO SNAPSHOT is taken before the next day (UTC); raise \
             --daily-budget if loans need one"
        ),
    }
}

#[cfg(test)]
mod tests;
