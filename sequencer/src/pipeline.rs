//! The pipeline: watch the chain → seal → prove → settle. Each step is stored with one synced write
//! before the next begins, and each begins from what is stored, so that a restart at any point
//! goes on where it stood. Deterministic failures halt the pipeline; nothing of the kind is tried
//! twice. Transient ones are tried again with growing, bounded pauses.

mod prove;
mod rewind;
mod seal;
mod settle;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use crate::node::Node;
use crate::health::Halt;
use crate::ports::SettlementError;

pub(crate) use prove::run as prove;
pub(crate) use seal::run as seal;
#[cfg(test)]
pub(crate) use seal::withdraw;
pub(crate) use settle::run as settle;
pub(crate) use watch::run as watch;

/// Health entry for a chain that does not answer.
const CHAIN: &str = "l1";

/// Growing pauses between attempts.
struct Backoff {
    next: Duration,
    first: Duration,
    longest: Duration,
}

impl Backoff {
    fn new(node: &Node) -> Self {
        let first = Duration::from_millis(node.config.settle.backoff_ms);
        Self {
            next: first,
            first,
            longest: Duration::from_millis(node.config.settle.backoff_max_ms),
        }
    }

    fn reset(&mut self) {
        self.next = self.first;
    }

    /// The next pause.
    fn step(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.longest);
        pause
    }

    /// Waits; false if the sequencer is stopping.
    async fn pause(&mut self, node: &Node) -> bool {
        let pause = self.step();
        tokio::select! {
            () = node.cancel.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

/// Why a step did not happen.
enum Failure {
    /// It may succeed later.
    Transient(String),
    /// It never will.
    Final(Halt),
}

/// A failure of a call that only reads: a refusal there is a wrong address or chain.
fn reading(error: SettlementError, batch: u64) -> Failure {
    match error {
        SettlementError::Unavailable { reason } => Failure::Transient(reason),
        SettlementError::Rejected { reason } | SettlementError::Invalid { reason } => {
            Failure::Final(Halt::Diverged {
                batch,
                detail: reason,
            })
        }
    }
}

/// The chain's clock: its newest block's time, or this machine's time less the tolerated lag where
/// that is later, since a chain without traffic makes no blocks.
fn chain_time(node: &Node, timestamp: u64) -> u64 {
    let now = crate::admission::unix_now();
    timestamp.max(now.saturating_sub(node.config.settle.clock_lag_s))
}

/// Runs blocking work; a panic in it halts the pipeline.
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
