//! Loans: the parties, the terms, the borrower's behaviour, and the end that is expected.

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::path::Day;

/// Reaction of a borrower to a margin call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnCall {
    /// Adds the required collateral and a cushion.
    TopUp,
    /// Repays enough to make the loan covered, with a cushion.
    Repay,
    /// Does nothing.
    Ignore,
}

/// End of a loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum End {
    /// The borrower repaid and has the collateral back.
    Closed,
    /// Below the maintenance margin; the seized collateral is worth the debt.
    Liquidated,
    /// Below the maintenance margin; the seized collateral is worth less than the debt.
    Lost,
    /// Not repaid at maturity, and covered.
    Matured,
}

impl End {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Liquidated => "liquidated",
            Self::Lost => "liquidated at a loss",
            Self::Matured => "liquidated after maturity",
        }
    }
}

/// One line of the file. Days are days of the price path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoanLine {
    pub(super) lender: String,
    pub(super) borrower: String,
    /// Symbol of the collateral.
    pub(super) collateral: String,
    /// In display units.
    pub(super) collateral_amount: String,
    /// Symbol of the asset that is lent.
    pub(super) debt: String,
    /// In display units.
    pub(super) principal: String,
    /// Millionths a year.
    pub(super) rate_ppm: u32,
    /// Day on which it is agreed.
    pub(super) opens: String,
    /// Steps of the path from there to maturity, each of the least length.
    pub(super) term: u32,
    /// The borrower's reaction to margin calls.
    pub(super) on_call: OnCall,
    /// Day on which the borrower takes back half of the collateral that may be released, if any.
    pub(super) releases: Option<String>,
    /// Day on which the borrower repays a part without a call, if any.
    pub(super) repays: Option<String>,
    /// Amount of that repayment, in display units.
    pub(super) repayment: Option<String>,
    /// Day on which the borrower repays all, if any.
    pub(super) closes: Option<String>,
    /// Number of margin calls that there must be.
    pub(super) calls: usize,
    /// How it must end.
    pub(super) end: End,
}

/// Reads a file of loans on a price path.
pub(super) fn parse(text: &str, days: &[Day]) -> anyhow::Result<Vec<LoanLine>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut loans = Vec::new();
    for (line, row) in (2..).zip(reader.deserialize()) {
        let row: LoanLine = row.with_context(|| format!("loans, line {line}"))?;
        let index = |label: &str| {
            let found = days.iter().position(|day| day.label == label);
            found.with_context(|| format!("loans, line {line}: {label} is not a day of the path"))
        };
        let opens = index(&row.opens)?;
        for later in [&row.releases, &row.repays, &row.closes]
            .into_iter()
            .flatten()
        {
            ensure!(
                index(later)? > opens,
                "loans, line {line}: {later} is not after the opening"
            );
        }
        ensure!(
            row.repays.is_some() == row.repayment.is_some(),
            "loans, line {line}: a repayment has a day and an amount"
        );
        ensure!(
            row.closes.is_some() == (row.end == End::Closed),
            "loans, line {line}: a loan has a day of closing if and only if it ends closed"
        );
        loans.push(row);
    }
    ensure!(!loans.is_empty(), "there are no loans");
    Ok(loans)
}
