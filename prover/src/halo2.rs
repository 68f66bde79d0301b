//! halo2 with KZG on BN254, SHPLONK and the Keccak transcript that L1 follows: keys, proofs and
//! verification for any circuit with one instance column.
//!
//! The last instance is the *column challenge* ζ, which nobody supplies: it is drawn from the
//! commitments to the first advice columns, and the other columns may depend on it. To halo2 all columns
//! are of one phase, so a proof is made in two steps: [`PlonkKeys::commit`] to the first columns as they
//! will be committed to later, blinding included, then [`PlonkKeys::finish`].

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

/// A proving key with the parameters it was made under.
#[derive(Debug)]
pub(crate) struct PlonkKeys {
    params: Arc<ParamsKZG<Bn256>>,
    pk: ProvingKey<G1Affine>,
    /// Number of advice columns, the first ones, that ζ is drawn from.
    committed: usize,
    device: Device,
    /// What the first proof computed of the key alone, for the next ones.
    cosets: OnceLock<KeyCosets>,
    /// The parameters once more, for the GPU.
    #[cfg(feature = "cuda")]
    gpu: OnceLock<gpu::Params>,
}

/// Largest memory that is kept of a key between proofs.
const KEPT: usize = 4 << 30;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProveError {
    /// Not as many columns, or not as many cells in one, as the circuit has.
    #[error("{found} columns, or one of them, do not fit a circuit of {expected} columns")]
    Columns { expected: usize, found: usize },
    /// The first columns are not those that ζ was drawn from, or halo2 blinded them otherwise than
    /// foreseen.
    #[error(
        "the proof does not begin with the commitments that the column challenge is drawn from"
    )]
    Commitments,
    /// The proving engine refused, or was told to stop.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The GPU failed, or lacks memory.
    #[cfg(feature = "cuda")]
    #[error("GPU: {0}")]
    Gpu(String),
}

/// The first columns as committed to, and ζ. Serves one proof: a second one with the same blinding
/// would give the columns away.
pub(crate) struct Committed {
    /// The generator that halo2 is given, in the state in which it blinded the first columns.
    rng: ChaCha20Rng,
    /// With ζ as the last.
    instances: Vec<Fr>,
    commitments: Vec<G1Affine>,
    challenge: Fr,
}

impl Committed {
    /// ζ.
    pub(crate) fn challenge(&self) -> Fr {
        self.challenge
    }
}

impl PlonkKeys {
    /// Makes the key of a circuit whose first `committed` advice columns determine ζ. It depends on
    /// nothing but the circuit and the parameters.
    pub(crate) fn generate<C>(
        params: Arc<ParamsKZG<Bn256>>,
        circuit: &C,
        committed: usize,
    ) -> Result<Self, Error>
    where
        C: Circuit<Fr>,
    {
        // Selectors stay columns of their own, as the contract's key format has them.
        let pk = keygen_pk2(&*params, circuit, false)?;
        Ok(Self::new(params, pk, committed))
    }

    /// Joins the parts. Proofs are made on the processor unless [`PlonkKeys::on`] says otherwise.
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

    /// The same keys, proving with this engine.
    pub(crate) fn on(self, device: Device) -> Self {
        Self { device, ..self }
    }

    /// The parameters.
    pub(crate) fn params(&self) -> &ParamsKZG<Bn256> {
        &self.params
    }

    /// The verifying key.
    pub(crate) fn vk(&self) -> &VerifyingKey<G1Affine> {
        self.pk.get_vk()
    }

    /// Commits to the first columns and draws ζ. The last cells of a column, which halo2 keeps to
    /// blinding, are overwritten.
    pub(crate) fn commit(
        &self,
        mut columns: Vec<Vec<Fr>>,
        instances: &[Fr],
    ) -> Result<Committed, ProveError> {
        self.fit(&columns, self.committed)?;
        let mut seed = [0; 32];
        OsRng.fill_bytes(&mut seed);
        let rng = ChaCha20Rng::from_seed(seed);
        // Both engines draw the blinding cells of all columns in order before anything else.
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

    /// Proves with all columns, the first of them as committed to, the others made for ζ. The progress is asked between
    /// the steps whether to go on.
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

    /// Whether a proof holds for these instances, to the last byte.
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

    /// log₂ of the number of rows.
    pub(crate) fn k(&self) -> u32 {
        self.params.k()
    }

    /// The key's cosets, computed once, if they are small enough to keep.
    fn cosets(&self) -> Option<&KeyCosets> {
        let keep = KeyCosets::bytes(&self.pk) <= KEPT;
        keep.then(|| self.cosets.get_or_init(|| KeyCosets::new(&self.pk)))
    }

    /// The parameters for the GPU, copied once.
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
