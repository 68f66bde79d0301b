//! One price snapshot in each batch, nothing before its time, and everything in its order.

use ark_ec::AffineRepr;
use proptest::prelude::*;
use subrosa_protocol::{
    EdwardsAffine,
    asset::AssetId,
    ledger::{BatchInput, Config, Ledger},
};

use super::*;

const MIXED: Refusal = Refusal::MixedSnapshots;

fn pool_with(all: &[(u64, u64)]) -> Pool {
    let mut pool = pool(100, 100);
    pool.set_snapshots(snapshots(all));
    assert!(!pool.recheck);
    pool
}

fn not_before(submission: &ParsedSubmission, time: u64) -> Arc<ParsedSubmission> {
    changed(submission, |tx| tx.header.not_before = time)
}

fn seal(pool: &mut Pool, batch: &[Sequenced]) {
    pool.sealed(sequences(batch), [], State::genesis(), 0);
}

#[test]
fn only_what_the_chain_has_is_named() {
    let mut pool = pool_with(&[(5, 0)]);
    push(&mut pool, &naming(&transfer(1), 5));
    push(&mut pool, &transfer(2));
    let unknown = naming(&transfer(3), 6);
    assert_eq!(pool.check(&unknown), Err(Refusal::UnknownSnapshot));
    assert_eq!(pool.reserve(unknown).unwrap_err(), Refusal::UnknownSnapshot);
    // Spent notes are reported first, because another snapshot does not help against them.
    let spent = changed(&naming(&transfer(4), 6), |tx| {
        tx.nullifiers[0] = Nullifier::new(Fr::from(77u64))
    });
    pool.view.spent.insert(Nullifier::new(Fr::from(77u64)));
    assert_eq!(pool.check(&spent), Err(Refusal::NullifierSpent));
}

#[test]
fn the_first_that_names_one_decides() {
    let mut pool = pool_with(&[(5, 0), (6, 0)]);
    let named = [0, 5, 6, 0, 5, 6, 6];
    let all: Vec<_> = (1..)
        .zip(named)
        .map(|(seed, id)| naming(&transfer(seed), id))
        .collect();
    for submission in &all {
        push(&mut pool, submission);
    }
    let of = |places: &[usize]| places.iter().map(|at| all[*at].id).collect::<Vec<_>>();
    assert_eq!(pool.waiting(10, 0).0, 4, "what one batch may hold");
    let first = batch(&mut pool, 10);
    assert_eq!(ids(&first), of(&[0, 1, 3, 4]));
    seal(&mut pool, &first);
    // The units that waited are first now.
    push(&mut pool, &naming(&transfer(9), 5));
    assert_eq!(ids(&batch(&mut pool, 10)), of(&[2, 5, 6]));
}

#[test]
fn what_is_passed_over_for_want_of_room_decides_too() {
    let mut pool = pool_with(&[(5, 0), (6, 0)]);
    for seed in 1..4 {
        push(&mut pool, &transfer(seed));
    }
    let pair = [leg(Side::A, 7, 10), naming(&leg(Side::B, 7, 11), 5)];
    for submission in pair.iter().chain([&naming(&transfer(4), 6)]) {
        push(&mut pool, submission);
    }
    let first = batch(&mut pool, 4);
    assert_eq!(first.len(), 3);
    seal(&mut pool, &first);
    let second = batch(&mut pool, 4);
    assert_eq!(ids(&second), [pair[0].id, pair[1].id]);
}

#[test]
fn nothing_is_sealed_before_its_time() {
    let mut pool = pool_with(&[(5, 30), (6, 0)]);
    let early = not_before(&naming(&transfer(1), 6), 20);
    let of_later = naming(&transfer(2), 5);
    let other = naming(&transfer(3), 6);
    for submission in [&early, &of_later, &other] {
        push(&mut pool, submission);
    }
    // A unit that cannot be sealed yet does not decide the snapshot.
    assert_eq!(pool.waiting(10, 19).0, 1);
    let first = batch_at(&mut pool, 10, 19);
    assert_eq!(ids(&first), [other.id]);
    seal(&mut pool, &first);
    assert_eq!(pool.waiting(10, 19), (0, None));
    assert!(batch_at(&mut pool, 10, 19).is_empty());
    let second = batch_at(&mut pool, 10, 20);
    assert_eq!(ids(&second), [early.id]);
    seal(&mut pool, &second);
    assert!(batch_at(&mut pool, 10, 29).is_empty());
    assert_eq!(ids(&batch_at(&mut pool, 10, 30)), [of_later.id]);
}

#[test]
fn a_pair_waits_for_its_later_leg() {
    let mut pool = pool_with(&[]);
    let (a, b) = (leg(Side::A, 7, 1), not_before(&leg(Side::B, 7, 2), 20));
    push(&mut pool, &a);
    push(&mut pool, &b);
    assert!(batch_at(&mut pool, 10, 19).is_empty());
    assert_eq!(batch_at(&mut pool, 10, 20).len(), 2);
}

#[test]
fn legs_of_one_snapshot_or_none_pair() {
    for (one, other) in [(5, 5), (5, 0), (0, 5), (0, 0)] {
        let mut pool = pool_with(&[(5, 0), (6, 0)]);
        push(&mut pool, &naming(&leg(Side::A, 7, 1), one));
        push(&mut pool, &naming(&leg(Side::B, 7, 2), other));
        assert_eq!(batch(&mut pool, 10).len(), 2);
    }
}

#[test]
fn a_leg_that_could_only_make_a_pair_of_two_snapshots_is_refused() {
    let mut pool = pool_with(&[(5, 0), (6, 0)]);
    let a = naming(&leg(Side::A, 7, 1), 5);
    push(&mut pool, &a);
    let b = naming(&leg(Side::B, 7, 2), 6);
    assert_eq!(pool.check(&b), Err(MIXED));
    assert_eq!(pool.reserve(b.clone()).unwrap_err(), MIXED);
    assert!(pool.is_lone(&a.id) && !pool.contains(&b.id));
    // It fits another counterpart, and the first leg keeps waiting.
    let other = naming(&leg(Side::A, 7, 3), 6);
    push(&mut pool, &other);
    push(&mut pool, &b);
    assert!(pool.is_lone(&a.id));
    assert_eq!(ids(&batch(&mut pool, 10)), [other.id, b.id]);
    // A leg that names no snapshot completes the first.
    let again = leg(Side::B, 7, 4);
    push(&mut pool, &again);
    assert_eq!(ids(&batch(&mut pool, 10)), [a.id, again.id]);
}

#[test]
fn what_is_left_of_a_pair_passes_over_another_snapshot() {
    let mut pool = pool_with(&[(5, 0), (6, 0)]);
    let a1 = leg_until(Side::A, 7, 1, 50);
    let b = naming(&leg(Side::B, 7, 2), 5);
    let a2 = naming(&leg(Side::A, 7, 3), 6);
    for leg in [&a1, &b, &a2] {
        push(&mut pool, leg);
    }
    let dead = pool.dead(51);
    pool.remove(dead.iter().map(|((sequence, _), _)| *sequence));
    assert!(pool.is_lone(&b.id) && pool.is_lone(&a2.id));
    let again = naming(&leg(Side::A, 7, 4), 5);
    push(&mut pool, &again);
    assert_eq!(ids(&batch(&mut pool, 10)), [again.id, b.id]);
}

#[test]
fn what_the_chain_takes_back_ends_who_names_it() {
    let mut pool = pool_with(&[(5, 0), (6, 0)]);
    let single = naming(&transfer(1), 5);
    let lone = naming(&leg(Side::A, 7, 2), 5);
    let pair = [naming(&leg(Side::A, 8, 3), 5), leg(Side::B, 8, 4)];
    let other = naming(&transfer(5), 6);
    for submission in [&single, &lone, &pair[0], &pair[1], &other] {
        push(&mut pool, submission);
    }
    pool.set_snapshots(snapshots(&[(6, 0)]));
    assert!(pool.legs_due(0));
    assert!(pool.waiting(10, 0).0 > 0, "there is something to sweep");
    let mut dead = pool.dead(0);
    dead.extend(pool.dead_legs(0));
    let unknown = rejected(FinalRejection::UnknownSnapshot);
    assert!(dead.iter().all(|(_, record)| *record == unknown));
    let gone: HashSet<_> = dead.iter().map(|((_, s), _)| s.id).collect();
    assert_eq!(gone, HashSet::from([single.id, lone.id, pair[0].id]));
    pool.remove(dead.iter().map(|((sequence, _), _)| *sequence));
    assert!(pool.is_lone(&pair[1].id));
    assert_eq!(ids(&batch(&mut pool, 10)), [other.id]);
}

#[test]
fn what_is_named_is_not_forgotten() {
    let mut pool = pool_with(&[(5, 0), (6, 0), (7, 0), (8, 0), (9, 0)]);
    push(&mut pool, &naming(&transfer(1), 5));
    push(&mut pool, &naming(&leg(Side::A, 7, 2), 6));
    let [five, six, seven, nine] = [5u64, 6, 7, 9].map(|id| word(&Fr::from(id)));
    let old = HashSet::from([five, six, seven, nine]);
    let forgotten = pool.forget_snapshots(old, &[nine]);
    assert_eq!(forgotten, HashSet::from([seven]));
    assert!(pool.dead(0).is_empty() && pool.dead_legs(0).is_empty());
    // No new submission may name them, forgotten or not.
    for id in [5, 6, 7, 9] {
        let late = naming(&transfer(3), id);
        assert_eq!(pool.check(&late), Err(Refusal::UnknownSnapshot));
    }
    assert_eq!(pool.check(&naming(&transfer(3), 8)), Ok(()));
}

/// An arrival, or a batch of this many slots.
#[derive(Debug, Clone)]
enum Event {
    /// Terms and side if it is a leg, snapshot (0 names none), seconds until it is valid.
    Arrive(Option<(u8, bool)>, u8, u8),
    Seal(usize),
}

fn arb_event() -> impl Strategy<Value = Event> {
    let delay = prop_oneof![4 => Just(0u8), 1 => 1u8..6];
    let arrive = (proptest::option::of((0u8..4, any::<bool>())), 0u8..4, delay);
    prop_oneof![
        6 => arrive.prop_map(|(leg, snapshot, delay)| Event::Arrive(leg, snapshot, delay)),
        1 => prop_oneof![Just(4usize), Just(16)].prop_map(Event::Seal),
    ]
}

/// Times of the snapshots 1 to 3. Batches reach the time of the last one only later.
const TIMES: [(u64, u64); 3] = [(1, 90), (2, 100), (3, 104)];

struct Sealer {
    pool: Pool,
    ledger: Ledger,
    time: u64,
    /// Places of the units that could be sealed when they arrived, by snapshot and length.
    sealed: HashMap<(Option<Word>, usize), Vec<u64>>,
    delayed: HashSet<u64>,
    transactions: usize,
}

impl Sealer {
    fn arrive(&mut self, seed: u64, leg: Option<(u8, bool)>, snapshot: u8, delay: u8) -> bool {
        let (kind, terms) = match leg {
            None => (Kind::Transfer, 0),
            Some((terms, a)) => (
                Kind::leg(if a { Side::A } else { Side::B }),
                1 + u64::from(terms),
            ),
        };
        let made = make(seed, notes(seed), kind, terms, 100_000);
        let time = self.time + u64::from(delay);
        let submission = changed(&made, |tx| {
            tx.oracle = Fr::from(u64::from(snapshot));
            tx.header.not_before = time;
            tx.ephemeral = EdwardsAffine::generator().y;
        });
        let admitted = match admit(&mut self.pool, &submission) {
            Ok(sequence) => sequence,
            Err(refusal) => {
                assert_eq!(refusal, MIXED);
                assert!(leg.is_some() && snapshot != 0);
                return false;
            }
        };
        if delay > 0 {
            self.delayed.insert(admitted);
        }
        true
    }

    /// Seals one batch. Checks that the ledger accepts it and that it begins with the first unit it
    /// may hold.
    fn seal(&mut self, slots: usize) {
        let first = self.pool.sealable(self.time).next();
        let first = first.map(|unit| unit.members.all()[0].0);
        let chosen = batch_at(&mut self.pool, slots, self.time);
        assert_eq!(chosen.first().map(|(sequence, _)| *sequence), first);
        if chosen.is_empty() {
            return;
        }
        let input = BatchInput {
            shape: Shape::from_slots(slots).unwrap(),
            time: self.time,
            fee_recipient: [0; 20],
            assets_root: Fr::from(7u64),
            transactions: chosen.iter().map(|(_, s)| s.transaction.clone()).collect(),
            deposits: Vec::new(),
        };
        let config = Config {
            context: Fr::from(1u64),
            fee_asset: AssetId(0),
            min_fee: 1,
        };
        let witness = self.ledger.execute(input, &config).unwrap();
        let named = word(&witness.header.oracle);
        if let Some((_, taken)) = snapshots(&TIMES).iter().find(|(id, _)| **id == named) {
            assert!(*taken <= witness.header.time, "L1 would refuse it");
        } else {
            assert_eq!(witness.header.oracle, Fr::from(0u64));
        }
        for (_, submission) in &chosen {
            assert!(submission.snapshot.is_none_or(|id| id == named));
        }
        let units: HashSet<u64> = chosen.iter().map(|(s, _)| self.pool.places[s]).collect();
        let mut units: Vec<u64> = units.into_iter().collect();
        units.sort_unstable();
        for place in units {
            let members = &self.pool.queue[&place].members;
            let mut all = members.all().iter();
            if all.all(|(sequence, _)| !self.delayed.contains(sequence)) {
                let class = (members.snapshot(), members.all().len());
                self.sealed.entry(class).or_default().push(place);
            }
        }
        self.transactions += chosen.len();
        let nullifiers: Vec<_> = chosen
            .iter()
            .flat_map(|(_, s)| s.transaction.nullifiers)
            .collect();
        let leaving = sequences(&chosen);
        self.pool
            .sealed(leaving, nullifiers, witness.new, self.time);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_queue_drains_in_its_order(
        events in proptest::collection::vec(arb_event(), 1..50),
        slots in prop_oneof![Just(4usize), Just(16)],
    ) {
        let mut sealer = Sealer {
            pool: pool_with(&TIMES),
            ledger: Ledger::new(),
            time: 100,
            sealed: HashMap::new(),
            delayed: HashSet::new(),
            transactions: 0,
        };
        let mut admitted = 0;
        for (seed, event) in (1..).zip(&events) {
            match event {
                Event::Arrive(leg, snapshot, delay) => {
                    admitted += usize::from(sealer.arrive(seed, *leg, *snapshot, *delay));
                }
                Event::Seal(slots) => {
                    sealer.seal(*slots);
                    sealer.time += 1;
                }
            }
        }
        // Every unit is valid by then, so that each batch takes something.
        sealer.time += 6;
        while !sealer.pool.queue.is_empty() {
            let before = sealer.transactions;
            sealer.seal(slots);
            prop_assert!(sealer.transactions > before);
        }
        let lone = sealer.pool.census().lone;
        prop_assert_eq!(sealer.transactions + lone, admitted);
        for places in sealer.sealed.values() {
            prop_assert!(places.is_sorted(), "{:?}", places);
        }
    }
}
