//! Batch proofs (spec: *Batch*): the keys of one shape, proving and verification.
//!
//! ```no_run
//! use subrosa_protocol::batch::{BatchWitness, Shape};
//! use subrosa_protocol::proof::ProofBytes;
//! use subrosa_prover::progress::Silent;
//! use subrosa_prover::setup::KeyStore;
//!
//! fn prove(
//!     witness: &BatchWitness,
//!     clients: &[ProofBytes],
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let store = KeyStore::open("keys".as_ref())?;
//!     let keys = store.batch(Shape::S4, &Silent)?;
//!     let proof = keys.prove(witness, clients, &Silent)?;
//!     keys.verify(&proof.instances, &proof.proof)?;
//!     Ok(())
//! }
//! ```

use std::sync::Arc;

use ark_bn254::Fr;
use halo2curves::bn256;
use subrosa_batch::convert::to_halo2;
use subrosa_batch::{BatchCircuit, COMMITTED, ClientKey, Rule, Statement, check};
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::proof::ProofBytes;

use crate::clients::{Clients, ClientsError};
use crate::groth16;
use crate::halo2::{self, PlonkKeys};
use crate::progress::Progress;

/// Keys of the batch circuit of one shape.
#[derive(Debug)]
pub struct BatchKeys {
    shape: Shape,
    keys: PlonkKeys,
    clients: Clients,
    vk_data: Vec<u8>,
    unsafe_development: bool,
}

/// A proof that a batch moves the state by the rules, with its public statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchProof {
    /// The proof in the encoding of the L1 contract.
    pub proof: Vec<u8>,
    /// c, the commitment to the data words.
    pub commitment: Fr,
    /// State commitment after the batch.
    pub new_state: Fr,
    /// Old state, new state, c, z, y.
    pub instances: [Fr; 5],
}

impl BatchProof {
    /// Joins a proof with the public statement of the witness that it was made from. Does not
    /// verify the proof.
    #[must_use]
    pub fn new(witness: &BatchWitness, proof: Vec<u8>) -> Self {
        Self::with_instances(witness.instances(&witness.challenge()), proof)
    }

    fn with_instances(instances: [Fr; 5], proof: Vec<u8>) -> Self {
        Self {
            proof,
            commitment: instances[2],
            new_state: instances[1],
            instances,
        }
    }
}

/// Why a batch could not be proven. Every error but [`ProveError::Cancelled`] is final: the same
/// job fails again.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The shape of the witness differs from that of the keys.
    #[error("the batch has {found} slots, the keys are for {expected}")]
    Shape {
        /// Slots of the keys.
        expected: usize,
        /// Slots of the witness.
        found: usize,
    },
    /// The witness breaks a rule of the batch.
    #[error("the batch violates rule {0}")]
    Rule(Rule),
    /// The number of client proofs differs from the number of transactions.
    #[error("{found} client proofs for {expected} transactions")]
    ClientProofs {
        /// Transactions of the batch.
        expected: usize,
        /// Proofs given.
        found: usize,
    },
    /// A client proof does not decode, or does not hold for the transaction in its slot.
    #[error("the client proof of slot {slot}: {error}")]
    ClientProof {
        /// Index of the slot, from 0.
        slot: usize,
        /// Reason of the refusal.
        error: groth16::VerifyError,
    },
    /// halo2 refused the witness.
    #[error("proving failed: {0}")]
    Backend(String),
    /// The finished proof does not verify: native check and circuit disagree. The proof is
    /// discarded.
    #[error("the finished proof does not verify under its own key")]
    SelfCheck,
    /// [`Progress::cancelled`] returned true.
    #[error("cancelled")]
    Cancelled,
}

impl From<halo2::ProveError> for ProveError {
    fn from(error: halo2::ProveError) -> Self {
        match error {
            halo2::ProveError::Engine(subrosa_plonk::EngineError::Cancelled) => Self::Cancelled,
            error => Self::Backend(error.to_string()),
        }
    }
}

impl From<ClientsError> for ProveError {
    fn from(error: ClientsError) -> Self {
        match error {
            ClientsError::Count { expected, found } => Self::ClientProofs { expected, found },
            ClientsError::Proof { slot, error } => Self::ClientProof { slot, error },
        }
    }
}

/// The proof does not hold for these instances under these keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the batch proof does not verify for these instances")]
pub struct VerifyError;

impl BatchKeys {
    /// Joins the parts that [`crate::setup::KeyStore`] loads. `unsafe_development` describes the
    /// KZG parameters.
    pub(crate) fn new(
        shape: Shape,
        keys: PlonkKeys,
        clients: Clients,
        unsafe_development: bool,
    ) -> Result<Self, subrosa_verifier_generator::KeyError> {
        let vk_data = subrosa_verifier_generator::vk_data(keys.params(), keys.vk(), COMMITTED)?;
        Ok(Self {
            shape,
            keys,
            vk_data,
            unsafe_development: unsafe_development || clients.verifier().is_unsafe_development(),
            clients,
        })
    }

    /// Returns the shape that these keys prove.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns log₂ of the number of rows of the circuit.
    pub fn k(&self) -> u32 {
        self.keys.k()
    }

    /// Whether the KZG parameters or the transaction circuit's keys were made for development.
    /// Their maker can forge proofs.
    pub fn is_unsafe_development(&self) -> bool {
        self.unsafe_development
    }

    /// Returns the clients' verifying key, a constant of the circuit.
    pub fn client_key(&self) -> &ClientKey {
        self.clients.key()
    }

    /// Returns the verifying key as the code of the contract that stores it on L1.
    pub fn vk_data(&self) -> &[u8] {
        &self.vk_data
    }

    /// Proves a batch from its witness and the proofs of its transactions in slot order.
    ///
    /// Checks every rule natively and verifies every client proof first, and verifies the finished
    /// proof last. Phases: `check`, `witness` (the columns that determine the column challenge),
    /// `commit`, `witness` again (all columns, with the challenge), `prove` followed by the
    /// engine's own steps, `verify`. `progress` may cancel between any two of them.
    ///
    /// A cancelled proof cannot be resumed. The generator that blinded the committed columns ties
    /// the steps together, and it stays in memory only: a second proof with the same blinding under
    /// another challenge would reveal the columns.
    ///
    /// # Errors
    /// See [`ProveError`].
    pub fn prove(
        &self,
        witness: &BatchWitness,
        proofs: &[ProofBytes],
        progress: &dyn Progress,
    ) -> Result<BatchProof, ProveError> {
        if witness.shape != self.shape {
            return Err(ProveError::Shape {
                expected: self.shape.slots(),
                found: witness.shape.slots(),
            });
        }
        begin(progress, "check", 0)?;
        let instances = witness.instances(&witness.challenge());
        check(witness, &instances).map_err(ProveError::Rule)?;
        let proofs = self.clients.proofs(witness, proofs)?;
        let statement = Statement {
            witness: witness.clone(),
            proofs,
        };
        let circuit = BatchCircuit::new(self.clients.key().clone(), Arc::new(statement));
        let misshapen =
            || ProveError::Backend("the circuit does not accept the statement".to_owned());

        begin(progress, "witness", 1)?;
        let recorded = circuit.record().ok_or_else(misshapen)?;
        let columns = recorded.committed();
        begin(progress, "commit", 2)?;
        let committed = self
            .keys
            .commit(columns, &instances.map(|word| to_halo2(&word)))?;
        begin(progress, "witness", 3)?;
        let columns = recorded
            .advice(committed.challenge())
            .ok_or_else(misshapen)?;
        drop(recorded);
        begin(progress, "prove", 4)?;
        let proof = self.keys.finish(committed, columns, progress)?;
        begin(progress, "verify", 5)?;
        self.verify(&instances, &proof)
            .map_err(|VerifyError| ProveError::SelfCheck)?;
        progress.phase("verify", PHASES, PHASES);
        Ok(BatchProof::with_instances(instances, proof))
    }

    /// Verifies a proof for the instances [old state, new state, c, z, y]. The bytes can be
    /// untrusted.
    ///
    /// # Errors
    /// [`VerifyError`] for anything but a valid proof.
    pub fn verify(&self, instances: &[Fr; 5], proof: &[u8]) -> Result<(), VerifyError> {
        let instances: [bn256::Fr; 5] = instances.map(|word| to_halo2(&word));
        if self.keys.verify(&instances, proof) {
            Ok(())
        } else {
            Err(VerifyError)
        }
    }
}

/// Number of phases of a batch proof.
const PHASES: u64 = 6;

/// Reports that phase `name` begins, unless the caller cancelled.
fn begin(progress: &dyn Progress, name: &str, done: u64) -> Result<(), ProveError> {
    if progress.cancelled() {
        return Err(ProveError::Cancelled);
    }
    progress.phase(name, done, PHASES);
    Ok(())
}
