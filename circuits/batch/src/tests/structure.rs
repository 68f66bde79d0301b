//! Structure: the constraints that bind each cell. Two attacks are tried on the circuit.
//!
//! 1. *Every class of copied cells*: 1 is added to all cells of the class at once, so that no copy
//!    notices. Some gate, lookup or instance must notice.
//! 2. *Hints with their consequences*: 1 is added to one fresh witness, and everything computed
//!    from it follows. The statement must become false.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::layout::word;
use subrosa_protocol::transaction::Kind;

use super::clients::{Clients, bare, bare_blank};
use super::grid::Grid;
use super::scenario::{witness, witness_of};
use crate::config::column;
use crate::layout::{Hint, Tamper};
use crate::{BatchCircuit, instances};

/// Returns the classes whose change no constraint notices.
fn free_classes(circuit: &BatchCircuit) -> (usize, Vec<Vec<(usize, usize)>>, Grid) {
    let grid = Grid::of(circuit);
    let classes = grid.classes();
    let unnoticed = |class: &Vec<(usize, usize)>| {
        let rows: BTreeSet<usize> = class
            .iter()
            .flat_map(|(_, row)| [row.saturating_sub(1), *row])
            .filter(|row| *row < grid.rows())
            .collect();
        let cells: HashSet<(usize, usize)> = class.iter().copied().collect();
        let holds = |row: &usize| grid.failing_with(*row, &cells, Fr::ONE).is_empty();
        rows.iter().all(holds)
    };
    let free = classes
        .par_iter()
        .filter(|class| unnoticed(class))
        .cloned()
        .collect();
    (classes.len(), free, grid)
}

/// Whether the class is the inverse of an amount that is 0, the only cell that may hold anything.
fn is_inverse_of_zero(grid: &Grid, class: &[(usize, usize)]) -> bool {
    class.iter().any(|(column, row)| {
        *column == 2
            && grid.labels.rules[*row][5] == crate::Rule::B15 as u8
            && bool::from(grid.advice[*row][1].is_zero())
    })
}

/// Whether the class is the place of an anchor of the genesis, which the history holds twice side
/// by side: either place is that of the same anchor.
fn is_place_of_genesis(grid: &Grid, class: &[(usize, usize)]) -> bool {
    class.iter().any(|(column, row)| {
        *column == 5
            && grid.labels.rules[*row][1] == crate::Rule::B4 as u8
            && grid.advice[*row][1] == grid.advice[*row][7]
    })
}

#[test]
fn every_class_of_cells_is_constrained() {
    let swap = [Kind::Withdraw, Kind::SwapA, Kind::SwapB, Kind::Transfer];
    for (witness, whole) in [
        (witness(Shape::S4, 4, 4, 21), false),
        (witness(Shape::S4, 0, 0, 21), false),
        (witness_of(Shape::S4, &swap, 1, 21), false),
        (witness(Shape::S4, 2, 1, 21), true),
    ] {
        let transactions = witness.header.transactions;
        let transfers = witness
            .slots
            .iter()
            .filter(|slot| slot.words[word::AMOUNT] == ark_bn254::Fr::from(0u64))
            .count();
        let circuit = if whole {
            Clients::get().circuit(witness, 27)
        } else {
            bare(witness)
        };
        let (classes, free, grid) = free_classes(&circuit);
        println!(
            "{transactions} transactions{}: {} cells in {classes} classes, {} free \
             (inverses of zero amounts), {:?}",
            if whole { " with their proofs" } else { "" },
            grid.census.cells(),
            free.len(),
            grid.census
        );
        let (places, free): (Vec<_>, Vec<_>) = free
            .into_iter()
            .partition(|class| is_place_of_genesis(&grid, class));
        assert!(places.len() <= usize::from(transactions));
        let unexplained: Vec<_> = free
            .iter()
            .filter(|class| !is_inverse_of_zero(&grid, class))
            .collect();
        assert_eq!(unexplained, Vec::<&Vec<(usize, usize)>>::new());
        assert_eq!(free.len(), transfers);
    }
}

/// Every cell that a gate reads is written; an unwritten cell would be unconstrained.
#[test]
fn every_cell_that_matters_is_written() {
    let grid = Grid::of(&Clients::get().circuit(witness(Shape::S4, 3, 2, 22), 28));
    let unwritten: usize = (0..grid.rows())
        .into_par_iter()
        .map(|row| {
            let missing = (0..column::ALL).filter(|column| !grid.assigned[row][*column]);
            missing
                .map(|column| {
                    let cell = HashSet::from([(column, row)]);
                    for row in [row.saturating_sub(1), row] {
                        let failing = grid.failing_with(row, &cell, Fr::from(5));
                        assert_eq!(failing, [""; 0], "cell {column} of row {row}");
                    }
                })
                .count()
        })
        .sum();
    assert!(unwritten > 0);
}

/// Every input of a gadget is a copy, or a hint counted under its kind; gates derive all other
/// cells.
#[test]
fn cells_enter_as_copies_hints_or_derived() {
    for (transactions, deposits) in [(4, 4), (0, 0)] {
        let grid = Grid::of(&bare(witness(Shape::S4, transactions, deposits, 23)));
        let written = grid.assigned.iter().flatten().filter(|set| **set).count();
        assert_eq!(written, grid.census.cells());
        assert_eq!(
            grid.labels.hints.len(),
            grid.census.hints.iter().sum::<usize>()
        );
        // A copy is one constraint, and every equality constraint is a copy.
        assert_eq!(grid.copies.len(), grid.census.copies);
        // Message words of 4 slots, their links, deposits and the two states.
        let hashed = 12 + 4 * (word::COUNT + 3 + 3 * 2) + 4 * 2;
        assert_eq!(grid.census.hints[Hint::Hashed as usize], hashed);
        // Paths of each anchor and link, of the history, and of the subtrees.
        let levels = 4 * 16 + 12 * 16 + 2 * 16 + 14;
        assert_eq!(grid.census.hints[Hint::Bit as usize], 2 * levels);
        assert_eq!(grid.census.hints[Hint::Sibling as usize], 3 * (levels + 14));
        assert_eq!(grid.census.hints[Hint::Instance as usize], 2);
    }
}

fn free_hints(witness: &BatchWitness, sample: usize) -> BTreeMap<Hint, usize> {
    let public = instances(witness);
    let mut circuit = bare(witness.clone());
    let mut hints = Grid::of(&circuit).labels.hints;
    hints.shuffle(&mut rand_chacha::ChaCha20Rng::seed_from_u64(24));
    let mut free = BTreeMap::new();
    for (column, row, hint) in hints.into_iter().take(sample) {
        circuit.tamper = Some(Tamper {
            column,
            row,
            delta: Fr::ONE,
        });
        if Grid::of(&circuit).failures(&public).is_empty() {
            *free.entry(hint).or_insert(0) += 1;
        }
    }
    println!("of {sample} hints changed with their consequences, free: {free:?}");
    free
}

/// In a full batch of withdrawals no hint is free.
#[test]
fn hints_are_bound_in_a_full_batch() {
    let witness = (0..)
        .map(|seed| witness(Shape::S4, 4, 4, seed))
        .find(|witness| {
            let zero = ark_bn254::Fr::from(0u64);
            witness
                .slots
                .iter()
                .all(|slot| slot.words[word::AMOUNT] != zero)
        })
        .unwrap();
    assert_eq!(free_hints(&witness, 160), BTreeMap::new());
}

/// The cells that tell a swap's legs from other transactions, each changed with its consequences.
#[test]
fn kinds_and_pairs_are_bound_in_a_batch_of_swaps() {
    let kinds = [Kind::SwapA, Kind::SwapB, Kind::SwapA, Kind::SwapB];
    let witness = witness_of(Shape::S4, &kinds, 0, 28);
    let public = instances(&witness);
    let mut circuit = bare(witness);
    let labels = Grid::of(&circuit).labels;
    // Flags and kind of each slot are hints of B2.
    let hints: Vec<_> = labels
        .hints
        .into_iter()
        .filter(|(column, row, hint)| {
            *hint == Hint::Arithmetic && labels.rules[*row][*column] == crate::Rule::B2 as u8
        })
        .collect();
    assert_eq!(hints.len(), 4 * 5 + 4);
    for (column, row, _) in hints {
        for delta in [Fr::ONE, -Fr::ONE] {
            circuit.tamper = Some(Tamper { column, row, delta });
            let failures = Grid::of(&circuit).failures(&public);
            assert!(!failures.is_empty(), "cell {column} of row {row}");
        }
    }
}

/// In empty slots only the witness of the unused update is free: paths, the unchanged leaf, and the
/// limbs of its comparison.
#[test]
fn only_inactive_witnesses_are_free() {
    let free = free_hints(&witness(Shape::S4, 0, 2, 25), 80);
    let allowed = [Hint::Bit, Hint::Sibling, Hint::Hashed, Hint::Arithmetic];
    assert!(free.keys().all(|hint| allowed.contains(hint)));
}

/// Key generation sees the same circuit as proving: constants, selectors and copies do not depend
/// on the witness.
#[test]
fn structure_does_not_depend_on_the_witness() {
    for shape in [Shape::S4, Shape::S16] {
        let blank = Grid::of(&bare_blank(shape));
        for (transactions, deposits) in [(4, 4), (1, 0)] {
            let circuit = bare(witness(shape, transactions, deposits, 26));
            let grid = Grid::of(&circuit);
            assert!(grid.has_structure_of(&blank));
        }
        let swap = [Kind::Transfer, Kind::SwapA, Kind::SwapB];
        let grid = Grid::of(&bare(witness_of(shape, &swap, 1, 26)));
        assert!(grid.has_structure_of(&blank));
    }
}
