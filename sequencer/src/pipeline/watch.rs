//! Follows the chain: the assets root, the vault's deposit queue and the price oracle.

use std::{collections::HashSet, sync::Arc, time::Duration};

use super::{Backoff, CHAIN, Failure, blocking, chain_time, look::look, reading, seal::sweep_legs};
use crate::{
    health::Halt,
    node::{Node, Registry},
    oracle::{KnownSnapshot, LogError, Oracle},
    ports::{OracleLog, QueuedDeposit, RollupView},
    store::{
        StoreError,
        tables::{Batches, Bytes, Deposits, Meta, MetaKey, PriceSnapshots, StoredSnapshot, Value},
    },
    telemetry,
    wire::{Word, word},
};

/// Number of deposits in one read.
const PAGE: u64 = 256;
/// Number of deposits of which each turn asks whether their depositors want them back: the largest
/// batch has room for 64.
const REQUESTS: u64 = 256;

/// Name of the health entry of a price oracle that cannot be followed. Sealing waits for it, after
/// a moment.
const ORACLE: &str = "price_oracle";

/// The fault of a snapshot in the log that is ignored.
const NOT_ITS_DIGEST: &str = "the digest of a price snapshot is not the digest of its contents";

/// Number of blocks by which the stored cursor of the oracle's log may lag, so that not every poll
/// writes.
const ORACLE_LAG: u64 = 1_024;

/// Polls until cancelled or halted.
pub(crate) async fn run(node: Arc<Node>) {
    let mut backoff = Backoff::new(&node);
    let mut oracle = Following {
        backoff: Backoff::new(&node),
        due: node.clock().now(),
    };
    loop {
        let result = poll(&node, &mut oracle).await;
        let again = match result {
            Ok(()) => {
                backoff.reset();
                node.health.restore(CHAIN);
                tokio::select! {
                    () = node.cancel.cancelled() => false,
                    () = node.clock().sleep(node.config.poll()) => true,
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

/// The time of the next read of the oracle's log. After a failure the whole log may have to be
/// read, which is too much for each poll.
struct Following {
    backoff: Backoff,
    /// The clock's time of the next read.
    due: Duration,
}

/// Reads the chain once.
async fn poll(node: &Arc<Node>, oracle: &mut Following) -> Result<(), Failure> {
    let view = look(node).await?;
    read_assets(node, &view).await?;
    // The oracle is followed whatever becomes of the deposits.
    let deposits = read_deposits(node).await;
    if oracle.due <= node.clock().now() {
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
                oracle.due = node.clock().now() + oracle.backoff.step();
            }
            Err(halt) => return Err(halt),
        }
    }
    node.wake_settle.notify_one();
    node.wake_seal.notify_one();
    deposits
}

/// Takes over the root of the asset tree, and reads the assets if it changed.
async fn read_assets(node: &Arc<Node>, view: &RollupView) -> Result<(), Failure> {
    if node.registry().root != view.assets_root {
        let read = Registry::read(&*node.ports.settlement, view.assets_root).await;
        let Some(registry) = read.map_err(reading)? else {
            let reason = "the assets that L1 lists do not have the root that it states";
            return Err(Failure::Transient(reason.into()));
        };
        node.set_registry(registry);
    }
    node.pool().set_assets_root(view.assets_root);
    Ok(())
}

/// Reads the deposits that have their confirmations. A deposit with fewer can still disappear or
/// move in the queue, and a batch that holds it would never settle.
async fn read_deposits(node: &Arc<Node>) -> Result<(), Failure> {
    let confirmed = node
        .ports
        .settlement
        .deposits_mined(node.config.deposit_confirmations())
        .await
        .map_err(reading)?;
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
            .map_err(reading)?;
        if page.is_empty() {
            // This answer came from an L1 node that lags behind the previous one.
            let reason = "the L1 node returned fewer deposits than it counted";
            return Err(Failure::Transient(reason.into()));
        }
        // Dropping batches rewrites the queue. The gate keeps the two apart.
        let gate = node.seal_gate.lock().await;
        blocking(node, "watch", move |node| store(node, page))
            .await
            .map_err(Failure::Final)?
            .map_err(Failure::Transient)?;
        drop(gate);
    }
    let first = node.deposits().first();
    let settlement = &node.ports.settlement;
    let take_backs = settlement.take_backs(first, REQUESTS).await;
    let take_backs = take_backs.map_err(reading)?;
    let mut deposits = node.deposits();
    deposits.note_take_backs(first..first + REQUESTS, &take_backs, node.clock().now());
    telemetry::deposits_waiting(deposits.len());
    Ok(())
}

/// Follows the oracle's log to its end. Returns the number of snapshots in its newest part that
/// failed verification.
pub(super) async fn follow(node: &Arc<Node>) -> Result<usize, Failure> {
    let _gate = node.oracle_gate.lock().await;
    let from = node.oracle().cursor().from;
    let log = node.ports.settlement.oracle_log(from).await;
    let log = log.map_err(|error| Failure::Transient(error.to_string()))?;
    node.saw_time(log.head.timestamp);
    if node.is_level() && node.pool().legs_due(node.clock().unix()) {
        // A leg that a withdrawn snapshot made impossible stays rejected if the chain records the
        // snapshot again. Otherwise two legs could miss each other and wait for ever.
        sweep_legs(node).await.map_err(Failure::Final)?;
    }
    // No submission moves between mempool and batches while their snapshots are looked up.
    let _sealing = node.seal_gate.lock().await;
    blocking(node, "watch", move |node| follow_log(node, &log))
        .await
        .map_err(Failure::Final)?
        .map_err(|error| Failure::Transient(error.to_string()))
}

/// Follows a log and stores the new state of the oracle.
fn follow_log(node: &Node, log: &OracleLog) -> Result<Result<usize, LogError>, Halt> {
    let clock = chain_time(node, log.head.timestamp);
    let before = node.oracle();
    let (mut next, refused) = match before.follow(log, clock) {
        Ok(followed) => followed,
        Err(LogError::Behind) => return Ok(Err(LogError::Behind)),
        Err(LogError::Foreign) => {
            node.set_oracle(before.astray());
            return Ok(Err(LogError::Foreign));
        }
        Err(error) => {
            node.set_oracle(before.anew());
            return Ok(Err(error));
        }
    };
    let outdated = next.outdated(clock);
    if !outdated.is_empty() {
        let kept = snapshots_in_use(node)?;
        next.forget(&outdated.difference(&kept).copied().collect());
    }
    let changed = next.known() != before.known();
    if changed || next.is_ahead(ORACLE_LAG) {
        write_oracle(node, &before, &next)?;
        next.stored();
    }
    if changed {
        tracing::info!(
            known = next.known().len(),
            "the known price snapshots changed"
        );
    }
    node.set_oracle(next);
    node.choose_prices(clock);
    Ok(Ok(refused))
}

/// Returns the snapshots that are still of use: of the unsettled batches, whose transactions may
/// have to be sealed anew, and of the next batch.
fn snapshots_in_use(node: &Node) -> Result<HashSet<Word>, StoreError> {
    let settle = node.cursor().settle;
    let batches = node.store.range::<Batches>(&settle)?;
    let mut used = batches
        .map(|batch| batch.map(|(_, record)| word(&record.oracle)))
        .collect::<Result<HashSet<Word>, StoreError>>()?;
    used.insert(word(&node.pool().view().prices.digest));
    Ok(used)
}

/// Stores the new snapshots, deletes the forgotten ones and stores the cursor, with one synced
/// write.
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
        changes.put::<PriceSnapshots>(&known.id, &stored(known))?;
    }
    changes.put::<Meta>(&MetaKey::Oracle, &Bytes(next.cursor().encode()))?;
    changes.commit()
}

/// Makes the stored form of a snapshot.
fn stored(known: &KnownSnapshot) -> StoredSnapshot {
    StoredSnapshot {
        block: known.block,
        place: known.place,
        snapshot: *known.snapshot,
    }
}

/// Stores deposits and appends them to the queue. The inner error is the fault in the answer.
fn store(node: &Node, page: Vec<QueuedDeposit>) -> Result<Result<(), String>, Halt> {
    let expected = node.deposits().next();
    let mut changes = node.store.change();
    for (expected, deposit) in (expected..).zip(&page) {
        if deposit.index != expected {
            // Batches were dropped or imported since the page was asked for, or the answer is odd.
            return Ok(Err(format!(
                "L1 answered deposit {} where deposit {expected} was expected",
                deposit.index
            )));
        }
        changes.put::<Deposits>(&deposit.index, &deposit.deposit)?;
    }
    changes.commit()?;
    let now = node.clock().now();
    let mut queue = node.deposits();
    for deposit in page {
        queue.push(deposit.deposit, now);
    }
    Ok(Ok(()))
}
