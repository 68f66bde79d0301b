//! The ports' implementations by the real prover and the real chain.

mod prover;
mod settlement;
mod verifier;

pub use prover::WorkerProver;
pub use settlement::L1Settlement;
pub use verifier::Groth16Verifier;
