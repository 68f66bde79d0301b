//! Compares the contract with halo2's own verifier, in a real EVM with real proofs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod batch;
mod circuit;
mod evm;
mod proving;
mod toy;
