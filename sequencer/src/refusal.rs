//! The reasons to refuse a submission, and to reject one that was accepted.

use serde::Serialize;
use subrosa_protocol::ledger::StatelessError;

/// The reason to refuse a submission. It names the fault and repeats no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes do not decode to a submission.
    #[error("{detail}")]
    Malformed {
        /// The fault.
        detail: String,
    },
    /// The proof is not valid for the transaction's digest under this rollup's context.
    #[error("the proof is not valid for this transaction")]
    InvalidProof,
    /// The transaction breaks a rule that needs no history.
    #[error("the transaction breaks a rule: {rule}")]
    InvalidTransaction {
        /// Name of the rule.
        rule: String,
    },
    /// The anchor is neither in the sealed history nor the next batch's.
    #[error("the anchor is unknown; prove again with the current note root and prices")]
    UnknownAnchor,
    /// The assets root is not the current one.
    #[error("the assets root is not the current one; read the assets and prove again")]
    StaleAssets,
    /// The transaction's first second of validity is in the future.
    #[error("the transaction is not valid yet")]
    TooEarly,
    /// A sealed batch holds one of the nullifiers.
    #[error("a note is already spent: its nullifier is in a sealed batch")]
    NullifierSpent,
    /// A pending transaction holds one of the nullifiers.
    #[error("a pending transaction spends one of the notes")]
    NullifierPending,
    /// The expiry has passed.
    #[error("the transaction has expired")]
    Expired,
    /// The fee is below the minimum.
    #[error("the fee is below the minimum")]
    FeeTooLow,
    /// The mempool or the verification queue is full.
    #[error("the sequencer is busy, try again later")]
    MempoolFull,
    /// The pool of unpaired legs is full, and none of its legs expires later than this one.
    #[error("too many legs wait for their counterparts, try again later")]
    LegsFull,
    /// The sequencer is stopping or has halted.
    #[error("the sequencer accepts no transactions at present, try again later")]
    Unavailable,
    /// The sequencer failed.
    #[error("the sequencer failed; its log says why")]
    Internal,
}

impl Refusal {
    /// Returns the error code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::InvalidProof => "invalid_proof",
            Self::InvalidTransaction { .. } => "invalid_transaction",
            Self::UnknownAnchor => "unknown_anchor",
            Self::StaleAssets => "stale_assets",
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

    /// Whether no honest client makes such a submission: a client checks its form, its rules and
    /// its proof before it sends it.
    pub(crate) fn is_waste(&self) -> bool {
        matches!(
            self,
            Self::Malformed { .. } | Self::InvalidProof | Self::InvalidTransaction { .. }
        )
    }
}

impl From<StatelessError> for Refusal {
    /// Keeps the rule's name. The amounts in the ledger's error stay out of answers.
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

/// The reason why an accepted transaction can never be included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalRejection {
    /// The assets root changed before the transaction was sealed.
    StaleAssets,
    /// Its anchor belongs to a batch that was dropped, or to prices that no batch took.
    UnknownAnchor,
    /// Another transaction spent one of its nullifiers.
    NullifierSpent,
    /// The ledger refused it.
    InvalidTransaction,
    /// An unpaired leg that an unpaired leg with an earlier expiry replaced.
    Displaced,
}

impl FinalRejection {
    const ALL: [Self; 5] = [
        Self::StaleAssets,
        Self::UnknownAnchor,
        Self::NullifierSpent,
        Self::InvalidTransaction,
        Self::Displaced,
    ];

    /// Returns the error code that clients see.
    pub fn code(self) -> &'static str {
        match self {
            Self::StaleAssets => "stale_assets",
            Self::UnknownAnchor => "unknown_anchor",
            Self::NullifierSpent => "nullifier_spent",
            Self::InvalidTransaction => "invalid_transaction",
            Self::Displaced => "displaced",
        }
    }

    /// Returns the byte on disk. Values are never reused.
    pub(crate) fn tag(self) -> u8 {
        self as u8
    }

    /// Reads the byte on disk.
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
