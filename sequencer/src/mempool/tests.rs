mod prices;
mod schedules;

use rand::{SeedableRng, rngs::StdRng};
use subrosa_clock::SystemClock;
use subrosa_protocol::{
    batch::Shape,
    element::NoteCommitment,
    ledger::paired,
    swap::Side,
    transaction::{Kind, Transaction},
};

use super::*;
use crate::submission::ParsedSubmission;

fn view() -> SealedView {
    let state = State::genesis();
    SealedView {
        anchors: HashSet::from([state.anchor(&Fr::from(0u64))]),
        prices: Prices::default(),
        spent: HashSet::new(),
        state,
        assets_root: Fr::from(7u64),
        time: 0,
        last_prices: Fr::from(0u64),
    }
}

fn pool(capacity: usize, lone_legs: usize) -> Pool {
    let config = AdmissionConfig {
        mempool_capacity: capacity,
        lone_legs,
        ..AdmissionConfig::default()
    };
    let mut pool = Pool::new(&config, view(), 0, SystemClock::shared());
    assert!(pool.legs_due(0) && pool.dead_legs(0).is_empty());
    pool
}

fn submission(seed: u64, nullifiers: [u64; 3]) -> Arc<ParsedSubmission> {
    make(seed, nullifiers, Kind::Transfer, 0, 100 + seed)
}

fn make(
    seed: u64,
    nullifiers: [u64; 3],
    kind: Kind,
    terms: u64,
    expiry: u64,
) -> Arc<ParsedSubmission> {
    use subrosa_protocol::{
        asset::AssetId,
        encryption::{NOTE_DATA_LEN, NoteData},
        transaction::Header,
    };
    let mut rng = StdRng::seed_from_u64(seed);
    let transaction = Transaction {
        anchor: State::genesis().anchor(&Fr::from(0u64)),
        assets_root: Fr::from(7u64),
        header: Header::new(kind, AssetId(0), 1, expiry).unwrap(),
        withdrawal: None,
        terms: Fr::from(terms),
        nullifiers: nullifiers.map(|nf| Nullifier::of(Fr::from(nf))),
        commitments: [1u64, 2, 3].map(|i| NoteCommitment::new(Fr::from(seed * 10 + i))),
        ephemeral: Fr::from(rand::Rng::r#gen::<u64>(&mut rng)),
        audit: Default::default(),
        note_data: NoteData([0; NOTE_DATA_LEN]),
    };
    parsed(&transaction)
}

fn parsed(transaction: &Transaction) -> Arc<ParsedSubmission> {
    let mut bytes = transaction.to_bytes();
    bytes.extend_from_slice(&[0; 128]);
    Arc::new(ParsedSubmission::parse(bytes, &Fr::from(1u64)).unwrap())
}

/// Returns the same submission with a change.
fn changed(
    submission: &ParsedSubmission,
    change: impl FnOnce(&mut Transaction),
) -> Arc<ParsedSubmission> {
    let mut transaction = submission.transaction.clone();
    change(&mut transaction);
    parsed(&transaction)
}

/// Returns the same submission under the anchor of the genesis state with these prices. A batch has
/// recorded the anchor with the prices 0.
fn under(submission: &ParsedSubmission, prices: u64) -> Arc<ParsedSubmission> {
    let anchor = State::genesis().anchor(&Fr::from(prices));
    changed(submission, |tx| tx.anchor = anchor)
}

/// Returns prices that may be chosen, the best first.
fn candidates(all: &[u64]) -> Vec<Prices> {
    let all = all.iter();
    all.map(|id| Prices {
        digest: Fr::from(*id),
        time: *id,
    })
    .collect()
}

/// Seals the chosen submissions under the pool's prices, with this state after them.
fn sealed(pool: &mut Pool, chosen: &[Sequenced], state: State, time: u64) {
    let nullifiers: Vec<_> = chosen
        .iter()
        .flat_map(|(_, s)| s.transaction.nullifiers)
        .collect();
    let prices = pool.view.prices.digest;
    pool.sealed(sequences(chosen), nullifiers, state, &prices, time);
}

fn admit(pool: &mut Pool, submission: &Arc<ParsedSubmission>) -> Result<u64, Refusal> {
    let reserved = pool.reserve(submission.clone())?;
    assert!(reserved.dropped.is_empty());
    pool.confirm(reserved.sequence);
    Ok(reserved.sequence)
}

#[test]
fn of_two_with_a_common_nullifier_the_first_gets_in() {
    let mut pool = pool(10, 10);
    let first = submission(1, [1, 2, 3]);
    admit(&mut pool, &first).unwrap();
    let second = submission(2, [4, 5, 3]);
    assert_eq!(admit(&mut pool, &second), Err(Refusal::NullifierPending));
    pool.remove([0]);
    assert_eq!(admit(&mut pool, &second), Ok(1));
}

#[test]
fn what_is_not_stored_is_not_sealed() {
    let mut pool = pool(10, 10);
    let Reserved { sequence, .. } = pool.reserve(submission(1, [1, 2, 3])).unwrap();
    assert!(pool.take(10, 0).is_empty());
    pool.confirm(sequence);
    assert_eq!(pool.take(10, 0).len(), 1);
    assert!(pool.take(10, 0).is_empty(), "taken twice");
    pool.give_back([sequence]);
    assert_eq!(pool.take(10, 0).len(), 1);
}

#[test]
fn order_is_kept_and_capacity_holds() {
    let mut pool = pool(3, 10);
    pool.next_sequence = 5;
    for i in 0..3 {
        let nullifiers = [10 * i + 1, 10 * i + 2, 10 * i + 3];
        assert_eq!(admit(&mut pool, &submission(i, nullifiers)), Ok(5 + i));
    }
    let over = submission(9, [91, 92, 93]);
    assert_eq!(admit(&mut pool, &over), Err(Refusal::MempoolFull));
    let order: Vec<u64> = pool
        .take(2, 0)
        .iter()
        .map(|(sequence, _)| *sequence)
        .collect();
    assert_eq!(order, [5, 6]);
}

#[test]
fn sealing_spends_and_dropping_unspends() {
    let mut pool = pool(10, 10);
    let first = submission(1, [1, 2, 3]);
    let sequence = admit(&mut pool, &first).unwrap();
    let before = pool.view().clone();
    let mut state = State::genesis();
    state.note_root = Fr::from(Shape::S4.slots() as u64);
    let (nullifiers, prices) = (first.transaction.nullifiers, Fr::from(5u64));
    pool.sealed([sequence], nullifiers, state, &prices, 50);
    assert_eq!(pool.census().queued, 0);
    let again = submission(2, [3, 8, 9]);
    assert_eq!(admit(&mut pool, &again), Err(Refusal::NullifierSpent));
    for recorded in [State::genesis(), state] {
        assert!(pool.view().anchors.contains(&recorded.anchor(&prices)));
    }
    pool.dropped(before);
    pool.restore(sequence, first).unwrap();
    assert_eq!(admit(&mut pool, &again), Err(Refusal::NullifierPending));
    assert_eq!(pool.take(1, 0)[0].0, sequence);
}

#[test]
fn the_expired_and_the_stale_are_found() {
    let mut pool = pool(10, 10);
    let first = submission(1, [1, 2, 3]);
    let second = submission(2, [4, 5, 6]);
    admit(&mut pool, &first).unwrap();
    admit(&mut pool, &second).unwrap();
    // A transaction is still valid at its expiry.
    assert!(pool.dead(101).is_empty());
    let dead = pool.dead(102);
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].0.1.id, first.id);
    assert_eq!(dead[0].1, TransactionRecord::Expired);
    pool.set_assets_root(Fr::from(8u64));
    let dead = pool.dead(102);
    assert_eq!(dead.len(), 1);
    assert_eq!(
        dead[0].1,
        TransactionRecord::Rejected {
            reason: FinalRejection::StaleAssets
        }
    );
}

/// Makes a leg with nullifiers of its own.
fn leg(side: Side, terms: u64, seed: u64) -> Arc<ParsedSubmission> {
    leg_until(side, terms, seed, 1_000)
}

fn leg_until(side: Side, terms: u64, seed: u64, expiry: u64) -> Arc<ParsedSubmission> {
    make(seed, notes(seed), Kind::leg(side), terms, expiry)
}

fn notes(seed: u64) -> [u64; 3] {
    [1_000 * seed + 1, 1_000 * seed + 2, 1_000 * seed + 3]
}

fn transfer(seed: u64) -> Arc<ParsedSubmission> {
    make(seed, notes(seed), Kind::Transfer, 0, 1_000)
}

/// Admits a submission and returns the legs that gave way.
fn push(
    pool: &mut Pool,
    submission: &Arc<ParsedSubmission>,
) -> Vec<(TransactionDigest, TransactionRecord)> {
    let reserved = pool.reserve(submission.clone()).unwrap();
    pool.confirm(reserved.sequence);
    let dropped = reserved.dropped.iter();
    dropped.map(|((_, s), record)| (s.id, *record)).collect()
}

fn rejected(reason: FinalRejection) -> TransactionRecord {
    TransactionRecord::Rejected { reason }
}

/// Takes a batch of `slots` slots, and checks that the ledger accepts it.
fn batch(pool: &mut Pool, slots: usize) -> Vec<Sequenced> {
    batch_at(pool, slots, 0)
}

fn batch_at(pool: &mut Pool, slots: usize, time: u64) -> Vec<Sequenced> {
    let taken = pool.take(slots, time);
    let transactions: Vec<_> = taken.iter().map(|(_, s)| s.transaction.clone()).collect();
    paired(&transactions).unwrap();
    assert!(taken.len() <= slots);
    taken
}

fn ids(batch: &[Sequenced]) -> Vec<TransactionDigest> {
    batch.iter().map(|(_, s)| s.id).collect()
}

fn sequences(batch: &[Sequenced]) -> Vec<u64> {
    batch.iter().map(|(sequence, _)| *sequence).collect()
}

#[test]
fn legs_pair_in_any_order_and_a_comes_first() {
    let (a, b) = (leg(Side::A, 7, 1), leg(Side::B, 7, 2));
    for order in [[&a, &b], [&b, &a]] {
        let mut pool = pool(10, 10);
        push(&mut pool, order[0]);
        assert!(pool.is_lone(&order[0].id));
        assert_eq!(pool.waiting(10, 0), (0, None), "a lone leg is not sealable");
        assert!(batch(&mut pool, 10).is_empty());
        push(&mut pool, order[1]);
        assert!(!pool.is_lone(&a.id) && !pool.is_lone(&b.id));
        let census = Census {
            queued: 2,
            pairs: 1,
            lone: 0,
        };
        assert_eq!(pool.census(), census);
        assert_eq!(pool.waiting(10, 0).0, 2);
        assert_eq!(ids(&batch(&mut pool, 10)), [a.id, b.id]);
        assert!(batch(&mut pool, 10).is_empty(), "taken twice");
    }
}

#[test]
fn legs_of_other_terms_or_of_one_side_do_not_pair() {
    let mut pool = pool(10, 10);
    push(&mut pool, &leg(Side::A, 7, 1));
    push(&mut pool, &leg(Side::B, 8, 2));
    push(&mut pool, &leg(Side::A, 7, 3));
    assert_eq!(pool.census().lone, 3);
    assert!(batch(&mut pool, 10).is_empty());
}

#[test]
fn of_legs_made_twice_the_first_pairs_first() {
    let mut pool = pool(10, 10);
    let (a1, a2) = (leg(Side::A, 7, 1), leg(Side::A, 7, 2));
    let (b1, b2) = (leg(Side::B, 7, 3), leg(Side::B, 7, 4));
    for s in [&a1, &a2, &b1] {
        push(&mut pool, s);
    }
    assert!(pool.is_lone(&a2.id));
    push(&mut pool, &b2);
    assert_eq!(
        ids(&batch(&mut pool, 10)),
        [a1.id, b1.id, a2.id, b2.id],
        "two swaps"
    );
}

#[test]
fn the_place_of_a_pair_is_that_of_its_later_leg() {
    let mut pool = pool(10, 10);
    let (a, b) = (leg(Side::A, 7, 1), leg(Side::B, 7, 2));
    let singles: Vec<_> = (3..6).map(transfer).collect();
    for s in [&a, &singles[0], &singles[1], &b, &singles[2]] {
        push(&mut pool, s);
    }
    let expected = [singles[0].id, singles[1].id, a.id, b.id, singles[2].id];
    assert_eq!(ids(&batch(&mut pool, 10)), expected);
}

#[test]
fn a_pair_is_not_split_over_batches_and_not_starved() {
    let mut pool = pool(100, 10);
    let (a, b) = (leg(Side::A, 7, 1), leg(Side::B, 7, 2));
    for seed in 10..13 {
        push(&mut pool, &transfer(seed));
    }
    push(&mut pool, &a);
    push(&mut pool, &b);
    for seed in 13..20 {
        push(&mut pool, &transfer(seed));
    }
    // Three of four slots are taken: the pair does not fit, but a later transfer does.
    let first = batch(&mut pool, 4);
    let transfers: Vec<_> = (10..14).map(|seed| transfer(seed).id).collect();
    assert_eq!(ids(&first), transfers);
    sealed(&mut pool, &first, State::genesis(), 1);
    // The pair is first now, however many wait behind it.
    assert_eq!(ids(&batch(&mut pool, 4))[..2], [a.id, b.id]);
}

#[test]
fn one_slot_stays_empty_rather_than_hold_half_a_swap() {
    let mut pool = pool(100, 10);
    push(&mut pool, &transfer(10));
    for terms in 1..4 {
        push(&mut pool, &leg(Side::A, terms, 20 + terms));
        push(&mut pool, &leg(Side::B, terms, 30 + terms));
    }
    assert!(pool.waiting(4, 0).0 >= 4, "enough for a full batch");
    let first = batch(&mut pool, 4);
    assert_eq!(first.len(), 3);
    sealed(&mut pool, &first, State::genesis(), 1);
    assert_eq!(batch(&mut pool, 4).len(), 4);
}

#[test]
fn a_lone_leg_is_dropped_at_its_expiry_and_not_before() {
    let mut pool = pool(10, 10);
    let a = leg_until(Side::A, 7, 1, 50);
    push(&mut pool, &a);
    assert!(!pool.legs_due(50), "inclusive");
    assert!(pool.dead_legs(50).is_empty());
    assert!(pool.legs_due(51));
    let dead = pool.dead_legs(51);
    assert_eq!(ids(&[dead[0].0.clone()]), [a.id]);
    assert_eq!(dead[0].1, TransactionRecord::Expired);
    assert!(!pool.legs_due(51) && pool.dead_legs(51).is_empty(), "once");
    // Its counterpart does not find it any more.
    push(&mut pool, &leg(Side::B, 7, 2));
    assert!(batch(&mut pool, 10).is_empty());
    pool.remove([dead[0].0.0]);
    assert!(!pool.contains(&a.id));
    // Its notes are free.
    push(&mut pool, &transfer(1));
}

#[test]
fn a_lone_leg_that_is_being_written_is_not_swept() {
    let mut pool = pool(10, 10);
    let a = leg_until(Side::A, 7, 1, 50);
    let Reserved { sequence, .. } = pool.reserve(a).unwrap();
    assert!(pool.dead_legs(51).is_empty());
    pool.confirm(sequence);
    assert!(pool.legs_due(51));
    assert_eq!(pool.dead_legs(51).len(), 1);
}

#[test]
fn whoever_spends_the_notes_of_a_lone_leg_ends_it() {
    let mut pool = pool(10, 10);
    let a = leg(Side::A, 7, 1);
    push(&mut pool, &a);
    let spend = make(9, [5, notes(1)[2], 6], Kind::Transfer, 0, 1_000);
    let spent = rejected(FinalRejection::NullifierSpent);
    assert_eq!(push(&mut pool, &spend), [(a.id, spent)]);
    assert!(!pool.contains(&a.id));
    // The counterpart waits and settles nothing.
    let b = leg(Side::B, 7, 2);
    push(&mut pool, &b);
    assert!(pool.is_lone(&b.id));
    assert_eq!(ids(&batch(&mut pool, 10)), [spend.id]);
}

#[test]
fn the_notes_of_a_pair_are_held() {
    let mut pool = pool(10, 10);
    push(&mut pool, &leg(Side::A, 7, 1));
    push(&mut pool, &leg(Side::B, 7, 2));
    for seed in [1, 2] {
        assert_eq!(
            pool.reserve(transfer(seed)).unwrap_err(),
            Refusal::NullifierPending
        );
        let other = make(3, notes(seed), Kind::SwapA, 8, 1_000);
        assert_eq!(pool.reserve(other).unwrap_err(), Refusal::NullifierPending);
    }
}

#[test]
fn many_lone_legs_take_many_notes() {
    let mut pool = pool(10, 10);
    let a = leg(Side::A, 7, 1);
    push(&mut pool, &a);
    let again = make(3, notes(1), Kind::SwapB, 8, 1_000);
    assert_eq!(pool.reserve(again).unwrap_err(), Refusal::NullifierPending);
    // A leg that completes a swap spends the note, and the lone leg gives way.
    push(&mut pool, &leg(Side::A, 8, 2));
    let completing = make(4, [notes(1)[0], 11, 12], Kind::SwapB, 8, 1_000);
    let spent = rejected(FinalRejection::NullifierSpent);
    assert_eq!(push(&mut pool, &completing), [(a.id, spent)]);
    assert_eq!(batch(&mut pool, 10).len(), 2);
}

#[test]
fn a_leg_does_not_complete_one_with_its_own_note() {
    let mut pool = pool(10, 10);
    push(&mut pool, &leg(Side::A, 7, 1));
    let own = make(2, [notes(1)[0], 11, 12], Kind::SwapB, 7, 1_000);
    assert_eq!(pool.reserve(own).unwrap_err(), Refusal::NullifierPending);
    assert!(batch(&mut pool, 10).is_empty());
}

#[test]
fn legs_of_an_old_assets_root_end_and_hold_nothing() {
    let mut pool = pool(10, 10);
    let a = leg(Side::A, 7, 1);
    push(&mut pool, &a);
    pool.set_assets_root(Fr::from(8u64));
    let remake = |seed, note, kind| {
        let made = make(seed, notes(note), kind, 7, 1_000);
        changed(&made, |tx| tx.assets_root = Fr::from(8u64))
    };
    // Before any sweep, no leg is paired with it.
    let b = remake(4, 2, Kind::SwapB);
    push(&mut pool, &b);
    assert!(pool.is_lone(&b.id));
    // Its notes are free for a new leg, which removes it as stale.
    let stale = rejected(FinalRejection::StaleAssets);
    let again = remake(5, 1, Kind::SwapA);
    assert_eq!(push(&mut pool, &again), [(a.id, stale)]);
    assert_eq!(ids(&batch(&mut pool, 4)), [again.id, b.id]);
    assert!(pool.legs_due(0));
    assert!(pool.dead_legs(0).is_empty());
    assert!(!pool.legs_due(0));
}

#[test]
fn a_swept_leg_has_one_fate_whoever_stores_it() {
    let mut pool = pool(10, 10);
    let a = leg_until(Side::A, 7, 1, 50);
    push(&mut pool, &a);
    let swept = pool.dead_legs(51);
    // A transfer spends its note while the sweep is on its way to disk.
    let dropped = push(&mut pool, &transfer(1));
    assert_eq!(dropped, [(a.id, swept[0].1)]);
    pool.remove([swept[0].0.0]);
    assert_eq!(batch(&mut pool, 10).len(), 1, "the transfer is untouched");
}

#[test]
fn what_is_left_of_a_pair_waits_again() {
    let mut pool = pool(10, 10);
    let (a, b) = (leg_until(Side::A, 7, 1, 50), leg_until(Side::B, 7, 2, 90));
    push(&mut pool, &a);
    push(&mut pool, &b);
    let dead = pool.dead(60);
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].0.1.id, a.id);
    assert!(batch(&mut pool, 10).is_empty(), "neither is sealed");
    pool.remove([dead[0].0.0]);
    assert!(!pool.contains(&a.id) && pool.is_lone(&b.id));
    assert!(!pool.legs_due(90) && pool.legs_due(91));
    // Another counterpart completes it.
    let again = leg_until(Side::A, 7, 3, 90);
    push(&mut pool, &again);
    assert_eq!(ids(&batch(&mut pool, 10)), [again.id, b.id]);
}

#[test]
fn what_is_left_of_a_pair_joins_who_waits() {
    let mut pool = pool(10, 10);
    let (a1, a2) = (leg_until(Side::A, 7, 1, 50), leg(Side::A, 7, 2));
    let b = leg(Side::B, 7, 3);
    for s in [&a1, &b, &a2] {
        push(&mut pool, s);
    }
    assert!(pool.is_lone(&a2.id));
    let dead = pool.dead(51);
    pool.remove(dead.iter().map(|((sequence, _), _)| *sequence));
    assert_eq!(ids(&batch(&mut pool, 10)), [a2.id, b.id]);
}

#[test]
fn the_leg_that_ends_last_gives_way() {
    let mut pool = pool(10, 3);
    let expiries = [50, 90, 70];
    let legs: Vec<_> = (1..4)
        .map(|i| leg_until(Side::A, i, i, expiries[i as usize - 1]))
        .collect();
    for leg in &legs {
        push(&mut pool, leg);
    }
    let displaced = rejected(FinalRejection::Displaced);
    for expiry in [90, 91] {
        let late = leg_until(Side::A, 4, 4, expiry);
        assert_eq!(pool.reserve(late).unwrap_err(), Refusal::LegsFull);
    }
    let early = leg_until(Side::A, 5, 5, 60);
    assert_eq!(push(&mut pool, &early), [(legs[1].id, displaced)]);
    assert_eq!(pool.census().lone, 3);
    // A counterpart needs no place, and frees one.
    let b = leg_until(Side::B, 1, 6, 50);
    assert_eq!(push(&mut pool, &b), []);
    assert_eq!(pool.census().lone, 2);
    assert_eq!(ids(&batch(&mut pool, 4)), [legs[0].id, b.id]);
    // Transfers need no place either.
    push(&mut pool, &transfer(8));
}

#[test]
fn a_full_mempool_keeps_pairs_waiting_and_lone_legs_out_of_it() {
    let mut pool = pool(3, 10);
    let a = leg(Side::A, 7, 1);
    push(&mut pool, &a);
    push(&mut pool, &transfer(10));
    push(&mut pool, &transfer(11));
    let b = leg(Side::B, 7, 2);
    assert_eq!(pool.reserve(b.clone()).unwrap_err(), Refusal::MempoolFull);
    assert!(pool.is_lone(&a.id), "it waits on");
    push(&mut pool, &leg(Side::A, 9, 3));
    let first = batch(&mut pool, 1);
    sealed(&mut pool, &first, State::genesis(), 1);
    push(&mut pool, &b);
    assert_eq!(pool.census().queued, 3);
}

#[test]
fn what_was_stored_pairs_again() {
    let order = [
        leg(Side::A, 7, 1),
        transfer(10),
        leg(Side::A, 7, 2),
        leg(Side::B, 7, 3),
        leg(Side::B, 8, 4),
    ];
    let mut before = pool(10, 10);
    let mut after = pool(10, 10);
    for (sequence, submission) in order.iter().enumerate() {
        push(&mut before, submission);
        after.restore(sequence as u64, submission.clone()).unwrap();
    }
    assert_eq!(before.census(), after.census());
    assert_eq!(ids(&batch(&mut before, 10)), ids(&batch(&mut after, 10)));
    assert_eq!(after.next_sequence, 5);
}

#[test]
fn a_dropped_batch_comes_back_with_its_pairs() {
    let mut pool = pool(10, 10);
    let (a, b) = (leg(Side::A, 7, 1), leg(Side::B, 7, 2));
    let single = transfer(3);
    for s in [&a, &single, &b] {
        push(&mut pool, s);
    }
    let before = pool.view().clone();
    let taken = batch(&mut pool, 4);
    sealed(&mut pool, &taken, State::genesis(), 5);
    assert_eq!(pool.census().queued, 0);
    // Another leg of the same terms waits meanwhile, and does not break the pair.
    let other = leg(Side::B, 7, 4);
    push(&mut pool, &other);
    pool.dropped(before);
    pool.restore_batch(taken.clone()).unwrap();
    assert!(pool.is_lone(&other.id));
    assert_eq!(ids(&batch(&mut pool, 4)), ids(&taken));
    assert_eq!(
        pool.reserve(transfer(1)).unwrap_err(),
        Refusal::NullifierPending
    );
}

#[test]
fn thousands_of_lone_legs_are_in_nobodys_way() {
    let mut pool = pool(100, 4_096);
    let honest = leg_until(Side::A, 1, 1, 500);
    push(&mut pool, &honest);
    for i in 0..5_000 {
        let hostile = leg_until(Side::A, 10_000 + i, 10_000 + i, 900);
        match pool.reserve(hostile) {
            Ok(Reserved { sequence, .. }) => pool.confirm(sequence),
            Err(refusal) => assert_eq!(refusal, Refusal::LegsFull),
        }
    }
    assert_eq!(pool.census().lone, 4_096);
    // A transfer, a counterpart and both legs of another honest swap.
    push(&mut pool, &transfer(2));
    let b = leg_until(Side::B, 1, 3, 500);
    push(&mut pool, &b);
    assert_eq!(pool.census().lone, 4_095);
    let refill = leg_until(Side::A, 9, 9, 900);
    push(&mut pool, &refill);
    let second = [leg_until(Side::A, 2, 4, 500), leg_until(Side::B, 2, 5, 500)];
    assert_eq!(push(&mut pool, &second[0]).len(), 1, "one gives way");
    push(&mut pool, &second[1]);
    let expected = [transfer(2).id, honest.id, b.id, second[0].id, second[1].id];
    assert_eq!(ids(&batch(&mut pool, 64)), expected);
}
