//! Trades: the parties, the amounts, and the course that the negotiation takes.

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// Course of a negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Course {
    /// A request, a quote, an acceptance.
    Settle,
    /// The quoter offers unasked, and the requester accepts.
    Firm,
    /// Two quotes answer one request. The requester has notes for one, and accepts both at once.
    Race,
    /// The requester declines the quote.
    Decline,
    /// The quoter declines the request.
    Refuse,
    /// The quoter withdraws the quote before it is accepted.
    Cancel,
    /// The quoter withdraws the quote while the acceptance is under way.
    Cross,
    /// Nobody answers the quote.
    Lapse,
}

/// Side of the request whose amount is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fixed {
    /// The amount that the requester gives.
    Give,
    /// The amount that the requester wants.
    Want,
}

/// One line of the file, from the requester's side.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trade {
    /// Institution that requests a quote.
    pub(crate) requester: String,
    /// Institution that quotes.
    pub(crate) quoter: String,
    /// Second institution that quotes, in a race.
    pub(crate) rival: String,
    /// Symbol of the asset that the requester gives.
    pub(crate) give: String,
    /// Its amount, in display units.
    pub(crate) give_amount: String,
    /// Symbol of the asset that the requester wants.
    pub(crate) want: String,
    /// Its amount, in display units.
    pub(crate) want_amount: String,
    /// Side of the request whose amount is fixed.
    pub(crate) fixed: Fixed,
    /// Course of the negotiation.
    pub(crate) course: Course,
}

impl Trade {
    /// Describes the trade in a few words.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{} gives {} {} to {} for {} {}",
            self.requester, self.give_amount, self.give, self.quoter, self.want_amount, self.want
        )
    }
}

/// Reads a file of trades.
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<Trade>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut trades = Vec::new();
    for (line, row) in (2..).zip(reader.deserialize()) {
        let row: Trade = row.with_context(|| format!("trades, line {line}"))?;
        ensure!(
            row.rival.is_empty() != (row.course == Course::Race),
            "trades, line {line}: a race, and nothing else, has a rival"
        );
        trades.push(row);
    }
    ensure!(!trades.is_empty(), "there are no trades");
    Ok(trades)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_trades_are_of_every_course() {
        let trades = parse(crate::TRADES).unwrap();
        let of = |course| trades.iter().filter(|t| t.course == course).count();
        assert!(of(Course::Settle) + of(Course::Firm) >= 20);
        for course in [
            Course::Race,
            Course::Decline,
            Course::Refuse,
            Course::Cancel,
            Course::Cross,
            Course::Lapse,
        ] {
            assert!(of(course) > 0, "{course:?}");
        }
    }

    #[test]
    fn a_rival_belongs_to_a_race() {
        let head = "requester,quoter,rival,give,give_amount,want,want_amount,fixed,course\n";
        assert!(parse(&format!("{head}a,b,c,x,1,y,1,give,settle\n")).is_err());
        assert!(parse(&format!("{head}a,b,,x,1,y,1,give,race\n")).is_err());
        assert!(parse(&format!("{head}a,b,c,x,1,y,1,give,race\n")).is_ok());
        assert!(parse(head).is_err());
    }
}
