//! A small circuit that uses every feature the contract supports: gates of degree 6 with the
//! previous, the current and the next row, two lookups (one of two columns), more permuted columns
//! than fit in one chunk, constants, an empty fixed column, five instances of the caller, and two
//! committed columns that are compared at the column challenge, the sixth instance.

use halo2_proofs::circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::dev::{AdviceCellValue, MockProver};
use halo2_proofs::plonk::{
    Advice, Assigned, Circuit, Column, ConstraintSystem, Error, Expression, Fixed, Instance,
    Selector, TableColumn,
};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

pub(crate) const K: u32 = 6;
const STEPS: usize = 6;
const TABLE: u64 = 16;
/// Number of words in each committed column.
pub(crate) const WORDS: usize = 4;
/// Number of committed columns, the first ones of the circuit.
pub(crate) const COMMITTED: usize = 2;

#[derive(Clone, Debug)]
pub(crate) struct Config {
    committed: [Column<Advice>; COMMITTED],
    challenge: Column<Advice>,
    difference: Column<Advice>,
    state: [Column<Advice>; 3],
    copies: [Column<Advice>; 7],
    looked_up: [Column<Advice>; 2],
    round: Column<Fixed>,
    constants: Column<Fixed>,
    empty: Column<Fixed>,
    table: [TableColumn; 2],
    instance: Column<Instance>,
    step: Selector,
    look_up: Selector,
    compare: Selector,
}

/// Five steps of a toy permutation from `start`. The caller's instances are its last state, its
/// first element and a constant. In addition, both committed columns hold the same words, so as
/// polynomials they have the same value at the column challenge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Toy {
    pub(crate) start: Option<[Fr; 3]>,
    pub(crate) words: [[Fr; WORDS]; COMMITTED],
    pub(crate) challenge: Fr,
    /// Keeps halo2-axiom's limit on the degree, which is below the degree of the gates.
    pub(crate) low_degree: bool,
}

fn step(before: [Fr; 3], now: [Fr; 3], round: Fr) -> [Fr; 3] {
    let fifth = |x: Fr| x.square().square() * x;
    let [a, b, c] = now;
    [
        fifth(a + round) * Fr::from(3) + b - before[2].double(),
        fifth(a + round) - fifth(b) + a * c,
        a * b * c - before[0] + Fr::from(11),
    ]
}

fn round(i: usize) -> Fr {
    Fr::from(i as u64 + 1).invert().unwrap()
}

impl Toy {
    fn rows(start: [Fr; 3]) -> Vec<[Fr; 3]> {
        let mut rows = vec![start, [start[1], start[2], start[0]]];
        for i in 0..STEPS {
            let (before, now) = (rows[rows.len() - 2], rows[rows.len() - 1]);
            rows.push(step(before, now, round(i)));
        }
        rows
    }

    pub(crate) fn instances(&self) -> [Fr; 5] {
        let start = self.start.unwrap();
        let rows = Self::rows(start);
        let [a, b, c] = rows[rows.len() - 1];
        [a, b, c, start[0], Fr::from(42)]
    }

    /// Returns the caller's instances and the column challenge.
    pub(crate) fn all_instances(&self) -> Vec<Fr> {
        [&self.instances()[..], &[self.challenge]].concat()
    }

    /// Changes the words of the second column so that they differ from the first's, but have the
    /// same value at `challenge`.
    pub(crate) fn disagree(&mut self, challenge: Fr) {
        self.words[1][0] += Fr::one();
        self.words[1][WORDS - 1] -= challenge.pow_vartime([WORDS as u64 - 1]);
        assert_ne!(self.words[0], self.words[1]);
    }

    /// Returns all advice columns, with zeros where nothing is assigned.
    pub(crate) fn advice(&self, k: u32) -> Vec<Vec<Fr>> {
        let prover = MockProver::run(k, self, vec![self.all_instances()]).unwrap();
        let mut cs = ConstraintSystem::default();
        Self::configure(&mut cs);
        let columns = cs.num_advice_columns();
        let mut cs = ConstraintSystem::<Fr>::default();
        let value = |cell: &AdviceCellValue<Fr>| match cell {
            AdviceCellValue::Assigned(value) => value.evaluate(),
            AdviceCellValue::Poison(_) => Fr::zero(),
        };
        (0..columns)
            .map(|_| prover.advice_values(cs.advice_column()))
            .map(|column| column.iter().map(value).collect())
            .collect()
    }

    /// Constrains Σ (uᵢ − vᵢ)·ζ^(n−1−i) = 0 for the words u and v. Returns the cell of ζ.
    fn compare(&self, config: &Config, region: &mut Region<'_, Fr>) -> Result<Cell, Error> {
        let mut difference = Fr::zero();
        let mut challenges: Vec<Cell> = Vec::new();
        for i in 0..=WORDS {
            let value = Value::known(difference);
            let cell = region.assign_advice(config.difference, i, value).cell();
            if i == 0 || i == WORDS {
                region.constrain_constant(cell, Fr::zero())?;
            }
            if i == WORDS {
                break;
            }
            config.compare.enable(region, i)?;
            let challenge = Value::known(self.challenge);
            let challenge = region.assign_advice(config.challenge, i, challenge).cell();
            if let Some(first) = challenges.first() {
                region.constrain_equal(challenge, *first);
            }
            challenges.push(challenge);
            for (column, words) in config.committed.iter().zip(&self.words) {
                region.assign_advice(*column, i, Value::known(words[i]));
            }
            difference = difference * self.challenge + self.words[0][i] - self.words[1][i];
        }
        Ok(challenges[0])
    }
}

impl Circuit<Fr> for Toy {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = bool;

    fn without_witnesses(&self) -> Self {
        Self::default()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        let config = Config {
            committed: [(); COMMITTED].map(|()| meta.advice_column()),
            challenge: meta.advice_column(),
            difference: meta.advice_column(),
            state: [(); 3].map(|()| meta.advice_column()),
            copies: [(); 7].map(|()| meta.advice_column()),
            looked_up: [(); 2].map(|()| meta.advice_column()),
            round: meta.fixed_column(),
            constants: meta.fixed_column(),
            empty: meta.fixed_column(),
            table: [(); 2].map(|()| meta.lookup_table_column()),
            instance: meta.instance_column(),
            step: meta.selector(),
            look_up: meta.complex_selector(),
            compare: meta.selector(),
        };
        meta.enable_equality(config.challenge);
        meta.enable_equality(config.difference);
        for column in config.state.iter().chain(&config.copies) {
            meta.enable_equality(*column);
        }
        meta.enable_equality(config.instance);
        meta.enable_constant(config.constants);

        meta.create_gate("step", |meta| {
            let selector = meta.query_selector(config.step);
            let round = meta.query_fixed(config.round, Rotation::cur());
            let empty = meta.query_fixed(config.empty, Rotation::cur());
            let at = |meta: &mut halo2_proofs::plonk::VirtualCells<'_, Fr>, i: usize, rotation| {
                meta.query_advice(config.state[i], rotation)
            };
            let [a, b, c] = [0, 1, 2].map(|i| at(meta, i, Rotation::cur()));
            let next = [0, 1, 2].map(|i| at(meta, i, Rotation::next()));
            let before = [0, 2].map(|i| at(meta, i, Rotation::prev()));
            let fifth = |x: Expression<Fr>| {
                let square = x.clone() * x.clone();
                square.clone() * square * x
            };
            let [x, y, z] = next;
            let mixed = fifth(a.clone() + round.clone());
            let two = Expression::Constant(Fr::from(2));
            let eleven = Expression::Constant(Fr::from(11));
            vec![
                selector.clone()
                    * (x - mixed.clone() * Fr::from(3) - b.clone() + two * before[1].clone()),
                selector.clone() * (y - (mixed - fifth(b.clone()) + a.clone() * c.clone())),
                selector.clone() * (z - (a.clone() * b * c - before[0].clone() + eleven)),
                // Always satisfied: the empty column is zero.
                selector * empty * a,
            ]
        });
        meta.create_gate("compare", |meta| {
            let selector = meta.query_selector(config.compare);
            let [u, v] = config
                .committed
                .map(|column| meta.query_advice(column, Rotation::cur()));
            let challenge = meta.query_advice(config.challenge, Rotation::cur());
            let difference = meta.query_advice(config.difference, Rotation::cur());
            let next = meta.query_advice(config.difference, Rotation::next());
            vec![selector * (next - difference * challenge - u + v)]
        });
        meta.lookup("squares", |meta| {
            let selector = meta.query_selector(config.look_up);
            let [value, square] = config
                .looked_up
                .map(|column| meta.query_advice(column, Rotation::cur()));
            vec![
                (selector.clone() * value, config.table[0]),
                (selector * square, config.table[1]),
            ]
        });
        meta.lookup("range", |meta| {
            let selector = meta.query_selector(config.look_up);
            let value = meta.query_advice(config.looked_up[0], Rotation::next());
            vec![(selector * value, config.table[0])]
        });
        config
    }

    fn params(&self) -> bool {
        self.low_degree
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, low_degree: bool) -> Config {
        // halo2-axiom caps the degree at 5 by default.
        if !low_degree {
            meta.set_minimum_degree(6);
        }
        Self::configure(meta)
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        layouter.assign_table(
            || "squares",
            |mut table| {
                for i in 0..TABLE {
                    for (column, value) in config.table.iter().zip([i, i * i]) {
                        let value = Value::known(Fr::from(value));
                        table.assign_cell(|| "", *column, i as usize, || value)?;
                    }
                }
                Ok(())
            },
        )?;
        let rows: Vec<[Value<Fr>; 3]> = match self.start {
            Some(start) => Self::rows(start)
                .iter()
                .map(|row| row.map(Value::known))
                .collect(),
            None => vec![[Value::unknown(); 3]; STEPS + 2],
        };
        let exposed = layouter.assign_region(
            || "steps",
            |mut region| {
                let mut cells = Vec::new();
                for (i, row) in rows.iter().enumerate() {
                    let assigned: Vec<_> = row
                        .iter()
                        .zip(config.state)
                        .map(|(value, column)| {
                            region
                                .assign_advice(column, i, value.map(Assigned::Trivial))
                                .cell()
                        })
                        .collect();
                    cells.push(assigned);
                    if (1..=STEPS).contains(&i) {
                        config.step.enable(&mut region, i)?;
                        region.assign_fixed(config.round, i, round(i - 1));
                    }
                }
                region.assign_fixed(config.empty, 0, Fr::ZERO);
                // The second row is the first one rotated.
                for i in 0..3 {
                    region.constrain_equal(cells[1][i], cells[0][(i + 1) % 3]);
                }
                // A chain of copies through all columns.
                let mut cell = cells[0][0];
                for (offset, column) in config.copies.iter().enumerate() {
                    let copy = region.assign_advice(*column, offset, rows[0][0]).cell();
                    region.constrain_equal(copy, cell);
                    cell = copy;
                }
                let constant = Value::known(Fr::from(42));
                let constant = region.assign_advice(config.copies[0], 7, constant).cell();
                region.constrain_constant(constant, Fr::from(42))?;
                for i in 0..4 {
                    config.look_up.enable(&mut region, i)?;
                    for (column, value) in config.looked_up.iter().zip([i + 3, (i + 3) * (i + 3)]) {
                        region.assign_advice(*column, i, Value::known(Fr::from(value as u64)));
                    }
                }
                let challenge = self.compare(&config, &mut region)?;
                let mut exposed = cells[STEPS + 1].clone();
                exposed.extend([cell, constant, challenge]);
                Ok(exposed)
            },
        )?;
        for (i, cell) in exposed.into_iter().enumerate() {
            layouter.constrain_instance(cell, config.instance, i);
        }
        Ok(())
    }
}
