//! The storing stage of admission: one thread, one synced write for all groups that are waiting.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use tokio::sync::oneshot;

use super::{Accepted, Refusal, Verdict};
use crate::node::Node;
use crate::mempool::{Reserved, removed};
use crate::store::StoreError;
use crate::store::tables::{Bytes, Mempool, TransactionRecord, Transactions};
use crate::submission::ParsedSubmission;
use crate::telemetry;

/// Submissions stored with one write at most.
const MAX_COMMIT: usize = 512;

/// Verified groups that wait for the disk at most; beyond it verification waits, and with it the
/// queue, which then refuses.
const MAX_WAITING: usize = 16;

/// A submission that is valid as far as can be said outside the lock.
pub(crate) struct CommitItem {
    submission: Arc<ParsedSubmission>,
    known: bool,
    reply: oneshot::Sender<Verdict>,
    since: Instant,
}

impl CommitItem {
    pub(super) fn known(
        submission: ParsedSubmission,
        reply: oneshot::Sender<Verdict>,
        since: Instant,
    ) -> Self {
        Self {
            submission: Arc::new(submission),
            known: true,
            reply,
            since,
        }
    }

    pub(super) fn verified(
        submission: ParsedSubmission,
        reply: oneshot::Sender<Verdict>,
        since: Instant,
    ) -> Self {
        Self {
            submission: Arc::new(submission),
            known: false,
            reply,
            since,
        }
    }
}

/// A verified group.
pub(crate) struct Work(pub(super) Vec<CommitItem>);

/// The storing thread.
pub(crate) struct Committer {
    thread: std::thread::JoinHandle<()>,
}

impl Committer {
    /// Starts the thread; it ends when every sender is gone and its queue is empty.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(node: Arc<Node>) -> std::io::Result<(Self, SyncSender<Work>)> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("admission-store".into())
            .spawn(move || run(&node, &receiver))?;
        Ok((Self { thread }, sender))
    }

    /// Waits for the thread to end.
    pub(crate) fn join(self) {
        // A panic there has already been reported by the panic hook.
        let _ = self.thread.join();
    }
}

fn run(node: &Node, receiver: &Receiver<Work>) {
    while let Ok(Work(mut items)) = receiver.recv() {
        while items.len() < MAX_COMMIT {
            match receiver.try_recv() {
                Ok(Work(more)) => items.extend(more),
                Err(_) => break,
            }
        }
        commit(node, items);
    }
}

fn commit(node: &Node, items: Vec<CommitItem>) {
    if node.health.halted_by_store() {
        for item in items {
            telemetry::answer(item.reply, Err(Refusal::Unavailable), item.since);
        }
        return;
    }
    // Known ones are answered after the write: what they repeat may be part of it.
    let mut waiting = Vec::with_capacity(items.len());
    let mut stored = Vec::new();
    let mut refused = Vec::new();
    {
        let mut pool = node.pool();
        for item in items {
            if item.known || pool.contains(&item.submission.id) {
                waiting.push((item, false));
                continue;
            }
            match pool.reserve(item.submission.clone()) {
                Ok(reserved) => {
                    stored.push((reserved, item.submission.clone()));
                    waiting.push((item, true));
                }
                Err(refusal) => refused.push((item, refusal)),
            }
        }
    }
    for (item, refusal) in refused {
        // The nullifiers may be spent by this very transaction: accepted through another
        // connection and sealed while its proof was verified here.
        match node.is_known(&item.submission.id) {
            Ok(true) => waiting.push((item, false)),
            Ok(false) => telemetry::answer(item.reply, Err(refusal), item.since),
            Err(error) => {
                node.halt_on_store(&error);
                telemetry::answer(item.reply, Err(Refusal::Internal), item.since);
            }
        }
    }
    let result = telemetry::storing(|| write(node, &stored));
    {
        let mut pool = node.pool();
        let sequences = stored.iter().map(|(reserved, _)| reserved.sequence);
        if result.is_ok() {
            sequences.for_each(|sequence| pool.confirm(sequence));
        } else {
            pool.remove(sequences);
        }
        telemetry::mempool(pool.census());
    }
    match &result {
        Ok(()) => stored
            .iter()
            .for_each(|(reserved, _)| removed::report(&reserved.dropped)),
        Err(error) => node.halt_on_store(error),
    }
    for (item, fresh) in waiting {
        let verdict = if result.is_err() {
            Err(Refusal::Internal)
        } else {
            if fresh {
                tracing::debug!(digest = %hex::encode(item.submission.id), "accepted");
            }
            Ok(Accepted {
                digest: item.submission.id,
                pending: fresh && item.submission.transaction.header.kind.side().is_none(),
            })
        };
        telemetry::answer(item.reply, verdict, item.since);
    }
    if !stored.is_empty() {
        node.wake_seal.notify_one();
    }
}

/// In order: a leg that came in with this group may already have given way to a later one.
fn write(node: &Node, stored: &[(Reserved, Arc<ParsedSubmission>)]) -> Result<(), StoreError> {
    if stored.is_empty() {
        return Ok(());
    }
    let mut changes = node.store.change();
    for (Reserved { sequence, dropped }, submission) in stored {
        removed::write(&mut changes, dropped)?;
        changes.put::<Mempool>(sequence, &Bytes(submission.bytes.clone()))?;
        changes.put::<Transactions>(
            &submission.id,
            &TransactionRecord::Pending {
                sequence: *sequence,
            },
        )?;
    }
    changes.commit()
}
