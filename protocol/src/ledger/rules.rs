//! Rules of admission that need no proof (spec: *Transaction*, admission).

use ark_bn254::Fr;
use ark_ff::Zero;

use super::{Config, Ledger};
use crate::asset::AssetId;
use crate::encoding::{fr_to_bytes, point_from_bytes};
use crate::nullifier_tree::maximum;
use crate::swap::Side;
use crate::transaction::{CodecError, Kind, Transaction};

/// Seconds that an expiry may lie ahead at admission: 24 hours.
pub const MAX_EXPIRY_AHEAD: u64 = 24 * 60 * 60;

/// Why a transaction is never valid, or not at this time. Each is final but for time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatelessError {
    /// Padding is not for admission.
    #[error("a no-op is not admitted")]
    NoOp,
    /// Fee or times beyond their widths.
    #[error(transparent)]
    Header(#[from] CodecError),
    /// 0 and r − 1 are no nullifiers.
    #[error("nullifier {input} is reserved")]
    ReservedNullifier {
        /// Input, from 0.
        input: usize,
    },
    /// Two inputs have one nullifier.
    #[error("nullifier {input} occurs before in the transaction")]
    RepeatedNullifier {
        /// The later input, from 0.
        input: usize,
    },
    /// 0 is an empty leaf, not a commitment.
    #[error("commitment {output} is zero")]
    ZeroCommitment {
        /// Output, from 0.
        output: usize,
    },
    /// The fee is in the wrong asset.
    #[error("fee is in asset {found}, fees are paid in {expected}")]
    FeeAsset {
        /// The rollup's fee asset.
        expected: AssetId,
        /// The transaction's.
        found: AssetId,
    },
    /// The fee is too low.
    #[error("fee {found} is below the minimum {minimum}")]
    FeeTooLow {
        /// Least fee in base units.
        minimum: u128,
        /// The transaction's fee.
        found: u128,
    },
    /// The transaction is out of date.
    #[error("expired at {expiry}, it is {now}")]
    Expired {
        /// Last second at which it was valid.
        expiry: u64,
        /// Time of the check.
        now: u64,
    },
    /// The expiry is too far away.
    #[error("expiry {expiry} is after {latest}")]
    ExpiryTooFar {
        /// The transaction's expiry.
        expiry: u64,
        /// Latest expiry admitted now.
        latest: u64,
    },
    /// A withdrawal without withdraw fields.
    #[error("withdraw fields are missing")]
    WithdrawalMissing,
    /// Withdraw fields in another kind.
    #[error("withdraw fields outside a withdrawal")]
    WithdrawalUnexpected,
    /// A withdrawal of nothing.
    #[error("withdraw amount is zero")]
    WithdrawalAmount,
    /// A withdrawal to nobody.
    #[error("withdraw recipient is zero")]
    WithdrawalRecipient,
    /// A swap's leg without terms.
    #[error("terms are missing")]
    TermsMissing,
    /// It is too early for the transaction.
    #[error("valid from {not_before}, it is {now}")]
    TooEarly {
        /// First second at which it is valid.
        not_before: u64,
        /// Time of the check.
        now: u64,
    },
    /// The ephemeral y is not that of a point in the prime subgroup, or is the identity's.
    #[error("ephemeral key is not a point of the prime subgroup")]
    Ephemeral,
}

/// Why a transaction is not valid against this ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoricalError {
    /// The anchor is no note root of the history.
    #[error("anchor is not in the history")]
    UnknownAnchor,
    /// The assets root is not the current one.
    #[error("assets root is not current")]
    AssetsRoot,
    /// An input is spent.
    #[error("nullifier {input} is known")]
    Spent {
        /// Input, from 0.
        input: usize,
    },
}

/// A swap's leg whose counterpart is not beside it (rule B20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("B20: the leg in slot {slot} is not beside the other leg of its terms")]
pub struct UnpairedLeg {
    /// Transaction slot.
    pub slot: usize,
}

/// A transaction that names another price snapshot than one before it (rule B21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("B21: slot {slot} names another price snapshot than a slot before it")]
pub struct MixedSnapshots {
    /// Transaction slot.
    pub slot: usize,
}

/// All stateless rules of admission at time `now` (Unix seconds): [`well_formed`], valid now, and an expiry
/// at most [`MAX_EXPIRY_AHEAD`] later, inclusive.
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

/// B5 and B22: not before ≤ time ≤ expiry.
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

/// The stateless rules that do not depend on time.
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
        if *nullifier == zero || *nullifier == maximum() {
            return Err(StatelessError::ReservedNullifier { input });
        }
        if transaction.nullifiers[..input].contains(nullifier) {
            return Err(StatelessError::RepeatedNullifier { input });
        }
    }
    if let Some(output) = transaction.commitments.iter().position(|cm| *cm == zero) {
        return Err(StatelessError::ZeroCommitment { output });
    }
    // Either sign will do: a point and its negative are in the same subgroup. The identity, y = 1,
    // has x = 0, whose encoding has the sign bit clear.
    point_from_bytes(&fr_to_bytes(&transaction.ephemeral))
        .map(|_| ())
        .map_err(|_| StatelessError::Ephemeral)
}

/// T12, as far as it can be seen without the witness.
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

/// B20: side A of a swap stands directly before side B of the same terms, and neither stands anywhere
/// else.
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

/// B21: the one price snapshot that transactions name, 0 if none does.
///
/// # Errors
/// The first slot whose transaction names another one than a transaction before it.
pub fn snapshot_of(transactions: &[Transaction]) -> Result<Fr, MixedSnapshots> {
    let mut named = Fr::from(0u64);
    for (slot, transaction) in transactions.iter().enumerate() {
        let oracle = transaction.oracle;
        if oracle.is_zero() || oracle == named {
            continue;
        }
        if !named.is_zero() {
            return Err(MixedSnapshots { slot });
        }
        named = oracle;
    }
    Ok(named)
}

/// Whether `second` is side B of the swap whose side A is `first`.
#[must_use]
pub fn completes(first: &Transaction, second: &Transaction) -> bool {
    first.header.kind == Kind::SwapA
        && second.header.kind == Kind::SwapB
        && first.terms == second.terms
}

impl Ledger {
    /// The rules of admission that depend on the state; `assets_root` is the current root of the
    /// asset tree.
    ///
    /// # Errors
    /// The first [`HistoricalError`].
    pub fn historical(
        &self,
        transaction: &Transaction,
        assets_root: &Fr,
    ) -> Result<(), HistoricalError> {
        if !self.history.contains(&transaction.anchor) {
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
