//! Reads windows from the source, ahead of their replay.

use std::{future::Future, sync::Arc, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use subrosa_l1::{Block, Change, L1Error, Recorded, Submission, Tag};
use tokio::sync::mpsc::Sender;

use crate::{derivation::Window, deriver::DeriveError, deriver::Options, source::Source};

/// Submissions that are asked for at once.
const AT_ONCE: usize = 8;
/// Times that a question is asked while it fails for a while.
const TRIES: u32 = 5;
/// Pause after the first failure; it doubles.
const PAUSE: Duration = Duration::from_millis(200);

/// Sends all windows from block `from` to `target`, or the error that ended it. Ends early once
/// nobody listens.
pub(crate) async fn windows<S: Source>(
    source: Arc<S>,
    from: u64,
    target: Block,
    options: Options,
    out: Sender<Result<Window, DeriveError>>,
) {
    let mut fetch = Fetch {
        source,
        target,
        width: options.blocks.max(1),
        options,
    };
    let mut next = from;
    while next <= target.number {
        match fetch.window(next, &out).await {
            Ok(Some(last)) => next = last + 1,
            Ok(None) => return,
            Err(error) => {
                let _ = out.send(Err(error)).await;
                return;
            }
        }
    }
}

struct Fetch<S> {
    source: Arc<S>,
    target: Block,
    options: Options,
    /// Blocks of the next window. It follows the number of batches in the blocks, because the
    /// derivation can only be interrupted without loss at the end of a window.
    width: u64,
}

impl<S: Source> Fetch<S> {
    /// Sends the window that begins with block `from`, in parts. Returns its last block; `None` if
    /// nobody listens.
    async fn window(
        &mut self,
        from: u64,
        out: &Sender<Result<Window, DeriveError>>,
    ) -> Result<Option<u64>, DeriveError> {
        let last = self.target.number.min(from.saturating_add(self.width - 1));
        let recorded = patiently(|| self.source.history(from, last)).await?;
        let end = self.canonical(last, &recorded, from).await?;
        let batches = recorded.iter().filter(|found| is_batch(found)).count();
        let most = self.options.batches.max(1);
        self.width = if batches > 4 * most {
            (self.width / 2).max(1)
        } else {
            (2 * self.width).min(self.options.blocks.max(1))
        };
        for (part, more) in parts(recorded, most) {
            let window = Window {
                changes: self.complete(part).await?,
                through: (!more).then_some(end),
            };
            if out.send(Ok(window)).await.is_err() {
                return Ok(None);
            }
        }
        Ok(Some(last))
    }

    /// Checks that the records are those of the target's own history. Returns the block `last`.
    async fn canonical(
        &self,
        last: u64,
        recorded: &[Recorded],
        from: u64,
    ) -> Result<Block, DeriveError> {
        let number = Tag::Number(self.target.number);
        let target = patiently(|| self.source.block(number)).await?;
        if target.is_none_or(|target| target.hash != self.target.hash) {
            return Err(DeriveError::Reorganised(self.target.number));
        }
        let end = if last == self.target.number {
            self.target
        } else {
            let end = patiently(|| self.source.block(Tag::Number(last))).await?;
            end.ok_or(DeriveError::Reorganised(last))?
        };
        let mut previous = from;
        for found in recorded {
            let odd =
                |what: &str| L1Error::Odd(format!("records of block {}: {what}", found.block));
            if found.block < previous || found.block > last {
                return Err(odd("out of order, or out of the range").into());
            }
            previous = found.block;
            if found.block == last && found.block_hash != end.hash {
                return Err(DeriveError::Reorganised(last));
            }
        }
        Ok(end)
    }

    /// Adds the submissions.
    async fn complete(
        &self,
        part: Vec<Recorded>,
    ) -> Result<Vec<(Recorded, Option<Submission>)>, L1Error> {
        stream::iter(part)
            .map(|recorded| async move {
                let submission = match &recorded.change {
                    Change::Batch(_) => {
                        Some(patiently(|| self.source.submission(&recorded)).await?)
                    }
                    _ => None,
                };
                Ok::<_, L1Error>((recorded, submission))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }
}

/// Asks until the answer is no transient failure, a bounded number of times.
async fn patiently<R, F: Future<Output = Result<R, L1Error>>>(
    ask: impl Fn() -> F,
) -> Result<R, L1Error> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match ask().await {
            Err(error) if error.is_transient() => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause *= 2;
    }
    ask().await
}

fn is_batch(recorded: &Recorded) -> bool {
    matches!(recorded.change, Change::Batch(_))
}

/// Divides records into parts of at most `most` batches. The flag says whether more parts follow.
fn parts(recorded: Vec<Recorded>, most: usize) -> Vec<(Vec<Recorded>, bool)> {
    let mut parts = vec![Vec::new()];
    let mut batches = 0;
    for found in recorded {
        if is_batch(&found) {
            if batches == most {
                parts.push(Vec::new());
                batches = 0;
            }
            batches += 1;
        }
        if let Some(part) = parts.last_mut() {
            part.push(found);
        }
    }
    let last = parts.len() - 1;
    let flagged = parts.into_iter().enumerate();
    flagged.map(|(i, part)| (part, i != last)).collect()
}
