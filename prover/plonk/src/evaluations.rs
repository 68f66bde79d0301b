//! The evaluations of a proof: which polynomials, at which points, in which order.

use halo2_proofs::plonk::ProvingKey;
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::{Fr, G1Affine};

use crate::domain::Domain;
use crate::opening::Query;
use crate::prove::Witness;

/// The polynomials of a proof with the points at which they are evaluated: x and its rotations.
pub(crate) struct Evaluations<'a> {
    pub(crate) domain: &'a Domain,
    pub(crate) pk: &'a ProvingKey<G1Affine>,
    pub(crate) witness: &'a Witness,
    pub(crate) x: Fr,
}

impl<'a> Evaluations<'a> {
    fn at(&self, polynomial: &'a [Fr], rotation: i32) -> Query<'a> {
        Query {
            polynomial,
            point: self.domain.rotate(self.x, rotation),
        }
    }

    /// Returns the rotation to the last row before the blinding rows.
    fn last(&self) -> i32 {
        -(self.pk.get_vk().cs().blinding_factors() as i32 + 1)
    }

    fn advice(&self) -> impl Iterator<Item = Query<'a>> {
        let queries = self.pk.get_vk().cs().advice_queries().iter();
        queries.map(|&(column, Rotation(at))| self.at(&self.witness.advice[column.index()], at))
    }

    fn fixed(&self) -> impl Iterator<Item = Query<'a>> {
        let queries = self.pk.get_vk().cs().fixed_queries().iter();
        queries.map(|&(column, Rotation(at))| self.at(&self.pk.fixed_polys()[column.index()], at))
    }

    fn sigmas(&self) -> impl Iterator<Item = Query<'a>> {
        let polynomials = self.pk.permutation().polys().iter();
        polynomials.map(|polynomial| self.at(polynomial, 0))
    }

    /// Returns the evaluations in the order in which they are opened.
    pub(crate) fn opened(&self, folded: &'a [Fr], random: &'a [Fr]) -> Vec<Query<'a>> {
        let mut queries: Vec<Query<'a>> = self.advice().collect();
        let sets = &self.witness.sets;
        for set in sets {
            queries.extend([self.at(set, 0), self.at(set, 1)]);
        }
        for set in sets.iter().rev().skip(1) {
            queries.push(self.at(set, self.last()));
        }
        for [product, input, table] in &self.witness.lookups {
            queries.extend([
                self.at(product, 0),
                self.at(input, 0),
                self.at(table, 0),
                self.at(input, -1),
                self.at(product, 1),
            ]);
        }
        queries.extend(self.fixed());
        queries.extend(self.sigmas());
        queries.extend([self.at(folded, 0), self.at(random, 0)]);
        queries
    }

    /// Returns the evaluations in the order in which the proof lists them. The list omits the
    /// quotient's value, which the verifier computes.
    pub(crate) fn written(&self, random: &'a [Fr]) -> Vec<Query<'a>> {
        let mut queries: Vec<Query<'a>> = self.advice().chain(self.fixed()).collect();
        queries.push(self.at(random, 0));
        queries.extend(self.sigmas());
        let sets = &self.witness.sets;
        for (index, set) in sets.iter().enumerate() {
            queries.extend([self.at(set, 0), self.at(set, 1)]);
            if index + 1 < sets.len() {
                queries.push(self.at(set, self.last()));
            }
        }
        for [product, input, table] in &self.witness.lookups {
            queries.extend([
                self.at(product, 0),
                self.at(product, 1),
                self.at(input, 0),
                self.at(input, -1),
                self.at(table, 0),
            ]);
        }
        queries
    }
}
