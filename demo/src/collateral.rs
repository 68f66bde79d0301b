//! The collateral scenario: a portfolio of secured loans on a path of prices, carried out through the wallets'
//! gateways.
//!
//! The services keep real time. A day of the path takes [`STEP`] at least, and longer where batches do; maturities are
//! as many steps of that length away; interest runs by the second, at rates that make it visible.

mod calls;
mod desk;
mod loans;
mod markets;
#[cfg(test)]
mod model;
mod outcome;
mod path;
mod sizing;

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use indicatif::MultiProgress;

use self::{
    desk::{Desk, Followed},
    loans::LoanLine,
};
pub(super) use self::{
    markets::MarketLine,
    outcome::{Outcome, check, figures, table},
    path::{DECIMALS as PRICE_DECIMALS, Day},
};
use super::world::World;
use subrosa_node::progress::counter;

/// The least length of a day of the path.
const STEP: Duration = Duration::from_secs(15);
/// The institutions whose wallets liquidate by themselves; the others are told to.
pub(super) const WATCHING: [&str; 2] = ["harbor", "summit"];

/// What is played.
pub(super) struct Portfolio {
    days: Vec<Day>,
    markets: Vec<MarketLine>,
    loans: Vec<LoanLine>,
}

impl Portfolio {
    /// Reads the three files.
    pub(super) fn parse(prices: &str, markets: &str, loans: &str) -> anyhow::Result<Self> {
        let days = path::parse(prices)?;
        Ok(Self {
            markets: markets::parse(markets)?,
            loans: loans::parse(loans, &days)?,
            days,
        })
    }
}

/// What the table of outcomes does not say of time.
pub(super) fn clock() -> String {
    format!(
        "days are days of the price path: each took {} seconds or what its batches did. Interest and maturities are in real \
         time, so that rates are high and terms are short",
        STEP.as_secs()
    )
}

/// Plays the path, and what the parties do on it, until every loan has ended.
pub(super) async fn carry_out(
    world: &World,
    portfolio: &Portfolio,
    bars: &MultiProgress,
) -> anyhow::Result<Vec<Outcome>> {
    let feeds = world
        .list_markets(&portfolio.markets, &portfolio.days[0])
        .await?;
    let desk = Desk::new(world, &portfolio.markets)?;
    let mut loans = (1..)
        .zip(&portfolio.loans)
        .map(|(number, line)| Followed::new(&desk, number, line))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let path = counter(bars, "days", portfolio.days.len() as u64);
    let ended = counter(bars, "loans ended", loans.len() as u64);
    for day in &portfolio.days {
        path.set_message(format!("days: {}, {}", day.label, day.phase.name()));
        let since = Instant::now();
        let snapshot = world.publish(&feeds, day).await?;
        desk.know(snapshot.time).await?;
        try_join_all(loans.iter_mut().map(|loan| loan.day(day, &snapshot))).await?;
        path.inc(1);
        ended.set_position(loans.iter().filter(|loan| loan.has_ended()).count() as u64);
        tokio::time::sleep(STEP.saturating_sub(since.elapsed())).await;
    }
    path.finish();
    // Loans that nobody repays end after their maturity, which may be after the last day.
    if let Some(day) = portfolio.days.last() {
        let snapshot = world.publish(&feeds, day).await?;
        try_join_all(loans.iter_mut().map(|loan| loan.mature(day, &snapshot))).await?;
    }
    ended.set_position(loans.len() as u64);
    ended.finish();
    loans.into_iter().map(Followed::outcome).collect()
}
