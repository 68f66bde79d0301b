//! Pages of batches and messages: each is encoded once for all who ask for it, and all of them
//! together take a bounded memory, however slowly they are read.

use std::{io::Write as _, sync::Arc};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use quick_cache::{Weighter, sync::Cache};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Api, problem::Problem, routes::reading};
use crate::{node::Node, store::StoreError};

/// Unit in which memory is counted, in bytes.
const UNIT: usize = 1024;
/// Part of the memory for pages that is kept for pages that nobody reads at present.
const KEPT: usize = 4;
/// Memory for documents that are being read, in bytes.
const DOCUMENTS: usize = 32 * 1024 * 1024;
/// Pages that are kept, about.
const EXPECTED: usize = 256;

/// Content of a page: equal contents have equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Content {
    /// Batches from an index on, at a version of the history.
    Batches { from: u64, limit: u64, version: u64 },
    /// Final batches, by the number of their page.
    Final { number: u64 },
    /// Messages from a number on, between the first that is held and the next to arrive.
    Messages {
        from: u64,
        limit: u64,
        held: (u64, u64),
    },
}

#[derive(Debug, Clone, Copy)]
struct Lengths;

impl Weighter<(Content, bool), Bytes> for Lengths {
    fn weight(&self, _: &(Content, bool), page: &Bytes) -> u64 {
        page.len() as u64
    }
}

/// Encoded pages.
#[derive(Debug)]
pub(crate) struct Pages {
    cache: Cache<(Content, bool), Bytes, Lengths>,
    memory: Arc<Semaphore>,
    documents: Arc<Semaphore>,
}

impl Pages {
    /// Makes room for pages of `bytes` together.
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            cache: Cache::with_weighter(EXPECTED, (bytes / KEPT) as u64, Lengths),
            memory: Arc::new(Semaphore::new(units)),
            documents: Arc::new(Semaphore::new(DOCUMENTS / UNIT)),
        }
    }
}

/// Bytes of a page with their memory, which is free again when the last reader has them.
struct Held<T> {
    bytes: T,
    _memory: OwnedSemaphorePermit,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// Takes the memory for bytes, until the last reader has them.
fn held<T>(bytes: T, memory: Arc<Semaphore>) -> Result<Bytes, Problem>
where
    T: AsRef<[u8]> + Send + 'static,
{
    let units = bytes.as_ref().len().div_ceil(UNIT).max(1);
    let units = u32::try_from(units).unwrap_or(u32::MAX);
    let memory = memory.try_acquire_many_owned(units).map_err(|_| {
        let detail = "too many pages are being read, try again later";
        Problem::unavailable(detail.into(), true)
    })?;
    Ok(Bytes::from_owner(Held {
        bytes,
        _memory: memory,
    }))
}

/// Bounds the memory of the documents that are being read: each answer has its own copy.
pub(super) async fn documents(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (parts, body) = next.run(request).await.into_parts();
    let memory = api.pages.documents.clone();
    let bytes = to_bytes(body, DOCUMENTS).await;
    let bytes = bytes.map_err(|_| Problem::internal());
    match bytes.and_then(|bytes| held(bytes, memory)) {
        Ok(bytes) => Response::from_parts(parts, Body::from(bytes)),
        Err(problem) => problem.into_response(),
    }
}

/// Encodes a page.
fn encode(page: &impl Serialize, zipped: bool, memory: Arc<Semaphore>) -> Result<Bytes, Problem> {
    let bytes = if zipped {
        let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
        serde_json::to_writer(&mut zip, page).map_err(|_| Problem::internal())?;
        zip.flush()
            .and_then(|()| zip.finish())
            .map_err(|_| Problem::internal())?
    } else {
        serde_json::to_vec(page).map_err(|_| Problem::internal())?
    };
    held(bytes, memory)
}

/// Whether a reader takes gzip.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = codings
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        gzip && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// Whether a reader has the content with this tag.
pub(super) fn has(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    // Weak comparison (RFC 9110, 8.8.3.2).
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.any(|one| one.trim() == "*" || bare(one) == bare(tag))
}

/// Answers with a page: the one that is kept, or one that `read` returns. Whoever asks for the same
/// page meanwhile waits for it.
pub(super) async fn answer<T: Serialize + Send + 'static>(
    api: &Api,
    headers: &HeaderMap,
    content: Content,
    read: impl FnOnce(&Node) -> Result<Option<T>, StoreError> + Send + 'static,
) -> Result<Response, Problem> {
    let zipped = takes_gzip(headers);
    let key = (content, zipped);
    let make = async {
        let memory = api.pages.memory.clone();
        let encoded = reading(api, move |node| {
            let page = read(node)?;
            Ok(page.map(|page| encode(&page, zipped, memory)))
        });
        encoded.await?.ok_or_else(|| Problem::not_found("page"))?
    };
    let page = api.pages.cache.get_or_insert_async(&key, make).await?;
    let mut response = page.into_response();
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let vary = HeaderValue::from_static("accept-encoding");
    headers.insert(header::VARY, vary);
    if zipped {
        let gzip = HeaderValue::from_static("gzip");
        headers.insert(header::CONTENT_ENCODING, gzip);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    // Before, each reader of a page had a copy of it, for as long as it took to read.
    #[test]
    fn memory_is_bounded_until_the_last_reader_is_done() {
        let memory = Arc::new(Semaphore::new(3));
        let page = || encode(&"x".repeat(1_500), false, memory.clone());
        let first = page().unwrap();
        let reader = first.slice(100..200);
        assert_eq!(page().unwrap_err().code(), "unavailable");
        drop(first);
        assert!(page().is_err(), "a part of it is still held");
        drop(reader);
        assert!(page().is_ok());
    }

    #[test]
    fn only_who_takes_gzip_gets_it() {
        let takes = |value| takes_gzip(&headers(header::ACCEPT_ENCODING, value));
        assert!(takes("gzip") && takes("br, GZIP;q=0.5") && takes("deflate,gzip"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("x-gzip"));
    }

    #[test]
    fn tags_are_compared_weakly() {
        let has = |value| has(&headers(header::IF_NONE_MATCH, value), "W/\"7-2\"");
        assert!(has("W/\"7-2\"") && has("\"7-2\"") && has("\"1\", W/\"7-2\"") && has("*"));
        assert!(!has("\"7-3\"") && !has("7-2"));
    }
}
