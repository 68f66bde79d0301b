//! Batch proofs by a worker of the prover crate.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use subrosa_protocol::batch::Shape;
use subrosa_prover::batch::ProveError;
use subrosa_prover::groth16::ProofBytes as Groth16Bytes;
use subrosa_prover::job::{Job, ProofWorker};
use subrosa_prover::progress::ProgressSink;

use crate::ports::{BatchProver, Progress, ProofJob, ProverError};

/// Proves batches with a [`ProofWorker`], on threads of its own, so that a proof of minutes does not
/// hold up anybody else's work.
pub struct WorkerProver {
    worker: Arc<dyn ProofWorker>,
    shapes: Vec<Shape>,
    threads: rayon::ThreadPool,
}

impl WorkerProver {
    /// A port over a worker that has, or can make, the keys of these shapes. `threads`: none takes
    /// one per core.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn new(
        worker: Arc<dyn ProofWorker>,
        shapes: Vec<Shape>,
        threads: Option<NonZeroUsize>,
    ) -> std::io::Result<Self> {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.map_or(0, NonZeroUsize::get))
            .thread_name(|index| format!("prover-{index}"))
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            worker,
            shapes,
            threads,
        })
    }
}

impl From<ProveError> for ProverError {
    fn from(error: ProveError) -> Self {
        let reason = error.to_string();
        match error {
            ProveError::Cancelled => Self::Cancelled,
            ProveError::Shape { .. }
            | ProveError::Rule(_)
            | ProveError::ClientProofs { .. }
            | ProveError::ClientProof { .. } => Self::Refused { reason },
            ProveError::Backend(_)
            | ProveError::SelfCheck
            | ProveError::Keys(_)
            | ProveError::Panicked(_) => Self::Failed { reason },
        }
    }
}

struct Sink<'a>(&'a dyn Progress);

impl ProgressSink for Sink<'_> {
    fn phase(&self, name: &str, done: u64, total: u64) {
        self.0.phase(name, done, total);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl BatchProver for WorkerProver {
    fn shapes(&self) -> Vec<Shape> {
        self.shapes.clone()
    }

    fn prove(&self, job: &ProofJob, progress: &dyn Progress) -> Result<Vec<u8>, ProverError> {
        let job = Job {
            id: job.index,
            shape: job.witness.shape,
            witness: job.witness.clone(),
            proofs: job.proofs.iter().copied().map(Groth16Bytes::new).collect(),
        };
        let sink = Sink(progress);
        let failed = |reason: String| ProverError::Failed { reason };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            self.threads.install(|| self.worker.prove(&job, &sink))
        }));
        match outcome {
            Ok(Ok(proof)) if proof.new_state == job.witness.new.commitment() => Ok(proof.proof),
            Ok(Ok(_)) => Err(failed("the proof is of another state".into())),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(failed("the prover panicked".into())),
        }
    }
}
