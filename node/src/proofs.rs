//! Provers with progress bars and records of their times, and the gas of a verification.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Instant,
};

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall as _;
use indicatif::MultiProgress;
use subrosa_l1::{Account, L1Error, Transport, contracts::BatchVerifier, transport::Outgoing};
use subrosa_protocol::{element::TransactionDigest, encoding::fr_to_bytes, proof::ProofBytes};
use subrosa_prover::{batch::BatchProof, progress::Progress};
use subrosa_sequencer::{
    adapters::ObservedProver,
    ports::{BatchProver, ProofJob},
};
use subrosa_transaction::{Witness, Words};
use subrosa_wallet::ports::TransactionProver;

use crate::progress::Phases;

/// Times of client proofs that are kept at most.
const KEPT_TIMES: usize = 4_096;

/// Shows a progress bar for each batch that `prover` works on.
#[must_use]
pub fn with_bars(prover: Arc<dyn BatchProver>, bars: &MultiProgress) -> Arc<dyn BatchProver> {
    let bars = bars.clone();
    Arc::new(ObservedProver::new(prover, move |job: &ProofJob| {
        let slots = job.witness.shape.slots();
        let what = format!("proving batch {} ({slots} slots)", job.index);
        Arc::new(Bar(Phases::new(&bars, what)))
    }))
}

/// A bar that goes when the proof ends.
struct Bar(Phases);

impl Progress for Bar {
    fn phase(&self, name: &str, done: u64, total: u64) {
        self.0.phase(name, done, total);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Makes client proofs one at a time, so that each has all cores, and records their times.
pub struct TimedProver<P> {
    prover: Arc<P>,
    /// Held while a proof is made.
    times: Mutex<Vec<f64>>,
}

impl<P> TimedProver<P> {
    /// Wraps a prover.
    #[must_use]
    pub fn new(prover: Arc<P>) -> Self {
        Self {
            prover,
            times: Mutex::default(),
        }
    }

    /// Returns the wrapped prover.
    #[must_use]
    pub fn inner(&self) -> &P {
        &self.prover
    }

    /// Whether a proof is being made now.
    #[must_use]
    pub fn is_proving(&self) -> bool {
        matches!(self.times.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Returns the wall time of each of the first proofs, in milliseconds.
    #[must_use]
    pub fn milliseconds(&self) -> Vec<f64> {
        self.turn().clone()
    }

    fn turn(&self) -> MutexGuard<'_, Vec<f64>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: TransactionProver> TransactionProver for TimedProver<P> {
    fn key_hash(&self) -> [u8; 32] {
        self.prover.key_hash()
    }

    fn prove(&self, words: &Words, witness: &Witness) -> Result<ProofBytes, String> {
        let mut turn = self.turn();
        let started = Instant::now();
        let proof = self.prover.prove(words, witness)?;
        if turn.len() < KEPT_TIMES {
            turn.push(started.elapsed().as_secs_f64() * 1e3);
        }
        Ok(proof)
    }

    fn verify(&self, digest: &TransactionDigest, proof: &ProofBytes) -> bool {
        self.prover.verify(digest, proof)
    }
}

/// Sends a batch proof straight to the verifier on L1 and returns the gas of its execution, and the
/// gas that the transaction pays for itself and its calldata.
///
/// # Errors
/// If the chain refuses the transaction.
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
    let outgoing = Outgoing::new("verify", Some(verifier), data, U256::ZERO);
    let mined = transport.send(account, outgoing).await?;
    Ok((mined.gas_used.saturating_sub(intrinsic), intrinsic))
}
