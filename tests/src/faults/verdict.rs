//! The comparison of L1, store and remembered answers at the end.
//!
//! 1. Everything comes to rest: all deposits are consumed, all batches are settled, and no accepted
//!    transaction waits.
//! 2. The store holds exactly the batches that L1 holds, each with the state that a ledger replayed
//!    from L1 alone gives it.
//! 3. Each accepted transaction settled once, or was rejected for a reason that L1's history
//!    confirms: its anchor is not there.
//! 4. Each deposit of L1's queue was consumed once, in the queue's order.
//! 5. Nothing halted.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use subrosa_l1::{L1, SettledBatch};
use subrosa_protocol::{
    Fr,
    element::Nullifier,
    encoding::fr_to_hex,
    ledger::{Deposit, Ledger, State},
    transaction::Transaction,
};
use subrosa_sequencer::store::{
    Store,
    tables::{Batches, Stage as BatchStage, Stages},
};

use super::{Driver, Stage, driver::Submitted, setting};
use crate::Api;

/// Statuses of a transaction whose fate is decided.
const DECIDED: &[&str] = &["settled", "final", "rejected", "expired"];

/// Numbers of what happened to everything that was accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Batches on L1.
    pub batches: u64,
    /// Accepted transactions that settled.
    pub settled: u64,
    /// Accepted transactions that were rejected for a reason that L1 confirms.
    pub rejected: u64,
    /// Deposits that were consumed.
    pub deposits: u64,
}

/// The history of L1, replayed.
pub struct Derived {
    /// Batches with the states after them.
    batches: Vec<(SettledBatch, State)>,
    /// The ledger after the last batch.
    ledger: Ledger,
    /// The whole deposit queue.
    queue: Vec<Deposit>,
}

impl Derived {
    /// Whether a batch of L1 holds the transaction.
    #[must_use]
    pub fn holds(&self, transaction: &Transaction) -> bool {
        let first = transaction.nullifiers[0];
        let mut batches = self.batches.iter();
        batches.any(|(settled, _)| {
            let mut all = settled.published.transactions.iter();
            all.any(|one| one.nullifiers[0] == first)
        })
    }
}

/// Fates of the accepted transactions, by digest.
pub type Fates = BTreeMap<String, Value>;

/// Waits until everything has come to rest.
///
/// # Errors
/// If it does not in time, or if the sequencer halts. The error says what is open.
pub async fn rest(stage: &Stage, driver: &Driver, l1: &dyn L1) -> anyhow::Result<Fates> {
    let patience = Duration::from_secs(setting("SUBROSA_PATIENCE_S", 90));
    let since = Instant::now();
    let api = stage.api().context("the sequencer runs")?;
    let mut fates = Fates::new();
    loop {
        stage.goes_on()?;
        let open = open(api, driver, l1, &mut fates).await?;
        match open {
            None => return Ok(fates),
            Some(what) if since.elapsed() > patience => bail!("not at rest: {what}"),
            Some(_) => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    }
}

/// Waits until everything has come to rest at a sequencer in a process of its own.
///
/// # Errors
/// As [`rest`].
pub async fn rest_of(api: &Api, driver: &Driver, l1: &dyn L1) -> anyhow::Result<Fates> {
    let patience = Duration::from_secs(setting("SUBROSA_PATIENCE_S", 90));
    let since = Instant::now();
    let mut fates = Fates::new();
    loop {
        let ready = api.client().request(subrosa_client::Method::GET, "/ready");
        let ready = ready.send().await?.text().await?;
        ensure!(!ready.contains("halted"), "halted: {ready}");
        match open(api, driver, l1, &mut fates).await? {
            None => return Ok(fates),
            Some(what) if since.elapsed() > patience => bail!("not at rest: {what}; {ready}"),
            Some(_) => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    }
}

/// Returns what is not at rest yet.
async fn open(
    api: &Api,
    driver: &Driver,
    l1: &dyn L1,
    fates: &mut Fates,
) -> anyhow::Result<Option<String>> {
    for Submitted { digest, .. } in driver.accepted.iter().chain(&driver.unanswered) {
        let decided = |fate: &Value| DECIDED.contains(&fate["status"].as_str().unwrap_or(""));
        if fates.get(digest).is_some_and(decided) {
            continue;
        }
        match api.transaction(digest).await? {
            Some(fate) => {
                let done = decided(&fate);
                let text = fate.to_string();
                fates.insert(digest.clone(), fate);
                if !done {
                    return Ok(Some(format!("{digest}: {text}")));
                }
            }
            None if driver.accepted.iter().any(|one| one.digest == *digest) => {
                bail!("the accepted transaction {digest} is unknown");
            }
            None => {}
        }
    }
    let view = l1.rollup().await?;
    if view.deposit_count != view.queued_deposits {
        return Ok(Some(format!(
            "{} of {} deposits are consumed",
            view.deposit_count, view.queued_deposits
        )));
    }
    let info = api.client().info().await?;
    if info.settled_below != info.state.batch_index
        || info.state.commitment != fr_to_hex(&view.state)
    {
        return Ok(Some(format!(
            "L1 is before batch {}, the sequencer before batch {}, settled below {}",
            view.batch_index, info.state.batch_index, info.settled_below
        )));
    }
    // A fate may have changed since it was read: a reorganisation can be seen late.
    for (digest, fate) in fates.iter_mut() {
        let Some(now) = api.transaction(digest).await? else {
            bail!("the transaction {digest} is forgotten");
        };
        if now["status"] != fate["status"] {
            let text = format!("{digest}: {fate} became {now}");
            *fate = now;
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// Reads the history of L1 and replays it.
///
/// # Errors
/// If L1's history is not the replay of its own data.
pub async fn derive(l1: &dyn L1, context: &Fr) -> anyhow::Result<Derived> {
    let view = l1.rollup().await?;
    let mut ledger = Ledger::new();
    let mut batches = Vec::new();
    for index in 1..view.batch_index {
        let settled = l1.settled_batch(index).await?;
        let settled = settled.with_context(|| format!("L1 shows batch {index}"))?;
        let state = ledger.replay(&settled.published, context)?;
        ensure!(
            state.commitment() == settled.new_state,
            "batch {index} of L1 leads to another state"
        );
        batches.push((settled, state));
    }
    ensure!(
        ledger.state().commitment() == view.state,
        "the replayed state is not L1's"
    );
    let mut queue = Vec::new();
    while (queue.len() as u64) < view.queued_deposits {
        let page = l1.deposits(queue.len() as u64, 256).await?;
        ensure!(!page.is_empty(), "L1 shows its whole queue");
        queue.extend(page.into_iter().map(|queued| queued.deposit));
    }
    Ok(Derived {
        batches,
        ledger,
        queue,
    })
}

/// Compares the store with L1's history.
///
/// # Errors
/// If they differ; the error names the first batch that does.
pub fn compare(store: &Path, derived: &Derived) -> anyhow::Result<()> {
    let store = Store::open(store)?;
    let records = store.all::<Batches>()?;
    ensure!(
        records.len() == derived.batches.len(),
        "the store has {} batches, L1 {}",
        records.len(),
        derived.batches.len()
    );
    let mut before = State::genesis();
    for ((index, record), (settled, state)) in records.iter().zip(&derived.batches) {
        let published = &settled.published;
        ensure!(
            *index == published.header.batch_index,
            "batch {index}: the index"
        );
        ensure!(
            record.published == published.to_bytes(),
            "batch {index}: the data"
        );
        ensure!(
            record.time == published.header.time,
            "batch {index}: the time"
        );
        ensure!(record.old == before, "batch {index}: the state before it");
        ensure!(record.new == *state, "batch {index}: the state after it");
        match store.get::<Stages>(index)? {
            Some(BatchStage::Settled { tx }) => {
                ensure!(tx == settled.tx, "batch {index}: the L1 transaction");
            }
            stage => bail!("batch {index} is {stage:?} in the store and settled on L1"),
        }
        before = *state;
    }
    Ok(())
}

/// Accounts for everything that was accepted and deposited.
///
/// # Errors
/// If something is lost or doubled, or was rejected without a reason.
pub fn account(driver: &Driver, fates: &Fates, derived: &Derived) -> anyhow::Result<Tally> {
    let mut tally = Tally {
        batches: derived.batches.len() as u64,
        ..Tally::default()
    };
    let transactions = || {
        let batches = derived.batches.iter();
        batches.flat_map(|(settled, _)| &settled.published.transactions)
    };
    let mut spent: HashSet<Nullifier> = HashSet::new();
    for transaction in transactions() {
        for nullifier in transaction.nullifiers {
            ensure!(spent.insert(nullifier), "a note is spent twice");
        }
    }
    for one in driver.accepted.iter().chain(&driver.unanswered) {
        let settled = spent.contains(&one.transaction.nullifiers[0]);
        let Some(fate) = fates.get(&one.digest) else {
            ensure!(!settled, "{}: settled and unknown", one.digest);
            continue;
        };
        match fate["status"].as_str() {
            Some("settled" | "final") => {
                ensure!(settled, "{}: L1 does not have it: {fate}", one.digest);
                tally.settled += 1;
            }
            Some("rejected") => {
                ensure!(!settled, "{}: settled and rejected", one.digest);
                explained(one, fate, derived)?;
                tally.rejected += 1;
            }
            _ => bail!("{}: lost: {fate}", one.digest),
        }
    }
    let consumed: Vec<Deposit> = derived
        .batches
        .iter()
        .flat_map(|(settled, _)| settled.published.deposits.iter().copied())
        .collect();
    ensure!(
        consumed == derived.queue,
        "the consumed deposits are not the queue: {} of {}",
        consumed.len(),
        derived.queue.len()
    );
    tally.deposits = consumed.len() as u64;
    Ok(tally)
}

/// Fails unless L1's history confirms the reason for a rejection.
fn explained(one: &Submitted, fate: &Value, derived: &Derived) -> anyhow::Result<()> {
    let transaction = &one.transaction;
    match fate["code"].as_str() {
        Some("unknown_anchor") => {
            let anchor = Fr::from(transaction.anchor);
            let known = derived.ledger.history().leaves().contains(&anchor);
            ensure!(!known, "{}: L1 has its anchor: {fate}", one.digest);
        }
        _ => bail!("{}: rejected without a reason on L1: {fate}", one.digest),
    }
    Ok(())
}
