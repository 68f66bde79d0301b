//! Services that the wallet needs from outside besides L1 and the clock: proofs.

use subrosa_protocol::Fr;
use subrosa_prover::groth16::{ProofBytes, TransactionKeys};
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
    fn prove(&self, words: &Words, witness: &Witness) -> Result<[u8; 128], String>;

    /// Whether a proof verifies. The wallet asks before it submits a transaction.
    fn verify(&self, digest: &Fr, proof: &[u8; 128]) -> bool;
}

impl TransactionProver for TransactionKeys {
    fn key_hash(&self) -> [u8; 32] {
        self.vk_hash()
    }

    fn prove(&self, words: &Words, witness: &Witness) -> Result<[u8; 128], String> {
        Self::prove(self, words, witness)
            .map(|proof| *proof.as_bytes())
            .map_err(|e| e.to_string())
    }

    fn verify(&self, digest: &Fr, proof: &[u8; 128]) -> bool {
        Self::verify(self, digest, &ProofBytes::new(*proof)).is_ok()
    }
}
