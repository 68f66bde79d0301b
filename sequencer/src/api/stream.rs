//! Server-sent events: changes of batches, and arrivals of messages.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::Stream;
use tokio::sync::{broadcast, broadcast::error::RecvError, watch};
use tokio_util::sync::CancellationToken;

use super::{Api, problem::Problem};
use crate::{
    event::{BatchEvent, BatchEventKind},
    serve::{Peer, Share},
    wire::hex0x,
};

struct Listener {
    events: broadcast::Receiver<BatchEvent>,
    /// Keeps only the newest head, so that many messages are one event for a slow reader.
    messages: watch::Receiver<u64>,
    cancel: CancellationToken,
    _share: Share,
}

/// Streams events.
///
/// `sealed`, `proven`, `settled` and `dropped` carry `{"index", "l1_transaction"?}`. `dropped`:
/// this batch and all later ones were taken back before settlement; read them again. `lagged`: the
/// reader was too slow and must read the batches again. `messages` carries `{"head"}`: new messages
/// are in the mailbox.
#[utoipa::path(get, path = "/v1/batches/stream", tag = "batches",
    responses((status = 200, description = "events", content_type = "text/event-stream",
            body = String),
        (status = 503, body = Problem)))]
pub(crate) async fn stream(
    State(api): State<Api>,
    Peer(peer): Peer,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let share = api.streams.take(peer).ok_or_else(|| {
        let detail = "too many streams are open, here or of your address; close one or poll";
        Problem::unavailable(detail.into(), true)
    })?;
    let listener = Listener {
        events: api.node.events.subscribe(),
        messages: api.node.mailbox.subscribe(),
        cancel: api.node.cancel.clone(),
        _share: share,
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
