//! Batch proofs (spec: *Batch*): keys of one shape, proving, verification.

use std::sync::Arc;

use ark_bn254::Fr;
use halo2curves::bn256;
use subrosa_batch::convert::to_halo2;
use subrosa_batch::{BatchCircuit, COMMITTED, ClientKey, Rule, Statement, check};
use subrosa_protocol::batch::{BatchWitness, Shape};

use crate::clients::Clients;
use crate::groth16::{self, ProofBytes};
use crate::halo2::{self, PlonkKeys};
use crate::progress::ProgressSink;

/// Keys of the batch circuit of one shape.
#[derive(Debug)]
pub struct BatchKeys {
    shape: Shape,
    keys: PlonkKeys,
    clients: Clients,
    vk_data: Vec<u8>,
    unsafe_development: bool,
}

/// A proof that a batch moves the state by the rules, with what it says publicly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchProof {
    /// The proof as L1 takes it.
    pub proof: Vec<u8>,
    /// c, the commitment to the data words.
    pub commitment: Fr,
    /// The state commitment after the batch.
    pub new_state: Fr,
    /// Old state, new state, c, z, y.
    pub instances: [Fr; 5],
}

/// Why there is no proof. All but [`ProveError::Cancelled`] are final: the same job fails again.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The witness has another shape than the keys.
    #[error("a batch of {found} slots for keys of {expected}")]
    Shape {
        /// Slots of the keys.
        expected: usize,
        /// Slots of the witness.
        found: usize,
    },
    /// The witness breaks a rule of the batch.
    #[error("the batch violates rule {0}")]
    Rule(Rule),
    /// Not one proof for each transaction of the batch.
    #[error("{found} client proofs for {expected} transactions")]
    ClientProofs {
        /// Transactions of the batch.
        expected: usize,
        /// Proofs given.
        found: usize,
    },
    /// A client's proof does not decode, or does not hold for the transaction in its slot.
    #[error("the client proof of slot {slot}: {error}")]
    ClientProof {
        /// The slot, from 0.
        slot: usize,
        /// What is wrong with the proof.
        error: groth16::VerifyError,
    },
    /// halo2 refused the witness.
    #[error("proving failed: {0}")]
    Backend(String),
    /// The finished proof does not verify: native check and circuit disagree. Never handed out.
    #[error("the finished proof does not verify under its own key")]
    SelfCheck,
    /// The keys could not be had.
    #[error("keys: {0}")]
    Keys(String),
    /// The prover panicked, which is a defect.
    #[error("the prover failed: {0}")]
    Panicked(String),
    /// The sink cancelled.
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

/// The proof does not hold for these instances under these keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the batch proof does not verify for these instances")]
pub struct VerifyError;

impl BatchKeys {
    /// Joins the parts that [`crate::setup::KeyStore`] loads. `unsafe_development` is of the KZG
    /// parameters.
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

    /// The shape these keys are for.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// log₂ of the circuit's rows.
    pub fn k(&self) -> u32 {
        self.keys.k()
    }

    /// Whether the KZG parameters or the transaction circuit's keys were made for development: whoever
    /// made them can forge proofs.
    pub fn is_unsafe_development(&self) -> bool {
        self.unsafe_development
    }

    /// The clients' verifying key, a constant of the circuit.
    pub fn client_key(&self) -> &ClientKey {
        self.clients.key()
    }

    /// The verifying key as the code of the contract that holds it on L1.
    pub fn vk_data(&self) -> &[u8] {
        &self.vk_data
    }

    /// Proves a batch from its witness and the proofs of its transactions, one for each in slot order.
    ///
    /// Every rule is checked natively and every client proof is verified first; the finished proof is
    /// verified last. Phases: `check`, `witness` (the columns that the column challenge is drawn from),
    /// `commit`, `witness` again (all columns, with the challenge), `prove` with the engine's own steps, `verify`; the
    /// sink may cancel between any two.
    ///
    /// # Errors
    /// See [`ProveError`].
    pub fn prove(
        &self,
        witness: &BatchWitness,
        proofs: &[ProofBytes],
        sink: &dyn ProgressSink,
    ) -> Result<BatchProof, ProveError> {
        if witness.shape != self.shape {
            return Err(ProveError::Shape {
                expected: self.shape.slots(),
                found: witness.shape.slots(),
            });
        }
        phase(sink, "check", 0)?;
        let instances = witness.instances(&witness.challenge());
        check(witness, &instances).map_err(ProveError::Rule)?;
        let proofs = self.clients.proofs(witness, proofs)?;
        let statement = Statement {
            witness: witness.clone(),
            proofs,
        };
        let circuit = BatchCircuit::new(self.clients.key().clone(), Arc::new(statement));
        let misshapen =
            || ProveError::Backend("the circuit does not take the statement".to_owned());

        phase(sink, "witness", 1)?;
        let recorded = circuit.record().ok_or_else(misshapen)?;
        let columns = recorded.committed();
        phase(sink, "commit", 2)?;
        let committed = self
            .keys
            .commit(columns, &instances.map(|word| to_halo2(&word)))?;
        phase(sink, "witness", 3)?;
        let columns = recorded
            .advice(committed.challenge())
            .ok_or_else(misshapen)?;
        drop(recorded);
        phase(sink, "prove", 4)?;
        let proof = self.keys.finish(committed, columns, &Steps(sink))?;
        phase(sink, "verify", 5)?;
        self.verify(&instances, &proof)
            .map_err(|VerifyError| ProveError::SelfCheck)?;
        sink.phase("verify", PHASES, PHASES);
        Ok(BatchProof {
            proof,
            commitment: instances[2],
            new_state: instances[1],
            instances,
        })
    }

    /// Verifies a proof for [old state, new state, c, z, y].
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

const PHASES: u64 = 6;

/// Hands the engine's steps on to a sink, which can stop the proof between any two.
struct Steps<'s>(&'s dyn ProgressSink);

impl subrosa_plonk::Observer for Steps<'_> {
    fn phase(&self, name: &'static str, done: u64, total: u64) {
        self.0.phase(name, done, total);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

fn phase(sink: &dyn ProgressSink, name: &str, done: u64) -> Result<(), ProveError> {
    if sink.cancelled() {
        return Err(ProveError::Cancelled);
    }
    sink.phase(name, done, PHASES);
    Ok(())
}
