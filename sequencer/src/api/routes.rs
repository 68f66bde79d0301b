//! The handlers. Work that touches the store runs on a blocking thread.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use subrosa_protocol::element::TransactionDigest;
use utoipa::IntoParams;

use super::{
    Api,
    problem::Problem,
    schema::{
        AssetsBody, BatchBody, BatchDetailBody, BatchesBody, HealthBody, InfoBody, OracleBody,
        SubmissionBody, TransactionBody, transaction_body,
    },
};
use crate::{
    health::Health,
    node::Node,
    status::TransactionStatus,
    store::StoreError,
    wire::{bytes_from_hex, fr_hex, hex0x, word_from_hex},
};

/// Runs a read of the store on a blocking thread.
pub(super) async fn reading<T: Send + 'static>(
    node: &Arc<Node>,
    read: impl FnOnce(&Node) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let node = node.clone();
    tokio::task::spawn_blocking(move || read(&node))
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
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let limit = api.node.config.http.max_body;
    let json = |body: SubmissionBody| body.submission;
    let bytes = body_bytes(&headers, body, limit, "submission", json)?;
    let accepted = api.queue.submit(bytes).await?;
    let digest = accepted.digest;
    let status = if accepted.pending {
        TransactionStatus::Pending
    } else {
        reading(&api.node, move |node| node.status(&digest))
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
    let status = reading(&api.node, move |node| node.status(&digest)).await?;
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
#[utoipa::path(get, path = "/v1/batches", tag = "batches", params(Page),
    responses((status = 200, body = BatchesBody), (status = 400, body = Problem)))]
pub(crate) async fn batches(
    State(api): State<Api>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<BatchesBody>, Problem> {
    let Query(page) = page.map_err(|_| Problem::malformed("from and limit must be integers"))?;
    let http = &api.node.config.http;
    let from = page.from.unwrap_or(1).max(1);
    let limit = page.limit.unwrap_or(http.max_page).clamp(1, http.max_page);
    let max_bytes = http.max_page_bytes;
    let body = reading(&api.node, move |node| {
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
    })
    .await?;
    Ok(Json(body))
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
    let view = reading(&api.node, move |node| node.batch(index, true)).await?;
    view.map(|view| Json(BatchDetailBody::from(&view)))
        .ok_or_else(|| Problem::not_found("batch"))
}

/// Returns the registered assets in the order of their ids.
#[utoipa::path(get, path = "/v1/assets", tag = "rollup",
    responses((status = 200, body = AssetsBody)))]
pub(crate) async fn assets(State(api): State<Api>) -> Json<AssetsBody> {
    let registry = api.node.registry();
    Json(AssetsBody {
        assets: registry.assets.iter().map(Into::into).collect(),
        root: fr_hex(&registry.root),
    })
}

/// Returns the latest price snapshot of the chain. No event announces a new one: wallets ask
/// whenever they read batches.
#[utoipa::path(get, path = "/v1/oracle", tag = "rollup",
    responses((status = 200, body = OracleBody),
        (status = 404, body = Problem,
            description = "`not_found`: the chain has no snapshot yet")))]
pub(crate) async fn oracle(State(api): State<Api>) -> Result<Json<OracleBody>, Problem> {
    let oracle = api.node.oracle();
    let latest = oracle
        .latest()
        .ok_or_else(|| Problem::not_found("price snapshot"))?;
    Ok(Json(OracleBody::new(&latest.id, &latest.snapshot)))
}

/// Answers as long as the process lives.
#[utoipa::path(get, path = "/health", tag = "operations",
    responses((status = 200, body = HealthBody)))]
pub(crate) async fn health() -> Json<HealthBody> {
    Json(HealthBody {
        status: "ok".to_owned(),
        degraded: Vec::new(),
    })
}

/// Answers whether the sequencer accepts and settles transactions.
#[utoipa::path(get, path = "/ready", tag = "operations",
    responses((status = 200, body = HealthBody), (status = 503, body = Problem)))]
pub(crate) async fn ready(State(api): State<Api>) -> Result<Json<HealthBody>, Problem> {
    match api.node.health.read() {
        Health::Running if !api.node.is_level() => Ok(Json(HealthBody {
            status: "degraded".to_owned(),
            degraded: vec!["behind_l1: batches are being read from L1".to_owned()],
        })),
        Health::Running => Ok(Json(HealthBody {
            status: "ok".to_owned(),
            degraded: Vec::new(),
        })),
        Health::Degraded(what) => Ok(Json(HealthBody {
            status: "degraded".to_owned(),
            degraded: what
                .into_iter()
                .map(|(what, detail)| format!("{what}: {detail}"))
                .collect(),
        })),
        Health::Halted(halt) => Err(Problem::unavailable(
            format!("halted, {}: {halt}", halt.code()),
            false,
        )),
    }
}

/// Returns the metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(api): State<Api>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        api.metrics.render(),
    )
        .into_response()
}
