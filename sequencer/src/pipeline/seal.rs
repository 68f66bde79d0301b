//! Sealing: transactions and deposits become a batch, executed by the ledger and stored with one
//! synced write together with its proving job and the fate of its transactions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use subrosa_protocol::Fr;
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::ledger::{BatchInput, ExecuteError, HistoricalError, StatelessError};
use subrosa_protocol::nullifier_tree::NullifierError;
use subrosa_protocol::swap::Side;

use super::{CHAIN, Failure, blocking, chain_time, reading};
use crate::admission::{FinalRejection, unix_now};
use crate::node::{BatchEventKind, Node};
use crate::health::Halt;
use crate::mempool::{Removed, Sequenced, removed};
use crate::store::StoreError;
use crate::store::tables::{
    BatchRecord, Batches, Bytes, Jobs, Mempool, Meta, MetaKey, Snapshots, Stage, Stages,
    Submissions, SubmissionsRecord, TransactionRecord, Transactions, Value,
};
use crate::telemetry;
use crate::wire::Word;

/// Snapshots kept: the newest, and one before in case a batch is dropped behind it.
const SNAPSHOTS: usize = 2;

/// Seals until cancelled or halted.
pub(crate) async fn run(node: Arc<Node>) {
    let tick = Duration::from_millis((node.config.seal.max_wait_ms / 8).clamp(5, 100));
    loop {
        tokio::select! {
            () = node.cancel.cancelled() => return,
            () = node.wake_seal.notified() => {}
            () = tokio::time::sleep(tick) => {}
        }
        if node.health.is_halted() {
            return;
        }
        if node.pool().legs_due(unix_now())
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
                // The watcher finds out when the chain is back.
                tokio::select! {
                    () = node.cancel.cancelled() => return,
                    () = tokio::time::sleep(node.config.poll()) => {}
                }
            }
            Err(Failure::Final(halt)) => {
                node.health.halt(halt);
                return;
            }
        }
    }
}

/// Drops the lone legs that can never be sealed: when it is time for it, whatever the chain does and
/// whether or not anything is to be sealed.
pub(super) async fn sweep_legs(node: &Arc<Node>) -> Result<(), Halt> {
    let _gate = node.seal_gate.lock().await;
    blocking(node, "seal", |node| {
        let dead = node.pool().dead_legs(unix_now());
        remove(node, &dead)
    })
    .await
}

/// The largest enabled shape.
fn largest(node: &Node) -> usize {
    let shapes = node.config.seal.shapes.iter();
    shapes.map(|shape| shape.slots()).max().unwrap_or(0)
}

/// Whether it is time to seal. Also true when only something has to be swept out; an attempt that
/// finds nothing to seal seals nothing.
fn due(node: &Node) -> bool {
    let config = &node.config.seal;
    let cursor = *node.cursor();
    telemetry::unsettled(cursor.seal - cursor.settle);
    if cursor.seal - cursor.settle >= config.max_unsettled {
        return false;
    }
    let full = largest(node);
    let (ready, oldest) = {
        let pool = node.pool();
        let time = chain_time(node, node.seen_time()).max(pool.view().time);
        pool.waiting(full, time)
    };
    let (deposits, oldest_deposit) = {
        let queue = node.deposits();
        (queue.len(), queue.oldest())
    };
    let waited = |since: Option<Duration>, ms: u64| {
        since.is_some_and(|waited| waited >= Duration::from_millis(ms))
    };
    ready >= full
        || deposits >= full
        || (ready >= config.min_transactions && waited(oldest, config.max_wait_ms))
        || waited(oldest, config.patience_ms)
        || waited(oldest_deposit, config.deposit_wait_ms)
}

async fn attempt(node: &Arc<Node>) -> Result<(), Failure> {
    let gate = node.seal_gate.lock().await;
    let at = node.cursor().seal;
    let settlement = &node.ports.settlement;
    let head = settlement
        .head()
        .await
        .map_err(|error| reading(error, at))?;
    node.saw_time(head.timestamp);
    let view = settlement
        .rollup()
        .await
        .map_err(|error| reading(error, at))?;
    let time = {
        let mut pool = node.pool();
        pool.set_assets_root(view.assets_root);
        chain_time(node, head.timestamp)
            .max(view.last_time)
            .max(pool.view().time)
    };
    let sealed = blocking(node, "seal", move |node| {
        seal(node, time, view.assets_root)
    })
    .await
    .map_err(Failure::Final)?;
    drop(gate);
    if let Some(index) = sealed {
        node.emit(index, BatchEventKind::Sealed);
        node.wake_prove.notify_one();
    }
    Ok(())
}

fn failed(error: StoreError) -> Halt {
    Halt::Store {
        detail: error.to_string(),
    }
}

/// Sweeps out what can no longer be sealed, then seals one batch if there is anything to seal.
/// Returns its index.
fn seal(node: &Arc<Node>, time: u64, assets_root: Fr) -> Result<Option<u64>, Halt> {
    let dead = {
        let mut pool = node.pool();
        let mut dead = pool.dead(time);
        // Lone legs too: what an anchor that is gone makes impossible stays so when the same batch is
        // sealed anew, or of two legs one might have passed over the other and both wait for ever.
        dead.extend(pool.dead_legs(unix_now()));
        dead
    };
    remove(node, &dead)?;

    let started = Instant::now();
    let limit = largest(node);
    let mut chosen = node.pool().take(limit, time);
    let taken: Vec<u64> = chosen.iter().map(|(sequence, _)| *sequence).collect();
    let deposits = node.deposits().front(limit);
    let mut refused: Vec<Removed> = Vec::new();
    let mut ledger = node.ledger();
    // Taken out by the ledger's verdict only: it is the law, admission merely foresees it.
    let (witness, shape) = loop {
        if chosen.is_empty() && deposits.is_empty() {
            drop(ledger);
            remove(node, &refused)?;
            return Ok(None);
        }
        let shape = fitting(node, chosen.len().max(deposits.len()))?;
        let input = BatchInput {
            shape,
            time,
            fee_recipient: node.config.fee_recipient,
            assets_root,
            transactions: chosen
                .iter()
                .map(|(_, submission)| submission.transaction.clone())
                .collect(),
            deposits: deposits.clone(),
        };
        match ledger.execute(input, &node.ledger_config) {
            Ok(witness) => break (witness, shape),
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
    let snapshot = match node.config.settle.snapshot_every {
        0 => None,
        every => (witness.header.batch_index % every == 0).then(|| ledger.to_bytes()),
    };
    drop(ledger);

    let index = witness.header.batch_index;
    let sealed = Sealed {
        shape,
        witness,
        chosen,
        refused,
        snapshot,
    };
    // From here on memory is ahead of the disk: a failure halts.
    sealed.write(node).map_err(failed)?;
    sealed.apply(node);
    telemetry::stage("sealed", started);
    tracing::info!(
        batch = index,
        slots = shape.slots(),
        transactions = sealed.chosen.len(),
        deposits = deposits.len(),
        ms = started.elapsed().as_millis() as u64,
        "sealed"
    );
    Ok(Some(index))
}

/// Takes a transaction out of those chosen for a batch. A leg does not go without its counterpart,
/// which is not at fault: it stays in the mempool, and is a lone leg as soon as the other is gone.
pub(crate) fn withdraw(chosen: &mut Vec<Sequenced>, slot: usize) -> Sequenced {
    let at_fault = chosen.remove(slot);
    match at_fault.1.transaction.header.kind.side() {
        None => {}
        // The counterpart stood one slot further, and now stands here.
        Some(Side::A) => drop(chosen.remove(slot)),
        Some(Side::B) => drop(chosen.remove(slot - 1)),
    }
    at_fault
}

/// The smallest enabled shape with so many slots.
fn fitting(node: &Node, slots: usize) -> Result<Shape, Halt> {
    let shapes = node.config.seal.shapes.iter().copied();
    shapes
        .filter(|shape| shape.slots() >= slots)
        .min_by_key(|shape| shape.slots())
        .ok_or_else(|| Halt::Ledger {
            detail: "no enabled shape is large enough".into(),
        })
}

/// The slot at fault and the fate of its transaction; none if it is not one transaction's fault.
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

/// Stores the fate of submissions that leave without a batch, then lets them go.
fn remove(node: &Node, going: &[Removed]) -> Result<(), Halt> {
    if going.is_empty() {
        return Ok(());
    }
    let mut changes = node.store.change();
    removed::write(&mut changes, going).map_err(failed)?;
    changes.commit().map_err(failed)?;
    let mut pool = node.pool();
    pool.remove(going.iter().map(|((sequence, _), _)| *sequence));
    telemetry::mempool(pool.census());
    drop(pool);
    removed::report(going);
    Ok(())
}

/// An executed batch on its way to disk.
struct Sealed {
    shape: Shape,
    witness: BatchWitness,
    chosen: Vec<Sequenced>,
    refused: Vec<Removed>,
    snapshot: Option<Vec<u8>>,
}

impl Sealed {
    /// One synced write: the batch, its job, its submissions, the fate of its transactions, the
    /// mempool without them, and the new head.
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
        removed::write(&mut changes, &self.refused)?;
        changes.put::<Meta>(&MetaKey::Head, &Bytes(witness.new.encode()))?;
        if let Some(bytes) = &self.snapshot {
            let kept: Vec<u64> = node
                .store
                .range::<Snapshots>(&0)?
                .map(|entry| entry.map(|(key, _)| key))
                .collect::<Result<_, _>>()?;
            for old in kept.iter().rev().skip(SNAPSHOTS - 1) {
                changes.delete::<Snapshots>(old)?;
            }
            changes.put::<Snapshots>(&witness.new.batch_index, &Bytes(bytes.clone()))?;
        }
        changes.commit()
    }

    /// Moves memory on to what is now on disk.
    fn apply(&self, node: &Node) {
        let witness = &self.witness;
        {
            let mut pool = node.pool();
            let nullifiers = self.chosen.iter().flat_map(|(_, s)| s.nullifiers);
            let leaving = self.chosen.iter().map(|(sequence, _)| *sequence);
            pool.sealed(
                leaving,
                nullifiers.collect::<Vec<Word>>(),
                witness.new,
                witness.header.time,
            );
            pool.remove(self.refused.iter().map(|((sequence, _), _)| *sequence));
            telemetry::mempool(pool.census());
        }
        node
            .deposits()
            .consume(usize::from(witness.header.deposits));
        node.cursor().seal = witness.new.batch_index;
        telemetry::transactions("included", self.chosen.len());
        removed::report(&self.refused);
    }
}
