//! Backends, keys, proving and verification.
//!
//! - [`groth16`]: client proofs of transactions, made by a wallet, verified by a sequencer;
//! - [`batch`]: halo2 proofs that a batch moved the state by the rules, verified by L1;
//! - [`setup`]: where the keys of both come from, and the files they are kept in;
//! - [`device`]: the processor or GPU that makes batch proofs;
//! - [`backend`]: the heavy operations of Groth16 behind a trait, for other devices than the processor.
//!
//! No proof leaves this crate unverified, and no proof is attempted of a statement that its native
//! check rejects: an error names the rule that is broken.

pub mod backend;
pub mod batch;
mod clients;
pub mod device;
pub mod groth16;
mod halo2;
pub mod progress;
pub mod setup;
