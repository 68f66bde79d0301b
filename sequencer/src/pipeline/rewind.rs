//! Dropping sealed batches that L1 does not accept although they are valid: they became too old
//! while L1 or the prover was away, the assets root changed, L1 took their price snapshot or
//! their deposits back, or it settled other batches in their place.
//!
//! Their transactions return to their old places in the mempool and are sealed anew. No
//! transaction is lost, and none is doubled: if L1 settles a dropped batch after all, the batch
//! is imported, and its transactions leave the mempool again.

use std::sync::Arc;

use subrosa_protocol::Fr;

use super::{Failure, blocking, chain_time, course::record, reading};
use crate::{
    deposits::DepositQueue,
    event::BatchEventKind,
    health::Halt,
    node::{Node, sealed_view},
    record::TransactionRecord,
    recovery::{load_ledger, waiting_deposits},
    store::tables::{
        Batches, Bytes, Jobs, LedgerCheckpoints, Mempool, Meta, MetaKey, Proofs, Stages,
        Submissions, Transactions, Value,
    },
    submission::{ParsedSubmission, Sequenced},
    telemetry,
};

/// Drops all batches from `from` on, after everything that was sent of them is cancelled, the last
/// first: L1 would settle a batch that is dropped and still sent, and refuse what is sealed after.
///
/// # Errors
/// A transient failure if one of them is mined before it is cancelled, or neither yet. Nothing is
/// dropped then, and the next comparison with L1 decides.
pub(super) async fn withdraw(node: &Arc<Node>, from: u64) -> Result<(), Failure> {
    let sent = {
        let cursor = node.cursor();
        from..cursor.prove.min(cursor.seal)
    };
    for index in sent.rev() {
        let commitment = record(node, index).await?.commitment;
        let cancelled = node.ports.settlement.cancel(index, &commitment).await;
        if !cancelled.map_err(reading)? {
            return Err(Failure::Transient(format!(
                "L1 mined batch {index} just before it was cancelled"
            )));
        }
    }
    rewind(node, from).await.map_err(Failure::Final)
}

/// Drops all batches from `from` on. L1 has settled others in their place.
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
    let inconsistent = |detail: String| Halt::Store { detail };
    let until = node.cursor().seal;
    let store = &node.store;
    let mut returning: Vec<Vec<Sequenced>> = Vec::new();
    let mut changes = store.change();
    for index in from..until {
        // An imported batch holds the submissions that were in the mempool here, which may be none.
        let submissions = store
            .get::<Submissions>(&index)?
            .ok_or_else(|| inconsistent(format!("the submissions of batch {index} are missing")))?;
        let mut batch = Vec::with_capacity(submissions.0.len());
        for (sequence, bytes) in submissions.0 {
            let submission = ParsedSubmission::parse(bytes, &node.ledger_config.context)
                .map_err(|error| inconsistent(format!("batch {index}: {error}")))?;
            batch.push((sequence, Arc::new(submission)));
        }
        returning.push(batch);
        changes.delete::<Batches>(&index)?;
        changes.delete::<Stages>(&index)?;
        changes.delete::<Jobs>(&index)?;
        changes.delete::<Proofs>(&index)?;
        changes.delete::<Submissions>(&index)?;
        changes.delete::<LedgerCheckpoints>(&(index + 1))?;
    }
    for (sequence, submission) in returning.iter().flatten() {
        changes.put::<Mempool>(sequence, &Bytes(submission.bytes.clone()))?;
        let record = TransactionRecord::Pending {
            sequence: *sequence,
        };
        changes.put::<Transactions>(&submission.id, &record)?;
    }
    // The ledger is rebuilt before the write, so that a failure leaves the store unchanged.
    let ledger = load_ledger(store, from, &node.ledger_config.context)?;
    let state = *ledger.state();
    let deposits = waiting_deposits(store, state.deposit_count)?;
    let none = (0, Fr::from(0u64));
    let last = match from.checked_sub(1).filter(|index| *index > 0) {
        None => none,
        Some(index) => store
            .get::<Batches>(&index)?
            .map_or(none, |record| (record.time, record.oracle)),
    };
    changes.put::<Meta>(&MetaKey::Head, &Bytes(state.encode()))?;
    changes.commit()?;

    let mut current = node.ledger();
    let mut pool = node.pool();
    let assets_root = pool.view().assets_root;
    let prices = pool.view().prices;
    pool.dropped(sealed_view(&ledger, assets_root, prices, last));
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
    drop(cursor);
    drop(pool);
    *current = ledger;
    drop(current);
    // The submissions that returned may rely on other prices.
    node.choose_prices(chain_time(node, node.seen_time()));
    Ok(())
}
