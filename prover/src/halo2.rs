//! halo2 with KZG on BN254, SHPLONK and the Keccak transcript of the L1 verifier: keys, proofs and
//! verification for any circuit with one instance column.
//!
//! The last instance is the *column challenge* ζ. It is not an input: it is drawn from the
//! commitments to the first advice columns, and the other columns may depend on it. halo2 sees a
//! circuit of one phase, so a proof takes two steps. [`PlonkKeys::commit`] commits to the first
//! columns exactly as the proof will, including their blinding; [`PlonkKeys::finish`] makes the
//! proof.

mod file;
mod fingerprint;
#[cfg(feature = "cuda")]
pub(crate) mod gpu;

use std::sync::{Arc, OnceLock};

use halo2_proofs::plonk::{Circuit, Error, ProvingKey, VerifyingKey, keygen_pk2, verify_proof};
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{TranscriptReadBuffer, TranscriptWriterBuffer};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::rngs::OsRng;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use subrosa_plonk::{EngineError, KeyCosets, Progress, commit_columns, fill_blinding};
use subrosa_verifier_generator::encoding::point_bytes;
use subrosa_verifier_generator::transcript::{
    KeccakChallenge, KeccakRead, KeccakWrite, column_challenge, column_challenge_of_proof,
};

use crate::device::Device;

pub(crate) use file::Stored;
pub(crate) use fingerprint::fingerprint;

/// A proving key with its parameters.
#[derive(Debug)]
pub(crate) struct PlonkKeys {
    params: Arc<ParamsKZG<Bn256>>,
    pk: ProvingKey<G1Affine>,
    /// Number of the first advice columns, which determine ζ.
    committed: usize,
    device: Device,
    /// Cosets of the key's columns, computed by the first proof and kept for the next ones.
    cosets: OnceLock<KeyCosets>,
    /// Copy of the parameters for the GPU.
    #[cfg(feature = "cuda")]
    gpu: OnceLock<gpu::Params>,
}

/// Greatest size in bytes of cosets to keep between proofs.
const KEPT: usize = 4 << 30;

/// Why a proof could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProveError {
    /// The number of columns, or the length of one, differs from the circuit's.
    #[error(
        "{found} columns do not fit a circuit of {expected} columns, or one has a wrong length"
    )]
    Columns { expected: usize, found: usize },
    /// The first columns are not those that ζ was drawn from, or the prover blinded them in an
    /// unexpected order.
    #[error(
        "the proof does not begin with the commitments that the column challenge is drawn from"
    )]
    Commitments,
    /// The proving engine refused the inputs, or was cancelled.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The GPU failed, or is out of memory.
    #[cfg(feature = "cuda")]
    #[error("GPU: {0}")]
    Gpu(String),
}

/// The commitments to the first columns, and ζ. Serves one proof only: a second proof with the same
/// blinding would reveal the columns.
pub(crate) struct Committed {
    /// Generator for the proof, in its state before the first columns were blinded.
    rng: ChaCha20Rng,
    /// The instances; ζ is the last.
    instances: Vec<Fr>,
    commitments: Vec<G1Affine>,
    challenge: Fr,
}

impl Committed {
    /// Returns ζ.
    pub(crate) fn challenge(&self) -> Fr {
        self.challenge
    }
}

impl PlonkKeys {
    /// Makes the key of a circuit whose first `committed` advice columns determine ζ. The key
    /// depends only on the circuit and the parameters.
    pub(crate) fn generate<C>(
        params: Arc<ParamsKZG<Bn256>>,
        circuit: &C,
        committed: usize,
    ) -> Result<Self, Error>
    where
        C: Circuit<Fr>,
    {
        // The contract's key format requires a column for each selector.
        let pk = keygen_pk2(&*params, circuit, false)?;
        Ok(Self::new(params, pk, committed))
    }

    /// Joins the parts. The processor makes the proofs unless [`PlonkKeys::on`] changes that.
    fn new(params: Arc<ParamsKZG<Bn256>>, pk: ProvingKey<G1Affine>, committed: usize) -> Self {
        Self {
            params,
            pk,
            committed,
            device: Device::default(),
            cosets: OnceLock::new(),
            #[cfg(feature = "cuda")]
            gpu: OnceLock::new(),
        }
    }

    /// Returns the same keys, proving on this device.
    pub(crate) fn on(self, device: Device) -> Self {
        Self { device, ..self }
    }

    /// Returns the parameters.
    pub(crate) fn params(&self) -> &ParamsKZG<Bn256> {
        &self.params
    }

    /// Returns the verifying key.
    pub(crate) fn vk(&self) -> &VerifyingKey<G1Affine> {
        self.pk.get_vk()
    }

    /// Commits to the first columns and draws ζ. Overwrites the last cells of each column, which
    /// halo2 reserves for blinding.
    pub(crate) fn commit(
        &self,
        mut columns: Vec<Vec<Fr>>,
        instances: &[Fr],
    ) -> Result<Committed, ProveError> {
        self.fit(&columns, self.committed)?;
        let mut seed = [0; 32];
        OsRng.fill_bytes(&mut seed);
        let rng = ChaCha20Rng::from_seed(seed);
        // On either device, a proof first draws the blinding cells of all columns in order.
        fill_blinding(&mut rng.clone(), self.vk().cs(), &mut columns);
        let commitments = match self.device {
            Device::Cpu => {
                let columns: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
                commit_columns(&self.params, &columns)
            }
            #[cfg(feature = "cuda")]
            Device::Cuda => self.gpu()?.commit(columns)?,
        };
        let challenge = column_challenge(&self.vk().transcript_repr(), instances, &commitments);
        Ok(Committed {
            rng,
            instances: [instances, &[challenge]].concat(),
            commitments,
            challenge,
        })
    }

    /// Proves with all columns: the first as committed to, the others made for ζ. `progress` may
    /// cancel between the steps.
    pub(crate) fn finish(
        &self,
        committed: Committed,
        advice: Vec<Vec<Fr>>,
        progress: &dyn Progress,
    ) -> Result<Vec<u8>, ProveError> {
        self.fit(&advice, self.vk().cs().num_advice_columns())?;
        let mut transcript = KeccakWrite::<Vec<u8>>::init(Vec::new());
        let Committed {
            rng,
            instances,
            commitments,
            ..
        } = committed;
        match self.device {
            Device::Cpu => subrosa_plonk::prove(
                &self.params,
                &self.pk,
                self.cosets(),
                &instances,
                advice,
                rng,
                &mut transcript,
                progress,
            )?,
            #[cfg(feature = "cuda")]
            Device::Cuda => {
                self.gpu()?
                    .prove(&self.pk, &instances, advice, rng, &mut transcript, progress)?
            }
        }
        let proof = transcript.finalize();
        let head: Vec<u8> = commitments.iter().flat_map(point_bytes).collect();
        if proof.starts_with(&head) {
            Ok(proof)
        } else {
            Err(ProveError::Commitments)
        }
    }

    /// Whether the bytes are a proof for these instances, with no bytes after it.
    pub(crate) fn verify(&self, instances: &[Fr], proof: &[u8]) -> bool {
        let representation = self.vk().transcript_repr();
        let challenge =
            column_challenge_of_proof(&representation, instances, self.committed, proof);
        let Some(challenge) = challenge else {
            return false;
        };
        let instances = [instances, &[challenge]].concat();
        let mut transcript = KeccakRead::init(proof);
        let strategy = SingleStrategy::new(&*self.params);
        verify_proof::<
            KZGCommitmentScheme<Bn256>,
            VerifierSHPLONK<'_, Bn256>,
            KeccakChallenge,
            _,
            _,
        >(
            &*self.params,
            self.vk(),
            strategy,
            &[&[&instances]],
            &mut transcript,
        )
        .is_ok()
            && transcript.finish().is_ok()
    }

    /// Returns log₂ of the number of rows.
    pub(crate) fn k(&self) -> u32 {
        self.params.k()
    }

    /// Returns the key's cosets, computed once, if they are small enough to keep.
    fn cosets(&self) -> Option<&KeyCosets> {
        let keep = KeyCosets::bytes(&self.pk) <= KEPT;
        keep.then(|| self.cosets.get_or_init(|| KeyCosets::new(&self.pk)))
    }

    /// Returns the parameters for the GPU, copied once.
    #[cfg(feature = "cuda")]
    fn gpu(&self) -> Result<&gpu::Params, ProveError> {
        if let Some(params) = self.gpu.get() {
            return Ok(params);
        }
        let params = gpu::Params::new(&self.params)?;
        Ok(self.gpu.get_or_init(|| params))
    }

    fn rows(&self) -> usize {
        1 << self.k()
    }

    fn fit(&self, columns: &[Vec<Fr>], expected: usize) -> Result<(), ProveError> {
        let rows = self.rows();
        if columns.len() == expected && columns.iter().all(|column| column.len() == rows) {
            Ok(())
        } else {
            Err(ProveError::Columns {
                expected,
                found: columns.len(),
            })
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
