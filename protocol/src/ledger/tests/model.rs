//! Execution and replay against a naive model.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand::Rng as _;

use super::*;
use crate::batch::BatchWitness;
use crate::domain::Domain;
use crate::nullifier_tree::{leaf, maximum};
use crate::poseidon::hash;
use crate::tree::empty_root;

/// The ledger of the specification, kept as plain lists.
struct Model {
    notes: Vec<Fr>,
    nullifiers: BTreeSet<(ark_ff::BigInt<4>, u64)>,
    history: Vec<Fr>,
    roots: Vec<Fr>,
    leaf_count: u64,
    deposits: u64,
}

impl Model {
    fn new() -> Self {
        Self {
            notes: vec![],
            nullifiers: BTreeSet::from([(ark_ff::BigInt::from(0u64), 0)]),
            history: vec![anchor(empty_root(DEPTH)); 2],
            roots: vec![empty_root(DEPTH)],
            leaf_count: 4,
            deposits: 0,
        }
    }

    fn apply(&mut self, batch: &BatchInput) {
        use ark_ff::PrimeField;
        let before = self.notes.clone();
        let width = 4 * batch.shape.slots() as u64;
        let start = self.leaf_count.div_ceil(width) * width;
        self.leaf_count = start + width;
        self.notes.resize(self.leaf_count as usize, Fr::from(0u64));
        for (slot, tx) in (0u64..).zip(&batch.transactions) {
            for i in 0..3 {
                let place = start + 4 * slot + i;
                self.notes[place as usize] = tx.commitments[i as usize].into();
                let nullifier = Fr::from(tx.nullifiers[i as usize]);
                self.nullifiers.insert((nullifier.into_bigint(), place));
            }
        }
        for (slot, deposit) in batch.deposits.iter().enumerate() {
            self.notes[start as usize + 4 * slot + 3] = deposit.commitment().into();
        }
        self.deposits += batch.deposits.len() as u64;
        self.history.push(anchor(root(before)));
        self.history.push(anchor(root(self.notes.clone())));
        self.roots.push(root(self.notes.clone()));
    }

    fn state(&self) -> State {
        use ark_ff::PrimeField;
        let mut leaves = vec![Fr::from(0u64); self.leaf_count as usize];
        let mut next = maximum();
        for (value, index) in self.nullifiers.iter().rev() {
            let value = Fr::from_bigint(*value).unwrap();
            leaves[*index as usize] = leaf(&value, &next);
            next = value;
        }
        State {
            note_root: root(self.notes.clone()),
            nullifier_root: root(leaves),
            history_root: root(self.history.clone()),
            leaf_count: self.leaf_count,
            batch_index: self.roots.len() as u64,
            deposit_count: self.deposits,
        }
    }
}

/// An anchor without prices.
fn anchor(note_root: Fr) -> Fr {
    hash(Domain::Anchor, &[note_root, Fr::from(0u64)])
}

fn root(leaves: Vec<Fr>) -> Fr {
    AppendTree::<DEPTH>::from_leaves(leaves).unwrap().root()
}

/// Checks everything that the batch circuit checks of the witness except the links, which
/// `nullifier_tree::tests` follows.
fn check_witness(witness: &BatchWitness, batch: &BatchInput) {
    use crate::tree::fold;
    let (old, new, shape) = (&witness.old, &witness.new, witness.shape);
    let zero = Fr::from(0u64);
    assert_eq!(witness.slots.len(), shape.slots());
    let [first, last] = &witness.history_paths;
    let opened = first.root(anchor(old.note_root));
    for (slot, witness) in witness.slots.iter().enumerate() {
        let leaf = match batch.transactions.get(slot) {
            Some(tx) => {
                assert!(witness.active);
                assert_eq!(witness.words, tx.words(&config().context));
                Fr::from(tx.anchor)
            }
            None => {
                assert!(!witness.active);
                assert_eq!(witness.words, [zero; crate::transaction::WORDS]);
                anchor(empty_root(DEPTH))
            }
        };
        assert_eq!(witness.anchor_path.root(leaf), opened);
    }
    let level = shape.subtree_level();
    let index = witness.header.start / shape.leaves() as u64;
    let path = &witness.note_subtree_path;
    assert_eq!(fold(index, empty_root(level), path), old.note_root);
    let mut nodes = vec![];
    for (slot, deposit) in witness.slots.iter().zip(&witness.deposits) {
        nodes.extend_from_slice(&slot.words[10..13]);
        nodes.push(if *deposit == [zero; 2] {
            zero
        } else {
            hash(Domain::Note, deposit)
        });
    }
    while nodes.len() > 1 {
        nodes = nodes
            .chunks_exact(4)
            .map(|c| hash(Domain::Node, c))
            .collect();
    }
    assert_eq!(fold(index, nodes[0], path), new.note_root);
    assert_eq!(first.index, 2 * old.batch_index);
    assert_eq!(first.root(zero), old.history_root);
    assert_eq!(last.index, 2 * old.batch_index + 1);
    assert_eq!(last.root(zero), opened);
    assert_eq!(last.root(anchor(new.note_root)), new.history_root);
    let empty = fold(index, empty_root(level), &witness.nullifier_subtree_path);
    assert_eq!(empty, old.nullifier_root);
    let fees: u128 = batch.transactions.iter().map(|tx| tx.header.fee).sum();
    assert_eq!(witness.header.fee_total, fees);
}

#[test]
fn replaying_many_batches_reaches_the_same_ledger_in_all_shapes() {
    let rng = &mut rng(11);
    let mut ledger = Ledger::new();
    let mut follower = Ledger::new();
    for (shape, transactions, deposits) in [
        (Shape::S4, 0, 1),
        (Shape::S64, 64, 64),
        (Shape::S4, 4, 0),
        (Shape::S16, 0, 0),
    ] {
        let anchor = ledger.state().note_root;
        let transactions = (0..transactions)
            .map(|i| transaction(rng, anchor, i % 3 == 0))
            .collect();
        let deposits = (0..deposits).map(|_| deposit(rng)).collect();
        let witness = ledger
            .execute(input(shape, transactions, deposits), &config())
            .unwrap();
        let published = witness.published().unwrap();
        let state = follower.replay(&published, &config().context).unwrap();
        assert_eq!(state, witness.new);
        assert_eq!(witness.new.commitment(), ledger.state().commitment());
    }
    assert_eq!(ledger.state().leaf_count, 64 * 4 + 512 - 256 + 16 + 48 + 64);
    assert_eq!(follower.to_bytes(), ledger.to_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn execution_and_replay_match_the_model(
        seed in any::<u64>(),
        batches in prop::collection::vec(
            (0usize..2, 0usize..=16, 0usize..=16, any::<bool>()), 1..5,
        ),
    ) {
        let rng = &mut rng(seed);
        let mut ledger = Ledger::new();
        let mut follower = Ledger::new();
        let mut model = Model::new();
        for (shape, transactions, deposits, withdraw) in batches {
            let shape = Shape::ALL[shape];
            let transactions = (0..transactions.min(shape.slots()))
                .map(|_| {
                    let note_root = model.roots[rng.gen_range(0..model.roots.len())];
                    transaction(rng, note_root, withdraw)
                })
                .collect();
            let deposits = (0..deposits.min(shape.slots())).map(|_| deposit(rng)).collect();
            let batch = input(shape, transactions, deposits);
            let old = *ledger.state();
            let witness = ledger.execute(batch.clone(), &config()).unwrap();
            model.apply(&batch);
            prop_assert_eq!(witness.old, old);
            prop_assert_eq!(&witness.new, ledger.state());
            prop_assert_eq!(ledger.state(), &model.state());
            check_witness(&witness, &batch);
            let published = witness.published().unwrap();
            prop_assert_eq!(published.words(), witness.data_words());
            follower.replay(&published, &config().context).unwrap();
            prop_assert_eq!(follower.state(), ledger.state());
            prop_assert_eq!(BatchWitness::from_bytes(&witness.to_bytes()).unwrap(), witness);
        }
    }
}
