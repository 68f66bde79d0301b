//! Looking at L1: one view at a time, acted upon only if it is not older than one seen before.

use std::sync::Arc;

use super::{Failure, blocking, reading};
use crate::{
    chain::Sighting,
    node::Node,
    ports::{Block, RollupView},
    store::tables::{Bytes, Meta, MetaKey, Value},
    telemetry,
};

/// Number of blocks after which the newest seen block is stored again.
const STORE_EVERY: u64 = 16;

/// Reads the rollup at L1's newest block.
///
/// A view that is older than one seen before is refused: the endpoint is behind, and nothing that
/// it lacks has been taken back. A reorganisation is noted, so that everything that is not final is
/// compared again.
pub(super) async fn look(node: &Arc<Node>) -> Result<RollupView, Failure> {
    // One look at a time, so that the views of two tasks do not overtake each other.
    let _gate = node.look_gate.lock().await;
    let view = node.ports.settlement.rollup().await.map_err(reading)?;
    let block = &view.block;
    refuse_old(node, block)?;
    let sighting = node.seen_blocks().relate(block);
    let replaced = match sighting {
        Sighting::Next | Sighting::Behind { .. } | Sighting::Older { .. } => false,
        Sighting::Replaced => true,
        Sighting::Ask(seen) => !holds(node, &seen).await?,
    };
    let last = node.seen_blocks().newest().copied();
    let above = last.filter(|last| last.number > block.number);
    if let Some(last) = above
        && !replaced
        && last.timestamp >= block.timestamp
    {
        return Err(behind(block, last.number));
    }
    // A block that is lower and later is of another chain than the one that was seen, whose wrong
    // number would bar all that follow.
    let reorganised = replaced || above.is_some();
    if reorganised {
        tracing::warn!(block = block.number, "L1 was reorganised");
        telemetry::reorganised();
        forget_replaced(node).await?;
        node.compare_again();
    }
    node.seen_blocks().note(*block);
    node.saw_time(block.timestamp);
    telemetry::l1_head(
        block.number,
        node.clock().unix().saturating_sub(block.timestamp),
    );
    remember(node, block).await?;
    Ok(view)
}

fn behind(block: &Block, newest: u64) -> Failure {
    Failure::Transient(format!(
        "the L1 endpoint is behind: it shows block {}, and block {newest} was seen before",
        block.number
    ))
}

/// Refuses a block that is so old that the endpoint must have stopped following its chain, or so
/// far in the future that one of the two clocks is wrong.
fn refuse_old(node: &Node, block: &Block) -> Result<(), Failure> {
    let now = node.clock().unix();
    let age = now.saturating_sub(block.timestamp);
    let ahead = block.timestamp.saturating_sub(now);
    match node.config.max_head_age() {
        Some(most) if ahead > most => Err(Failure::Transient(format!(
            "L1's newest block is {ahead} seconds ahead of this machine's clock; check the L1 \
             endpoint and the clock"
        ))),
        Some(most) if age > most => Err(Failure::Transient(format!(
            "L1's newest block is {age} seconds old by this machine's clock; check the L1 endpoint \
             and the clock"
        ))),
        _ => Ok(()),
    }
}

/// Whether L1's chain holds a block that was seen. One that an endpoint does not show below its
/// newest is not held: that costs a comparison, and waiting for it could have no end.
async fn holds(node: &Node, seen: &Block) -> Result<bool, Failure> {
    let found = node.ports.settlement.block(seen.number).await;
    let found = found.map_err(reading)?;
    Ok(found.is_some_and(|found| found.hash == seen.hash))
}

/// Forgets the seen blocks that are no longer on L1's chain.
async fn forget_replaced(node: &Node) -> Result<(), Failure> {
    loop {
        let newest = node.seen_blocks().newest().copied();
        let Some(seen) = newest else { return Ok(()) };
        let found = node.ports.settlement.block(seen.number).await;
        let found = found.map_err(reading)?;
        if found.is_some_and(|found| found.hash == seen.hash) {
            return Ok(());
        }
        node.seen_blocks().forget_from(seen.number);
    }
}

/// Stores the newest seen block now and then, so that an endpoint that is behind is noticed after a
/// restart too.
async fn remember(node: &Arc<Node>, block: &Block) -> Result<(), Failure> {
    if !node.store_block(block.number, STORE_EVERY) {
        return Ok(());
    }
    let block = *block;
    blocking(node, "watch", move |node| {
        let mut changes = node.store.change();
        changes.put::<Meta>(&MetaKey::Block, &Bytes(block.encode()))?;
        Ok(changes.commit()?)
    })
    .await
    .map_err(Failure::Final)
}
