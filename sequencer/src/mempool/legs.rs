//! The lone legs: bounded, found by their seat and by their expiry.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use subrosa_protocol::swap::Side;

use crate::store::tables::TransactionRecord;
use crate::submission::ParsedSubmission;
use crate::wire::{Word, word};

/// The digest of a swap's terms and a side: what a leg and its counterpart know each other by.
pub(super) type Seat = (Word, Side);

/// The seat of a leg; nothing for other transactions.
pub(super) fn seat(submission: &ParsedSubmission) -> Option<Seat> {
    let transaction = &submission.transaction;
    let side = transaction.header.kind.side()?;
    Some((word(&transaction.terms), side))
}

/// A lone leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) submission: Arc<ParsedSubmission>,
    /// Whether it is on disk.
    pub(super) stored: bool,
    /// Its fate, if it is on its way out. It is still here, since what takes its nullifiers before it
    /// is gone from the disk has to remove it there itself, with this fate.
    pub(super) verdict: Option<TransactionRecord>,
}

/// All lone legs by sequence number.
#[derive(Debug)]
pub(super) struct Legs {
    capacity: usize,
    held: BTreeMap<u64, Leg>,
    /// Those without a verdict.
    seats: HashMap<Seat, BTreeSet<u64>>,
    /// Those without a verdict: expiry and sequence number.
    expiries: BTreeSet<(u64, u64)>,
}

impl Legs {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            held: BTreeMap::new(),
            seats: HashMap::new(),
            expiries: BTreeSet::new(),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Leg> {
        self.held.get(&sequence)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Leg)> {
        self.held.iter().map(|(sequence, leg)| (*sequence, leg))
    }

    /// Those that wait in a seat, first come first.
    pub(super) fn waiting<'a>(&'a self, seat: &Seat) -> impl Iterator<Item = u64> + use<'a> {
        self.seats.get(seat).into_iter().flatten().copied()
    }

    /// The earliest expiry.
    pub(super) fn earliest(&self) -> Option<u64> {
        self.expiries.first().map(|(expiry, _)| *expiry)
    }

    /// Expiry and sequence number of those without a verdict: the one that ends last first, of several
    /// the last to come.
    pub(super) fn latest_first(&self) -> impl Iterator<Item = (u64, u64)> {
        self.expiries.iter().rev().copied()
    }

    pub(super) fn insert(
        &mut self,
        sequence: u64,
        submission: Arc<ParsedSubmission>,
        stored: bool,
    ) {
        if let Some(seat) = seat(&submission) {
            self.seats.entry(seat).or_default().insert(sequence);
        }
        self.expiries
            .insert((submission.transaction.header.expiry, sequence));
        let leg = Leg {
            submission,
            stored,
            verdict: None,
        };
        self.held.insert(sequence, leg);
    }

    pub(super) fn confirm(&mut self, sequence: u64) {
        if let Some(leg) = self.held.get_mut(&sequence) {
            leg.stored = true;
        }
    }

    pub(super) fn condemn(&mut self, sequence: u64, verdict: TransactionRecord) {
        let Some(leg) = self.held.get_mut(&sequence) else {
            return;
        };
        leg.verdict = Some(verdict);
        let submission = leg.submission.clone();
        self.unseat(sequence, &submission);
    }

    pub(super) fn take(&mut self, sequence: u64) -> Option<Leg> {
        let leg = self.held.remove(&sequence)?;
        self.unseat(sequence, &leg.submission);
        Some(leg)
    }

    fn unseat(&mut self, sequence: u64, submission: &ParsedSubmission) {
        self.expiries
            .remove(&(submission.transaction.header.expiry, sequence));
        let Some(seat) = seat(submission) else { return };
        if let Some(waiting) = self.seats.get_mut(&seat) {
            waiting.remove(&sequence);
            if waiting.is_empty() {
                self.seats.remove(&seat);
            }
        }
    }
}
