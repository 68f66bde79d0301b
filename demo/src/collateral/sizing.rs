//! How much a borrower of the demonstration adds, repays or takes back, in base units.

use subrosa_protocol::market::{BASIS, Market};

/// Percent of the collateral, or of the debt, beyond what a margin call asks for: who meets one does not want the
/// next one tomorrow.
const CUSHION: u128 = 5;

/// Collateral that counts, in debts.
pub(super) fn ratio(collateral: u128, price: u128, debt: u128, market: &Market) -> f64 {
    let counted = f64::from(BASIS - u32::from(market.haircut)) / f64::from(BASIS);
    collateral as f64 * (price as f64 / 1e18) * counted / debt as f64
}

/// What is added to a collateral that lacks `required`.
pub(super) fn top_up(required: u128, collateral: u128) -> u128 {
    required + collateral * CUSHION / 100
}

/// What is repaid of a debt whose collateral counts for `ratio` debts.
pub(super) fn repayment(debt: u128, ratio: f64, market: &Market) -> u128 {
    let wanted = f64::from(market.initial) / f64::from(BASIS) * (1.0 + CUSHION as f64 / 100.0);
    (debt as f64 * (1.0 - ratio / wanted)).ceil().max(1.0) as u128
}

/// What is taken back where all of `releasable` may be.
pub(super) const fn release(releasable: u128) -> u128 {
    releasable / 2
}
