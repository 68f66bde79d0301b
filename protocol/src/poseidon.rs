//! The protocol hash: Poseidon over the BN254 scalar field (spec: *Notation and hashing*).
//!
//! Width 5, 8 full and 60 partial rounds, S-box x⁵, with circomlib's published parameters. Circuits
//! use the plain parameters ([`parameters`]). [`permute`] computes the same function with a faster
//! form of the partial rounds, which is derived from the parameters at first use.

use std::sync::OnceLock;

use ark_bn254::Fr;
use ark_ff::{Field, Zero};

use crate::domain::Domain;

mod grain;
mod partial;
mod wide;

use partial::PartialRounds;
use wide::dot;

/// Elements of the state: one of capacity, [`RATE`] of rate.
pub const WIDTH: usize = 5;
/// Message elements absorbed by one permutation.
pub const RATE: usize = 4;
/// Rounds with an S-box on every element: half at the start, half at the end.
pub const FULL_ROUNDS: usize = 8;
/// Rounds between them, with an S-box on element 0 alone.
pub const PARTIAL_ROUNDS: usize = 60;
/// Number of rounds.
pub const ROUNDS: usize = FULL_ROUNDS + PARTIAL_ROUNDS;

/// Plain parameters of the permutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Constants that each of the 68 rounds adds to the state before its S-boxes.
    pub round_constants: Vec<[Fr; WIDTH]>,
    /// `new_state[i] = Σ_j mds[i][j] · state[j]`.
    pub mds: [[Fr; WIDTH]; WIDTH],
}

/// Returns the parameters of the protocol, generated once by the Grain LFSR of the reference
/// implementation.
pub fn parameters() -> &'static Parameters {
    static PARAMETERS: OnceLock<Parameters> = OnceLock::new();
    PARAMETERS.get_or_init(grain::generate)
}

fn partial_rounds() -> &'static PartialRounds {
    static PARTIAL: OnceLock<PartialRounds> = OnceLock::new();
    PARTIAL.get_or_init(|| PartialRounds::derive(parameters()))
}

/// Returns x⁵.
#[inline]
fn sbox(x: Fr) -> Fr {
    x.square().square() * x
}

#[inline]
fn mix(mds: &[[Fr; WIDTH]; WIDTH], state: &[Fr; WIDTH]) -> [Fr; WIDTH] {
    std::array::from_fn(|i| dot(&mds[i], state))
}

#[inline]
fn add(state: &mut [Fr; WIDTH], constants: &[Fr; WIDTH]) {
    for (element, constant) in state.iter_mut().zip(constants) {
        *element += constant;
    }
}

/// Applies the permutation π in place.
pub fn permute(state: &mut [Fr; WIDTH]) {
    let Parameters {
        round_constants,
        mds,
    } = parameters();
    let half = FULL_ROUNDS / 2;
    add(state, &round_constants[0]);
    for constants in &round_constants[1..=half] {
        *state = mix(mds, &state.map(sbox));
        add(state, constants);
    }
    partial_rounds().apply(state);
    // The partial rounds already add the constants of the next full round.
    for constants in &round_constants[half + PARTIAL_ROUNDS + 1..] {
        *state = mix(mds, &state.map(sbox));
        add(state, constants);
    }
    *state = mix(mds, &state.map(sbox));
}

/// Applies the permutation π exactly as the specification states it. It equals [`permute`] and is
/// slower; for tests and for readers.
pub fn permute_plain(state: &mut [Fr; WIDTH]) {
    let Parameters {
        round_constants,
        mds,
    } = parameters();
    let half = FULL_ROUNDS / 2;
    for (round, constants) in round_constants.iter().enumerate() {
        add(state, constants);
        if round < half || round >= half + PARTIAL_ROUNDS {
            *state = state.map(sbox);
        } else {
            state[0] = sbox(state[0]);
        }
        let old = *state;
        for (element, row) in state.iter_mut().zip(mds) {
            *element = row.iter().zip(&old).map(|(m, s)| *m * s).sum();
        }
    }
}

/// Returns the state after `message` is absorbed under `domain`.
fn absorb(domain: Domain, message: &[Fr]) -> [Fr; WIDTH] {
    let mut state = [Fr::zero(); WIDTH];
    state[0] = domain.capacity(message.len());
    for chunk in message.chunks(RATE) {
        for (element, word) in state[1..].iter_mut().zip(chunk) {
            *element += word;
        }
        permute(&mut state);
    }
    state
}

/// Returns `H(domain; message)`.
///
/// The message must have at least one element. The specification does not define the hash of an
/// empty message; this function returns 0 for it, and no message is known to hash to 0.
#[must_use]
pub fn hash(domain: Domain, message: &[Fr]) -> Fr {
    absorb(domain, message)[1]
}

/// Returns the first, second and third output of `H(domain; message)`: elements 1, 2 and 3 of the
/// final state.
#[must_use]
pub fn hash3(domain: Domain, message: &[Fr]) -> [Fr; 3] {
    let state = absorb(domain, message);
    [state[1], state[2], state[3]]
}

#[cfg(test)]
mod tests;
