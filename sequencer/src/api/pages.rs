//! Pages of batches and messages: each is encoded once for all who ask for it, and all of them
//! together take a bounded memory, however slowly they are read.

use std::{
    cell::Cell,
    collections::HashMap,
    io::Write as _,
    net::IpAddr,
    sync::{Arc, Mutex},
};

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
use crate::{node::Node, peer::network, store::StoreError};

const POISON: &str = "no holder of this lock panics";

/// Unit in which memory is counted, in bytes.
const UNIT: usize = 1024;
/// Part of the memory for pages that is kept for pages that nobody reads at present.
const KEPT: usize = 4;
/// Part of the memory for pages that the pages of one peer may take.
const OF_ONE: usize = 16;
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

impl Weighter<(Content, bool), Page> for Lengths {
    fn weight(&self, _: &(Content, bool), page: &Page) -> u64 {
        // What it takes of the memory, so that small pages cannot take all of it.
        (units(&page.bytes) * UNIT) as u64
    }
}

/// Returns the units of memory that bytes take.
fn units(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(UNIT).max(1)
}

/// Encoded pages.
#[derive(Debug)]
pub(crate) struct Pages {
    cache: Cache<(Content, bool), Page, Lengths>,
    memory: Arc<Semaphore>,
    documents: Arc<Semaphore>,
    readers: Arc<Readers>,
}

impl Pages {
    /// Makes room for pages of `bytes` together.
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            cache: Cache::with_weighter(EXPECTED, (bytes / KEPT) as u64, Lengths),
            memory: Arc::new(Semaphore::new(units)),
            documents: Arc::new(Semaphore::new(DOCUMENTS / UNIT)),
            readers: Arc::new(Readers {
                of_one: (units / OF_ONE).max(1),
                peers: Mutex::default(),
            }),
        }
    }

    /// Takes the memory for a page. If none is left, pages that nobody reads make room.
    fn held(&self, bytes: Vec<u8>) -> Result<Page, Problem> {
        let needed = units(&bytes);
        if self.memory.available_permits() < needed {
            let freed = Cell::new(0);
            self.cache.retain(|_, page| {
                // A page that is being read keeps its memory.
                let stays = freed.get() >= needed || Arc::strong_count(page) > 1;
                freed.set(freed.get() + if stays { 0 } else { units(&page.bytes) });
                stays
            });
        }
        held(bytes, self.memory.clone()).map(Arc::new)
    }
}

/// The pages that each peer is reading.
#[derive(Debug)]
struct Readers {
    /// Largest number of units that the pages of one peer take.
    of_one: usize,
    peers: Mutex<HashMap<IpAddr, Reading>>,
}

/// The pages that one peer is reading, by their place in memory, with the number of answers. A page
/// counts once, however many clients behind the address read it.
#[derive(Debug, Default)]
struct Reading {
    units: usize,
    pages: HashMap<usize, usize>,
}

impl Readers {
    /// Returns a page as an answer to a peer, unless the peer's pages take its share. A peer that
    /// reads nothing else may read any page.
    fn answer(self: &Arc<Self>, page: Page, peer: IpAddr) -> Result<Bytes, Problem> {
        let peer = network(peer);
        let (place, units) = (Arc::as_ptr(&page) as usize, units(&page.bytes));
        let mut peers = self.peers.lock().expect(POISON);
        let reading = peers.entry(peer).or_default();
        if !reading.pages.contains_key(&place) {
            if reading.units > 0 && reading.units + units > self.of_one {
                let detail = "this address reads too many pages at once, try again later";
                return Err(Problem::unavailable(detail.into(), true));
            }
            reading.units += units;
        }
        *reading.pages.entry(place).or_default() += 1;
        drop(peers);
        Ok(Bytes::from_owner(Answer {
            page,
            peer,
            of: self.clone(),
        }))
    }
}

/// A page on its way to a peer, whose share it takes until the peer has it.
struct Answer {
    page: Page,
    peer: IpAddr,
    of: Arc<Readers>,
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.page.bytes
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut peers = self.of.peers.lock().expect(POISON);
        let Some(reading) = peers.get_mut(&self.peer) else {
            return;
        };
        let place = Arc::as_ptr(&self.page) as usize;
        if let Some(count) = reading.pages.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                reading.pages.remove(&place);
                reading.units -= units(&self.page.bytes);
            }
        }
        if reading.pages.is_empty() {
            peers.remove(&self.peer);
        }
    }
}

/// A page that is kept or being read.
type Page = Arc<Held<Vec<u8>>>;

/// Bytes with their memory, which is free again when the last reader has them.
#[derive(Debug)]
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
fn held<T: AsRef<[u8]>>(bytes: T, memory: Arc<Semaphore>) -> Result<Held<T>, Problem> {
    let units = u32::try_from(units(bytes.as_ref())).unwrap_or(u32::MAX);
    let memory = memory.try_acquire_many_owned(units).map_err(|_| {
        let detail = "too many pages are being read, try again later";
        Problem::unavailable(detail.into(), true)
    })?;
    Ok(Held {
        bytes,
        _memory: memory,
    })
}

/// Bounds the memory of the documents that are being read: each answer has its own copy.
pub(super) async fn documents(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (parts, body) = next.run(request).await.into_parts();
    let memory = api.pages.documents.clone();
    let bytes = to_bytes(body, DOCUMENTS).await;
    let bytes = bytes.map_err(|_| Problem::internal());
    match bytes.and_then(|bytes| held(bytes, memory)) {
        Ok(held) => Response::from_parts(parts, Body::from(Bytes::from_owner(held))),
        Err(problem) => problem.into_response(),
    }
}

/// Encodes a page.
fn encode(page: &impl Serialize, zipped: bool) -> Result<Vec<u8>, Problem> {
    if zipped {
        let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
        serde_json::to_writer(&mut zip, page).map_err(|_| Problem::internal())?;
        zip.flush()
            .and_then(|()| zip.finish())
            .map_err(|_| Problem::internal())
    } else {
        serde_json::to_vec(page).map_err(|_| Problem::internal())
    }
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
/// page meanwhile waits for it. Making a page costs its reader more than reading one.
pub(super) async fn answer<T: Serialize + Send + 'static>(
    api: &Api,
    peer: IpAddr,
    headers: &HeaderMap,
    content: Content,
    read: impl FnOnce(&Node) -> Result<Option<T>, StoreError> + Send + 'static,
) -> Result<Response, Problem> {
    let zipped = takes_gzip(headers);
    let key = (content, zipped);
    let make = async {
        let cost = api.node.config.http.page_cost;
        api.reads.charge(peer, cost, api.node.clock().now());
        let pages = api.pages.clone();
        let encoded = reading(api, move |node| {
            let page = read(node)?;
            Ok(page.map(|page| encode(&page, zipped).and_then(|bytes| pages.held(bytes))))
        });
        encoded.await?.ok_or_else(|| Problem::not_found("page"))?
    };
    let page = api.pages.cache.get_or_insert_async(&key, make).await?;
    let page = api.pages.readers.answer(page, peer)?;
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

    fn page(bytes: usize) -> Vec<u8> {
        vec![b'x'; bytes]
    }

    // Before, each reader of a page had a copy of it, for as long as it took to read.
    #[test]
    fn memory_is_bounded_until_the_last_reader_is_done() {
        let pages = Pages::new(3 * UNIT);
        let page = || pages.held(page(1_500));
        let first = page().unwrap();
        let reader = first.clone();
        assert_eq!(page().unwrap_err().code(), "unavailable");
        drop(first);
        assert!(page().is_err(), "it is still read");
        drop(reader);
        assert!(page().is_ok());
    }

    // Before, pages of a few bytes each took a unit of memory and weighed their bytes: the memory
    // was gone before the cache was full, and no page was answered until a restart.
    #[test]
    fn small_pages_cannot_take_all_memory() {
        let pages = Pages::new(64 * UNIT);
        let put = |from: u64| {
            let held = (0, u64::MAX);
            let limit = 1;
            let key = (Content::Messages { from, limit, held }, false);
            pages
                .held(page(45))
                .map(|page| pages.cache.insert(key, page))
        };
        for from in 0..1_000 {
            assert!(put(from).is_ok(), "page {from}");
            assert!(pages.memory.available_permits() >= 48, "page {from}");
        }
        // Kept pages make room, and pages that are being read do not.
        let large = pages.held(page(64 * UNIT)).unwrap();
        assert!(pages.held(page(1)).is_err());
        drop(large);
    }

    // Before, one peer that read slowly took all memory for pages.
    #[test]
    fn one_peer_leaves_pages_for_others() {
        let pages = Pages::new(64 * UNIT);
        let peer = |last| IpAddr::from([10, 0, 0, last]);
        let made: Vec<_> = (0..3)
            .map(|_| pages.held(page(2 * UNIT)).unwrap())
            .collect();
        let answer = |made: &Page, last| pages.readers.answer(made.clone(), peer(last));
        let first = answer(&made[0], 1).unwrap();
        let again = answer(&made[0], 1).unwrap();
        let second = answer(&made[1], 1).unwrap();
        assert_eq!(answer(&made[2], 1).unwrap_err().code(), "unavailable");
        answer(&made[2], 2).unwrap();
        drop(first);
        assert!(
            answer(&made[2], 1).is_err(),
            "another client reads it still"
        );
        drop(again);
        answer(&made[2], 1).unwrap();
        drop(second);
        assert!(pages.readers.peers.lock().unwrap().is_empty());
        // A page above the share is read alone.
        answer(&pages.held(page(9 * UNIT)).unwrap(), 1).unwrap();
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
