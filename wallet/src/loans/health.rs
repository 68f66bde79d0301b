//! Margins of a loan at the latest price.

use std::fmt;

use subrosa_protocol::{
    loan::{CURE, covers, needed},
    market::Price,
};

use super::{HeldLoan, StepContext};

/// Margins of an open loan. Its `Debug` form shows nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Time of the price, Unix seconds.
    pub time: u64,
    /// Base units of debt that 10¹⁸ base units of collateral are worth.
    pub price: Price,
    /// Value of the collateral at the low price, after the haircut, in basis points of the debt,
    /// rounded down.
    pub ratio: u32,
    /// Whether the initial margin covers the debt at the low price.
    pub covered: bool,
    /// Whether the lender may liquidate: the maintenance margin is missed at the high price, or the
    /// loan has been due for a day, and no stop of seizures holds.
    pub liquidatable: bool,
    /// Least collateral to add for the initial margin to cover the debt when the step expires, base
    /// units. `None` if no amount suffices.
    pub required_top_up: Option<u128>,
    /// Most collateral that a step may release, base units.
    pub releasable: u128,
}

impl Health {
    /// Returns the margins of an open loan now. `None` without a price of its market.
    #[must_use]
    pub fn of(held: &HeldLoan, context: &StepContext<'_>) -> Option<Self> {
        if held.end.is_some() {
            return None;
        }
        let (loan, debt) = (&held.loan, &held.position.debt);
        let collateral = held.position.collateral;
        let (market, price, last) = context.price(loan).ok()?;
        let now = context.now.max(context.last);
        let begins = context.usual.not_before;
        let owed = loan.owed(debt, now)?;
        let meets = |price, debt, margin| covers(collateral, price, market.haircut, debt, margin);
        let maintained = meets(price.high, loan.claimed(debt, now)?, market.maintenance);
        // The initial margin must cover the debt until the step expires.
        let expiry = context.until(loan.maturity.min(last)).max(now);
        let needed = needed(
            price.low,
            market.haircut,
            loan.owed(debt, expiry)?,
            market.initial,
        );
        let covered = meets(price.low, owed, market.initial);
        Some(Self {
            time: context.snapshot?.time,
            price,
            ratio: largest(|margin| meets(price.low, owed, margin)),
            covered,
            // A price older than the loan's start cannot be used.
            liquidatable: context.snapshot?.time >= loan.start
                && !context.is_stopped(loan)
                && (!maintained || begins > loan.maturity.saturating_add(CURE)),
            required_top_up: if covered {
                Some(0)
            } else {
                needed.map(|needed| needed.saturating_sub(collateral))
            },
            releasable: needed.map_or(0, |needed| collateral.saturating_sub(needed)),
        })
    }
}

/// Returns the largest margin that is met. `meets` must be monotone: true up to some margin and
/// false above it.
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
