//! Amounts that a borrower adds, repays or takes back, in base units.

use subrosa_protocol::market::{BASIS, Market};

/// Cushion in percent of the collateral, or of the debt, beyond the amount that a margin call asks
/// for, so that the next day does not bring the next call.
const CUSHION: u128 = 5;

/// Returns the value of the collateral that counts, divided by the debt.
pub(super) fn ratio(collateral: u128, price: u128, debt: u128, market: &Market) -> f64 {
    let counted = f64::from(BASIS - u32::from(market.haircut)) / f64::from(BASIS);
    collateral as f64 * (price as f64 / 1e18) * counted / debt as f64
}

/// Returns the amount to add to a collateral that lacks `required`.
pub(super) fn top_up(required: u128, collateral: u128) -> u128 {
    required + collateral * CUSHION / 100
}

/// Returns the amount to repay of a debt whose collateral counts for `ratio` debts.
pub(super) fn repayment(debt: u128, ratio: f64, market: &Market) -> u128 {
    let wanted = f64::from(market.initial) / f64::from(BASIS) * (1.0 + CUSHION as f64 / 100.0);
    (debt as f64 * (1.0 - ratio / wanted)).ceil().max(1.0) as u128
}

/// Returns the amount to take back if `releasable` may be released.
pub(super) const fn release(releasable: u128) -> u128 {
    releasable / 2
}
