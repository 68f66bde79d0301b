use rand::SeedableRng;
use rand::rngs::StdRng;
use subrosa_protocol::batch::Shape;

use super::*;
use crate::submission::ParsedSubmission;

fn view() -> SealedView {
    let state = State::genesis();
    SealedView {
        anchors: HashSet::from([word(&state.note_root)]),
        spent: HashSet::new(),
        state,
        assets_root: Fr::from(7u64),
        time: 0,
    }
}

fn submission(seed: u64, nullifiers: [u64; 3]) -> Arc<ParsedSubmission> {
    use subrosa_protocol::asset::AssetId;
    use subrosa_protocol::encryption::NoteData;
    use subrosa_protocol::transaction::{Header, Kind, Transaction};
    let mut rng = StdRng::seed_from_u64(seed);
    let expiry = 100 + seed;
    let transaction = Transaction {
        anchor: State::genesis().note_root,
        assets_root: Fr::from(7u64),
        header: Header::new(Kind::Transfer, AssetId(0), 1, expiry).unwrap(),
        withdrawal: None,
        terms: Fr::from(0u64),
        oracle: Fr::from(0u64),
        nullifiers: nullifiers.map(Fr::from),
        commitments: [1u64, 2, 3].map(|i| Fr::from(seed * 10 + i)),
        ephemeral: Fr::from(rand::Rng::r#gen::<u64>(&mut rng)),
        audit: Default::default(),
        note_data: NoteData([0; 169]),
    };
    let mut bytes = transaction.to_bytes();
    bytes.extend_from_slice(&[0; 128]);
    Arc::new(ParsedSubmission::parse(bytes, &Fr::from(1u64)).unwrap())
}

fn admit(pool: &mut Pool, submission: &Arc<ParsedSubmission>) -> Result<u64, Refusal> {
    let sequence = pool.reserve(submission.clone())?;
    pool.confirm(sequence);
    Ok(sequence)
}

#[test]
fn of_two_with_a_common_nullifier_the_first_gets_in() {
    let mut pool = Pool::new(10, view(), 0);
    let first = submission(1, [1, 2, 3]);
    admit(&mut pool, &first).unwrap();
    let second = submission(2, [4, 5, 3]);
    assert_eq!(admit(&mut pool, &second), Err(Refusal::NullifierPending));
    pool.remove(0);
    assert_eq!(admit(&mut pool, &second), Ok(1));
}

#[test]
fn what_is_not_stored_is_not_sealed() {
    let mut pool = Pool::new(10, view(), 0);
    let sequence = pool.reserve(submission(1, [1, 2, 3])).unwrap();
    assert!(pool.take(10).is_empty());
    pool.confirm(sequence);
    assert_eq!(pool.take(10).len(), 1);
    assert!(pool.take(10).is_empty(), "taken twice");
    pool.give_back([sequence]);
    assert_eq!(pool.take(10).len(), 1);
}

#[test]
fn order_is_kept_and_capacity_holds() {
    let mut pool = Pool::new(3, view(), 5);
    for i in 0..3 {
        let nullifiers = [10 * i + 1, 10 * i + 2, 10 * i + 3];
        assert_eq!(admit(&mut pool, &submission(i, nullifiers)), Ok(5 + i));
    }
    let over = submission(9, [91, 92, 93]);
    assert_eq!(admit(&mut pool, &over), Err(Refusal::MempoolFull));
    let order: Vec<u64> = pool.take(2).iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(order, [5, 6]);
}

#[test]
fn sealing_spends_and_dropping_unspends() {
    let mut pool = Pool::new(10, view(), 0);
    let first = submission(1, [1, 2, 3]);
    let sequence = admit(&mut pool, &first).unwrap();
    let before = pool.view().clone();
    let mut state = State::genesis();
    state.note_root = Fr::from(Shape::S4.slots() as u64);
    pool.sealed([sequence], first.nullifiers, state, 50);
    assert_eq!(pool.len(), 0);
    let again = submission(2, [3, 8, 9]);
    assert_eq!(admit(&mut pool, &again), Err(Refusal::NullifierSpent));
    assert!(pool.view().anchors.contains(&word(&state.note_root)));
    pool.dropped(before);
    pool.restore(sequence, first).unwrap();
    assert_eq!(admit(&mut pool, &again), Err(Refusal::NullifierPending));
    assert_eq!(pool.take(1)[0].0, sequence);
}

#[test]
fn the_expired_and_the_stale_are_found() {
    let mut pool = Pool::new(10, view(), 0);
    let first = submission(1, [1, 2, 3]);
    let second = submission(2, [4, 5, 6]);
    admit(&mut pool, &first).unwrap();
    admit(&mut pool, &second).unwrap();
    // Inclusive: at its expiry a transaction is still valid.
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
