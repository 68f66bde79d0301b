//! The handlers. Work that touches the store runs on a blocking thread.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use subrosa_protocol::element::TransactionDigest;
use utoipa::IntoParams;

use super::{
    Api, keys,
    pages::{self, Content},
    problem::Problem,
    schema::{
        AssetBody, AssetsBody, BatchBody, BatchDetailBody, BatchesBody, FINAL_PAGE,
        FinalBatchesBody, HealthBody, InfoBody, OracleBody, SubmissionBody, TransactionBody,
        transaction_body,
    },
};
use crate::{
    health::Health,
    node::Node,
    serve::Peer,
    status::TransactionStatus,
    store::StoreError,
    wire::{bytes_from_hex, fr_hex, hex0x, word, word_from_hex},
};

/// Runs a read of the store on a blocking thread, when one of the places for readers is free. What
/// other requests need of these threads is left to them.
pub(super) async fn reading<T: Send + 'static>(
    api: &Api,
    read: impl FnOnce(&Node) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let place = Arc::clone(&api.readers).acquire_owned().await;
    let place = place.map_err(|_| Problem::internal())?;
    looking(&api.node, move |node| {
        let _place = place;
        read(node)
    })
    .await
}

/// Runs a look-up for a submission on a blocking thread. It waits for no reader.
async fn looking<T: Send + 'static>(
    node: &Arc<Node>,
    look: impl FnOnce(&Node) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let node = node.clone();
    tokio::task::spawn_blocking(move || look(&node))
        .await
        .map_err(|_| Problem::internal())?
        .map_err(Problem::from)
}

/// Returns the bytes of a body: the body itself, or the hex in the one field of a JSON object.
pub(super) fn body_bytes<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    limit: usize,
    name: &str,
    field: impl FnOnce(T) -> String,
) -> Result<Vec<u8>, Problem> {
    let body = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::too_large(limit)
        } else {
            Problem::malformed("the body could not be read")
        }
    })?;
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    match kind.as_deref() {
        Some("application/json") => {
            let body = serde_json::from_slice(&body).map_err(|_| {
                Problem::malformed(format!("the body is not {{\"{name}\":\"0x…\"}}"))
            })?;
            bytes_from_hex(&field(body)).ok_or_else(|| {
                Problem::malformed(format!("the {name} is not lower-case hex after 0x"))
            })
        }
        Some("application/octet-stream") => Ok(body.to_vec()),
        _ => Err(Problem::malformed(
            "the content type must be application/octet-stream or application/json",
        )),
    }
}

/// Returns the deployment, the limits and the state.
#[utoipa::path(get, path = "/v1/info", tag = "rollup",
    responses((status = 200, body = InfoBody)))]
pub(crate) async fn info(State(api): State<Api>) -> Json<InfoBody> {
    let node = &api.node;
    let config = &node.config;
    let (state, assets_root) = {
        let pool = node.pool();
        (pool.view().state, pool.view().assets_root)
    };
    Json(InfoBody {
        chain_id: config.chain_id,
        rollup: hex0x(&config.rollup),
        vault: hex0x(&config.vault),
        context: fr_hex(&node.ledger_config.context),
        fee_asset: node.ledger_config.fee_asset.0,
        min_fee: config.min_fee.to_string(),
        shapes: config.seal.shapes.iter().map(|s| s.slots()).collect(),
        transaction_key_hash: hex0x(&node.ports.verifier.key_hash()),
        assets_root: fr_hex(&assets_root),
        state: (&state).into(),
        settled_below: node.cursor().settle,
    })
}

/// Submits a transaction with its proof.
#[utoipa::path(post, path = "/v1/transactions", tag = "transactions",
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (SubmissionBody = "application/json"),
    )),
    responses(
        (status = 202, description = "accepted and stored", body = TransactionBody),
        (status = 400, body = Problem), (status = 409, body = Problem),
        (status = 410, body = Problem), (status = 413, body = Problem),
        (status = 422, body = Problem), (status = 429, body = Problem),
        (status = 503, body = Problem),
    ))]
pub(crate) async fn submit(
    State(api): State<Api>,
    Peer(peer): Peer,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let limit = api.node.config.http.max_body;
    let json = |body: SubmissionBody| body.submission;
    let waste = || {
        let more = api.node.config.http.invalid_cost;
        api.submissions.charge(peer, more, api.node.clock().now());
    };
    let bytes = body_bytes(&headers, body, limit, "submission", json).inspect_err(|_| waste())?;
    let accepted = api.queue.submit(bytes).await.inspect_err(|refusal| {
        if refusal.is_waste() {
            waste();
        }
    })?;
    let digest = accepted.digest;
    let status = if accepted.pending {
        TransactionStatus::Pending
    } else {
        looking(&api.node, move |node| node.status(&digest))
            .await?
            .ok_or_else(Problem::internal)?
    };
    let body = transaction_body(&digest, status);
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

/// Returns the status of an accepted transaction.
#[utoipa::path(get, path = "/v1/transactions/{digest}", tag = "transactions",
    params(("digest" = String, Path, description = "digest, 0x hex")),
    responses((status = 200, body = TransactionBody), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn transaction(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<TransactionBody>, Problem> {
    let Path(text) = path.map_err(|_| Problem::malformed("the digest is unreadable"))?;
    let digest = word_from_hex(&text)
        .and_then(|word| TransactionDigest::from_bytes(&word).ok())
        .ok_or_else(|| Problem::malformed("the digest is not a field element in 0x hex"))?;
    let status = reading(&api, move |node| node.status(&digest)).await?;
    status
        .map(|status| Json(transaction_body(&digest, status)))
        .ok_or_else(|| Problem::not_found("transaction"))
}

/// The page of batches to read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// First index; 1 by default.
    from: Option<u64>,
    /// Largest number of batches.
    limit: Option<u64>,
}

/// Returns published batches in order: everything that a wallet needs to scan and to build its own
/// trees.
///
/// The tag names the batches and not their status. With `If-None-Match`, the answer is 304 as long
/// as nothing was sealed, settled or taken back.
#[utoipa::path(get, path = "/v1/batches", tag = "batches", params(Page),
    responses((status = 200, body = BatchesBody), (status = 304, description = "nothing is new"),
        (status = 400, body = Problem),
        (status = 503, description = "`unavailable`: too many pages are being read",
            body = Problem)))]
pub(crate) async fn batches(
    State(api): State<Api>,
    Peer(peer): Peer,
    headers: HeaderMap,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(page) = page.map_err(|_| Problem::malformed("from and limit must be integers"))?;
    let http = &api.node.config.http;
    let from = page.from.unwrap_or(1).max(1);
    let limit = page.limit.unwrap_or(http.max_page).clamp(1, http.max_page);
    let max_bytes = http.max_page_bytes;
    // Taken before the batches are read: a tag is never newer than its page.
    let version = *api.node.versions().borrow();
    let tag = format!(
        "W/\"{:016x}-{version}-{from}-{limit}\"",
        api.node.incarnation
    );
    let tag = HeaderValue::from_str(&tag).map_err(|_| Problem::internal())?;
    let head = api.node.cursor().seal;
    let known = tag.to_str().is_ok_and(|tag| pages::has(&headers, tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else if from >= head {
        // Such pages are as many as there are numbers, and none is worth keeping.
        let (batches, next) = (Vec::new(), from);
        let page = BatchesBody {
            batches,
            next,
            head,
        };
        Json(page).into_response()
    } else {
        let content = Content::Batches {
            from,
            limit,
            version,
        };
        pages::answer(&api, peer, &headers, content, move |node| {
            page_of(node, from, limit, max_bytes).map(Some)
        })
        .await?
    };
    let answer = response.headers_mut();
    answer.insert(header::ETAG, tag);
    let again = HeaderValue::from_static("no-cache");
    answer.insert(header::CACHE_CONTROL, again);
    Ok(response)
}

/// Reads a page of batches.
fn page_of(
    node: &Node,
    from: u64,
    limit: u64,
    max_bytes: usize,
) -> Result<BatchesBody, StoreError> {
    let head = node.cursor().seal;
    let mut batches = Vec::new();
    let mut bytes = 0;
    let mut next = from;
    while next < head && (batches.len() as u64) < limit {
        // Absent if it was dropped a moment ago.
        let Some(view) = node.batch(next, false)? else {
            break;
        };
        bytes += view.record.published.len();
        if bytes > max_bytes && !batches.is_empty() {
            break;
        }
        batches.push(BatchBody::from(&view));
        next += 1;
    }
    Ok(BatchesBody {
        batches,
        next,
        head,
    })
}

/// Returns a page of batches that are final: `number`·16 + 1 to `number`·16 + 16. It never
/// changes and may be kept for ever.
#[utoipa::path(get, path = "/v1/batches/pages/{number}", tag = "batches",
    params(("number" = u64, Path, description = "number of the page, from 0")),
    responses((status = 200, body = FinalBatchesBody), (status = 400, body = Problem),
        (status = 404, body = Problem, description = "not all of its batches are final yet"),
        (status = 503, description = "`unavailable`: too many pages are being read",
            body = Problem)))]
pub(crate) async fn final_batches(
    State(api): State<Api>,
    Peer(peer): Peer,
    headers: HeaderMap,
    path: Result<Path<u64>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(number) = path.map_err(|_| Problem::malformed("the page must be an integer"))?;
    let first = number.saturating_mul(FINAL_PAGE).saturating_add(1);
    let after = first.saturating_add(FINAL_PAGE);
    if after > api.node.final_below().min(api.node.cursor().settle) {
        return Err(Problem::not_found("page of final batches yet"));
    }
    let tag = format!("W/\"{:016x}-page-{number}\"", api.node.incarnation);
    let mut response = if pages::has(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        pages::answer(
            &api,
            peer,
            &headers,
            Content::Final { number },
            move |node| {
                let batches = (first..after).map(|index| node.batch(index, false));
                let batches: Option<Vec<_>> = batches.collect::<Result<_, _>>()?;
                Ok(batches.map(|batches| FinalBatchesBody {
                    batches: batches.iter().map(Into::into).collect(),
                }))
            },
        )
        .await?
    };
    let answer = response.headers_mut();
    let tag = HeaderValue::from_str(&tag).map_err(|_| Problem::internal())?;
    answer.insert(header::ETAG, tag);
    let kept = HeaderValue::from_static(keys::CACHED);
    answer.insert(header::CACHE_CONTROL, kept);
    Ok(response)
}

/// Returns one batch with the states before and after it and its proof.
#[utoipa::path(get, path = "/v1/batches/{index}", tag = "batches",
    params(("index" = u64, Path, description = "batch index")),
    responses((status = 200, body = BatchDetailBody), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn batch(
    State(api): State<Api>,
    path: Result<Path<u64>, PathRejection>,
) -> Result<Json<BatchDetailBody>, Problem> {
    let Path(index) = path.map_err(|_| Problem::malformed("the batch index must be an integer"))?;
    let view = reading(&api, move |node| node.batch(index, true)).await?;
    view.map(|view| Json(BatchDetailBody::from(&view)))
        .ok_or_else(|| Problem::not_found("batch"))
}

/// Returns the registered assets in the order of their ids.
#[utoipa::path(get, path = "/v1/assets", tag = "rollup",
    responses((status = 200, body = AssetsBody)))]
pub(crate) async fn assets(State(api): State<Api>) -> Json<AssetsBody> {
    let registry = api.node.registry();
    Json(AssetsBody {
        assets: (registry.assets.iter())
            .map(|info| AssetBody::new(info, &registry.auditors))
            .collect(),
        root: fr_hex(&registry.root),
    })
}

/// Returns the price snapshot of the next batch. `/v1/news` announces another.
#[utoipa::path(get, path = "/v1/oracle", tag = "rollup",
    responses((status = 200, body = OracleBody),
        (status = 404, body = Problem,
            description = "`not_found`: the chain has no snapshot yet")))]
pub(crate) async fn oracle(State(api): State<Api>) -> Result<Json<OracleBody>, Problem> {
    let oracle = api.node.oracle();
    let id = word(&api.node.pool().view().prices.digest);
    let snapshot = oracle
        .get(&id)
        .ok_or_else(|| Problem::not_found("price snapshot"))?;
    Ok(Json(OracleBody::new(&id, snapshot)))
}

/// Answers as long as the process lives.
#[utoipa::path(get, path = "/health", tag = "rollup",
    responses((status = 200, body = HealthBody)))]
pub(crate) async fn health() -> Json<HealthBody> {
    Json(HealthBody::ok())
}

/// Answers whether the sequencer accepts and settles transactions. The names of the parts that do
/// not answer are the same as on the listener for operators; the reasons are only there.
#[utoipa::path(get, path = "/ready", tag = "rollup",
    responses((status = 200, body = HealthBody), (status = 503, body = Problem)))]
pub(crate) async fn ready(State(api): State<Api>) -> Result<Json<HealthBody>, Problem> {
    match api.node.health.read() {
        Health::Running if !api.node.is_level() => {
            Ok(Json(HealthBody::degraded(vec!["behind_l1".to_owned()])))
        }
        Health::Running => Ok(Json(HealthBody::ok())),
        Health::Degraded(what) => Ok(Json(HealthBody::degraded(
            what.into_keys().map(ToOwned::to_owned).collect(),
        ))),
        Health::Halted(halt) => Err(Problem::unavailable(
            format!("halted: {}", halt.code()),
            false,
        )),
    }
}
