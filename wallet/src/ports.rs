//! What the wallet needs from outside besides L1: proofs.

use subrosa_protocol::{Fr, proof::ProofBytes};
use subrosa_prover::groth16::TransactionKeys;
use subrosa_transaction::{Witness, Words};

/// Proves transactions. A machine that proves needs no spending key: the witness holds a signature.
pub trait TransactionProver: Send + Sync + 'static {
    /// A proof for these words; takes about a second of CPU time and must not run on an async thread.
    ///
    /// # Errors
    /// A description, if the witness does not satisfy the statement.
    fn prove(&self, words: &Words, witness: &Witness) -> Result<ProofBytes, String>;

    /// Checks a proof, so that a wallet never submits what would be refused.
    fn verify(&self, digest: &Fr, proof: &ProofBytes) -> bool;
}

impl TransactionProver for TransactionKeys {
    fn prove(&self, words: &Words, witness: &Witness) -> Result<ProofBytes, String> {
        Self::prove(self, words, witness).map_err(|e| e.to_string())
    }

    fn verify(&self, digest: &Fr, proof: &ProofBytes) -> bool {
        Self::verify(self, digest, proof).is_ok()
    }
}
