//! Client proofs: Groth16 over BN254 with exactly one public input, the digest of a transaction
//! (spec: *Transaction*).

mod engine;
mod matrices;
mod proof;
mod snarkjs;
mod transaction;
mod verifier;

pub use engine::KeyShapeError;
pub use proof::{DecodeError, PROOF_LEN, ProofBytes, ProofPoint};
pub use snarkjs::{SnarkjsFiles, export_snarkjs};
pub use transaction::{ProveError, TransactionKeys};
pub use verifier::{KeyError, TransactionVerifier, VerifyError};

pub(crate) use engine::Engine;
#[cfg(test)]
pub(crate) use engine::tests as engine_tests;
pub(crate) use matrices::ConstraintMatrices;
#[cfg(test)]
pub(crate) use matrices::assignment;
