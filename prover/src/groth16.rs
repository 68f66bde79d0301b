//! Client proofs: Groth16 over BN254 with exactly one public input, the digest of a transaction
//! (spec: *Transaction*).
//!
//! Two functions decode untrusted bytes: [`decode_proof`] and [`TransactionVerifier::from_bytes`].
//!
//! ```
//! use subrosa_prover::groth16::{DecodeError, ProofBytes, ProofPoint, decode_proof};
//!
//! let garbage = ProofBytes::new([0xff; 128]);
//! assert_eq!(decode_proof(&garbage), Err(DecodeError::Point(ProofPoint::A)));
//! ```

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
