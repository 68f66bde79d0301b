//! The prices of the next batch, nothing before its time, and everything in its order.

use ark_ec::AffineRepr;
use proptest::prelude::*;
use subrosa_protocol::{
    EdwardsAffine,
    asset::AssetId,
    ledger::{BatchInput, Config, Ledger},
};

use super::*;

/// Makes a pool whose next batch has the first of these prices.
fn pool_with(all: &[u64]) -> Pool {
    let mut pool = pool(100, 100);
    assert!(pool.choose_prices(&candidates(all)));
    assert!(pool.legs_due(0) && pool.dead_legs(0).is_empty());
    pool
}

fn chosen(pool: &Pool) -> Fr {
    pool.view.prices.digest
}

fn not_before(submission: &ParsedSubmission, time: u64) -> Arc<ParsedSubmission> {
    changed(submission, |tx| tx.header.not_before = time)
}

/// Returns a state that differs from genesis in its note root.
fn later(root: u64) -> State {
    State {
        note_root: Fr::from(root),
        ..State::genesis()
    }
}

#[test]
fn only_the_next_batchs_prices_are_taken() {
    let mut pool = pool_with(&[5, 4]);
    push(&mut pool, &under(&transfer(1), 5));
    push(&mut pool, &under(&transfer(2), 0));
    for prices in [4, 6] {
        let unknown = under(&transfer(3), prices);
        assert_eq!(pool.check(&unknown), Err(Refusal::UnknownAnchor));
        assert_eq!(pool.reserve(unknown).unwrap_err(), Refusal::UnknownAnchor);
    }
    let bare = changed(&transfer(3), |tx| {
        tx.anchor = Anchor::new(State::genesis().note_root)
    });
    assert_eq!(pool.check(&bare), Err(Refusal::UnknownAnchor));
    // Prices that move end nothing that a batch has recorded.
    pool.choose_prices(&candidates(&[6]));
    assert_eq!(pool.check(&under(&transfer(3), 0)), Ok(()));
}

#[test]
fn the_prices_stay_while_a_submission_relies_on_them() {
    for lone in [false, true] {
        let mut pool = pool_with(&[5]);
        let relying = match lone {
            true => under(&leg(Side::A, 7, 1), 5),
            false => under(&transfer(1), 5),
        };
        push(&mut pool, &relying);
        push(&mut pool, &transfer(2));
        assert!(!pool.choose_prices(&candidates(&[7, 6, 5])));
        assert_eq!(chosen(&pool), Fr::from(5u64));
        // More may come under them meanwhile.
        push(&mut pool, &under(&transfer(3), 5));
        let gone = if lone { 1 } else { 0 };
        pool.remove([gone, 0, 2]);
        assert!(pool.choose_prices(&candidates(&[7, 6, 5])), "the best");
        assert_eq!(chosen(&pool), Fr::from(7u64));
        assert!(
            !pool.choose_prices(&candidates(&[7, 6, 5])),
            "chosen already"
        );
    }
}

#[test]
fn without_candidates_the_prices_stay() {
    let mut pool = pool_with(&[5]);
    assert!(!pool.choose_prices(&[]));
    assert_eq!(chosen(&pool), Fr::from(5u64));
}

#[test]
fn a_sealed_batch_records_the_anchors_of_its_prices() {
    let mut pool = pool_with(&[5]);
    let relying = [under(&transfer(1), 5), under(&transfer(2), 5)];
    for submission in &relying {
        push(&mut pool, submission);
    }
    let first = batch(&mut pool, 1);
    assert_eq!(ids(&first), [relying[0].id]);
    sealed(&mut pool, &first, later(1), 10);
    // Nobody relies on them any more, because the batch recorded them.
    assert!(pool.choose_prices(&candidates(&[6, 5])));
    assert!(pool.dead(0).is_empty());
    assert_eq!(pool.check(&under(&transfer(3), 5)), Ok(()));
    let after = changed(&transfer(3), |tx| {
        tx.anchor = later(1).anchor(&Fr::from(5u64))
    });
    assert_eq!(pool.check(&after), Ok(()));
    let next = changed(&transfer(3), |tx| {
        tx.anchor = later(1).anchor(&Fr::from(6u64))
    });
    assert_eq!(pool.check(&next), Ok(()));
    // The next batch begins with the state after this one.
    let early = under(&transfer(3), 6);
    assert_eq!(pool.check(&early), Err(Refusal::UnknownAnchor));
    assert_eq!(ids(&batch(&mut pool, 4)), [relying[1].id]);
}

#[test]
fn prices_that_a_batch_does_not_take_end_who_relies_on_them() {
    let mut pool = pool_with(&[5]);
    let single = under(&transfer(1), 5);
    let lone = under(&leg(Side::A, 7, 2), 5);
    let pair = [under(&leg(Side::A, 8, 3), 5), leg(Side::B, 8, 4)];
    let other = transfer(5);
    for submission in [&single, &lone, &pair[0], &pair[1], &other] {
        push(&mut pool, submission);
    }
    // A newer one superseded them too long ago, or the chain took them back.
    assert!(pool.choose_prices(&candidates(&[6])));
    assert!(pool.legs_due(0));
    assert!(pool.waiting(10, 0).0 > 0, "there is something to sweep");
    let mut dead = pool.dead(0);
    dead.extend(pool.dead_legs(0));
    let unknown = rejected(FinalRejection::UnknownAnchor);
    assert!(dead.iter().all(|(_, record)| *record == unknown));
    let gone: HashSet<_> = dead.iter().map(|((_, s), _)| s.id).collect();
    assert_eq!(gone, HashSet::from([single.id, lone.id, pair[0].id]));
    pool.remove(dead.iter().map(|((sequence, _), _)| *sequence));
    assert!(pool.is_lone(&pair[1].id));
    assert_eq!(ids(&batch(&mut pool, 10)), [other.id]);
}

#[test]
fn another_batch_than_the_expected_one_ends_who_relies_on_other_prices() {
    let mut pool = pool_with(&[5]);
    let relying = under(&leg(Side::A, 7, 1), 5);
    push(&mut pool, &relying);
    pool.sealed([], [], later(1), &Fr::from(6u64), 10);
    assert!(pool.legs_due(0));
    let unknown = rejected(FinalRejection::UnknownAnchor);
    assert_eq!(pool.dead_legs(0)[0].1, unknown);
    // The batch's own prices serve, and so do those expected here under the new state.
    for prices in [6, 5] {
        let next = changed(&transfer(3), |tx| {
            tx.anchor = later(1).anchor(&Fr::from(prices as u64))
        });
        assert_eq!(pool.check(&next), Ok(()));
    }
}

#[test]
fn legs_pair_whatever_their_anchors_hold() {
    for (one, other) in [(5, 5), (5, 0), (0, 5), (0, 0)] {
        let mut pool = pool_with(&[5]);
        push(&mut pool, &under(&leg(Side::A, 7, 1), one));
        push(&mut pool, &under(&leg(Side::B, 7, 2), other));
        assert_eq!(batch(&mut pool, 10).len(), 2);
    }
}

#[test]
fn after_a_restart_the_prices_are_chosen_before_legs_pair() {
    let stored = [under(&leg(Side::A, 7, 1), 5), under(&leg(Side::B, 7, 2), 5)];
    let mut view = view();
    assert!(view.choose_prices(&candidates(&[6, 5]), stored.iter()));
    assert_eq!(view.prices.digest, Fr::from(5u64));
    let config = AdmissionConfig::default();
    let mut pool = Pool::new(&config, view, 0, SystemClock::shared());
    for (sequence, submission) in (0..).zip(&stored) {
        pool.restore(sequence, submission.clone()).unwrap();
    }
    assert_eq!(ids(&batch(&mut pool, 4)), [stored[0].id, stored[1].id]);
}

#[test]
fn nothing_is_sealed_before_its_time() {
    let mut pool = pool_with(&[5]);
    let early = not_before(&under(&transfer(1), 5), 20);
    let other = under(&transfer(3), 5);
    for submission in [&early, &other] {
        push(&mut pool, submission);
    }
    assert_eq!(pool.waiting(10, 19).0, 1);
    let first = batch_at(&mut pool, 10, 19);
    assert_eq!(ids(&first), [other.id]);
    sealed(&mut pool, &first, State::genesis(), 0);
    assert_eq!(pool.waiting(10, 19), (0, None));
    assert!(batch_at(&mut pool, 10, 19).is_empty());
    assert_eq!(ids(&batch_at(&mut pool, 10, 20)), [early.id]);
}

#[test]
fn a_pair_waits_for_its_later_leg() {
    let mut pool = pool_with(&[5]);
    let (a, b) = (leg(Side::A, 7, 1), not_before(&leg(Side::B, 7, 2), 20));
    push(&mut pool, &a);
    push(&mut pool, &b);
    assert!(batch_at(&mut pool, 10, 19).is_empty());
    assert_eq!(batch_at(&mut pool, 10, 20).len(), 2);
}

/// An arrival, prices, or a batch of this many slots.
#[derive(Debug, Clone)]
enum Event {
    /// Terms and side if it is a leg; whether it relies on the next batch's prices; seconds until
    /// it is valid.
    Arrive(Option<(u8, bool)>, bool, u8),
    /// The chain has a newer snapshot.
    Snapshot,
    Seal(usize),
}

fn arb_event() -> impl Strategy<Value = Event> {
    let delay = prop_oneof![4 => Just(0u8), 1 => 1u8..6];
    let arrive = (
        proptest::option::of((0u8..4, any::<bool>())),
        any::<bool>(),
        delay,
    );
    prop_oneof![
        6 => arrive.prop_map(|(leg, relies, delay)| Event::Arrive(leg, relies, delay)),
        1 => Just(Event::Snapshot),
        1 => prop_oneof![Just(4usize), Just(16)].prop_map(Event::Seal),
    ]
}

struct Sealer {
    pool: Pool,
    ledger: Ledger,
    time: u64,
    /// Snapshots of the chain, the newest first.
    snapshots: Vec<u64>,
    /// Places of the units that could be sealed when they arrived, by length.
    sealed: HashMap<usize, Vec<u64>>,
    delayed: HashSet<u64>,
    transactions: usize,
}

impl Sealer {
    fn arrive(&mut self, seed: u64, leg: Option<(u8, bool)>, relies: bool, delay: u8) {
        let (kind, terms) = match leg {
            None => (Kind::Transfer, 0),
            Some((terms, a)) => (
                Kind::leg(if a { Side::A } else { Side::B }),
                1 + u64::from(terms),
            ),
        };
        let made = make(seed, notes(seed), kind, terms, 100_000);
        let time = self.time + u64::from(delay);
        let next = self.pool.next_anchor;
        let submission = changed(&made, |tx| {
            if relies {
                tx.anchor = next;
            }
            tx.header.not_before = time;
            tx.ephemeral = EdwardsAffine::generator().y;
        });
        let admitted = admit(&mut self.pool, &submission).unwrap();
        if delay > 0 {
            self.delayed.insert(admitted);
        }
    }

    fn choose(&mut self) {
        self.pool.choose_prices(&candidates(&self.snapshots));
    }

    /// Seals one batch. Checks that the ledger accepts it whole, and that it begins with the first
    /// unit it may hold.
    fn seal(&mut self, slots: usize) {
        self.choose();
        assert!(self.pool.dead(self.time).is_empty(), "nothing is lost");
        let first = self.pool.sealable(self.time).next();
        let first = first.map(|unit| unit.members.all()[0].0);
        let chosen = batch_at(&mut self.pool, slots, self.time);
        assert_eq!(chosen.first().map(|(sequence, _)| *sequence), first);
        if chosen.is_empty() {
            return;
        }
        let prices = self.pool.view.prices.digest;
        let input = BatchInput {
            shape: Shape::from_slots(slots).unwrap(),
            time: self.time,
            fee_recipient: [0; 20],
            assets_root: Fr::from(7u64),
            prices,
            transactions: chosen.iter().map(|(_, s)| s.transaction.clone()).collect(),
            deposits: Vec::new(),
        };
        let config = Config {
            context: Fr::from(1u64),
            fee_asset: AssetId(0),
            min_fee: 1,
        };
        let witness = self.ledger.execute(input, &config).unwrap();
        let units: HashSet<u64> = chosen.iter().map(|(s, _)| self.pool.places[s]).collect();
        let mut units: Vec<u64> = units.into_iter().collect();
        units.sort_unstable();
        for place in units {
            let members = &self.pool.queue[&place].members;
            let mut all = members.all().iter();
            if all.all(|(sequence, _)| !self.delayed.contains(sequence)) {
                let length = members.all().len();
                self.sealed.entry(length).or_default().push(place);
            }
        }
        self.transactions += chosen.len();
        sealed(&mut self.pool, &chosen, witness.new, self.time);
        self.choose();
        let recorded = self.ledger.history().leaves();
        let known = &self.pool.view.anchors;
        assert!(
            recorded
                .iter()
                .all(|leaf| known.contains(&Anchor::new(*leaf)))
        );
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
            pool: pool_with(&[1]),
            ledger: Ledger::new(),
            time: 100,
            snapshots: Vec::from([1]),
            sealed: HashMap::new(),
            delayed: HashSet::new(),
            transactions: 0,
        };
        let mut arrived = 0;
        for (seed, event) in (1..).zip(&events) {
            match event {
                Event::Arrive(leg, relies, delay) => {
                    sealer.arrive(seed, *leg, *relies, *delay);
                    arrived += 1;
                }
                Event::Snapshot => {
                    sealer.snapshots.insert(0, 1 + seed);
                    sealer.choose();
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
        prop_assert_eq!(sealer.transactions + lone, arrived);
        for places in sealer.sealed.values() {
            prop_assert!(places.is_sorted(), "{:?}", places);
        }
    }
}
