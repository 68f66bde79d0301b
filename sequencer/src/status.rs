//! What clients are told of transactions and batches.

use crate::admission::FinalRejection;
use crate::store::tables::{BatchRecord, Stage};

/// What became of an accepted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// In the mempool.
    Pending,
    /// A leg of a swap, held until its counterpart comes.
    Waiting,
    /// In a sealed batch.
    Included {
        /// Batch index.
        batch: u64,
        /// Slot in the batch.
        slot: u32,
    },
    /// In a proven batch.
    Proven {
        /// Batch index.
        batch: u64,
        /// Slot in the batch.
        slot: u32,
    },
    /// In a settled batch.
    Settled {
        /// Batch index.
        batch: u64,
        /// Slot in the batch.
        slot: u32,
        /// Hash of the L1 transaction.
        tx: [u8; 32],
    },
    /// Its expiry passed before it was sealed.
    Expired,
    /// It can never be included.
    Rejected {
        /// Why.
        reason: FinalRejection,
    },
}

impl TransactionStatus {
    /// The status as clients read it.
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
