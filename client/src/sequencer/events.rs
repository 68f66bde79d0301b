//! Stream of events about batches and messages.

use serde::Deserialize;

use crate::{
    error::ClientError,
    sse::{Frame, Frames},
};

/// Event of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchEvent {
    /// The sequencer sealed a batch.
    Sealed {
        /// Index of the batch.
        index: u64,
    },
    /// The batch has a proof.
    Proven {
        /// Index of the batch.
        index: u64,
    },
    /// L1 accepted the batch.
    Settled {
        /// Index of the batch.
        index: u64,
        /// Hash of the L1 transaction, `0x` hex.
        l1_transaction: Option<String>,
    },
    /// The sequencer took back this batch and all later ones before settlement. Read them again.
    Dropped {
        /// Index of the first batch that was taken back.
        index: u64,
    },
    /// The mailbox has more messages.
    Messages {
        /// Number that the next message will get.
        head: u64,
    },
    /// The reader was too slow and missed events. Read the batches again.
    Lagged,
}

/// Open stream of events.
#[derive(Debug)]
pub struct BatchEvents {
    frames: Frames,
}

impl BatchEvents {
    pub(super) fn new(frames: Frames) -> Self {
        Self { frames }
    }

    /// Waits for the next event. Returns `None` when the stream ends. Skips events of unknown
    /// kinds.
    ///
    /// # Errors
    /// [`ClientError::Unavailable`] if the connection breaks, [`ClientError::Protocol`] if an event
    /// cannot be read.
    pub async fn next(&mut self) -> Result<Option<BatchEvent>, ClientError> {
        while let Some(frame) = self.frames.next().await? {
            if let Some(event) = decode(&frame)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

fn decode(frame: &Frame) -> Result<Option<BatchEvent>, ClientError> {
    #[derive(Deserialize)]
    struct Batch {
        index: u64,
        l1_transaction: Option<String>,
    }
    #[derive(Deserialize)]
    struct Mailbox {
        head: u64,
    }
    let data = frame.data.as_deref().unwrap_or_default();
    let unreadable = |_| ClientError::protocol("an event of the batches");
    let batch = || serde_json::from_str::<Batch>(data).map_err(unreadable);
    Ok(Some(match frame.event.as_deref() {
        Some("sealed") => BatchEvent::Sealed {
            index: batch()?.index,
        },
        Some("proven") => BatchEvent::Proven {
            index: batch()?.index,
        },
        Some("settled") => {
            let Batch {
                index,
                l1_transaction,
            } = batch()?;
            BatchEvent::Settled {
                index,
                l1_transaction,
            }
        }
        Some("dropped") => BatchEvent::Dropped {
            index: batch()?.index,
        },
        Some("messages") => {
            let mailbox: Mailbox = serde_json::from_str(data).map_err(unreadable)?;
            BatchEvent::Messages { head: mailbox.head }
        }
        Some("lagged") => BatchEvent::Lagged,
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_apart() {
        let read = |event: &str, data: &str| {
            decode(&Frame {
                id: None,
                event: Some(event.into()),
                data: Some(data.into()),
            })
        };
        let settled = BatchEvent::Settled {
            index: 4,
            l1_transaction: Some("0xab".into()),
        };
        assert_eq!(
            read("settled", r#"{"index":4,"l1_transaction":"0xab"}"#),
            Ok(Some(settled))
        );
        assert_eq!(
            read("dropped", r#"{"index":2}"#),
            Ok(Some(BatchEvent::Dropped { index: 2 }))
        );
        assert_eq!(
            read("messages", r#"{"head":9}"#),
            Ok(Some(BatchEvent::Messages { head: 9 }))
        );
        assert_eq!(read("lagged", "{}"), Ok(Some(BatchEvent::Lagged)));
        assert_eq!(read("of another version", "{}"), Ok(None));
        assert!(read("sealed", "{}").is_err());
    }
}
