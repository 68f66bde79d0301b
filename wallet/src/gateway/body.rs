//! Requests and answers: one way to read a POST, one way to accept it.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::{
    error::WalletError,
    service::{IdempotencyKey, Key},
};

/// Result of a handler.
pub(super) type Answer<T> = Result<T, WalletError>;

/// Answer to a command that was started: 202 with a body.
pub(super) type Accepted<T> = (StatusCode, Json<T>);

/// Longest idempotency key, bytes.
const MAX_KEY: usize = 128;

/// A POST with a JSON body: the parsed body, and the idempotency key if there is one.
pub(super) struct Command<T> {
    pub(super) body: T,
    pub(super) key: Key,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Command<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (headers, path) = address(&request);
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| rejection.into_response())?;
        let command = || {
            Ok::<_, WalletError>(Self {
                body: parse(&bytes)?,
                key: idempotency(&headers, &path, &bytes)?,
            })
        };
        command().map_err(|error| error.into_response())
    }
}

/// The idempotency key of a POST whose path says everything. Its body is not parsed.
pub(super) struct Keyed(pub(super) Key);

impl<S: Send + Sync> FromRequest<S> for Keyed {
    type Rejection = WalletError;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let (headers, path) = address(&request);
        let unreadable = |_| WalletError::Malformed("the body cannot be read".into());
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(unreadable)?;
        Ok(Self(idempotency(&headers, &path, &bytes)?))
    }
}

/// Answers that a command was started.
pub(super) fn accepted<L, V: From<L>>(line: L) -> Answer<Accepted<V>> {
    Ok((StatusCode::ACCEPTED, Json(line.into())))
}

/// Returns the headers and the path of a request.
fn address(request: &Request) -> (HeaderMap, String) {
    (request.headers().clone(), request.uri().path().to_owned())
}

/// Parses a JSON body. The error says where the fault is and repeats nothing of the body.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(|e| {
        let what = match e.classify() {
            serde_json::error::Category::Data => {
                "a field is missing, unknown or of the wrong type; compare with /openapi.json"
            }
            _ => "the body is not JSON",
        };
        WalletError::Malformed(format!("{what} (line {}, column {})", e.line(), e.column()))
    })
}

/// Returns the caller's idempotency key with a digest of path and body.
fn idempotency(headers: &HeaderMap, path: &str, body: &[u8]) -> Answer<Key> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_KEY).contains(&key.len()));
    let key = key.ok_or_else(|| {
        WalletError::Malformed("Idempotency-Key must have 1 to 128 visible characters".into())
    })?;
    let digest = Sha256::new()
        .chain_update(path)
        .chain_update([0])
        .chain_update(body)
        .finalize();
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        request: hex::encode(digest),
    }))
}
