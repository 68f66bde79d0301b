//! State of the connection to L1, for people who watch a service.

use crate::{error::L1Error, transport::Head};

/// State of a connection to L1. It names no URL: those may carry access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Place of the endpoint in use in the list of endpoints, from 0.
    pub endpoint: usize,
    /// Number of endpoints.
    pub endpoints: usize,
    /// Number of endpoints that are left alone for now, because they failed.
    pub resting: usize,
    /// Newest block seen at any endpoint.
    pub head: Option<Head>,
    /// Blocks by which the endpoint in use is behind the newest block seen.
    pub lag: u64,
    /// Kind of the last failure; `None` once a request succeeds.
    pub failure: Option<Failure>,
}

/// Kind of a failure of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It cannot be reached, refuses, or did not answer in time.
    Unavailable,
    /// Its answers make no sense.
    Odd,
    /// Its newest block is older than one seen before.
    Behind,
    /// It serves another chain.
    OtherChain,
}

impl Failure {
    /// Returns the kind of an error; `None` if the endpoint is not to blame.
    #[must_use]
    pub fn of(error: &L1Error) -> Option<Self> {
        match error {
            L1Error::Unavailable(_) => Some(Self::Unavailable),
            L1Error::Odd(_) => Some(Self::Odd),
            L1Error::Rejected { .. } | L1Error::Protocol(_) | L1Error::FlagsOutOfRange(_) => None,
        }
    }

    /// Returns its name, as in metrics: `unavailable`, `odd`, `behind` or `other_chain`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Odd => "odd",
            Self::Behind => "behind",
            Self::OtherChain => "other_chain",
        }
    }
}
