//! Failures of the L1 clients.

use thiserror::Error;

/// Why an operation on L1 did not succeed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum L1Error {
    /// The chain executed the call and a contract reverted: final, the same call fails again.
    #[error("L1 rejected {operation}: {reason}")]
    Rejected {
        /// What was attempted, e.g. `submitBatch`.
        operation: &'static str,
        /// The contract's error by name, or the raw selector where it is unknown.
        reason: String,
    },
    /// The node could not be reached or did not answer in time: transient, retry with a bound.
    #[error("L1 is unavailable: {0}")]
    Unavailable(String),
    /// The node answered with something that these contracts cannot have said: final, and a sign of
    /// a wrong address or chain.
    #[error("L1 answered out of protocol: {0}")]
    Protocol(String),
}

impl L1Error {
    /// Whether trying the same call again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
