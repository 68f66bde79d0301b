//! Idempotency keys: the same key answers the result of its first request.

use crate::{
    error::WalletError,
    negotiation::Id,
    operation::Operation,
    store::{Remembered, State},
};

/// An idempotency key, with the request that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key, as the caller chose it.
    pub key: String,
    /// Digest of the request, hex.
    pub request: String,
}

/// The idempotency key of a request, if it has one.
pub type Key = Option<IdempotencyKey>;

/// Stores the id of the object that a request led to under the request's key.
pub(crate) fn remember(state: &mut State, key: Key, to: String) {
    if let Some(IdempotencyKey { key, request }) = key {
        let remembered = Remembered {
            request,
            operation: to,
        };
        state.remembered.insert(key, remembered);
    }
}

/// Returns the id of the object that a key led to, if the key was used before.
///
/// # Errors
/// [`WalletError::IdempotencyConflict`] if it was used for another request.
pub(crate) fn recall<'a>(state: &'a State, key: &Key) -> Result<Option<&'a str>, WalletError> {
    let Some(IdempotencyKey { key, request }) = key else {
        return Ok(None);
    };
    let Some(known) = state.remembered.get(key) else {
        return Ok(None);
    };
    if known.request != *request {
        return Err(WalletError::IdempotencyConflict);
    }
    Ok(Some(&known.operation))
}

/// Returns the operation that a key led to.
///
/// # Errors
/// [`WalletError::IdempotencyConflict`].
pub(crate) fn recall_operation(state: &State, key: &Key) -> Result<Option<Operation>, WalletError> {
    let known = recall(state, key)?;
    Ok(known.and_then(|id| state.operation(id)).cloned())
}

/// Returns the request for quotes, quote or loan that a key led to.
///
/// # Errors
/// [`WalletError::IdempotencyConflict`].
pub(crate) fn recall_id(state: &State, key: &Key) -> Result<Option<Id>, WalletError> {
    // A key that led to an operation came with another path, so with another request.
    let parse = |id: &str| id.parse().map_err(|_| WalletError::IdempotencyConflict);
    recall(state, key)?.map(parse).transpose()
}
