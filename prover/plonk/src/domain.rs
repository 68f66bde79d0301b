//! The subgroup of the rows and its cosets: transforms between values and coefficients.
//!
//! A table holds the twiddles of every stage. A transform recurses into halves until a piece fits
//! in the first-level cache; halves longer than [`SERIAL`] run on several threads.

use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};
use rayon::prelude::*;

/// Greatest length at which the stages run one after another: 16 KiB.
const FLAT: usize = 1 << 9;

/// Greatest length at which a transform stays on one thread.
const SERIAL: usize = 1 << 13;

/// log₂ of the side of the square tiles of the bit-reversal permutation: 8 KiB each way.
const TILE: u32 = 4;

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
    /// Twiddles of the subgroup itself.
    twiddles: Vec<Fr>,
}

impl Domain {
    pub(crate) fn new(k: u32) -> Domain {
        let n = 1usize << k;
        let omega = (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
        let omega_inverse = (k..Fr::S).fold(Fr::ROOT_OF_UNITY_INV, |root, _| root.square());
        let mut domain = Domain {
            k,
            n,
            omega,
            omega_inverse,
            n_inverse: Fr::TWO_INV.pow_vartime([u64::from(k)]),
            twiddles: vec![],
        };
        domain.twiddles = domain.twiddles(Fr::ONE);
        domain
    }

    /// Returns the table of twiddles for the coset of this shift: at `m + j`, for each m = 1, 2, 4
    /// … n/2, the shift to the power n/2m times the j-th power of the root of unity of order 2m.
    /// The butterflies then include the shift at no cost.
    pub(crate) fn twiddles(&self, shift: Fr) -> Vec<Fr> {
        let mut twiddles = vec![Fr::ONE; self.n];
        let (mut m, mut shift, mut root) = (self.n / 2, shift, self.omega);
        while m > 0 {
            fill_geometric(&mut twiddles[m..2 * m], shift, root);
            (m, shift, root) = (m / 2, shift.square(), root.square());
        }
        twiddles
    }

    /// Returns x·ω^rotation.
    pub(crate) fn rotate(&self, x: Fr, rotation: i32) -> Fr {
        let base = if rotation < 0 {
            self.omega_inverse
        } else {
            self.omega
        };
        x * base.pow_vartime([u64::from(rotation.unsigned_abs())])
    }

    /// Replaces values on the subgroup by the coefficients of their polynomial.
    pub(crate) fn interpolate(&self, values: &mut [Fr]) {
        for i in 0..self.n {
            let j = reverse(i, self.k);
            if i < j {
                values.swap(i, j);
            }
        }
        stages(values, &self.twiddles);
        // The inverse transform is the forward one with the rows in reverse order.
        values[1..].reverse();
        scale(values, self.n_inverse);
    }

    /// Evaluates the polynomial with these coefficients on the coset with these twiddles.
    pub(crate) fn evaluate_coset(&self, coefficients: &[Fr], twiddles: &[Fr], values: &mut [Fr]) {
        if self.k < 2 * TILE {
            for (i, value) in values.iter_mut().enumerate() {
                *value = coefficients[reverse(i, self.k)];
            }
        } else {
            // Each tile contains the places that share their middle bits; both of its sides fit in
            // the cache.
            let (side, middle) = (1 << TILE, self.k - 2 * TILE);
            let high = |i: usize| i << (self.k - TILE);
            for m in 0..1 << middle {
                let (to, from) = (m << TILE, reverse(m, middle) << TILE);
                for i in 0..side {
                    let from = from + reverse(i, TILE);
                    for j in 0..side {
                        values[high(i) + to + j] = coefficients[high(reverse(j, TILE)) + from];
                    }
                }
            }
        }
        stages(values, twiddles);
    }
}

/// Reverses the lowest `bits` bits.
fn reverse(i: usize, bits: u32) -> usize {
    if bits == 0 {
        0
    } else {
        i.reverse_bits() >> (usize::BITS - bits)
    }
}

/// Applies all stages of butterflies to values in bit-reversed order.
fn stages(values: &mut [Fr], twiddles: &[Fr]) {
    if values.len() <= FLAT {
        let mut m = 1;
        while m < values.len() {
            for pair in values.chunks_exact_mut(2 * m) {
                let (low, high) = pair.split_at_mut(m);
                butterflies(low, high, &twiddles[m..2 * m]);
            }
            m *= 2;
        }
        return;
    }
    let m = values.len() / 2;
    let (low, high) = values.split_at_mut(m);
    let own = &twiddles[m..2 * m];
    if m < SERIAL {
        stages(low, twiddles);
        stages(high, twiddles);
        butterflies(low, high, own);
    } else {
        rayon::join(|| stages(low, twiddles), || stages(high, twiddles));
        low.par_chunks_mut(SERIAL / 2)
            .zip(high.par_chunks_mut(SERIAL / 2))
            .zip(own.par_chunks(SERIAL / 2))
            .for_each(|((low, high), own)| butterflies(low, high, own));
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

/// Fills the values with first, first·g, first·g² …
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

/// Returns Σ coefficientᵢ·xⁱ.
pub(crate) fn evaluate(coefficients: &[Fr], x: Fr) -> Fr {
    coefficients
        .iter()
        .rev()
        .fold(Fr::ZERO, |value, coefficient| value * x + coefficient)
}
