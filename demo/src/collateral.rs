//! The collateral scenario: a portfolio of secured loans on a path of prices, carried out through
//! the wallets' gateways.
//!
//! The services keep virtual time. A day of the path takes at least [`STEP`] of it, and longer if
//! its batches do. Maturities are whole steps away. Interest runs by the second, at rates that make
//! it visible.

mod calls;
mod desk;
mod loans;
mod markets;
#[cfg(test)]
mod model;
mod outcome;
mod path;
mod sizing;

use std::time::Duration;

use futures::future::try_join_all;
use subrosa_protocol::loan::CURE;

use self::{
    desk::{Desk, Followed},
    loans::LoanLine,
};
pub(crate) use self::{
    markets::MarketLine,
    outcome::{Outcome, check, figures, table},
    path::{DECIMALS as PRICE_DECIMALS, Day},
};
use crate::{progress::Bars, world::World};

/// Least length of a day of the path.
const STEP: Duration = Duration::from_secs(25 * 60);
/// Institutions whose wallets liquidate by themselves. The others are told to.
pub(crate) const WATCHING: [&str; 2] = ["harbor", "summit"];

/// Prices, markets and loans of a scenario.
pub(crate) struct Portfolio {
    days: Vec<Day>,
    markets: Vec<MarketLine>,
    loans: Vec<LoanLine>,
}

impl Portfolio {
    /// Reads the three files.
    pub(crate) fn parse(prices: &str, markets: &str, loans: &str) -> anyhow::Result<Self> {
        let days = path::parse(prices)?;
        Ok(Self {
            markets: markets::parse(markets)?,
            loans: loans::parse(loans, &days)?,
            days,
        })
    }
}

/// Explains the time of the table of outcomes.
pub(crate) fn explain_time() -> String {
    format!(
        "days are days of the price path: each took {} minutes of virtual time or as long as its \
         batches, so terms are short",
        STEP.as_secs() / 60
    )
}

/// Plays the path, and what the parties do on it, until every loan has ended.
pub(crate) async fn carry_out(
    world: &World,
    portfolio: &Portfolio,
    bars: &Bars,
) -> anyhow::Result<Vec<Outcome>> {
    let feeds = world
        .list_markets(&portfolio.markets, &portfolio.days[0])
        .await?;
    let clock = world.time().clock();
    let desk = Desk::new(world, &portfolio.markets)?;
    let mut loans = (1..)
        .zip(&portfolio.loans)
        .map(|(number, line)| Followed::new(&desk, number, line))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let path = bars.counter("days", portfolio.days.len() as u64);
    let ended = bars.counter("loans ended", loans.len() as u64);
    for day in &portfolio.days {
        path.set_message(format!("days: {}, {}", day.label, day.phase.name()));
        let begun = clock.now();
        let snapshot = world.publish(&feeds, day).await?;
        desk.know(snapshot.time).await?;
        try_join_all(loans.iter_mut().map(|loan| loan.day(day, &snapshot))).await?;
        path.inc();
        ended.set_position(loans.iter().filter(|loan| loan.has_ended()).count() as u64);
        world.settle_all().await?;
        let left = (begun + STEP).saturating_sub(clock.now());
        world.time().pass(left);
    }
    path.finish();
    // Loans that nobody repays end a day after their maturity.
    let due = loans.iter().filter_map(Followed::due).max();
    if let (Some(day), Some(due)) = (portfolio.days.last(), due) {
        let left = (due + CURE + 1).saturating_sub(clock.unix());
        world.settle_all().await?;
        world.time().pass(Duration::from_secs(left));
        let snapshot = world.publish(&feeds, day).await?;
        try_join_all(loans.iter_mut().map(|loan| loan.day(day, &snapshot))).await?;
    }
    ended.set_position(loans.len() as u64);
    ended.finish();
    loans.into_iter().map(Followed::outcome).collect()
}
