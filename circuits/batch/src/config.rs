//! Columns and gates. All shapes share them; only the fixed contents and the number of rows differ.
//!
//! | columns | contents |
//! |---|---|
//! | advice 0–9 | the cells; 1–9 take part in copies, 9 is looked up |
//! | pieces (4) | a limb of a value modulo q, in pieces of 13 bits |
//! | multiplicity | number of occurrences, among all pieces, of the table's entry of this row |
//! | evaluation | a limb, or a value at σ; takes part in copies |
//! | point | σ in every row |
//! | balance | running sum of Σ 1/(σ + piece) − multiplicity/(σ + entry) |
//! | constant 0–9 | round constants; coefficients of the three gates below |
//! | full | 1: two full rounds, 2: the same, leading into the partial rounds |
//! | partial | 1: ten partial rounds, 2: the same, leading back to full rounds |
//! | step | 1: absorb, 2: Merkle step, 3: arithmetic |
//! | range | factor of the looked-up value, 0 if nothing is looked up |
//! | weighted | 1: weighted product |
//! | foreign | kind of the evaluation, see [`Foreign`] |
//! | live | 1 in rows where σ and the running sum continue in the next row |
//! | table | 0 … 2^13 − 1 |
//! | instance | old state, new state, c, z, y, ζ |
//!
//! The constant columns hold the coefficients of the arithmetic gate (1–8), of a weighted product
//! (0–8) and of the range gate (9).
//!
//! Pieces and multiplicity are the **committed** columns, the first of the constraint system. The
//! column challenge ζ is drawn from their commitments, and everything else may depend on it.

use halo2_proofs::plonk::{
    Advice, Column, ConstraintSystem, Expression, Fixed, Instance, VirtualCells,
};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

use crate::schedule::{COLUMNS, Schedule};

/// Bits of a looked-up piece.
pub(crate) const TABLE_BITS: usize = 13;
/// Number of looked-up pieces of a limb modulo q; each has a column.
pub(crate) const PIECES: usize = 4;

/// Number of public instances of the statement, in order: old state, new state, c, z, y. The column
/// challenge ζ follows; a verifier computes it from the proof ([`COMMITTED`]).
pub const INSTANCES: usize = 5;

/// Degree of the constraint system: x⁵ under a selector of two kinds. It must be declared: by
/// default the proof system assumes at most 5 and makes proofs that do not verify.
pub(crate) const DEGREE: usize = 7;

/// Names of the gates, as a failing constraint reports them.
pub(crate) mod gate {
    /// First of two full rounds in a row.
    pub(crate) const FULL_FIRST: &str = "full round, first";
    /// Second of two full rounds in a row.
    pub(crate) const FULL_SECOND: &str = "full round, second";
    /// Second full round that leads into the partial rounds.
    pub(crate) const ENTRY: &str = "full round, into partial rounds";
    /// Last five partial rounds of a row.
    pub(crate) const PARTIAL_FIRST: &str = "partial rounds, this row";
    /// First five partial rounds of the next row.
    pub(crate) const PARTIAL_SECOND: &str = "partial rounds, next row";
    /// State after the partial rounds.
    pub(crate) const EXIT: &str = "partial rounds, into full rounds";
    /// Sponge absorption.
    pub(crate) const ABSORB: &str = "absorb";
    /// One level of a Merkle path.
    pub(crate) const MERKLE: &str = "merkle step";
    /// Products and linear combinations.
    pub(crate) const ARITHMETIC: &str = "arithmetic";
    /// The lookup.
    pub(crate) const RANGE: &str = "range";
    /// Weighted products of evaluations.
    pub(crate) const WEIGHTED: &str = "weighted product";
    /// Limbs and their polynomial at σ.
    pub(crate) const EVALUATION: &str = "evaluation";
    /// Boundary of the multiset argument: σ enters, and the running sum begins and ends.
    pub(crate) const BOUNDARY: &str = "boundary";
    /// Public inputs.
    pub(crate) const INSTANCE: &str = "instance";
    /// σ is the same in every row.
    pub(crate) const POINT: &str = "point";
    /// Every piece is an entry of the table.
    pub(crate) const BALANCE: &str = "balance";
}

/// Column numbers in a layout. The general columns are 0 … 9.
pub(crate) mod column {
    use super::{COLUMNS, PIECES};

    /// First of the columns of pieces.
    pub(crate) const PIECE: usize = COLUMNS;
    /// Column of multiplicities.
    pub(crate) const MULTIPLICITY: usize = PIECE + PIECES;
    /// Column of evaluations.
    pub(crate) const EVALUATION: usize = MULTIPLICITY + 1;
    /// Column of σ.
    pub(crate) const POINT: usize = EVALUATION + 1;
    /// Column of running sums.
    pub(crate) const BALANCE: usize = POINT + 1;
    /// Number of columns.
    pub(crate) const ALL: usize = BALANCE + 1;

    /// Returns the layout's number of an advice column of the constraint system, where the
    /// committed ones come first.
    #[cfg(test)]
    pub(crate) fn of_advice(index: usize) -> usize {
        let committed = super::COMMITTED;
        if index < committed {
            PIECE + index
        } else if index < committed + COLUMNS {
            index - committed
        } else {
            index
        }
    }

    /// Returns the constraint system's number of a column of the layout.
    pub(crate) fn to_advice(place: usize) -> usize {
        if place < COLUMNS {
            place + super::COMMITTED
        } else if place < EVALUATION {
            place - COLUMNS
        } else {
            place
        }
    }
}

/// Kind of a row, in the `step` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next row starts a permutation on (kept state +) the chunk in cells 6–9.
    Absorb = 1,
    /// The next row starts the hash of four children, one of which is cell 1.
    Merkle = 2,
    /// Cell 5 is a combination of cells 1–4 and 6–8.
    Arithmetic = 3,
}

/// Number of columns that a prover commits to before the column challenge ζ is drawn. They are the
/// first of the constraint system.
pub const COMMITTED: usize = PIECES + 1;

/// Kind of a row, in the `foreign` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// The evaluation is the limb.
    Limb = 1,
    /// The evaluation is the limb plus σ times the evaluation in the next row.
    Chained = 2,
    /// The evaluation is the running sum; the evaluation in the next row is σ.
    Boundary = 3,
    /// The evaluation is the instance of this row.
    Instance = 4,
}

/// Columns of the circuit.
#[derive(Clone, Debug)]
pub struct Config {
    /// Advice columns, by their numbers in a layout.
    pub(crate) advice: [Column<Advice>; column::ALL],
    /// Round constants and coefficients.
    pub(crate) constants: [Column<Fixed>; COLUMNS],
    /// Selector of full rounds.
    pub(crate) full: Column<Fixed>,
    /// Selector of partial rounds.
    pub(crate) partial: Column<Fixed>,
    /// Selector of absorption, Merkle steps and arithmetic.
    pub(crate) step: Column<Fixed>,
    /// Factor of the looked-up value.
    pub(crate) range: Column<Fixed>,
    /// Selector of weighted products.
    pub(crate) weighted: Column<Fixed>,
    /// Selector of evaluations.
    pub(crate) foreign: Column<Fixed>,
    /// Selector of the rows of the multiset argument.
    pub(crate) live: Column<Fixed>,
    /// Table of 13-bit integers; 0 in the rows below it.
    pub(crate) table: Column<Fixed>,
    /// The public inputs.
    pub(crate) instance: Column<Instance>,
}

type E = Expression<Fr>;

fn constant(value: u64) -> E {
    Expression::Constant(Fr::from(value))
}

/// Returns an expression that is nonzero exactly if `selector`, one of 0 … `kinds`, is `kind`.
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

/// Cells of a row, as every gate sees them.
struct Row {
    cur: Vec<E>,
    next: Vec<E>,
    constants: Vec<E>,
}

impl Config {
    /// Declares columns and gates.
    pub fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        let created: [Column<Advice>; column::ALL] = std::array::from_fn(|_| meta.advice_column());
        let advice = std::array::from_fn(|place| created[column::to_advice(place)]);
        let instance = meta.instance_column();
        let constants: [Column<Fixed>; COLUMNS] = std::array::from_fn(|_| meta.fixed_column());
        let config = Config {
            advice,
            constants,
            full: meta.fixed_column(),
            partial: meta.fixed_column(),
            step: meta.fixed_column(),
            range: meta.fixed_column(),
            weighted: meta.fixed_column(),
            foreign: meta.fixed_column(),
            live: meta.fixed_column(),
            table: meta.fixed_column(),
            instance,
        };
        for column in &config.advice[1..COLUMNS] {
            meta.enable_equality(*column);
        }
        meta.enable_equality(config.advice[column::EVALUATION]);
        meta.set_minimum_degree(DEGREE);
        config.full_rounds(meta);
        config.partial_rounds(meta);
        config.steps(meta);
        config.weighted_products(meta);
        config.evaluations(meta);
        config.multiset(meta);
        meta.lookup_any(gate::RANGE, |cells| {
            let factor = cells.query_fixed(config.range, Rotation::cur());
            let step = cells.query_fixed(config.constants[9], Rotation::cur());
            let value = cells.query_advice(config.advice[9], Rotation::cur());
            let rest = cells.query_advice(config.advice[9], Rotation::next());
            let table = cells.query_fixed(config.table, Rotation::cur());
            vec![(factor * (value - step * rest), table)]
        });
        config
    }

    fn row(&self, cells: &mut VirtualCells<'_, Fr>, next: usize) -> Row {
        Row {
            cur: self.advice[..COLUMNS]
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
            // Exactly one of these four is 1: the child's place among its siblings.
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

    fn weighted_products(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate(gate::WEIGHTED, |cells| {
            let selector = cells.query_fixed(self.weighted, Rotation::cur());
            let row = self.row(cells, 1);
            let [sum, a0, a1, b0, b1, d0, d1, u0, u1] = std::array::from_fn(|i| row.cur[i].clone());
            let [carry_in, p0, p1, p2, l0, l1, l2, c, carry_out] =
                std::array::from_fn(|i| row.constants[i].clone());
            let first = p0 * a0.clone() * b0.clone()
                + p1 * a1.clone() * b1.clone()
                + l0 * d0
                + l1 * d1.clone()
                + c;
            let second = p2 * (a0 * b1 + a1 * b0) + l2 * d1;
            let before = carry_in * row.next[0].clone();
            vec![selector * (before + u0 * first + u1 * second - carry_out * sum)]
        });
    }

    fn evaluations(&self, meta: &mut ConstraintSystem<Fr>) {
        let advice = |cells: &mut VirtualCells<'_, Fr>, place: usize, rotation| {
            cells.query_advice(self.advice[place], rotation)
        };
        meta.create_gate(gate::EVALUATION, |cells| {
            let kind = cells.query_fixed(self.foreign, Rotation::cur());
            let limb = (0..PIECES)
                .map(|i| {
                    let piece = advice(cells, column::PIECE + i, Rotation::cur());
                    piece * crate::convert::power_of_two(TABLE_BITS * i)
                })
                .reduce(|sum, piece| sum + piece)
                .unwrap_or(Expression::Constant(Fr::ZERO));
            let value = advice(cells, column::EVALUATION, Rotation::cur());
            let next = advice(cells, column::EVALUATION, Rotation::next());
            let point = advice(cells, column::POINT, Rotation::cur());
            let chained = (kind.clone() - constant(1)) * point * next;
            let selector = kind.clone() * (kind.clone() - constant(3)) * (kind - constant(4));
            vec![selector * (value - limb - chained)]
        });
        // A gate instead of a copy: one column less in the permutation argument saves two
        // commitments on L1.
        meta.create_gate(gate::INSTANCE, |cells| {
            let selector = is(&cells.query_fixed(self.foreign, Rotation::cur()), 4, 4);
            let value = advice(cells, column::EVALUATION, Rotation::cur());
            let instance = cells.query_instance(self.instance, Rotation::cur());
            vec![selector * (value - instance)]
        });
        meta.create_gate(gate::BOUNDARY, |cells| {
            let selector = is(&cells.query_fixed(self.foreign, Rotation::cur()), 3, 4);
            let value = advice(cells, column::EVALUATION, Rotation::cur());
            let next = advice(cells, column::EVALUATION, Rotation::next());
            let point = advice(cells, column::POINT, Rotation::next());
            let balance = advice(cells, column::BALANCE, Rotation::cur());
            vec![
                selector.clone() * (value - balance),
                selector * (next - point),
            ]
        });
    }

    /// Constrains Σ 1/(σ + piece) = Σ multiplicity/(σ + entry) as a running sum. It implies
    /// equality of the multisets, because σ is drawn after both.
    fn multiset(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate(gate::POINT, |cells| {
            let live = cells.query_fixed(self.live, Rotation::cur());
            let point = cells.query_advice(self.advice[column::POINT], Rotation::cur());
            let next = cells.query_advice(self.advice[column::POINT], Rotation::next());
            vec![live * (next - point)]
        });
        meta.create_gate(gate::BALANCE, |cells| {
            let live = cells.query_fixed(self.live, Rotation::cur());
            let point = cells.query_advice(self.advice[column::POINT], Rotation::cur());
            let balance = cells.query_advice(self.advice[column::BALANCE], Rotation::cur());
            let next = cells.query_advice(self.advice[column::BALANCE], Rotation::next());
            let multiplicity =
                cells.query_advice(self.advice[column::MULTIPLICITY], Rotation::cur());
            let entry = point.clone() + cells.query_fixed(self.table, Rotation::cur());
            let [f0, f1, f2, f3] = std::array::from_fn(|i| {
                let piece = cells.query_advice(self.advice[column::PIECE + i], Rotation::cur());
                point.clone() + piece
            });
            let (low, high) = (f0.clone() * f1.clone(), f2.clone() * f3.clone());
            let inverses = (f0 + f1) * high.clone() + (f2 + f3) * low.clone();
            let all = low * high;
            vec![
                live * ((next - balance) * all.clone() * entry.clone() + multiplicity * all
                    - inverses * entry),
            ]
        });
    }
}
