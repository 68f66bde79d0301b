//! Failures of a call.

use reqwest::Response;
use serde::{Deserialize, de::DeserializeOwned};
use thiserror::Error;

/// Reason why a call to a service failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClientError {
    /// The service refused the request with a problem (RFC 9457).
    #[error("the request was refused: {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code, such as `insufficient_funds`.
        code: String,
        /// Explanation for people. It may quote the request: keep it out of logs.
        detail: String,
        /// Whether the same request can succeed later.
        retryable: bool,
        /// Rule that the transaction breaks. Only the sequencer names one.
        rule: Option<String>,
        /// Code of the sequencer or of the contract, if one of them refused. Only the gateway names
        /// one.
        reason: Option<String>,
    },
    /// The service could not be reached or did not answer in time.
    #[error("the service is unavailable: {0}")]
    Unavailable(String),
    /// The answer is not of the form that the interface describes.
    #[error("the answer cannot be read: {0}")]
    Protocol(String),
}

impl ClientError {
    /// Returns the code of the problem, or `None` if the service did not answer with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unavailable(_) | Self::Protocol(_) => None,
        }
    }

    /// Returns the explanation for people: the detail of the problem, or the text of the error.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Refused { detail, .. } => detail.clone(),
            Self::Unavailable(_) | Self::Protocol(_) => self.to_string(),
        }
    }

    /// Whether the service refused the request with this code.
    #[must_use]
    pub fn is_refusal(&self, code: &str) -> bool {
        self.code() == Some(code)
    }

    /// Whether the same request can succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { retryable, .. } => *retryable,
            Self::Unavailable(_) => true,
            Self::Protocol(_) => false,
        }
    }

    pub(crate) fn protocol(text: impl Into<String>) -> Self {
        Self::Protocol(text.into())
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        // Without the URL: it may name an operator's private host.
        Self::Unavailable(with_cause(&error.without_url()))
    }
}

/// Describes an error with its first cause, such as a refused connection or a certificate that
/// nobody trusts: the error of a request says no more than that it failed.
fn with_cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    match causes.last() {
        Some(first) => format!("{error}: {first}"),
        None => error.to_string(),
    }
}

/// Members of a problem of either service. Only the code is required.
#[derive(Deserialize)]
struct AnyProblem {
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    retryable: bool,
    rule: Option<String>,
    reason: Option<String>,
}

/// Reads an unsuccessful answer.
pub(crate) async fn refusal(response: Response) -> ClientError {
    let status = response.status();
    let body = match response.bytes().await {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    match serde_json::from_slice::<AnyProblem>(&body) {
        Ok(problem) => ClientError::Refused {
            status: status.as_u16(),
            code: problem.code,
            detail: problem.detail,
            retryable: problem.retryable,
            rule: problem.rule,
            reason: problem.reason,
        },
        Err(_) if status.is_server_error() => ClientError::Unavailable(status.to_string()),
        Err(_) => ClientError::Protocol(status.to_string()),
    }
}

/// Reads the body of a successful answer. The error says where the body is wrong and repeats
/// nothing of it.
pub(crate) async fn body<T: DeserializeOwned>(response: Response) -> Result<T, ClientError> {
    let body = response.bytes().await?;
    serde_json::from_slice(&body).map_err(|error| {
        ClientError::Protocol(format!("line {}, column {}", error.line(), error.column()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_either_service_is_read() {
        let problem: AnyProblem = serde_json::from_str(
            r#"{"type":"urn:subrosa:error:invalid_transaction","title":"Invalid transaction",
                "status":422,"detail":"…","code":"invalid_transaction","rule":"zero_commitment",
                "retryable":false}"#,
        )
        .unwrap();
        assert_eq!(problem.rule.as_deref(), Some("zero_commitment"));
        let problem: AnyProblem = serde_json::from_str(
            r#"{"type":"urn:subrosa:error:rejected","title":"rejected","status":422,"detail":"…",
                "code":"rejected","retryable":true,"reason":"expired"}"#,
        )
        .unwrap();
        assert_eq!(problem.reason.as_deref(), Some("expired"));
        assert!(problem.retryable);
        assert!(serde_json::from_str::<AnyProblem>("{}").is_err());
    }

    #[tokio::test]
    async fn a_failed_request_names_its_cause_and_not_its_address() {
        // Nothing listens there: the port was free a moment ago.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let sent = reqwest::get(format!("http://{address}/v1/private")).await;
        let ClientError::Unavailable(text) = sent.unwrap_err().into() else {
            panic!("it is unavailable")
        };
        assert!(text.contains("refused"), "{text}");
        assert!(!text.contains("private"), "{text}");
    }

    #[test]
    fn only_what_may_pass_is_transient() {
        let refused = |retryable| ClientError::Refused {
            status: 503,
            code: "mempool_full".into(),
            detail: String::new(),
            retryable,
            rule: None,
            reason: None,
        };
        assert!(refused(true).is_transient() && !refused(false).is_transient());
        assert!(ClientError::Unavailable(String::new()).is_transient());
        assert!(!ClientError::protocol("x").is_transient());
        assert!(refused(true).is_refusal("mempool_full"));
    }
}
