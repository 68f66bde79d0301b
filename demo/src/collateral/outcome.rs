//! Outcomes of the loans, and their comparison with the file.

use std::collections::BTreeMap;

use anyhow::ensure;
use comfy_table::Table;
use serde_json::{Value, json};
use subrosa_client::gateway::AssetView;
use subrosa_wallet::amount::format;

use super::loans::{End, LoanLine};
use crate::summary::aligned;

/// Events of a loan, amounts in base units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Margin calls.
    pub(super) calls: usize,
    /// Margin calls that the borrower met.
    pub(super) met: usize,
    /// Collateral that was added.
    pub(super) added: u128,
    /// Collateral that was released.
    pub(super) released: u128,
    /// Debt that was repaid before the end.
    pub(super) repaid: u128,
    /// Debt beyond the value of the seized collateral.
    pub(super) loss: u128,
}

/// Loan and its end.
pub(crate) struct Outcome {
    pub(super) line: LoanLine,
    pub(super) collateral: AssetView,
    pub(super) debt: AssetView,
    pub(super) sums: Sums,
    pub(super) end: End,
    /// The day on which it ended.
    pub(super) day: String,
}

/// Shows every loan and its end.
pub(crate) fn table(outcomes: &[Outcome]) -> Table {
    let header = [
        "lender",
        "borrower",
        "principal",
        "collateral",
        "opened",
        "calls met",
        "added",
        "released",
        "repaid",
        "ended",
        "lender's loss",
    ];
    let rows = outcomes.iter().map(|outcome| {
        let Outcome {
            line,
            sums,
            collateral,
            debt,
            ..
        } = outcome;
        let show = |units: u128, asset: &AssetView| match units {
            0 => String::new(),
            _ => format!("{} {}", format(units, asset.decimals), asset.symbol),
        };
        vec![
            line.lender.clone(),
            line.borrower.clone(),
            format!("{} {}", line.principal, line.debt),
            format!("{} {}", line.collateral_amount, line.collateral),
            line.opens.clone(),
            format!("{} of {}", sums.met, sums.calls),
            show(sums.added, collateral),
            show(sums.released, collateral),
            show(sums.repaid, debt),
            format!("{}: {}", outcome.day, outcome.end.name()),
            show(sums.loss, debt),
        ]
    });
    aligned(&header, &[2, 3, 6, 7, 8, 10], rows.collect())
}

/// Returns the figures of loans for the line of JSON.
pub(crate) fn figures(outcomes: &[Outcome]) -> Value {
    let count = |what: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|o| what(o)).count();
    let sum = |what: &dyn Fn(&Sums) -> usize| outcomes.iter().map(|o| what(&o.sums)).sum::<usize>();
    let mut losses: BTreeMap<&str, (u128, u8)> = BTreeMap::new();
    for Outcome { debt, sums, .. } in outcomes {
        let entry = losses.entry(&debt.symbol).or_insert((0, debt.decimals));
        entry.0 += sums.loss;
    }
    let losses: BTreeMap<&str, String> = losses
        .into_iter()
        .map(|(symbol, (loss, decimals))| (symbol, format(loss, decimals)))
        .collect();
    json!({
        "loans": outcomes.len(),
        "loans_closed": count(&|o| o.end == End::Closed),
        "loans_matured": count(&|o| o.end == End::Matured),
        "margin_calls": sum(&|s| s.calls),
        "margin_calls_met": sum(&|s| s.met),
        "releases": count(&|o| o.sums.released > 0),
        "repayments": count(&|o| o.sums.repaid > 0),
        "liquidations": count(&|o| o.end != End::Closed),
        "lender_losses": losses,
    })
}

/// Checks that every loan had the margin calls and the end that the file names.
pub(crate) fn check(outcomes: &[Outcome]) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for (
        number,
        Outcome {
            line, sums, end, ..
        },
    ) in (1..).zip(outcomes)
    {
        if *end != line.end {
            wrong.push(format!(
                "loan {number} was {}, not {}",
                end.name(),
                line.end.name()
            ));
        }
        if sums.calls != line.calls {
            wrong.push(format!(
                "loan {number} was called {} times, not {}",
                sums.calls, line.calls
            ));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collateral::{Portfolio, loans::OnCall};
    use crate::{LOANS, MARKETS, PRICES};

    /// Returns the committed loans, each with the end that the file names, and a loss of 1,500 base
    /// units where there is a loss.
    fn as_the_file_says() -> Vec<Outcome> {
        let portfolio = Portfolio::parse(PRICES, MARKETS, LOANS).unwrap();
        let asset = |symbol: &str, decimals| AssetView {
            id: 0,
            symbol: symbol.to_owned(),
            decimals,
        };
        let outcome = |line: &LoanLine| Outcome {
            collateral: asset(&line.collateral, 6),
            debt: asset(&line.debt, if line.debt == "dUSD" { 6 } else { 0 }),
            sums: Sums {
                calls: line.calls,
                met: if line.on_call == OnCall::Ignore {
                    0
                } else {
                    line.calls
                },
                loss: if line.end == End::Lost { 1_500 } else { 0 },
                ..Sums::default()
            },
            end: line.end,
            day: line.opens.clone(),
            line: line.clone(),
        };
        portfolio.loans.iter().map(outcome).collect()
    }

    #[test]
    fn the_figures_are_those_of_the_outcomes() {
        let figures = figures(&as_the_file_says());
        assert_eq!(figures["loans"], 15);
        assert_eq!(figures["liquidations"], 7);
        assert_eq!(figures["lender_losses"]["dJPY"], "3000");
        assert_eq!(figures["lender_losses"]["dUSD"], "0");
        assert_eq!(figures["loans_closed"], 8);
    }

    #[test]
    fn another_outcome_fails() {
        let mut outcomes = as_the_file_says();
        assert!(check(&outcomes).is_ok());
        outcomes[3].sums.calls += 1;
        outcomes[4].end = End::Liquidated;
        let wrong = check(&outcomes).unwrap_err().to_string();
        assert!(
            wrong.contains("loan 4") && wrong.contains("loan 5"),
            "{wrong}"
        );
    }
}
