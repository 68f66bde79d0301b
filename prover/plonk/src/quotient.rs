//! The quotient of the combined identities by Xⁿ − 1.
//!
//! The quotient is h₀ + Xⁿ·h₁ + … + X^(n(p − 1))·h₍p₋₁₎ with p parts of n coefficients. On the
//! coset g·H of the rows' subgroup, Xⁿ is the constant c = gⁿ. The identities there, divided by c −
//! 1, are the values of the polynomial Σ cˡ·hₗ, and p cosets yield p such combinations. The columns
//! of one coset replace those of the previous one, except those that a caller keeps in
//! [`KeyCosets`].

use halo2_proofs::plonk::ProvingKey;
use halo2curves::bn256::{Fr, G1Affine};
use halo2curves::ff::{Field, PrimeField};
use rayon::prelude::*;

use crate::EngineError;
use crate::constraints::Columns;
use crate::domain::{Domain, fill_geometric};
use crate::permutation::CHUNK;
use crate::program::Program;

/// Returns the shifts of the cosets: powers of a generator of the whole group. Their n-th powers
/// are distinct and different from 1.
fn shifts(parts: usize) -> Vec<Fr> {
    (1..=parts)
        .map(|power| Fr::MULTIPLICATIVE_GENERATOR.pow_vartime([power as u64]))
        .collect()
}

/// The columns of a key on all cosets.
///
/// They are more than half of the columns, and computing them takes a third of the time of a proof.
/// Keeping them between proofs takes [`KeyCosets::bytes`] of memory.
pub struct KeyCosets {
    /// Values by coset and column.
    cosets: Vec<Vec<Vec<Fr>>>,
}

impl std::fmt::Debug for KeyCosets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.cosets.first().map_or(0, Vec::len);
        write!(f, "KeyCosets({} × {columns} columns)", self.cosets.len())
    }
}

impl KeyCosets {
    /// Computes the cosets of a key's columns.
    pub fn new(pk: &ProvingKey<G1Affine>) -> KeyCosets {
        let cs = pk.get_vk().cs();
        let numbering = Columns::new(cs);
        let domain = Domain::new(pk.l0().len().ilog2());
        let polynomials = key_polynomials(pk);
        let cosets = shifts(cs.degree() - 1).into_iter().map(|shift| {
            let mut coset = vec![vec![Fr::ZERO; domain.n]; polynomials.len()];
            fill(&domain, shift, &polynomials, numbering.point(), &mut coset);
            coset
        });
        KeyCosets {
            cosets: cosets.collect(),
        }
    }

    /// Returns the size in bytes of a key's cosets.
    pub fn bytes(pk: &ProvingKey<G1Affine>) -> usize {
        let cs = pk.get_vk().cs();
        let columns = Columns::new(cs).advice(0);
        (cs.degree() - 1) * columns * pk.l0().len() * size_of::<Fr>()
    }

    /// Whether the cosets have the size of this key's.
    pub(crate) fn fit(&self, pk: &ProvingKey<G1Affine>) -> bool {
        let cs = pk.get_vk().cs();
        self.cosets.len() == cs.degree() - 1
            && self.cosets.iter().all(|coset| {
                coset.len() == Columns::new(cs).advice(0)
                    && coset.iter().all(|column| column.len() == pk.l0().len())
            })
    }
}

/// Returns the coefficients of a key's columns, which [`Columns`] numbers before all others. The
/// column X is empty.
pub(crate) fn key_polynomials(pk: &ProvingKey<G1Affine>) -> Vec<&[Fr]> {
    let numbering = Columns::new(pk.get_vk().cs());
    let mut polynomials: Vec<&[Fr]> = vec![&[]; numbering.advice(0)];
    for (index, polynomial) in pk.fixed_polys().iter().enumerate() {
        polynomials[numbering.fixed(index)] = polynomial;
    }
    polynomials[numbering.first()] = pk.l0();
    polynomials[numbering.active()] = pk.l_active_row();
    for (index, polynomial) in pk.permutation().polys().iter().enumerate() {
        polynomials[numbering.sigma(index)] = polynomial;
    }
    polynomials
}

/// Computes the values of polynomials on a coset, for the columns that have room for them.
fn fill(domain: &Domain, shift: Fr, polynomials: &[&[Fr]], point: usize, coset: &mut [Vec<Fr>]) {
    let twiddles = domain.twiddles(shift);
    coset
        .par_iter_mut()
        .zip(polynomials)
        .enumerate()
        .filter(|(_, (column, _))| !column.is_empty())
        .for_each(|(index, (column, polynomial))| {
            if index == point {
                fill_geometric(column, shift, domain.omega);
            } else {
                domain.evaluate_coset(polynomial, &twiddles, column);
            }
        });
}

/// Returns the parts h₀ … of the quotient. `polynomials` has the coefficients of each of the
/// program's columns, the key's first, except of `point`, which is X. Calls `step` before every
/// coset.
pub(crate) fn quotient(
    domain: &Domain,
    program: &Program,
    polynomials: &[&[Fr]],
    point: usize,
    (parts, key): (usize, Option<&KeyCosets>),
    mut step: impl FnMut(usize) -> Result<(), EngineError>,
) -> Result<Vec<Vec<Fr>>, EngineError> {
    let n = domain.n;
    let shifts = shifts(parts);
    let constants: Vec<Fr> = shifts
        .iter()
        .map(|shift| shift.pow_vartime([n as u64]))
        .collect();
    let kept = |part: usize| key.map_or(&[][..], |key| key.cosets[part].as_slice());
    let mut coset: Vec<Vec<Fr>> = (0..polynomials.len())
        .map(|column| column >= kept(0).len() && program.reads(column))
        .map(|read| vec![Fr::ZERO; if read { n } else { 0 }])
        .collect();
    let mut values = vec![Fr::ZERO; n];
    let mut quotient = vec![vec![Fr::ZERO; n]; parts];
    for (index, (&shift, &constant)) in shifts.iter().zip(&constants).enumerate() {
        step(index)?;
        let start = std::time::Instant::now();
        fill(domain, shift, polynomials, point, &mut coset);
        let transformed = start.elapsed();
        let kept = kept(index);
        let columns = kept.iter().chain(&coset[kept.len()..]);
        let columns: Vec<&[Fr]> = columns.map(Vec::as_slice).collect();
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
        tracing::debug!(part = index, ?transformed, ?evaluated, "quotient");
    }
    Ok(quotient)
}

fn inverse(x: Fr) -> Result<Fr, EngineError> {
    Option::from(x.invert()).ok_or(EngineError::Challenge)
}

/// Multiplies the i-th coefficient by shift^i.
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

/// Returns the coefficients of the polynomial that is 1 at the point of this index and 0 at the
/// others.
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
