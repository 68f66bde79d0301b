//! Exact arithmetic of interest, cover and seizure (spec: *Collateral*, Arithmetic).

use ruint::aliases::U512;

use crate::market::{BASIS, PRICE_SCALE};

/// Denominator of a rate: a million times the seconds of a year of 365 days.
pub const RATE_PERIOD: u64 = 1_000_000 * 365 * 24 * 60 * 60;

/// Reciprocal of the smallest fraction of collateral or debt by which a step improves a position.
pub const IMPROVEMENT: u128 = 256;

/// Most seconds by which an origination's price is older than its expiry: 15 minutes.
pub const OPENING_AGE: u64 = 15 * 60;

/// Seconds after maturity in which a healthy position is not yet liquidated: a day.
pub const CURE: u64 = 24 * 60 * 60;

/// log₂ of the seconds after the cure period in which a liquidator's bonus rises to the market's:
/// some six days.
pub const RAMP_BITS: u32 = 19;

/// Seconds after maturity from which a lender may take all of a collateral that has no price: 90
/// days.
pub const LAPSE: u64 = 90 * 24 * 60 * 60;

/// Most seconds by which the snapshot that shows the lack of a price is older than the expiry.
pub const LAPSE_AGE: u64 = 24 * 60 * 60;

fn wide(value: impl TryInto<U512>) -> U512 {
    value
        .try_into()
        .unwrap_or_else(|_| unreachable!("no integer is wider than 512 bits"))
}

/// Direction in which interest is rounded to whole base units: to the disadvantage of whoever acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// In the borrower's steps.
    Up,
    /// In the lender's steps.
    Down,
}

/// Returns the interest debt·rate·elapsed / (10⁶·31,536,000), elapsed in seconds. `None` from 2¹²⁸
/// up.
#[must_use]
pub fn interest(debt: u128, rate: u32, elapsed: u64, rounding: Rounding) -> Option<u128> {
    let due = wide(debt) * wide(rate) * wide(elapsed);
    let interest = match rounding {
        Rounding::Up => due.div_ceil(wide(RATE_PERIOD)),
        Rounding::Down => due / wide(RATE_PERIOD),
    };
    interest.try_into().ok()
}

/// Returns the debt at `to` of a debt accrued to `from`, with the interest of the time between if
/// `to` is later. `None` from 2¹²⁸ up.
#[must_use]
pub fn accrue(debt: u128, rate: u32, [from, to]: [u64; 2], rounding: Rounding) -> Option<u128> {
    debt.checked_add(interest(debt, rate, to.saturating_sub(from), rounding)?)
}

/// Whether collateral covers a debt: collateral·price·(10⁴ − haircut) ≥ margin·debt·10¹⁸. Haircut
/// and margin are in basis points.
#[must_use]
pub fn covers(collateral: u128, price: u128, haircut: u16, debt: u128, margin: u32) -> bool {
    let counted = wide(BASIS.saturating_sub(haircut.into()));
    wide(collateral) * wide(price) * counted >= wide(margin) * wide(debt) * wide(PRICE_SCALE)
}

/// Returns the smallest collateral that covers a debt. `None` if no collateral below 2¹²⁸ does.
#[must_use]
pub fn needed(price: u128, haircut: u16, debt: u128, margin: u32) -> Option<u128> {
    if debt == 0 {
        return Some(0);
    }
    let counted = wide(price) * wide(BASIS.saturating_sub(haircut.into()));
    if counted.is_zero() {
        return None;
    }
    let required = wide(margin) * wide(debt) * wide(PRICE_SCALE);
    required.div_ceil(counted).try_into().ok()
}

/// Returns the bonus of a liquidation for the time alone: it rises from 0 at the end of the cure
/// period to the market's `bonus`, rounded down. `now` is in the same seconds as the maturity.
/// `None` until the cure period is over.
#[must_use]
pub fn overdue_bonus(bonus: u16, maturity: u64, now: u64) -> Option<u16> {
    let begin = maturity.saturating_add(CURE).saturating_add(1);
    let passed = now.checked_sub(begin)?.min(1 << RAMP_BITS);
    Some(((u64::from(bonus) * passed) >> RAMP_BITS) as u16)
}

/// Returns debt·(10⁴ + bonus)·10¹⁸ and price·10⁴: the lender's claim, and the share of it that one
/// unit of collateral pays.
fn claim(price: u128, debt: u128, bonus: u16) -> [U512; 2] {
    [
        wide(debt) * wide(BASIS + u32::from(bonus)) * wide(PRICE_SCALE),
        wide(price) * wide(BASIS),
    ]
}

/// Whether a lender may seize this amount to clear a debt: seized·price·10⁴ ≤ debt·(10⁴ +
/// bonus)·10¹⁸. Rounding is against the lender, who acts.
#[must_use]
pub fn seizable(seized: u128, price: u128, debt: u128, bonus: u16) -> bool {
    let [claim, unit] = claim(price, debt, bonus);
    wide(seized) * unit <= claim
}

/// Returns the largest [`seizable`] amount of a collateral. Returns 0 if the price is 0.
#[must_use]
pub fn most_seizable(collateral: u128, price: u128, debt: u128, bonus: u16) -> u128 {
    let [claim, unit] = claim(price, debt, bonus);
    if unit.is_zero() {
        return 0;
    }
    let most: u128 = (claim / unit).try_into().unwrap_or(u128::MAX);
    most.min(collateral)
}

/// Whether a liquidation clears enough of what is owed: at least one part in [`IMPROVEMENT`].
#[must_use]
pub fn clears(owed: u128, left: u128) -> bool {
    owed.checked_sub(left)
        .is_some_and(|cleared| wide(cleared) * wide(IMPROVEMENT) >= wide(owed))
}

/// Whether a step makes a position less risky at every price: no collateral leaves, and the added
/// collateral or the repayment is at least one part in [`IMPROVEMENT`]. `debt` is the debt before
/// the repayment.
#[must_use]
pub fn improves(collateral: [u128; 2], debt: u128, repaid: u128) -> bool {
    let [before, after] = collateral;
    let large = |part: u128, whole: u128| wide(part) * wide(IMPROVEMENT) >= wide(whole);
    after
        .checked_sub(before)
        .is_some_and(|added| large(added, before) || large(repaid, debt))
}
