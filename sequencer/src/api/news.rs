//! News: a request that is answered when there is something to read, so that nobody has to ask
//! again and again.

use std::time::Duration;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Api, problem::Problem, schema::NewsBody};
use crate::serve::Peer;

/// Time for which news are gathered before they are told.
const GATHER: Duration = Duration::from_millis(50);

/// The wait for news.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    /// The version that the last answer stated; without it, the answer comes at once.
    #[param(example = "5f0c9a1e2b7d4833-12-41")]
    since: Option<String>,
    /// Longest wait for another version, in seconds; 0 by default.
    #[param(example = 25u64)]
    wait: Option<u64>,
}

/// Returns a version that changes with every batch that is sealed, settled or taken back, with
/// other prices of the next batch and with every message; with `since`, as soon as it differs. It
/// comes at once if too many wait, here or of the peer.
#[utoipa::path(get, path = "/v1/news", tag = "batches", params(Wait),
    responses((status = 200, body = NewsBody),
        (status = 400, description = "`malformed`", body = Problem)))]
pub(crate) async fn news(
    State(api): State<Api>,
    Peer(peer): Peer,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Result<Json<NewsBody>, Problem> {
    let Query(wait) = wait.map_err(|_| Problem::malformed("wait must be an integer"))?;
    let node = &api.node;
    let mut versions = node.versions();
    let mut heads = node.mailbox.subscribe();
    let now = |version: u64, messages: u64| NewsBody {
        version: format!("{:016x}-{version}-{messages}", node.incarnation),
        head: node.cursor().seal,
        messages,
        work: node.mailbox.needed(),
    };
    let first = now(*versions.borrow_and_update(), *heads.borrow_and_update());
    let http = &node.config.http;
    let most = Duration::from_secs(wait.wait.unwrap_or(0).min(http.wait_s));
    let most = most.min(Duration::from_millis(http.timeout_ms / 2));
    if wait.since.as_ref() != Some(&first.version) || most.is_zero() {
        return Ok(Json(first));
    }
    let Some(_share) = api.waits.take(peer) else {
        return Ok(Json(first));
    };
    tokio::select! {
        () = node.cancel.cancelled() => return Ok(Json(first)),
        () = tokio::time::sleep(most) => return Ok(Json(first)),
        _ = versions.changed() => {}
        _ = heads.changed() => {}
    }
    tokio::time::sleep(GATHER).await;
    let (version, messages) = (*versions.borrow(), *heads.borrow());
    Ok(Json(now(version, messages)))
}
