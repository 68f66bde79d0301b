//! True statements satisfy the circuit and the native check.

use proptest::prelude::*;
use subrosa_protocol::batch::Shape;

use super::clients::bare;
use super::failures::mock;
use super::grid::Grid;
use super::scenario::{Scenario, witness};
use crate::convert::{from_halo2, to_halo2};
use crate::layout::Blank;
use crate::{Rule, check, instances};

fn accepted(witness: subrosa_protocol::batch::BatchWitness) {
    let public = instances(&witness);
    let native: Vec<_> = public.iter().map(from_halo2).collect();
    assert_eq!(check(&witness, &native.try_into().unwrap()), Ok(()));
    let failures: Vec<Rule> = mock(&bare(witness), public).into_iter().collect();
    assert_eq!(failures, []);
}

#[test]
fn full_partial_and_empty_batches_of_4() {
    for (transactions, deposits) in [(4, 4), (2, 1), (0, 3), (0, 0), (1, 0)] {
        accepted(witness(Shape::S4, transactions, deposits, 11));
    }
}

/// A deposit that is taken back has the words of an empty slot in a place that counts.
#[test]
fn deposits_that_are_taken_back() {
    let witness = Scenario::new(16).batch_with_taken_back();
    assert_eq!(witness.header.deposits, 4);
    assert_eq!(witness.deposits[2], [0u64.into(), 0u64.into()]);
    accepted(witness);
}

#[test]
fn first_batch_of_a_ledger() {
    accepted(Scenario::new(12).batch(Shape::S4, 4, 0));
}

#[test]
fn batch_of_16() {
    accepted(witness(Shape::S16, 13, 9, 13));
}

#[test]
fn batch_of_64() {
    let witness = witness(Shape::S64, 50, 64, 14);
    let public = instances(&witness);
    let grid = Grid::of(&bare(witness));
    assert_eq!(grid.failures(&public).into_iter().collect::<Vec<_>>(), []);
}

/// The exposed digests are the transactions', and in an empty slot the digest of 30 zero words.
#[test]
fn exposed_digests() {
    let witness = witness(Shape::S4, 3, 0, 15);
    let circuit = bare(witness.clone());
    let mut sheet = Blank;
    let written = circuit.write(&mut sheet).unwrap();
    for (slot, digest) in witness.slots.iter().zip(&written.transition.digests) {
        let expected = subrosa_protocol::transaction::digest(&slot.words);
        assert_eq!(digest.value, to_halo2(expected.element()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn random_batches(seed in any::<u64>(), transactions in 0usize..=4, deposits in 0usize..=4) {
        let witness = witness(Shape::S4, transactions, deposits, seed);
        let public = instances(&witness);
        let native: Vec<_> = public.iter().map(from_halo2).collect();
        prop_assert_eq!(check(&witness, &native.try_into().unwrap()), Ok(()));
        let grid = Grid::of(&bare(witness));
        prop_assert!(grid.failures(&public).is_empty());
    }
}
