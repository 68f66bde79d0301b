//! The batch circuit: the state transition of a batch in halo2 (spec: *Batch*, rules B1 … B15).
//!
//! | public instance | |
//! |---|---|
//! | 0 | commitment of the old state |
//! | 1 | commitment of the new state |
//! | 2 | c, commitment of the data words |
//! | 3 | z, the point that L1 derives from c and the words |
//! | 4 | y, the data words evaluated at z |
//!
//! One set of columns and gates ([`config`]) serves all shapes. [`layout`] places cells and labels them
//! with rules; [`schedule`] is the arrangement of the permutation; each `*_chip` module
//! adds one kind of gadget; the rules are in [`state`], [`slot`], [`anchors`], [`nullifiers`],
//! [`commitments`] and [`data`], put together in [`circuit`]. [`check()`] is the same statement
//! computed natively.

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
mod poseidon_chip;
mod range_chip;
pub mod rules;
pub mod schedule;
pub mod slot;
pub mod state;

pub use check::{check, check_proofs};
pub use circuit::{BatchCircuit, INSTANCES, StateTransition, Statement, instances};
pub use client::{ClientKey, ClientProof};
pub use config::COMMITTED;
pub use counts::Counts;
pub use rules::Rule;

#[cfg(test)]
mod tests;
