//! Client proofs: Groth16 over BN254 with exactly one public input, the digest of a transaction
//! (spec: *Transaction*).

mod matrices;
mod proof;
mod prover;
mod snarkjs;
mod transaction;
mod verifier;

pub use proof::{DecodeError, ProofPoint, decode_proof, encode_proof};
pub use prover::KeyShapeError;
pub use snarkjs::{SnarkjsFiles, export_snarkjs};
pub use transaction::{ProveError, TransactionKeys};
pub use verifier::{KeyError, TransactionVerifier, VerifyError};

pub use subrosa_protocol::proof::{PROOF_LEN, ProofBytes};

pub(crate) use matrices::ConstraintMatrices;
#[cfg(test)]
pub(crate) use matrices::assignment;
pub(crate) use prover::Groth16Prover;
#[cfg(test)]
pub(crate) use prover::tests as prover_tests;
