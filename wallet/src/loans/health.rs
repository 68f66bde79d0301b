//! How well a loan is secured at the latest price.

use std::fmt;

use subrosa_protocol::loan::{covers, needed};

use super::{HeldLoan, StepContext};

/// Margins of an open loan. Its `Debug` form shows nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// When the price was taken, Unix seconds.
    pub time: u64,
    /// Base units of debt that 10¹⁸ base units of collateral are worth.
    pub price: u128,
    /// What the collateral counts for, in basis points of what is owed, rounded down.
    pub ratio: u32,
    /// Whether the initial margin covers what is owed.
    pub covered: bool,
    /// Whether the maintenance margin does not, or the loan is due.
    pub liquidatable: bool,
    /// The least collateral that a step has to add for the initial margin to cover the debt, base units. `None` if
    /// no amount would do.
    pub required_top_up: Option<u128>,
    /// The most collateral that a step may release, base units.
    pub releasable: u128,
}

impl Health {
    /// The margins of an open loan now; `None` without a price of its market.
    #[must_use]
    pub fn of(held: &HeldLoan, context: &StepContext<'_>) -> Option<Self> {
        if held.end.is_some() {
            return None;
        }
        let (loan, debt) = (&held.loan, &held.position.debt);
        let collateral = held.position.collateral;
        let (market, price, last) = context.price(loan).ok()?;
        let now = context.now.max(context.last);
        let owed = loan.owed(debt, now)?;
        let meets = |margin| covers(collateral, price, market.haircut, owed, margin);
        // What a step leaves is owed until it expires.
        let expiry = context.expiry.min(loan.maturity).min(last).max(now);
        let needed = needed(
            price,
            market.haircut,
            loan.owed(debt, expiry)?,
            market.initial,
        );
        let covered = meets(market.initial);
        Some(Self {
            time: context.snapshot?.time,
            price,
            ratio: largest(meets),
            covered,
            // At no price of before the loan.
            liquidatable: context.snapshot?.time >= loan.start
                && (!meets(market.maintenance) || context.now > loan.maturity),
            required_top_up: if covered {
                Some(0)
            } else {
                needed.map(|needed| needed.saturating_sub(collateral))
            },
            releasable: needed.map_or(0, |needed| collateral.saturating_sub(needed)),
        })
    }
}

/// The largest margin that is met: those that are, are all below those that are not.
fn largest(meets: impl Fn(u32) -> bool) -> u32 {
    let (mut met, mut missed) = (0u32, u32::MAX);
    while missed - met > 1 {
        let middle = met + (missed - met) / 2;
        if meets(middle) {
            met = middle;
        } else {
            missed = middle;
        }
    }
    met
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Health(..)")
    }
}
