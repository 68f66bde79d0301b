//! Batch proofs made in this process.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures::{FutureExt, future::BoxFuture};
use subrosa_protocol::batch::Shape;
use subrosa_prover::batch::{BatchKeys, BatchProof, ProveError};
use tokio::sync::{Mutex, oneshot};

use crate::ports::{BatchProver, Progress, ProofJob, ProverError};

/// Proves batches in this process, on threads of its own: a proof takes seconds to minutes and must
/// not delay other work.
///
/// A proof uses all threads and much memory, so jobs run one at a time, in the order in which they
/// were submitted. A job whose future is dropped stops at the end of its phase.
pub struct LocalProver {
    shapes: Vec<Shape>,
    prove: Arc<Prove>,
    threads: rayon::ThreadPool,
    /// Held by the job that runs.
    turn: Arc<Mutex<()>>,
}

type Prove = dyn Fn(&ProofJob, &dyn Progress) -> Result<BatchProof, ProverError> + Send + Sync;

impl LocalProver {
    /// Starts a prover with these keys. `threads`: one per core if absent.
    ///
    /// # Errors
    /// If the system provides no threads.
    pub fn new(
        keys: impl IntoIterator<Item = Arc<BatchKeys>>,
        threads: Option<NonZeroUsize>,
    ) -> std::io::Result<Self> {
        let keys: HashMap<Shape, Arc<BatchKeys>> =
            keys.into_iter().map(|keys| (keys.shape(), keys)).collect();
        let mut shapes: Vec<Shape> = keys.keys().copied().collect();
        shapes.sort_unstable();
        let prove = move |job: &ProofJob, progress: &dyn Progress| {
            let keys = keys
                .get(&job.witness.shape)
                .ok_or_else(|| failed("no keys for this shape are loaded"))?;
            Ok(keys.prove(&job.witness, &job.proofs, progress)?)
        };
        Self::with(shapes, Arc::new(prove), threads)
    }

    fn with(
        shapes: Vec<Shape>,
        prove: Arc<Prove>,
        threads: Option<NonZeroUsize>,
    ) -> std::io::Result<Self> {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.map_or(0, NonZeroUsize::get))
            .thread_name(|index| format!("prover-{index}"))
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            shapes,
            prove,
            threads,
            turn: Arc::default(),
        })
    }
}

impl fmt::Debug for LocalProver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalProver")
            .field("shapes", &self.shapes)
            .finish_non_exhaustive()
    }
}

impl BatchProver for LocalProver {
    fn shapes(&self) -> Vec<Shape> {
        self.shapes.clone()
    }

    fn prove(
        &self,
        job: Arc<ProofJob>,
        progress: Arc<dyn Progress>,
    ) -> BoxFuture<'_, Result<Vec<u8>, ProverError>> {
        async move {
            let turn = self.turn.clone().lock_owned().await;
            if progress.cancelled() {
                return Err(ProverError::Cancelled);
            }
            let (answer, result) = oneshot::channel();
            let prove = self.prove.clone();
            self.threads.spawn(move || {
                let attended = Attended { progress, answer };
                let work = || prove(&job, &attended).and_then(|proof| checked(&job, proof));
                let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
                    let message = panic_message(&*panic);
                    Err(failed(format!("the prover panicked: {message}")))
                });
                let Attended { progress, answer } = attended;
                // Release everything before the caller continues.
                drop((progress, job, turn));
                // A closed channel means that the caller no longer wants the result.
                let _ = answer.send(result);
            });
            result
                .await
                .unwrap_or_else(|_| Err(failed("the prover gave no answer")))
        }
        .boxed()
    }
}

/// Cancels a proof also when nobody waits for it any longer.
struct Attended {
    progress: Arc<dyn Progress>,
    answer: oneshot::Sender<Result<Vec<u8>, ProverError>>,
}

impl Progress for Attended {
    fn phase(&self, name: &str, done: u64, total: u64) {
        self.progress.phase(name, done, total);
    }

    fn cancelled(&self) -> bool {
        self.answer.is_closed() || self.progress.cancelled()
    }
}

/// Returns the proof's bytes if the proof leads to the state of the job.
fn checked(job: &ProofJob, proof: BatchProof) -> Result<Vec<u8>, ProverError> {
    if proof.new_state == job.witness.new.commitment() {
        Ok(proof.proof)
    } else {
        Err(failed("the proof is for another state"))
    }
}

fn failed(reason: impl Into<String>) -> ProverError {
    ProverError::Failed {
        reason: reason.into(),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
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
            ProveError::Backend(_) | ProveError::SelfCheck => Self::Failed { reason },
        }
    }
}

#[cfg(test)]
mod tests;
