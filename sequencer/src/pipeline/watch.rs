//! Follows the chain: the assets root, and the vault's deposit queue.

use std::sync::Arc;

use super::{Backoff, CHAIN, Failure, blocking, reading};
use crate::engine::{Engine, Registry};
use crate::health::Halt;
use crate::ports::QueuedDeposit;
use crate::store::tables::Deposits;
use crate::telemetry;

/// Deposits fetched at once.
const PAGE: u64 = 256;

/// Polls until cancelled or halted.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut backoff = Backoff::new(&engine);
    loop {
        let result = poll(&engine).await;
        let again = match result {
            Ok(()) => {
                backoff.reset();
                engine.health.restore(CHAIN);
                tokio::select! {
                    () = engine.cancel.cancelled() => false,
                    () = tokio::time::sleep(engine.config.poll()) => true,
                }
            }
            Err(Failure::Transient(reason)) => {
                engine.health.degrade(CHAIN, reason);
                backoff.pause(&engine).await
            }
            Err(Failure::Final(halt)) => {
                engine.health.halt(halt);
                false
            }
        };
        if !again || engine.health.is_halted() {
            return;
        }
    }
}

async fn poll(engine: &Arc<Engine>) -> Result<(), Failure> {
    let at = engine.cursor().seal;
    let view = engine
        .ports
        .settlement
        .rollup()
        .await
        .map_err(|error| reading(error, at))?;
    engine.pool().set_assets_root(view.assets_root);
    if engine.registry().root != view.assets_root {
        let assets = engine
            .ports
            .settlement
            .assets()
            .await
            .map_err(|error| reading(error, at))?;
        engine.set_registry(Registry {
            root: view.assets_root,
            assets: Arc::new(assets),
        });
    }
    loop {
        let from = engine.deposits().next();
        if view.queued_deposits <= from {
            break;
        }
        let limit = PAGE.min(view.queued_deposits - from);
        let page = engine
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
        let gate = engine.seal_gate.lock().await;
        blocking(engine, "watch", move |engine| store(engine, page))
            .await
            .map_err(Failure::Final)?;
        drop(gate);
    }
    telemetry::deposits_waiting(engine.deposits().len());
    engine.wake_settle.notify_one();
    engine.wake_seal.notify_one();
    Ok(())
}

fn store(engine: &Engine, page: Vec<QueuedDeposit>) -> Result<(), Halt> {
    let expected = engine.deposits().next();
    let failed = |error: crate::store::StoreError| Halt::Store {
        detail: error.to_string(),
    };
    let mut changes = engine.store.change();
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
    let mut queue = engine.deposits();
    for deposit in page {
        queue.push(deposit.deposit);
    }
    Ok(())
}
