//! Services that the wallet needs from outside besides L1 and the clock: proofs.

use subrosa_protocol::{element::TransactionDigest, proof::ProofBytes};
use subrosa_prover::groth16::TransactionKeys;
use subrosa_transaction::{Witness, Words};

/// Proves transactions. A proving machine needs no spending key: the witness holds a signature.
pub trait TransactionProver: Send + Sync + 'static {
    /// Returns the hash of the transaction circuit's verifying key.
    ///
    /// The wallet compares it with the sequencer's `transaction_key_hash` before it makes a proof.
    fn key_hash(&self) -> [u8; 32];

    /// Proves the statement with these words. Takes about a second of CPU time; call it on a
    /// blocking thread.
    ///
    /// # Errors
    /// A description, if the witness does not satisfy the statement.
    fn prove(&self, words: &Words, witness: &Witness) -> Result<ProofBytes, String>;

    /// Whether a proof verifies. The wallet asks before it submits a transaction.
    fn verify(&self, digest: &TransactionDigest, proof: &ProofBytes) -> bool;
}

impl TransactionProver for TransactionKeys {
    fn key_hash(&self) -> [u8; 32] {
        self.vk_hash()
    }

    fn prove(&self, words: &Words, witness: &Witness) -> Result<ProofBytes, String> {
        Self::prove(self, words, witness).map_err(|e| e.to_string())
    }

    fn verify(&self, digest: &TransactionDigest, proof: &ProofBytes) -> bool {
        Self::verify(self, digest, proof).is_ok()
    }
}
