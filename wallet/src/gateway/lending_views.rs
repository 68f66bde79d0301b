//! Bodies of requests and answers about markets and loans.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    trading_views::{AmountRequest, AmountView, settle_within, valid_for},
    views::AssetView,
};
use crate::{
    amount::format,
    error::Failure,
    loans::Health,
    service::{LoanLine, MarketLine, ShownAsset},
};

/// Decimals of a price's unit: 10¹⁸ base units of collateral.
const PRICE_DECIMALS: i32 = 18;

/// A party of a loan.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoleName {
    /// Owes.
    Borrower,
    /// Is owed.
    Lender,
}

/// A firm proposal of a loan.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "role": "borrower", "with": "subdev1…",
    "collateral": { "asset": "dXAU", "amount": "4075" },
    "debt": { "asset": "dUSD", "amount": "10000000" },
    "rate_ppm": 52_500, "maturity": 1_807_776_000u64
}))]
pub(super) struct LoanRequest {
    /// What the institution is to be.
    pub(super) role: RoleName,
    /// The counterparty's address.
    pub(super) with: String,
    /// What secures.
    pub(super) collateral: AmountRequest,
    /// What is lent.
    pub(super) debt: AmountRequest,
    /// Simple interest, in millionths a year.
    pub(super) rate_ppm: u32,
    /// Last second at which the loan is not due, Unix time.
    pub(super) maturity: u64,
    /// The market's number; that of the two assets if absent.
    pub(super) market: Option<u8>,
    /// Seconds that it may be accepted.
    #[serde(default = "valid_for")]
    pub(super) valid_for: u64,
    /// Seconds that the opening may settle after that.
    #[serde(default = "settle_within")]
    pub(super) settle_within: u64,
}

/// Collateral that is added or released; one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "add": "12.5" }))]
pub(super) struct CollateralRequest {
    /// In display units, exact.
    pub(super) add: Option<String>,
    /// In display units, exact.
    pub(super) release: Option<String>,
}

/// A part of the debt that is paid.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RepayRequest {
    /// In display units, exact; less than is owed.
    #[schema(example = "2500000")]
    pub(super) amount: String,
}

/// A market; factors in basis points.
#[derive(Serialize, ToSchema)]
pub(super) struct MarketView {
    /// Its number.
    market: u8,
    /// What secures.
    collateral: AssetView,
    /// What is owed.
    debt: AssetView,
    /// What of the collateral's value does not count.
    haircut: u16,
    /// Margin on opening and releasing.
    initial: u32,
    /// Margin below which a lender may liquidate.
    maintenance: u32,
    /// What a liquidating lender takes above the debt.
    bonus: u16,
    /// How old a price may be, seconds.
    max_age: u32,
    /// Units of debt that a unit of collateral is worth, in display units; null if there is none.
    #[schema(example = "4116.25")]
    price: Option<String>,
    /// When the price was taken, Unix seconds.
    time: u64,
}

impl From<MarketLine> for MarketView {
    fn from(line: MarketLine) -> Self {
        let price = |price| show_price(price, &line.collateral, &line.debt);
        Self {
            market: line.id,
            haircut: line.market.haircut,
            initial: line.market.initial,
            maintenance: line.market.maintenance,
            bonus: line.market.bonus,
            max_age: line.market.max_age,
            price: line.price.map(price),
            time: line.time,
            collateral: line.collateral.into(),
            debt: line.debt.into(),
        }
    }
}

/// How well a loan is secured.
#[derive(Serialize, ToSchema)]
pub(super) struct HealthView {
    /// When the price was taken, Unix seconds.
    time: u64,
    /// Units of debt that a unit of collateral is worth, in display units.
    #[schema(example = "4116.25")]
    price: String,
    /// The collateral that counts, in debts, rounded down to four decimals.
    #[schema(example = "1.5314")]
    ratio: String,
    /// Whether the initial margin covers what is owed.
    covered: bool,
    /// The opposite.
    margin_call: bool,
    /// Below the maintenance margin, or after maturity.
    liquidatable: bool,
    /// The least collateral that makes it covered, in display units; null if none does.
    #[schema(example = "12.5")]
    required_top_up: Option<String>,
    /// The most collateral that may be released, in display units.
    #[schema(example = "0")]
    releasable: String,
}

impl HealthView {
    fn new(health: &Health, collateral: &ShownAsset, debt: &ShownAsset) -> Self {
        let units = |amount| format(amount, collateral.token.decimals);
        Self {
            time: health.time,
            price: show_price(health.price, collateral, debt),
            ratio: format(health.ratio.into(), 4),
            covered: health.covered,
            margin_call: !health.covered,
            liquidatable: health.liquidatable,
            required_top_up: health.required_top_up.map(units),
            releasable: units(health.releasable),
        }
    }
}

/// A loan, or a proposal of one.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "9f86d081884c7d659a2feaa0c55ad015", "role": "borrower", "counterparty": "subdev1…",
    "collateral": { "asset": { "id": 1, "symbol": "dXAU", "decimals": 18 }, "amount": "4075" },
    "debt": { "asset": { "id": 0, "symbol": "dUSD", "decimals": 6 }, "amount": "10000000" },
    "owed": "10001438.36", "rate_ppm": 52_500, "start": 1_800_000_000u64, "maturity": 1_807_776_000u64, "market": 0,
    "expiry": 1_800_000_660u64, "operation": null, "batch": 17,
    "health": {
        "time": 1_800_086_400u64, "price": "4116.25", "ratio": "1.5933", "covered": true, "margin_call": false,
        "liquidatable": false, "required_top_up": "0", "releasable": "238.1"
    },
    "status": "open", "failure": null, "created": 1_800_000_000u64
}))]
pub(super) struct LoanView {
    /// Ask again with this. Both parties have it, also after a restore.
    id: String,
    /// `borrower` or `lender`.
    role: &'static str,
    /// The other party's address.
    counterparty: String,
    /// What secures it now.
    collateral: AmountView,
    /// The principal.
    debt: AmountView,
    /// What is owed now, in display units of the debt; null before the opening.
    owed: Option<String>,
    /// Simple interest, in millionths a year.
    rate_ppm: u32,
    /// Second from which interest runs, Unix time.
    start: u64,
    /// Last second at which it is not due, Unix time.
    maturity: u64,
    /// The market's number.
    market: u8,
    /// Last second at which it may be opened, Unix time; null after a restore. Not final while it is prepared.
    expiry: Option<u64>,
    /// The operation of the step that is on its way; before the opening, of the institution's own leg.
    operation: Option<String>,
    /// The batch of the last step.
    batch: Option<u64>,
    /// Null without a price, or unless it is open.
    health: Option<HealthView>,
    /// `preparing`, `proposed`, `agreed`, `submitted`, `open`, `closed`, `liquidated`, `declined`, `cancelled`, `expired` or
    /// `failed`.
    status: &'static str,
    /// Why it was not opened.
    failure: Option<Failure>,
    /// Unix seconds.
    created: u64,
}

impl From<LoanLine> for LoanView {
    fn from(line: LoanLine) -> Self {
        let (collateral, debt) = (&line.collateral.asset, &line.debt.asset);
        let health = line.health.as_ref();
        let owed = line.owed.map(|owed| format(owed, debt.token.decimals));
        Self {
            id: line.id.to_string(),
            role: line.role.name(),
            health: health.map(|health| HealthView::new(health, collateral, debt)),
            owed,
            counterparty: line.counterparty,
            collateral: line.collateral.into(),
            debt: line.debt.into(),
            rate_ppm: line.loan.rate,
            start: line.loan.start,
            maturity: line.loan.maturity,
            market: line.loan.market,
            expiry: line.expiry,
            operation: line.operation,
            batch: line.batch,
            status: line.status,
            failure: line.failure,
            created: line.created,
        }
    }
}

/// A price in display units, exact.
fn show_price(price: u128, collateral: &ShownAsset, debt: &ShownAsset) -> String {
    let [of, in_] = [collateral, debt].map(|asset| i32::from(asset.token.decimals));
    let decimals = PRICE_DECIMALS + in_ - of;
    match u8::try_from(decimals) {
        Ok(decimals) => format(price, decimals),
        Err(_) => {
            let zeros = usize::try_from(-decimals).unwrap_or_default();
            format!("{price}{}", "0".repeat(zeros))
        }
    }
}

#[cfg(test)]
mod tests {
    use subrosa_l1::TokenMetadata;
    use subrosa_protocol::{asset::AssetId, market::PRICE_SCALE};

    use super::*;

    #[test]
    fn prices_are_in_display_units() {
        let asset = |decimals| ShownAsset {
            id: AssetId(0),
            token: TokenMetadata {
                symbol: "x".into(),
                decimals,
            },
        };
        let one = u128::from(PRICE_SCALE);
        // An ounce of 10¹⁸ units at 4,116.25 dollars of 10⁶.
        let price = show_price(4_116_250_000, &asset(18), &asset(6));
        assert_eq!(price, "4116.25");
        assert_eq!(show_price(one + one / 2, &asset(6), &asset(6)), "1.5");
        assert_eq!(show_price(3, &asset(24), &asset(6)), "3");
        assert_eq!(show_price(3, &asset(26), &asset(6)), "300");
        assert_eq!(show_price(1, &asset(0), &asset(18)), format(1, 36));
    }
}
