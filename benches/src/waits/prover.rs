//! A prover that takes as long as the real one, and a verifier that accepts every proof.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use serde_json::{Value, json};
use subrosa_protocol::{batch::Shape, element::TransactionDigest, encoding::fr_to_bytes};
use subrosa_sequencer::ports::{
    BatchProver, Progress, ProofBytes, ProofJob, ProofVerifier, ProverError,
};

use super::{gas, time::PausedClock};

/// Measured time of a batch proof of each shape, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProofTimes([f64; Shape::ALL.len()]);

impl ProofTimes {
    /// Reads the measurements.
    pub(super) fn measured() -> anyhow::Result<Self> {
        let mut times = [0.0; Shape::ALL.len()];
        for (time, shape) in times.iter_mut().zip(Shape::ALL) {
            *time = gas::number(&gas::measured(shape)?["prove_s"])?;
        }
        Ok(Self(times))
    }

    fn of(self, shape: Shape) -> f64 {
        let mut times = Shape::ALL.into_iter().zip(self.0);
        let found = times.find(|(known, _)| *known == shape);
        found.map_or(0.0, |(_, time)| time)
    }

    /// Returns the times by slots.
    pub(super) fn json(self) -> Value {
        let times = Shape::ALL.into_iter().zip(self.0);
        Value::Object(
            times
                .map(|(shape, time)| (shape.slots().to_string(), json!(time)))
                .collect(),
        )
    }
}

/// Takes the time of a proof and makes none.
pub(super) struct SlowProver {
    clock: Arc<PausedClock>,
    times: ProofTimes,
    speed: f64,
    contents: Mutex<HashMap<u64, Vec<TransactionDigest>>>,
}

impl SlowProver {
    /// Makes a prover that is `speed` times as fast as the measured one.
    pub(super) fn new(clock: Arc<PausedClock>, times: ProofTimes, speed: f64) -> Arc<Self> {
        Arc::new(Self {
            clock,
            times,
            speed,
            contents: Mutex::default(),
        })
    }

    /// Returns the digests of the transactions of each batch, by index.
    pub(super) fn contents(&self) -> HashMap<u64, Vec<TransactionDigest>> {
        let contents = self.contents.lock();
        contents.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl BatchProver for SlowProver {
    fn shapes(&self) -> Vec<Shape> {
        Shape::ALL.to_vec()
    }

    fn prove(
        &self,
        job: Arc<ProofJob>,
        progress: Arc<dyn Progress>,
    ) -> BoxFuture<'_, Result<Vec<u8>, ProverError>> {
        Box::pin(async move {
            let active = job.witness.slots.iter().filter(|slot| slot.active);
            let digests = active.map(|slot| subrosa_protocol::transaction::digest(&slot.words));
            let digests = digests.collect();
            {
                let contents = self.contents.lock();
                let mut contents = contents.unwrap_or_else(PoisonError::into_inner);
                contents.insert(job.index, digests);
            }
            let time = self.times.of(job.witness.shape) / self.speed;
            self.clock.wait(Duration::from_secs_f64(time)).await;
            if progress.cancelled() {
                return Err(ProverError::Cancelled);
            }
            Ok(fr_to_bytes(&job.witness.data_commitment()).to_vec())
        })
    }
}

/// Accepts every client proof.
pub(super) struct AnyProof;

impl ProofVerifier for AnyProof {
    fn key_hash(&self) -> [u8; 32] {
        [7; 32]
    }

    fn is_unsafe_development(&self) -> bool {
        false
    }

    fn verify_batch(&self, items: &[(TransactionDigest, ProofBytes)]) -> Vec<bool> {
        vec![true; items.len()]
    }
}
