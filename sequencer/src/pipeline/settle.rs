//! Settling: proven batches in order. Before each attempt the chain's own state decides what is due,
//! so that a batch that settled just before a crash is recorded and not sent again, and one that a
//! reorganisation took away is sent again.

use std::sync::Arc;
use std::time::Instant;

use subrosa_protocol::Fr;
use subrosa_protocol::batch::PublishedBatch;

use super::rewind::rewind;
use super::watch::follow;
use super::{Backoff, CHAIN, Failure, blocking, chain_time, reading};
use crate::node::{BatchEventKind, Node};
use crate::health::Halt;
use crate::ports::{ProvenBatch, RollupView, SettlementError};
use crate::store::StoreError;
use crate::store::tables::{BatchRecord, Batches, Jobs, Proofs, Stage, Stages, Submissions};
use crate::telemetry;
use crate::wire::{fr_hex, word};

/// Health entry for a batch that the contract does not take yet.
const EARLY: &str = "settlement_time";

/// Attempts with a batch whose time the chain has not reached before the pipeline halts.
const EARLY_ATTEMPTS: u32 = 20;

/// What the next step is.
enum Step {
    /// Nothing is due.
    Idle,
    /// Something was done; look again at once.
    Again,
    /// The contract refused only because its clock is behind.
    Early(String),
}

/// Settles until cancelled or halted.
pub(crate) async fn run(node: Arc<Node>) {
    let mut backoff = Backoff::new(&node);
    let mut rewinds = 0;
    let mut early = 0;
    loop {
        if node.cancel.is_cancelled() || node.health.is_halted() {
            return;
        }
        match step(&node, &mut rewinds).await {
            Ok(Step::Again) => {
                backoff.reset();
                early = 0;
                node.health.restore(EARLY);
            }
            Ok(Step::Idle) => {
                backoff.reset();
                tokio::select! {
                    () = node.cancel.cancelled() => return,
                    () = node.wake_settle.notified() => {}
                }
            }
            Ok(Step::Early(reason)) => {
                early += 1;
                if early >= EARLY_ATTEMPTS {
                    let batch = node.cursor().settle;
                    node
                        .health
                        .halt(Halt::SettlementRejected { batch, reason });
                } else {
                    node.health.degrade(EARLY, reason);
                    backoff.pause(&node).await;
                }
            }
            Err(Failure::Transient(reason)) => {
                node.health.degrade(CHAIN, reason);
                backoff.pause(&node).await;
            }
            Err(Failure::Final(halt)) => node.health.halt(halt),
        }
    }
}

async fn step(node: &Arc<Node>, rewinds: &mut u32) -> Result<Step, Failure> {
    let cursor = *node.cursor();
    let index = cursor.settle;
    let view = node
        .ports
        .settlement
        .rollup()
        .await
        .map_err(|error| reading(error, index))?;
    if view.batch_index > index {
        if index >= cursor.seal {
            return Err(Failure::Final(Halt::Diverged {
                batch: index,
                detail: "the chain has settled a batch that was not sealed here".into(),
            }));
        }
        settled_already(node, index).await?;
        *rewinds = 0;
        return Ok(Step::Again);
    }
    if view.batch_index < index {
        tracing::warn!(
            chain = view.batch_index,
            here = index,
            "the chain went back; settling again"
        );
        let from = view.batch_index;
        blocking(node, "settle", move |node| {
            unsettle(node, from, index)
        })
        .await
        .map_err(Failure::Final)?;
        return Ok(Step::Again);
    }
    if index >= cursor.seal {
        return Ok(Step::Idle);
    }
    let record = record(node, index).await?;
    if view.state != record.old.commitment() {
        return Err(Failure::Final(Halt::Diverged {
            batch: index,
            detail: "the chain's state is not the one the batch starts from".into(),
        }));
    }
    if let Some(why) = stale(node, &view, &record).await? {
        *rewinds += 1;
        if *rewinds > node.config.settle.max_rewinds {
            return Err(Failure::Final(Halt::Rewinds { times: *rewinds }));
        }
        tracing::warn!(batch = index, why, "dropping unsettled batches");
        rewind(node, index).await.map_err(Failure::Final)?;
        return Ok(Step::Again);
    }
    if index >= cursor.prove {
        return Ok(Step::Idle);
    }
    settle(node, index, record, rewinds).await
}

async fn record(node: &Arc<Node>, index: u64) -> Result<BatchRecord, Failure> {
    blocking(node, "settle", move |node| {
        let record = node.store.get::<Batches>(&index);
        record
            .map_err(|error| error.to_string())
            .and_then(|record| record.ok_or_else(|| format!("batch {index} is missing")))
            .map_err(|detail| Halt::Store { detail })
    })
    .await
    .map_err(Failure::Final)
}

/// Why the contract would no longer take the batch, although nothing is wrong with it.
async fn stale(
    node: &Node,
    view: &RollupView,
    record: &BatchRecord,
) -> Result<Option<&'static str>, Failure> {
    if view.assets_root != record.assets_root {
        return Ok(Some("the assets root has changed"));
    }
    if lost_snapshot(node, record).await? {
        return Ok(Some("the chain has taken its price snapshot back"));
    }
    let head = node
        .ports
        .settlement
        .head()
        .await
        .map_err(|error| reading(error, record.old.batch_index))?;
    let age = chain_time(node, head.timestamp).saturating_sub(record.time);
    Ok((age > node.config.settle.max_age_s).then_some("the batch is too old"))
}

/// Whether the batch names a price snapshot that the chain does not have. One that is not known here may only be
/// forgotten: a batch that a reorganisation took away can be old.
async fn lost_snapshot(node: &Node, record: &BatchRecord) -> Result<bool, Failure> {
    let named = record.oracle;
    if named == Fr::from(0u64) || node.oracle().knows(&word(&named)) {
        return Ok(false);
    }
    let time = node.ports.settlement.snapshot_time(&named).await;
    let time = time.map_err(|error| reading(error, record.old.batch_index))?;
    Ok(time.is_none())
}

/// The chain is ahead. Records that our batch has settled, if the batch on the chain is ours: the
/// state after a batch holds neither its time nor its data, so both commitments are compared.
async fn settled_already(node: &Arc<Node>, index: u64) -> Result<(), Failure> {
    let ours = record(node, index).await?;
    let settled = node
        .ports
        .settlement
        .settled_batch(index)
        .await
        .map_err(|error| reading(error, index))?;
    let Some(settled) = settled else {
        // Its state says so, its log does not yet.
        return Err(Failure::Transient(format!(
            "the chain does not show the batch {index} it has settled"
        )));
    };
    let found = (settled.new_state, settled.commitment);
    let sealed = (ours.new.commitment(), ours.commitment);
    if found != sealed {
        let name = |(state, data): (Fr, Fr)| {
            format!(
                "state {} and data commitment {}",
                fr_hex(&state),
                fr_hex(&data)
            )
        };
        return Err(Failure::Final(Halt::Diverged {
            batch: index,
            detail: format!(
                "the chain settled a batch with {}; the batch sealed here has {}",
                name(found),
                name(sealed)
            ),
        }));
    }
    tracing::info!(batch = index, "found settled on the chain");
    mark(node, index, settled.tx).await
}

async fn settle(
    node: &Arc<Node>,
    index: u64,
    record: BatchRecord,
    rewinds: &mut u32,
) -> Result<Step, Failure> {
    let started = Instant::now();
    let proof = blocking(node, "settle", move |node| {
        let proof = node.store.get::<Proofs>(&index);
        proof
            .map_err(|error| error.to_string())
            .and_then(|proof| proof.ok_or_else(|| format!("the proof of batch {index} is missing")))
            .map_err(|detail| Halt::Store { detail })
    })
    .await
    .map_err(Failure::Final)?;
    let published = PublishedBatch::from_bytes(&record.published).map_err(|error| {
        Failure::Final(Halt::Store {
            detail: format!("batch {index}: {error}"),
        })
    })?;
    let batch = ProvenBatch {
        published,
        old_state: record.old.commitment(),
        new_state: record.new.commitment(),
        commitment: record.commitment,
        proof: proof.0,
    };
    match node.ports.settlement.settle(&batch).await {
        Ok(receipt) => {
            telemetry::settlement(receipt.gas_used, receipt.calldata_bytes);
            mark(node, index, receipt.tx).await?;
            telemetry::stage("settled", started);
            tracing::info!(
                batch = index,
                l1 = %hex::encode(receipt.tx),
                gas = receipt.gas_used,
                "settled"
            );
            *rewinds = 0;
            Ok(Step::Again)
        }
        Err(SettlementError::Unavailable { reason }) => Err(Failure::Transient(reason)),
        Err(SettlementError::Invalid { reason }) => Err(Failure::Final(Halt::SettlementRejected {
            batch: index,
            reason,
        })),
        Err(SettlementError::Rejected { reason }) => refused(node, index, &record, reason).await,
    }
}

/// A refusal is final unless the chain moved meanwhile: then the next look decides.
async fn refused(
    node: &Arc<Node>,
    index: u64,
    record: &BatchRecord,
    reason: String,
) -> Result<Step, Failure> {
    if record.oracle != Fr::from(0u64) {
        // It may just have been taken back.
        follow(node).await.map(|_| ())?;
    }
    let settlement = &node.ports.settlement;
    let view = settlement
        .rollup()
        .await
        .map_err(|error| reading(error, index))?;
    let head = settlement
        .head()
        .await
        .map_err(|error| reading(error, index))?;
    if view.batch_index != index || stale(node, &view, record).await?.is_some() {
        return Ok(Step::Again);
    }
    if head.timestamp < record.time {
        return Ok(Step::Early(reason));
    }
    Err(Failure::Final(Halt::SettlementRejected {
        batch: index,
        reason,
    }))
}

/// Records that a batch has settled; its job is done.
async fn mark(node: &Arc<Node>, index: u64, tx: [u8; 32]) -> Result<(), Failure> {
    // It may have settled without us while we were still proving it: then its job ends here.
    let gate = if node.cursor().prove <= index {
        Some(node.interrupt_proof().await)
    } else {
        None
    };
    blocking(node, "settle", move |node| {
        let write = || -> Result<(), StoreError> {
            let mut changes = node.store.change();
            changes.put::<Stages>(&index, &Stage::Settled { tx })?;
            changes.delete::<Jobs>(&index)?;
            let kept = node.config.settle.retain_submissions;
            if let Some(old) = index.checked_sub(kept) {
                changes.delete::<Submissions>(&old)?;
            }
            changes.commit()
        };
        write().map_err(|error| Halt::Store {
            detail: error.to_string(),
        })
    })
    .await
    .map_err(Failure::Final)?;
    {
        let mut cursor = node.cursor();
        cursor.settle = index + 1;
        cursor.prove = cursor.prove.max(index + 1);
    }
    drop(gate);
    node.emit(index, BatchEventKind::Settled { tx });
    node.wake_seal.notify_one();
    Ok(())
}

/// A reorganisation took settled batches away; their proofs are still here.
fn unsettle(node: &Arc<Node>, from: u64, until: u64) -> Result<(), Halt> {
    let write = || -> Result<(), StoreError> {
        let mut changes = node.store.change();
        for index in from..until {
            changes.put::<Stages>(&index, &Stage::Proven)?;
        }
        changes.commit()
    };
    write().map_err(|error| Halt::Store {
        detail: error.to_string(),
    })?;
    node.cursor().settle = from;
    for index in from..until {
        node.emit(index, BatchEventKind::Proven);
    }
    Ok(())
}
