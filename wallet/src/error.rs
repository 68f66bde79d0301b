//! Errors of the wallet, and their single mapping to HTTP.

use subrosa_l1::L1Error;
use thiserror::Error;

pub use crate::failure::Failure;

use crate::{
    amount::AmountError, compose::ComposeError, loans::StepError, negotiation::book::Refusal,
    sequencer::SequencerError, store::StoreError,
};

/// Reason why the wallet refused or failed. Messages say what happened and what to do. They never
/// repeat an amount, asset, address or memo, because they end up in logs.
#[derive(Debug, Error)]
pub enum WalletError {
    /// The request does not match the interface.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// No asset has this symbol or id.
    #[error("no registered asset has this symbol or id; see /v1/balances")]
    UnknownAsset,
    /// The amount cannot be parsed exactly.
    #[error(transparent)]
    BadAmount(#[from] AmountError),
    /// An address cannot be parsed, or must not be used here.
    #[error("the address is not valid: {0}")]
    BadAddress(String),
    /// The memo is too long or has a zero character.
    #[error("{0}")]
    MemoTooLong(String),
    /// Notes and pending change do not cover amount and fee.
    #[error(
        "the spendable and pending balance does not cover the amount and the fee; notes of \
         failed transactions stay reserved until those expire"
    )]
    InsufficientFunds,
    /// The vault would refuse the deposit. The minimum is public: L1 states it.
    #[error("a deposit of this asset must be at least {minimum}, in display units: deposit more")]
    DepositBelowMinimum {
        /// Least amount that a deposit brings, in display units.
        minimum: String,
    },
    /// The bearer token is missing or wrong.
    #[error("send the gateway's token as Authorization: Bearer <token>")]
    Unauthorized,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request; choose a new key")]
    IdempotencyConflict,
    /// No object has this id.
    #[error("nothing has this id")]
    NotFound,
    /// The request does not fit the object's state.
    #[error("{0}")]
    WrongState(&'static str),
    /// The step on a loan, or its opening, is not legal now.
    #[error("{0}")]
    Step(#[from] StepError),
    /// The sequencer refused or failed.
    #[error("the sequencer refused the request or failed: {0}")]
    Sequencer(#[from] SequencerError),
    /// L1 refused or failed.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The wallet's state could not be read or stored.
    #[error("the wallet's state could not be read or stored: {0}")]
    Store(#[from] StoreError),
    /// The published batches contradict each other or L1.
    #[error("the sequencer's data cannot be used: {0}")]
    Chain(String),
    /// The keys of the auditors that a batch may have used are not on L1.
    #[error(
        "batch {batch} has not settled, and its assets are none of L1's: the wallet waits until L1 \
         has them or the sequencer seals the batch again"
    )]
    AssetsUnknown {
        /// Index of the batch.
        batch: u64,
    },
    /// No valid proof could be made of a composed transaction: a defect.
    #[error("the transaction could not be proven: {0}")]
    Prover(String),
    /// Wallet and sequencer use different keys of the transaction circuit.
    #[error(
        "the wallet proves with the transaction key {ours}, but the sequencer verifies with \
         {theirs}: start the wallet with the sequencer's keys (--keys)"
    )]
    KeyMismatch {
        /// Hash of our verifying key, 0x hex.
        ours: String,
        /// Hash of the sequencer's verifying key, 0x hex.
        theirs: String,
    },
    /// The wallet's worker has stopped.
    #[error("the wallet is shutting down")]
    Stopped,
}

impl From<ComposeError> for WalletError {
    fn from(error: ComposeError) -> Self {
        match error {
            ComposeError::Insufficient => Self::InsufficientFunds,
            ComposeError::UnknownAsset => Self::UnknownAsset,
            ComposeError::Foreign => Self::Malformed(error.to_string()),
            ComposeError::OutOfRange => Self::BadAmount(AmountError::TooLarge),
            ComposeError::Step(step) => Self::Step(step),
        }
    }
}

impl From<Refusal> for WalletError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NotFound,
            Refusal::WrongState(why) | Refusal::TooMany(why) => Self::WrongState(why),
            Refusal::Mismatch => Self::Malformed(refusal.to_string()),
        }
    }
}

impl WalletError {
    /// Returns the code of the interface, the HTTP status, and whether a retry can help.
    #[must_use]
    pub fn classify(&self) -> (&'static str, u16, bool) {
        match self {
            Self::Malformed(_) => ("malformed", 400, false),
            Self::UnknownAsset => ("unknown_asset", 422, false),
            Self::BadAmount(_) => ("bad_amount", 422, false),
            Self::BadAddress(_) => ("bad_address", 422, false),
            Self::MemoTooLong(_) => ("memo_too_long", 422, false),
            Self::InsufficientFunds => ("insufficient_funds", 422, false),
            Self::DepositBelowMinimum { .. } => ("below_minimum", 422, false),
            Self::Unauthorized => ("unauthorized", 401, false),
            Self::IdempotencyConflict => ("idempotency_conflict", 409, false),
            Self::NotFound => ("not_found", 404, false),
            Self::WrongState(_) => ("wrong_state", 409, false),
            Self::Step(step) => match step {
                StepError::NoPrice => ("no_price", 409, true),
                StepError::NoMarket => ("no_market", 409, false),
                StepError::NotCovered | StepError::Unsecured => ("not_covered", 409, false),
                StepError::TooSmall => ("too_small", 422, false),
                StepError::NotLiquidatable => ("not_liquidatable", 409, false),
                StepError::Stopped => ("seizures_stopped", 409, false),
                StepError::NotOurs | StepError::Due | StepError::Ended => {
                    ("wrong_state", 409, false)
                }
                StepError::TooMuch | StepError::OutOfRange => ("bad_amount", 422, false),
            },
            Self::Sequencer(e) if e.is_transient() => ("sequencer_unavailable", 502, true),
            Self::L1(e) if e.is_transient() => ("l1_unavailable", 502, true),
            Self::Sequencer(_) | Self::L1(_) => ("rejected", 422, false),
            Self::AssetsUnknown { .. } => ("assets_unknown", 503, true),
            Self::KeyMismatch { .. } => ("key_mismatch", 503, false),
            Self::Stopped => ("stopping", 503, true),
            Self::Store(_) | Self::Chain(_) | Self::Prover(_) => ("internal", 500, false),
        }
    }

    /// Returns the failure that an operation stores.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let (code, _, _) = self.classify();
        let reason = match self {
            Self::Sequencer(SequencerError::Refused { code, .. }) => Some(code.clone()),
            // Without the times that follow a code.
            Self::L1(L1Error::Rejected { reason, .. }) => {
                reason.split(" (").next().map(ToOwned::to_owned)
            }
            _ => None,
        };
        Failure {
            code: code.to_owned(),
            reason,
            detail: self.to_string(),
        }
    }
}
