//! The rows' subgroup and its cosets: transforms between values and coefficients.
//!
//! The twiddles are tabled once, stage after stage, and a transform is divided in halves down to pieces
//! that lie in the first cache; halves above [`SERIAL`] run on several threads.

use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};
use rayon::prelude::*;

/// Length up to which the stages run one after another: 16 KiB.
const FLAT: usize = 1 << 9;

/// Length up to which a transform stays on one thread.
const SERIAL: usize = 1 << 13;

/// The subgroup of `2^k` elements.
pub(crate) struct Domain {
    /// log₂ of the number of rows.
    pub(crate) k: u32,
    /// Number of rows.
    pub(crate) n: usize,
    /// Generator of the subgroup.
    pub(crate) omega: Fr,
    omega_inverse: Fr,
    n_inverse: Fr,
    /// At `m + j`, the j-th power of the root of unity of order 2m, for each m = 1, 2, 4 … n/2.
    twiddles: Vec<Fr>,
}

impl Domain {
    pub(crate) fn new(k: u32) -> Domain {
        let n = 1usize << k;
        let omega = (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
        let omega_inverse = (k..Fr::S).fold(Fr::ROOT_OF_UNITY_INV, |root, _| root.square());
        let mut twiddles = vec![Fr::ONE; n.max(2)];
        let half = n / 2;
        if half > 0 {
            let (lower, top) = twiddles.split_at_mut(half);
            fill_powers(&mut top[..half], omega);
            // A stage's roots are every second one of the stage above.
            let mut m = half / 2;
            let mut stride = 2;
            while m > 0 {
                for j in 0..m {
                    lower[m + j] = top[j * stride];
                }
                m /= 2;
                stride *= 2;
            }
        }
        Domain {
            k,
            n,
            omega,
            omega_inverse,
            n_inverse: Fr::TWO_INV.pow_vartime([u64::from(k)]),
            twiddles,
        }
    }

    /// x·ω^rotation.
    pub(crate) fn rotate(&self, x: Fr, rotation: i32) -> Fr {
        let base = if rotation < 0 {
            self.omega_inverse
        } else {
            self.omega
        };
        x * base.pow_vartime([u64::from(rotation.unsigned_abs())])
    }

    /// Coefficients of the polynomial with these values on the subgroup, in place.
    pub(crate) fn interpolate(&self, values: &mut [Fr]) {
        for i in 0..self.n {
            let j = self.reverse(i);
            if i < j {
                values.swap(i, j);
            }
        }
        self.stages(values);
        // The inverse transform is the forward one with the rows running backwards.
        values[1..].reverse();
        scale(values, self.n_inverse);
    }

    /// Values on a coset of the polynomial with these coefficients; `powers` are those of the coset's
    /// shift.
    pub(crate) fn evaluate_coset(&self, coefficients: &[Fr], powers: &[Fr], values: &mut [Fr]) {
        for (i, value) in values.iter_mut().enumerate() {
            let j = self.reverse(i);
            *value = coefficients[j] * powers[j];
        }
        self.stages(values);
    }

    /// 1, g, g² …
    pub(crate) fn powers(&self, g: Fr) -> Vec<Fr> {
        let mut powers = vec![Fr::ONE; self.n];
        fill_powers(&mut powers, g);
        powers
    }

    fn reverse(&self, i: usize) -> usize {
        if self.k == 0 {
            0
        } else {
            i.reverse_bits() >> (usize::BITS - self.k)
        }
    }

    /// The butterflies, on values in bit-reversed order.
    fn stages(&self, values: &mut [Fr]) {
        let m = values.len() / 2;
        if values.len() <= FLAT {
            return self.flat(values);
        }
        let twiddles = &self.twiddles[m..2 * m];
        let (low, high) = values.split_at_mut(m);
        if m < SERIAL {
            self.stages(low);
            self.stages(high);
            butterflies(low, high, twiddles);
        } else {
            rayon::join(|| self.stages(low), || self.stages(high));
            low.par_chunks_mut(SERIAL / 2)
                .zip(high.par_chunks_mut(SERIAL / 2))
                .zip(twiddles.par_chunks(SERIAL / 2))
                .for_each(|((low, high), twiddles)| butterflies(low, high, twiddles));
        }
    }

    fn flat(&self, values: &mut [Fr]) {
        let mut m = 1;
        while m < values.len() {
            let twiddles = &self.twiddles[m..2 * m];
            for pair in values.chunks_exact_mut(2 * m) {
                let (low, high) = pair.split_at_mut(m);
                if m == 1 {
                    (low[0], high[0]) = (low[0] + high[0], low[0] - high[0]);
                } else {
                    butterflies(low, high, twiddles);
                }
            }
            m *= 2;
        }
    }
}

fn butterflies(low: &mut [Fr], high: &mut [Fr], twiddles: &[Fr]) {
    for ((low, high), twiddle) in low.iter_mut().zip(high).zip(twiddles) {
        let turned = *high * *twiddle;
        *high = *low - turned;
        *low += turned;
    }
}

/// Multiplies every value by the same factor.
pub(crate) fn scale(values: &mut [Fr], factor: Fr) {
    values.par_chunks_mut(SERIAL).for_each(|chunk| {
        for value in chunk {
            *value *= factor;
        }
    });
}

/// first, first·g, first·g² …
pub(crate) fn fill_geometric(values: &mut [Fr], first: Fr, g: Fr) {
    values
        .par_chunks_mut(SERIAL)
        .enumerate()
        .for_each(|(index, chunk)| {
            let mut power = first * g.pow_vartime([(index * SERIAL) as u64]);
            for value in chunk {
                *value = power;
                power *= g;
            }
        });
}

fn fill_powers(values: &mut [Fr], g: Fr) {
    fill_geometric(values, Fr::ONE, g);
}

/// Σ coefficientᵢ·xⁱ.
pub(crate) fn evaluate(coefficients: &[Fr], x: Fr) -> Fr {
    coefficients
        .iter()
        .rev()
        .fold(Fr::ZERO, |value, coefficient| value * x + coefficient)
}
