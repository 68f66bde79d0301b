//! Errors as clients see them: RFC 9457 problem details. Each failure gets its HTTP status here and
//! nowhere else.

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use subrosa_client::sequencer::Problem as ProblemBody;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{mailbox::MESSAGE_LEN, refusal::Refusal, store::StoreError};

/// Answer to a request that failed. Its schema is the schema of the body.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<ProblemBody>);

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        ProblemBody::schema()
    }
}

impl ToSchema for Problem {
    fn name() -> Cow<'static, str> {
        ProblemBody::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ProblemBody::schemas(schemas);
    }
}

impl Problem {
    fn new(status: StatusCode, code: &str, title: &str, detail: String) -> Self {
        Self(Box::new(ProblemBody {
            kind: format!("urn:subrosa:error:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            code: code.to_owned(),
            rule: None,
            retryable: false,
        }))
    }

    /// Returns the code.
    #[cfg(test)]
    pub(super) fn code(&self) -> &str {
        &self.0.code
    }

    fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Reports a request that cannot be understood.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed",
            "Malformed request",
            detail.into(),
        )
    }

    /// Reports a body of more than `limit` bytes.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "Body too large",
            format!("a body has at most {limit} bytes"),
        )
    }

    /// Reports a message of the wrong length.
    pub(crate) fn message_length(found: usize) -> Self {
        let detail = format!("a message has {MESSAGE_LEN} bytes, this one has {found}");
        if found > MESSAGE_LEN {
            let mut problem = Self::too_large(MESSAGE_LEN);
            problem.0.detail = detail;
            problem
        } else {
            Self::malformed(detail)
        }
    }

    /// Reports a message whose work is too little or too old.
    pub(crate) fn work_too_low(needed: u32) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "work_too_low",
            "Too little work",
            format!(
                "the message needs {needed} bits of recent work at present: read /v1/news, do the \
                 work and send it again"
            ),
        )
        .retryable()
    }

    /// Reports that the mailbox is full.
    pub(crate) fn mailbox_full() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "mailbox_full",
            "Mailbox full",
            "the mailbox is full, try again later".into(),
        )
        .retryable()
    }

    /// Reports that `what` does not exist.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "Not found",
            format!("there is no such {what}"),
        )
    }

    /// Reports a method that the path does not have.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "Method not allowed",
            "this path does not support this method".into(),
        )
    }

    /// Reports a range that begins after the last byte.
    pub(crate) fn out_of_range(length: u64) -> Self {
        Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "out_of_range",
            "Range not satisfiable",
            format!("the file has {length} bytes"),
        )
    }

    /// Reports a request beyond the rate limits.
    pub(crate) fn rate_limited() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            "Too many requests",
            "the request rate is above the limit, try again later".into(),
        )
        .retryable()
    }

    /// Reports a request that missed its deadline.
    pub(crate) fn timeout() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timeout",
            "Timed out",
            "the request was not answered in time".into(),
        )
        .retryable()
    }

    /// Reports that the sequencer cannot serve the request now.
    pub(crate) fn unavailable(detail: String, retryable: bool) -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Unavailable",
            detail,
        );
        if retryable {
            problem.retryable()
        } else {
            problem
        }
    }

    /// Reports a failure of the sequencer.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
            "the sequencer failed; its log says why".into(),
        )
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let code = refusal.code();
        let problem = |status, title| Self::new(status, code, title, detail.clone());
        match refusal {
            Refusal::Malformed { .. } => problem(StatusCode::BAD_REQUEST, "Malformed submission"),
            Refusal::InvalidProof => problem(StatusCode::UNPROCESSABLE_ENTITY, "Invalid proof"),
            Refusal::InvalidTransaction { rule } => {
                let mut problem = problem(StatusCode::UNPROCESSABLE_ENTITY, "Invalid transaction");
                problem.0.rule = Some(rule);
                problem
            }
            Refusal::UnknownAnchor => problem(StatusCode::CONFLICT, "Unknown anchor"),
            Refusal::StaleAssets => problem(StatusCode::CONFLICT, "Stale assets root"),
            Refusal::TooEarly => problem(StatusCode::UNPROCESSABLE_ENTITY, "Too early"),
            Refusal::NullifierSpent => problem(StatusCode::CONFLICT, "Nullifier spent"),
            Refusal::NullifierPending => problem(StatusCode::CONFLICT, "Nullifier pending"),
            Refusal::Expired => problem(StatusCode::GONE, "Expired"),
            Refusal::FeeTooLow => problem(StatusCode::UNPROCESSABLE_ENTITY, "Fee too low"),
            Refusal::MempoolFull => {
                problem(StatusCode::SERVICE_UNAVAILABLE, "Mempool full").retryable()
            }
            Refusal::LegsFull => {
                problem(StatusCode::SERVICE_UNAVAILABLE, "Too many lone legs").retryable()
            }
            Refusal::Unavailable => {
                problem(StatusCode::SERVICE_UNAVAILABLE, "Unavailable").retryable()
            }
            Refusal::Internal => Self::internal(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request failed");
        Self::internal()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(body) = self;
        let status = StatusCode::from_u16(body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry = body.retryable;
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
