//! The states of transactions and batches, as clients see them.

use crate::{
    refusal::FinalRejection,
    store::tables::{BatchRecord, Stage},
};

/// State of an accepted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// It is in the mempool.
    Pending,
    /// It is a leg of a swap that waits for its counterpart.
    Waiting,
    /// It is in a sealed batch.
    Included {
        /// Index of the batch.
        batch: u64,
        /// Slot in the batch.
        slot: u32,
    },
    /// It is in a proven batch.
    Proven {
        /// Index of the batch.
        batch: u64,
        /// Slot in the batch.
        slot: u32,
    },
    /// It is in a settled batch.
    Settled {
        /// Index of the batch.
        batch: u64,
        /// Slot in the batch.
        slot: u32,
        /// Hash of the L1 transaction.
        tx: [u8; 32],
    },
    /// It expired before it was sealed.
    Expired,
    /// It can never be included.
    Rejected {
        /// The reason.
        reason: FinalRejection,
    },
}

impl TransactionStatus {
    /// Returns the status as clients read it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Included { .. } => "included",
            Self::Proven { .. } => "proven",
            Self::Settled { .. } => "settled",
            Self::Expired => "expired",
            Self::Rejected { .. } => "rejected",
        }
    }
}

/// A batch as the store holds it.
#[derive(Debug, Clone)]
pub(crate) struct BatchView {
    pub(crate) index: u64,
    pub(crate) record: BatchRecord,
    pub(crate) stage: Stage,
    pub(crate) proof: Option<Vec<u8>>,
}
