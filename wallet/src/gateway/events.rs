//! The stream of events.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::sse::{Event as Line, KeepAlive, Sse},
};
use futures::{Stream, stream};
use serde::Deserialize;
use subrosa_client::gateway::EventView;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::{body::Answer, problem::Problem};
use crate::{error::WalletError, negotiation::events::Event, service::Wallet};

/// Interval of keep-alive comments on a silent stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// First event to send; by default the oldest one kept. `Last-Event-ID` takes precedence.
    #[param(example = 1u64)]
    from: Option<u64>,
}

struct Reader {
    wallet: Arc<Wallet>,
    newest: watch::Receiver<u64>,
    stop: CancellationToken,
    next: u64,
    ready: VecDeque<Event>,
}

/// Streams changes of requests, quotes, swaps and loans as server-sent events (`rfq`, `quote`,
/// `swap`, `loan`), numbered from 1. The last 1,000 are kept: a reader that returns with
/// `Last-Event-ID`, or `from`, misses none of them.
#[utoipa::path(
    get,
    path = "/v1/events",
    params(
        Since,
        ("Last-Event-ID" = Option<u64>, Header, description = "the last event that was read")
    ),
    responses(
        (status = 200, body = EventView, content_type = "text/event-stream",
            example = json!(concat!(
                "id: 7\nevent: swap\n",
                "data: {\"id\":\"9f86d081884c7d659a2feaa0c55ad015\",\"object\":\"swap\",",
                "\"status\":\"settled\",\"time\":1800000000}\n\n"
            ))),
        (status = 400, body = Problem),
        (status = 401, body = Problem)
    )
)]
pub(super) async fn events(
    State(wallet): State<Arc<Wallet>>,
    Extension(stop): Extension<CancellationToken>,
    headers: HeaderMap,
    since: Result<Query<Since>, QueryRejection>,
) -> Answer<Sse<impl Stream<Item = Result<Line, Infallible>>>> {
    let malformed = |what: &str| WalletError::Malformed(what.to_owned());
    let Query(since) = since.map_err(|_| malformed("from must be a number"))?;
    let from = match headers.get("last-event-id") {
        Some(last) => last
            .to_str()
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .and_then(|last| last.checked_add(1))
            .ok_or_else(|| malformed("Last-Event-ID must be a number"))?,
        None => since.from.unwrap_or(1),
    };
    let newest = wallet.newest_event();
    // Numbers beyond the newest event start at the next event.
    let next = from.min(newest.borrow().saturating_add(1));
    let reader = Reader {
        wallet,
        newest,
        stop,
        next,
        ready: VecDeque::new(),
    };
    let lines = stream::unfold(reader, |mut reader| async {
        let event = reader.next().await?;
        Some((Ok(line(&event)), reader))
    });
    Ok(Sse::new(lines).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Reader {
    /// Returns the next event; `None` when the gateway stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.next = event.number + 1;
                return Some(event);
            }
            self.newest.borrow_and_update();
            self.ready = self.wallet.events(self.next).await.into();
            if self.ready.is_empty() {
                tokio::select! {
                    () = self.stop.cancelled() => return None,
                    changed = self.newest.changed() => changed.ok()?,
                }
            }
        }
    }
}

fn line(event: &Event) -> Line {
    let object = event.subject.name();
    let view = EventView {
        id: event.id.to_string(),
        object: object.to_owned(),
        status: event.status.clone(),
        time: event.time,
        required_top_up: event.required_top_up.clone(),
    };
    let data = serde_json::to_string(&view).unwrap_or_default();
    Line::default()
        .id(event.number.to_string())
        .event(object)
        .data(data)
}
