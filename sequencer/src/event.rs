//! Events of batches, for listeners inside and outside the process.

/// A change of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchEvent {
    /// Index of the batch.
    pub index: u64,
    /// The change.
    pub kind: BatchEventKind,
}

/// The kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchEventKind {
    /// The batch was executed and stored.
    Sealed,
    /// The batch was proven.
    Proven,
    /// The batch settled.
    Settled {
        /// Hash of the L1 transaction.
        tx: [u8; 32],
    },
    /// The batch and all later ones were dropped before settlement. Their transactions are pending
    /// again.
    Dropped,
}
