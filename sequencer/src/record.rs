//! The stored fate of an accepted transaction.

use crate::refusal::FinalRejection;

/// The fate of an accepted transaction. The stage of its batch says whether it was proven or
/// settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionRecord {
    /// It is in the mempool.
    Pending {
        /// Its sequence number.
        sequence: u64,
    },
    /// It is in a sealed batch.
    Included {
        /// Index of the batch.
        batch: u64,
        /// Slot in the batch.
        slot: u32,
    },
    /// It expired before it was sealed.
    Expired,
    /// It can never be included.
    Rejected {
        /// The reason.
        reason: FinalRejection,
    },
}
