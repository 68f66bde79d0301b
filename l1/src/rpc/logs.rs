//! Logs in windows of blocks that adapt to what the node allows.
//!
//! Nodes refuse wide ranges and long answers, each in its own words and at its own limit. Therefore
//! nothing reads the words: a refused window is halved and asked again.

use alloy::{
    providers::Provider,
    rpc::types::{Filter, Log},
    transports::{RpcError, TransportErrorKind},
};

use super::{RpcTransport, failure};
use crate::{
    error::L1Error,
    transport::{FoundLog, LogQuery},
};

/// Width of the first window, in blocks, and the widest ever.
const WIDEST: u64 = 100_000;
/// Most requests of one call.
const MOST_REQUESTS: usize = 512;

/// Width of the windows, which all readers of an endpoint share.
#[derive(Debug)]
pub(super) struct Windows {
    width: u64,
}

impl Default for Windows {
    fn default() -> Self {
        Self { width: WIDEST }
    }
}

impl Windows {
    /// Takes note that the node answered: the next window is a little wider.
    fn answered(&mut self) {
        self.width = (self.width + self.width / 16 + 1).min(WIDEST);
    }

    /// Takes note that the node refused a window of this width. Returns whether a smaller one
    /// remains to be tried.
    fn refused(&mut self, width: u64) -> bool {
        self.width = (width / 2).clamp(1, self.width);
        width > 1
    }
}

impl RpcTransport {
    pub(super) async fn read_logs(&self, query: LogQuery) -> Result<Vec<FoundLog>, L1Error> {
        let mut found = Vec::new();
        let mut from = query.from;
        for _ in 0..MOST_REQUESTS {
            if from > query.to {
                return Ok(found);
            }
            let width = self.windows().width;
            let to = query.to.min(from.saturating_add(width - 1));
            match self.read_window(&query, from, to).await {
                Ok(logs) => {
                    self.windows().answered();
                    found.extend(logs);
                    from = to.saturating_add(1);
                    if to == u64::MAX {
                        return Ok(found);
                    }
                }
                Err(Refused::Window(error)) => {
                    if !self.windows().refused(to - from + 1) {
                        return Err(error);
                    }
                }
                Err(Refused::Connection(error)) => {
                    // The node may be down, or the range too much for it: the next call asks for
                    // less.
                    self.windows().refused(to - from + 1);
                    return Err(error);
                }
                Err(Refused::Answer(error)) => return Err(error),
            }
        }
        if from > query.to {
            return Ok(found);
        }
        Err(L1Error::Unavailable(format!(
            "the logs of blocks {} to {} need too many requests: read them in parts, or name the \
             block of the deployment in the deployment file (deployed_at)",
            query.from, query.to
        )))
    }

    fn windows(&self) -> std::sync::MutexGuard<'_, Windows> {
        self.windows
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn read_window(
        &self,
        query: &LogQuery,
        from: u64,
        to: u64,
    ) -> Result<Vec<FoundLog>, Refused> {
        let mut filter = Filter::new()
            .address(query.addresses.clone())
            .from_block(from)
            .to_block(to);
        for (place, topic) in query.topics.iter().enumerate().take(4) {
            filter.topics[place] = (*topic).into();
        }
        let logs = self.provider.get_logs(&filter).await.map_err(refusal)?;
        let mut found = Vec::with_capacity(logs.len());
        for log in logs {
            found.push(mined(query, from, to, log).map_err(Refused::Answer)?);
        }
        if !found.is_sorted_by_key(|log: &FoundLog| log.block) {
            let error = L1Error::Odd("the node's logs are out of order".into());
            return Err(Refused::Answer(error));
        }
        Ok(found)
    }
}

/// Reason why a window was not read.
enum Refused {
    /// The node answered with a failure: a smaller window may do.
    Window(L1Error),
    /// No answer came.
    Connection(L1Error),
    /// The answer makes no sense.
    Answer(L1Error),
}

fn refusal(error: RpcError<TransportErrorKind>) -> Refused {
    let answered = match &error {
        RpcError::ErrorResp(_) | RpcError::NullResp | RpcError::DeserError { .. } => true,
        RpcError::Transport(kind) => matches!(kind, TransportErrorKind::HttpError(_)),
        _ => false,
    };
    let error = failure("logs", error).of_read();
    if answered {
        Refused::Window(error)
    } else {
        Refused::Connection(error)
    }
}

/// Returns a log that was asked for, of a mined block.
fn mined(query: &LogQuery, from: u64, to: u64, log: Log) -> Result<FoundLog, L1Error> {
    let odd = |what: &str| L1Error::Odd(format!("the node answered {what}"));
    let (Some(transaction), Some(block), Some(block_hash)) =
        (log.transaction_hash, log.block_number, log.block_hash)
    else {
        return Err(odd("a pending transaction's log"));
    };
    if log.removed {
        return Err(odd("a log that a reorganisation removed"));
    }
    if !(from..=to).contains(&block)
        || !query.addresses.contains(&log.inner.address)
        || !log.inner.topics().starts_with(&query.topics)
    {
        return Err(odd("a log that was not asked for"));
    }
    Ok(FoundLog {
        log: log.inner,
        block,
        block_hash,
        transaction,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_halve_at_once_and_grow_slowly() {
        let mut windows = Windows::default();
        assert!(windows.refused(WIDEST));
        assert_eq!(windows.width, WIDEST / 2);
        // A short range that is refused says more than a long one.
        assert!(windows.refused(1_000));
        assert_eq!(windows.width, 500);
        windows.answered();
        assert_eq!(windows.width, 532);
        for _ in 0..200 {
            windows.answered();
        }
        assert_eq!(windows.width, WIDEST);
        assert!(windows.refused(3));
        assert!(!windows.refused(1));
        assert_eq!(windows.width, 1);
    }
}
