//! The client proofs inside a batch proof. The batch circuit verifies one proof a slot under the
//! transaction circuit's key; a slot without a transaction gets the padding proof.

use std::sync::Arc;

use subrosa_batch::{ClientKey, ClientProof};
use subrosa_protocol::batch::BatchWitness;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::proof::ProofBytes;
use subrosa_protocol::transaction;

use crate::groth16::{TransactionVerifier, VerifyError, decode_proof};

/// The clients' verifying key with the padding proof.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    verifier: TransactionVerifier,
    key: Arc<ClientKey>,
    padding: ClientProof,
}

/// Why the client proofs of a batch are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientsError {
    /// The number of proofs differs from the number of transactions.
    Count { expected: usize, found: usize },
    /// The proof of the transaction in this slot is invalid.
    Proof { slot: usize, error: VerifyError },
}

impl Clients {
    /// Verifies the padding proof of the padding statement's `digest`, and keeps it.
    pub(crate) fn new(
        verifier: TransactionVerifier,
        digest: TransactionDigest,
        padding: &ProofBytes,
    ) -> Result<Self, VerifyError> {
        verifier.verify(&digest, padding)?;
        Ok(Self {
            key: Arc::new(verifier.client_key(digest)),
            padding: ClientProof::from(&decode_proof(padding)?),
            verifier,
        })
    }

    /// Returns the key as the constant of the batch circuit.
    pub(crate) fn key(&self) -> &Arc<ClientKey> {
        &self.key
    }

    /// Returns the verifying key.
    pub(crate) fn verifier(&self) -> &TransactionVerifier {
        &self.verifier
    }

    /// Verifies the proofs of the transactions together, in slot order, and returns the proofs of
    /// all slots. The native check has established that the active slots come first.
    pub(crate) fn proofs(
        &self,
        witness: &BatchWitness,
        proofs: &[ProofBytes],
    ) -> Result<Vec<ClientProof>, ClientsError> {
        let active = witness.slots.iter().filter(|slot| slot.active);
        let expected = active.clone().count();
        if proofs.len() != expected {
            return Err(ClientsError::Count {
                expected,
                found: proofs.len(),
            });
        }
        let statements: Vec<(TransactionDigest, ProofBytes)> = active
            .map(|slot| transaction::digest(&slot.words))
            .zip(proofs.iter().copied())
            .collect();
        let verdicts = self.verifier.verify_batch(&statements);
        let mut all = Vec::with_capacity(witness.slots.len());
        for (slot, (proof, verdict)) in proofs.iter().zip(verdicts).enumerate() {
            let refused = |error| ClientsError::Proof { slot, error };
            verdict.map_err(refused)?;
            let proof = decode_proof(proof).map_err(|error| refused(error.into()))?;
            all.push(ClientProof::from(&proof));
        }
        all.resize(witness.slots.len(), self.padding);
        Ok(all)
    }
}
