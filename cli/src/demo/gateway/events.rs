//! The gateway's stream of events.

use std::collections::VecDeque;

use anyhow::ensure;
use serde::Deserialize;

use super::GatewayClient;

/// What became of something, as the gateway states it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in crate::demo) struct Event {
    /// Its place in the order of events.
    #[serde(skip)]
    pub(in crate::demo) number: u64,
    pub(in crate::demo) id: String,
    pub(in crate::demo) object: String,
    pub(in crate::demo) status: String,
}

/// An open stream.
pub(in crate::demo) struct Events {
    response: reqwest::Response,
    lines: Lines,
}

impl GatewayClient {
    /// Opens the stream of events from a number on.
    pub(in crate::demo) async fn events(&self, from: u64) -> anyhow::Result<Events> {
        let response = self
            .http
            .get(format!("{}/v1/events?from={from}", self.base))
            .bearer_auth(&self.token)
            .send()
            .await?;
        let status = response.status();
        ensure!(status.is_success(), "GET /v1/events: {status}");
        Ok(Events {
            response,
            lines: Lines::default(),
        })
    }
}

impl Events {
    /// The next event; `None` when the stream ends.
    pub(in crate::demo) async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            if let Some(event) = self.lines.ready.pop_front() {
                return Ok(Some(event));
            }
            match self.response.chunk().await? {
                Some(bytes) => self.lines.read(&bytes)?,
                None => return Ok(None),
            }
        }
    }
}

/// Lines of a stream on their way to events.
#[derive(Default)]
struct Lines {
    partial: Vec<u8>,
    number: Option<u64>,
    data: Option<String>,
    ready: VecDeque<Event>,
}

impl Lines {
    fn read(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            self.line(std::str::from_utf8(&line)?.trim_end())?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        if line.is_empty() {
            // A remark that keeps the stream alive has neither.
            if let (Some(number), Some(data)) = (self.number.take(), self.data.take()) {
                let mut event: Event = serde_json::from_str(&data)?;
                event.number = number;
                self.ready.push_back(event);
            }
        } else if let Some(number) = line.strip_prefix("id:") {
            self.number = Some(number.trim().parse()?);
        } else if let Some(data) = line.strip_prefix("data:") {
            self.data = Some(data.trim().to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_in_whatever_pieces_they_come() {
        let text = ": alive\n\nid: 7\nevent: loan\n\
            data: {\"id\":\"ab\",\"object\":\"loan\",\"status\":\"margin_call\",\"time\":1}\n\n\
            id: 8\nevent: swap\ndata: {\"id\":\"cd\",\"object\":\"swap\",\"status\":\"settled\",\"time\":2}\n\n";
        for size in [1, 5, text.len()] {
            let mut lines = Lines::default();
            for piece in text.as_bytes().chunks(size) {
                lines.read(piece).unwrap();
            }
            let event = |number, id: &str, object: &str, status: &str| Event {
                number,
                id: id.into(),
                object: object.into(),
                status: status.into(),
            };
            let expected = [
                event(7, "ab", "loan", "margin_call"),
                event(8, "cd", "swap", "settled"),
            ];
            assert_eq!(lines.ready, expected);
        }
        assert!(Lines::default().read(b"id: x\n").is_err());
    }
}
