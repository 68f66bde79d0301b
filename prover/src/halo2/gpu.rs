//! Proofs on an NVIDIA GPU by halo2-axiom-gpu. It uses the keys and transcripts of halo2-axiom, and
//! parameters of the same file format.
//!
//! The two steps of a proof rely on the order in which blinding is drawn. In halo2-axiom-gpu 1.0.1:
//!
//! - `create_proof_from_advice` draws nothing: it hashes the key and passes the generator on.
//! - `convert_raw_advice` uses the generator first. It draws `Fr::random` for the last
//!   `blinding_factors() + 1` cells of each advice column, column after column, as
//!   [`subrosa_plonk::fill_blinding`] does.
//! - The commitments to advice draw nothing (`Blind::default()`), and are written in the order of
//!   the columns.
//! - Permutation, lookups and the vanishing argument draw after the advice commitments, which do
//!   not depend on them.
//!
//! Instances are hashed before the first point (`QUERY_INSTANCE` is false for KZG), as on the
//! processor. If any of this changed, [`super::PlonkKeys::finish`] would refuse the proof, because
//! it compares the first points.
//!
//! The crate panics when a device fails. Here such a panic becomes an error.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use halo2_axiom_gpu::cuda::utils::HALO2_GPU_CTX;
use halo2_axiom_gpu::plonk::create_proof_from_advice;
use halo2_axiom_gpu::poly::commitment::{Blind, Params as _};
use halo2_axiom_gpu::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_axiom_gpu::poly::kzg::multiopen::ProverSHPLONK;
use halo2_proofs::SerdeFormat;
use halo2_proofs::plonk::ProvingKey;
use halo2_proofs::poly::kzg::commitment::ParamsKZG as HostParams;
use halo2_proofs::poly::{LagrangeCoeff, Polynomial};
use halo2curves::bn256::{Bn256, Fr, G1, G1Affine};
use halo2curves::group::Curve;
use openvm_cuda_common::copy::MemCopyH2D;
use rand_chacha::ChaCha20Rng;
use subrosa_plonk::{EngineError, Progress};
use subrosa_verifier_generator::transcript::{KeccakChallenge, KeccakWrite};

use super::ProveError;

/// Selects the device for proofs. Returns its number, or the reason why no device is available.
pub(crate) fn device() -> Result<i32, String> {
    openvm_cuda_common::common::set_device().map_err(|error| error.to_string())
}

/// KZG parameters for the GPU. The first proof copies them to the device, where they stay.
pub(super) struct Params(ParamsKZG<Bn256>);

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Params({})", self.0.k())
    }
}

impl Params {
    /// Converts parameters.
    pub(super) fn new(params: &HostParams<Bn256>) -> Result<Self, ProveError> {
        let failed = |error: std::io::Error| ProveError::Gpu(error.to_string());
        let format = SerdeFormat::RawBytesUnchecked;
        let mut bytes = Vec::new();
        params.write_custom(&mut bytes, format).map_err(failed)?;
        ParamsKZG::read_custom(&mut bytes.as_slice(), format)
            .map(Self)
            .map_err(failed)
    }

    /// Commits to columns of values, which include their blinding.
    pub(super) fn commit(&self, columns: Vec<Vec<Fr>>) -> Result<Vec<G1Affine>, ProveError> {
        guarded(|| {
            let commitments: Vec<G1> = columns
                .into_iter()
                .map(|column| {
                    let column = Polynomial::<Fr, LagrangeCoeff>::new(column);
                    self.0.commit_lagrange(&column, Blind::default())
                })
                .collect();
            let mut points = vec![G1Affine::default(); commitments.len()];
            G1::batch_normalize(&commitments, &mut points);
            Ok(points)
        })
    }

    /// Proves with all columns. `progress` can cancel only before the proof begins, because the
    /// crate does not report steps.
    pub(super) fn prove(
        &self,
        pk: &ProvingKey<G1Affine>,
        instances: &[Fr],
        advice: Vec<Vec<Fr>>,
        rng: ChaCha20Rng,
        transcript: &mut KeccakWrite<Vec<u8>>,
        progress: &dyn Progress,
    ) -> Result<(), ProveError> {
        if progress.cancelled() {
            return Err(EngineError::Cancelled.into());
        }
        progress.phase("gpu", 0, 1);
        guarded(|| {
            let columns = advice
                .iter()
                .map(|column| column.as_slice().to_device_on(&HALO2_GPU_CTX))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| ProveError::Gpu(error.to_string()))?;
            // The copies are asynchronous and read `advice`: wait before dropping it.
            HALO2_GPU_CTX
                .stream
                .synchronize()
                .map_err(|error| ProveError::Gpu(error.to_string()))?;
            drop(advice);
            create_proof_from_advice::<
                KZGCommitmentScheme<Bn256>,
                ProverSHPLONK<'_, Bn256>,
                KeccakChallenge,
                _,
                _,
            >(&self.0, pk, &[instances], columns, rng, transcript)
            .map_err(|error| ProveError::Gpu(error.to_string()))
        })?;
        progress.phase("gpu", 1, 1);
        Ok(())
    }
}

/// Runs work that may panic when the device fails.
fn guarded<T>(work: impl FnOnce() -> Result<T, ProveError>) -> Result<T, ProveError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|message| (*message).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Err(ProveError::Gpu(
            message.unwrap_or_else(|| "a panic without a message".to_owned()),
        ))
    })
}
