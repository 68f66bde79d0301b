//! Sealing: the ledger executes transactions and deposits as a batch. One synced write stores the
//! batch with its proving job and the fates of its transactions.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use subrosa_protocol::{
    batch::{BatchWitness, Shape},
    ledger::{BatchInput, ExecuteError, HistoricalError, StatelessError},
    nullifier_tree::NullifierError,
};

use super::{CHAIN, Failure, blocking, chain_time, checkpoint, look::look, requeue};
use crate::{
    event::BatchEventKind,
    health::Halt,
    mempool::{Removed, withdraw},
    node::Node,
    ports::RollupView,
    record::TransactionRecord,
    refusal::FinalRejection,
    removal,
    store::{
        StoreError,
        tables::{
            BatchRecord, Batches, Bytes, Jobs, Mempool, Meta, MetaKey, Stage, Stages, Submissions,
            SubmissionsRecord, Transactions, Value,
        },
    },
    submission::Sequenced,
    telemetry,
};

/// Seals until cancelled or halted.
pub(crate) async fn run(node: Arc<Node>) {
    let tick = Duration::from_millis((node.config.seal.max_wait_ms / 8).clamp(5, 100));
    loop {
        tokio::select! {
            () = node.cancel.cancelled() => return,
            () = node.wake_seal.notified() => {}
            () = node.clock().sleep(tick) => {}
        }
        if node.health.is_halted() {
            return;
        }
        if node.is_level()
            && node.pool().legs_due(node.clock().unix())
            && let Err(halt) = sweep_legs(&node).await
        {
            node.health.halt(halt);
            return;
        }
        if !due(&node) {
            continue;
        }
        match attempt(&node).await {
            Ok(()) => {}
            Err(Failure::Transient(reason)) => {
                node.health.degrade(CHAIN, reason);
                // The watcher notices when the chain answers again.
                tokio::select! {
                    () = node.cancel.cancelled() => return,
                    () = node.clock().sleep(node.config.poll()) => {}
                }
            }
            Err(Failure::Final(halt)) => {
                node.health.halt(halt);
                return;
            }
        }
    }
}

/// Drops the lone legs that can never be sealed. It needs neither the chain nor anything to seal.
pub(super) async fn sweep_legs(node: &Arc<Node>) -> Result<(), Halt> {
    let _gate = node.seal_gate.lock().await;
    blocking(node, "seal", |node| {
        let dead = node.pool().dead_legs(node.clock().unix());
        remove(node, &dead)
    })
    .await
}

/// Returns the number of slots of the largest enabled shape.
fn largest(node: &Node) -> usize {
    let shapes = node.config.seal.shapes.iter();
    shapes.map(|shape| shape.slots()).max().unwrap_or(0)
}

/// Whether it is time to seal. It is also time when submissions only have to be swept out: an
/// attempt that finds nothing to seal seals nothing.
fn due(node: &Node) -> bool {
    let config = &node.config.seal;
    let cursor = *node.cursor();
    telemetry::unsettled(cursor.unsettled());
    if !node.is_level() || cursor.unsettled() >= config.max_unsettled {
        return false;
    }
    let full = largest(node);
    let (ready, oldest) = {
        let pool = node.pool();
        let time = chain_time(node, node.seen_time()).max(pool.view().time);
        pool.waiting(full, time)
    };
    let now = node.clock().now();
    let deposits_are_due = node.deposits().is_due(now, full, &node.config);
    let waited = |since: Option<Duration>, ms: u64| {
        since.is_some_and(|waited| waited >= Duration::from_millis(ms))
    };
    ready >= full
        || deposits_are_due
        || (ready >= config.min_transactions && waited(oldest, config.max_wait_ms))
        || waited(oldest, config.patience_ms)
}

/// Reads the chain and seals one batch if there is anything to seal.
async fn attempt(node: &Arc<Node>) -> Result<(), Failure> {
    let gate = node.seal_gate.lock().await;
    let view = look(node).await?;
    if !node.is_level() {
        // L1 has batches or deposits that have to be taken over first.
        return Ok(());
    }
    // A view alone rejects nothing for good: the assets were read and have this root, and the
    // contract takes no batch that is later than its block.
    if node.registry().root != view.assets_root {
        let reason = "L1 has another assets root, whose assets are not read yet";
        return Err(Failure::Transient(reason.into()));
    }
    if view.last_time > view.block.timestamp {
        let reason = "L1 shows a batch that is later than its newest block";
        return Err(Failure::Transient(reason.into()));
    }
    let time = chain_time(node, view.block.timestamp)
        .max(view.last_time)
        .max(node.pool().view().time);
    let sealed = blocking(node, "seal", move |node| seal(node, time, &view))
        .await
        .map_err(Failure::Final)?
        .map_err(Failure::Transient)?;
    drop(gate);
    if let Some(index) = sealed {
        node.emit(index, BatchEventKind::Sealed);
        node.wake_prove.notify_one();
    }
    Ok(())
}

/// Sweeps out the submissions that can no longer be sealed, then seals one batch if there is
/// anything to seal. Returns its index. The inner error is the fault in a deposit that L1 answered.
fn seal(
    node: &Arc<Node>,
    time: u64,
    seen: &RollupView,
) -> Result<Result<Option<u64>, String>, Halt> {
    node.choose_prices(time);
    let dead = {
        let mut pool = node.pool();
        let mut dead = pool.dead(time);
        // Lone legs too: a leg that a dropped anchor made impossible stays rejected if the same
        // batch is sealed anew. Otherwise two legs could miss each other and wait for ever.
        dead.extend(pool.dead_legs(node.clock().unix()));
        dead
    };
    remove(node, &dead)?;

    let prices = node.pool().view().prices;
    if prices.time > time || !node.oracle().is_followed(seen.block.timestamp) {
        // The endpoint lags behind the one that showed the snapshot, or newer prices than those
        // known here may exist; the watcher says why it cannot read them.
        return Ok(Ok(None));
    }
    let started = Instant::now();
    let limit = largest(node);
    let mut chosen = node.pool().take(limit, time);
    let taken: Vec<u64> = chosen.iter().map(|(sequence, _)| *sequence).collect();
    let deposits = node.deposits().front(limit, time, node.clock().now());
    let mut refused: Vec<Removed> = Vec::new();
    let mut ledger = node.ledger();
    // The ledger alone decides which transactions leave the batch. Admission only anticipates it.
    let (witness, shape) = loop {
        if chosen.is_empty() && deposits.is_empty() {
            drop(ledger);
            remove(node, &refused)?;
            return Ok(Ok(None));
        }
        let shape = fitting(node, chosen.len().max(deposits.len()))?;
        let input = BatchInput {
            shape,
            time,
            fee_recipient: node.config.fee_recipient,
            assets_root: seen.assets_root,
            prices: prices.digest,
            transactions: chosen
                .iter()
                .map(|(_, submission)| submission.transaction.clone())
                .collect(),
            deposits: deposits.clone(),
        };
        match ledger.execute(input, &node.ledger_config) {
            Ok(witness) => break (witness, shape),
            // The vault queues no such deposit: L1 was read wrongly, and is read anew.
            Err(error @ ExecuteError::EmptyDeposit { .. }) => {
                drop(ledger);
                node.pool().give_back(taken);
                requeue::forget(node, 0)?;
                return Ok(Err(format!(
                    "L1 answered a deposit that cannot be: {error}"
                )));
            }
            Err(error) => {
                let Some((slot, record)) = blame(&error) else {
                    node.pool().give_back(taken);
                    return Err(Halt::Ledger {
                        detail: error.to_string(),
                    });
                };
                refused.push((withdraw(&mut chosen, slot), record));
            }
        }
    };
    let checkpoint = checkpoint(node, &ledger, witness.header.batch_index);
    drop(ledger);

    let index = witness.header.batch_index;
    let sealed = Sealed {
        shape,
        witness,
        chosen,
        refused,
        checkpoint,
    };
    // From here on memory is ahead of the disk, so that a failure halts.
    sealed.write(node)?;
    sealed.apply(node);
    node.choose_prices(time);
    telemetry::stage("sealed", started);
    tracing::info!(
        batch = index,
        slots = shape.slots(),
        transactions = sealed.chosen.len(),
        deposits = deposits.len(),
        ms = started.elapsed().as_millis() as u64,
        "sealed"
    );
    Ok(Ok(Some(index)))
}

/// Returns the smallest enabled shape with at least `slots` slots.
fn fitting(node: &Node, slots: usize) -> Result<Shape, Halt> {
    let shapes = node.config.seal.shapes.iter().copied();
    shapes
        .filter(|shape| shape.slots() >= slots)
        .min_by_key(|shape| shape.slots())
        .ok_or_else(|| Halt::Ledger {
            detail: "no enabled shape is large enough".into(),
        })
}

/// Returns the slot at fault and the fate of its transaction, if one transaction is at fault.
fn blame(error: &ExecuteError) -> Option<(usize, TransactionRecord)> {
    let rejected = |reason| TransactionRecord::Rejected { reason };
    match error {
        ExecuteError::Stateless {
            slot,
            source: StatelessError::Expired { .. },
        } => Some((*slot, TransactionRecord::Expired)),
        ExecuteError::Stateless { slot, .. } => {
            Some((*slot, rejected(FinalRejection::InvalidTransaction)))
        }
        ExecuteError::Historical { slot, source } => Some((
            *slot,
            rejected(match source {
                HistoricalError::UnknownAnchor => FinalRejection::UnknownAnchor,
                HistoricalError::AssetsRoot => FinalRejection::StaleAssets,
                HistoricalError::Spent { .. } => FinalRejection::NullifierSpent,
            }),
        )),
        ExecuteError::Nullifier(
            NullifierError::Known { slot, .. } | NullifierError::Repeated { slot, .. },
        ) => Some((*slot, rejected(FinalRejection::NullifierSpent))),
        ExecuteError::Nullifier(NullifierError::Reserved { slot, .. }) => {
            Some((*slot, rejected(FinalRejection::InvalidTransaction)))
        }
        _ => None,
    }
}

/// Stores the fates of submissions that leave without a batch, then removes them from the mempool.
fn remove(node: &Node, going: &[Removed]) -> Result<(), Halt> {
    if going.is_empty() {
        return Ok(());
    }
    let mut changes = node.store.change();
    removal::write(&mut changes, going)?;
    changes.commit()?;
    let mut pool = node.pool();
    pool.remove(going.iter().map(|((sequence, _), _)| *sequence));
    telemetry::mempool(pool.census().queued);
    drop(pool);
    removal::report(going);
    Ok(())
}

/// An executed batch on its way to disk.
struct Sealed {
    shape: Shape,
    witness: BatchWitness,
    chosen: Vec<Sequenced>,
    refused: Vec<Removed>,
    /// The ledger after the batch, if a checkpoint is due.
    checkpoint: Option<Vec<u8>>,
}

impl Sealed {
    /// Stores the batch, its job, its submissions, the fates of its transactions, the mempool
    /// without them and the new head, with one synced write.
    fn write(&self, node: &Node) -> Result<(), StoreError> {
        let witness = &self.witness;
        let index = witness.header.batch_index;
        let published = witness.published().map_err(|_| StoreError::Codec {
            table: "batches",
            source: crate::store::CodecError::Field("published batch"),
        })?;
        let record = BatchRecord {
            shape: self.shape,
            time: witness.header.time,
            assets_root: witness.header.assets_root,
            oracle: witness.header.oracle,
            commitment: witness.data_commitment(),
            old: witness.old,
            new: witness.new,
            transactions: self.chosen.iter().map(|(_, s)| s.id).collect(),
            published: published.to_bytes(),
        };
        let submissions = SubmissionsRecord(
            self.chosen
                .iter()
                .map(|(sequence, submission)| (*sequence, submission.bytes.clone()))
                .collect(),
        );
        let mut changes = node.store.change();
        changes.put::<Batches>(&index, &record)?;
        changes.put::<Stages>(&index, &Stage::Sealed)?;
        changes.put::<Jobs>(&index, &Bytes(witness.to_bytes()))?;
        changes.put::<Submissions>(&index, &submissions)?;
        for (slot, (sequence, submission)) in (0u32..).zip(&self.chosen) {
            changes.delete::<Mempool>(sequence)?;
            let record = TransactionRecord::Included { batch: index, slot };
            changes.put::<Transactions>(&submission.id, &record)?;
        }
        removal::write(&mut changes, &self.refused)?;
        changes.put::<Meta>(&MetaKey::Head, &Bytes(witness.new.encode()))?;
        if let Some(bytes) = &self.checkpoint {
            changes.keep_checkpoint(witness.new.batch_index, bytes.clone())?;
        }
        changes.commit()
    }

    /// Brings memory to the state that is now on disk.
    fn apply(&self, node: &Node) {
        let witness = &self.witness;
        {
            let mut pool = node.pool();
            let nullifiers = self
                .chosen
                .iter()
                .flat_map(|(_, s)| s.transaction.nullifiers);
            let leaving = self.chosen.iter().map(|(sequence, _)| *sequence);
            pool.sealed(
                leaving,
                nullifiers.collect::<Vec<_>>(),
                witness.new,
                &witness.header.oracle,
                witness.header.time,
            );
            pool.remove(self.refused.iter().map(|((sequence, _), _)| *sequence));
            telemetry::mempool(pool.census().queued);
        }
        node.deposits()
            .consume(usize::from(witness.header.deposits));
        node.cursor().seal = witness.new.batch_index;
        telemetry::transactions("included", self.chosen.len());
        removal::report(&self.refused);
    }
}
