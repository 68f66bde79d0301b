//! Proving: the sealed batches in order, one at a time. A job consists of the stored witness and
//! the proofs in the stored submissions of its batch.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use futures::FutureExt;
use subrosa_protocol::{batch::BatchWitness, transaction::Submission};
use tokio_util::sync::CancellationToken;

use super::{Backoff, blocking};
use crate::{
    event::BatchEventKind,
    health::Halt,
    node::Node,
    ports::{Progress, ProofJob, ProverError},
    store::{
        StoreError,
        tables::{Bytes, Jobs, Proofs, Stage, Stages, Submissions},
    },
    telemetry,
};

/// Proves until cancelled or halted.
pub(crate) async fn run(node: Arc<Node>) {
    let mut backoff = Backoff::new(&node);
    let mut attempts = 0;
    let mut last = 0;
    loop {
        if node.cancel.is_cancelled() || node.health.is_halted() {
            return;
        }
        let gate = node.prove_gate.lock().await;
        let cursor = *node.cursor();
        if cursor.prove >= cursor.seal {
            drop(gate);
            tokio::select! {
                () = node.cancel.cancelled() => return,
                () = node.wake_prove.notified() => {}
            }
            continue;
        }
        let index = cursor.prove;
        if index != last {
            last = index;
            attempts = 0;
            backoff.reset();
        }
        let token = node.begin_proof();
        match prove(&node, index, token).await {
            Ok(()) => {
                node.cursor().prove = index + 1;
                node.emit(index, BatchEventKind::Proven);
                node.wake_settle.notify_one();
            }
            // Shutdown, or the batch was dropped. The loop tells which.
            Err(Failed::Cancelled) => {}
            Err(Failed::Store(detail)) => node.health.halt(Halt::Store { detail }),
            Err(Failed::Refused(reason)) => node.health.halt(Halt::Prover {
                batch: index,
                reason,
            }),
            Err(Failed::Prover(reason)) => {
                attempts += 1;
                tracing::error!(batch = index, attempts, reason, "proving failed");
                if attempts >= node.config.settle.prove_attempts {
                    node.health.halt(Halt::Prover {
                        batch: index,
                        reason,
                    });
                } else {
                    drop(gate);
                    backoff.pause(&node).await;
                }
            }
            Err(Failed::Halt(halt)) => node.health.halt(halt),
        }
    }
}

enum Failed {
    Cancelled,
    Store(String),
    /// The prover refuses the job, and would again.
    Refused(String),
    /// The prover failed. Another attempt may succeed.
    Prover(String),
    /// A task panicked.
    Halt(Halt),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<ProverError> for Failed {
    fn from(error: ProverError) -> Self {
        match error {
            ProverError::Cancelled => Self::Cancelled,
            ProverError::Refused { reason } => Self::Refused(reason),
            ProverError::Failed { reason } => Self::Prover(reason),
        }
    }
}

/// Name of this stage's work in [`Halt::Task`].
const TASK: &str = "prove";

/// Reports a proof's progress to metrics and log, and cancels it by a token.
struct Proving(CancellationToken);

impl Progress for Proving {
    fn phase(&self, name: &str, done: u64, total: u64) {
        telemetry::proving(done, total);
        tracing::debug!(phase = name, done, total, "proving");
    }

    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Reads the job of a sealed batch from the store.
fn job(node: &Node, index: u64) -> Result<ProofJob, Failed> {
    let broken = |what: &str| Failed::Store(format!("batch {index}: {what}"));
    let bytes = node
        .store
        .get::<Jobs>(&index)?
        .ok_or_else(|| broken("its witness is missing"))?;
    let witness = BatchWitness::from_bytes(&bytes.0).map_err(|error| broken(&error.to_string()))?;
    let submissions = node
        .store
        .get::<Submissions>(&index)?
        .ok_or_else(|| broken("its submissions are missing"))?;
    let proofs = submissions
        .0
        .iter()
        .map(|(_, bytes)| Submission::from_bytes(bytes).map(|submission| submission.proof))
        .collect::<Result<_, _>>()
        .map_err(|error| broken(&error.to_string()))?;
    Ok(ProofJob {
        index,
        witness,
        proofs,
    })
}

/// Proves a batch and stores the proof.
async fn prove(node: &Arc<Node>, index: u64, token: CancellationToken) -> Result<(), Failed> {
    let started = Instant::now();
    let job = work(node, move |node| job(node, index)).await?;
    let proving = Arc::new(Proving(token.clone()));
    let proof = node.ports.prover.prove(Arc::new(job), proving);
    let proof = AssertUnwindSafe(proof)
        .catch_unwind()
        .await
        .map_err(|_| Failed::Halt(Halt::Task { task: TASK.into() }))??;
    if token.is_cancelled() && !node.cancel.is_cancelled() {
        // The batch is being dropped. Its proof must not be stored for the batch that replaces it.
        return Err(Failed::Cancelled);
    }
    work(node, move |node| store(node, index, proof)).await?;
    telemetry::stage("proven", started);
    tracing::info!(
        batch = index,
        ms = started.elapsed().as_millis() as u64,
        "proven"
    );
    Ok(())
}

/// Stores a proof.
fn store(node: &Node, index: u64, proof: Vec<u8>) -> Result<(), Failed> {
    let mut changes = node.store.change();
    changes.put::<Proofs>(&index, &Bytes(proof))?;
    changes.put::<Stages>(&index, &Stage::Proven)?;
    changes.commit()?;
    Ok(())
}

/// Runs blocking work on a thread of its own.
async fn work<T: Send + 'static>(
    node: &Arc<Node>,
    work: impl FnOnce(&Node) -> Result<T, Failed> + Send + 'static,
) -> Result<T, Failed> {
    blocking(node, TASK, move |node| Ok(work(node)))
        .await
        .map_err(Failed::Halt)?
}
