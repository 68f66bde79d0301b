//! Trades: who asks whom for what, and what becomes of it.

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// What the parties do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Course {
    /// A request, a quote, an acceptance.
    Settle,
    /// The quoter offers unasked, and the requester accepts.
    Firm,
    /// Two quotes to one request, and the requester, who has notes for one only, accepts both at once.
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

/// Which amount a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fixed {
    /// That of what the requester gives.
    Give,
    /// That of what the requester wants.
    Want,
}

/// One line of the file, from the requester's side.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trade {
    /// Who asks.
    pub(super) requester: String,
    /// Who answers.
    pub(super) quoter: String,
    /// Who answers as well, in a race.
    pub(super) rival: String,
    /// Symbol of what the requester gives.
    pub(super) give: String,
    /// How much, in display units.
    pub(super) give_amount: String,
    /// Symbol of what the requester wants.
    pub(super) want: String,
    /// How much, in display units.
    pub(super) want_amount: String,
    /// Which of the amounts the request names.
    pub(super) fixed: Fixed,
    /// What becomes of it.
    pub(super) course: Course,
}

/// Reads a file of trades.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Trade>> {
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
        let trades = parse(crate::demo::TRADES).unwrap();
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
