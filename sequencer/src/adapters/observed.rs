//! Wrappers around a batch prover: progress for an operator, and a record of proofs for a report.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};
use subrosa_protocol::batch::Shape;
use subrosa_prover::batch::BatchProof;

use crate::ports::{BatchProver, Progress, ProofJob, ProverError};

/// Shows the progress of each proof to an observer as well, for example a progress bar.
pub struct ObservedProver {
    prover: Arc<dyn BatchProver>,
    observe: Box<Observe>,
}

type Observe = dyn Fn(&ProofJob) -> Arc<dyn Progress> + Send + Sync;

impl ObservedProver {
    /// Wraps a prover. `observe` makes the observer of a job when the job begins. The observer is
    /// dropped when the proof ends, whatever the outcome. It may cancel the proof, as the caller
    /// may.
    pub fn new(
        prover: Arc<dyn BatchProver>,
        observe: impl Fn(&ProofJob) -> Arc<dyn Progress> + Send + Sync + 'static,
    ) -> Self {
        Self {
            prover,
            observe: Box::new(observe),
        }
    }
}

impl fmt::Debug for ObservedProver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObservedProver")
    }
}

impl BatchProver for ObservedProver {
    fn shapes(&self) -> Vec<Shape> {
        self.prover.shapes()
    }

    fn prove(
        &self,
        job: Arc<ProofJob>,
        progress: Arc<dyn Progress>,
    ) -> BoxFuture<'_, Result<Vec<u8>, ProverError>> {
        async move {
            let observer = (self.observe)(&job);
            let both = Arc::new(Pair(observer, progress));
            self.prover.prove(job, both).await
        }
        .boxed()
    }
}

/// Reports to two receivers; either may cancel.
struct Pair(Arc<dyn Progress>, Arc<dyn Progress>);

impl Progress for Pair {
    fn phase(&self, name: &str, done: u64, total: u64) {
        self.0.phase(name, done, total);
        self.1.phase(name, done, total);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled() || self.1.cancelled()
    }
}

/// Records how long each proof takes, and keeps the latest proof.
pub struct RecordingProver {
    prover: Arc<dyn BatchProver>,
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    times: Vec<ProofTime>,
    latest: Option<(Arc<ProofJob>, Vec<u8>)>,
}

/// Duration of one proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofTime {
    /// Index of the batch.
    pub index: u64,
    /// Shape of the batch.
    pub shape: Shape,
    /// Wall time from the submission of the job to its proof.
    pub elapsed: Duration,
}

/// The proof of the batch with the greatest index so far.
#[derive(Clone, Debug)]
pub struct LatestProof {
    /// Index of the batch.
    pub index: u64,
    /// Shape of the batch.
    pub shape: Shape,
    /// The proof with its public statement.
    pub proof: BatchProof,
}

impl RecordingProver {
    /// Wraps a prover.
    pub fn new(prover: Arc<dyn BatchProver>) -> Self {
        Self {
            prover,
            record: Mutex::default(),
        }
    }

    /// Returns the durations of the proofs made so far, in the order in which they finished.
    #[must_use]
    pub fn times(&self) -> Vec<ProofTime> {
        self.record().times.clone()
    }

    /// Returns the latest proof, if there is one.
    #[must_use]
    pub fn latest(&self) -> Option<LatestProof> {
        let (job, proof) = self.record().latest.clone()?;
        Some(LatestProof {
            index: job.index,
            shape: job.witness.shape,
            proof: BatchProof::new(&job.witness, proof),
        })
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Every change is complete before the lock is released, also if its holder panics.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, job: Arc<ProofJob>, proof: &[u8], elapsed: Duration) {
        let mut record = self.record();
        record.times.push(ProofTime {
            index: job.index,
            shape: job.witness.shape,
            elapsed,
        });
        // Proofs may finish out of order.
        let newest = record.latest.as_ref().map(|(latest, _)| latest.index);
        if newest.is_none_or(|newest| newest <= job.index) {
            record.latest = Some((job, proof.to_vec()));
        }
    }
}

impl fmt::Debug for RecordingProver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingProver")
            .field("proofs", &self.record().times.len())
            .finish_non_exhaustive()
    }
}

impl BatchProver for RecordingProver {
    fn shapes(&self) -> Vec<Shape> {
        self.prover.shapes()
    }

    fn prove(
        &self,
        job: Arc<ProofJob>,
        progress: Arc<dyn Progress>,
    ) -> BoxFuture<'_, Result<Vec<u8>, ProverError>> {
        async move {
            let started = Instant::now();
            let proof = self.prover.prove(job.clone(), progress).await?;
            self.note(job, &proof, started.elapsed());
            Ok(proof)
        }
        .boxed()
    }
}
