//! Errors as RFC 9457 problem details.

use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::error::WalletError;

/// A problem detail (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Problem {
    /// `urn:subrosa:error:<code>`
    #[serde(rename = "type")]
    kind: String,
    /// Short title, constant for the code.
    title: String,
    /// HTTP status.
    status: u16,
    /// The fault of this request.
    detail: String,
    /// Stable code.
    code: &'static str,
    /// Whether the same request can succeed later.
    retryable: bool,
    /// The sequencer's or contract's own code, where it was theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl IntoResponse for WalletError {
    fn into_response(self) -> Response {
        let (code, status, retryable) = self.classify();
        if status >= 500 && !retryable {
            tracing::error!(code, "{self}");
        }
        let failure = self.failure();
        let body = Problem {
            kind: format!("urn:subrosa:error:{code}"),
            title: code.replace('_', " "),
            status,
            detail: failure.detail,
            code,
            retryable,
            reason: failure.reason,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(body)).into_response();
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}
