//! One owner of each L1 account's nonces.
//!
//! Everything that an account sends goes through its [`Manager`]: batches, deposits, approvals,
//! claims, snapshots, deployments. The manager
//!
//! - asks the node to execute the call first, so that a call that reverts uses up no nonce;
//! - stores nonce, call, fees and hash in a [`Journal`] before it sends, so that a restart goes on;
//! - replaces what is not mined under the same nonce with rising fees, up to a cap;
//! - watches what is mined until it is deep enough, and sends it again if its block is taken back;
//! - cancels on request.
//!
//! A request names a *purpose*, such as `settle/17/…`. As long as a transaction of that purpose can
//! be mined, no second one is sent: a repeated request joins the first one. A request that gives up
//! waiting loses nothing.
//!
//! | module | content |
//! |---|---|
//! | `manager` | the handle that callers hold, and the task behind it |
//! | `engine` | the steps: submit, watch, replace, cancel |
//! | [`journal`] | what is stored, in a file or in memory |
//! | [`node`] | the part of a node that sending needs |
//! | `accounts` | the managers of a process, one for each account |
//! | `sign` | signed variants of a call |
//! | `rpc` | a JSON-RPC node as [`Node`] |
//! | `settings` | prices, limits, depths |

mod accounts;
mod engine;
pub mod journal;
mod manager;
pub mod node;
mod rpc;
mod settings;
mod sign;
#[cfg(test)]
mod tests;

pub use accounts::Accounts;
pub use journal::{FileJournal, Journal, JournalError, MemoryJournal};
pub(crate) use manager::Demand;
pub use manager::{Manager, Ticket};
pub use node::{Call, Node};
pub use settings::Settings;

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{error::L1Error, transport::Mined};

/// The meaning of a repeated request for a purpose, once its transaction is mined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// The recorded outcome is the answer, success or revert. For calls that must not run twice.
    Never,
    /// Success is the answer as long as the chain shows it; after anything else the call is sent
    /// anew. For calls that the contract itself accepts only once.
    UntilDone,
    /// The call is sent anew. A request joins only a transaction that is not mined yet.
    Always,
}

/// The reason why a request has no mined transaction to show.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransactionError {
    /// The call reverts, or reverted when it was mined. Final.
    #[error("{reason}")]
    Rejected {
        /// Name of the contract's error.
        reason: String,
    },
    /// The account cannot pay. The transaction waits for money if it has a nonce, and was not sent
    /// otherwise.
    #[error("the account lacks ether: send some to {account}, and the transaction goes on")]
    LacksEther {
        /// The account.
        account: Address,
    },
    /// It was cancelled, or is being cancelled.
    #[error("the transaction was cancelled")]
    Cancelled,
    /// A transaction that the manager does not know used its nonce. It was not mined and never will
    /// be; a repeated request sends it under another nonce.
    #[error(
        "another transaction of the account took the nonce: let one program send from an account"
    )]
    Superseded,
    /// It is not mined yet, and the manager goes on.
    #[error("the transaction waits to be mined")]
    Waiting,
    /// The node did not answer, or the journal could not be stored. Nothing new was sent.
    #[error("{0}")]
    Unavailable(String),
    /// The node's answer cannot be understood.
    #[error("{0}")]
    Protocol(String),
}

impl TransactionError {
    /// Returns the error as the client's, for an operation with this name.
    #[must_use]
    pub fn of(self, operation: &'static str) -> L1Error {
        match self {
            Self::Rejected { reason } => L1Error::Rejected { operation, reason },
            Self::Protocol(text) => L1Error::Protocol(text),
            Self::Unavailable(text) => L1Error::Unavailable(text),
            other => L1Error::Unavailable(format!("{operation}: {other}")),
        }
    }
}

impl From<L1Error> for TransactionError {
    fn from(error: L1Error) -> Self {
        match error {
            L1Error::Rejected { reason, .. } => Self::Rejected { reason },
            L1Error::Protocol(text) => Self::Protocol(text),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<JournalError> for TransactionError {
    fn from(error: JournalError) -> Self {
        Self::Unavailable(format!("the transaction journal cannot be used: {error}"))
    }
}

/// Fate of a transaction that somebody asked to cancel.
#[derive(Debug, Clone)]
pub enum Cancellation {
    /// Nothing was ever sent for the purpose, as far as the journal remembers.
    NeverSent,
    /// It is dead: another transaction used its nonce, or it reverted.
    Dead {
        /// Whether that block is deep enough to stay.
        is_final: bool,
    },
    /// It was mined and succeeded before it could be cancelled.
    Mined(Box<Mined>),
}

/// A transaction that is not final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// First part of its purpose, such as `settle`.
    pub kind: String,
    /// Its nonce.
    pub nonce: u64,
    /// Seconds since it was first stored.
    pub age_s: u64,
    /// Number of its variants so far.
    pub attempts: usize,
    /// Fee that the newest variant offers at most, wei per gas.
    pub max_fee_wei: u64,
    /// Whether it is being cancelled.
    pub cancelling: bool,
    /// Reason why the node did not take the newest variant, if it did not.
    pub refused: Option<String>,
}

/// State of an account's transactions, for its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The account.
    pub account: Address,
    /// Wei that it holds, once it was read.
    pub balance_wei: Option<U256>,
    /// Whether the balance is below the warning level.
    pub low_balance: bool,
    /// Whether the node refused a transaction because the account cannot pay.
    pub lacks_ether: bool,
    /// Whether a transaction needs a higher price than the settings allow.
    pub fee_cap_reached: bool,
    /// Transactions that are not mined, in the order of their nonces.
    pub pending: Vec<Pending>,
    /// The failure of the last look at the chain, if it failed.
    pub failure: Option<String>,
}

impl Status {
    /// Returns the age of the oldest pending transaction in seconds; 0 if there is none.
    #[must_use]
    pub fn oldest_pending_s(&self) -> u64 {
        self.pending.iter().map(|p| p.age_s).max().unwrap_or(0)
    }
}
