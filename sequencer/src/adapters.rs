//! The ports' implementations by the real prover and the real chain.

mod observed;
mod prover;
mod settlement;
mod verifier;

pub use observed::{LatestProof, ObservedProver, ProofTime, RecordingProver};
pub use prover::LocalProver;
pub use settlement::L1Settlement;
pub use verifier::Groth16Verifier;
