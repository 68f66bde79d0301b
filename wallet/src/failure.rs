//! The reason why an operation failed, as it is stored and shown.

use serde::{Deserialize, Serialize};

/// A final failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Failure {
    /// The interface's code.
    pub code: String,
    /// The sequencer's or the contract's own code, where it was theirs.
    pub reason: Option<String>,
    /// For people.
    pub detail: String,
}

impl Failure {
    /// Makes a failure that neither the sequencer nor a contract caused.
    pub(crate) fn new(code: &str, detail: &str) -> Self {
        Self {
            code: code.into(),
            reason: None,
            detail: detail.into(),
        }
    }
}
