//! The real prover and the real chain behind the sequencer's ports.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use subrosa_l1::{L1, L1Error, OracleChange as LoggedChange, Settlement};
use subrosa_protocol::Fr;
use subrosa_protocol::asset::AssetInfo;
use subrosa_protocol::batch::Shape;
use subrosa_prover::batch::ProveError;
use subrosa_prover::groth16::{ProofBytes as Groth16Bytes, TransactionVerifier};
use subrosa_prover::job::{Job, ProofWorker};
use subrosa_prover::progress::ProgressSink;

use crate::ports::{
    BatchProver, Head, OracleChange, OracleEvent, OracleLog, Progress, ProofBytes, ProofJob,
    ProofVerifier, ProvenBatch, ProverError, QueuedDeposit, RollupView, SettledBatch,
    SettlementError, SettlementLayer, SettlementReceipt,
};

/// Verifies client proofs with Groth16.
#[derive(Clone)]
pub struct Groth16Verifier(TransactionVerifier);

impl Groth16Verifier {
    /// A port over the transaction circuit's verifying key.
    #[must_use]
    pub fn new(verifier: TransactionVerifier) -> Self {
        Self(verifier)
    }
}

impl ProofVerifier for Groth16Verifier {
    fn key_hash(&self) -> [u8; 32] {
        self.0.vk_hash()
    }

    fn is_unsafe_development(&self) -> bool {
        self.0.is_unsafe_development()
    }

    fn verify_batch(&self, items: &[(Fr, ProofBytes)]) -> Vec<bool> {
        let proofs: Vec<_> = items
            .iter()
            .map(|(digest, proof)| (*digest, Groth16Bytes::new(*proof)))
            .collect();
        let results = self.0.verify_batch(&proofs);
        results.iter().map(Result::is_ok).collect()
    }
}

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

/// The settlement layer over an L1 client. `settle` is signed by the client's operator account.
#[derive(Clone)]
pub struct L1Settlement(Arc<dyn L1>);

impl L1Settlement {
    /// A port over this client.
    #[must_use]
    pub fn new(l1: Arc<dyn L1>) -> Self {
        Self(l1)
    }
}

impl fmt::Debug for L1Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("L1Settlement")
    }
}

impl From<L1Error> for SettlementError {
    fn from(error: L1Error) -> Self {
        match error {
            L1Error::Rejected { reason, .. } => Self::Rejected { reason },
            L1Error::Unavailable(reason) => Self::Unavailable { reason },
            L1Error::Protocol(reason) => Self::Invalid { reason },
        }
    }
}

impl From<subrosa_l1::Head> for Head {
    fn from(head: subrosa_l1::Head) -> Self {
        Self {
            number: head.number,
            timestamp: head.timestamp,
        }
    }
}

impl From<LoggedChange> for OracleChange {
    fn from(change: LoggedChange) -> Self {
        match change {
            LoggedChange::Market { id, word } => Self::Market { id, word },
            LoggedChange::Snapshot {
                digest,
                time,
                market_root,
                prices,
            } => Self::Snapshot {
                digest,
                time,
                market_root,
                prices,
            },
        }
    }
}

impl SettlementLayer for L1Settlement {
    fn chain_id(&self) -> BoxFuture<'_, Result<u64, SettlementError>> {
        async move { Ok(self.0.chain_id().await?) }.boxed()
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, SettlementError>> {
        async move { Ok(self.0.head().await?.into()) }.boxed()
    }

    fn rollup(&self) -> BoxFuture<'_, Result<RollupView, SettlementError>> {
        async move {
            let view = self.0.rollup().await?;
            Ok(RollupView {
                state: view.state,
                batch_index: view.batch_index,
                deposit_count: view.deposit_count,
                queued_deposits: view.queued_deposits,
                assets_root: view.assets_root,
                context: view.context,
                fee_asset: view.fee_asset,
                last_time: view.last_time,
                shapes: view.shapes,
            })
        }
        .boxed()
    }

    fn deposits(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<QueuedDeposit>, SettlementError>> {
        async move {
            let deposits = self.0.deposits(from, limit).await?;
            Ok(deposits
                .into_iter()
                .map(|queued| QueuedDeposit {
                    index: queued.index,
                    deposit: queued.deposit,
                })
                .collect())
        }
        .boxed()
    }

    fn assets(&self) -> BoxFuture<'_, Result<Vec<AssetInfo>, SettlementError>> {
        async move { Ok(self.0.assets().await?) }.boxed()
    }

    fn oracle_log(&self, from: u64) -> BoxFuture<'_, Result<OracleLog, SettlementError>> {
        async move {
            let log = self.0.oracle_log(from).await?;
            let events = log.events.into_iter().map(|event| OracleEvent {
                block: event.block,
                change: event.change.into(),
            });
            Ok(OracleLog {
                head: log.head.into(),
                events: events.collect(),
            })
        }
        .boxed()
    }

    fn snapshot_time<'a>(
        &'a self,
        digest: &'a Fr,
    ) -> BoxFuture<'a, Result<Option<u64>, SettlementError>> {
        async move { Ok(self.0.snapshot_time(digest).await?) }.boxed()
    }

    fn settle<'a>(
        &'a self,
        batch: &'a ProvenBatch,
    ) -> BoxFuture<'a, Result<SettlementReceipt, SettlementError>> {
        async move {
            let settlement = Settlement {
                published: batch.published.clone(),
                old_state: batch.old_state,
                new_state: batch.new_state,
                commitment: batch.commitment,
                proof: batch.proof.clone(),
            };
            let receipt = self.0.settle(&settlement).await?;
            Ok(SettlementReceipt {
                tx: receipt.tx,
                block: receipt.block,
                gas_used: receipt.gas_used,
                calldata_bytes: receipt.calldata_bytes,
            })
        }
        .boxed()
    }

    fn settled_batch(
        &self,
        index: u64,
    ) -> BoxFuture<'_, Result<Option<SettledBatch>, SettlementError>> {
        async move {
            let settled = self.0.settled_batch(index).await?;
            Ok(settled.map(|batch| SettledBatch {
                new_state: batch.new_state,
                tx: batch.tx,
            }))
        }
        .boxed()
    }
}
