//! Failures as RFC 9457 problem details.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Problem detail (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:subrosa:error:<code>`
    #[serde(rename = "type")]
    pub kind: String,
    /// Short and constant for the code.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Explanation of this occurrence.
    pub detail: String,
    /// Stable code.
    pub code: String,
    /// Whether the same request can succeed later.
    pub retryable: bool,
    /// Code of the sequencer or of the contract, if one of them refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
