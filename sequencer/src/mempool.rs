//! The mempool: accepted submissions that wait for a batch, with the view of the sealed state that
//! admission checks against.
//!
//! One lock guards both. Of two submissions with a common nullifier exactly one is accepted,
//! whatever is sealed at the same moment.
//!
//! # Flow
//!
//! A submission that is not a leg of a swap is a unit of the queue. A leg (spec: *Swaps*) is *lone*
//! until its counterpart arrives; then both form a *pair*, one unit of two slots, side A first.
//!
//! ```text
//!              reserve                                  reserve
//!             (transfer)                                 (leg)
//!                 │                                        │
//!                 │                      ┌─────────────────┴────────────────┐
//!                 │                      │ no counterpart                   │ counterpart
//!                 │                      ▼                                  │ waits
//!                 │                 ┌─────────┐      counterpart arrives    │
//!                 │                 │  lone   ├───────────────┐             │
//!                 │                 └──┬────▲─┘               │             │
//!                 ▼                    │    │                 ▼             ▼
//!     ┌───────────────────────┐        │    │             ┌────────────────────┐
//!     │ unit of one (in queue)│        │    └─────────────┤ pair (in queue)    │
//!     └───────────┬───────────┘        │   other leg      └─────────┬──────────┘
//!                 │                    │   left alone               │
//!                 │ take, dead         │ dead_legs,                 │ take, dead
//!                 ▼                    ▼ displaced, rival           ▼
//!     ┌──────────────────────────────────────────────────────────────────────┐
//!     │ leaving: sealed in a batch, or stored as expired or rejected         │
//!     └──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A unit of the queue passes three phases: [`Phase::Storing`] until [`Pool::confirm`],
//! [`Phase::Ready`] until a batch or a sweep takes it, [`Phase::Leaving`] until [`Pool::sealed`] or
//! [`Pool::remove`]. [`Pool::give_back`] returns it to [`Phase::Ready`].
//!
//! # Rules
//!
//! **Order.** The queue is ordered by sequence number. The place of a pair is that of its later
//! leg, because nothing could be sealed before it arrived. Lone legs take no place in the queue and
//! are never offered for sealing, so that any number of them delays nobody. Which legs are paired
//! is not stored: it follows from the contents of the mempool.
//!
//! **Claims.** A queued transaction, alone or in a pair, holds its nullifiers: another submission
//! with one of them is refused. A lone leg holds its nullifiers only against other lone legs, so
//! that many legs need as many notes. It gives way, finally, to any submission that can be sealed:
//! its owner has spent the notes elsewhere. A leg that can never be sealed holds nothing.
//!
//! **Prices** (spec: *Interfaces*, Prices). A submission may be under the first anchor of the next
//! batch, which holds that batch's price snapshot. The snapshot stays while submissions rely on it.
//! Units that are not valid yet keep their places.
//!
//! # Assumptions
//!
//! - The caller stores a reservation, with the fates of the legs in [`Reserved::dropped`], before
//!   it calls [`Pool::confirm`]; if it cannot, it calls [`Pool::remove`].
//! - A leg and its counterpart have the same expiry, which admission checks against this machine's
//!   clock.
//! - The sealed view changes only through [`Pool::sealed`], [`Pool::dropped`],
//!   [`Pool::set_assets_root`] and [`Pool::choose_prices`].
//!
//! # Example
//!
//! ```text
//! let reserved = pool.reserve(submission)?;      // a place in the queue, or refused
//! store(&reserved)?;                             // one synced write
//! pool.confirm(reserved.sequence);               // from now on it may be sealed
//! let chosen = pool.take(slots, time);           // the oldest units that one batch can hold
//! pool.sealed(sequences, nullifiers, state, time);
//! ```

mod legs;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use legs::{Legs, seat};
use subrosa_clock::Clock;
use subrosa_protocol::{
    Fr,
    element::{Anchor, Nullifier, TransactionDigest},
    ledger::{State, completes},
    swap::Side,
};

use crate::{
    config::AdmissionConfig,
    oracle::Prices,
    record::TransactionRecord,
    refusal::{FinalRejection, Refusal},
    submission::{ParsedSubmission, Sequenced},
};

/// The part of the sealed state that admission checks against.
#[derive(Debug, Clone)]
pub(crate) struct SealedView {
    /// State after the last sealed batch.
    pub(crate) state: State,
    /// All anchors of the history.
    pub(crate) anchors: HashSet<Anchor>,
    /// Prices of the next batch.
    pub(crate) prices: Prices,
    /// All nullifiers of sealed batches.
    pub(crate) spent: HashSet<Nullifier>,
    /// Current root of the asset tree on the settlement layer.
    pub(crate) assets_root: Fr,
    /// Time of the last sealed batch.
    pub(crate) time: u64,
    /// Digest of its price snapshot.
    pub(crate) last_prices: Fr,
}

impl SealedView {
    /// Returns the first anchor of the next batch.
    fn next_anchor(&self) -> Anchor {
        self.state.anchor(&self.prices.digest)
    }

    /// Chooses the prices of the next batch among `candidates`, the best first: those on which a
    /// waiting submission relies, or the best. Returns whether others than before are chosen.
    pub(crate) fn choose_prices<'a>(
        &mut self,
        candidates: &[Prices],
        waiting: impl Iterator<Item = &'a Arc<ParsedSubmission>>,
    ) -> bool {
        let relied: HashSet<Anchor> = waiting
            .map(|submission| submission.transaction.anchor)
            .filter(|anchor| !self.anchors.contains(anchor))
            .collect();
        let relies = |prices: &&Prices| relied.contains(&self.state.anchor(&prices.digest));
        let chosen = candidates.iter().find(relies).or(candidates.first());
        let Some(chosen) = chosen.filter(|chosen| **chosen != self.prices) else {
            return false;
        };
        self.prices = *chosen;
        true
    }
}

/// A submission that leaves without a batch, with its fate.
pub(crate) type Removed = (Sequenced, TransactionRecord);

/// The phase of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It holds its nullifiers and is not on disk.
    Storing,
    /// It is on disk and may be sealed.
    Ready,
    /// It is being sealed or swept.
    Leaving,
}

/// Submissions that are sealed together or not at all, in slot order.
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

    /// Returns the first second at which all members are valid.
    fn not_before(&self) -> u64 {
        let times = self.all().iter();
        let times = times.map(|(_, member)| member.transaction.header.not_before);
        times.max().unwrap_or(0)
    }
}

#[derive(Debug)]
struct Unit {
    members: Members,
    phase: Phase,
    /// The clock's time at which the unit was formed.
    since: Duration,
}

/// A reserved place in the mempool.
#[derive(Debug)]
pub(crate) struct Reserved {
    /// Sequence number of the submission.
    pub(crate) sequence: u64,
    /// Lone legs that gave way. Their fates must be stored in the same write as the submission:
    /// the disk must never hold two entries with one nullifier.
    pub(crate) dropped: Vec<Removed>,
}

/// Numbers of submissions in the mempool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Census {
    /// Transactions in the queue, including those in pairs.
    pub(crate) queued: usize,
    /// Pairs in the queue.
    pub(crate) pairs: usize,
    /// Lone legs.
    pub(crate) lone: usize,
}

/// The mempool and the view of the sealed state.
pub(crate) struct Pool {
    capacity: usize,
    /// Units by place: the highest sequence number of the unit's members.
    queue: BTreeMap<u64, Unit>,
    /// Place of each queued submission, by sequence number.
    places: HashMap<u64, u64>,
    legs: Legs,
    by_digest: HashMap<TransactionDigest, u64>,
    claims: HashMap<Nullifier, u64>,
    next_sequence: u64,
    view: SealedView,
    /// First anchor of the next batch.
    next_anchor: Anchor,
    /// Whether the view changed in a way that may have made lone legs impossible.
    recheck: bool,
    clock: Arc<dyn Clock>,
}

impl Pool {
    /// Makes an empty mempool over a view of the sealed state.
    pub(crate) fn new(
        config: &AdmissionConfig,
        view: SealedView,
        next_sequence: u64,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            capacity: config.mempool_capacity,
            queue: BTreeMap::new(),
            places: HashMap::new(),
            legs: Legs::new(config.lone_legs),
            by_digest: HashMap::new(),
            claims: HashMap::new(),
            next_sequence,
            next_anchor: view.next_anchor(),
            view,
            recheck: true,
            clock,
        }
    }

    /// Returns the view of the sealed state.
    pub(crate) fn view(&self) -> &SealedView {
        &self.view
    }

    /// Sets the current root of the asset tree.
    pub(crate) fn set_assets_root(&mut self, root: Fr) {
        self.recheck |= self.view.assets_root != root;
        self.view.assets_root = root;
    }

    /// Chooses the prices of the next batch, as [`SealedView::choose_prices`] does for all
    /// submissions here. Returns whether others than before are chosen.
    pub(crate) fn choose_prices(&mut self, candidates: &[Prices]) -> bool {
        let waiting = self.queue.values().flat_map(|unit| unit.members.all());
        let waiting = waiting.map(|(_, submission)| submission);
        let held = self.legs.iter().map(|(_, leg)| &leg.submission);
        let changed = self.view.choose_prices(candidates, waiting.chain(held));
        self.next_anchor = self.view.next_anchor();
        self.recheck |= changed;
        changed
    }

    /// Counts the submissions.
    pub(crate) fn census(&self) -> Census {
        Census {
            queued: self.places.len(),
            pairs: self.places.len() - self.queue.len(),
            lone: self.legs.len(),
        }
    }

    /// Whether the transaction with this digest is here.
    pub(crate) fn contains(&self, digest: &TransactionDigest) -> bool {
        self.by_digest.contains_key(digest)
    }

    /// Returns the submissions that hold one of these nullifiers.
    pub(crate) fn holders(&self, nullifiers: &[Nullifier]) -> Vec<Sequenced> {
        let sequences = nullifiers.iter().filter_map(|nf| self.claims.get(nf));
        let sequences: BTreeSet<u64> = sequences.copied().collect();
        let holders = sequences.into_iter().filter_map(|sequence| {
            if let Some(leg) = self.legs.get(sequence) {
                return Some((sequence, leg.submission.clone()));
            }
            let unit = self.queue.get(self.places.get(&sequence)?)?;
            let mut members = unit.members.all().iter();
            members.find(|(member, _)| *member == sequence).cloned()
        });
        holders.collect()
    }

    /// Whether the transaction with this digest is a lone leg.
    pub(crate) fn is_lone(&self, digest: &TransactionDigest) -> bool {
        let sequence = self.by_digest.get(digest);
        sequence.is_some_and(|sequence| self.legs.get(*sequence).is_some())
    }

    /// Checks a submission against history (spec: *Transaction*, admission) and against the
    /// mempool.
    pub(crate) fn check(&self, submission: &ParsedSubmission) -> Result<(), Refusal> {
        self.giving_way(submission).map(|_| ())
    }

    /// Checks whether the submission may be accepted. Returns the lone legs that give way to it,
    /// with their fates.
    fn giving_way(
        &self,
        submission: &ParsedSubmission,
    ) -> Result<BTreeMap<u64, TransactionRecord>, Refusal> {
        self.check_history(submission)?;
        let mut rivals = BTreeSet::new();
        for nf in &submission.transaction.nullifiers {
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
            // The leg that would wait longest gives way: to keep others out of the pool, an
            // attacker must send legs that expire before theirs again and again. A
            // counterpart never comes here, so that a swap whose first leg is held can
            // always be completed.
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

    /// Returns the fate of a lone leg that can never be sealed, whether or not it has its verdict.
    fn hopeless(&self, sequence: u64) -> Option<TransactionRecord> {
        let leg = self.legs.get(sequence)?;
        leg.verdict.or_else(|| {
            let reason = self.obsolete(&leg.submission)?;
            Some(TransactionRecord::Rejected { reason })
        })
    }

    /// Returns the lone leg that completes the swap; of several, the first to arrive. Two legs of
    /// one side with the same terms, made from different notes, are two swaps (spec: *Swaps*):
    /// each waits for its own counterpart.
    fn counterpart(&self, submission: &ParsedSubmission, except: &BTreeSet<u64>) -> Option<u64> {
        let (terms, side) = seat(submission)?;
        let mut waiting = self.legs.waiting(&(terms, side.other()));
        waiting.find(|other| !except.contains(other) && self.hopeless(*other).is_none())
    }

    fn check_history(&self, submission: &ParsedSubmission) -> Result<(), Refusal> {
        match self.obsolete(submission) {
            None => Ok(()),
            Some(FinalRejection::StaleAssets) => Err(Refusal::StaleAssets),
            Some(FinalRejection::NullifierSpent) => Err(Refusal::NullifierSpent),
            Some(_) => Err(Refusal::UnknownAnchor),
        }
    }

    /// Returns the reason why the submission can never be sealed under the present view, if there
    /// is one.
    fn obsolete(&self, submission: &ParsedSubmission) -> Option<FinalRejection> {
        if submission.transaction.assets_root != self.view.assets_root {
            return Some(FinalRejection::StaleAssets);
        }
        let anchor = &submission.transaction.anchor;
        if !self.view.anchors.contains(anchor) && *anchor != self.next_anchor {
            return Some(FinalRejection::UnknownAnchor);
        }
        let mut nullifiers = submission.transaction.nullifiers.iter();
        nullifiers
            .any(|nf| self.view.spent.contains(nf))
            .then_some(FinalRejection::NullifierSpent)
    }

    /// Returns the fate of a submission that no batch at `time` or later can hold.
    fn verdict(&self, submission: &ParsedSubmission, time: u64) -> Option<TransactionRecord> {
        if submission.transaction.header.expiry < time {
            return Some(TransactionRecord::Expired);
        }
        let reason = self.obsolete(submission)?;
        Some(TransactionRecord::Rejected { reason })
    }

    /// Checks a submission and reserves its place. It cannot be sealed before [`Pool::confirm`].
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

    /// Puts a stored submission back after a restart. Called in the order of the sequence numbers;
    /// legs pair again on the way.
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

    /// Puts the submissions of a dropped batch back, in slot order. Its pairs stay paired.
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
        let mut nullifiers = submission.transaction.nullifiers.iter();
        if nullifiers.any(|nf| self.claims.contains_key(nf)) {
            return Err(Refusal::NullifierPending);
        }
        Ok(())
    }

    fn claim(&mut self, sequence: u64, submission: &ParsedSubmission) {
        self.by_digest.insert(submission.id, sequence);
        for nf in &submission.transaction.nullifiers {
            self.claims.insert(*nf, sequence);
        }
    }

    fn forget(&mut self, submission: &ParsedSubmission) {
        self.by_digest.remove(&submission.id);
        for nf in &submission.transaction.nullifiers {
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

    /// Pairs a leg if its counterpart is here; otherwise keeps it as a lone leg.
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
        let since = self.clock.now();
        let unit = Unit {
            members,
            phase,
            since,
        };
        self.queue.insert(place, unit);
    }

    /// Notes that a submission is on disk, so that it may be sealed. If both legs of a pair are
    /// new, one write stores both, so that the confirmation of either is enough.
    pub(crate) fn confirm(&mut self, sequence: u64) {
        self.legs.confirm(sequence);
        self.mark([sequence], Phase::Ready);
    }

    /// Removes submissions and frees their nullifiers. If a pair loses one leg, the other is a lone
    /// leg again until its own expiry.
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

    /// Returns the units that a batch at `time` may hold.
    fn sealable(&self, time: u64) -> impl Iterator<Item = &Unit> {
        let ready = self.ready().map(|(_, unit)| unit);
        ready.filter(move |unit| unit.members.not_before() <= time)
    }

    /// Returns the number of transactions that a batch at `time` may hold, counted up to `limit` or
    /// one more, and the time for which the oldest unit has waited.
    pub(crate) fn waiting(&self, limit: usize, time: u64) -> (usize, Option<Duration>) {
        let mut count = 0;
        for unit in self.sealable(time) {
            if count >= limit {
                break;
            }
            count += unit.members.all().len();
        }
        let oldest = self.sealable(time).next();
        let now = self.clock.now();
        (count, oldest.map(|unit| now.saturating_sub(unit.since)))
    }

    /// Takes the oldest units that a batch at `time` may hold and that fit into `slots` slots:
    /// marks them as leaving and returns their submissions in slot order. A pair that finds
    /// only one slot free leaves it to later transactions. It is then the oldest unit, and the
    /// next batch begins with it.
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

    /// Returns submissions that were taken and not sealed to the queue.
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

    /// Returns all queued submissions that no batch at `time` or later can hold, with their fates,
    /// and marks them as leaving. The other leg of a pair is not returned; it leaves the queue with
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

    /// Whether [`Pool::dead_legs`] may find a leg.
    pub(crate) fn legs_due(&self, now: u64) -> bool {
        let now = now.max(self.view.time);
        self.recheck || self.legs.earliest().is_some_and(|expiry| expiry < now)
    }

    /// Returns all lone legs that can never be sealed, with their fates, and gives them their
    /// verdict. `now` is this machine's time: a counterpart has the same expiry, and admission
    /// refuses it after that.
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
                // The leg is being written: its fate must not reach the disk before it.
                self.recheck = true;
            }
        }
        for ((sequence, _), record) in &dead {
            self.legs.condemn(*sequence, *record);
        }
        dead
    }

    /// Applies a sealed batch: removes its submissions, spends its nullifiers and records its
    /// anchors, which hold the digest `prices`.
    pub(crate) fn sealed(
        &mut self,
        sequences: impl IntoIterator<Item = u64>,
        nullifiers: impl IntoIterator<Item = Nullifier>,
        state: State,
        prices: &Fr,
        time: u64,
    ) {
        self.remove(sequences);
        for nf in nullifiers {
            // Rivals gave way at admission, so that no claim is left. If one were, it would have to
            // go.
            self.recheck |= self.claims.contains_key(&nf);
            self.view.spent.insert(nf);
        }
        let anchors = [&self.view.state, &state].map(|state| state.anchor(prices));
        self.view.anchors.extend(anchors);
        // Another batch than the one expected here may have other prices.
        self.recheck |= self.view.prices.digest != *prices;
        self.view.state = state;
        self.view.time = time;
        self.view.last_prices = *prices;
        self.next_anchor = self.view.next_anchor();
    }

    /// Replaces the view after batches were dropped: their nullifiers are unspent and their roots
    /// unknown again.
    pub(crate) fn dropped(&mut self, view: SealedView) {
        self.next_anchor = view.next_anchor();
        self.view = view;
        self.recheck = true;
    }
}

/// Takes a transaction out of those chosen for a batch. If it is a leg, its counterpart leaves the
/// batch too. The counterpart is not at fault: it stays in the mempool, as a lone leg once the
/// other is removed.
pub(crate) fn withdraw(chosen: &mut Vec<Sequenced>, slot: usize) -> Sequenced {
    let at_fault = chosen.remove(slot);
    match at_fault.1.transaction.header.kind.side() {
        None => {}
        // The counterpart stood one slot further on, and stands at `slot` now.
        Some(Side::A) => drop(chosen.remove(slot)),
        Some(Side::B) => drop(chosen.remove(slot - 1)),
    }
    at_fault
}

#[cfg(test)]
mod tests;
