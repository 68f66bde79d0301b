//! The running products of the copy argument.

use halo2curves::bn256::Fr;
use halo2curves::ff::{BatchInvert, Field, PrimeField};
use rayon::prelude::*;

use crate::domain::Domain;

/// Number of rows of one task. The rows of a task share one inversion.
pub(crate) const CHUNK: usize = 1 << 11;

/// Inverts values in place; zeros stay.
pub(crate) fn invert(values: &mut [Fr]) {
    values.iter_mut().batch_invert();
}

/// Returns the running product: `first`, then in each row the previous row's value times its
/// fraction.
pub(crate) fn running_product(mut fractions: Vec<Fr>, first: Fr) -> Vec<Fr> {
    let mut product = first;
    for fraction in &mut fractions {
        let next = product * *fraction;
        *fraction = std::mem::replace(&mut product, next);
    }
    fractions
}

/// Returns the running product of one set of columns, without blinding, starting with `first`.
///
/// `columns` holds the set's values with their permuted places. `offset` is the number of copied
/// columns before the set.
pub(crate) fn product(
    domain: &Domain,
    columns: &[(&[Fr], &[Fr])],
    offset: usize,
    beta: Fr,
    gamma: Fr,
    first: Fr,
) -> Vec<Fr> {
    let shift = beta * Fr::DELTA.pow_vartime([offset as u64]);
    let mut fractions = vec![Fr::ONE; domain.n];
    fractions
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(index, chunk)| {
            let start = index * CHUNK;
            for (values, permuted) in columns {
                let rows = values[start..].iter().zip(&permuted[start..]);
                for (fraction, (value, permuted)) in chunk.iter_mut().zip(rows) {
                    *fraction *= beta * permuted + gamma + value;
                }
            }
            invert(chunk);
            let mut shift = shift * domain.omega.pow_vartime([start as u64]);
            for (values, _) in columns {
                let mut own = shift;
                for (fraction, value) in chunk.iter_mut().zip(&values[start..]) {
                    *fraction *= own + gamma + value;
                    own *= domain.omega;
                }
                shift *= Fr::DELTA;
            }
        });
    running_product(fractions, first)
}
