//! Reading requests.

use axum::{
    body::Bytes,
    extract::{FromRequest, OriginalUri, Request},
    http::HeaderMap,
};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::error::WalletError;

pub(super) type Answer<T> = Result<T, WalletError>;

/// Longest idempotency key, bytes.
const MAX_KEY: usize = 128;

/// Reads a JSON body; the error says where it is wrong and repeats nothing of it.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(|e| {
        let what = match e.classify() {
            serde_json::error::Category::Data => "a field is missing, unknown or of the wrong type",
            _ => "the body is not JSON",
        };
        WalletError::Malformed(format!("{what} (line {}, column {})", e.line(), e.column()))
    })
}

/// The caller's idempotency key with a digest of what it asks for.
pub(super) fn idempotency(
    headers: &HeaderMap,
    uri: &OriginalUri,
    body: &[u8],
) -> Answer<Option<(String, String)>> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_KEY).contains(&key.len()));
    let key = key.ok_or_else(|| {
        WalletError::Malformed("Idempotency-Key: 1 to 128 visible characters".into())
    })?;
    let digest = Sha256::new()
        .chain_update(uri.path())
        .chain_update([0])
        .chain_update(body)
        .finalize();
    Ok(Some((key.to_owned(), hex::encode(digest))))
}

/// The idempotency key, with a digest, of a request whose path says all; a body says nothing.
pub(super) struct Keyed(pub(super) Option<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Keyed {
    type Rejection = WalletError;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let headers = request.headers().clone();
        let uri = OriginalUri(request.uri().clone());
        let unreadable = |_| WalletError::Malformed("the body cannot be read".into());
        let body = Bytes::from_request(request, state)
            .await
            .map_err(unreadable)?;
        Ok(Self(idempotency(&headers, &uri, &body)?))
    }
}
