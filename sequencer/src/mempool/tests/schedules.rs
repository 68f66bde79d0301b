//! Random schedules against a model of the disk: arrivals of both legs, transfers that spend a
//! leg's note, time, prices that move, sweeps and seals that take two steps with
//! arrivals in between, dropped batches, crashes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// A leg: side, terms, note, seconds until it expires, prices in its anchor.
    Leg(bool, u8, u8, u8, u8),
    /// A transfer: note, seconds until it expires, prices in its anchor.
    Transfer(u8, u8, u8),
    /// The next batch may have these prices, the first ones rather than the second.
    Prices(u8, u8),
    Time(u8),
    /// Begins a sweep, or ends the step under way.
    Sweep,
    /// Begins a batch of this many slots, or ends the step under way.
    Seal(u8),
    /// Ends the step under way; the ledger refuses this transaction.
    Refuse(u8),
    /// The last batch is dropped.
    Rewind,
    Crash,
}

fn arb_step() -> impl Strategy<Value = Step> {
    // A batch has recorded the anchor with the prices 0.
    let prices = 0u8..4;
    let leg = (any::<bool>(), 0u8..3, 0u8..12, 1u8..60, prices.clone());
    prop_oneof![
        10 => leg.prop_map(|(a, terms, note, ttl, s)| Step::Leg(a, terms, note, ttl, s)),
        4 => (0u8..12, 1u8..60, prices).prop_map(|(note, ttl, s)| Step::Transfer(note, ttl, s)),
        2 => (1u8..4, 1u8..4).prop_map(|(best, other)| Step::Prices(best, other)),
        2 => (1u8..20).prop_map(Step::Time),
        3 => Just(Step::Sweep),
        4 => (4u8..7).prop_map(Step::Seal),
        1 => any::<u8>().prop_map(Step::Refuse),
        1 => Just(Step::Rewind),
        2 => Just(Step::Crash),
    ]
}

/// The step under way: its result is on its way to disk.
enum Begun {
    Sweep(Vec<Removed>),
    Seal(Vec<Sequenced>),
}

struct World {
    pool: Pool,
    now: u64,
    begun: Option<Begun>,
    // The state that a crash leaves.
    stored: BTreeMap<u64, Arc<ParsedSubmission>>,
    fates: HashMap<TransactionDigest, TransactionRecord>,
    batches: Vec<Vec<Sequenced>>,
    /// Anchors of the batches, which all leave the genesis state.
    anchors: Vec<Anchor>,
    candidates: Vec<Prices>,
    next: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            pool: pool(6, 4),
            now: 1,
            begun: None,
            stored: BTreeMap::new(),
            fates: HashMap::new(),
            batches: Vec::new(),
            anchors: Vec::from([State::genesis().anchor(&Fr::from(0u64))]),
            candidates: candidates(&[1, 2]),
            next: 0,
        };
        world.pool.choose_prices(&world.candidates);
        world
    }

    fn view(&self) -> SealedView {
        let sealed = self.batches.iter().flatten();
        SealedView {
            spent: sealed.flat_map(|(_, s)| s.transaction.nullifiers).collect(),
            anchors: self.anchors.iter().copied().collect(),
            prices: self.pool.view.prices,
            ..view()
        }
    }

    fn arrive(&mut self, kind: Kind, terms: u64, note: u8, ttl: u8, prices: u8) {
        self.next += 1;
        let nullifiers = [
            1 + u64::from(note),
            100 + 2 * self.next,
            101 + 2 * self.next,
        ];
        let expiry = self.now + u64::from(ttl);
        let submission = make(self.next, nullifiers, kind, terms, expiry);
        let submission = under(&submission, u64::from(prices));
        let Ok(Reserved { sequence, dropped }) = self.pool.reserve(submission.clone()) else {
            return;
        };
        self.forget(&dropped);
        self.stored.insert(sequence, submission);
        self.pool.confirm(sequence);
    }

    fn forget(&mut self, removed: &[Removed]) {
        for ((sequence, submission), record) in removed {
            self.stored.remove(sequence);
            let before = self.fates.insert(submission.id, *record);
            assert!(before.is_none_or(|before| before == *record), "two fates");
        }
    }

    fn end(&mut self, refused: Option<u8>) {
        match self.begun.take() {
            None => {}
            Some(Begun::Sweep(dead)) => {
                self.forget(&dead);
                self.pool.remove(sequences_of(&dead));
            }
            Some(Begun::Seal(mut chosen)) => {
                let mut out = Vec::new();
                if let (Some(which), false) = (refused, chosen.is_empty()) {
                    let slot = usize::from(which) % chosen.len();
                    let at_fault = withdraw(&mut chosen, slot);
                    out.push((at_fault, rejected(FinalRejection::InvalidTransaction)));
                }
                let transactions: Vec<_> =
                    chosen.iter().map(|(_, s)| s.transaction.clone()).collect();
                paired(&transactions).unwrap();
                self.forget(&out);
                for (sequence, _) in &chosen {
                    self.stored.remove(sequence);
                }
                let prices = self.pool.view.prices.digest;
                self.anchors.push(State::genesis().anchor(&prices));
                sealed(&mut self.pool, &chosen, State::genesis(), 0);
                self.pool.remove(sequences_of(&out));
                self.batches.push(chosen);
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Leg(a, terms, note, ttl, prices) => {
                let kind = Kind::leg(if a { Side::A } else { Side::B });
                self.arrive(kind, 1 + u64::from(terms), note, ttl, prices);
            }
            Step::Transfer(note, ttl, prices) => {
                self.arrive(Kind::Transfer, 0, note, ttl, prices);
            }
            Step::Prices(best, other) => {
                self.end(None);
                self.begun = Some(Begun::Sweep(self.pool.dead_legs(self.now)));
                self.end(None);
                self.candidates = candidates(&[u64::from(best), u64::from(other)]);
                self.pool.choose_prices(&self.candidates);
            }
            Step::Time(seconds) => self.now += u64::from(seconds),
            Step::Sweep if self.begun.is_some() => self.end(None),
            Step::Sweep => {
                let mut dead = self.pool.dead(self.now);
                dead.extend(self.pool.dead_legs(self.now));
                self.begun = Some(Begun::Sweep(dead));
            }
            Step::Seal(_) if self.begun.is_some() => self.end(None),
            Step::Seal(slots) => {
                self.begun = Some(Begun::Seal(batch(&mut self.pool, slots.into())));
            }
            Step::Refuse(which) => self.end(Some(which)),
            Step::Rewind => {
                self.end(None);
                let Some(dropped) = self.batches.pop() else {
                    return;
                };
                self.anchors.pop();
                self.stored.extend(dropped.iter().cloned());
                self.pool.dropped(self.view());
                self.pool.restore_batch(dropped).unwrap();
            }
            Step::Crash => {
                self.begun = None;
                let next = self.pool.next_sequence;
                let config = AdmissionConfig {
                    mempool_capacity: 6,
                    lone_legs: 4,
                    ..AdmissionConfig::default()
                };
                let clock = SystemClock::shared();
                let mut view = self.view();
                view.choose_prices(&self.candidates, self.stored.values());
                self.pool = Pool::new(&config, view, next, clock);
                for (sequence, submission) in &self.stored {
                    self.pool.restore(*sequence, submission.clone()).unwrap();
                }
            }
        }
    }

    /// Checks the invariants.
    fn check(&self) {
        let mut nullifiers = HashSet::new();
        let sealed = self.batches.iter().flatten().map(|(_, s)| s);
        for submission in sealed.chain(self.stored.values()) {
            assert!(
                submission
                    .transaction
                    .nullifiers
                    .iter()
                    .all(|nf| nullifiers.insert(*nf))
            );
        }
        // Disk and memory hold the same submissions, each once.
        let census = self.pool.census();
        assert_eq!(census.queued + census.lone, self.stored.len());
        assert_eq!(self.pool.by_digest.len(), self.stored.len());
        assert_eq!(self.pool.claims.len(), 3 * self.stored.len());
        for submission in self.stored.values() {
            assert!(self.pool.contains(&submission.id));
            assert!(!self.fates.contains_key(&submission.id));
        }
        for unit in self.pool.queue.values() {
            let members: Vec<_> = unit
                .members
                .all()
                .iter()
                .map(|(_, s)| s.transaction.clone())
                .collect();
            paired(&members).unwrap();
        }
        // No leg waits for a counterpart that is here and can be sealed.
        let lone = self.pool.legs.iter();
        let lone: Vec<_> = lone
            .filter(|(sequence, _)| self.pool.hopeless(*sequence).is_none())
            .filter_map(|(_, leg)| Some((seat(&leg.submission)?, &leg.submission)))
            .collect();
        for ((terms, side), _) in &lone {
            let mut others = lone.iter();
            assert!(!others.any(|(seat, _)| *seat == (*terms, side.other())));
        }
    }
}

fn sequences_of(removed: &[Removed]) -> Vec<u64> {
    removed.iter().map(|((sequence, _), _)| *sequence).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn both_legs_in_one_batch_or_neither(steps in proptest::collection::vec(arb_step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.check();
        }
        // In the end every submission is sealed or has its fate.
        world.end(None);
        while !world.pool.queue.is_empty() {
            world.step(&Step::Seal(6));
            world.end(None);
            world.check();
        }
        world.now += 1_000;
        world.step(&Step::Sweep);
        world.end(None);
        world.check();
        prop_assert!(world.stored.is_empty());
        let sealed: usize = world.batches.iter().map(Vec::len).sum();
        prop_assert!(sealed + world.fates.len() <= world.next as usize);
    }
}
