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
    /// A read got an answer that these contracts cannot give: no JSON, no block, no data, or two
    /// answers that contradict each other. Transient: a node that lags, is restarted or stands
    /// behind a load balancer answers so. Only at start, and after several tries, does it mean that
    /// the address or the chain is wrong.
    #[error("L1's endpoint answered oddly: {0}")]
    Odd(String),
    /// The settings of this side cannot work: a malformed endpoint, a key out of range, a client
    /// without an operator. Final.
    #[error("unexpected answer from L1, check its endpoint and addresses: {0}")]
    Protocol(String),
    /// The leaf of an asset has room for five flags. Final.
    #[error("the flags of an asset are below 32, and these are {0}")]
    FlagsOutOfRange(u8),
}

impl L1Error {
    /// Whether the same call can succeed later.
    ///
    /// Nothing that an endpoint says to a read is final: every failure of a read of these contracts
    /// is transient. A caller retries it with a bound and acts on nothing meanwhile.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Odd(_))
    }

    /// Returns this failure as that of a read. These contracts' views never revert, so that a
    /// revert is odd as well.
    pub(crate) fn of_read(self) -> Self {
        match self {
            Self::Rejected { operation, reason } => Self::Odd(format!("{operation}: {reason}")),
            Self::Protocol(reason) => Self::Odd(reason),
            other => other,
        }
    }
}
