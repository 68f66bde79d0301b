//! Settling: the proven batches in order, and the history of L1 as it is.
//!
//! Before each attempt L1's state decides the next step. A batch that settled just before a crash
//! is recorded and not sent again. A batch that a reorganisation took away is sent again, or sealed
//! anew if its proof is not here. Batches that somebody else settled are imported, and what was
//! sealed here in their place is sealed anew after them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use subrosa_protocol::batch::PublishedBatch;

use super::{
    Backoff, CHAIN, Failure, blocking, chain_time,
    course::{Course, course, record},
    import::import,
    look::look,
    reading,
    requeue::requeue_changed,
    rewind::{rewind, withdraw},
    watch::follow,
};
use crate::{
    event::BatchEventKind,
    health::Halt,
    node::Node,
    ports::{Block, RollupView, Settlement, SettlementError, Validity},
    store::tables::{BatchRecord, Jobs, Meta, MetaKey, Proofs, Stage, Stages, Submissions, count},
    telemetry,
    wire::word,
};

/// Name of the health entry of a batch that the contract refuses at present.
const REFUSED: &str = "settlement";

/// Number of times that the contract may refuse a batch before the batch is sealed anew.
const REFUSALS: u32 = 5;

/// Name of the health entry of batches that are sealed anew again and again.
const REWINDS: &str = "rewinds";

/// The outcome of a step.
enum Step {
    /// Nothing is due.
    Idle,
    /// Something was done. The next step follows at once.
    Again,
    /// The contract refused the batch, and nothing on L1 explains it.
    Refused(String),
}

/// Settles until cancelled or halted.
pub(crate) async fn run(node: Arc<Node>) {
    let mut backoff = Backoff::new(&node);
    let mut counts = Counts::default();
    loop {
        if node.cancel.is_cancelled() || node.health.is_halted() {
            return;
        }
        match step(&node, &mut counts).await {
            Ok(Step::Again) => {
                backoff.reset();
                node.health.restore(CHAIN);
            }
            Ok(Step::Idle) => {
                backoff.reset();
                tokio::select! {
                    () = node.cancel.cancelled() => return,
                    () = node.wake_settle.notified() => {}
                }
            }
            Ok(Step::Refused(reason)) => {
                counts.refusals += 1;
                let batch = node.cursor().settle;
                let attempt = counts.refusals;
                node.health.degrade(
                    REFUSED,
                    format!("the contract refuses batch {batch} for now: {reason}"),
                );
                tracing::warn!(batch, attempt, reason, "refused; trying again");
                backoff.pause(&node).await;
            }
            Err(Failure::Transient(reason)) => {
                node.health.degrade(CHAIN, reason);
                backoff.pause(&node).await;
            }
            Err(Failure::Final(halt)) => node.health.halt(halt),
        }
    }
}

/// Attempts in a row.
#[derive(Default)]
struct Counts {
    /// Times that batches were sealed anew without one that settled in between.
    rewinds: u32,
    /// Times that the contract refused the batch without a reason that is visible on L1.
    refusals: u32,
    /// The batch from which on batches were last taken back, and the newest block then.
    taken_back: Option<(u64, Block)>,
}

impl Counts {
    /// Starts anew, because L1 has settled a batch.
    fn progress(&mut self, node: &Node) {
        let taken_back = self.taken_back;
        *self = Self {
            taken_back,
            ..Self::default()
        };
        node.health.restore(REFUSED);
        node.health.restore(REWINDS);
    }
}

/// Compares L1 with the store and does what is due.
async fn step(node: &Arc<Node>, counts: &mut Counts) -> Result<Step, Failure> {
    let view = look(node).await?;
    match course(node, &view).await? {
        Course::Level => {}
        Course::Settled { index, tx } => {
            tracing::info!(batch = index, "found settled on L1");
            mark(node, index, tx).await?;
            counts.progress(node);
            return Ok(Step::Again);
        }
        Course::TakenBack(from) => {
            let place = Some((from, view.block));
            if counts.taken_back == place {
                // It was sent again and found mined, in a block that this endpoint does not show.
                let reason = format!("L1 shows batch {from} mined and not settled");
                return Err(Failure::Transient(reason));
            }
            take_back(node, from).await?;
            counts.taken_back = place;
            return Ok(Step::Again);
        }
        Course::Foreign(from) => {
            catch_up(node, from, view.batch_index).await?;
            counts.progress(node);
            return Ok(Step::Again);
        }
    }
    note_final(node).await?;
    // Batches without deposits settle also while deposits cannot be compared.
    let doubt = match requeue_changed(node, &view).await {
        Ok(()) => None,
        Err(Failure::Transient(reason)) => Some(Failure::Transient(reason)),
        Err(other) => return Err(other),
    };
    if doubt.is_none() {
        node.set_level(true);
    }
    let cursor = *node.cursor();
    let index = cursor.settle;
    if node.config.follow || index >= cursor.seal {
        return doubt.map_or(Ok(Step::Idle), Err);
    }
    let record = record(node, index).await?;
    if let Some(doubt) = doubt
        && record.new.deposit_count > record.old.deposit_count
    {
        return Err(doubt);
    }
    if view.state != record.old.commitment() {
        // Another task moved the cursor since the comparison.
        return Ok(Step::Again);
    }
    let stale = stale(node, &view, &record, counts.refusals > 0).await?;
    let refused = (counts.refusals >= REFUSALS).then_some("the contract keeps refusing it");
    if let Some(why) = stale.or(refused) {
        counts.rewinds += 1;
        counts.refusals = 0;
        tracing::warn!(batch = index, why, "dropping unsettled batches");
        if counts.rewinds > node.config.settle.max_rewinds {
            let times = counts.rewinds;
            node.health.degrade(
                REWINDS,
                format!("batches were sealed anew {times} times in a row: {why}"),
            );
            let pause = Duration::from_millis(node.config.settle.backoff_max_ms);
            tokio::select! {
                () = node.cancel.cancelled() => return Ok(Step::Idle),
                () = node.clock().sleep(pause) => {}
            }
        }
        withdraw(node, index).await?;
        return Ok(Step::Again);
    }
    if index >= cursor.prove {
        return Ok(Step::Idle);
    }
    settle(node, index, record, counts).await
}

/// Drops what was sealed here from `from` on, and imports L1's batches from there up to `until`.
/// Nothing is sealed meanwhile.
async fn catch_up(node: &Arc<Node>, from: u64, until: u64) -> Result<(), Failure> {
    node.set_level(false);
    if from < node.cursor().seal {
        tracing::warn!(
            batch = from,
            "L1 settled another batch; sealing ours anew after it"
        );
        rewind(node, from).await.map_err(Failure::Final)?;
    }
    for index in from..until {
        if node.cancel.is_cancelled() {
            return Ok(());
        }
        import(node, index).await?;
        telemetry::behind(until - index - 1);
    }
    Ok(())
}

/// Prepares the batches from `from` on, which a reorganisation took away, to settle again. The
/// first without a proof here, and all after it, are sealed anew.
async fn take_back(node: &Arc<Node>, from: u64) -> Result<(), Failure> {
    let until = node.cursor().settle;
    tracing::warn!(from, until, "L1 took settled batches back; settling again");
    let proven = blocking(node, "settle", move |node| proven_until(node, from, until))
        .await
        .map_err(Failure::Final)?;
    // The last first: a store in which a batch has settled after one that has not is not sound.
    if proven < until {
        withdraw(node, proven).await?;
    }
    blocking(node, "settle", move |node| unsettle(node, from, proven))
        .await
        .map_err(Failure::Final)
}

/// Notes the batches that are final, and lets go of what was kept in case they were not.
async fn note_final(node: &Arc<Node>) -> Result<(), Failure> {
    let settled = node.cursor().settle;
    if settled <= node.final_below() {
        return Ok(());
    }
    let found = match node.ports.settlement.final_batches().await {
        Ok(found) => found,
        Err(error) => {
            // Nothing waits for it: what is not final yet is kept.
            tracing::debug!("L1 does not say what is final: {error}");
            return Ok(());
        }
    };
    let below = match found {
        Some(below) => below.min(settled),
        // A chain that names no final block: as deep as submissions are kept.
        None => settled.saturating_sub(node.config.settle.retain_submissions),
    };
    if below <= node.final_below() {
        return Ok(());
    }
    let kept = below.min(settled.saturating_sub(node.config.settle.retain_submissions));
    blocking(node, "settle", move |node| {
        let mut changes = node.store.change();
        changes.put::<Meta>(&MetaKey::Final, &count(below))?;
        for entry in node.store.range::<Submissions>(&0)? {
            let (index, _) = entry?;
            if index >= kept {
                break;
            }
            changes.delete::<Submissions>(&index)?;
        }
        Ok(changes.commit()?)
    })
    .await
    .map_err(Failure::Final)?;
    node.set_final_below(below);
    Ok(())
}

/// Returns the reason why the contract no longer accepts a valid batch, if there is one.
async fn stale(
    node: &Node,
    view: &RollupView,
    record: &BatchRecord,
    refused: bool,
) -> Result<Option<&'static str>, Failure> {
    // The root counts once the assets were read that have it.
    let root = node.registry().root;
    if record.assets_root != root && view.assets_root == root {
        return Ok(Some("the assets root has changed"));
    }
    match snapshot_validity(node, record, refused).await? {
        None => return Ok(Some("the chain no longer has its price snapshot")),
        Some(validity) if !validity.admits(record.time) => {
            return Ok(Some("its price snapshot is not the chain's of its time"));
        }
        Some(_) => {}
    }
    let age = chain_time(node, view.block.timestamp).saturating_sub(record.time);
    Ok((age > node.config.settle.max_age_s).then_some("the batch is too old"))
}

/// Returns when the batch's price snapshot was the chain's last one, if the chain has it. The chain
/// is asked about a snapshot that is unknown here, because it may only be forgotten: a batch that a
/// reorganisation took away can be old. It is asked too after the contract has `refused` the batch:
/// the log may lack what followed, and is read anew then.
async fn snapshot_validity(
    node: &Node,
    record: &BatchRecord,
    refused: bool,
) -> Result<Option<Validity>, Failure> {
    let known = node.oracle().validity(&word(&record.oracle));
    if known.is_some() && !refused {
        return Ok(known);
    }
    let asked = node.ports.settlement.snapshot_validity(&record.oracle);
    let asked = asked.await.map_err(reading)?;
    if known.is_some() && asked != known {
        node.set_oracle(node.oracle().anew());
    }
    Ok(asked)
}

/// Sends a proven batch to the contract.
async fn settle(
    node: &Arc<Node>,
    index: u64,
    record: BatchRecord,
    counts: &mut Counts,
) -> Result<Step, Failure> {
    let started = Instant::now();
    let proof = blocking(node, "settle", move |node| {
        let proof = node.store.get::<Proofs>(&index)?;
        proof.ok_or_else(|| Halt::Store {
            detail: format!("the proof of batch {index} is missing"),
        })
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
            counts.progress(node);
            Ok(Step::Again)
        }
        Err(SettlementError::Rejected { reason }) => refused(node, index, &record, reason).await,
        Err(SettlementError::Unavailable { reason } | SettlementError::Invalid { reason }) => {
            Err(Failure::Transient(reason))
        }
    }
}

/// Looks for the reason of a refusal on L1. If L1 moved meanwhile, the next step decides.
async fn refused(
    node: &Arc<Node>,
    index: u64,
    record: &BatchRecord,
    reason: String,
) -> Result<Step, Failure> {
    // The chain may have taken the price snapshot back a moment ago.
    follow(node).await.map(|_| ())?;
    let view = look(node).await?;
    if view.batch_index != index || stale(node, &view, record, false).await?.is_some() {
        return Ok(Step::Again);
    }
    // The deposits may have changed without a new block.
    node.compare_again();
    let ahead = record.time.saturating_sub(view.block.timestamp);
    Ok(Step::Refused(match ahead {
        0 => reason,
        _ => format!(
            "{reason}; its time is {ahead} seconds after L1's newest block: check this machine's \
             clock"
        ),
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
        let mut changes = node.store.change();
        changes.put::<Stages>(&index, &Stage::Settled { tx })?;
        changes.delete::<Jobs>(&index)?;
        Ok(changes.commit()?)
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

/// Returns the first batch from `from` on whose proof is not in the store, and `until` if there is
/// none: it was imported, or it settled before its proof was made here.
fn proven_until(node: &Arc<Node>, from: u64, until: u64) -> Result<u64, Halt> {
    for index in from..until {
        if node.store.get::<Proofs>(&index)?.is_none() {
            return Ok(index);
        }
    }
    Ok(until)
}

/// Records that a reorganisation took settled batches away. Their proofs are in the store.
fn unsettle(node: &Arc<Node>, from: u64, until: u64) -> Result<(), Halt> {
    let mut changes = node.store.change();
    for index in from..until {
        changes.put::<Stages>(&index, &Stage::Proven)?;
    }
    changes.commit()?;
    if from < until {
        node.cursor().settle = from;
    }
    for index in from..until {
        node.emit(index, BatchEventKind::Proven);
    }
    Ok(())
}
