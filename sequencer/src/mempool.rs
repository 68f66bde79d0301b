//! The mempool: accepted submissions waiting for a batch, in the order of their acceptance, and the
//! view of the sealed state that admission checks against. One lock guards both, so that of two
//! submissions with a common nullifier exactly one gets in, whatever seals at the same moment.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use subrosa_protocol::Fr;
use subrosa_protocol::ledger::State;

use crate::admission::{FinalRejection, Refusal};
use crate::store::tables::TransactionRecord;
use crate::submission::ParsedSubmission;
use crate::wire::{Word, word};

/// What admission needs to know of the sealed state.
#[derive(Debug, Clone)]
pub(crate) struct SealedView {
    /// State after the last sealed batch.
    pub(crate) state: State,
    /// All note roots of the history.
    pub(crate) anchors: HashSet<Word>,
    /// All nullifiers of sealed batches.
    pub(crate) spent: HashSet<Word>,
    /// Current root of the asset tree on the settlement layer.
    pub(crate) assets_root: Fr,
    /// Time of the last sealed batch.
    pub(crate) time: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Holds its nullifiers; not yet on disk.
    Storing,
    /// On disk, may be sealed.
    Ready,
    /// Being sealed or swept.
    Leaving,
}

#[derive(Debug)]
struct Entry {
    submission: Arc<ParsedSubmission>,
    phase: Phase,
    since: Instant,
}

/// A submission with its place in the order.
pub(crate) type Sequenced = (u64, Arc<ParsedSubmission>);

/// The mempool and the view of the sealed state.
#[derive(Debug)]
pub(crate) struct Pool {
    capacity: usize,
    entries: BTreeMap<u64, Entry>,
    by_digest: HashMap<Word, u64>,
    pending: HashMap<Word, u64>,
    next_sequence: u64,
    view: SealedView,
}

impl Pool {
    pub(crate) fn new(capacity: usize, view: SealedView, next_sequence: u64) -> Self {
        Self {
            capacity,
            entries: BTreeMap::new(),
            by_digest: HashMap::new(),
            pending: HashMap::new(),
            next_sequence,
            view,
        }
    }

    pub(crate) fn view(&self) -> &SealedView {
        &self.view
    }

    pub(crate) fn set_assets_root(&mut self, root: Fr) {
        self.view.assets_root = root;
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, digest: &Word) -> bool {
        self.by_digest.contains_key(digest)
    }

    /// The checks against history (spec: *Transaction*, admission) and against what is pending.
    pub(crate) fn check(&self, submission: &ParsedSubmission) -> Result<(), Refusal> {
        self.check_history(submission)?;
        if self.entries.len() >= self.capacity {
            return Err(Refusal::MempoolFull);
        }
        if submission
            .nullifiers
            .iter()
            .any(|nf| self.pending.contains_key(nf))
        {
            return Err(Refusal::NullifierPending);
        }
        Ok(())
    }

    fn check_history(&self, submission: &ParsedSubmission) -> Result<(), Refusal> {
        match self.obsolete(submission) {
            None => Ok(()),
            Some(FinalRejection::StaleAssets) => Err(Refusal::StaleAssets),
            Some(FinalRejection::NullifierSpent) => Err(Refusal::NullifierSpent),
            Some(_) => Err(Refusal::UnknownAnchor),
        }
    }

    /// Why this can never be sealed under the present view, if it cannot.
    fn obsolete(&self, submission: &ParsedSubmission) -> Option<FinalRejection> {
        if submission.transaction.assets_root != self.view.assets_root {
            return Some(FinalRejection::StaleAssets);
        }
        if !self
            .view
            .anchors
            .contains(&word(&submission.transaction.anchor))
        {
            return Some(FinalRejection::UnknownAnchor);
        }
        submission
            .nullifiers
            .iter()
            .any(|nf| self.view.spent.contains(nf))
            .then_some(FinalRejection::NullifierSpent)
    }

    /// Checks and takes the submission in; it cannot be sealed before [`Pool::confirm`].
    pub(crate) fn reserve(&mut self, submission: Arc<ParsedSubmission>) -> Result<u64, Refusal> {
        self.check(&submission)?;
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.insert(sequence, submission, Phase::Storing);
        Ok(sequence)
    }

    /// Puts a submission back at its old place: after a restart or when its batch was dropped.
    pub(crate) fn restore(
        &mut self,
        sequence: u64,
        submission: Arc<ParsedSubmission>,
    ) -> Result<(), Refusal> {
        if submission
            .nullifiers
            .iter()
            .any(|nf| self.pending.contains_key(nf))
        {
            return Err(Refusal::NullifierPending);
        }
        self.next_sequence = self.next_sequence.max(sequence + 1);
        self.insert(sequence, submission, Phase::Ready);
        Ok(())
    }

    fn insert(&mut self, sequence: u64, submission: Arc<ParsedSubmission>, phase: Phase) {
        self.by_digest.insert(submission.id, sequence);
        for nf in &submission.nullifiers {
            self.pending.insert(*nf, sequence);
        }
        self.entries.insert(
            sequence,
            Entry {
                submission,
                phase,
                since: Instant::now(),
            },
        );
    }

    /// The submission is on disk and may be sealed from now on.
    pub(crate) fn confirm(&mut self, sequence: u64) {
        if let Some(entry) = self.entries.get_mut(&sequence) {
            entry.phase = Phase::Ready;
        }
    }

    /// Takes a submission out and frees its nullifiers.
    pub(crate) fn remove(&mut self, sequence: u64) {
        if let Some(entry) = self.entries.remove(&sequence) {
            self.by_digest.remove(&entry.submission.id);
            for nf in &entry.submission.nullifiers {
                self.pending.remove(nf);
            }
        }
    }

    fn ready(&self) -> impl Iterator<Item = (&u64, &Entry)> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.phase == Phase::Ready)
    }

    /// Number of sealable submissions, counted up to `limit`, and how long the oldest has waited.
    pub(crate) fn waiting(&self, limit: usize) -> (usize, Option<Duration>) {
        let count = self.ready().take(limit).count();
        let oldest = self.ready().next().map(|(_, entry)| entry.since.elapsed());
        (count, oldest)
    }

    /// Marks the oldest sealable submissions as leaving and returns them in order.
    pub(crate) fn take(&mut self, limit: usize) -> Vec<Sequenced> {
        let taken: Vec<Sequenced> = self
            .ready()
            .take(limit)
            .map(|(sequence, entry)| (*sequence, entry.submission.clone()))
            .collect();
        self.mark(taken.iter().map(|(sequence, _)| *sequence), Phase::Leaving);
        taken
    }

    /// Makes submissions sealable again that were taken and not sealed.
    pub(crate) fn give_back(&mut self, sequences: impl IntoIterator<Item = u64>) {
        self.mark(sequences, Phase::Ready);
    }

    fn mark(&mut self, sequences: impl IntoIterator<Item = u64>, phase: Phase) {
        for sequence in sequences {
            if let Some(entry) = self.entries.get_mut(&sequence) {
                entry.phase = phase;
            }
        }
    }

    /// Marks as leaving, and returns with their verdict, all submissions that a batch at `time` can
    /// no longer hold.
    pub(crate) fn dead(&mut self, time: u64) -> Vec<(Sequenced, TransactionRecord)> {
        let dead: Vec<_> = self
            .ready()
            .filter_map(|(sequence, entry)| {
                let submission = &entry.submission;
                let record = if submission.transaction.header.expiry < time {
                    TransactionRecord::Expired
                } else {
                    TransactionRecord::Rejected {
                        reason: self.obsolete(submission)?,
                    }
                };
                Some(((*sequence, submission.clone()), record))
            })
            .collect();
        self.mark(
            dead.iter().map(|((sequence, _), _)| *sequence),
            Phase::Leaving,
        );
        dead
    }

    /// A batch was sealed: its submissions leave, its nullifiers are spent, its root is an anchor.
    pub(crate) fn sealed(
        &mut self,
        sequences: impl IntoIterator<Item = u64>,
        nullifiers: impl IntoIterator<Item = Word>,
        state: State,
        time: u64,
    ) {
        for sequence in sequences {
            self.remove(sequence);
        }
        self.view.spent.extend(nullifiers);
        self.view.anchors.insert(word(&state.note_root));
        self.view.state = state;
        self.view.time = time;
    }

    /// Batches were dropped: their nullifiers are unspent and their roots unknown again.
    pub(crate) fn dropped(&mut self, view: SealedView) {
        self.view = view;
    }
}

#[cfg(test)]
mod tests;
