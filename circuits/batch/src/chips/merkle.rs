//! Paths in trees of arity 4 (spec: *Trees and state*). A level is one permutation. Its input row
//! holds the child in cell 1, the two bits of the child's place in cells 5–6 (low bit first) and
//! the three siblings, in child order, in cells 7–9.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::tree::{DEPTH, MerklePath};

use crate::config::Step;
use crate::convert::{power_of_two, to_halo2};
use crate::layout::{Hint, Input, Layout, Wire};
use crate::schedule::Schedule;

/// One level of a path, on wires.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    /// Place of the child, low bit first.
    pub(crate) bits: [Wire; 2],
    /// Siblings of the child, in child order.
    pub(crate) siblings: [Wire; 3],
}

/// One level of a path, as inputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LevelInput {
    /// Place of the child, low bit first.
    pub(crate) bits: [Input; 2],
    /// Siblings of the child, in child order.
    pub(crate) siblings: [Input; 3],
}

/// Returns the path of an index, with its siblings from the leaf up, as fresh hints.
pub(crate) fn hinted_path(index: u64, siblings: &[[Fr; 3]]) -> Vec<LevelInput> {
    siblings
        .iter()
        .enumerate()
        .map(|(level, siblings)| LevelInput {
            bits: [0, 1].map(|bit| {
                let value = index.checked_shr(2 * level as u32 + bit).unwrap_or(0) & 1;
                Input::Hint(Fr::from(value), Hint::Bit)
            }),
            siblings: siblings.map(|sibling| Input::Hint(sibling, Hint::Sibling)),
        })
        .collect()
}

/// Returns a protocol path as fresh hints.
pub(crate) fn hinted(path: &MerklePath<DEPTH>) -> Vec<LevelInput> {
    hinted_path(path.index, &siblings(&path.siblings))
}

/// Converts siblings to the circuit's field.
pub(crate) fn siblings(levels: &[[ark_bn254::Fr; 3]]) -> Vec<[Fr; 3]> {
    levels
        .iter()
        .map(|level| level.map(|sibling| to_halo2(&sibling)))
        .collect()
}

/// Returns an existing path as inputs: every cell is copied.
pub(crate) fn same_path(path: &[Level]) -> Vec<LevelInput> {
    path.iter()
        .map(|level| LevelInput {
            bits: level.bits.map(Input::Wire),
            siblings: level.siblings.map(Input::Wire),
        })
        .collect()
}

/// Returns a path with the place of an existing one and new siblings.
pub(crate) fn path_at(place: &[Level], siblings: &[[Fr; 3]]) -> Vec<LevelInput> {
    place
        .iter()
        .zip(siblings)
        .map(|(level, siblings)| LevelInput {
            bits: level.bits.map(Input::Wire),
            siblings: siblings.map(|sibling| Input::Hint(sibling, Hint::Sibling)),
        })
        .collect()
}

/// Returns the terms of Σ digitᵢ·4ⁱ over a path's bits.
pub(crate) fn index_terms(path: &[Level]) -> Vec<(Fr, Wire)> {
    path.iter()
        .enumerate()
        .flat_map(|(level, step)| [0, 1].map(|bit| (power_of_two(2 * level + bit), step.bits[bit])))
        .collect()
}

/// Returns the four children in order.
fn place(child: Fr, bits: [Fr; 2], s: [Fr; 3]) -> [Fr; 4] {
    let both = bits[0] * bits[1];
    let p = [
        Fr::ONE - bits[0] - bits[1] + both,
        bits[0] - both,
        bits[1] - both,
        both,
    ];
    [
        s[0] + p[0] * (child - s[0]),
        s[1] + p[0] * (s[0] - s[1]) + p[1] * (child - s[1]),
        s[1] + p[2] * (child - s[1]) + p[3] * (s[2] - s[1]),
        s[2] + p[3] * (child - s[2]),
    ]
}

impl Layout<'_> {
    /// Returns the node above `leaf` at the end of `path`, and the path's cells.
    pub(crate) fn climb(&mut self, leaf: Wire, path: &[LevelInput]) -> (Wire, Vec<Level>) {
        let schedule = Schedule::get();
        let capacity = to_halo2(&Domain::Node.capacity(4));
        let mut child = leaf;
        let mut levels = Vec::with_capacity(path.len());
        for input in path {
            // The output of the permutation just written is already in place.
            if !(self.occupied && (child.column, child.row) == (1, self.main)) {
                let row = self.input_row(true);
                child = self.copy(1, row, child);
            }
            let row = self.main;
            self.step(row, Step::Merkle);
            for column in 0..5 {
                let mut constant = schedule.first[column];
                if column == 0 {
                    constant += capacity;
                }
                self.constant_cell(column, row, constant);
            }
            let bits = [0, 1].map(|i: usize| self.input(5 + i, row, input.bits[i]));
            let siblings = [0, 1, 2].map(|i: usize| self.input(7 + i, row, input.siblings[i]));
            let children = place(
                child.value,
                bits.map(|wire| wire.value),
                siblings.map(|wire| wire.value),
            );
            let state = [capacity, children[0], children[1], children[2], children[3]];
            child = self.permute(row, state)[1];
            levels.push(Level { bits, siblings });
        }
        (child, levels)
    }
}
