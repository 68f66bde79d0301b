//! Settling: the proven batches in order.
//!
//! Before each attempt the chain's state decides the next step. A batch that settled just before a
//! crash is recorded and not sent again. A batch that a reorganisation took away is sent again.

use std::{sync::Arc, time::Instant};

use subrosa_protocol::{
    Fr,
    batch::{PublishedBatch, data_commitment},
};

use super::{
    Backoff, CHAIN, Failure, blocking, chain_time, reading, rewind::rewind, watch::follow,
};
use crate::{
    event::BatchEventKind,
    health::Halt,
    node::Node,
    ports::{RollupView, Settlement, SettlementError},
    store::{
        StoreError,
        tables::{BatchRecord, Batches, Jobs, Proofs, Stage, Stages, Submissions},
    },
    telemetry,
    wire::{fr_hex, word},
};

/// Name of the health entry of a batch that the contract does not accept yet.
const EARLY: &str = "settlement_time";

/// Number of attempts to settle a batch whose time the chain has not reached, before the pipeline
/// halts.
const EARLY_ATTEMPTS: u32 = 20;

/// The outcome of a step.
enum Step {
    /// Nothing is due.
    Idle,
    /// Something was done. The next step follows at once.
    Again,
    /// The contract refused the batch because the chain's clock is behind.
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
                    node.health.halt(Halt::SettlementRejected { batch, reason });
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

/// Compares the chain with the store and does what is due.
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
                detail: "the chain settled a batch that was not sealed here".into(),
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
            "the chain was reorganised; settling again"
        );
        let from = view.batch_index;
        blocking(node, "settle", move |node| unsettle(node, from, index))
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
            detail: "the chain's state is not the state in which the batch starts".into(),
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

/// Reads the record of a batch from the store.
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

/// Returns the reason why the contract no longer accepts a valid batch, if there is one.
async fn stale(
    node: &Node,
    view: &RollupView,
    record: &BatchRecord,
) -> Result<Option<&'static str>, Failure> {
    if view.assets_root != record.assets_root {
        return Ok(Some("the assets root has changed"));
    }
    if lost_snapshot(node, record).await? {
        return Ok(Some("the chain no longer has its price snapshot"));
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

/// Whether the batch names a price snapshot that the chain does not have. The chain is asked about
/// a snapshot that is unknown here, because it may only be forgotten: a batch that a reorganisation
/// took away can be old.
async fn lost_snapshot(node: &Node, record: &BatchRecord) -> Result<bool, Failure> {
    let named = record.oracle;
    if named == Fr::from(0u64) || node.oracle().knows(&word(&named)) {
        return Ok(false);
    }
    let time = node.ports.settlement.snapshot_time(&named).await;
    let time = time.map_err(|error| reading(error, record.old.batch_index))?;
    Ok(time.is_none())
}

/// Records that a batch has settled on a chain that is ahead, if the chain's batch is ours. Both
/// commitments are compared, because the state after a batch commits neither to its time nor to its
/// data.
async fn settled_already(node: &Arc<Node>, index: u64) -> Result<(), Failure> {
    let ours = record(node, index).await?;
    let settled = node
        .ports
        .settlement
        .settled_batch(index)
        .await
        .map_err(|error| reading(error, index))?;
    let Some(settled) = settled else {
        // Its state is newer than its log.
        return Err(Failure::Transient(format!(
            "the chain counts batch {index} as settled but does not show it yet"
        )));
    };
    let found = (
        settled.new_state,
        data_commitment(&settled.published.words()),
    );
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

/// Sends a proven batch to the contract.
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
    let batch = Settlement {
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

/// Classifies a refusal: it is final unless the chain moved meanwhile. If it did, the next step
/// decides.
async fn refused(
    node: &Arc<Node>,
    index: u64,
    record: &BatchRecord,
    reason: String,
) -> Result<Step, Failure> {
    if record.oracle != Fr::from(0u64) {
        // The chain may have taken the snapshot back a moment ago.
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

/// Records that a batch has settled and ends its job.
async fn mark(node: &Arc<Node>, index: u64, tx: [u8; 32]) -> Result<(), Failure> {
    // A batch can settle while it is still being proven here. Its proof is then interrupted.
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

/// Records that a reorganisation took settled batches away. Their proofs are still in the store.
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
