//! Batch proofs (spec: *Batch*): keys of one shape, proving, verification.

use ark_bn254::Fr;
use halo2curves::bn256;
use subrosa_batch::convert::to_halo2;
use subrosa_batch::{BatchCircuit, Rule, check};
use subrosa_protocol::batch::{BatchWitness, Shape};

use crate::plonk::PlonkKeys;
use crate::progress::ProgressSink;

/// Keys of the batch circuit of one shape.
#[derive(Debug)]
pub struct BatchKeys {
    shape: Shape,
    keys: PlonkKeys,
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

/// The proof does not hold for these instances under these keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the batch proof does not verify for these instances")]
pub struct VerifyError;

impl BatchKeys {
    /// Joins the parts that [`crate::setup::KeyStore`] loads.
    pub(crate) fn new(
        shape: Shape,
        keys: PlonkKeys,
        unsafe_development: bool,
    ) -> Result<Self, subrosa_verifier::KeyError> {
        let vk_data = subrosa_verifier::vk_data(keys.params(), keys.vk())?;
        Ok(Self {
            shape,
            keys,
            vk_data,
            unsafe_development,
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

    /// Whether the KZG parameters were made for development: whoever made them can forge proofs.
    pub fn is_unsafe_development(&self) -> bool {
        self.unsafe_development
    }

    /// The verifying key as the code of the contract that holds it on L1.
    pub fn vk_data(&self) -> &[u8] {
        &self.vk_data
    }

    /// Checks every rule natively, proves, and verifies the proof. Phases: `check`, `prove`,
    /// `verify`; the sink may cancel between them.
    ///
    /// # Errors
    /// See [`ProveError`].
    pub fn prove(
        &self,
        witness: &BatchWitness,
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
        let circuit = BatchCircuit {
            shape: self.shape,
            witness: Some(witness.clone()),
        };
        phase(sink, "prove", 1)?;
        let proof = self
            .keys
            .prove(circuit, &instances.map(|word| to_halo2(&word)))
            .map_err(|error| ProveError::Backend(format!("{error:?}")))?;
        phase(sink, "verify", 2)?;
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

const PHASES: u64 = 3;

fn phase(sink: &dyn ProgressSink, name: &str, done: u64) -> Result<(), ProveError> {
    if sink.cancelled() {
        return Err(ProveError::Cancelled);
    }
    sink.phase(name, done, PHASES);
    Ok(())
}
