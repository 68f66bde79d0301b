//! The lone legs: a bounded pool, indexed by seat and by expiry.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use subrosa_protocol::swap::Side;

use crate::{
    record::TransactionRecord,
    submission::ParsedSubmission,
    wire::{Word, word},
};

/// Digest of a swap's terms with a side. A leg finds its counterpart at the opposite seat.
pub(super) type Seat = (Word, Side);

/// Returns the seat of a leg, and nothing for other transactions.
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
    /// The fate of a leg that is leaving. The leg stays here until it is gone from the disk: a
    /// submission that claims its nullifiers before that must remove it from the disk itself, with
    /// this fate.
    pub(super) verdict: Option<TransactionRecord>,
}

/// All lone legs by sequence number.
#[derive(Debug)]
pub(super) struct Legs {
    capacity: usize,
    held: BTreeMap<u64, Leg>,
    /// The legs without a verdict, by seat.
    seats: HashMap<Seat, BTreeSet<u64>>,
    /// Expiry and sequence number of the legs without a verdict.
    expiries: BTreeSet<(u64, u64)>,
}

impl Legs {
    /// Makes an empty pool.
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

    /// Returns the legs that wait in a seat, in the order of their arrival.
    pub(super) fn waiting<'a>(&'a self, seat: &Seat) -> impl Iterator<Item = u64> + use<'a> {
        self.seats.get(seat).into_iter().flatten().copied()
    }

    /// Returns the earliest expiry.
    pub(super) fn earliest(&self) -> Option<u64> {
        self.expiries.first().map(|(expiry, _)| *expiry)
    }

    /// Returns expiry and sequence number of the legs without a verdict. The latest expiry comes
    /// first; of equal ones, the latest arrival.
    pub(super) fn latest_first(&self) -> impl Iterator<Item = (u64, u64)> {
        self.expiries.iter().rev().copied()
    }

    /// Adds a leg. `stored`: whether it is on disk.
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

    /// Notes that a leg is on disk.
    pub(super) fn confirm(&mut self, sequence: u64) {
        if let Some(leg) = self.held.get_mut(&sequence) {
            leg.stored = true;
        }
    }

    /// Gives a leg its verdict. No counterpart finds it any more.
    pub(super) fn condemn(&mut self, sequence: u64, verdict: TransactionRecord) {
        let Some(leg) = self.held.get_mut(&sequence) else {
            return;
        };
        leg.verdict = Some(verdict);
        let submission = leg.submission.clone();
        self.unseat(sequence, &submission);
    }

    /// Removes a leg.
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
