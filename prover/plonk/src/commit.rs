//! Blinding cells and commitments.

use halo2_proofs::arithmetic::best_multiexp;
use halo2_proofs::plonk::ConstraintSystem;
use halo2_proofs::poly::commitment::{Blind, Params, ParamsProver};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2_proofs::poly::{LagrangeCoeff, Polynomial};
use halo2curves::bn256::{Bn256, Fr, G1, G1Affine};
use halo2curves::ff::Field;
use halo2curves::group::Curve;
use rand::RngCore;
use rayon::prelude::*;

/// Fills the blinding cells of advice columns as [`prove`](crate::prove) does: column after column,
/// the last rows of each. A caller can compute the cells of the first columns before the proof,
/// with a clone of the generator.
pub fn fill_blinding<R: RngCore>(mut rng: R, cs: &ConstraintSystem<Fr>, columns: &mut [Vec<Fr>]) {
    let rows = cs.blinding_factors() + 1;
    for column in columns {
        let start = column.len().saturating_sub(rows);
        for cell in &mut column[start..] {
            *cell = Fr::random(&mut rng);
        }
    }
}

/// Commits to columns of values, each as long as the parameters.
///
/// # Panics
/// If a column is longer than the parameters.
pub fn commit_columns(params: &ParamsKZG<Bn256>, columns: &[&[Fr]]) -> Vec<G1Affine> {
    let commitments: Vec<G1> = columns
        .par_iter()
        .map(|column| {
            let column = Polynomial::<Fr, LagrangeCoeff>::new(column.to_vec());
            params.commit_lagrange(&column, Blind::default())
        })
        .collect();
    affine(&commitments)
}

/// Commits to polynomials given by their coefficients.
pub(crate) fn commit_polynomials(
    params: &ParamsKZG<Bn256>,
    polynomials: &[&[Fr]],
) -> Vec<G1Affine> {
    let commitments: Vec<G1> = polynomials
        .par_iter()
        .map(|polynomial| best_multiexp(polynomial, &params.get_g()[..polynomial.len()]))
        .collect();
    affine(&commitments)
}

fn affine(commitments: &[G1]) -> Vec<G1Affine> {
    let mut points = vec![G1Affine::default(); commitments.len()];
    G1::batch_normalize(commitments, &mut points);
    points
}
