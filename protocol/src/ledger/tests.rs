mod model;
mod pairs;
mod rules;

use ark_ec::CurveGroup;
use ark_ff::UniformRand;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::batch::Shape;
use crate::element::{Anchor, NoteCommitment, Nullifier};
use crate::encoding::CodecError;
use crate::encryption::{AuditWords, NOTE_DATA_LEN, NoteData};
use crate::nullifier_tree::NullifierError;
use crate::transaction::{Context, Header, Kind, Transaction, Withdrawal};
use crate::tree::{AppendTree, DEPTH, TreeError};
use crate::{EdwardsProjective, Scalar};

pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn config() -> Config {
    let context = Context {
        chain_id: 31337,
        rollup: [0x5b; 20],
    };
    Config {
        context: context.word(),
        fee_asset: AssetId(2),
        min_fee: 10,
    }
}

pub(crate) fn assets_root() -> Fr {
    Fr::from(77u64)
}

/// Makes a transaction that passes every rule that needs no proof. Nullifiers and commitments are
/// random; the ledger sees nothing else of notes. The anchor is without prices.
pub(crate) fn transaction(rng: &mut ChaCha20Rng, note_root: Fr, withdraw: bool) -> Transaction {
    use ark_ec::AffineRepr;
    let ephemeral: EdwardsProjective =
        crate::EdwardsAffine::generator() * <Scalar as UniformRand>::rand(rng);
    let mut note_data = NoteData([0; NOTE_DATA_LEN]);
    rng.fill(&mut note_data.0[..]);
    let kind = if withdraw {
        Kind::Withdraw
    } else {
        Kind::Transfer
    };
    Transaction {
        anchor: Anchor::of(&note_root, &Fr::from(0u64)),
        assets_root: assets_root(),
        header: Header::new(kind, AssetId(2), rng.gen_range(10..1000), NOW + 600).unwrap(),
        withdrawal: withdraw.then(|| Withdrawal {
            asset: AssetId(rng.r#gen()),
            recipient: rng.r#gen(),
            amount: rng.gen_range(1..u128::MAX),
        }),
        terms: Fr::from(0u64),
        nullifiers: [(); 3].map(|()| Nullifier::of(Fr::rand(rng))),
        commitments: [(); 3].map(|()| NoteCommitment::new(Fr::rand(rng))),
        ephemeral: ephemeral.into_affine().y,
        audit: AuditWords(std::array::from_fn(|_| Fr::rand(rng))),
        note_data,
    }
}

pub(crate) fn deposit(rng: &mut ChaCha20Rng) -> Deposit {
    Deposit {
        asset: AssetId(rng.r#gen()),
        value: rng.gen_range(1..=u128::MAX),
        inner: Fr::rand(rng),
    }
}

pub(crate) fn input(
    shape: Shape,
    transactions: Vec<Transaction>,
    deposits: Vec<Deposit>,
) -> BatchInput {
    BatchInput {
        shape,
        time: NOW,
        fee_recipient: [0xfe; 20],
        assets_root: assets_root(),
        prices: Fr::from(0u64),
        transactions,
        deposits,
    }
}

/// Makes a ledger after some batches.
fn seeded(rng: &mut ChaCha20Rng) -> Ledger {
    let mut ledger = Ledger::new();
    let anchor = ledger.state().note_root;
    let transactions = (0..2).map(|_| transaction(rng, anchor, false)).collect();
    let deposits = (0..3).map(|_| deposit(rng)).collect();
    ledger
        .execute(input(Shape::S4, transactions, deposits), &config())
        .unwrap();
    ledger
}

#[test]
fn a_batch_does_not_anchor_in_itself() {
    // A batch does not know the root that follows it: B4 refers to the old history.
    let rng = &mut rng(4);
    let mut ledger = Ledger::new();
    let mut ahead = ledger.clone();
    let genesis = ledger.state().note_root;
    let first = transaction(rng, genesis, false);
    ahead
        .execute(input(Shape::S4, vec![first.clone()], vec![]), &config())
        .unwrap();
    let second = transaction(rng, ahead.state().note_root, false);
    assert_eq!(
        ledger.execute(input(Shape::S4, vec![first, second], vec![]), &config()),
        Err(ExecuteError::Historical {
            slot: 1,
            source: HistoricalError::UnknownAnchor
        })
    );
}

#[test]
fn double_spends_are_refused_in_one_batch_and_later() {
    let rng = &mut rng(5);
    let mut ledger = seeded(rng);
    let before = ledger.to_bytes();
    let anchor = ledger.state().note_root;
    let first = transaction(rng, anchor, false);
    let mut second = transaction(rng, anchor, true);
    second.nullifiers[1] = first.nullifiers[2];
    assert_eq!(
        ledger.execute(
            input(
                Shape::S4,
                vec![first.clone(), second.clone()],
                vec![deposit(rng)]
            ),
            &config()
        ),
        Err(ExecuteError::Nullifier(NullifierError::Repeated {
            slot: 1,
            input: 1,
            first_slot: 0
        }))
    );
    assert_eq!(ledger.to_bytes(), before, "all or nothing");
    ledger
        .execute(input(Shape::S4, vec![first], vec![]), &config())
        .unwrap();
    assert_eq!(
        ledger.execute(input(Shape::S16, vec![second], vec![]), &config()),
        Err(ExecuteError::Historical {
            slot: 0,
            source: HistoricalError::Spent { input: 1 }
        })
    );
}

#[test]
fn counts_time_and_deposits_are_checked() {
    let rng = &mut rng(6);
    let mut ledger = Ledger::new();
    let anchor = ledger.state().note_root;
    let transactions: Vec<_> = (0..5).map(|_| transaction(rng, anchor, false)).collect();
    let deposits: Vec<_> = (0..5).map(|_| deposit(rng)).collect();
    assert_eq!(
        ledger.execute(input(Shape::S4, transactions, vec![]), &config()),
        Err(ExecuteError::TooManyTransactions { slots: 4, found: 5 })
    );
    assert_eq!(
        ledger.execute(input(Shape::S4, vec![], deposits.clone()), &config()),
        Err(ExecuteError::TooManyDeposits { slots: 4, found: 5 })
    );
    let mut late = input(Shape::S4, vec![], vec![]);
    late.time = 1 << 40;
    assert_eq!(
        ledger.execute(late, &config()),
        Err(ExecuteError::Time(1 << 40))
    );
    let mut empty = deposits[..2].to_vec();
    empty[1].value = 0;
    assert_eq!(
        ledger.execute(input(Shape::S4, vec![], empty), &config()),
        Err(ExecuteError::EmptyDeposit { slot: 1 })
    );
    // Without a value, an inner commitment of its own is refused, so that nothing else than the one
    // stand-in passes over a deposit.
    let mut empty = vec![Deposit::TAKEN_BACK; 2];
    empty[1].inner = Fr::from(1u64);
    assert_eq!(
        ledger.execute(input(Shape::S4, vec![], empty), &config()),
        Err(ExecuteError::EmptyDeposit { slot: 1 })
    );
    assert_eq!(ledger.state(), &State::genesis());
}

#[test]
fn full_trees_refuse() {
    let mut ledger = Ledger::new();
    ledger.state.leaf_count = AppendTree::<DEPTH>::CAPACITY;
    let before = ledger.nullifiers().root();
    assert_eq!(
        ledger.execute(input(Shape::S4, vec![], vec![]), &config()),
        Err(ExecuteError::Tree(TreeError::Full))
    );
    assert_eq!(ledger.nullifiers().root(), before);
}

#[test]
fn deposits_take_their_places_in_the_order_of_the_queue() {
    let rng = &mut rng(7);
    let deposits: Vec<_> = (0..3).map(|_| deposit(rng)).collect();
    let mut one = Ledger::new();
    let witness = one
        .execute(input(Shape::S4, vec![], deposits.clone()), &config())
        .unwrap();
    for (slot, deposit) in deposits.iter().enumerate() {
        assert_eq!(
            one.notes().leaf(16 + 4 * slot as u64 + 3),
            Fr::from(deposit.commitment())
        );
        assert_eq!(witness.deposits[slot], deposit.words());
    }
    assert_eq!(witness.deposits[3], [Fr::from(0u64); 2]);
    assert_eq!(one.notes().leaf(16 + 15), Fr::from(0u64));
    assert_eq!(
        (witness.header.first_deposit, witness.new.deposit_count),
        (0, 3)
    );
    let next = one
        .execute(input(Shape::S4, vec![], deposits[..1].to_vec()), &config())
        .unwrap();
    assert_eq!((next.header.first_deposit, next.new.deposit_count), (3, 4));

    let mut two = Ledger::new();
    let swapped = vec![deposits[1], deposits[0], deposits[2]];
    let other = two
        .execute(input(Shape::S4, vec![], swapped), &config())
        .unwrap();
    assert_ne!(other.new.note_root, witness.new.note_root);
    assert_ne!(other.data_words(), witness.data_words());
}

#[test]
fn a_deposit_that_is_taken_back_takes_a_place_and_has_the_words_of_an_empty_slot() {
    let rng = &mut rng(12);
    let mut ledger = Ledger::new();
    let deposits = vec![deposit(rng), Deposit::TAKEN_BACK, deposit(rng)];
    let witness = ledger
        .execute(input(Shape::S4, vec![], deposits.clone()), &config())
        .unwrap();
    assert_eq!(witness.deposits[1], [Fr::from(0u64); 2]);
    assert_eq!((witness.header.deposits, witness.new.deposit_count), (3, 3));
    let published = witness.published().unwrap();
    assert_eq!(published.deposits, deposits);
    let mut replayed = Ledger::new();
    let state = replayed.replay(&published, &config().context).unwrap();
    assert_eq!(state.commitment(), witness.new.commitment());
}

#[test]
fn deposit_words_round_trip_and_are_strict() {
    let deposit = deposit(&mut rng(8));
    let words = deposit.words();
    assert_eq!(Deposit::from_words(&words), Ok(deposit));
    let position = [words[0] + Fr::from(1u64), words[1]];
    assert_eq!(
        Deposit::from_words(&position),
        Err(CodecError::Impossible { field: "deposit" })
    );
    let wide = [Fr::from(1u128 << 76) * Fr::from(1u128 << 76), words[1]];
    assert_eq!(
        Deposit::from_words(&wide),
        Err(CodecError::Overflow { field: "deposit" })
    );
}

#[test]
fn replay_refuses_batches_that_do_not_continue_the_ledger() {
    let rng = &mut rng(9);
    let mut ledger = seeded(rng);
    let mut follower = ledger.clone();
    let anchor = ledger.state().note_root;
    let batch = input(
        Shape::S4,
        vec![
            transaction(rng, anchor, false),
            transaction(rng, anchor, true),
        ],
        vec![deposit(rng)],
    );
    let published = ledger
        .execute(batch, &config())
        .unwrap()
        .published()
        .unwrap();
    let context = config().context;
    let before = follower.to_bytes();
    let mut refuse = |edit: &dyn Fn(&mut crate::batch::PublishedBatch)| {
        let mut batch = published.clone();
        edit(&mut batch);
        let error = follower.replay(&batch, &context).unwrap_err();
        assert_eq!(follower.to_bytes(), before);
        error
    };
    assert_eq!(
        refuse(&|b| b.header.context = Fr::from(1u64)),
        ReplayError::Context
    );
    assert_eq!(
        refuse(&|b| b.header.batch_index = 3),
        ReplayError::BatchIndex {
            expected: 2,
            found: 3
        }
    );
    assert_eq!(
        refuse(&|b| b.header.first_deposit = 2),
        ReplayError::FirstDeposit {
            expected: 3,
            found: 2
        }
    );
    assert_eq!(
        refuse(&|b| b.header.start = 48),
        ReplayError::Start {
            expected: 32,
            found: 48
        }
    );
    assert_eq!(refuse(&|b| b.header.deposits = 2), ReplayError::Counts);
    assert_eq!(refuse(&|b| b.transactions.truncate(1)), ReplayError::Counts);
    assert_eq!(
        refuse(&|b| b.transactions[1].nullifiers[0] = b.transactions[0].nullifiers[0]),
        ReplayError::Nullifier(NullifierError::Repeated {
            slot: 1,
            input: 0,
            first_slot: 0
        })
    );
    assert_eq!(follower.replay(&published, &context), Ok(*ledger.state()));
    assert_eq!(follower.to_bytes(), ledger.to_bytes());
    let mut full = Ledger::new();
    full.state.leaf_count = AppendTree::<DEPTH>::CAPACITY;
    let mut last = published.clone();
    last.header.batch_index = 1;
    last.header.first_deposit = 0;
    last.header.start = AppendTree::<DEPTH>::CAPACITY;
    assert_eq!(
        full.replay(&last, &context),
        Err(ReplayError::Tree(TreeError::Full))
    );
}

#[test]
fn checkpoints_restore_or_name_the_part_that_does_not_match() {
    let rng = &mut rng(10);
    let genesis = Ledger::new();
    assert_eq!(
        Ledger::from_bytes(&genesis.to_bytes()).unwrap().state(),
        genesis.state()
    );
    let mut ledger = seeded(rng);
    let bytes = ledger.to_bytes();
    let mut restored = Ledger::from_bytes(&bytes).unwrap();
    assert_eq!(restored.to_bytes(), bytes);
    let anchor = ledger.state().note_root;
    let batch = input(
        Shape::S16,
        vec![transaction(rng, anchor, false)],
        vec![deposit(rng)],
    );
    assert_eq!(
        restored.execute(batch.clone(), &config()),
        ledger.execute(batch, &config())
    );

    let corrupt = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        Ledger::from_bytes(&bytes).unwrap_err()
    };
    let codec = |error| CheckpointError::Codec(error);
    assert_eq!(corrupt(0, 1), codec(CodecError::Version(1)));
    assert_eq!(
        corrupt(1 + 3 * 32, 1),
        codec(CodecError::Overflow {
            field: "leaf count"
        })
    );
    assert_eq!(corrupt(4 * 32, 48), CheckpointError::Mismatch("leaf count"));
    let notes = 1 + 6 * 32;
    let members = notes + 8 + 32 * 32;
    let history = members + 16 + 7 * 40;
    assert_eq!(
        corrupt(notes + 8 + 17 * 32 - 1, 1),
        CheckpointError::Mismatch("note tree")
    );
    assert_eq!(
        corrupt(members + 16 + 40 + 7, 31),
        CheckpointError::Mismatch("nullifier tree")
    );
    assert_eq!(
        corrupt(history + 8 + 63, 1),
        CheckpointError::Mismatch("history tree")
    );
    assert_eq!(
        corrupt(history + 8 + 32, 0xff),
        codec(CodecError::NotCanonical { field: "history" })
    );
    let mut long = bytes.clone();
    long.push(0);
    assert!(matches!(
        Ledger::from_bytes(&long),
        Err(CheckpointError::Codec(CodecError::Length { .. }))
    ));
    for cut in [0, 1, 100, bytes.len() - 1] {
        assert!(matches!(
            Ledger::from_bytes(&bytes[..cut]),
            Err(CheckpointError::Codec(CodecError::Length { .. }))
        ));
    }
}
