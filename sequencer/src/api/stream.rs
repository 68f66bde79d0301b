//! Server-sent events: what happens to batches, and that there are messages.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::Api;
use super::problem::Problem;
use crate::node::{BatchEvent, BatchEventKind};
use crate::wire::hex0x;

struct Listener {
    events: broadcast::Receiver<BatchEvent>,
    /// Keeps only the newest, so that a flood of messages is no flood of events for the slow.
    messages: watch::Receiver<u64>,
    cancel: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

/// Events `sealed`, `proven`, `settled`, `dropped` (this batch and all later ones were taken back
/// before settlement; read them again) with `{"index", "l1_transaction"?}`; `lagged` when the
/// reader was too slow and must read the batches again; `messages` with `{"head"}` when there are more
/// messages in the mailbox.
#[utoipa::path(get, path = "/v1/batches/stream", tag = "batches",
    responses((status = 200, description = "events", content_type = "text/event-stream", body = String),
        (status = 503, body = Problem)))]
pub(crate) async fn stream(
    State(api): State<Api>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let permit = Arc::clone(&api.streams)
        .try_acquire_owned()
        .map_err(|_| Problem::unavailable("too many streams are open".into(), true))?;
    let listener = Listener {
        events: api.node.events.subscribe(),
        messages: api.node.mailbox.subscribe(),
        cancel: api.node.cancel.clone(),
        _permit: permit,
    };
    let events = futures::stream::unfold(listener, |mut listener| async move {
        let received = tokio::select! {
            () = listener.cancel.cancelled() => return None,
            received = listener.events.recv() => received,
            changed = listener.messages.changed() => {
                changed.ok()?;
                let head = *listener.messages.borrow_and_update();
                let data = serde_json::json!({ "head": head }).to_string();
                let event = Event::default().event("messages").data(data);
                return Some((Ok(event), listener));
            }
        };
        let event = match received {
            Ok(event) => encode(&event),
            Err(RecvError::Lagged(_)) => Event::default().event("lagged").data("{}"),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

fn encode(event: &BatchEvent) -> Event {
    let (name, tx) = match event.kind {
        BatchEventKind::Sealed => ("sealed", None),
        BatchEventKind::Proven => ("proven", None),
        BatchEventKind::Settled { tx } => ("settled", Some(tx)),
        BatchEventKind::Dropped => ("dropped", None),
    };
    let mut data = serde_json::json!({ "index": event.index });
    if let Some(tx) = tx {
        data["l1_transaction"] = hex0x(&tx).into();
    }
    Event::default().event(name).data(data.to_string())
}
