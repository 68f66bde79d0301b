//! The price path: the value of each asset, day by day.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use subrosa_wallet::amount;

/// Decimals of a price in the file, and of the feeds that answer it.
pub(crate) const DECIMALS: u8 = 12;

/// Mood of the market on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Small moves.
    Calm,
    /// Moves that add up.
    Trend,
    /// Large moves in a day.
    Crash,
}

impl Phase {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Trend => "trend",
            Self::Crash => "crash",
        }
    }
}

/// One line of the file.
#[derive(Clone, Debug)]
pub(crate) struct Day {
    /// Its name, by which the loans refer to it.
    pub(super) label: String,
    pub(super) phase: Phase,
    /// Price by symbol: common units for one unit of the asset, with [`DECIMALS`] decimals.
    pub(crate) prices: BTreeMap<String, u128>,
}

/// Reads a file of days: `day`, `phase` and a column for each asset. Lines that begin with `#` are
/// remarks.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Day>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let assets: Vec<String> = match reader.headers()?.iter().collect::<Vec<_>>().as_slice() {
        ["day", "phase", assets @ ..] => assets.iter().map(ToString::to_string).collect(),
        _ => anyhow::bail!("prices: the columns are day, phase and the assets"),
    };
    let mut days: Vec<Day> = Vec::new();
    for row in reader.records() {
        let row = row.context("prices")?;
        let line = row.position().map_or(0, csv::Position::line);
        let (label, phase): (String, Phase) = row
            .iter()
            .take(2)
            .collect::<csv::StringRecord>()
            .deserialize(None)
            .with_context(|| format!("prices, line {line}"))?;
        let mut prices = BTreeMap::new();
        for (asset, price) in assets.iter().zip(row.iter().skip(2)) {
            let price = amount::parse(price, DECIMALS)
                .with_context(|| format!("prices, line {line}: {asset}"))?;
            prices.insert(asset.clone(), price);
        }
        ensure!(
            days.iter().all(|day| day.label != label),
            "prices, line {line}: {label} occurs twice"
        );
        days.push(Day {
            label,
            phase,
            prices,
        });
    }
    ensure!(!days.is_empty(), "there are no prices");
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PRICES;

    /// Returns the value of one unit of `asset` in `unit`, day by day.
    fn worth(days: &[Day], asset: &str, unit: &str) -> Vec<f64> {
        let price = |day: &Day| day.prices[asset] as f64 / day.prices[unit] as f64;
        days.iter().map(price).collect()
    }

    fn moves(days: &[Day], asset: &str, unit: &str) -> Vec<(Phase, f64)> {
        let worth = worth(days, asset, unit);
        let moves = worth.windows(2).map(|pair| pair[1] / pair[0] - 1.0);
        days[1..].iter().map(|day| day.phase).zip(moves).collect()
    }

    #[test]
    fn the_committed_path_is_calm_then_falls_then_crashes() {
        let days = parse(PRICES).unwrap();
        for phase in [Phase::Calm, Phase::Trend, Phase::Crash] {
            assert!(days.iter().filter(|d| d.phase == phase).count() >= 4);
        }
        let euro = moves(&days, "dEUR", "dUSD");
        let calm = |(phase, change): &(Phase, f64)| *phase != Phase::Calm || change.abs() < 0.005;
        assert!(euro.iter().all(calm));
        // The trend takes the euro down by more than 5 %, and no day of it by more than 2 %.
        let worth = worth(&days, "dEUR", "dUSD");
        let falling: Vec<usize> = (0..days.len())
            .take_while(|i| days[*i].phase != Phase::Crash)
            .filter(|i| days[*i].phase == Phase::Trend)
            .collect();
        let (first, last) = (falling[0], falling[falling.len() - 1]);
        assert!(worth[last] / worth[first - 1] < 0.95);
        assert!(falling.iter().all(|i| worth[*i] / worth[*i - 1] > 0.98));
    }

    #[test]
    fn the_committed_crash_has_a_gap() {
        let days = parse(PRICES).unwrap();
        let worst = moves(&days, "dEUR", "dJPY")
            .into_iter()
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let (phase, change) = worst.unwrap();
        assert_eq!(phase, Phase::Crash);
        // It takes a loan from its initial margin (104 %, of 99 % of the value) to below its debt.
        assert!(1.04 / 0.99 * (1.0 + change) < 1.0, "{change}");
    }

    #[test]
    fn a_malformed_path_is_refused() {
        let head = "# remark\nday,phase,dUSD\n";
        assert!(parse(&format!("{head}a,calm,1\nb,crash,0.5\n")).is_ok());
        assert!(parse(&format!("{head}a,calm,1\na,calm,1\n")).is_err());
        assert!(parse(&format!("{head}a,quiet,1\n")).is_err());
        assert!(parse(&format!("{head}a,calm,-1\n")).is_err());
        assert!(parse(&format!("{head}a,calm\n")).is_err());
        assert!(parse(head).is_err());
        assert!(parse("phase,day,dUSD\ncalm,a,1\n").is_err());
    }
}
