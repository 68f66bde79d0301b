//! The real prover and the real chain behind the sequencer's ports.

mod prover;
mod settlement;
mod verifier;

pub use prover::WorkerProver;
pub use settlement::L1Settlement;
pub use verifier::Groth16Verifier;
