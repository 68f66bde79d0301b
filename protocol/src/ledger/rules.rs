//! Rules of admission that need no proof (spec: *Transaction*, admission).

use ark_bn254::Fr;

use super::{Config, Ledger};
use crate::asset::AssetId;
use crate::encoding::{fr_to_bytes, point_from_bytes};
use crate::swap::Side;
use crate::transaction::{CodecError, Kind, Transaction};

/// Maximum time from admission to expiry: 24 hours, in seconds.
pub const MAX_EXPIRY_AHEAD: u64 = 24 * 60 * 60;

/// Reason why a transaction is invalid by itself, or invalid at this time. All but the time errors
/// are final.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatelessError {
    /// The kind is padding, which is not admitted.
    #[error("a no-op transaction is not admitted")]
    NoOp,
    /// Fee or times exceed their widths.
    #[error(transparent)]
    Header(#[from] CodecError),
    /// The value 0, which bounds the nullifier tree from below.
    #[error("nullifier of input {input} is 0, a reserved value")]
    ReservedNullifier {
        /// Index of the input, from 0.
        input: usize,
    },
    /// Two inputs have the same nullifier.
    #[error("nullifier of input {input} occurs twice in the transaction")]
    RepeatedNullifier {
        /// Index of the later input, from 0.
        input: usize,
    },
    /// The commitment 0, which stands for an empty leaf.
    #[error("commitment of output {output} is zero")]
    ZeroCommitment {
        /// Index of the output, from 0.
        output: usize,
    },
    /// The fee is in the wrong asset.
    #[error("fee is in asset {found}; fees must be paid in asset {expected}")]
    FeeAsset {
        /// Fee asset of the rollup.
        expected: AssetId,
        /// Fee asset of the transaction.
        found: AssetId,
    },
    /// The fee is too low.
    #[error("fee {found} is below the minimum fee {minimum}")]
    FeeTooLow {
        /// Minimum fee in base units.
        minimum: u128,
        /// Fee of the transaction.
        found: u128,
    },
    /// The transaction has expired.
    #[error("transaction expired at {expiry}; the time is {now}")]
    Expired {
        /// Last second at which it was valid.
        expiry: u64,
        /// Time of the check.
        now: u64,
    },
    /// The expiry is too far ahead.
    #[error("expiry {expiry} is too far ahead; the latest admitted now is {latest}")]
    ExpiryTooFar {
        /// Expiry of the transaction.
        expiry: u64,
        /// Latest expiry that is admitted now.
        latest: u64,
    },
    /// A withdrawal without withdrawal fields.
    #[error("withdrawal fields are missing")]
    WithdrawalMissing,
    /// Withdrawal fields in a transaction of another kind.
    #[error("withdrawal fields in a transaction of another kind")]
    WithdrawalUnexpected,
    /// A withdrawal with amount 0.
    #[error("withdrawal amount is zero")]
    WithdrawalAmount,
    /// A withdrawal to address 0.
    #[error("withdrawal recipient is the zero address")]
    WithdrawalRecipient,
    /// A swap's leg without a digest of terms.
    #[error("digest of the swap's terms is missing")]
    TermsMissing,
    /// The transaction is not yet valid.
    #[error("transaction is valid from {not_before}; the time is {now}")]
    TooEarly {
        /// First second at which it is valid.
        not_before: u64,
        /// Time of the check.
        now: u64,
    },
    /// The ephemeral y belongs to no point of the prime subgroup, or to the identity.
    #[error("ephemeral key is not a point of the prime subgroup")]
    Ephemeral,
}

/// Reason why a transaction is invalid against this ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoricalError {
    /// The history does not hold the anchor.
    #[error("anchor is not in the history")]
    UnknownAnchor,
    /// The assets root is not the current one.
    #[error("assets root is not the current root")]
    AssetsRoot,
    /// An input is already spent.
    #[error("nullifier of input {input} is already spent")]
    Spent {
        /// Index of the input, from 0.
        input: usize,
    },
}

/// Error of rule B20: a swap's leg without its counterpart beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("B20: the leg in slot {slot} does not stand beside the other leg of its terms")]
pub struct UnpairedLeg {
    /// Index of the transaction slot.
    pub slot: usize,
}

/// Checks all stateless rules of admission at time `now` (Unix seconds): [`well_formed`], valid
/// now, and an expiry at most [`MAX_EXPIRY_AHEAD`] later, inclusive.
///
/// # Errors
/// The first [`StatelessError`].
pub fn stateless(
    transaction: &Transaction,
    config: &Config,
    now: u64,
) -> Result<(), StatelessError> {
    let expiry = transaction.header.expiry;
    let latest = now.saturating_add(MAX_EXPIRY_AHEAD);
    in_time(transaction, now)?;
    if expiry > latest {
        return Err(StatelessError::ExpiryTooFar { expiry, latest });
    }
    well_formed(transaction, config)
}

/// Checks B5 and B21: not before ≤ time ≤ expiry.
pub(super) fn in_time(transaction: &Transaction, now: u64) -> Result<(), StatelessError> {
    let header = &transaction.header;
    let (expiry, not_before) = (header.expiry, header.not_before);
    if expiry < now {
        return Err(StatelessError::Expired { expiry, now });
    }
    if not_before > now {
        return Err(StatelessError::TooEarly { not_before, now });
    }
    Ok(())
}

/// Checks the stateless rules that do not depend on time.
///
/// # Errors
/// The first [`StatelessError`].
pub fn well_formed(transaction: &Transaction, config: &Config) -> Result<(), StatelessError> {
    let zero = Fr::from(0u64);
    let header = &transaction.header;
    header.check_range()?;
    if header.kind == Kind::NoOp {
        return Err(StatelessError::NoOp);
    }
    if header.fee_asset != config.fee_asset {
        return Err(StatelessError::FeeAsset {
            expected: config.fee_asset,
            found: header.fee_asset,
        });
    }
    if header.fee < config.min_fee {
        return Err(StatelessError::FeeTooLow {
            minimum: config.min_fee,
            found: header.fee,
        });
    }
    withdrawal(transaction)?;
    if header.kind.side().is_some() && transaction.terms == zero {
        return Err(StatelessError::TermsMissing);
    }
    for (input, nullifier) in transaction.nullifiers.iter().enumerate() {
        if *nullifier.element() == zero {
            return Err(StatelessError::ReservedNullifier { input });
        }
        if transaction.nullifiers[..input].contains(nullifier) {
            return Err(StatelessError::RepeatedNullifier { input });
        }
    }
    if let Some(output) = transaction
        .commitments
        .iter()
        .position(|cm| *cm.element() == zero)
    {
        return Err(StatelessError::ZeroCommitment { output });
    }
    // Either sign works: a point and its negative are in the same subgroup. The identity, y = 1,
    // has x = 0, whose encoding has the sign bit clear.
    point_from_bytes(&fr_to_bytes(&transaction.ephemeral))
        .map(|_| ())
        .map_err(|_| StatelessError::Ephemeral)
}

/// Checks T12, as far as it is visible without the witness.
fn withdrawal(transaction: &Transaction) -> Result<(), StatelessError> {
    match (transaction.header.kind, &transaction.withdrawal) {
        (Kind::Withdraw, None) => Err(StatelessError::WithdrawalMissing),
        (Kind::Withdraw, Some(withdrawal)) => {
            if withdrawal.amount == 0 {
                return Err(StatelessError::WithdrawalAmount);
            }
            if withdrawal.recipient == [0; 20] {
                return Err(StatelessError::WithdrawalRecipient);
            }
            Ok(())
        }
        (_, Some(_)) => Err(StatelessError::WithdrawalUnexpected),
        (_, None) => Ok(()),
    }
}

/// Checks B20: each side A of a swap stands directly before side B of the same terms, and no leg
/// stands elsewhere.
///
/// # Errors
/// The first slot whose leg has no counterpart beside it.
pub fn paired(transactions: &[Transaction]) -> Result<(), UnpairedLeg> {
    let mut slot = 0;
    while let Some(transaction) = transactions.get(slot) {
        slot += match transaction.header.kind.side() {
            None => 1,
            Some(Side::A)
                if transactions
                    .get(slot + 1)
                    .is_some_and(|next| completes(transaction, next)) =>
            {
                2
            }
            Some(_) => return Err(UnpairedLeg { slot }),
        };
    }
    Ok(())
}

/// Whether `second` is side B of the swap whose side A is `first`.
#[must_use]
pub fn completes(first: &Transaction, second: &Transaction) -> bool {
    first.header.kind == Kind::SwapA
        && second.header.kind == Kind::SwapB
        && first.terms == second.terms
}

impl Ledger {
    /// Checks the rules of admission that depend on the state. `assets_root` is the current root of
    /// the asset tree, `prices` the digest of the next batch's price snapshot: that batch's first
    /// anchor may be used too.
    ///
    /// # Errors
    /// The first [`HistoricalError`].
    pub fn historical(
        &self,
        transaction: &Transaction,
        assets_root: &Fr,
        prices: &Fr,
    ) -> Result<(), HistoricalError> {
        let anchor = &transaction.anchor;
        if !self.history.contains(anchor) && *anchor != self.state.anchor(prices) {
            return Err(HistoricalError::UnknownAnchor);
        }
        if transaction.assets_root != *assets_root {
            return Err(HistoricalError::AssetsRoot);
        }
        let spent = transaction
            .nullifiers
            .iter()
            .position(|nullifier| self.nullifiers.contains(nullifier));
        match spent {
            Some(input) => Err(HistoricalError::Spent { input }),
            None => Ok(()),
        }
    }
}
