//! SHPLONK: opens all evaluations with two commitments.

use std::collections::BTreeSet;

use halo2_proofs::arithmetic::{kate_division, lagrange_interpolate};
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2curves::ff::Field;
use rayon::prelude::*;

use crate::EngineError;
use crate::commit::commit_polynomials;
use crate::domain::evaluate;
use crate::permutation::CHUNK;

/// A polynomial to open at a point. Polynomials are identified by their address in memory.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) polynomial: &'a [Fr],
    pub(crate) point: Fr,
}

/// Queries with the values of their polynomials.
pub(crate) struct Opened<'a> {
    queries: Vec<(Query<'a>, Fr)>,
}

impl<'a> Opened<'a> {
    pub(crate) fn new(queries: Vec<Query<'a>>) -> Opened<'a> {
        let queries = queries
            .into_par_iter()
            .map(|query| (query, evaluate(query.polynomial, query.point)))
            .collect();
        Opened { queries }
    }

    /// Returns a polynomial's value at a point.
    pub(crate) fn value(&self, polynomial: &[Fr], point: Fr) -> Fr {
        self.queries
            .iter()
            .find(|(query, _)| std::ptr::eq(query.polynomial, polynomial) && query.point == point)
            .map_or_else(|| evaluate(polynomial, point), |found| found.1)
    }

    /// Groups the polynomials by the set of points at which they are opened, in the order of the
    /// queries.
    fn sets(&self) -> Vec<(BTreeSet<Fr>, Vec<&'a [Fr]>)> {
        let mut polynomials: Vec<(&'a [Fr], BTreeSet<Fr>)> = vec![];
        for (query, _) in &self.queries {
            let known = polynomials
                .iter_mut()
                .find(|known| std::ptr::eq(known.0, query.polynomial));
            if let Some((_, points)) = known {
                points.insert(query.point);
            } else {
                polynomials.push((query.polynomial, BTreeSet::from([query.point])));
            }
        }
        let mut sets: Vec<(BTreeSet<Fr>, Vec<&'a [Fr]>)> = vec![];
        for (polynomial, points) in polynomials {
            if let Some((_, members)) = sets.iter_mut().find(|set| set.0 == points) {
                members.push(polynomial);
            } else {
                sets.push((points, vec![polynomial]));
            }
        }
        sets
    }

    /// Proves all values.
    pub(crate) fn prove<E: EncodedChallenge<G1Affine>, T: TranscriptWrite<G1Affine, E>>(
        &self,
        params: &ParamsKZG<Bn256>,
        transcript: &mut T,
    ) -> Result<(), EngineError> {
        let n = params.get_g().len();
        let y = *transcript.squeeze_challenge_scalar::<()>();
        let v = *transcript.squeeze_challenge_scalar::<()>();
        let sets = self.sets();

        // Per set: the members combined under y, and the polynomial of low degree with its values.
        let combined: Vec<(Vec<Fr>, Vec<Fr>)> = sets
            .iter()
            .map(|(points, members)| {
                let weighted: Vec<(&[Fr], Fr)> = weights(members, y);
                let values: Vec<Fr> = points
                    .iter()
                    .map(|&point| {
                        let values = weighted.iter().map(|(p, w)| self.value(p, point) * w);
                        values.sum()
                    })
                    .collect();
                let points: Vec<Fr> = points.iter().copied().collect();
                let low = lagrange_interpolate(&points, &values);
                (combination(&weighted, n), low)
            })
            .collect();
        let quotients: Vec<Vec<Fr>> = combined
            .par_iter()
            .zip(&sets)
            .map(|((polynomial, low), (points, _))| {
                let mut rest = polynomial.clone();
                for (coefficient, value) in rest.iter_mut().zip(low) {
                    *coefficient -= value;
                }
                for point in points {
                    rest = kate_division(&rest, *point);
                }
                rest
            })
            .collect();
        let quotients: Vec<&[Fr]> = quotients.iter().map(Vec::as_slice).collect();
        let h = combination(&weights(&quotients, v), n);
        transcript.write_point(commit_polynomials(params, &[&h])[0])?;

        let u = *transcript.squeeze_challenge_scalar::<()>();
        let all: BTreeSet<Fr> = sets.iter().flat_map(|set| set.0.iter().copied()).collect();
        let vanishing = |points: &mut dyn Iterator<Item = &Fr>| -> Fr {
            points.map(|point| u - point).product()
        };
        let differences: Vec<Fr> = sets
            .iter()
            .map(|(points, _)| vanishing(&mut all.difference(points)))
            .collect();
        // Everything is divided by the first set's factor, which saves the verifier a
        // multiplication.
        let unit = differences
            .first()
            .and_then(|first| Option::<Fr>::from(first.invert()))
            .ok_or(EngineError::Challenge)?;
        let mut terms: Vec<(&[Fr], Fr)> = vec![];
        let mut constant = Fr::ZERO;
        let mut weight = unit;
        for ((polynomial, low), difference) in combined.iter().zip(&differences) {
            terms.push((polynomial, weight * difference));
            constant += weight * difference * evaluate(low, u);
            weight *= v;
        }
        terms.push((&h, -unit * vanishing(&mut all.iter())));
        let mut linear = combination(&terms, n);
        linear[0] -= constant;
        let last = kate_division(&linear, u);
        transcript.write_point(commit_polynomials(params, &[&last])[0])?;
        Ok(())
    }
}

/// Pairs the polynomials with the weights 1, x, x² …
fn weights<'a>(polynomials: &[&'a [Fr]], x: Fr) -> Vec<(&'a [Fr], Fr)> {
    let powers = std::iter::successors(Some(Fr::ONE), |power| Some(*power * x));
    polynomials.iter().copied().zip(powers).collect()
}

/// Returns the n coefficients of Σ weight·polynomial.
pub(crate) fn combination(terms: &[(&[Fr], Fr)], n: usize) -> Vec<Fr> {
    let mut sum = vec![Fr::ZERO; n];
    sum.par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(index, chunk)| {
            for (polynomial, weight) in terms {
                // A quotient has fewer coefficients than the others.
                let coefficients = polynomial.iter().skip(index * CHUNK);
                for (sum, coefficient) in chunk.iter_mut().zip(coefficients) {
                    *sum += *coefficient * weight;
                }
            }
        });
    sum
}
