//! The interface of the mailbox. Every reader gets every message: a request names neither a message
//! nor an address.

use axum::{
    Json,
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use subrosa_client::work::{self, Work};
use utoipa::IntoParams;

use super::{
    Api,
    pages::{self, Content},
    problem::Problem,
    routes::body_bytes,
    schema::{MessageBody, MessagesBody, PostBody, PostedBody},
};
use crate::{
    mailbox::{MESSAGE_LEN, PostError},
    serve::Peer,
    telemetry,
    wire::hex0x,
};

/// Largest body, in bytes: a message in hex, with room for the JSON around it.
pub(super) const MAX_BODY: usize = 4 * MESSAGE_LEN;

/// Time by which a client's clock may be ahead, in seconds.
const AHEAD_S: u64 = 120;

/// Leaves an encrypted message. The same bytes get the same answer again and are held once.
///
/// The header `subrosa-work` states the message's proof of work as `<time>-<nonce>`; `/v1/news`
/// says how many bits it needs.
#[utoipa::path(post, path = "/v1/messages", tag = "messages",
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (PostBody = "application/json"),
    )),
    responses(
        (status = 202, description = "stored", body = PostedBody),
        (status = 400, body = Problem,
            description = "`malformed`: a short message, or a body or work of unknown form"),
        (status = 413, description = "`too_large`", body = Problem),
        (status = 429, description = "`rate_limited`, `work_too_low`", body = Problem),
        (status = 503, description = "`mailbox_full`, `unavailable`", body = Problem),
    ))]
pub(crate) async fn post(
    State(api): State<Api>,
    Peer(peer): Peer,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let now = api.node.clock().now();
    if !api.message_limiter.allow(peer, now) {
        telemetry::message("rate_limited");
        return Err(api.refused().await);
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
    let unix = node.clock().unix();
    let bits = bits(&api, &headers, &message, unix)?;
    // Whoever has not done the work takes neither a thread nor the disk.
    if let Some(expires) = node.mailbox.look(&message, bits, unix).map_err(refused)? {
        return Ok((StatusCode::ACCEPTED, Json(PostedBody { expires })).into_response());
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
        let posted = node.mailbox.post(&node.store, message, bits, now);
        posted.map_err(|error| {
            if let PostError::Store(error) = &error {
                node.halt_on_store(error);
            }
            refused(error)
        })
    });
    let expires = posted.await.map_err(|_| Problem::internal())??;
    Ok((StatusCode::ACCEPTED, Json(PostedBody { expires })).into_response())
}

fn refused(error: PostError) -> Problem {
    match error {
        PostError::Work { needed } => Problem::work_too_low(needed),
        PostError::Full => Problem::mailbox_full(),
        PostError::Store(error) => error.into(),
    }
}

/// Returns the bits of work that the header states for a message, 0 without the header or if it is
/// too old.
fn bits(
    api: &Api,
    headers: &HeaderMap,
    message: &[u8; MESSAGE_LEN],
    now: u64,
) -> Result<u32, Problem> {
    let Some(stated) = headers.get(work::HEADER) else {
        return Ok(0);
    };
    let stated: Option<Work> = stated.to_str().ok().and_then(|text| text.parse().ok());
    let stated = stated.ok_or_else(|| Problem::malformed("the work is not <time>-<nonce>"))?;
    let node = &api.node;
    let oldest = now.saturating_sub(node.config.mailbox.work_age_s);
    if !(oldest..=now.saturating_add(AHEAD_S)).contains(&stated.time) {
        return Ok(0);
    }
    Ok(stated.bits(&node.ledger_config.context, message))
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

/// Returns the messages in the mailbox, in order. `/v1/news` and the event `messages` of the stream
/// announce new ones.
#[utoipa::path(get, path = "/v1/messages", tag = "messages", params(Page),
    responses((status = 200, body = MessagesBody),
        (status = 400, description = "`malformed`", body = Problem),
        (status = 503, description = "`unavailable`: too many pages are being read",
            body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    Peer(peer): Peer,
    headers: HeaderMap,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(page) = page.map_err(|_| Problem::malformed("from and limit must be integers"))?;
    let most = api.node.config.mailbox.max_page;
    let limit = page.limit.unwrap_or(most).clamp(1, most);
    let now = api.node.clock().unix();
    let held = api.node.mailbox.extent(now);
    let (first, head) = held;
    // One page for all who ask from before the first message, and none to keep from the head on.
    let from = page.from.unwrap_or(0).max(first);
    if from >= head {
        let messages = Vec::new();
        let next = head;
        return Ok(Json(MessagesBody {
            messages,
            next,
            head,
        })
        .into_response());
    }
    let content = Content::Messages { from, limit, held };
    pages::answer(&api, peer, &headers, content, move |node| {
        let page = node.mailbox.read(&node.store, from, limit, now)?;
        let messages = page.messages.iter();
        Ok(Some(MessagesBody {
            messages: messages
                .map(|(sequence, message)| MessageBody {
                    sequence: *sequence,
                    message: hex0x(message),
                })
                .collect(),
            next: page.next,
            head: page.head,
        }))
    })
    .await
}
