//! Admission (spec: *Transaction*, admission): decode → known already? → stateless → historical →
//! proof → stored. Submissions are gathered into groups, verified together on their own threads,
//! and stored together with one synced write; only then is a client told that its submission was
//! accepted. No step of this runs on an async thread.

mod commit;
mod queue;
mod refusal;

pub use refusal::{FinalRejection, Refusal};

pub(crate) use commit::Committer;
pub(crate) use queue::{AdmissionQueue, run, unix_now};

use crate::wire::Word;

/// The answer to an accepted submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The transaction's digest.
    pub(crate) digest: Word,
    /// Whether it is known to be pending, since this very moment; otherwise its status is to be looked
    /// up: it was known before, or it is a leg, which may wait for its counterpart.
    pub(crate) pending: bool,
}

/// What the client is told.
pub(crate) type Verdict = Result<Accepted, Refusal>;
