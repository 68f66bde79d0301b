//! The gathering and verifying stage of admission.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use subrosa_protocol::ledger::stateless;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::commit::{CommitItem, Work};
use super::{Refusal, Verdict};
use crate::node::Node;
use crate::submission::ParsedSubmission;
use crate::telemetry;

/// A submission and the client that waits for its verdict.
pub(crate) struct Ticket {
    bytes: Vec<u8>,
    reply: oneshot::Sender<Verdict>,
    since: Instant,
}

/// Where the HTTP interface puts submissions; bounded.
#[derive(Clone)]
pub(crate) struct AdmissionQueue {
    sender: mpsc::Sender<Ticket>,
}

/// What the gathering task needs.
pub(crate) struct QueueParts {
    receiver: mpsc::Receiver<Ticket>,
}

impl AdmissionQueue {
    /// A queue of at most `capacity` submissions.
    pub(crate) fn new(capacity: usize) -> (Self, QueueParts) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self { sender }, QueueParts { receiver })
    }

    /// Hands a submission in and waits for the verdict. A full queue refuses at once.
    pub(crate) async fn submit(&self, bytes: Vec<u8>) -> Verdict {
        let (reply, verdict) = oneshot::channel();
        let since = Instant::now();
        let ticket = Ticket {
            bytes,
            reply,
            since,
        };
        match self.sender.try_send(ticket) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(Refusal::MempoolFull),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Refusal::Unavailable),
        }
        verdict.await.unwrap_or(Err(Refusal::Unavailable))
    }
}

/// Gathers groups and sends them to the verification threads until cancelled; then refuses what is
/// left in the queue by dropping it.
pub(crate) async fn run(
    node: Arc<Node>,
    mut parts: QueueParts,
    threads: Arc<rayon::ThreadPool>,
    commits: std::sync::mpsc::SyncSender<Work>,
    cancel: CancellationToken,
) {
    let config = node.config.admission.clone();
    let gather = Duration::from_micros(config.gather_us);
    let permits = Arc::new(Semaphore::new(config.parallel_groups));
    loop {
        let permit = tokio::select! {
            () = cancel.cancelled() => return,
            permit = permits.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { return };
        let first = tokio::select! {
            () = cancel.cancelled() => return,
            first = parts.receiver.recv() => first,
        };
        let Some(first) = first else { return };
        let mut group = vec![first];
        let deadline = tokio::time::sleep(gather);
        tokio::pin!(deadline);
        while group.len() < config.group {
            tokio::select! {
                biased;
                ticket = parts.receiver.recv() => match ticket {
                    Some(ticket) => group.push(ticket),
                    None => break,
                },
                () = &mut deadline => break,
            }
        }
        let node = node.clone();
        let commits = commits.clone();
        threads.spawn(move || {
            verify_group(&node, group, &commits);
            drop(permit);
        });
    }
}

/// Seconds of Unix time.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// A ticket's way through the stage before the proof.
enum Checked {
    /// The verdict is known.
    Refused(Refusal),
    /// Accepted before; the verdict is its status.
    Known(ParsedSubmission),
    /// Only the proof is missing.
    Unproven(ParsedSubmission),
}

fn check(node: &Node, bytes: Vec<u8>, now: u64) -> Checked {
    let submission = match ParsedSubmission::parse(bytes, &node.ledger_config.context) {
        Ok(submission) => submission,
        Err(error) => {
            return Checked::Refused(Refusal::Malformed {
                detail: error.to_string(),
            });
        }
    };
    match node.is_known(&submission.id) {
        Ok(true) => return Checked::Known(submission),
        Ok(false) => {}
        Err(error) => {
            node.halt_on_store(&error);
            return Checked::Refused(Refusal::Internal);
        }
    }
    if node.health.is_halted() {
        return Checked::Refused(Refusal::Unavailable);
    }
    if let Err(error) = stateless(&submission.transaction, &node.ledger_config, now) {
        return Checked::Refused(error.into());
    }
    let pool = node.pool();
    match pool.check(&submission) {
        Ok(()) => Checked::Unproven(submission),
        // It came in through another connection since we asked.
        Err(_) if pool.contains(&submission.id) => Checked::Known(submission),
        Err(refusal) => Checked::Refused(refusal),
    }
}

fn verify_group(node: &Node, group: Vec<Ticket>, commits: &std::sync::mpsc::SyncSender<Work>) {
    let now = unix_now();
    let checked: Vec<_> = group
        .into_par_iter()
        .map(|ticket| {
            let outcome = check(node, ticket.bytes, now);
            (outcome, ticket.reply, ticket.since)
        })
        .collect();

    let mut work = Vec::with_capacity(checked.len());
    let mut unproven = Vec::with_capacity(checked.len());
    for (outcome, reply, since) in checked {
        match outcome {
            Checked::Refused(refusal) => telemetry::answer(reply, Err(refusal), since),
            Checked::Known(submission) => work.push(CommitItem::known(submission, reply, since)),
            Checked::Unproven(submission) => unproven.push((submission, reply, since)),
        }
    }
    let statements: Vec<_> = unproven
        .iter()
        .map(|(submission, _, _)| (submission.digest, submission.proof))
        .collect();
    let verdicts = if statements.is_empty() {
        Vec::new()
    } else {
        telemetry::verifying(statements.len(), || {
            node.ports.verifier.verify_batch(&statements)
        })
    };
    // A verifier that answers for fewer proofs than it was asked about has verified none.
    let complete = verdicts.len() == statements.len();
    for (place, (submission, reply, since)) in unproven.into_iter().enumerate() {
        if complete && verdicts[place] {
            work.push(CommitItem::verified(submission, reply, since));
        } else {
            telemetry::answer(reply, Err(Refusal::InvalidProof), since);
        }
    }
    if !work.is_empty() {
        // The committer outlives this stage unless the process is stopping; dropping the replies
        // then tells the clients to come back.
        let _ = commits.send(Work(work));
    }
}
