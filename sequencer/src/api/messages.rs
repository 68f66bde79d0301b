//! The interface of the mailbox. Every reader gets every message: a request names neither a message
//! nor an address.

use std::net::SocketAddr;

use axum::{
    Json,
    body::Bytes,
    extract::{
        ConnectInfo, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api,
    problem::Problem,
    routes::{body_bytes, reading},
    schema::{MessageBody, MessagesBody, PostBody, PostedBody},
};
use crate::{
    mailbox::{MESSAGE_LEN, PostError},
    telemetry,
    wire::hex0x,
};

/// Largest body, in bytes: a message in hex, with room for the JSON around it.
pub(super) const MAX_BODY: usize = 4 * MESSAGE_LEN;

/// Leaves an encrypted message. The same bytes get the same answer again and are held once.
#[utoipa::path(post, path = "/v1/messages", tag = "messages",
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (PostBody = "application/json"),
    )),
    responses(
        (status = 202, description = "stored", body = PostedBody),
        (status = 400, body = Problem,
            description = "`malformed`: a short message, or a body of unknown form"),
        (status = 413, description = "`too_large`", body = Problem),
        (status = 429, description = "`rate_limited`", body = Problem),
        (status = 503, description = "`mailbox_full`, `unavailable`", body = Problem),
    ))]
pub(crate) async fn post(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let now = api.node.clock().now();
    if !api.message_limiter.allow(peer.ip(), now) {
        telemetry::message("rate_limited");
        return Err(Problem::rate_limited());
    }
    let bytes = body_bytes(&headers, body, MAX_BODY, "message", |body: PostBody| {
        body.message
    })?;
    let message: [u8; MESSAGE_LEN] = bytes
        .try_into()
        .map_err(|bytes: Vec<u8>| Problem::message_length(bytes.len()))?;
    let node = api.node.clone();
    if node.config.follow {
        let detail = "this sequencer only follows L1; send the message to the rollup's sequencer";
        return Err(Problem::unavailable(detail.into(), true));
    }
    if node.health.halted_by_store() {
        return Err(Problem::unavailable("the store failed".into(), true));
    }
    let permit = node.mailbox.permit().ok_or_else(|| {
        let detail = "too many messages are being stored, try again later";
        Problem::unavailable(detail.into(), true)
    })?;
    let posted = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let now = node.clock().unix();
        let posted = node.mailbox.post(&node.store, message, now);
        posted.map_err(|error| match error {
            PostError::Full => Problem::mailbox_full(),
            PostError::Store(error) => {
                node.halt_on_store(&error);
                error.into()
            }
        })
    });
    let expires = posted.await.map_err(|_| Problem::internal())??;
    Ok((StatusCode::ACCEPTED, Json(PostedBody { expires })).into_response())
}

/// The page of messages to read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// First sequence number; 0 by default.
    #[param(example = 41u64)]
    from: Option<u64>,
    /// Largest number of messages.
    #[param(example = 100u64)]
    limit: Option<u64>,
}

/// Returns the messages in the mailbox, in order. The event `messages` of the stream announces new
/// ones.
#[utoipa::path(get, path = "/v1/messages", tag = "messages", params(Page),
    responses((status = 200, body = MessagesBody),
        (status = 400, description = "`malformed`", body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<MessagesBody>, Problem> {
    let Query(page) = page.map_err(|_| Problem::malformed("from and limit must be integers"))?;
    let from = page.from.unwrap_or(0);
    let limit = page.limit.unwrap_or(u64::MAX);
    let page = reading(&api.node, move |node| {
        let now = node.clock().unix();
        node.mailbox.read(&node.store, from, limit, now)
    })
    .await?;
    let messages = page.messages.iter();
    Ok(Json(MessagesBody {
        messages: messages
            .map(|(sequence, message)| MessageBody {
                sequence: *sequence,
                message: hex0x(message),
            })
            .collect(),
        next: page.next,
        head: page.head,
    }))
}
