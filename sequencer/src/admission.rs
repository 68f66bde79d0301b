//! Admission (spec: *Transaction*, admission): the way of a submission into the mempool.
//!
//! ```text
//! decode → known already? → stateless rules → history → proof → stored
//! ```
//!
//! Submissions are gathered into groups, verified together on threads of their own ([`queue`]), and
//! stored together with one synced write ([`commit`]). A client is told that its submission is
//! accepted only after that write. No step runs on an async thread.

mod commit;
mod queue;

use std::time::Instant;

pub(crate) use commit::Committer;
pub(crate) use queue::{AdmissionQueue, run};
use subrosa_protocol::element::TransactionDigest;
use tokio::sync::oneshot;

use crate::{refusal::Refusal, telemetry};

/// The answer to an accepted submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// Digest of the transaction.
    pub(crate) digest: TransactionDigest,
    /// Whether the transaction became pending with this submission. Otherwise its status must be
    /// looked up: it was known before, or it is a leg that may wait for its counterpart.
    pub(crate) pending: bool,
}

/// The answer to a submission.
pub(crate) type Verdict = Result<Accepted, Refusal>;

/// Counts a verdict and sends it to the client, if the client still waits.
fn reply(client: oneshot::Sender<Verdict>, verdict: Verdict, since: Instant) {
    let result = match &verdict {
        Ok(_) => "accepted",
        Err(refusal) => refusal.code(),
    };
    telemetry::admission(result, since);
    // It fails only if the client went away.
    let _ = client.send(verdict);
}
