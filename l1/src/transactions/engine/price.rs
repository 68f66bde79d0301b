//! Prices of first and of replacing variants.

use super::super::{Settings, node::Market, sign::Price};

/// Returns the price of a first variant: room for a base fee that doubles, below the cap.
pub(super) fn first(settings: &Settings, market: &Market) -> Price {
    let Some(base) = market.base_fee else {
        return Price { max_fee: 0, tip: 0 };
    };
    let cap = settings.max_fee_wei;
    let tip = market.tip.max(settings.min_tip_wei).min(cap);
    Price {
        max_fee: base.saturating_mul(2).saturating_add(tip).min(cap),
        tip,
    }
}

/// Whether the next block asks for more than the cap.
pub(super) fn exceeds_cap(settings: &Settings, market: &Market) -> bool {
    let Some(base) = market.base_fee else {
        return false;
    };
    let tip = market.tip.max(settings.min_tip_wei);
    base.saturating_add(tip) > settings.max_fee_wei
}

/// Returns the price of a variant that replaces all earlier ones, of which `highest` are the
/// highest fees; `None` if the cap leaves no room. Both fees rise, or the node refuses it.
pub(super) fn replacing(settings: &Settings, market: &Market, highest: Price) -> Option<Price> {
    let fresh = first(settings, market);
    let least = Price {
        max_fee: settings.raised(highest.max_fee),
        tip: settings.raised(highest.tip),
    };
    let cap = settings.max_fee_wei;
    let max_fee = fresh.max_fee.max(least.max_fee).min(cap);
    let tip = fresh.tip.max(least.tip).min(max_fee);
    (max_fee >= least.max_fee && tip >= least.tip).then_some(Price { max_fee, tip })
}
