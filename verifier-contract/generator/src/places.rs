//! The layout of key, proof and memory while the contract verifies.
//!
//! A place is an offset in bytes from the key's first byte. `Layout.sol` draws the memory.

use halo2_proofs::plonk::{Any, Column, VerifyingKey};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::G1Affine;

use crate::opening::Query;

/// Number of instances that a caller passes to the contract; the interface fixes it.
pub const CALLER_INSTANCES: usize = 5;
/// Number of instances of the circuit, all in one column: those of the caller, then the column
/// challenge.
pub const INSTANCES: usize = CALLER_INSTANCES + 1;

/// Words of the header before G, by their names in `Layout.sol` without `KEY_`.
pub const HEADER: [&str; 32] = [
    "MAGIC",
    "MODULUS",
    "GATES",
    "REPRESENTATION",
    "LENGTH",
    "PROOF_LENGTH",
    "WORK_SIZE",
    "K",
    "N_INVERSE",
    "OMEGA",
    "OMEGA_LAST",
    "BLINDING",
    "COMMITTED",
    "PERMUTED",
    "CHUNK",
    "CHUNKS",
    "LOOKUPS",
    "ROTATIONS",
    "SETS",
    "AT_THETA",
    "AT_BETA",
    "AT_Y",
    "AT_X",
    "AT_FIXED",
    "AT_SIGMA",
    "AT_PRODUCTS",
    "AT_LOOKUPS",
    "AT_OPENING",
    "AT_WORK",
    "AT_COLUMNS",
    "AT_ROTATIONS",
    "AT_SETS",
];

/// Size in bytes of the header with the points that follow it.
pub(crate) const HEADER_SIZE: usize = 32 * (HEADER.len() + 10);
/// Size in bytes of transcript state, representation of the key, and instances.
pub(crate) const HEAD_SIZE: usize = 32 * (2 + INSTANCES);
// Offsets in the work area.
pub(crate) const WORK_QUOTIENT_EVALUATION: usize = 0x20;
pub(crate) const WORK_QUOTIENT: usize = 0x40;
pub(crate) const WORK_LOOKUPS: usize = 0x120;

/// Places of the parts of key and proof.
pub(crate) struct Places {
    pub(crate) rotations: usize,
    pub(crate) fixed_commitments: usize,
    pub(crate) sigma_commitments: usize,
    pub(crate) columns: usize,
    pub(crate) sets: usize,
    pub(crate) length: usize,
    pub(crate) advice_commitments: usize,
    /// End of the commitments that precede the challenge θ; `beta`, `y` and `x` likewise.
    pub(crate) theta: usize,
    pub(crate) beta: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
    pub(crate) fixed: usize,
    pub(crate) random: usize,
    pub(crate) sigma: usize,
    pub(crate) products: usize,
    pub(crate) lookups: usize,
    pub(crate) opening: usize,
    pub(crate) work: usize,
}

/// Numbers of the parts of a constraint system.
pub(crate) struct Counts {
    pub(crate) advice: usize,
    pub(crate) advice_queries: usize,
    pub(crate) fixed: usize,
    pub(crate) fixed_queries: usize,
    pub(crate) permuted: usize,
    pub(crate) chunk: usize,
    pub(crate) chunks: usize,
    pub(crate) lookups: usize,
    pub(crate) pieces: usize,
}

impl Counts {
    pub(crate) fn new(vk: &VerifyingKey<G1Affine>) -> Self {
        let cs = vk.cs();
        let permuted = cs.permutation().get_columns().len();
        // Besides the columns, the identity has two factors of degree one.
        let chunk = cs.degree() - 2;
        Self {
            advice: cs.num_advice_columns(),
            advice_queries: cs.advice_queries().len(),
            fixed: vk.fixed_commitments().len(),
            fixed_queries: cs.fixed_queries().len(),
            permuted,
            chunk,
            chunks: permuted.div_ceil(chunk),
            lookups: cs.lookups().len(),
            pieces: cs.degree() - 1,
        }
    }

    /// Computes all places. `rotations` is the number of rotations, `columns` and `sets` are the
    /// lengths in bytes of these tables, which do not depend on places.
    pub(crate) fn places(&self, rotations: usize, columns: usize, sets: usize) -> Places {
        let at_rotations = HEADER_SIZE;
        let fixed_commitments = at_rotations + 32 * rotations;
        let sigma_commitments = fixed_commitments + 64 * self.fixed;
        let at_columns = sigma_commitments + 64 * self.permuted;
        let at_sets = at_columns + columns;
        let length = (at_sets + sets).next_multiple_of(32);

        let advice_commitments = length + HEAD_SIZE;
        let theta = advice_commitments + 64 * self.advice;
        let beta = theta + 128 * self.lookups;
        let y = beta + 64 * (self.chunks + self.lookups + 1);
        let x = y + 64 * self.pieces;
        let fixed = x + 32 * self.advice_queries;
        let random = fixed + 32 * self.fixed_queries;
        let sigma = random + 32;
        let products = sigma + 32 * self.permuted;
        // The last product is not opened at the last usable row.
        let lookups = products + 96 * self.chunks - if self.chunks > 0 { 32 } else { 0 };
        let opening = lookups + 160 * self.lookups;
        Places {
            rotations: at_rotations,
            fixed_commitments,
            sigma_commitments,
            columns: at_columns,
            sets: at_sets,
            length,
            advice_commitments,
            theta,
            beta,
            y,
            x,
            fixed,
            random,
            sigma,
            products,
            lookups,
            opening,
            work: opening + 128,
        }
    }
}

/// Returns the rotation to the last usable row.
pub(crate) fn last_rotation(blinding: usize) -> i32 {
    -(blinding as i32 + 1)
}

/// Returns the places of the permuted columns' evaluations at x, or `None` if a column is not
/// queried there.
pub(crate) fn column_places(vk: &VerifyingKey<G1Affine>, places: &Places) -> Option<Vec<usize>> {
    let cs = vk.cs();
    let place = |column: Column<Any>| {
        let index = column.index();
        let current =
            |(at, rotation): (usize, Rotation)| at == index && rotation == Rotation::cur();
        match column.column_type() {
            Any::Advice(_) => cs
                .advice_queries()
                .iter()
                .position(|(column, rotation)| current((column.index(), *rotation)))
                .map(|query| places.x + 32 * query),
            Any::Fixed => cs
                .fixed_queries()
                .iter()
                .position(|(column, rotation)| current((column.index(), *rotation)))
                .map(|query| places.fixed + 32 * query),
            Any::Instance => Some(places.work),
        }
    };
    cs.permutation()
        .get_columns()
        .into_iter()
        .map(place)
        .collect()
}

/// Returns every opening query, in the order of halo2's verifier.
pub(crate) fn queries(vk: &VerifyingKey<G1Affine>, counts: &Counts, places: &Places) -> Vec<Query> {
    let cs = vk.cs();
    let query = |commitment, rotation, evaluation| Query {
        commitment,
        rotation,
        evaluation,
    };
    let mut queries = Vec::new();
    for (i, (column, rotation)) in cs.advice_queries().iter().enumerate() {
        let commitment = places.advice_commitments + 64 * column.index();
        queries.push(query(commitment, rotation.0, places.x + 32 * i));
    }
    let product = |i: usize| (places.beta + 64 * i, places.products + 96 * i);
    for (commitment, evaluation) in (0..counts.chunks).map(product) {
        queries.push(query(commitment, 0, evaluation));
        queries.push(query(commitment, 1, evaluation + 32));
    }
    for (commitment, evaluation) in (0..counts.chunks).rev().skip(1).map(product) {
        let last = last_rotation(cs.blinding_factors());
        queries.push(query(commitment, last, evaluation + 64));
    }
    for i in 0..counts.lookups {
        let product = places.beta + 64 * (counts.chunks + i);
        let input = places.theta + 128 * i;
        let table = input + 64;
        let evaluation = places.lookups + 160 * i;
        queries.push(query(product, 0, evaluation));
        queries.push(query(input, 0, evaluation + 64));
        queries.push(query(table, 0, evaluation + 128));
        queries.push(query(input, -1, evaluation + 96));
        queries.push(query(product, 1, evaluation + 32));
    }
    for (i, (column, rotation)) in cs.fixed_queries().iter().enumerate() {
        let commitment = places.fixed_commitments + 64 * column.index();
        queries.push(query(commitment, rotation.0, places.fixed + 32 * i));
    }
    for i in 0..counts.permuted {
        queries.push(query(
            places.sigma_commitments + 64 * i,
            0,
            places.sigma + 32 * i,
        ));
    }
    let quotient = places.work + WORK_QUOTIENT;
    queries.push(query(quotient, 0, places.work + WORK_QUOTIENT_EVALUATION));
    let random = places.beta + 64 * (counts.chunks + counts.lookups);
    queries.push(query(random, 0, places.random));
    queries
}
