//! Events about changes, numbered from 1, so that a returning reader can continue where it stopped.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Id;

/// Events that are kept.
pub const KEPT_EVENTS: usize = 1_000;

/// Kind of object that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A request for quotes.
    Rfq,
    /// A quote.
    Quote,
    /// A swap.
    Swap,
    /// A loan, or a proposal of one.
    Loan,
}

impl Subject {
    /// Returns the name in the interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfq => "rfq",
            Self::Quote => "quote",
            Self::Swap => "swap",
            Self::Loan => "loan",
        }
    }
}

/// One change.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Number of the event.
    pub number: u64,
    /// Kind of the object.
    pub subject: Subject,
    /// Id of the object.
    pub id: Id,
    /// New status of the object.
    pub status: String,
    /// Time at which the wallet noticed the change, Unix seconds.
    pub time: u64,
    /// Collateral that would end a margin call, in display units, if any amount would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_top_up: Option<String>,
}

/// Leaves out the amount.
impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event")
            .field("number", &self.number)
            .field("subject", &self.subject)
            .field("id", &self.id)
            .field("status", &self.status)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// The last [`KEPT_EVENTS`] events.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Events {
    last: u64,
    kept: VecDeque<Event>,
}

impl Events {
    /// Returns the number of the newest event; 0 if there was none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Returns the kept events from a number on.
    #[must_use]
    pub fn from(&self, number: u64) -> Vec<Event> {
        let kept = self.kept.iter();
        kept.filter(|event| event.number >= number)
            .cloned()
            .collect()
    }

    /// Adds an event about a loan.
    pub(crate) fn tell(
        &mut self,
        id: Id,
        status: &str,
        time: u64,
        required_top_up: Option<String>,
    ) {
        self.push_with(Subject::Loan, id, status, time, required_top_up);
    }

    pub(super) fn push(&mut self, subject: Subject, id: Id, status: &str, time: u64) {
        self.push_with(subject, id, status, time, None);
    }

    fn push_with(
        &mut self,
        subject: Subject,
        id: Id,
        status: &str,
        time: u64,
        required_top_up: Option<String>,
    ) {
        self.last += 1;
        self.kept.push_back(Event {
            number: self.last,
            subject,
            id,
            status: status.to_owned(),
            time,
            required_top_up,
        });
        while self.kept.len() > KEPT_EVENTS {
            self.kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_and_the_oldest_go() {
        let mut events = Events::default();
        let id = Id::from_bytes([1; 16]).unwrap();
        for time in 0..KEPT_EVENTS as u64 + 7 {
            events.push(Subject::Swap, id, "offered", time);
        }
        let all = events.from(0);
        assert_eq!(all.len(), KEPT_EVENTS);
        assert_eq!((all[0].number, events.last()), (8, KEPT_EVENTS as u64 + 7));
        assert_eq!(events.from(events.last()).len(), 1);
        assert!(events.from(events.last() + 1).is_empty());
    }
}
