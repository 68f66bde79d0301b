//! Markets: the margins that a loan must keep.

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use subrosa_protocol::market::{MARKETS, Market};

/// One line of the file; the first is market 0. Factors are in basis points.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarketLine {
    /// Symbol of the collateral.
    pub(crate) collateral: String,
    /// Symbol of the asset that is owed.
    pub(crate) debt: String,
    haircut: u16,
    initial: u32,
    maintenance: u32,
    bonus: u16,
    /// Seconds.
    max_age: u32,
}

impl MarketLine {
    /// Returns the market. `id` gives the asset id of a symbol.
    pub(crate) fn market(
        &self,
        id: impl Fn(&str) -> anyhow::Result<u16>,
    ) -> anyhow::Result<Market> {
        let asset = |symbol: &str| id(symbol).map(subrosa_protocol::asset::AssetId);
        let market = Market {
            collateral: asset(&self.collateral)?,
            debt: asset(&self.debt)?,
            haircut: self.haircut,
            initial: self.initial,
            maintenance: self.maintenance,
            bonus: self.bonus,
            max_age: self.max_age,
        };
        market.check()?;
        Ok(market)
    }
}

/// Reads a file of markets.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<MarketLine>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut markets: Vec<MarketLine> = Vec::new();
    for (line, row) in (2..).zip(reader.deserialize()) {
        let row: MarketLine = row.with_context(|| format!("markets, line {line}"))?;
        ensure!(
            markets
                .iter()
                .all(|m| (&m.collateral, &m.debt) != (&row.collateral, &row.debt)),
            "markets, line {line}: these assets have a market already"
        );
        markets.push(row);
    }
    ensure!(
        (1..=MARKETS).contains(&markets.len()),
        "there are {} markets, not 1 to {MARKETS}",
        markets.len()
    );
    Ok(markets)
}
