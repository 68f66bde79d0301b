//! The Poseidon sponge (spec: *Notation and hashing*). A permutation takes an input row and ten
//! rows of its own. Its output is in cells 0–4 of the row after them, which is also the next input
//! row. Cells 6–9 of an input row hold the absorbed chunk.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::poseidon::{RATE, WIDTH};

use crate::config::Step;
use crate::convert::to_halo2;
use crate::layout::{Input, Layout, Selector, Wire};
use crate::schedule::{ROWS, RowKind, Schedule, row_kind};

/// A hash, with the cells of its message.
pub(crate) struct Hashed {
    /// Element 1 of the final state.
    pub(crate) output: Wire,
    /// Message cells, without padding.
    pub(crate) message: Vec<Wire>,
}

impl Layout<'_> {
    /// Returns the next input row; if `fresh`, one without an output in it.
    pub(crate) fn input_row(&mut self, fresh: bool) -> usize {
        if fresh && self.occupied {
            self.main += 1;
            self.occupied = false;
        }
        self.main
    }

    /// Writes the ten rows after input row `row` for the given input state, then the output state.
    pub(crate) fn permute(&mut self, row: usize, state: [Fr; WIDTH]) -> [Wire; WIDTH] {
        let schedule = Schedule::get();
        self.count_permutation();
        let (rows, output) = schedule.trace(std::array::from_fn(|i| state[i] + schedule.first[i]));
        for (index, cells) in rows.iter().enumerate() {
            let at = row + 1 + index;
            let (selector, value) = match row_kind(index) {
                RowKind::Full => (Selector::Full, 1),
                RowKind::Entry => (Selector::Full, 2),
                RowKind::Partial => (Selector::Partial, 1),
                RowKind::Exit => (Selector::Partial, 2),
            };
            self.select(selector, at, Fr::from(value));
            for (column, value) in cells.iter().enumerate() {
                self.derived(column, at, *value);
                self.constant_cell(column, at, schedule.constants[index][column]);
            }
        }
        self.main = row + ROWS + 1;
        self.occupied = true;
        let at = self.main;
        std::array::from_fn(|column| self.derived(column, at, output[column]))
    }

    /// Returns H(domain; message) and the message cells.
    pub(crate) fn hash(&mut self, domain: Domain, message: &[Input]) -> Hashed {
        let (state, message) = self.sponge(domain, message);
        Hashed {
            output: state[1],
            message,
        }
    }

    /// Returns all four rate elements after H(domain; message) has absorbed its message. The first
    /// is the hash.
    pub(crate) fn squeeze(&mut self, domain: Domain, message: &[Wire]) -> [Wire; RATE] {
        let message: Vec<Input> = message.iter().map(|wire| Input::Wire(*wire)).collect();
        let (state, _) = self.sponge(domain, &message);
        std::array::from_fn(|i| state[1 + i])
    }

    /// Returns the state after absorbing a message, and the message cells.
    fn sponge(&mut self, domain: Domain, message: &[Input]) -> ([Wire; WIDTH], Vec<Wire>) {
        let schedule = Schedule::get();
        let capacity = to_halo2(&domain.capacity(message.len()));
        let mut state = [Fr::ZERO; WIDTH];
        state[0] = capacity;
        let mut words = Vec::with_capacity(message.len());
        let mut output = None;
        for (index, chunk) in message.chunks(RATE).enumerate() {
            let row = self.input_row(false);
            self.step(row, Step::Absorb);
            for column in 0..WIDTH {
                let mut constant = schedule.first[column];
                if index == 0 && column == 0 {
                    constant += capacity;
                }
                self.constant_cell(column, row, constant);
            }
            if index > 0 {
                self.constant_cell(5, row, Fr::ONE);
            }
            for place in 0..RATE {
                let cell = match chunk.get(place) {
                    Some(input) => {
                        let wire = self.input(6 + place, row, *input);
                        words.push(wire);
                        wire
                    }
                    None => {
                        let zero = self.zero();
                        self.copy(6 + place, row, zero)
                    }
                };
                state[1 + place] += cell.value;
            }
            let wires = self.permute(row, state);
            state = wires.map(|wire| wire.value);
            output = Some(wires);
        }
        (output.expect("a message has at least one word"), words)
    }

    /// Returns H(domain; message) of existing wires.
    pub(crate) fn hash_wires(&mut self, domain: Domain, message: &[Wire]) -> Wire {
        let message: Vec<Input> = message.iter().map(|wire| Input::Wire(*wire)).collect();
        self.hash(domain, &message).output
    }
}
