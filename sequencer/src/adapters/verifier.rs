//! Verification of client proofs with the Groth16 verifier.

use subrosa_protocol::element::TransactionDigest;
use subrosa_prover::groth16::TransactionVerifier;

use crate::ports::{ProofBytes, ProofVerifier};

/// Verifies client proofs with Groth16.
#[derive(Clone)]
pub struct Groth16Verifier(TransactionVerifier);

impl Groth16Verifier {
    /// Makes a port over the transaction circuit's verifying key.
    #[must_use]
    pub fn new(verifier: TransactionVerifier) -> Self {
        Self(verifier)
    }
}

impl ProofVerifier for Groth16Verifier {
    fn key_hash(&self) -> [u8; 32] {
        self.0.vk_hash()
    }

    fn is_unsafe_development(&self) -> bool {
        self.0.is_unsafe_development()
    }

    fn verify_batch(&self, items: &[(TransactionDigest, ProofBytes)]) -> Vec<bool> {
        let results = self.0.verify_batch(items);
        results.iter().map(Result::is_ok).collect()
    }
}
