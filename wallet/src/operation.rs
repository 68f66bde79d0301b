//! Operations: the institution's requests, and their progress.

use serde::{Deserialize, Serialize};
use subrosa_protocol::element::{Nullifier, TransactionDigest};

use crate::{decimal, failure::Failure, id::Id, loans::Action};

/// A request of the institution.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Request {
    /// Moves an amount from L1 into the rollup.
    Deposit {
        /// Index of the deposit's rcm.
        deposit: u64,
    },
    /// Pays another party.
    Transfer {
        /// Address of the payee, bech32m.
        to: String,
        /// Memo to the payee.
        memo: String,
    },
    /// Pays out to L1.
    Withdrawal {
        /// The L1 account, 0x hex.
        to: String,
    },
    /// Makes our leg of a swap or an origination.
    Leg {
        /// The accepted quote, which holds the amounts.
        swap: Id,
    },
    /// Makes a step on the position of a loan.
    Step {
        /// The loan.
        loan: Id,
        /// Sequence of the position's state that the step is for. It applies to no other state.
        sequence: u32,
        /// The step.
        action: Action,
    },
    /// Merges notes for another operation, or for a quote.
    Merge,
}

/// Progress of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status")]
pub enum Progress {
    /// It waits for its turn or for notes.
    Queued,
    /// It is proven and being submitted. The submission is stored, so that a restart sends the same
    /// bytes.
    Proven,
    /// The sequencer accepted it.
    Submitted,
    /// A batch includes it.
    Included {
        /// The batch.
        batch: u64,
    },
    /// A batch that L1 accepted includes it.
    Settled {
        /// The batch.
        batch: u64,
    },
    /// It failed; nothing was moved.
    Failed(Failure),
}

impl Progress {
    /// Whether the operation reserves notes or will need some.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Queued | Self::Proven | Self::Submitted)
    }
}

/// A transaction that was signed for an operation. Once it is sent, it can be included until its
/// expiry, whatever the sequencer says. The wallet therefore never forgets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Digest of the transaction.
    pub digest: TransactionDigest,
    /// Its three nullifiers.
    pub nullifiers: [Nullifier; 3],
    /// Last batch time at which it can be included, Unix seconds.
    pub expiry: u64,
    /// Asset root against which it was proven, 0x hex.
    pub assets_root: String,
    /// Anchor under which it was proven, 0x hex; empty in files of earlier versions.
    #[serde(default)]
    pub anchor: String,
}

/// One operation.
#[derive(Clone, Serialize, Deserialize)]
pub struct Operation {
    /// 32 hex digits.
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    /// The request.
    pub request: Request,
    /// Asset id.
    pub asset: u16,
    /// Base units.
    #[serde(with = "decimal")]
    pub amount: u128,
    /// The fee it pays, base units of the fee asset.
    #[serde(with = "decimal")]
    pub fee: u128,
    /// Its progress.
    pub progress: Progress,
    /// Its submission, hex.
    pub submission: Option<String>,
    /// Transactions that were signed for it, newest last. A new one spends notes of the one before,
    /// so that at most one of them can ever be included.
    pub attempts: Vec<Attempt>,
    /// Code of the reason why the last attempt did not succeed.
    pub waiting_for: Option<String>,
    /// Hash of the L1 transaction of a deposit.
    pub l1_transaction: Option<String>,
}

impl Operation {
    /// Records that a transaction was proven for it.
    pub(crate) fn prove(&mut self, attempt: Attempt, submission: Vec<u8>) {
        self.progress = Progress::Proven;
        self.attempts.push(attempt);
        self.submission = Some(hex::encode(submission));
        self.waiting_for = None;
    }
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Amount, asset and counterparty stay out of logs.
        f.debug_struct("Operation")
            .field("id", &self.id)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
