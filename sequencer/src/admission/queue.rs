//! The gathering and verifying stage of admission.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rayon::prelude::*;
use subrosa_protocol::ledger::{StatelessError, stateless};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    Verdict,
    commit::{CommitItem, Work},
    reply,
};
use crate::{node::Node, refusal::Refusal, submission::ParsedSubmission, telemetry};

/// A submission and the client that waits for its verdict.
pub(crate) struct Ticket {
    bytes: Vec<u8>,
    client: oneshot::Sender<Verdict>,
    since: Instant,
}

/// The bounded queue into which the HTTP interface puts submissions.
#[derive(Clone)]
pub(crate) struct AdmissionQueue {
    sender: mpsc::Sender<Ticket>,
}

/// The receiving end of the queue, for the gathering task.
pub(crate) struct QueueParts {
    receiver: mpsc::Receiver<Ticket>,
}

impl AdmissionQueue {
    /// Makes a queue of at most `capacity` submissions.
    pub(crate) fn new(capacity: usize) -> (Self, QueueParts) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self { sender }, QueueParts { receiver })
    }

    /// Puts a submission into the queue and waits for the verdict. A full queue refuses at once.
    pub(crate) async fn submit(&self, bytes: Vec<u8>) -> Verdict {
        let (client, verdict) = oneshot::channel();
        let since = Instant::now();
        let ticket = Ticket {
            bytes,
            client,
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

/// Gathers groups and sends them to the verification threads until cancelled. Submissions that are
/// left in the queue are then dropped, which refuses them.
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
        // Real time: the pause trades latency for fewer verifications, whatever clock the rest
        // follows.
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

/// The result of the checks before the proof.
enum Checked {
    /// A check failed.
    Refused(Refusal),
    /// The submission was accepted before. The answer is its status.
    Known(ParsedSubmission),
    /// All checks passed except that of the proof.
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
    if node.health.is_halted() || !node.accepts() {
        return Checked::Refused(Refusal::Unavailable);
    }
    let rules = |time| stateless(&submission.transaction, &node.ledger_config, time);
    let checked = match rules(now) {
        // Wallets take their times from L1, whose clock may be ahead of this machine's.
        Err(StatelessError::TooEarly { .. }) => rules(now.max(node.seen_time())),
        checked => checked,
    };
    if let Err(error) = checked {
        return Checked::Refused(error.into());
    }
    let pool = node.pool();
    match pool.check(&submission) {
        Ok(()) => Checked::Unproven(submission),
        // It was accepted through another connection meanwhile.
        Err(_) if pool.contains(&submission.id) => Checked::Known(submission),
        Err(refusal) => Checked::Refused(refusal),
    }
}

/// Checks a group, verifies its proofs together and hands the valid submissions to the committer.
fn verify_group(node: &Node, group: Vec<Ticket>, commits: &std::sync::mpsc::SyncSender<Work>) {
    let now = node.clock().unix();
    let checked: Vec<_> = group
        .into_par_iter()
        .map(|ticket| {
            let outcome = check(node, ticket.bytes, now);
            (outcome, ticket.client, ticket.since)
        })
        .collect();

    let mut work = Vec::with_capacity(checked.len());
    let mut unproven = Vec::with_capacity(checked.len());
    for (outcome, client, since) in checked {
        match outcome {
            Checked::Refused(refusal) => reply(client, Err(refusal), since),
            Checked::Known(submission) => work.push(CommitItem::known(submission, client, since)),
            Checked::Unproven(submission) => unproven.push((submission, client, since)),
        }
    }
    let statements: Vec<_> = unproven
        .iter()
        .map(|(submission, _, _)| (submission.id, submission.proof))
        .collect();
    let verdicts = if statements.is_empty() {
        Vec::new()
    } else {
        telemetry::verifying(statements.len(), || {
            node.ports.verifier.verify_batch(&statements)
        })
    };
    // A verifier that answers for fewer proofs than it was given has verified no proof.
    let complete = verdicts.len() == statements.len();
    for (place, (submission, client, since)) in unproven.into_iter().enumerate() {
        if complete && verdicts[place] {
            work.push(CommitItem::verified(submission, client, since));
        } else {
            reply(client, Err(Refusal::InvalidProof), since);
        }
    }
    if !work.is_empty() {
        // It fails only while the process stops: the dropped items then tell their clients to try
        // again.
        let _ = commits.send(Work(work));
    }
}
