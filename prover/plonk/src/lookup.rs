//! The columns of the lookup argument.

use std::collections::HashMap;

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rayon::prelude::*;

use crate::permutation::{CHUNK, invert, running_product};

/// The columns of a lookup, as values.
pub(crate) struct Lookup {
    /// Compressed inputs.
    pub(crate) input: Vec<Fr>,
    /// Compressed table.
    pub(crate) table: Vec<Fr>,
    /// The inputs, ordered so that equal ones are adjacent.
    pub(crate) permuted_input: Vec<Fr>,
    /// The table, ordered so that the row in which a run of equal inputs starts has their entry.
    pub(crate) permuted_table: Vec<Fr>,
}

/// Permutes inputs and table, without blinding rows. Returns `None` if an input is not in the
/// table.
///
/// The runs of inputs follow `order`, by default ascending. Entries that start no run fill the
/// other rows in ascending order, as in halo2. Counting the values is cheaper than sorting them: a
/// table is small, or most of its rows repeat one entry.
pub(crate) fn permute(
    input: &[Fr],
    table: &[Fr],
    order: Option<&[Fr]>,
) -> Option<(Vec<Fr>, Vec<Fr>)> {
    let mut inputs = count(input);
    let entries = count(table);
    if !inputs.keys().all(|value| entries.contains_key(value)) {
        return None;
    }
    let mut ascending: Vec<Fr> = entries.keys().copied().collect();
    ascending.par_sort_unstable();
    let mut leftover = ascending.iter().flat_map(|value| {
        let used = usize::from(inputs.contains_key(value));
        std::iter::repeat_n(*value, entries[value] - used)
    });
    let mut permuted_input = Vec::with_capacity(input.len());
    let mut permuted_table = Vec::with_capacity(input.len());
    let mut runs = inputs.clone();
    for value in order.unwrap_or(&ascending) {
        let Some(length) = runs.remove(value) else {
            continue;
        };
        permuted_input.extend(std::iter::repeat_n(*value, length));
        permuted_table.push(*value);
        permuted_table.extend(leftover.by_ref().take(length - 1));
    }
    drop(leftover);
    inputs.clear();
    (permuted_input.len() == input.len() && permuted_table.len() == input.len())
        .then_some((permuted_input, permuted_table))
}

fn count(values: &[Fr]) -> HashMap<Fr, usize> {
    values
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut counts = HashMap::new();
            for value in chunk {
                *counts.entry(*value).or_insert(0) += 1;
            }
            counts
        })
        .reduce(HashMap::new, |a, b| {
            let (mut large, small) = if a.len() < b.len() { (b, a) } else { (a, b) };
            for (value, number) in small {
                *large.entry(value).or_insert(0) += number;
            }
            large
        })
}

impl Lookup {
    /// Returns the running product, without blinding rows.
    pub(crate) fn product(&self, beta: Fr, gamma: Fr) -> Vec<Fr> {
        let mut fractions = vec![Fr::ZERO; self.input.len()];
        fractions
            .par_chunks_mut(CHUNK)
            .enumerate()
            .for_each(|(index, chunk)| {
                let rows = index * CHUNK..index * CHUNK + chunk.len();
                let input = &self.permuted_input[rows.clone()];
                let table = &self.permuted_table[rows.clone()];
                for ((fraction, input), table) in chunk.iter_mut().zip(input).zip(table) {
                    *fraction = (beta + input) * (gamma + table);
                }
                invert(chunk);
                let input = &self.input[rows.clone()];
                let table = &self.table[rows];
                for ((fraction, input), table) in chunk.iter_mut().zip(input).zip(table) {
                    *fraction *= (beta + input) * (gamma + table);
                }
            });
        running_product(fractions, Fr::ONE)
    }
}
