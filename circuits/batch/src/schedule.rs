//! The Poseidon permutation as this circuit lays it out (spec: *Notation and hashing*, Poseidon).
//!
//! Cells hold **S-box inputs**: states with the round's constants already added. Full rounds keep
//! five cells a round. In partial rounds only element 0 passes the S-box, so the other four
//! elements form a linear system driven by `y = u^5`. If five consecutive S-box inputs are known,
//! the next one is a fixed linear function of them and of their fifth powers (observability and
//! Cayley–Hamilton), the same in every round. Sixty partial rounds therefore take sixty cells.
//! Additive constants are read off one reference permutation as residuals.

use std::sync::OnceLock;

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::poseidon::{self, FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH};

use crate::convert::to_halo2;

/// Number of rows of a permutation between its input row and its output row.
pub(crate) const ROWS: usize = 10;
/// Number of cells in a row.
pub(crate) const COLUMNS: usize = 10;
/// Number of rows of partial rounds, ten rounds each.
pub(crate) const PARTIAL_ROWS: usize = PARTIAL_ROUNDS / COLUMNS;

/// Kind of a row of the permutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowKind {
    /// Two full rounds.
    Full,
    /// Two full rounds, the second of which leads into the partial rounds.
    Entry,
    /// Ten partial rounds.
    Partial,
    /// Ten partial rounds, the last of which leads back to full rounds.
    Exit,
}

/// Returns the kind of row `index` of the permutation.
pub(crate) fn row_kind(index: usize) -> RowKind {
    match index {
        1 => RowKind::Entry,
        7 => RowKind::Exit,
        2..=6 => RowKind::Partial,
        _ => RowKind::Full,
    }
}

/// Linear maps and constants of the layout.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// The MDS matrix.
    pub(crate) mds: [[Fr; WIDTH]; WIDTH],
    /// Map from the fifth powers of the last full round to the first five partial S-box inputs.
    pub(crate) entry: [[Fr; WIDTH]; WIDTH],
    /// Weight of `y_k` in `u_(k+1+i)` for i = 0 … 3, within the entry.
    pub(crate) response: [Fr; 4],
    /// Weights of `u_(j+1) … u_(j+4)` in `u_(j+5)`.
    pub(crate) recurrence_u: [Fr; 4],
    /// Weights of `y_j … y_(j+4)` in `u_(j+5)`.
    pub(crate) recurrence_y: [Fr; WIDTH],
    /// Map to the state after the partial rounds: weights of `u_56 … u_59`, then of `y_55 … y_59`.
    pub(crate) exit: [[Fr; 9]; WIDTH],
    /// Constants of the first round, which the row before the permutation adds.
    pub(crate) first: [Fr; WIDTH],
    /// Constants of each row: five for the next row's cells 0–4, five for its own cells 5–9.
    pub(crate) constants: [[Fr; COLUMNS]; ROWS],
}

/// Returns x⁵.
pub(crate) fn fifth_power(x: Fr) -> Fr {
    let square = x.square();
    square.square() * x
}

fn dot(a: &[Fr], b: &[Fr]) -> Fr {
    a.iter().zip(b).map(|(a, b)| *a * b).sum()
}

type Matrix = [[Fr; 4]; 4];

fn row_times(row: &[Fr; 4], matrix: &Matrix) -> [Fr; 4] {
    std::array::from_fn(|j| (0..4).map(|i| row[i] * matrix[i][j]).sum())
}

fn times(left: &Matrix, right: &Matrix) -> Matrix {
    std::array::from_fn(|i| row_times(&left[i], right))
}

/// Returns the inverse, by Gauss–Jordan elimination.
fn invert(matrix: &Matrix) -> Matrix {
    let mut left = *matrix;
    let mut right: Matrix =
        std::array::from_fn(|i| std::array::from_fn(|j| Fr::from(u64::from(i == j))));
    for pivot in 0..4 {
        let at = (pivot..4)
            .find(|&row| !bool::from(left[row][pivot].is_zero()))
            .expect("the partial rounds of these parameters are observable");
        left.swap(pivot, at);
        right.swap(pivot, at);
        let scale = left[pivot][pivot].invert().expect("the pivot is not zero");
        for j in 0..4 {
            left[pivot][j] *= scale;
            right[pivot][j] *= scale;
        }
        for row in (0..4).filter(|&row| row != pivot) {
            let factor = left[row][pivot];
            for j in 0..4 {
                let (l, r) = (left[pivot][j], right[pivot][j]);
                left[row][j] -= factor * l;
                right[row][j] -= factor * r;
            }
        }
    }
    right
}

impl Schedule {
    /// Returns the schedule of the protocol's parameters, derived once.
    pub(crate) fn get() -> &'static Schedule {
        static SCHEDULE: OnceLock<Schedule> = OnceLock::new();
        SCHEDULE.get_or_init(Schedule::derive)
    }

    fn derive() -> Schedule {
        let parameters = poseidon::parameters();
        let mds: [[Fr; WIDTH]; WIDTH] =
            std::array::from_fn(|i| std::array::from_fn(|j| to_halo2(&parameters.mds[i][j])));
        let round: Vec<[Fr; WIDTH]> = parameters
            .round_constants
            .iter()
            .map(|constants| std::array::from_fn(|i| to_halo2(&constants[i])))
            .collect();
        assert_eq!(round.len(), FULL_ROUNDS + PARTIAL_ROUNDS);

        // M = [[m00, out], [drive, inner]], so that with v = elements 1–4:
        // u' = m00·y + out·v and v' = drive·y + inner·v.
        let m00 = mds[0][0];
        let out: [Fr; 4] = std::array::from_fn(|j| mds[0][j + 1]);
        let drive: [Fr; 4] = std::array::from_fn(|i| mds[i + 1][0]);
        let inner: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| mds[i + 1][j + 1]));

        let mut observe: [[Fr; 4]; 5] = [out; 5];
        for i in 1..5 {
            observe[i] = row_times(&observe[i - 1], &inner);
        }
        let observability: Matrix = std::array::from_fn(|i| observe[i]);
        let inverse = invert(&observability);
        // observe[4] = Σ alpha_i · observe[i], by Cayley–Hamilton.
        let alpha = row_times(&observe[4], &inverse);
        let mut response = [m00; 5];
        for i in 1..5 {
            response[i] = dot(&observe[i - 1], &drive);
        }

        let recurrence_y = std::array::from_fn(|k| {
            response[4 - k] - (k..4).map(|i| alpha[i] * response[i - k]).sum::<Fr>()
        });

        let lower: [[Fr; WIDTH]; 4] = std::array::from_fn(|i| mds[i + 1]);
        let entry = std::array::from_fn(|i| match i {
            0 => mds[0],
            _ => std::array::from_fn(|j| (0..4).map(|k| observe[i - 1][k] * lower[k][j]).sum()),
        });

        // v_55 = inverse · o with o_i = u_(56+i) − Σ_(k≤i) response_(i−k)·y_(55+k), and
        // v_60 = inner⁵·v_55 + Σ_k inner^(4−k)·drive·y_(55+k).
        let mut power = inner;
        let mut driven = [drive; 5];
        for k in (0..4).rev() {
            driven[k] = std::array::from_fn(|i| dot(&inner[i], &driven[k + 1]));
            power = times(&power, &inner);
        }
        let through = times(&power, &inverse);
        let exit = std::array::from_fn(|row| {
            let mut weights = [Fr::ZERO; 9];
            if row == 0 {
                weights[..4].copy_from_slice(&alpha);
                weights[4..].copy_from_slice(&recurrence_y);
            } else {
                weights[..4].copy_from_slice(&through[row - 1]);
                for k in 0..5 {
                    weights[4 + k] = driven[k][row - 1]
                        - (k..4)
                            .map(|i| through[row - 1][i] * response[i - k])
                            .sum::<Fr>();
                }
            }
            weights
        });

        let mut schedule = Schedule {
            mds,
            entry,
            response: std::array::from_fn(|i| response[i]),
            recurrence_u: alpha,
            recurrence_y,
            exit,
            first: round[0],
            constants: [[Fr::ZERO; COLUMNS]; ROWS],
        };
        schedule.constants = schedule.residuals(&round);
        schedule
    }

    /// Returns the constants that make the linear maps agree with a permutation computed round by
    /// round.
    fn residuals(&self, round: &[[Fr; WIDTH]]) -> [[Fr; COLUMNS]; ROWS] {
        let mut state = [Fr::ZERO; WIDTH];
        let mut inputs = Vec::with_capacity(round.len());
        for (index, constants) in round.iter().enumerate() {
            for i in 0..WIDTH {
                state[i] += constants[i];
            }
            inputs.push(state);
            let full = !(FULL_ROUNDS / 2..FULL_ROUNDS / 2 + PARTIAL_ROUNDS).contains(&index);
            for value in state.iter_mut().take(if full { WIDTH } else { 1 }) {
                *value = fifth_power(*value);
            }
            state = std::array::from_fn(|i| dot(&self.mds[i], &state));
        }
        let mut cells = [[Fr::ZERO; COLUMNS]; ROWS + 1];
        let pair = |row: &mut [Fr; COLUMNS], first: usize| {
            row[..WIDTH].copy_from_slice(&inputs[first]);
            row[WIDTH..].copy_from_slice(&inputs[first + 1]);
        };
        pair(&mut cells[0], 0);
        pair(&mut cells[1], 2);
        for (i, row) in cells[2..2 + PARTIAL_ROWS].iter_mut().enumerate() {
            for (j, cell) in row.iter_mut().enumerate() {
                *cell = inputs[FULL_ROUNDS / 2 + COLUMNS * i + j][0];
            }
        }
        pair(&mut cells[8], 64);
        pair(&mut cells[9], 66);
        cells[10][..WIDTH].copy_from_slice(&state);

        std::array::from_fn(|row| {
            let linear = self.linear(row_kind(row), &cells[row], &cells[row + 1]);
            std::array::from_fn(|i| {
                let cell = if i < WIDTH {
                    cells[row + 1][i]
                } else {
                    cells[row][i]
                };
                cell - linear[i]
            })
        })
    }

    /// Returns the values that a row's gates give the next row's cells 0–4 (results 0–4) and its
    /// own cells 5–9 (results 5–9), without constants.
    fn linear(&self, kind: RowKind, row: &[Fr; COLUMNS], next: &[Fr; COLUMNS]) -> [Fr; COLUMNS] {
        let powers = row.map(fifth_power);
        let mut result = [Fr::ZERO; COLUMNS];
        match kind {
            RowKind::Full | RowKind::Entry => {
                for i in 0..WIDTH {
                    result[WIDTH + i] = dot(&self.mds[i], &powers[..WIDTH]);
                    result[i] = if kind == RowKind::Full {
                        dot(&self.mds[i], &powers[WIDTH..])
                    } else {
                        dot(&self.entry[i], &powers[WIDTH..])
                            + (0..i)
                                .map(|k| self.response[i - 1 - k] * fifth_power(next[k]))
                                .sum::<Fr>()
                    };
                }
            }
            RowKind::Partial | RowKind::Exit => {
                for i in 0..WIDTH {
                    result[WIDTH + i] = dot(&self.recurrence_u, &row[i + 1..i + 5])
                        + dot(&self.recurrence_y, &powers[i..i + 5]);
                    result[i] = if kind == RowKind::Exit {
                        dot(&self.exit[i][..4], &row[6..]) + dot(&self.exit[i][4..], &powers[5..])
                    } else {
                        let window = |k: usize| {
                            if k < COLUMNS {
                                (row[k], powers[k])
                            } else {
                                (next[k - COLUMNS], fifth_power(next[k - COLUMNS]))
                            }
                        };
                        (0..4)
                            .map(|k| self.recurrence_u[k] * window(i + 6 + k).0)
                            .sum::<Fr>()
                            + (0..5)
                                .map(|k| self.recurrence_y[k] * window(i + 5 + k).1)
                                .sum::<Fr>()
                    };
                }
            }
        }
        result
    }

    /// Returns all cells of a permutation, its ten rows and its output state. `inputs` are the
    /// first S-box inputs: the input state plus `first`.
    pub(crate) fn trace(&self, inputs: [Fr; WIDTH]) -> ([[Fr; COLUMNS]; ROWS], [Fr; WIDTH]) {
        let mut rows = [[Fr::ZERO; COLUMNS]; ROWS];
        let mut left = inputs;
        for (index, row) in rows.iter_mut().enumerate() {
            let constants = &self.constants[index];
            row[..WIDTH].copy_from_slice(&left);
            let mut powers = [Fr::ZERO; COLUMNS];
            for i in 0..WIDTH {
                powers[i] = fifth_power(row[i]);
            }
            let kind = row_kind(index);
            match kind {
                RowKind::Full | RowKind::Entry => {
                    for i in 0..WIDTH {
                        row[WIDTH + i] = dot(&self.mds[i], &powers[..WIDTH]) + constants[WIDTH + i];
                    }
                    for i in WIDTH..COLUMNS {
                        powers[i] = fifth_power(row[i]);
                    }
                    let map = if kind == RowKind::Full {
                        &self.mds
                    } else {
                        &self.entry
                    };
                    for i in 0..WIDTH {
                        left[i] = dot(&map[i], &powers[WIDTH..]) + constants[i];
                        if kind == RowKind::Entry {
                            for k in 0..i {
                                left[i] += self.response[i - 1 - k] * fifth_power(left[k]);
                            }
                        }
                    }
                }
                RowKind::Partial | RowKind::Exit => {
                    for i in 0..WIDTH {
                        row[WIDTH + i] = dot(&self.recurrence_u, &row[i + 1..i + 5])
                            + dot(&self.recurrence_y, &powers[i..i + 5])
                            + constants[WIDTH + i];
                        powers[WIDTH + i] = fifth_power(row[WIDTH + i]);
                    }
                    if kind == RowKind::Exit {
                        for i in 0..WIDTH {
                            left[i] = dot(&self.exit[i][..4], &row[6..])
                                + dot(&self.exit[i][4..], &powers[5..])
                                + constants[i];
                        }
                    } else {
                        let mut u: [Fr; COLUMNS] = [Fr::ZERO; COLUMNS];
                        let mut y = u;
                        u[..WIDTH].copy_from_slice(&row[WIDTH..]);
                        y[..WIDTH].copy_from_slice(&powers[WIDTH..]);
                        for i in 0..WIDTH {
                            u[WIDTH + i] = dot(&self.recurrence_u, &u[i + 1..i + 5])
                                + dot(&self.recurrence_y, &y[i..i + 5])
                                + constants[i];
                            y[WIDTH + i] = fifth_power(u[WIDTH + i]);
                        }
                        left.copy_from_slice(&u[WIDTH..]);
                    }
                }
            }
        }
        (rows, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::from_halo2;
    use rand::SeedableRng;

    /// The layout computes the protocol's permutation, on random states.
    #[test]
    fn trace_is_the_protocol_permutation() {
        let schedule = Schedule::get();
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        for _ in 0..50 {
            let input: [Fr; WIDTH] = std::array::from_fn(|_| Fr::random(&mut rng));
            let mut expected = input.map(|x| from_halo2(&x));
            poseidon::permute(&mut expected);
            let (rows, output) =
                schedule.trace(std::array::from_fn(|i| input[i] + schedule.first[i]));
            assert_eq!(output.map(|x| from_halo2(&x)), expected);
            // The gates, evaluated on the trace, hold.
            for row in 0..ROWS {
                let mut next = [Fr::ZERO; COLUMNS];
                match rows.get(row + 1) {
                    Some(following) => next = *following,
                    None => next[..WIDTH].copy_from_slice(&output),
                }
                let linear = schedule.linear(row_kind(row), &rows[row], &next);
                for i in 0..COLUMNS {
                    let cell = if i < WIDTH { next[i] } else { rows[row][i] };
                    assert_eq!(cell, linear[i] + schedule.constants[row][i]);
                }
            }
        }
    }
}
