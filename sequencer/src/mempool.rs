//! The mempool: accepted submissions waiting for a batch, in the order of their acceptance, and the
//! view of the sealed state that admission checks against. One lock guards both, so that of two
//! submissions with a common nullifier exactly one gets in, whatever seals at the same moment.
//!
//! **Swaps** (book: *Swaps*). A leg whose counterpart is not here is *lone*: it is kept apart
//! ([`Legs`]), takes no place in the queue and is never offered for sealing, so that lone legs, however
//! many, delay nobody. When the counterpart arrives the two become a *pair*, one unit of the queue that
//! takes two slots, side A first; its place is that of the later leg, since before that there was nothing
//! to seal. Which legs are paired is not stored: it follows from what is in the mempool.
//!
//! **Claims.** A queued transaction, alone or in a pair, holds its nullifiers: whatever else has one of
//! them is refused. A lone leg holds its nullifiers against other lone legs only, so that many legs
//! take as many notes. Against anything that can be sealed it gives way, finally: its owner has
//! spent the notes elsewhere. A leg that can never be sealed holds nothing.
//!
//! **Price snapshots** (book: *Interfaces*, Snapshots). A batch has one: that of the first unit in order that
//! names one and could be sealed. Those that name another keep their places. Legs that name two never pair.
//! What is not valid yet keeps its place too.

mod legs;
pub(crate) mod removed;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use subrosa_protocol::Fr;
use subrosa_protocol::ledger::{State, completes};

use crate::admission::{FinalRejection, Refusal};
use crate::config::AdmissionConfig;
use crate::store::tables::TransactionRecord;
use crate::submission::ParsedSubmission;
use crate::wire::{Word, word};
use legs::{Legs, seat};
pub(crate) use removed::Removed;

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

/// A submission with its sequence number, which says when it was accepted.
pub(crate) type Sequenced = (u64, Arc<ParsedSubmission>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Holds its nullifiers; not yet on disk.
    Storing,
    /// On disk, may be sealed.
    Ready,
    /// Being sealed or swept.
    Leaving,
}

/// What is sealed together or not at all, in slot order.
#[derive(Debug)]
enum Members {
    One(Sequenced),
    Pair([Sequenced; 2]),
}

impl Members {
    fn all(&self) -> &[Sequenced] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Pair(pair) => pair,
        }
    }

    /// The price snapshot that they name, if they name one.
    fn snapshot(&self) -> Option<Word> {
        self.all().iter().find_map(|(_, member)| member.snapshot)
    }

    /// First second at which all are valid.
    fn not_before(&self) -> u64 {
        let times = self.all().iter();
        let times = times.map(|(_, member)| member.transaction.header.not_before);
        times.max().unwrap_or(0)
    }
}

/// Whether one batch can hold both, as far as price snapshots are concerned.
fn mixes(one: &ParsedSubmission, other: &ParsedSubmission) -> bool {
    let named = one.snapshot.zip(other.snapshot);
    named.is_none_or(|(one, other)| one == other)
}

#[derive(Debug)]
struct Unit {
    members: Members,
    phase: Phase,
    since: Instant,
}

/// A submission that was taken in.
#[derive(Debug)]
pub(crate) struct Reserved {
    /// Its sequence number.
    pub(crate) sequence: u64,
    /// Lone legs that gave way to it. Their fate has to be stored with the submission: two entries
    /// with one nullifier must never be on disk together.
    pub(crate) dropped: Vec<Removed>,
}

/// How much there is of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Census {
    /// Transactions in the queue, those in pairs included.
    pub(crate) queued: usize,
    /// Pairs in the queue.
    pub(crate) pairs: usize,
    /// Lone legs.
    pub(crate) lone: usize,
}

/// The mempool and the view of the sealed state.
#[derive(Debug)]
pub(crate) struct Pool {
    capacity: usize,
    /// By place: the highest sequence number of a unit's members.
    queue: BTreeMap<u64, Unit>,
    /// The place of each queued submission, by sequence number.
    places: HashMap<u64, u64>,
    legs: Legs,
    by_digest: HashMap<Word, u64>,
    claims: HashMap<Word, u64>,
    next_sequence: u64,
    view: SealedView,
    /// Price snapshots that the chain has, with their times.
    snapshots: HashMap<Word, u64>,
    /// Those of them that are too old to be named by what comes, and are still named by what is here or in an
    /// unsettled batch.
    outdated: HashSet<Word>,
    /// The view changed in a way that may have made lone legs impossible.
    recheck: bool,
}

impl Pool {
    pub(crate) fn new(
        config: &AdmissionConfig,
        view: SealedView,
        snapshots: HashMap<Word, u64>,
        next_sequence: u64,
    ) -> Self {
        Self {
            capacity: config.mempool_capacity,
            queue: BTreeMap::new(),
            places: HashMap::new(),
            legs: Legs::new(config.lone_legs),
            by_digest: HashMap::new(),
            claims: HashMap::new(),
            next_sequence,
            view,
            snapshots,
            outdated: HashSet::new(),
            recheck: true,
        }
    }

    pub(crate) fn view(&self) -> &SealedView {
        &self.view
    }

    pub(crate) fn set_assets_root(&mut self, root: Fr) {
        self.recheck |= self.view.assets_root != root;
        self.view.assets_root = root;
    }

    /// The price snapshots that the chain has, with their times.
    pub(crate) fn set_snapshots(&mut self, snapshots: HashMap<Word, u64>) {
        self.recheck |= self.snapshots.keys().any(|id| !snapshots.contains_key(id));
        self.snapshots = snapshots;
    }

    /// These price snapshots are named by nothing new any more. Forgets those that nothing here names, nor
    /// `kept`, and returns them.
    pub(crate) fn forget_snapshots(
        &mut self,
        outdated: HashSet<Word>,
        kept: &[Word],
    ) -> HashSet<Word> {
        let mut ids = outdated.clone();
        for named in kept {
            ids.remove(named);
        }
        let queued = self.queue.values().flat_map(|unit| unit.members.all());
        let queued = queued.map(|(_, submission)| submission);
        let held = self.legs.iter().map(|(_, leg)| &leg.submission);
        for submission in queued.chain(held) {
            if let Some(id) = submission.snapshot {
                ids.remove(&id);
            }
        }
        self.snapshots.retain(|id, _| !ids.contains(id));
        self.outdated = outdated.difference(&ids).copied().collect();
        ids
    }

    pub(crate) fn census(&self) -> Census {
        Census {
            queued: self.places.len(),
            pairs: self.places.len() - self.queue.len(),
            lone: self.legs.len(),
        }
    }

    pub(crate) fn contains(&self, digest: &Word) -> bool {
        self.by_digest.contains_key(digest)
    }

    /// Whether this is a lone leg.
    pub(crate) fn is_lone(&self, digest: &Word) -> bool {
        let sequence = self.by_digest.get(digest);
        sequence.is_some_and(|sequence| self.legs.get(*sequence).is_some())
    }

    /// The checks against history (spec: *Transaction*, admission) and against what is here.
    pub(crate) fn check(&self, submission: &ParsedSubmission) -> Result<(), Refusal> {
        self.giving_way(submission).map(|_| ())
    }

    /// Whether the submission may come in, and which lone legs have to go for it, with their fate.
    fn giving_way(
        &self,
        submission: &ParsedSubmission,
    ) -> Result<BTreeMap<u64, TransactionRecord>, Refusal> {
        self.check_history(submission)?;
        if submission
            .snapshot
            .is_some_and(|named| self.outdated.contains(&named))
        {
            return Err(Refusal::UnknownSnapshot);
        }
        let mut rivals = BTreeSet::new();
        for nf in &submission.nullifiers {
            match self.claims.get(nf) {
                None => {}
                Some(holder) if self.legs.get(*holder).is_some() => {
                    rivals.insert(*holder);
                }
                Some(_) => return Err(Refusal::NullifierPending),
            }
        }
        let is_leg = seat(submission).is_some();
        let pairs = self.counterpart(submission, &rivals).is_some();
        let is_lone = is_leg && !pairs;
        if is_lone && self.opposite(submission, &rivals).next().is_some() {
            return Err(Refusal::MixedSnapshots);
        }
        let mut going = BTreeMap::new();
        for rival in rivals {
            let record = match self.hopeless(rival) {
                Some(record) => record,
                None if is_lone => return Err(Refusal::NullifierPending),
                None => TransactionRecord::Rejected {
                    reason: FinalRejection::NullifierSpent,
                },
            };
            going.insert(rival, record);
        }
        if !is_lone {
            let slots = if pairs { 2 } else { 1 };
            if self.places.len() + slots > self.capacity {
                return Err(Refusal::MempoolFull);
            }
        } else if self.legs.len() >= self.legs.capacity() + going.len() {
            // The one that would wait longest gives way: to hold the pool against others takes legs
            // that end before theirs, again and again. A counterpart never comes here, so that a
            // swap whose first leg is held can always be completed.
            let mut latest = self.legs.latest_first();
            match latest.find(|(_, sequence)| !going.contains_key(sequence)) {
                Some((expiry, last)) if submission.transaction.header.expiry < expiry => {
                    let reason = FinalRejection::Displaced;
                    going.insert(last, TransactionRecord::Rejected { reason });
                }
                _ => return Err(Refusal::LegsFull),
            }
        }
        Ok(going)
    }

    /// The verdict on a lone leg that will never be sealed, whether or not it has been passed yet.
    fn hopeless(&self, sequence: u64) -> Option<TransactionRecord> {
        let leg = self.legs.get(sequence)?;
        leg.verdict.or_else(|| {
            let reason = self.obsolete(&leg.submission)?;
            Some(TransactionRecord::Rejected { reason })
        })
    }

    /// The lone leg that completes the swap: of several the first to come. Legs made twice for the
    /// same terms, from different notes, are two swaps (book: *Swaps*), and each of them waits.
    fn counterpart(&self, submission: &ParsedSubmission, except: &BTreeSet<u64>) -> Option<u64> {
        self.opposite(submission, except).find(|other| {
            let leg = self.legs.get(*other);
            leg.is_some_and(|leg| mixes(&leg.submission, submission))
        })
    }

    /// The lone legs that would complete the swap, were it not for price snapshots.
    fn opposite(
        &self,
        submission: &ParsedSubmission,
        except: &BTreeSet<u64>,
    ) -> impl Iterator<Item = u64> {
        let seat = seat(submission).map(|(terms, side)| (terms, side.other()));
        let waiting = seat.into_iter().flat_map(|seat| self.legs.waiting(&seat));
        waiting.filter(|other| !except.contains(other) && self.hopeless(*other).is_none())
    }

    fn check_history(&self, submission: &ParsedSubmission) -> Result<(), Refusal> {
        match self.obsolete(submission) {
            None => Ok(()),
            Some(FinalRejection::StaleAssets) => Err(Refusal::StaleAssets),
            Some(FinalRejection::NullifierSpent) => Err(Refusal::NullifierSpent),
            Some(FinalRejection::UnknownSnapshot) => Err(Refusal::UnknownSnapshot),
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
        let mut nullifiers = submission.nullifiers.iter();
        if nullifiers.any(|nf| self.view.spent.contains(nf)) {
            return Some(FinalRejection::NullifierSpent);
        }
        let unknown = |id: &Word| !self.snapshots.contains_key(id);
        let named = submission.snapshot.as_ref();
        named
            .is_some_and(unknown)
            .then_some(FinalRejection::UnknownSnapshot)
    }

    /// Why this cannot be in a batch at `time` or later, if it cannot.
    fn verdict(&self, submission: &ParsedSubmission, time: u64) -> Option<TransactionRecord> {
        if submission.transaction.header.expiry < time {
            return Some(TransactionRecord::Expired);
        }
        let reason = self.obsolete(submission)?;
        Some(TransactionRecord::Rejected { reason })
    }

    /// Checks and takes the submission in; it cannot be sealed before [`Pool::confirm`].
    pub(crate) fn reserve(
        &mut self,
        submission: Arc<ParsedSubmission>,
    ) -> Result<Reserved, Refusal> {
        let going = self.giving_way(&submission)?;
        let mut dropped = Vec::with_capacity(going.len());
        for (sequence, record) in going {
            if let Some(leg) = self.legs.take(sequence) {
                self.forget(&leg.submission);
                dropped.push(((sequence, leg.submission), record));
            }
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.enter(sequence, submission, Phase::Storing);
        Ok(Reserved { sequence, dropped })
    }

    /// Puts a submission back: after a restart, in order of the sequence numbers. Legs find each other
    /// again on the way.
    pub(crate) fn restore(
        &mut self,
        sequence: u64,
        submission: Arc<ParsedSubmission>,
    ) -> Result<(), Refusal> {
        self.check_claims(&submission)?;
        self.next_sequence = self.next_sequence.max(sequence + 1);
        self.enter(sequence, submission, Phase::Ready);
        Ok(())
    }

    /// Puts the submissions of a batch that was dropped back, in slot order: what was a pair is that
    /// pair again.
    pub(crate) fn restore_batch(&mut self, batch: Vec<Sequenced>) -> Result<(), Refusal> {
        let mut batch = batch.into_iter().peekable();
        while let Some(one) = batch.next() {
            let second = batch.next_if(|next| completes(&one.1.transaction, &next.1.transaction));
            let Some(second) = second else {
                self.restore(one.0, one.1)?;
                continue;
            };
            for (sequence, submission) in [&one, &second] {
                self.check_claims(submission)?;
                self.next_sequence = self.next_sequence.max(sequence + 1);
                self.claim(*sequence, submission);
            }
            self.enqueue(Members::Pair([one, second]), Phase::Ready);
        }
        Ok(())
    }

    fn check_claims(&self, submission: &ParsedSubmission) -> Result<(), Refusal> {
        let mut nullifiers = submission.nullifiers.iter();
        if nullifiers.any(|nf| self.claims.contains_key(nf)) {
            return Err(Refusal::NullifierPending);
        }
        Ok(())
    }

    fn claim(&mut self, sequence: u64, submission: &ParsedSubmission) {
        self.by_digest.insert(submission.id, sequence);
        for nf in &submission.nullifiers {
            self.claims.insert(*nf, sequence);
        }
    }

    fn forget(&mut self, submission: &ParsedSubmission) {
        self.by_digest.remove(&submission.id);
        for nf in &submission.nullifiers {
            self.claims.remove(nf);
        }
    }

    fn enter(&mut self, sequence: u64, submission: Arc<ParsedSubmission>, phase: Phase) {
        self.claim(sequence, &submission);
        if seat(&submission).is_some() {
            self.hold(sequence, submission, phase);
        } else {
            self.enqueue(Members::One((sequence, submission)), phase);
        }
    }

    /// Pairs a leg if its counterpart is here, and else keeps it as a lone one.
    fn hold(&mut self, sequence: u64, submission: Arc<ParsedSubmission>, phase: Phase) {
        let other = self
            .counterpart(&submission, &BTreeSet::new())
            .and_then(|other| Some((other, self.legs.take(other)?)));
        let Some((other, leg)) = other else {
            self.legs
                .insert(sequence, submission, phase == Phase::Ready);
            return;
        };
        let phase = if leg.stored { phase } else { Phase::Storing };
        let (new, old) = ((sequence, submission), (other, leg.submission));
        let pair = if completes(&new.1.transaction, &old.1.transaction) {
            [new, old]
        } else {
            [old, new]
        };
        self.enqueue(Members::Pair(pair), phase);
    }

    fn enqueue(&mut self, members: Members, phase: Phase) {
        let sequences = members.all().iter().map(|(sequence, _)| *sequence);
        let place = sequences.clone().max().expect("a unit has members");
        self.places
            .extend(sequences.map(|sequence| (sequence, place)));
        let since = Instant::now();
        let unit = Unit {
            members,
            phase,
            since,
        };
        self.queue.insert(place, unit);
    }

    /// The submission is on disk and may be sealed from now on. Both legs of a pair that are not are
    /// stored with one write, so that either's word will do.
    pub(crate) fn confirm(&mut self, sequence: u64) {
        self.legs.confirm(sequence);
        self.mark([sequence], Phase::Ready);
    }

    /// Takes submissions out and frees their nullifiers. Of a pair that loses one leg the other is a
    /// lone leg again, until its own expiry.
    pub(crate) fn remove(&mut self, sequences: impl IntoIterator<Item = u64>) {
        let sequences: BTreeSet<u64> = sequences.into_iter().collect();
        let mut left = Vec::new();
        for sequence in &sequences {
            if let Some(leg) = self.legs.take(*sequence) {
                self.forget(&leg.submission);
            }
            let unit = self.places.get(sequence);
            let Some(unit) = unit.and_then(|place| self.queue.remove(place)) else {
                continue;
            };
            for (member, submission) in unit.members.all() {
                self.places.remove(member);
                if sequences.contains(member) {
                    self.forget(submission);
                } else {
                    left.push((*member, submission.clone(), unit.phase));
                }
            }
        }
        for (sequence, submission, phase) in left {
            let phase = match phase {
                Phase::Storing => Phase::Storing,
                Phase::Ready | Phase::Leaving => Phase::Ready,
            };
            self.hold(sequence, submission, phase);
        }
    }

    fn ready(&self) -> impl Iterator<Item = (&u64, &Unit)> {
        self.queue
            .iter()
            .filter(|(_, unit)| unit.phase == Phase::Ready)
    }

    /// What a batch at `time` may hold: what is valid then, under the price snapshot of the first that
    /// names one.
    fn sealable(&self, time: u64) -> impl Iterator<Item = &Unit> {
        let mut decided = None;
        self.ready().map(|(_, unit)| unit).filter(move |unit| {
            if unit.members.not_before() > time {
                return false;
            }
            let Some(named) = unit.members.snapshot() else {
                return true;
            };
            let taken = self.snapshots.get(&named);
            taken.is_none_or(|taken| *taken <= time) && *decided.get_or_insert(named) == named
        })
    }

    /// Number of transactions that a batch at `time` may hold, counted up to `limit` or one more, and how
    /// long the oldest unit has waited.
    pub(crate) fn waiting(&self, limit: usize, time: u64) -> (usize, Option<Duration>) {
        let mut count = 0;
        for unit in self.sealable(time) {
            if count >= limit {
                break;
            }
            count += unit.members.all().len();
        }
        let oldest = self.sealable(time).next();
        (count, oldest.map(|unit| unit.since.elapsed()))
    }

    /// Marks the oldest units that a batch at `time` may hold and that fit into so many slots as leaving,
    /// and returns their submissions in slot order. A pair that finds one slot lets later transactions
    /// have it; nothing older being left, the next batch begins with that pair.
    pub(crate) fn take(&mut self, slots: usize, time: u64) -> Vec<Sequenced> {
        let mut taken = Vec::new();
        for unit in self.sealable(time) {
            if taken.len() == slots {
                break;
            }
            let members = unit.members.all();
            if taken.len() + members.len() <= slots {
                taken.extend_from_slice(members);
            }
        }
        self.mark(taken.iter().map(|(sequence, _)| *sequence), Phase::Leaving);
        taken
    }

    /// Makes submissions sealable again that were taken and not sealed.
    pub(crate) fn give_back(&mut self, sequences: impl IntoIterator<Item = u64>) {
        self.mark(sequences, Phase::Ready);
    }

    fn mark(&mut self, sequences: impl IntoIterator<Item = u64>, phase: Phase) {
        for sequence in sequences {
            let place = self.places.get(&sequence);
            if let Some(unit) = place.and_then(|place| self.queue.get_mut(place)) {
                unit.phase = phase;
            }
        }
    }

    /// Marks as leaving, and returns with their verdict, all queued submissions that a batch at `time`
    /// can no longer hold. The other leg of a pair is not returned: it leaves the queue with
    /// [`Pool::remove`].
    pub(crate) fn dead(&mut self, time: u64) -> Vec<Removed> {
        let members = self.ready().flat_map(|(_, unit)| unit.members.all());
        let dead: Vec<Removed> = members
            .filter_map(|member| Some((member.clone(), self.verdict(&member.1, time)?)))
            .collect();
        self.mark(
            dead.iter().map(|((sequence, _), _)| *sequence),
            Phase::Leaving,
        );
        dead
    }

    /// Whether [`Pool::dead_legs`] may find something.
    pub(crate) fn legs_due(&self, now: u64) -> bool {
        let now = now.max(self.view.time);
        self.recheck || self.legs.earliest().is_some_and(|expiry| expiry < now)
    }

    /// Marks as leaving, and returns with their verdict, all lone legs that can never be sealed. Time
    /// is this machine's: a counterpart has the same expiry, and is not admitted after it.
    pub(crate) fn dead_legs(&mut self, now: u64) -> Vec<Removed> {
        let now = now.max(self.view.time);
        let mut dead = Vec::new();
        self.recheck = false;
        for (sequence, leg) in self.legs.iter() {
            if leg.verdict.is_some() {
                continue;
            }
            let Some(record) = self.verdict(&leg.submission, now) else {
                continue;
            };
            if leg.stored {
                dead.push(((sequence, leg.submission.clone()), record));
            } else {
                // Being written at this moment: its fate must not be written before.
                self.recheck = true;
            }
        }
        for ((sequence, _), record) in &dead {
            self.legs.condemn(*sequence, *record);
        }
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
        self.remove(sequences);
        for nf in nullifiers {
            // Never so, since rivals went when this was admitted; but then they would have to go now.
            self.recheck |= self.claims.contains_key(&nf);
            self.view.spent.insert(nf);
        }
        self.view.anchors.insert(word(&state.note_root));
        self.view.state = state;
        self.view.time = time;
    }

    /// Batches were dropped: their nullifiers are unspent and their roots unknown again.
    pub(crate) fn dropped(&mut self, view: SealedView) {
        self.view = view;
        self.recheck = true;
    }
}

#[cfg(test)]
mod tests;
