//! The sequencer's health: running, degraded (something outside does not answer, and the sequencer
//! keeps trying) or halted (the pipeline retries nothing, and an operator must act).

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::telemetry;

/// The reason why the pipeline halted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// The store failed. This process no longer knows the state of the disk.
    #[error("the store failed: {detail}")]
    Store {
        /// The store's error.
        detail: String,
    },
    /// L1 holds another final history than this sequencer.
    #[error("L1 and this sequencer disagree at batch {batch}: {detail}")]
    Diverged {
        /// Batch index.
        batch: u64,
        /// The difference.
        detail: String,
    },
    /// A batch cannot be proven.
    #[error("batch {batch} cannot be proven: {reason}")]
    Prover {
        /// Batch index.
        batch: u64,
        /// The prover's error.
        reason: String,
    },
    /// The ledger accepts no further batch.
    #[error("the ledger refused a batch: {detail}")]
    Ledger {
        /// The ledger's error.
        detail: String,
    },
    /// A task of the pipeline ended unexpectedly.
    #[error("a task of the pipeline failed: {task}")]
    Task {
        /// Name of the task.
        task: String,
    },
}

impl Halt {
    /// Returns the stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store { .. } => "store_failed",
            Self::Diverged { .. } => "diverged",
            Self::Prover { .. } => "prover_failed",
            Self::Ledger { .. } => "ledger_refused",
            Self::Task { .. } => "task_failed",
        }
    }
}

/// The answer of `/ready`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Everything works.
    Running,
    /// Something outside does not answer: names with their last failures.
    Degraded(BTreeMap<&'static str, String>),
    /// The pipeline stands still until an operator acts.
    Halted(Halt),
}

/// The board on which tasks report health, and from which the interface reads it.
#[derive(Debug, Default)]
pub(crate) struct HealthBoard {
    halt: Mutex<Option<Halt>>,
    degraded: Mutex<BTreeMap<&'static str, String>>,
    store_failed: AtomicBool,
}

impl HealthBoard {
    /// Halts the pipeline. The first reason is kept.
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

    /// Whether the pipeline has halted.
    pub(crate) fn is_halted(&self) -> bool {
        self.halt
            .lock()
            .expect("no holder of this lock panics")
            .is_some()
    }

    /// Whether the store failed, so that nothing may be written any more.
    pub(crate) fn halted_by_store(&self) -> bool {
        self.store_failed.load(Ordering::SeqCst)
    }

    /// Reports that `what` fails.
    pub(crate) fn degrade(&self, what: &'static str, detail: String) {
        let mut degraded = self.degraded.lock().expect("no holder of this lock panics");
        if degraded.insert(what, detail.clone()).is_none() {
            tracing::warn!(what, detail, "degraded");
        }
    }

    /// Reports that `what` works.
    pub(crate) fn restore(&self, what: &'static str) {
        let mut degraded = self.degraded.lock().expect("no holder of this lock panics");
        if degraded.remove(what).is_some() {
            tracing::info!(what, "restored");
        }
    }

    /// Returns the present health.
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
