//! Importing batches that L1 settled and this sequencer did not seal: after the loss of the store,
//! behind a backup, as a follower, or when somebody else settled a batch.

use std::{collections::HashSet, sync::Arc};

use subrosa_protocol::{
    batch::{PublishedBatch, PublishedTransaction, data_commitment},
    element::Nullifier,
    ledger::State,
};

use super::{Failure, blocking, checkpoint, course::not_shown, reading};
use crate::{
    deposits::DepositQueue,
    event::BatchEventKind,
    health::Halt,
    mempool::Removed,
    node::Node,
    ports::SettledBatch,
    record::TransactionRecord,
    recovery::{load_ledger, waiting_deposits},
    refusal::FinalRejection,
    removal,
    store::{
        StoreError,
        tables::{
            BatchRecord, Batches, Bytes, Deposits, Mempool, Meta, MetaKey, Stage, Stages,
            Submissions, SubmissionsRecord, Transactions, Value,
        },
    },
    submission::Sequenced,
    telemetry,
};

/// Imports the batch with this index, which must be the next one.
///
/// The transactions of the batch leave the mempool as included, and those that it made impossible
/// leave it as rejected.
pub(super) async fn import(node: &Arc<Node>, index: u64) -> Result<(), Failure> {
    let settled = node.ports.settlement.settled_batch(index).await;
    let settled = settled.map_err(|error| {
        // Whatever was wrong, it is read anew.
        node.ports.settlement.forget(index);
        reading(error)
    })?;
    let settled = settled.ok_or_else(|| not_shown(node, index))?;
    let tx = settled.tx;
    let gate = node.seal_gate.lock().await;
    if node.cursor().seal != index {
        let reason = format!("batch {index} is no longer the next one");
        return Err(Failure::Transient(reason));
    }
    let proof = node.interrupt_proof().await;
    let imported = blocking(node, "import", move |node| apply(node, index, &settled)).await;
    drop(proof);
    drop(gate);
    imported.map_err(Failure::Final)?.map_err(|reason| {
        node.ports.settlement.forget(index);
        Failure::Transient(reason)
    })?;
    tracing::info!(batch = index, "imported from L1");
    node.emit(index, BatchEventKind::Sealed);
    node.emit(index, BatchEventKind::Settled { tx });
    Ok(())
}

/// Applies a settled batch to ledger, store and memory. The inner error is the reason why L1's
/// answer is not such a batch.
fn apply(node: &Arc<Node>, index: u64, settled: &SettledBatch) -> Result<Result<(), String>, Halt> {
    let published = &settled.published;
    let context = &node.ledger_config.context;
    let mut ledger = node.ledger();
    let old = *ledger.state();
    let new = match ledger.replay(published, context) {
        Ok(state) => state,
        Err(error) => return Ok(Err(format!("batch {index} of L1 does not apply: {error}"))),
    };
    if new.commitment() != settled.new_state {
        // The answer was false, and the ledger has followed it.
        *ledger = load_ledger(&node.store, index, context)?;
        return Ok(Err(format!("batch {index} of L1 leads to another state")));
    }
    let checkpoint = checkpoint(node, &ledger, index);
    drop(ledger);
    let _accepting = node.accept_gate();
    let touched = Touched::find(node, published, index);
    let imported = Imported {
        settled,
        old,
        new,
        touched,
        checkpoint,
    };
    // From here on memory is ahead of the disk, so that a failure halts.
    imported.write(node)?;
    imported.show(node)?;
    Ok(Ok(()))
}

/// The submissions in the mempool that a batch of L1 concerns.
struct Touched {
    /// Transactions that the batch holds, with their slots.
    included: Vec<(u32, Sequenced)>,
    /// Transactions whose notes the batch spends otherwise.
    impossible: Vec<Removed>,
}

impl Touched {
    fn find(node: &Node, published: &PublishedBatch, index: u64) -> Self {
        let pool = node.pool();
        let mut seen = HashSet::new();
        let mut touched = Self {
            included: Vec::new(),
            impossible: Vec::new(),
        };
        for (slot, transaction) in (0u32..).zip(&published.transactions) {
            for holder in pool.holders(&transaction.nullifiers) {
                if !seen.insert(holder.0) {
                    continue;
                }
                if is_published(&holder, transaction) {
                    let digest = hex::encode(holder.1.id.to_bytes());
                    tracing::info!(%digest, batch = index, "found in a batch of L1");
                    touched.included.push((slot, holder));
                } else {
                    let reason = FinalRejection::NullifierSpent;
                    let record = TransactionRecord::Rejected { reason };
                    touched.impossible.push((holder, record));
                }
            }
        }
        touched
    }
}

/// Whether a submission is the transaction that was published. Everything that differs between two
/// transactions with the same nullifiers and outputs is fixed by their proofs' statements, and L1
/// publishes no more of it.
fn is_published((_, submission): &Sequenced, published: &PublishedTransaction) -> bool {
    submission.transaction.published() == *published
}

/// A batch of L1 on its way to disk.
struct Imported<'a> {
    settled: &'a SettledBatch,
    old: State,
    new: State,
    touched: Touched,
    /// The ledger after the batch, if a checkpoint is due.
    checkpoint: Option<Vec<u8>>,
}

impl Imported<'_> {
    /// Stores the batch, its deposits, the fates of the transactions that it touches and the new
    /// head, with one synced write.
    fn write(&self, node: &Node) -> Result<(), StoreError> {
        let published = &self.settled.published;
        let index = self.old.batch_index;
        let tx = self.settled.tx;
        let record = BatchRecord {
            shape: published.shape,
            time: published.header.time,
            assets_root: published.header.assets_root,
            oracle: published.header.oracle,
            commitment: data_commitment(&published.words()),
            old: self.old,
            new: self.new,
            // L1 does not publish what the digests are made of.
            transactions: Vec::new(),
            published: published.to_bytes(),
        };
        let mut changes = node.store.change();
        changes.put::<Batches>(&index, &record)?;
        changes.put::<Stages>(&index, &Stage::Settled { tx })?;
        // As they were queued: after a reorganisation another batch may not pass over one.
        for (place, deposit) in (self.old.deposit_count..).zip(&self.settled.deposits) {
            changes.put::<Deposits>(&place, deposit)?;
        }
        // Kept in case a reorganisation takes the batch away.
        let kept = self.touched.included.iter();
        let kept = kept.map(|(_, (sequence, submission))| (*sequence, submission.bytes.clone()));
        changes.put::<Submissions>(&index, &SubmissionsRecord(kept.collect()))?;
        for (slot, (sequence, submission)) in &self.touched.included {
            changes.delete::<Mempool>(sequence)?;
            let record = TransactionRecord::Included {
                batch: index,
                slot: *slot,
            };
            changes.put::<Transactions>(&submission.id, &record)?;
        }
        removal::write(&mut changes, &self.touched.impossible)?;
        changes.put::<Meta>(&MetaKey::Head, &Bytes(self.new.encode()))?;
        if let Some(bytes) = &self.checkpoint {
            changes.keep_checkpoint(self.new.batch_index, bytes.clone())?;
        }
        changes.commit()
    }

    /// Brings memory to the state that is now on disk.
    fn show(&self, node: &Node) -> Result<(), Halt> {
        let published = &self.settled.published;
        let deposits = waiting_deposits(&node.store, self.new.deposit_count)?;
        {
            let mut pool = node.pool();
            let gone = self.touched.impossible.iter().map(|(entry, _)| entry.0);
            pool.remove(gone.collect::<Vec<_>>());
            let leaving = self.touched.included.iter().map(|(_, entry)| entry.0);
            let spent = published.transactions.iter().flat_map(|tx| tx.nullifiers);
            pool.sealed(
                leaving.collect::<Vec<_>>(),
                spent.collect::<Vec<Nullifier>>(),
                self.new,
                &published.header.oracle,
                published.header.time,
            );
            telemetry::mempool(pool.census().queued);
        }
        let now = node.clock().now();
        *node.deposits() = DepositQueue::new(self.new.deposit_count, deposits, now);
        {
            let mut cursor = node.cursor();
            cursor.seal = self.new.batch_index;
            cursor.prove = self.new.batch_index;
            cursor.settle = self.new.batch_index;
        }
        telemetry::transactions("included", self.touched.included.len());
        removal::report(&self.touched.impossible);
        Ok(())
    }
}
