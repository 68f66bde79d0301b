//! The quotient of the combined identities by Xⁿ − 1.
//!
//! The quotient is h₀ + Xⁿ·h₁ + … + X^(n(p − 1))·h₍p₋₁₎ with p parts of n coefficients. On the coset g·H
//! of the rows' subgroup, Xⁿ is the constant c = gⁿ: the identities there, divided by c − 1, are the values
//! of the polynomial Σ cˡ·hₗ, and p cosets give p such combinations. Each coset's columns are dropped for the
//! next one's.

use halo2curves::bn256::Fr;
use halo2curves::ff::{Field, PrimeField};
use rayon::prelude::*;

use crate::EngineError;
use crate::domain::{Domain, fill_geometric};
use crate::permutation::CHUNK;
use crate::program::Program;

/// The parts h₀ … of the quotient. `polynomials` has the coefficients of each of the program's columns,
/// except `point`, which is X. `step` is called before every coset.
pub(crate) fn quotient(
    domain: &Domain,
    program: &Program,
    polynomials: &[&[Fr]],
    point: usize,
    parts: usize,
    mut step: impl FnMut(usize) -> Result<(), EngineError>,
) -> Result<Vec<Vec<Fr>>, EngineError> {
    let n = domain.n;
    // Powers of a generator of the whole group: their n-th powers are distinct and none of them is 1.
    let shifts: Vec<Fr> = (1..=parts)
        .map(|power| Fr::MULTIPLICATIVE_GENERATOR.pow_vartime([power as u64]))
        .collect();
    let constants: Vec<Fr> = shifts
        .iter()
        .map(|shift| shift.pow_vartime([n as u64]))
        .collect();
    let mut cosets: Vec<Vec<Fr>> = (0..polynomials.len())
        .map(|column| vec![Fr::ZERO; if program.reads(column) { n } else { 0 }])
        .collect();
    let mut values = vec![Fr::ZERO; n];
    let mut quotient = vec![vec![Fr::ZERO; n]; parts];
    for (index, (&shift, &constant)) in shifts.iter().zip(&constants).enumerate() {
        step(index)?;
        let start = std::time::Instant::now();
        let powers = domain.powers(shift);
        cosets
            .par_iter_mut()
            .zip(polynomials)
            .enumerate()
            .filter(|(_, (coset, _))| !coset.is_empty())
            .for_each(|(column, (coset, polynomial))| {
                if column == point {
                    fill_geometric(coset, shift, domain.omega);
                } else {
                    domain.evaluate_coset(polynomial, &powers, coset);
                }
            });
        let transformed = start.elapsed();
        let columns: Vec<&[Fr]> = cosets.iter().map(Vec::as_slice).collect();
        program.run(&columns, &mut values);
        let evaluated = start.elapsed() - transformed;
        domain.interpolate(&mut values);
        unshift(&mut values, inverse(shift)?);
        let weights = basis(&constants, index)?;
        let vanishing = inverse(constant - Fr::ONE)?;
        quotient
            .par_iter_mut()
            .zip(weights)
            .for_each(|(part, weight)| {
                let weight = weight * vanishing;
                for (coefficient, value) in part.iter_mut().zip(&values) {
                    *coefficient += *value * weight;
                }
            });
        tracing::debug!(
            part = index,
            ?transformed,
            ?evaluated,
            rest = ?(start.elapsed() - transformed - evaluated),
            "quotient"
        );
    }
    Ok(quotient)
}

fn inverse(x: Fr) -> Result<Fr, EngineError> {
    Option::from(x.invert()).ok_or(EngineError::Challenge)
}

/// The i-th coefficient times shift^i.
fn unshift(coefficients: &mut [Fr], shift: Fr) {
    coefficients
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(index, chunk)| {
            let mut power = shift.pow_vartime([(index * CHUNK) as u64]);
            for coefficient in chunk {
                *coefficient *= power;
                power *= shift;
            }
        });
}

/// Coefficients of the polynomial that is 1 at the point of this index and 0 at the others.
fn basis(points: &[Fr], index: usize) -> Result<Vec<Fr>, EngineError> {
    let mut product = vec![Fr::ONE];
    let mut scale = Fr::ONE;
    for (other, point) in points.iter().enumerate() {
        if other == index {
            continue;
        }
        scale *= points[index] - point;
        // product·(X − point)
        product.push(Fr::ZERO);
        for i in (0..product.len()).rev() {
            let below = if i > 0 { product[i - 1] } else { Fr::ZERO };
            product[i] = below - product[i] * point;
        }
    }
    let scale = inverse(scale)?;
    Ok(product.into_iter().map(|c| c * scale).collect())
}
