//! Server-sent events: the lines of an answer, whatever pieces they arrive in.

use std::collections::VecDeque;

use reqwest::Response;

use crate::error::ClientError;

/// Fields of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) id: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) data: Option<String>,
}

/// Events of an open answer, in order.
#[derive(Debug)]
pub(crate) struct Frames {
    response: Response,
    lines: Lines,
}

impl Frames {
    pub(crate) fn new(response: Response) -> Self {
        Self {
            response,
            lines: Lines::default(),
        }
    }

    /// Waits for the next event that has data. Returns `None` when the stream ends.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, ClientError> {
        loop {
            if let Some(frame) = self.lines.ready.pop_front() {
                return Ok(Some(frame));
            }
            match self.response.chunk().await? {
                Some(bytes) => self.lines.read(&bytes)?,
                None => return Ok(None),
            }
        }
    }
}

/// Bytes of an unfinished line, and events that are complete.
#[derive(Debug, Default)]
struct Lines {
    partial: Vec<u8>,
    frame: Frame,
    ready: VecDeque<Frame>,
}

impl Lines {
    fn read(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = std::str::from_utf8(&line)
                .map_err(|_| ClientError::protocol("an event is not UTF-8"))?;
            self.line(line.trim_end());
        }
        Ok(())
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            let frame = std::mem::take(&mut self.frame);
            // A comment that keeps the stream alive ends in an empty line too.
            if frame.data.is_some() {
                self.ready.push_back(frame);
            }
            return;
        }
        // A line that starts with a colon is a comment.
        let Some((name, value)) = line.split_once(':').filter(|(name, _)| !name.is_empty()) else {
            return;
        };
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.frame.id = Some(value.to_owned()),
            "event" => self.frame.event = Some(value.to_owned()),
            "data" => match &mut self.frame.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.frame.data = Some(value.to_owned()),
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_in_whatever_pieces_they_arrive() {
        let text = ": alive\n\nid: 7\nevent: loan\ndata: {\"id\":\"ab\"}\n\n\
            event: sealed\ndata: {\"index\":3}\n\nretry: 5\n\ndata: a\ndata: b\n\n";
        let frame = |id: Option<&str>, event: Option<&str>, data: &str| Frame {
            id: id.map(Into::into),
            event: event.map(Into::into),
            data: Some(data.into()),
        };
        let expected = [
            frame(Some("7"), Some("loan"), "{\"id\":\"ab\"}"),
            frame(None, Some("sealed"), "{\"index\":3}"),
            frame(None, None, "a\nb"),
        ];
        for size in [1, 5, text.len()] {
            let mut lines = Lines::default();
            for piece in text.as_bytes().chunks(size) {
                lines.read(piece).unwrap();
            }
            assert_eq!(lines.ready, expected, "pieces of {size}");
        }
        assert!(Lines::default().read(b"data: \xff\n").is_err());
    }
}
