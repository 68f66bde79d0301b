//! Bodies of requests and answers about markets and loans.

pub(super) use subrosa_client::gateway::{
    CollateralRequest, LoanRequest, LoanView, MarketView, RepayRequest, RoleName,
};
use subrosa_client::gateway::{HealthView, PriceView};
use subrosa_protocol::market::Price;

use crate::{
    amount::format,
    loans::Health,
    service::{LoanLine, MarketLine, ShownAsset},
};

/// Decimals of a price's unit: 10¹⁸ base units of collateral.
const PRICE_DECIMALS: i32 = 18;

impl From<MarketLine> for MarketView {
    fn from(line: MarketLine) -> Self {
        let price = |price| show_prices(price, &line.collateral, &line.debt);
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

fn show_health(health: &Health, collateral: &ShownAsset, debt: &ShownAsset) -> HealthView {
    let units = |amount| format(amount, collateral.token.decimals);
    HealthView {
        time: health.time,
        price: show_prices(health.price, collateral, debt),
        ratio: format(health.ratio.into(), 4),
        covered: health.covered,
        margin_call: !health.covered,
        liquidatable: health.liquidatable,
        required_top_up: health.required_top_up.map(units),
        releasable: units(health.releasable),
    }
}

impl From<LoanLine> for LoanView {
    fn from(line: LoanLine) -> Self {
        let (collateral, debt) = (&line.collateral.asset, &line.debt.asset);
        let health = line.health.as_ref();
        let owed = line.owed.map(|owed| format(owed, debt.token.decimals));
        Self {
            id: line.id.to_string(),
            role: line.role.name().to_owned(),
            health: health.map(|health| show_health(health, collateral, debt)),
            owed,
            counterparty: line.counterparty,
            counterparty_address: line.counterparty_address,
            collateral: line.collateral.into(),
            debt: line.debt.into(),
            rate_ppm: line.loan.rate,
            start: line.loan.start,
            maturity: line.loan.maturity,
            market: line.loan.market,
            expiry: line.expiry,
            operation: line.operation,
            batch: line.batch,
            status: line.status.to_owned(),
            failure: line.failure.map(Into::into),
            created: line.created,
        }
    }
}

fn show_prices(price: Price, collateral: &ShownAsset, debt: &ShownAsset) -> PriceView {
    PriceView {
        low: show_price(price.low, collateral, debt),
        high: show_price(price.high, collateral, debt),
    }
}

/// Formats a price in display units, exactly.
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
