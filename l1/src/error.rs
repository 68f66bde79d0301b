//! Failures of the L1 clients.

use thiserror::Error;

/// Failure of an operation on L1.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum L1Error {
    /// A contract reverted. Final: the same call fails again.
    #[error("L1 rejected {operation}: {reason}")]
    Rejected {
        /// The attempted operation, e.g. `submitBatch`.
        operation: &'static str,
        /// Name of the contract's error, or its raw selector if the name is unknown.
        reason: String,
    },
    /// The node cannot be reached, or did not answer in time. Transient: retry, a bounded number of
    /// times.
    #[error("L1 is unavailable: {0}")]
    Unavailable(String),
    /// The node gave an answer that these contracts cannot give. Final: the address or the chain is
    /// probably wrong.
    #[error("unexpected answer from L1, check its endpoint and addresses: {0}")]
    Protocol(String),
}

impl L1Error {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
