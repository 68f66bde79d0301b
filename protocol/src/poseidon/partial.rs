//! The partial rounds as a scalar recurrence.
//!
//! A partial round is linear except in element 0. Let xₙ be element 0, wₙ the other four elements
//! of the state in partial round n after its constants, and sₙ = xₙ⁵. With the MDS matrix split
//! into m (1×1), c (1×4), b (4×1) and A (4×4),
//!
//! ```text
//! xₙ₊₁ = m·sₙ + c·wₙ + const,      wₙ₊₁ = b·sₙ + A·wₙ + const,
//! ```
//!
//! which is a linear system with input s and output x. By Cayley–Hamilton (A⁴ = Σ aᵢ·Aⁱ) its output
//! satisfies a recurrence without w:
//!
//! ```text
//! xₖ = m·sₖ₋₁ + Σᵢ₌₀..₃ aᵢ·xₖ₋₄₊ᵢ + Σⱼ₌₀..₃ βⱼ·sₖ₋₅₊ⱼ + γₖ        (k ≥ 5)
//! ```
//!
//! w is needed only at the ends: to start the recurrence (k ≤ 4) and, recovered from the last
//! outputs, to leave it. Scaling to x̃ₖ = λₖ·xₖ, λₖ₊₁ = λₖ⁵/m, makes the coefficient of sₖ₋₁ one.
//! Then a round is an S-box, an addition, and one sum of eight products that does not wait for the
//! S-box.

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};

use super::wide::dot;
use super::{FULL_ROUNDS, PARTIAL_ROUNDS, Parameters, WIDTH, sbox};

/// Order of the linear system: the elements of the state that a partial round leaves linear.
const ORDER: usize = WIDTH - 1;

type Vector = [Fr; ORDER];
type Matrix = [[Fr; ORDER]; ORDER];

/// Constants of the recurrence.
pub(super) struct PartialRounds {
    /// For x̃₁ … x̃₄: coefficients of w₀ (four), then of s̃₀, s̃₁ and s̃₂ (zero before they occur),
    /// then the constant.
    start: [([Fr; 7], Fr); ORDER],
    /// For x̃₅ … x̃₆₀: coefficients of x̃ₖ₋₄ … x̃ₖ₋₁, then of s̃ₖ₋₅ … s̃ₖ₋₂, then the constant.
    steps: Vec<([Fr; 8], Fr)>,
    /// For each element of w₆₀: coefficients of x̃₅₇ … x̃₆₀, then of s̃₅₆ … s̃₅₉, then the
    /// constant.
    end: [([Fr; 8], Fr); ORDER],
    /// 1/λ₆₀.
    unscale: Fr,
}

impl PartialRounds {
    /// Derives the recurrence from the plain parameters.
    pub(super) fn derive(parameters: &Parameters) -> Self {
        let mds = &parameters.mds;
        let m = mds[0][0];
        let c: Vector = std::array::from_fn(|i| mds[0][i + 1]);
        let b: Vector = std::array::from_fn(|i| mds[i + 1][0]);
        let a: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| mds[i + 1][j + 1]));
        let recurrence = cayley_hamilton(&a);

        // c·Aⁱ for i = 0 … 4, and the response h of x to an input one, two … steps before.
        let mut rows = vec![c];
        for _ in 0..ORDER {
            let last = rows[rows.len() - 1];
            rows.push(row_times(&last, &a));
        }
        let mut h = vec![m];
        h.extend(rows.iter().map(|row| dot(row, &b)));

        // The share of the constants: the system run with s = 0 and w₀ = 0.
        let constants = &parameters.round_constants[FULL_ROUNDS / 2..];
        let mut x_share = vec![Fr::zero()];
        let mut w_share: Vector = [Fr::zero(); ORDER];
        for next in &constants[1..=PARTIAL_ROUNDS] {
            x_share.push(dot(&c, &w_share) + next[0]);
            let moved = times(&a, &w_share);
            w_share = std::array::from_fn(|i| moved[i] + next[i + 1]);
        }

        let m_inverse = inverse(m);
        let mut scale = vec![Fr::one()];
        for k in 0..PARTIAL_ROUNDS {
            scale.push(sbox(scale[k]) * m_inverse);
        }
        let x_unscale: Vec<Fr> = scale.iter().map(|s| inverse(*s)).collect();
        let s_unscale: Vec<Fr> = x_unscale.iter().map(|s| sbox(*s)).collect();

        let start = std::array::from_fn(|i| {
            let k = i + 1;
            let coefficients = std::array::from_fn(|l| {
                scale[k]
                    * match l.checked_sub(ORDER) {
                        None => rows[i][l],
                        Some(j) if j + 1 < k => h[k - 1 - j] * s_unscale[j],
                        Some(_) => Fr::zero(),
                    }
            });
            (coefficients, scale[k] * x_share[k])
        });

        let beta: Vector = std::array::from_fn(|j| {
            h[ORDER - j] - (j..ORDER).map(|i| recurrence[i] * h[i - j]).sum::<Fr>()
        });
        let steps = (ORDER + 1..=PARTIAL_ROUNDS)
            .map(|k| {
                let coefficients = std::array::from_fn(|l| {
                    scale[k]
                        * match l.checked_sub(ORDER) {
                            None => recurrence[l] * x_unscale[k - ORDER + l],
                            Some(j) => beta[j] * s_unscale[k - 1 - ORDER + j],
                        }
                });
                let gamma = x_share[k]
                    - (0..ORDER)
                        .map(|i| recurrence[i] * x_share[k - ORDER + i])
                        .sum::<Fr>();
                (coefficients, scale[k] * gamma)
            })
            .collect();

        // w₅₆ from the outputs x₅₇ … x₆₀ (rows c·Aⁱ), then four steps on.
        let observe: Matrix = std::array::from_fn(|i| rows[i]);
        let a4 = product(&product(&a, &a), &product(&a, &a));
        let from_outputs = product(&a4, &invert(&observe));
        let first = PARTIAL_ROUNDS - ORDER;
        let mut input_columns = vec![b];
        for i in 1..ORDER {
            input_columns.push(times(&a, &input_columns[i - 1]));
        }
        let end = std::array::from_fn(|e| {
            let coefficients = std::array::from_fn(|l| match l.checked_sub(ORDER) {
                None => from_outputs[e][l] * x_unscale[first + 1 + l],
                Some(j) => {
                    let through_outputs: Fr =
                        (j..ORDER).map(|i| from_outputs[e][i] * h[i - j]).sum();
                    (input_columns[ORDER - 1 - j][e] - through_outputs) * s_unscale[first + j]
                }
            });
            let constant = w_share[e]
                - (0..ORDER)
                    .map(|i| from_outputs[e][i] * x_share[first + 1 + i])
                    .sum::<Fr>();
            (coefficients, constant)
        });

        Self {
            start,
            steps,
            end,
            unscale: x_unscale[PARTIAL_ROUNDS],
        }
    }

    /// Takes the state from before the first partial S-box to before the S-boxes of the next full
    /// round. Both states include their constants.
    #[inline]
    pub(super) fn apply(&self, state: &mut [Fr; WIDTH]) {
        // Windows of the last four x̃, and of the four s̃ before the newest.
        let mut x = [Fr::zero(); ORDER];
        let mut s = [Fr::zero(); ORDER];
        let mut newest = sbox(state[0]);
        let mut known = [
            state[1],
            state[2],
            state[3],
            state[4],
            Fr::zero(),
            Fr::zero(),
            Fr::zero(),
        ];
        for (i, (coefficients, constant)) in self.start.iter().enumerate() {
            x[i] = newest + dot(coefficients, &known) + constant;
            s[i] = newest;
            if ORDER + i < known.len() {
                known[ORDER + i] = newest;
            }
            newest = sbox(x[i]);
        }
        for (coefficients, constant) in &self.steps {
            let rest = dot(
                coefficients,
                &[x[0], x[1], x[2], x[3], s[0], s[1], s[2], s[3]],
            ) + constant;
            x = [x[1], x[2], x[3], newest + rest];
            s = [s[1], s[2], s[3], newest];
            newest = sbox(x[3]);
        }
        let window = [x[0], x[1], x[2], x[3], s[0], s[1], s[2], s[3]];
        state[0] = x[3] * self.unscale;
        for (element, (coefficients, constant)) in state[1..].iter_mut().zip(&self.end) {
            *element = dot(coefficients, &window) + constant;
        }
    }
}

fn inverse(x: Fr) -> Fr {
    x.inverse()
        .expect("the corner of the fixed matrix, and so each scale, is not zero")
}

fn times(a: &Matrix, v: &Vector) -> Vector {
    std::array::from_fn(|i| dot(&a[i], v))
}

fn row_times(v: &Vector, a: &Matrix) -> Vector {
    std::array::from_fn(|j| (0..ORDER).map(|i| v[i] * a[i][j]).sum())
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|i| row_times(&a[i], b))
}

/// Returns coefficients aᵢ with A⁴ = Σ aᵢ·Aⁱ (Faddeev–LeVerrier).
fn cayley_hamilton(a: &Matrix) -> Vector {
    let mut coefficients = [Fr::zero(); ORDER];
    let mut power = *a;
    for k in 1..=ORDER {
        let trace: Fr = (0..ORDER).map(|i| power[i][i]).sum();
        let coefficient = trace * inverse(Fr::from(k as u64));
        coefficients[ORDER - k] = coefficient;
        for (i, row) in power.iter_mut().enumerate() {
            row[i] -= coefficient;
        }
        power = product(a, &power);
    }
    coefficients
}

/// Inverts a matrix (Gauss–Jordan).
fn invert(a: &Matrix) -> Matrix {
    let mut left = *a;
    let mut right: Matrix =
        std::array::from_fn(|i| std::array::from_fn(|j| Fr::from(u64::from(i == j))));
    for column in 0..ORDER {
        let pivot = (column..ORDER)
            .find(|row| !left[*row][column].is_zero())
            .expect("the fixed system is observable");
        left.swap(column, pivot);
        right.swap(column, pivot);
        let factor = inverse(left[column][column]);
        for j in 0..ORDER {
            left[column][j] *= factor;
            right[column][j] *= factor;
        }
        for row in 0..ORDER {
            let factor = left[row][column];
            if row != column && !factor.is_zero() {
                for j in 0..ORDER {
                    let (l, r) = (left[column][j], right[column][j]);
                    left[row][j] -= factor * l;
                    right[row][j] -= factor * r;
                }
            }
        }
    }
    right
}
