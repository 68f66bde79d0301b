//! Stream of events about requests, quotes, swaps and loans.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::GatewayClient;
use crate::{
    error::ClientError,
    sse::{Frame, Frames},
};

/// Data of an event. Its type and its number stand beside it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Id of the request, the quote, the swap or the loan.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015")]
    pub id: String,
    /// Kind of the object: `rfq`, `quote`, `swap` or `loan`.
    #[schema(example = "swap")]
    pub object: String,
    /// New status of the object.
    #[schema(example = "settled")]
    pub status: String,
    /// Unix seconds.
    #[schema(example = 1_800_000_000u64)]
    pub time: u64,
    /// Least collateral that makes the loan covered again, in display units; only on a margin call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_top_up: Option<String>,
}

/// Event with its number.
#[derive(Clone, PartialEq, Eq)]
pub struct NumberedEvent {
    /// Number of the event, from 1.
    pub number: u64,
    /// Data of the event.
    pub event: EventView,
}

/// Open stream of events.
#[derive(Debug)]
pub struct Events {
    frames: Frames,
}

impl GatewayClient {
    /// Opens the stream of events from number `from` on. The gateway keeps the last 1,000 events.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn events(&self, from: u64) -> Result<Events, ClientError> {
        let path = format!("/v1/events?from={from}");
        let response = self.service.stream(&path).await?;
        Ok(Events {
            frames: Frames::new(response),
        })
    }
}

impl Events {
    /// Waits for the next event. Returns `None` when the stream ends.
    ///
    /// # Errors
    /// [`ClientError::Unavailable`] if the connection breaks, [`ClientError::Protocol`] if an event
    /// cannot be read.
    pub async fn next(&mut self) -> Result<Option<NumberedEvent>, ClientError> {
        match self.frames.next().await? {
            Some(frame) => Ok(Some(decode(&frame)?)),
            None => Ok(None),
        }
    }
}

fn decode(frame: &Frame) -> Result<NumberedEvent, ClientError> {
    let unreadable = || ClientError::protocol("an event of the gateway");
    let id = frame.id.as_deref().ok_or_else(unreadable)?;
    let data = frame.data.as_deref().ok_or_else(unreadable)?;
    Ok(NumberedEvent {
        number: id.parse().map_err(|_| unreadable())?,
        event: serde_json::from_str(data).map_err(|_| unreadable())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_a_number_and_data() {
        let frame = |id: Option<&str>, data: &str| Frame {
            id: id.map(Into::into),
            event: Some("loan".into()),
            data: Some(data.into()),
        };
        let data = r#"{"id":"ab","object":"loan","status":"margin_call","time":1}"#;
        let event = decode(&frame(Some("7"), data)).unwrap();
        assert_eq!((event.number, event.event.time), (7, 1));
        assert_eq!(event.event.status, "margin_call");
        assert!(event.event.required_top_up.is_none());
        assert!(decode(&frame(Some("x"), data)).is_err());
        assert!(decode(&frame(None, data)).is_err());
        assert!(decode(&frame(Some("7"), "{}")).is_err());
    }
}
