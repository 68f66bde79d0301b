//! The storing stage of admission: one thread, which stores all waiting groups with one synced
//! write.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Instant,
};

use tokio::sync::oneshot;

use super::{Accepted, Verdict, reply};
use crate::{
    mempool::Reserved,
    node::Node,
    record::TransactionRecord,
    refusal::Refusal,
    removal,
    store::{
        StoreError,
        tables::{Bytes, Mempool, Transactions},
    },
    submission::ParsedSubmission,
    telemetry,
};

/// Largest number of submissions in one write.
const MAX_COMMIT: usize = 512;

/// Largest number of verified groups that wait for the disk. Beyond it verification waits, the
/// queue fills and refuses submissions.
const MAX_WAITING: usize = 16;

/// A submission that passed all checks outside the mempool's lock.
pub(crate) struct CommitItem {
    submission: Arc<ParsedSubmission>,
    /// Whether it was accepted before.
    known: bool,
    client: oneshot::Sender<Verdict>,
    since: Instant,
}

impl CommitItem {
    /// Makes the item of a submission that was accepted before.
    pub(super) fn known(
        submission: ParsedSubmission,
        client: oneshot::Sender<Verdict>,
        since: Instant,
    ) -> Self {
        Self {
            submission: Arc::new(submission),
            known: true,
            client,
            since,
        }
    }

    /// Makes the item of a new submission whose proof is valid.
    pub(super) fn verified(
        submission: ParsedSubmission,
        client: oneshot::Sender<Verdict>,
        since: Instant,
    ) -> Self {
        Self {
            submission: Arc::new(submission),
            known: false,
            client,
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
    /// Starts the thread. It ends when all senders are gone and its queue is empty.
    ///
    /// # Errors
    /// [`std::io::Error`] if the system gives no thread.
    pub(crate) fn start(node: Arc<Node>) -> std::io::Result<(Self, SyncSender<Work>)> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("admission-store".into())
            .spawn(move || run(&node, &receiver))?;
        Ok((Self { thread }, sender))
    }

    /// Waits for the thread to end.
    pub(crate) fn join(self) {
        // The panic hook has already reported a panic of the thread.
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

/// Reserves places in the mempool, stores the submissions and answers the clients.
fn commit(node: &Node, items: Vec<CommitItem>) {
    if node.health.halted_by_store() {
        for item in items {
            reply(item.client, Err(Refusal::Unavailable), item.since);
        }
        return;
    }
    // An import between the place in the mempool and the write would miss what is written.
    let gate = node.accept_gate();
    // Known submissions are answered after the write, which may store the submissions they repeat.
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
        // The same transaction may have spent the nullifiers: accepted through another connection
        // and sealed while its proof was verified here.
        match node.is_known(&item.submission.id) {
            Ok(true) => waiting.push((item, false)),
            Ok(false) => reply(item.client, Err(refusal), item.since),
            Err(error) => {
                node.halt_on_store(&error);
                reply(item.client, Err(Refusal::Internal), item.since);
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
        telemetry::mempool(pool.census().queued);
    }
    drop(gate);
    match &result {
        Ok(()) => stored
            .iter()
            .for_each(|(reserved, _)| removal::report(&reserved.dropped)),
        Err(error) => node.halt_on_store(error),
    }
    for (item, fresh) in waiting {
        let verdict = if result.is_err() {
            Err(Refusal::Internal)
        } else {
            if fresh {
                tracing::debug!(digest = %hex::encode(item.submission.id.to_bytes()), "accepted");
            }
            Ok(Accepted {
                digest: item.submission.id,
                pending: fresh && item.submission.transaction.header.kind.side().is_none(),
            })
        };
        reply(item.client, verdict, item.since);
    }
    if !stored.is_empty() {
        node.wake_seal.notify_one();
    }
}

/// Stores accepted submissions in order: a leg of this group may already have given way to a later
/// submission of it.
fn write(node: &Node, stored: &[(Reserved, Arc<ParsedSubmission>)]) -> Result<(), StoreError> {
    if stored.is_empty() {
        return Ok(());
    }
    let mut changes = node.store.change();
    for (Reserved { sequence, dropped }, submission) in stored {
        removal::write(&mut changes, dropped)?;
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
