//! What a batch proof says of the clients: that each transaction of the batch has a valid proof under
//! the transaction circuit's key. The batch circuit verifies one proof a slot; a slot without a
//! transaction gets the padding proof.

use std::sync::Arc;

use ark_bn254::Fr;
use subrosa_batch::{ClientKey, ClientProof};
use subrosa_protocol::batch::BatchWitness;
use subrosa_protocol::transaction;

use crate::batch::ProveError;
use crate::groth16::{ProofBytes, TransactionVerifier, VerifyError};

/// The clients' verifying key with the padding proof.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    verifier: TransactionVerifier,
    key: Arc<ClientKey>,
    padding: ClientProof,
}

impl Clients {
    /// Takes the padding proof over after verifying it.
    pub(crate) fn new(
        verifier: TransactionVerifier,
        digest: Fr,
        padding: &ProofBytes,
    ) -> Result<Self, VerifyError> {
        verifier.verify(&digest, padding)?;
        Ok(Self {
            key: Arc::new(verifier.client_key(digest)),
            padding: ClientProof::from(&padding.decode()?),
            verifier,
        })
    }

    /// The constant of the batch circuit.
    pub(crate) fn key(&self) -> &Arc<ClientKey> {
        &self.key
    }

    /// The verifying key.
    pub(crate) fn verifier(&self) -> &TransactionVerifier {
        &self.verifier
    }

    /// The proofs of all slots from those of the transactions, in slot order, after verifying them
    /// together. Active slots come first, which the native check has seen to.
    pub(crate) fn proofs(
        &self,
        witness: &BatchWitness,
        proofs: &[ProofBytes],
    ) -> Result<Vec<ClientProof>, ProveError> {
        let active = witness.slots.iter().filter(|slot| slot.active);
        let expected = active.clone().count();
        if proofs.len() != expected {
            return Err(ProveError::ClientProofs {
                expected,
                found: proofs.len(),
            });
        }
        let statements: Vec<(Fr, ProofBytes)> = active
            .map(|slot| transaction::digest(&slot.words))
            .zip(proofs.iter().copied())
            .collect();
        let verdicts = self.verifier.verify_batch(&statements);
        let mut all = Vec::with_capacity(witness.slots.len());
        for (slot, (proof, verdict)) in proofs.iter().zip(verdicts).enumerate() {
            let refused = |error| ProveError::ClientProof { slot, error };
            verdict.map_err(refused)?;
            let proof = proof.decode().map_err(|error| refused(error.into()))?;
            all.push(ClientProof::from(&proof));
        }
        all.resize(witness.slots.len(), self.padding);
        Ok(all)
    }
}
