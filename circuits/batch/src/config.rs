//! Columns and gates. All shapes share them; only fixed contents and the number of rows differ.
//!
//! | columns | what |
//! |---|---|
//! | advice 0–9 | the cells; 1–9 take part in copies, 9 is looked up |
//! | constant 0–9 | round constants; coefficients of the arithmetic gate (1–8) and of the range gate (9) |
//! | full | 1: two full rounds, 2: the same, leading into the partial rounds |
//! | partial | 1: ten partial rounds, 2: the same, leading back to full rounds |
//! | step | 1: absorb, 2: Merkle step, 3: arithmetic |
//! | range | factor of the looked-up value, 0 where nothing is looked up |
//! | table | 0 … 2^13 − 1 |
//! | instance | old state, new state, c, z, y |

use halo2_proofs::plonk::{
    Advice, Column, ConstraintSystem, Expression, Fixed, Instance, TableColumn, VirtualCells,
};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

use crate::schedule::{COLUMNS, Schedule};

/// Bits of a looked-up piece.
pub const TABLE_BITS: usize = 13;

/// Degree of the constraint system: x⁵ under a selector of two kinds. It has to be declared, since the
/// proof system otherwise takes 5 at most, whatever the gates are, and makes proofs that do not verify.
pub const DEGREE: usize = 7;

/// Names of the gates, as a failing constraint reports them.
pub mod gate {
    /// First of two full rounds in a row.
    pub const FULL_FIRST: &str = "full round, first";
    /// Second of two full rounds in a row.
    pub const FULL_SECOND: &str = "full round, second";
    /// Second full round that leads into the partial rounds.
    pub const ENTRY: &str = "full round, into partial rounds";
    /// Last five partial rounds of a row.
    pub const PARTIAL_FIRST: &str = "partial rounds, this row";
    /// First five partial rounds of the next row.
    pub const PARTIAL_SECOND: &str = "partial rounds, next row";
    /// State after the partial rounds.
    pub const EXIT: &str = "partial rounds, into full rounds";
    /// Sponge absorption.
    pub const ABSORB: &str = "absorb";
    /// One level of a Merkle path.
    pub const MERKLE: &str = "merkle step";
    /// Products and linear combinations.
    pub const ARITHMETIC: &str = "arithmetic";
    /// The lookup.
    pub const RANGE: &str = "range";
}

/// Kinds of row in the `step` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next row starts a permutation on (kept state +) the chunk in cells 6–9.
    Absorb = 1,
    /// The next row starts the hash of four children, one of which is cell 1.
    Merkle = 2,
    /// Cell 5 is a combination of cells 1–4 and 6–8.
    Arithmetic = 3,
}

/// Columns that a prover commits to before the column challenge ζ is drawn; the first ones of the
/// constraint system.
pub const COMMITTED: usize = 5;

/// The columns.
#[derive(Clone, Debug)]
pub struct Config {
    /// The committed columns.
    pub committed: [Column<Advice>; COMMITTED],
    /// Advice columns.
    pub advice: [Column<Advice>; COLUMNS],
    /// Round constants and coefficients.
    pub constants: [Column<Fixed>; COLUMNS],
    /// Selector of full rounds.
    pub full: Column<Fixed>,
    /// Selector of partial rounds.
    pub partial: Column<Fixed>,
    /// Selector of absorption, Merkle steps and arithmetic.
    pub step: Column<Fixed>,
    /// Factor of the looked-up value.
    pub range: Column<Fixed>,
    /// The table of 13-bit integers.
    pub table: TableColumn,
    /// The public inputs.
    pub instance: Column<Instance>,
}

type E = Expression<Fr>;

fn constant(value: u64) -> E {
    Expression::Constant(Fr::from(value))
}

/// `selector` is one of 0 … `kinds`; nonzero exactly where it is `kind`.
fn is(selector: &E, kind: u64, kinds: u64) -> E {
    (1..=kinds)
        .filter(|&other| other != kind)
        .fold(selector.clone(), |product, other| {
            product * (selector.clone() - constant(other))
        })
}

fn fifth_power(x: &E) -> E {
    let square = x.clone() * x.clone();
    square.clone() * square * x.clone()
}

fn dot(weights: &[Fr], terms: &[E]) -> E {
    weights
        .iter()
        .zip(terms)
        .filter(|(weight, _)| !bool::from(weight.is_zero()))
        .map(|(weight, term)| term.clone() * *weight)
        .reduce(|sum, term| sum + term)
        .unwrap_or(Expression::Constant(Fr::ZERO))
}

/// What every gate sees of its row.
struct Row {
    cur: Vec<E>,
    next: Vec<E>,
    constants: Vec<E>,
}

impl Config {
    /// Declares columns and gates.
    pub fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        let committed = std::array::from_fn(|_| meta.advice_column());
        let advice: [Column<Advice>; COLUMNS] = std::array::from_fn(|_| meta.advice_column());
        let instance = meta.instance_column();
        let constants: [Column<Fixed>; COLUMNS] = std::array::from_fn(|_| meta.fixed_column());
        let config = Config {
            committed,
            advice,
            constants,
            full: meta.fixed_column(),
            partial: meta.fixed_column(),
            step: meta.fixed_column(),
            range: meta.fixed_column(),
            table: meta.lookup_table_column(),
            instance,
        };
        for column in &config.advice[1..] {
            meta.enable_equality(*column);
        }
        meta.enable_equality(instance);
        meta.set_minimum_degree(DEGREE);
        config.full_rounds(meta);
        config.partial_rounds(meta);
        config.steps(meta);
        meta.lookup(gate::RANGE, |cells| {
            let factor = cells.query_fixed(config.range, Rotation::cur());
            let step = cells.query_fixed(config.constants[9], Rotation::cur());
            let value = cells.query_advice(config.advice[9], Rotation::cur());
            let rest = cells.query_advice(config.advice[9], Rotation::next());
            vec![(factor * (value - step * rest), config.table)]
        });
        config
    }

    fn row(&self, cells: &mut VirtualCells<'_, Fr>, next: usize) -> Row {
        Row {
            cur: self
                .advice
                .iter()
                .map(|column| cells.query_advice(*column, Rotation::cur()))
                .collect(),
            next: self.advice[..next]
                .iter()
                .map(|column| cells.query_advice(*column, Rotation::next()))
                .collect(),
            constants: self
                .constants
                .iter()
                .map(|column| cells.query_fixed(*column, Rotation::cur()))
                .collect(),
        }
    }

    fn full_rounds(&self, meta: &mut ConstraintSystem<Fr>) {
        let schedule = Schedule::get();
        meta.create_gate(gate::FULL_FIRST, |cells| {
            let selector = cells.query_fixed(self.full, Rotation::cur());
            let row = self.row(cells, 0);
            let powers: Vec<E> = row.cur[..5].iter().map(fifth_power).collect();
            (0..5)
                .map(|i| {
                    selector.clone()
                        * (dot(&schedule.mds[i], &powers) + row.constants[5 + i].clone()
                            - row.cur[5 + i].clone())
                })
                .collect::<Vec<_>>()
        });
        meta.create_gate(gate::FULL_SECOND, |cells| {
            let selector = is(&cells.query_fixed(self.full, Rotation::cur()), 1, 2);
            let row = self.row(cells, 5);
            let powers: Vec<E> = row.cur[5..].iter().map(fifth_power).collect();
            (0..5)
                .map(|i| {
                    selector.clone()
                        * (dot(&schedule.mds[i], &powers) + row.constants[i].clone()
                            - row.next[i].clone())
                })
                .collect::<Vec<_>>()
        });
        meta.create_gate(gate::ENTRY, |cells| {
            let selector = is(&cells.query_fixed(self.full, Rotation::cur()), 2, 2);
            let row = self.row(cells, 5);
            let powers: Vec<E> = row.cur[5..].iter().map(fifth_power).collect();
            let first: Vec<E> = row.next[..4].iter().map(fifth_power).collect();
            (0..5)
                .map(|i| {
                    let mut value = dot(&schedule.entry[i], &powers);
                    for (k, power) in first.iter().enumerate().take(i) {
                        value = value + power.clone() * schedule.response[i - 1 - k];
                    }
                    selector.clone() * (value + row.constants[i].clone() - row.next[i].clone())
                })
                .collect::<Vec<_>>()
        });
    }

    fn partial_rounds(&self, meta: &mut ConstraintSystem<Fr>) {
        let schedule = Schedule::get();
        let recurrence = |inputs: &[E], powers: &[E]| {
            dot(&schedule.recurrence_u, inputs) + dot(&schedule.recurrence_y, powers)
        };
        meta.create_gate(gate::PARTIAL_FIRST, |cells| {
            let selector = cells.query_fixed(self.partial, Rotation::cur());
            let row = self.row(cells, 0);
            let powers: Vec<E> = row.cur[..9].iter().map(fifth_power).collect();
            (0..5)
                .map(|i| {
                    let value = recurrence(&row.cur[i + 1..i + 5], &powers[i..i + 5]);
                    selector.clone()
                        * (value + row.constants[5 + i].clone() - row.cur[5 + i].clone())
                })
                .collect::<Vec<_>>()
        });
        meta.create_gate(gate::PARTIAL_SECOND, |cells| {
            let selector = is(&cells.query_fixed(self.partial, Rotation::cur()), 1, 2);
            let row = self.row(cells, 5);
            let inputs: Vec<E> = [&row.cur[5..], &row.next[..]].concat();
            let powers: Vec<E> = inputs[..9].iter().map(fifth_power).collect();
            (0..5)
                .map(|i| {
                    let value = recurrence(&inputs[i + 1..i + 5], &powers[i..i + 5]);
                    selector.clone() * (value + row.constants[i].clone() - row.next[i].clone())
                })
                .collect::<Vec<_>>()
        });
        meta.create_gate(gate::EXIT, |cells| {
            let selector = is(&cells.query_fixed(self.partial, Rotation::cur()), 2, 2);
            let row = self.row(cells, 5);
            let powers: Vec<E> = row.cur[5..].iter().map(fifth_power).collect();
            (0..5)
                .map(|i| {
                    let value = dot(&schedule.exit[i][..4], &row.cur[6..])
                        + dot(&schedule.exit[i][4..], &powers);
                    selector.clone() * (value + row.constants[i].clone() - row.next[i].clone())
                })
                .collect::<Vec<_>>()
        });
    }

    fn steps(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate(gate::ABSORB, |cells| {
            let selector = is(&cells.query_fixed(self.step, Rotation::cur()), 1, 3);
            let row = self.row(cells, 5);
            (0..5)
                .map(|i| {
                    let mut value =
                        row.constants[5].clone() * row.cur[i].clone() + row.constants[i].clone();
                    if i > 0 {
                        value = value + row.cur[5 + i].clone();
                    }
                    selector.clone() * (value - row.next[i].clone())
                })
                .collect::<Vec<_>>()
        });
        meta.create_gate(gate::MERKLE, |cells| {
            let selector = is(&cells.query_fixed(self.step, Rotation::cur()), 2, 3);
            let row = self.row(cells, 5);
            let [child, low, high, s1, s2, s3] =
                [1, 5, 6, 7, 8, 9].map(|i: usize| row.cur[i].clone());
            let one = constant(1);
            let both = low.clone() * high.clone();
            // One of these four is 1: the place of the child among its siblings.
            let p3 = both.clone();
            let p2 = high.clone() - both.clone();
            let p1 = low.clone() - both.clone();
            let p0 = one.clone() - low.clone() - high.clone() + both;
            let children = [
                s1.clone() + p0.clone() * (child.clone() - s1.clone()),
                s2.clone() + p0 * (s1 - s2.clone()) + p1 * (child.clone() - s2.clone()),
                s2.clone() + p2 * (child.clone() - s2.clone()) + p3.clone() * (s3.clone() - s2),
                s3.clone() + p3 * (child - s3),
            ];
            let mut polynomials = vec![
                selector.clone() * (low.clone() * (low - one.clone())),
                selector.clone() * (high.clone() * (high - one)),
                selector.clone() * (row.constants[0].clone() - row.next[0].clone()),
            ];
            for (i, place) in children.into_iter().enumerate() {
                polynomials.push(
                    selector.clone()
                        * (place + row.constants[1 + i].clone() - row.next[1 + i].clone()),
                );
            }
            polynomials
        });
        meta.create_gate(gate::ARITHMETIC, |cells| {
            let selector = is(&cells.query_fixed(self.step, Rotation::cur()), 3, 3);
            let row = self.row(cells, 0);
            let x = &row.cur;
            let c = &row.constants;
            let product =
                x[1].clone() * (c[1].clone() * x[2].clone() + c[2].clone() * x[3].clone());
            let linear = [(3, 3), (4, 4), (6, 6), (7, 7), (8, 8)].into_iter().fold(
                c[5].clone(),
                |sum, (coefficient, cell): (usize, usize)| {
                    sum + c[coefficient].clone() * x[cell].clone()
                },
            );
            vec![selector * (product + linear - x[5].clone())]
        });
    }
}
