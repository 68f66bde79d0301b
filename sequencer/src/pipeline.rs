//! The pipeline: watch the chain → seal → prove → settle.
//!
//! Each step is stored with one synced write before the next begins, and each begins from the
//! stored state, so that a restart at any point continues where the pipeline stopped.
//!
//! L1 decides, and nothing that one endpoint says is acted upon for good before it is final. What
//! L1 takes back is done again, what it holds and this sequencer does not is imported, and an
//! answer that makes no sense is asked for again with growing, bounded pauses. Only a failure of
//! the store, of the prover or of the ledger, and a contradiction between two final histories,
//! halt the pipeline.

mod course;
mod import;
mod look;
mod prove;
mod requeue;
mod rewind;
mod seal;
mod settle;
mod watch;

use std::{sync::Arc, time::Duration};

pub(crate) use prove::run as prove;
pub(crate) use seal::run as seal;
pub(crate) use settle::run as settle;
pub(crate) use watch::run as watch;

use subrosa_protocol::ledger::Ledger;

use crate::{health::Halt, node::Node, ports::SettlementError};

/// Name of the health entry of a chain that does not answer.
const CHAIN: &str = "l1";

/// Growing pauses between attempts.
struct Backoff {
    next: Duration,
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Starts at the configured first pause.
    fn new(node: &Node) -> Self {
        let first = Duration::from_millis(node.config.settle.backoff_ms);
        Self {
            next: first,
            first,
            longest: Duration::from_millis(node.config.settle.backoff_max_ms),
        }
    }

    /// Returns to the first pause.
    fn reset(&mut self) {
        self.next = self.first;
    }

    /// Returns the next pause and doubles the one after it.
    fn step(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.longest);
        pause
    }

    /// Waits for the next pause. Returns false if the sequencer is stopping.
    async fn pause(&mut self, node: &Node) -> bool {
        let pause = self.step();
        tokio::select! {
            () = node.cancel.cancelled() => false,
            () = node.clock().sleep(pause) => true,
        }
    }
}

/// The reason why a step did not happen.
enum Failure {
    /// The step may succeed later.
    Transient(String),
    /// The step never succeeds.
    Final(Halt),
}

/// Makes a failure of a call that only reads. None is final: an endpoint that answers nonsense now
/// may answer sense later, or be replaced, and the chain and its contracts were checked at start.
fn reading(error: SettlementError) -> Failure {
    match error {
        SettlementError::Unavailable { reason } => Failure::Transient(reason),
        error @ (SettlementError::Rejected { .. } | SettlementError::Invalid { .. }) => {
            Failure::Transient(error.to_string())
        }
    }
}

/// Returns the chain's time: the time of its newest block, or the clock's time minus the tolerated
/// lag if that is later. A chain without traffic makes no blocks.
fn chain_time(node: &Node, timestamp: u64) -> u64 {
    let now = node.clock().unix();
    timestamp.max(now.saturating_sub(node.config.settle.clock_lag_s))
}

/// Returns the checkpoint of a ledger after the batch with this index, if one is due.
fn checkpoint(node: &Node, ledger: &Ledger, index: u64) -> Option<Vec<u8>> {
    let every = node.config.settle.snapshot_every;
    (every != 0 && index.is_multiple_of(every)).then(|| ledger.to_bytes())
}

/// Runs blocking work on a thread of its own. A panic of the work halts the pipeline.
async fn blocking<T: Send + 'static>(
    node: &Arc<Node>,
    task: &'static str,
    work: impl FnOnce(&Arc<Node>) -> Result<T, Halt> + Send + 'static,
) -> Result<T, Halt> {
    let shared = node.clone();
    tokio::task::spawn_blocking(move || work(&shared))
        .await
        .unwrap_or_else(|_| Err(Halt::Task { task: task.into() }))
}
