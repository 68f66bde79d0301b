//! The prover as the sequencer's port, with progress bars and a record of what each proof took.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall as _;
use indicatif::MultiProgress;
use subrosa_l1::{Account, L1Error, Transport, contracts::BatchVerifier, transport::Outgoing};
use subrosa_protocol::{Fr, batch::Shape, encoding::fr_to_bytes};
use subrosa_prover::{
    batch::{BatchKeys, BatchProof},
    groth16::ProofBytes,
    progress::ProgressSink,
};
use subrosa_sequencer::ports::{BatchProver, Progress, ProofJob, ProverError};
use subrosa_transaction::{Witness, Words};
use subrosa_wallet::ports::TransactionProver;

use crate::progress::Phases;

/// A batch proof that was made, for the summary.
#[derive(Clone)]
pub struct Made {
    /// Shape of the batch.
    pub shape: Shape,
    /// Wall time.
    pub seconds: f64,
    /// The proof.
    pub proof: BatchProof,
}

/// Proves batches in this process.
pub struct ShownProver {
    keys: HashMap<Shape, Arc<BatchKeys>>,
    bars: MultiProgress,
    made: Mutex<Vec<Made>>,
}

impl ShownProver {
    pub fn new(keys: impl IntoIterator<Item = Arc<BatchKeys>>, bars: MultiProgress) -> Self {
        Self {
            keys: keys.into_iter().map(|keys| (keys.shape(), keys)).collect(),
            bars,
            made: Mutex::default(),
        }
    }

    /// The proofs made so far.
    pub fn made(&self) -> Vec<Made> {
        self.made
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

/// Tells both the bar and the sequencer.
struct Both<'a>(&'a Phases, &'a dyn Progress);

impl ProgressSink for Both<'_> {
    fn phase(&self, name: &str, done: u64, total: u64) {
        self.0.phase(name, done, total);
        self.1.phase(name, done, total);
    }

    fn cancelled(&self) -> bool {
        self.1.cancelled()
    }
}

impl BatchProver for ShownProver {
    fn shapes(&self) -> Vec<Shape> {
        self.keys.keys().copied().collect()
    }

    fn prove(&self, job: &ProofJob, progress: &dyn Progress) -> Result<Vec<u8>, ProverError> {
        let keys = self
            .keys
            .get(&job.witness.shape)
            .ok_or_else(|| ProverError::Failed {
                reason: "no keys for this shape".into(),
            })?;
        let slots = job.witness.shape.slots();
        let phases = Phases::new(
            &self.bars,
            format!("proving batch {} ({slots} slots)", job.index),
        );
        let started = Instant::now();
        let proofs: Vec<ProofBytes> = job.proofs.iter().copied().map(ProofBytes::new).collect();
        let result = keys.prove(&job.witness, &proofs, &Both(&phases, progress));
        phases.clear();
        match result {
            Ok(proof) => {
                let bytes = proof.proof.clone();
                let made = Made {
                    shape: job.witness.shape,
                    seconds: started.elapsed().as_secs_f64(),
                    proof,
                };
                self.made
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .push(made);
                Ok(bytes)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Records how long client proofs take. One is made at a time, so that each has all cores.
pub struct TimedProver<P> {
    prover: Arc<P>,
    turn: Mutex<Vec<f64>>,
}

impl<P> TimedProver<P> {
    pub fn new(prover: Arc<P>) -> Self {
        Self {
            prover,
            turn: Mutex::default(),
        }
    }

    /// Returns the prover that makes the proofs.
    #[must_use]
    pub fn inner(&self) -> &P {
        &self.prover
    }

    /// Returns the wall time of each proof so far, in milliseconds.
    #[must_use]
    pub fn milliseconds(&self) -> Vec<f64> {
        self.turn
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

impl<P: TransactionProver> TransactionProver for TimedProver<P> {
    fn prove(&self, words: &Words, witness: &Witness) -> Result<[u8; 128], String> {
        let mut turn = self
            .turn
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let started = Instant::now();
        let proof = self.prover.prove(words, witness)?;
        turn.push(started.elapsed().as_secs_f64() * 1e3);
        Ok(proof)
    }

    fn verify(&self, digest: &Fr, proof: &[u8; 128]) -> bool {
        self.prover.verify(digest, proof)
    }
}

/// Gas of verifying a proof, measured by a transaction straight to the verifier: its execution, and what the
/// transaction pays for itself and its calldata.
pub async fn verification_gas(
    transport: &dyn Transport,
    account: &Account,
    verifier: Address,
    key: Address,
    proof: &BatchProof,
) -> Result<(u64, u64), L1Error> {
    let data: Bytes = BatchVerifier::verifyCall {
        vkData: key,
        instances: proof
            .instances
            .map(|word| U256::from_be_bytes(fr_to_bytes(&word))),
        proof: proof.proof.clone().into(),
    }
    .abi_encode()
    .into();
    let calldata: u64 = data
        .iter()
        .map(|byte| if *byte == 0 { 4 } else { 16 })
        .sum();
    let intrinsic = 21_000 + calldata;
    let outgoing = Outgoing {
        operation: "verify",
        to: Some(verifier),
        data,
        value: U256::ZERO,
    };
    let mined = transport.send(account, outgoing).await?;
    Ok((mined.gas_used.saturating_sub(intrinsic), intrinsic))
}
