//! The contract against halo2's own verifier, in a real EVM with real proofs.

mod batch;
mod circuit;
mod evm;
mod proving;
mod toy;
