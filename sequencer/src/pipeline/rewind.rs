//! Dropping sealed batches that L1 does not accept although they are valid: they became too old while
//! L1 or the prover was away, the assets root changed, L1 took their price snapshot or their
//! deposits back, or it settled other batches in their place.
//!
//! Their transactions return to their old places in the mempool and are sealed anew. No transaction
//! is lost, and none is doubled: if L1 settles a dropped batch after all, the batch is imported, and
//! its transactions leave the mempool again.

use std::sync::Arc;

use super::blocking;
use crate::{
    deposits::DepositQueue,
    event::BatchEventKind,
    health::Halt,
    node::{Node, sealed_view},
    record::TransactionRecord,
    recovery::{load_ledger, waiting_deposits},
    store::{
        StoreError,
        tables::{
            Batches, Bytes, Jobs, LedgerCheckpoints, Mempool, Meta, MetaKey, Proofs, Stages,
            Submissions, Transactions, Value,
        },
    },
    submission::{ParsedSubmission, Sequenced},
    telemetry,
};

/// Drops all batches from `from` on.
pub(super) async fn rewind(node: &Arc<Node>, from: u64) -> Result<(), Halt> {
    let seal_gate = node.seal_gate.lock().await;
    let prove_gate = node.interrupt_proof().await;
    let until = node.cursor().seal;
    let result = blocking(node, "rewind", move |node| drop_batches(node, from)).await;
    drop(prove_gate);
    drop(seal_gate);
    result?;
    for index in from..until {
        node.emit(index, BatchEventKind::Dropped);
    }
    node.wake_seal.notify_one();
    Ok(())
}

fn drop_batches(node: &Arc<Node>, from: u64) -> Result<(), Halt> {
    let failed = |error: StoreError| Halt::Store {
        detail: error.to_string(),
    };
    let inconsistent = |detail: String| Halt::Store { detail };
    let until = node.cursor().seal;
    let store = &node.store;
    let mut returning: Vec<Vec<Sequenced>> = Vec::new();
    let mut changes = store.change();
    for index in from..until {
        // An imported batch holds the submissions that were in the mempool here, which may be none.
        let submissions = store
            .get::<Submissions>(&index)
            .map_err(failed)?
            .ok_or_else(|| inconsistent(format!("the submissions of batch {index} are missing")))?;
        let mut batch = Vec::with_capacity(submissions.0.len());
        for (sequence, bytes) in submissions.0 {
            let submission = ParsedSubmission::parse(bytes, &node.ledger_config.context)
                .map_err(|error| inconsistent(format!("batch {index}: {error}")))?;
            batch.push((sequence, Arc::new(submission)));
        }
        returning.push(batch);
        changes.delete::<Batches>(&index).map_err(failed)?;
        changes.delete::<Stages>(&index).map_err(failed)?;
        changes.delete::<Jobs>(&index).map_err(failed)?;
        changes.delete::<Proofs>(&index).map_err(failed)?;
        changes.delete::<Submissions>(&index).map_err(failed)?;
        changes
            .delete::<LedgerCheckpoints>(&(index + 1))
            .map_err(failed)?;
    }
    for (sequence, submission) in returning.iter().flatten() {
        changes
            .put::<Mempool>(sequence, &Bytes(submission.bytes.clone()))
            .map_err(failed)?;
        let record = TransactionRecord::Pending {
            sequence: *sequence,
        };
        changes
            .put::<Transactions>(&submission.id, &record)
            .map_err(failed)?;
    }
    // The ledger is rebuilt before the write, so that a failure leaves the store unchanged.
    let ledger = load_ledger(store, from, &node.ledger_config.context)
        .map_err(|error| inconsistent(error.to_string()))?;
    let state = *ledger.state();
    let deposits = waiting_deposits(store, state.deposit_count)
        .map_err(|error| inconsistent(error.to_string()))?;
    let time = match from.checked_sub(1).filter(|index| *index > 0) {
        None => 0,
        Some(index) => store
            .get::<Batches>(&index)
            .map_err(failed)?
            .map_or(0, |record| record.time),
    };
    changes
        .put::<Meta>(&MetaKey::Head, &Bytes(state.encode()))
        .map_err(failed)?;
    changes.commit().map_err(failed)?;

    let mut current = node.ledger();
    let mut pool = node.pool();
    let assets_root = pool.view().assets_root;
    pool.dropped(sealed_view(&ledger, assets_root, time));
    for batch in returning {
        pool.restore_batch(batch).map_err(|_| {
            inconsistent("a dropped batch and the mempool have a nullifier in common".into())
        })?;
    }
    telemetry::mempool(pool.census().queued);
    *node.deposits() = DepositQueue::new(state.deposit_count, deposits, node.clock().now());
    let mut cursor = node.cursor();
    cursor.seal = from;
    cursor.prove = cursor.prove.min(from);
    cursor.settle = cursor.settle.min(from);
    drop(pool);
    *current = ledger;
    Ok(())
}
