//! Loans: who lends whom what against what, how the borrower behaves, and how it must end.

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::path::Day;

/// What a borrower does on a margin call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnCall {
    /// Adds what is required and a cushion.
    TopUp,
    /// Repays as much as makes it covered with a cushion.
    Repay,
    /// Nothing.
    Ignore,
}

/// How a loan ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum End {
    /// The borrower repaid and has the collateral back.
    Closed,
    /// Below the maintenance margin; what was seized is worth the debt.
    Liquidated,
    /// Below the maintenance margin; what was seized is worth less than the debt.
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

/// One line of the file. Days are those of the price path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoanLine {
    pub(super) lender: String,
    pub(super) borrower: String,
    /// Symbol of what secures.
    pub(super) collateral: String,
    /// In display units.
    pub(super) collateral_amount: String,
    /// Symbol of what is lent.
    pub(super) debt: String,
    /// In display units.
    pub(super) principal: String,
    /// Millionths a year.
    pub(super) rate_ppm: u32,
    /// Day on which it is agreed.
    pub(super) opens: String,
    /// Steps of the path from there to maturity, each of the least length.
    pub(super) term: u32,
    /// What the borrower does on margin calls.
    pub(super) on_call: OnCall,
    /// Day on which the borrower takes back half of what may be released, if any.
    pub(super) releases: Option<String>,
    /// Day on which the borrower repays a part uncalled, if any.
    pub(super) repays: Option<String>,
    /// How much then, in display units.
    pub(super) repayment: Option<String>,
    /// Day on which the borrower repays all, if any.
    pub(super) closes: Option<String>,
    /// How many margin calls there must be.
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
            found.with_context(|| format!("loans, line {line}: {label} is no day of the path"))
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
            "loans, line {line}: who closes on a day ends so, and nobody else"
        );
        loans.push(row);
    }
    ensure!(!loans.is_empty(), "there are no loans");
    Ok(loans)
}
