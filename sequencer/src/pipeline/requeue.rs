//! Comparing the deposits that are not settled with L1's queue. A reorganisation can change a
//! deposit after its confirmations, and a batch that holds the old one would never settle.

use std::sync::Arc;

use subrosa_protocol::ledger::Deposit;

use super::{Failure, blocking, reading, rewind::withdraw};
use crate::{
    deposits::DepositQueue,
    health::Halt,
    node::Node,
    ports::RollupView,
    recovery::waiting_deposits,
    store::tables::{Batches, Deposits},
    telemetry,
};

/// Number of deposits in one read.
const PAGE: u64 = 256;

/// Compares the stored and unsettled deposits with L1's, if L1 has a block that was not compared.
/// If they differ, drops the batches that hold changed deposits and forgets the deposits from the
/// first changed one on. They are read again when L1 has confirmed them.
///
/// Only the settling task calls this, so that no batch is dropped while it is sent.
pub(super) async fn requeue_changed(node: &Arc<Node>, view: &RollupView) -> Result<(), Failure> {
    if node.has_compared(&view.block) {
        return Ok(());
    }
    let Some(changed) = first_changed(node, view).await? else {
        node.note_compared(view.block);
        return Ok(());
    };
    tracing::warn!(deposit = changed, "L1 changed its deposit queue");
    telemetry::requeued();
    node.set_level(false);
    let holder = blocking(node, "watch", move |node| holder(node, changed)).await;
    if let Some(batch) = holder.map_err(Failure::Final)? {
        tracing::warn!(
            batch,
            "dropping unsettled batches: their deposits have changed"
        );
        withdraw(node, batch).await?;
    }
    let gate = node.seal_gate.lock().await;
    blocking(node, "watch", move |node| forget(node, changed))
        .await
        .map_err(Failure::Final)?;
    drop(gate);
    Ok(())
}

/// Returns the index of the first stored and unsettled deposit that L1 no longer holds as it is
/// stored.
async fn first_changed(node: &Arc<Node>, view: &RollupView) -> Result<Option<u64>, Failure> {
    let from = view.deposit_count;
    let ours: Vec<Deposit> = blocking(node, "watch", move |node| {
        Ok(waiting_deposits(&node.store, from)?)
    })
    .await
    .map_err(Failure::Final)?;
    let until = from + ours.len() as u64;
    let mut place = from;
    while place < until {
        if place >= view.queued_deposits {
            return Ok(Some(place));
        }
        let limit = PAGE.min(until - place).min(view.queued_deposits - place);
        let theirs = node.ports.settlement.deposits(place, limit).await;
        let theirs = theirs.map_err(reading)?;
        if theirs.is_empty() {
            let reason = "the L1 endpoint returned fewer deposits than it counted";
            return Err(Failure::Transient(reason.into()));
        }
        for found in theirs {
            if found.index != place {
                let reason = "the L1 endpoint returned deposits out of order";
                return Err(Failure::Transient(reason.into()));
            }
            if ours.get((place - from) as usize) != Some(&found.deposit) {
                return Ok(Some(place));
            }
            place += 1;
        }
    }
    Ok(None)
}

/// Returns the first unsettled batch that holds the deposit with this index or a later one.
fn holder(node: &Node, deposit: u64) -> Result<Option<u64>, Halt> {
    let settle = node.cursor().settle;
    for entry in node.store.range::<Batches>(&settle)? {
        let (index, record) = entry?;
        if record.new.deposit_count > deposit {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Forgets the stored deposits from this index on, unless a sealed batch holds them. They are read
/// again. The caller holds the gate of sealing.
pub(super) fn forget(node: &Arc<Node>, from: u64) -> Result<(), Halt> {
    let sealed = node.ledger().state().deposit_count;
    let mut changes = node.store.change();
    for entry in node.store.range::<Deposits>(&from.max(sealed))? {
        changes.delete::<Deposits>(&entry?.0)?;
    }
    changes.commit()?;
    let left = waiting_deposits(&node.store, sealed)?;
    *node.deposits() = DepositQueue::new(sealed, left, node.clock().now());
    Ok(())
}
