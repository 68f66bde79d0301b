//! The sequencer's health: running, degraded (something outside does not answer; it goes on by
//! itself) or halted (a person must look; nothing is retried).

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::telemetry;

/// Why the pipeline halted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// The store failed; what is on disk is no longer known to this process.
    #[error("the store failed: {detail}")]
    Store {
        /// What the store said.
        detail: String,
    },
    /// The contract refused a batch for a reason that will not pass.
    #[error("the contract rejected batch {batch}: {reason}")]
    SettlementRejected {
        /// Batch index.
        batch: u64,
        /// The revert's name.
        reason: String,
    },
    /// The chain's state is not one of ours.
    #[error("the chain and this sequencer disagree at batch {batch}: {detail}")]
    Diverged {
        /// Batch index.
        batch: u64,
        /// How they differ.
        detail: String,
    },
    /// A batch cannot be proven.
    #[error("batch {batch} cannot be proven: {reason}")]
    Prover {
        /// Batch index.
        batch: u64,
        /// What the prover said.
        reason: String,
    },
    /// Batches age faster than they settle.
    #[error("batches were sealed anew {times} times in a row and still did not settle")]
    Rewinds {
        /// How often.
        times: u32,
    },
    /// The ledger can take no further batch.
    #[error("the ledger refused a batch: {detail}")]
    Ledger {
        /// What it said.
        detail: String,
    },
    /// The vault's deposit queue changed behind us.
    #[error("the deposit queue is not contiguous: expected {expected}, got {found}")]
    DepositGap {
        /// Index expected next.
        expected: u64,
        /// Index the chain gave.
        found: u64,
    },
    /// A task of the pipeline ended unexpectedly.
    #[error("a task of the pipeline failed: {task}")]
    Task {
        /// Its name.
        task: String,
    },
}

impl Halt {
    /// A stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store { .. } => "store_failed",
            Self::SettlementRejected { .. } => "settlement_rejected",
            Self::Diverged { .. } => "diverged",
            Self::Prover { .. } => "prover_failed",
            Self::Rewinds { .. } => "too_many_rewinds",
            Self::Ledger { .. } => "ledger_refused",
            Self::DepositGap { .. } => "deposit_gap",
            Self::Task { .. } => "task_failed",
        }
    }
}

/// What `/ready` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Running,
    /// Something outside does not answer: name → what was seen.
    Degraded(BTreeMap<&'static str, String>),
    /// The pipeline stands still until a person looks.
    Halted(Halt),
}

/// Where tasks report and the interface reads.
#[derive(Debug, Default)]
pub(crate) struct HealthBoard {
    halt: Mutex<Option<Halt>>,
    degraded: Mutex<BTreeMap<&'static str, String>>,
    store_failed: AtomicBool,
}

impl HealthBoard {
    /// Halts the pipeline. The first reason stays.
    pub(crate) fn halt(&self, reason: Halt) {
        if matches!(reason, Halt::Store { .. }) {
            self.store_failed.store(true, Ordering::SeqCst);
        }
        let mut halt = self.halt.lock().expect("no holder of this lock panics");
        if halt.is_none() {
            tracing::error!(code = reason.code(), %reason, "the pipeline has halted");
            telemetry::halted(true);
            *halt = Some(reason);
        }
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halt
            .lock()
            .expect("no holder of this lock panics")
            .is_some()
    }

    /// Whether nothing may be written any more.
    pub(crate) fn halted_by_store(&self) -> bool {
        self.store_failed.load(Ordering::SeqCst)
    }

    pub(crate) fn degrade(&self, what: &'static str, detail: String) {
        let mut degraded = self.degraded.lock().expect("no holder of this lock panics");
        if degraded.insert(what, detail.clone()).is_none() {
            tracing::warn!(what, detail, "degraded");
        }
    }

    pub(crate) fn restore(&self, what: &'static str) {
        let mut degraded = self.degraded.lock().expect("no holder of this lock panics");
        if degraded.remove(what).is_some() {
            tracing::info!(what, "restored");
        }
    }

    pub(crate) fn read(&self) -> Health {
        let halt = self.halt.lock().expect("no holder of this lock panics");
        if let Some(reason) = halt.as_ref() {
            return Health::Halted(reason.clone());
        }
        let degraded = self.degraded.lock().expect("no holder of this lock panics");
        if degraded.is_empty() {
            Health::Running
        } else {
            Health::Degraded(degraded.clone())
        }
    }
}
