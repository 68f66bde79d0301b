//! Keys and proofs of transactions.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{One, UniformRand};
use ark_groth16::Proof;
use ark_relations::gr1cs::SynthesisError;
use rand::rngs::OsRng;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::proof::ProofBytes;
use subrosa_protocol::transaction::WORDS;
use subrosa_transaction::{Rule, TransactionCircuit, Witness, check};
use zeroize::Zeroizing;

use super::matrices;
use super::proof::encode_proof;
use super::prover::Groth16Prover;
use super::verifier::{KeyError, TransactionVerifier, VerifyError};
use crate::backend::Backend;

/// Why a transaction could not be proven. Every error is final: the same call fails again.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The witness breaks a rule of the transaction.
    #[error("the transaction violates rule {0}")]
    Rule(Rule),
    /// The circuit did not accept the witness.
    #[error("the circuit could not be synthesised: {0}")]
    Synthesis(#[from] SynthesisError),
    /// The circuit assigned public inputs other than the digest, or another number of variables
    /// than the key's circuit: the key belongs to another circuit.
    #[error("the assignment does not have the shape of the key's circuit")]
    Shape,
    /// The finished proof does not verify: native check and circuit disagree. The proof is
    /// discarded.
    #[error("the finished proof does not verify under its own key")]
    SelfCheck,
}

/// A proving key for transactions with its circuit's matrices and the verifying key.
#[derive(Debug)]
pub struct TransactionKeys {
    prover: Groth16Prover,
    verifier: TransactionVerifier,
    backend: Arc<dyn Backend>,
}

impl TransactionKeys {
    /// Joins the parts that [`crate::setup::KeyStore`] loads.
    pub(crate) fn new(
        prover: Groth16Prover,
        unsafe_development: bool,
        backend: Arc<dyn Backend>,
    ) -> Result<Self, KeyError> {
        let verifier = TransactionVerifier::new(prover.vk.clone(), unsafe_development)?;
        Ok(Self {
            prover,
            verifier,
            backend,
        })
    }

    /// Returns the verifying key.
    pub fn verifier(&self) -> &TransactionVerifier {
        &self.verifier
    }

    /// Returns SHA-256 of the verifying key's compressed form.
    pub fn vk_hash(&self) -> [u8; 32] {
        self.verifier.vk_hash()
    }

    /// Whether the key was made for development. Its maker can forge proofs.
    pub fn is_unsafe_development(&self) -> bool {
        self.verifier.is_unsafe_development()
    }

    /// Returns the number of constraints of the circuit.
    pub fn constraints(&self) -> usize {
        self.prover.matrices.constraints
    }

    /// Returns SHA-256 of the circuit's constraint matrices.
    pub fn circuit_fingerprint(&self) -> [u8; 32] {
        self.prover.matrices.fingerprint
    }

    /// Proves the transaction with these words, after checking every rule natively.
    ///
    /// # Errors
    /// [`ProveError::Rule`] names the rule that the witness breaks. The other errors mean that the
    /// key belongs to another circuit or that the circuit is defective.
    pub fn prove(&self, words: &[Fr; WORDS], witness: &Witness) -> Result<ProofBytes, ProveError> {
        let digest = check(witness, words).map_err(ProveError::Rule)?;
        let circuit = TransactionCircuit::new(words, witness);
        let assignment = matrices::assignment(circuit)?;
        let shape = &self.prover.matrices;
        if assignment.len() != shape.instance_variables + shape.witness_variables
            || assignment[..2] != [Fr::one(), digest.into()]
        {
            return Err(ProveError::Shape);
        }
        let proof = self.blind(&assignment);
        if self.verifier.holds(&digest, &proof) {
            Ok(encode_proof(&proof))
        } else {
            Err(ProveError::SelfCheck)
        }
    }

    fn blind(&self, assignment: &[Fr]) -> Proof<ark_bn254::Bn254> {
        let r = Zeroizing::new(Fr::rand(&mut OsRng));
        let s = Zeroizing::new(Fr::rand(&mut OsRng));
        self.prover.prove(&*self.backend, assignment, &r, &s)
    }

    /// Verifies a proof: [`TransactionVerifier::verify`].
    ///
    /// # Errors
    /// As that method.
    pub fn verify(
        &self,
        digest: &TransactionDigest,
        proof: &ProofBytes,
    ) -> Result<(), VerifyError> {
        self.verifier.verify(digest, proof)
    }

    /// Verifies many proofs: [`TransactionVerifier::verify_batch`].
    pub fn verify_batch(
        &self,
        proofs: &[(TransactionDigest, ProofBytes)],
    ) -> Vec<Result<(), VerifyError>> {
        self.verifier.verify_batch(proofs)
    }
}
