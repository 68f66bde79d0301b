//! The keys of the transaction circuit, for wallets that have none.
//!
//! The path holds the hash of the verifying key, so that an answer never changes. A wallet checks
//! every file against its hash (spec: *Interfaces*).

use std::{io::SeekFrom, ops::Range, path::Path as FilePath, sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use subrosa_prover::setup::{
    KeyStore, SetupError,
    bundle::{KeyFile, TransactionFiles},
};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
    sync::mpsc,
};
use tokio_util::io::ReaderStream;

use super::{
    Api,
    problem::Problem,
    schema::{KeyFileBody, KeysBody},
};
use crate::{
    node::Node,
    serve::{Peer, Share, Shares},
    wire::hex0x,
};

/// Bytes that are read from the disk at a time.
const CHUNK: usize = 64 * 1024;
/// Longest time for which one answer occupies a place, however slow its reader is.
const LONGEST: Duration = Duration::from_secs(600);
/// Life of an answer in caches: a year, as its content never changes.
pub(super) const CACHED: &str = "public, max-age=31536000, immutable";

/// The keys that this sequencer offers, and the places for those who read them.
pub(crate) struct Offer {
    keys: Option<TransactionFiles>,
    places: Arc<Shares>,
}

impl Offer {
    /// Looks for the sequencer's own transaction keys in the configured directory.
    pub(crate) fn new(node: &Node) -> Self {
        let keys = node.config.key_directory.as_deref().and_then(|directory| {
            let found = found(directory).unwrap_or_else(|error| {
                tracing::warn!(%error, "the key directory cannot be read; no keys are offered");
                None
            });
            let ours = node.ports.verifier.key_hash();
            found.filter(|keys| keys.key_hash == ours)
        });
        let http = &node.config.http;
        Self {
            keys,
            places: Shares::new(http.key_downloads, http.peer_key_downloads),
        }
    }

    /// Returns the keys with the hash in a path.
    fn named(&self, hash: &str) -> Option<&TransactionFiles> {
        let keys = self.keys.as_ref()?;
        hash.eq_ignore_ascii_case(&hex0x(&keys.key_hash))
            .then_some(keys)
    }
}

fn found(directory: &FilePath) -> Result<Option<TransactionFiles>, SetupError> {
    if !directory.is_dir() {
        return Ok(None);
    }
    KeyStore::open(directory)?.transaction_files()
}

/// Describes the keys of the transaction circuit whose verifying key has this hash, which
/// `/v1/info` states.
#[utoipa::path(get, path = "/v1/keys/{hash}", tag = "rollup",
    params(("hash" = String, Path, description = "hash of the verifying key, 0x hex")),
    responses((status = 200, body = KeysBody),
        (status = 404, body = Problem, description = "the sequencer does not offer these keys")))]
pub(crate) async fn keys(
    State(api): State<Api>,
    Path(hash): Path<String>,
) -> Result<Response, Problem> {
    let keys = api
        .keys
        .named(&hash)
        .ok_or_else(|| Problem::not_found("key"))?;
    let body = KeysBody {
        hash: hex0x(&keys.key_hash),
        circuit: format!("0x{}", keys.circuit),
        unsafe_development: keys.unsafe_development,
        files: keys.files.iter().map(described).collect(),
    };
    Ok(([(header::CACHE_CONTROL, CACHED)], Json(body)).into_response())
}

fn described(file: &KeyFile) -> KeyFileBody {
    KeyFileBody {
        role: file.role.clone(),
        sha256: format!("0x{}", file.sha256),
        bytes: file.bytes,
    }
}

/// Returns a file of the keys, or the rest of it from a byte on (`Range: bytes=N-`).
#[utoipa::path(get, path = "/v1/keys/{hash}/{role}", tag = "rollup",
    params(("hash" = String, Path, description = "hash of the verifying key, 0x hex"),
        ("role" = String, Path, description = "`pk` or `vk`")),
    responses(
        (status = 200, description = "the file", content_type = "application/octet-stream",
            body = Vec<u8>),
        (status = 206, description = "the rest of the file",
            content_type = "application/octet-stream", body = Vec<u8>),
        (status = 404, body = Problem), (status = 416, body = Problem),
        (status = 503, body = Problem, description = "too many are being sent")))]
pub(crate) async fn file(
    State(api): State<Api>,
    Peer(peer): Peer,
    Path((hash, role)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let offered = api.keys.named(&hash);
    let file = offered.and_then(|keys| keys.files.iter().find(|file| file.role == role));
    let file = file.ok_or_else(|| Problem::not_found("key file"))?;
    let asked = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
    let part = match asked.and_then(range) {
        Some((from, _)) if from >= file.bytes => return Err(Problem::out_of_range(file.bytes)),
        Some((from, to)) => Some(from..to.map_or(file.bytes, |to| file.bytes.min(to + 1))),
        None => None,
    };
    let place = api.keys.places.take(peer);
    let place =
        place.ok_or_else(|| Problem::unavailable("too many keys are being sent".into(), true))?;
    let bytes = part.clone().unwrap_or(0..file.bytes);
    let length = bytes.end - bytes.start;
    let body = body(&api, file, bytes, place).await?;
    let mut response = Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_LENGTH, length)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, format!("\"{}\"", file.sha256))
        .header(header::CACHE_CONTROL, CACHED);
    if let Some(part) = part {
        let described = format!("bytes {}-{}/{}", part.start, part.end - 1, file.bytes);
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, described);
    }
    response.body(body).map_err(|_| Problem::internal())
}

/// Parses a range of one part with a first byte. Others count as absent, which HTTP allows.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let from = from.parse().ok()?;
    if to.is_empty() {
        return Some((from, None));
    }
    let to = to.parse().ok()?;
    (from <= to && to < u64::MAX).then_some((from, Some(to)))
}

/// Streams bytes of a file. The place is free again when the last byte was handed over, the reader
/// went away, or it took too long.
async fn body(api: &Api, file: &KeyFile, bytes: Range<u64>, place: Share) -> Result<Body, Problem> {
    let mut opened = File::open(&file.path)
        .await
        .map_err(|_| Problem::not_found("key file"))?;
    opened
        .seek(SeekFrom::Start(bytes.start))
        .await
        .map_err(|_| Problem::internal())?;
    let content = ReaderStream::with_capacity(opened.take(bytes.end - bytes.start), CHUNK);
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(1);
    let cancel = api.node.cancel.clone();
    tokio::spawn(async move {
        let _place = place;
        let mut content = std::pin::pin!(content);
        let pump = async {
            while let Some(chunk) = content.next().await {
                if sender.send(chunk).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            _ = tokio::time::timeout(LONGEST, pump) => {}
        }
    });
    let chunks = stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    });
    Ok(Body::from_stream(chunks))
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn only_ranges_with_a_first_byte_are_parts() {
        assert_eq!(range("bytes=7-"), Some((7, None)));
        assert_eq!(range("bytes=7-9"), Some((7, Some(9))));
        for whole in [
            "bytes=-5",
            "bytes=9-7",
            "bytes=1-2,4-5",
            "lines=1-2",
            "bytes=x-",
            "bytes=0-18446744073709551615",
        ] {
            assert_eq!(range(whole), None, "{whole}");
        }
    }
}
