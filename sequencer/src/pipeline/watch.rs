//! Follows the chain: the assets root, the vault's deposit queue, and the price oracle.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::seal::sweep_legs;
use super::{Backoff, CHAIN, Failure, blocking, chain_time, reading};
use crate::admission::unix_now;
use crate::node::{Node, Registry};
use crate::health::Halt;
use crate::oracle::{LogError, Oracle};
use crate::ports::{OracleLog, QueuedDeposit};
use crate::store::StoreError;
use crate::store::tables::{Batches, Bytes, Deposits, Meta, MetaKey, PriceSnapshots, Value};
use crate::telemetry;
use crate::wire::{Word, word};

/// Deposits fetched at once.
const PAGE: u64 = 256;

/// Health entry for a price oracle that cannot be followed. Nothing else waits for it.
const ORACLE: &str = "price_oracle";

/// What is wrong with a snapshot that is not taken for one.
const NOT_ITS_DIGEST: &str = "the digest of a price snapshot is not that of its contents";

/// Blocks by which the stored place in the oracle's log may be behind, so that not every poll writes.
const ORACLE_LAG: u64 = 1_024;

/// Polls until cancelled or halted.
pub(crate) async fn run(node: Arc<Node>) {
    let mut backoff = Backoff::new(&node);
    let mut oracle = Following {
        backoff: Backoff::new(&node),
        due: Instant::now(),
    };
    loop {
        let result = poll(&node, &mut oracle).await;
        let again = match result {
            Ok(()) => {
                backoff.reset();
                node.health.restore(CHAIN);
                tokio::select! {
                    () = node.cancel.cancelled() => false,
                    () = tokio::time::sleep(node.config.poll()) => true,
                }
            }
            Err(Failure::Transient(reason)) => {
                node.health.degrade(CHAIN, reason);
                backoff.pause(&node).await
            }
            Err(Failure::Final(halt)) => {
                node.health.halt(halt);
                false
            }
        };
        if !again || node.health.is_halted() {
            return;
        }
    }
}

/// When to read the oracle's log. A failure may mean reading all of it, which is not done at each poll.
struct Following {
    backoff: Backoff,
    due: Instant,
}

async fn poll(node: &Arc<Node>, oracle: &mut Following) -> Result<(), Failure> {
    let at = node.cursor().seal;
    let view = node
        .ports
        .settlement
        .rollup()
        .await
        .map_err(|error| reading(error, at))?;
    node.pool().set_assets_root(view.assets_root);
    if node.registry().root != view.assets_root {
        let assets = node
            .ports
            .settlement
            .assets()
            .await
            .map_err(|error| reading(error, at))?;
        node.set_registry(Registry {
            root: view.assets_root,
            assets: Arc::new(assets),
        });
    }
    // A deposit with too few confirmations can still disappear or move in the queue, and a batch
    // that holds it would never settle.
    let confirmed = node
        .ports
        .settlement
        .deposits_mined(node.config.deposit_confirmations())
        .await
        .map_err(|error| reading(error, at))?;
    loop {
        let from = node.deposits().next();
        if confirmed <= from {
            break;
        }
        let limit = PAGE.min(confirmed - from);
        let page = node
            .ports
            .settlement
            .deposits(from, limit)
            .await
            .map_err(|error| reading(error, at))?;
        if page.is_empty() {
            // The node that answered knows less than the one before.
            return Err(Failure::Transient("the deposit queue was cut short".into()));
        }
        // Dropping batches rewrites the queue; the gate keeps the two apart.
        let gate = node.seal_gate.lock().await;
        blocking(node, "watch", move |node| store(node, page))
            .await
            .map_err(Failure::Final)?;
        drop(gate);
    }
    telemetry::deposits_waiting(node.deposits().len());
    if oracle.due <= Instant::now() {
        match follow(node).await {
            Ok(refused) => {
                oracle.backoff.reset();
                match refused {
                    0 => node.health.restore(ORACLE),
                    _ => node.health.degrade(ORACLE, NOT_ITS_DIGEST.into()),
                }
            }
            Err(Failure::Transient(reason)) => {
                node.health.degrade(ORACLE, reason);
                oracle.due = Instant::now() + oracle.backoff.step();
            }
            Err(halt) => return Err(halt),
        }
    }
    node.wake_settle.notify_one();
    node.wake_seal.notify_one();
    Ok(())
}

/// Follows the oracle's log to its end. Returns how many snapshots in its newest part are none.
pub(super) async fn follow(node: &Arc<Node>) -> Result<usize, Failure> {
    let _gate = node.oracle_gate.lock().await;
    let from = node.oracle().cursor().from;
    let log = node.ports.settlement.oracle_log(from).await;
    let log = log.map_err(|error| Failure::Transient(error.to_string()))?;
    node.saw_time(log.head.timestamp);
    if node.pool().legs_due(unix_now()) {
        // What ended with a snapshot that the chain took back stays so when it takes it again, or of two legs
        // one might have passed over the other and both wait for ever.
        sweep_legs(node).await.map_err(Failure::Final)?;
    }
    // Nothing moves from the mempool into a batch, or back, while it is asked what they name.
    let _sealing = node.seal_gate.lock().await;
    blocking(node, "watch", move |node| follow_log(node, &log))
        .await
        .map_err(Failure::Final)?
        .map_err(|error| Failure::Transient(error.to_string()))
}

fn follow_log(node: &Node, log: &OracleLog) -> Result<Result<usize, LogError>, Halt> {
    let clock = chain_time(node, log.head.timestamp);
    let before = node.oracle();
    let (mut next, refused) = match before.follow(log, clock) {
        Ok(followed) => followed,
        Err(LogError::Behind) => return Ok(Err(LogError::Behind)),
        Err(error) => {
            node.set_oracle(before.anew());
            return Ok(Err(error));
        }
    };
    let failed = |error: StoreError| Halt::Store {
        detail: error.to_string(),
    };
    let outdated = next.outdated(clock);
    if !outdated.is_empty() {
        let kept = unsettled_snapshots(node).map_err(failed)?;
        next.forget(&node.pool().forget_snapshots(outdated, &kept));
    }
    let changed = next.known() != before.known();
    if changed || next.is_ahead(ORACLE_LAG) {
        write_oracle(node, &before, &next).map_err(failed)?;
        next.stored();
    }
    if changed {
        node.pool().set_snapshots(next.times());
        tracing::info!(known = next.known().len(), "price snapshots");
    }
    node.set_oracle(next);
    Ok(Ok(refused))
}

/// What unsettled batches name: their transactions may have to be sealed anew.
fn unsettled_snapshots(node: &Node) -> Result<Vec<Word>, StoreError> {
    let settle = node.cursor().settle;
    let batches = node.store.range::<Batches>(&settle)?;
    batches
        .map(|batch| batch.map(|(_, record)| word(&record.oracle)))
        .collect()
}

/// One synced write: the snapshots that are new, those that are gone, and the place in the log.
fn write_oracle(node: &Node, before: &Oracle, next: &Oracle) -> Result<(), StoreError> {
    let mut changes = node.store.change();
    let ids: HashSet<Word> = next.known().iter().map(|known| known.id).collect();
    for gone in before
        .known()
        .iter()
        .filter(|known| !ids.contains(&known.id))
    {
        changes.delete::<PriceSnapshots>(&gone.id)?;
    }
    for known in next.known().iter().filter(|known| !before.holds(known)) {
        changes.put::<PriceSnapshots>(&known.id, &known.record())?;
    }
    changes.put::<Meta>(&MetaKey::Oracle, &Bytes(next.cursor().encode()))?;
    changes.commit()
}

fn store(node: &Node, page: Vec<QueuedDeposit>) -> Result<(), Halt> {
    let expected = node.deposits().next();
    let failed = |error: crate::store::StoreError| Halt::Store {
        detail: error.to_string(),
    };
    let mut changes = node.store.change();
    for (expected, deposit) in (expected..).zip(&page) {
        if deposit.index != expected {
            return Err(Halt::DepositGap {
                expected,
                found: deposit.index,
            });
        }
        changes
            .put::<Deposits>(&deposit.index, &deposit.deposit)
            .map_err(failed)?;
    }
    changes.commit().map_err(failed)?;
    let mut queue = node.deposits();
    for deposit in page {
        queue.push(deposit.deposit);
    }
    Ok(())
}
