//! Errors as RFC 9457 problem details.

use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
pub(super) use subrosa_client::gateway::Problem;

use crate::error::WalletError;

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
            code: code.to_owned(),
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
