//! The batch circuit: the state transition of a batch and its clients' proofs in halo2 (spec: *Batch*,
//! *Aggregation*, rules B1 … B22).
//!
//! | public instance | |
//! |---|---|
//! | 0 | commitment of the old state |
//! | 1 | commitment of the new state |
//! | 2 | c, commitment of the data words |
//! | 3 | z, the point that L1 derives from c and the words |
//! | 4 | y, the data words evaluated at z |
//! | 5 | ζ, the column challenge, which every verifier computes from the proof |
//!
//! One set of columns and gates ([`config`]) serves all shapes. [`layout`] places cells and labels them
//! with rules; [`schedule`] is the arrangement of the permutation; each `*_chip` module
//! adds one kind of gadget; the rules of the state transition are in [`state`], [`slot`], [`pairs`], [`anchors`],
//! [`nullifiers`], [`commitments`] and [`data`], those of the clients' proofs in `aggregation` on top
//! of `pairing` and `foreign`; all are put together in [`circuit`]. [`check()`] and
//! [`check_proofs()`] are the same statement computed natively.

mod aggregation;
pub mod anchors;
mod arithmetic;
pub mod check;
pub mod circuit;
pub mod client;
pub mod commitments;
pub mod config;
pub mod convert;
pub mod counts;
pub mod data;
mod foreign;
pub mod layout;
pub mod merkle_chip;
pub mod nullifiers;
mod pairing;
pub mod pairs;
mod poseidon_chip;
mod range_chip;
pub mod rules;
pub mod schedule;
pub mod slot;
pub mod state;

pub use check::{check, check_proofs};
pub use circuit::{BatchCircuit, INSTANCES, Recorded, StateTransition, Statement, instances};
pub use client::{ClientKey, ClientProof};
pub use config::COMMITTED;
pub use counts::Counts;
pub use rules::Rule;

#[cfg(test)]
mod tests;
