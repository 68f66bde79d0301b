//! Why a submission is not accepted, and why an accepted one can become impossible.

use serde::Serialize;
use subrosa_protocol::ledger::StatelessError;

/// Why a submission is not accepted. Names what was wrong and repeats no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are no submission.
    #[error("{detail}")]
    Malformed {
        /// What is wrong with them.
        detail: String,
    },
    /// The proof is not valid for the transaction's digest under this rollup's context.
    #[error("the proof is not valid for this transaction")]
    InvalidProof,
    /// A rule that needs no history is broken.
    #[error("the transaction breaks a rule: {rule}")]
    InvalidTransaction {
        /// The rule.
        rule: String,
    },
    /// The anchor is no note root of the sealed history.
    #[error("the anchor is not a root of the history")]
    UnknownAnchor,
    /// The assets root is not the current one.
    #[error("the assets root is not the current one")]
    StaleAssets,
    /// L1 has taken no such price snapshot, or long since others.
    #[error("the price snapshot is not known, or no longer")]
    UnknownSnapshot,
    /// Each counterpart that waits for this leg names another price snapshot.
    #[error("the counterpart names another price snapshot")]
    MixedSnapshots,
    /// It is too early for the transaction.
    #[error("the transaction is not valid yet")]
    TooEarly,
    /// A nullifier is in a sealed batch.
    #[error("a nullifier is spent")]
    NullifierSpent,
    /// A nullifier is in a pending transaction.
    #[error("a nullifier is in a pending transaction")]
    NullifierPending,
    /// The expiry is past.
    #[error("the transaction has expired")]
    Expired,
    /// The fee is below the minimum.
    #[error("the fee is below the minimum")]
    FeeTooLow,
    /// Mempool or verification queue are full.
    #[error("the sequencer is busy, try again later")]
    MempoolFull,
    /// As many legs wait for their counterpart as may, and none of them longer than this one would.
    #[error("too many legs wait for their counterpart, try again later")]
    LegsFull,
    /// The sequencer is stopping or halted.
    #[error("the sequencer takes no transactions at present")]
    Unavailable,
    /// The sequencer failed.
    #[error("the sequencer failed")]
    Internal,
}

impl Refusal {
    /// The error code told to clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::InvalidProof => "invalid_proof",
            Self::InvalidTransaction { .. } => "invalid_transaction",
            Self::UnknownAnchor => "unknown_anchor",
            Self::StaleAssets => "stale_assets",
            Self::UnknownSnapshot => "unknown_snapshot",
            Self::MixedSnapshots => "mixed_snapshots",
            Self::TooEarly => "too_early",
            Self::NullifierSpent => "nullifier_spent",
            Self::NullifierPending => "nullifier_pending",
            Self::Expired => "expired",
            Self::FeeTooLow => "fee_too_low",
            Self::MempoolFull => "mempool_full",
            Self::LegsFull => "legs_full",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The refusal in the metrics, which do not say that a transaction names a price snapshot.
    pub(crate) fn metric(&self) -> &'static str {
        match self {
            Self::UnknownSnapshot | Self::MixedSnapshots => "conflict",
            _ => self.code(),
        }
    }
}

impl From<StatelessError> for Refusal {
    /// Names the rule; the amounts that the ledger's error mentions stay out of answers.
    fn from(error: StatelessError) -> Self {
        let rule = match error {
            StatelessError::FeeTooLow { .. } => return Self::FeeTooLow,
            StatelessError::Expired { .. } => return Self::Expired,
            StatelessError::TooEarly { .. } => return Self::TooEarly,
            StatelessError::NoOp => "no_op",
            StatelessError::Header(_) => "header",
            StatelessError::ReservedNullifier { .. } => "reserved_nullifier",
            StatelessError::RepeatedNullifier { .. } => "repeated_nullifier",
            StatelessError::ZeroCommitment { .. } => "zero_commitment",
            StatelessError::FeeAsset { .. } => "fee_asset",
            StatelessError::ExpiryTooFar { .. } => "expiry_too_far",
            StatelessError::WithdrawalMissing => "withdrawal_missing",
            StatelessError::WithdrawalUnexpected => "withdrawal_unexpected",
            StatelessError::WithdrawalAmount => "withdrawal_amount",
            StatelessError::WithdrawalRecipient => "withdrawal_recipient",
            StatelessError::TermsMissing => "terms_missing",
            StatelessError::Ephemeral => "ephemeral",
        };
        Self::InvalidTransaction { rule: rule.into() }
    }
}

/// Why an accepted transaction can never be included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalRejection {
    /// The assets root changed before it was sealed.
    StaleAssets,
    /// Its anchor belongs to a batch that was dropped.
    UnknownAnchor,
    /// One of its nullifiers was spent by another transaction.
    NullifierSpent,
    /// The ledger refused it.
    InvalidTransaction,
    /// A leg without its counterpart that gave way to one with an earlier expiry.
    Displaced,
    /// Its price snapshot is gone from the chain.
    UnknownSnapshot,
}

impl FinalRejection {
    const ALL: [Self; 6] = [
        Self::StaleAssets,
        Self::UnknownAnchor,
        Self::NullifierSpent,
        Self::InvalidTransaction,
        Self::Displaced,
        Self::UnknownSnapshot,
    ];

    /// The error code told to clients.
    pub fn code(self) -> &'static str {
        match self {
            Self::StaleAssets => "stale_assets",
            Self::UnknownAnchor => "unknown_anchor",
            Self::NullifierSpent => "nullifier_spent",
            Self::InvalidTransaction => "invalid_transaction",
            Self::Displaced => "displaced",
            Self::UnknownSnapshot => "unknown_snapshot",
        }
    }

    /// Byte on disk; values are never reused.
    pub(crate) fn tag(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.get(usize::from(tag)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_back() {
        for reason in FinalRejection::ALL {
            assert_eq!(FinalRejection::from_tag(reason.tag()), Some(reason));
        }
        assert_eq!(FinalRejection::from_tag(6), None);
    }
}
