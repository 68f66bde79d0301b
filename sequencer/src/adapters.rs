//! The real prover and the real chain behind the sequencer's ports.

mod observed;
mod prover;
mod settlement;
mod verifier;

pub use observed::{LatestProof, ObservedProver, ProofTime, RecordingProver};
pub use prover::LocalProver;
pub use settlement::L1Settlement;
pub use verifier::Groth16Verifier;
