//! Secured loans between two owners, and the positions that hold their collateral (spec:
//! *Collateral*).
//!
//! A position is a note that neither party owns alone. Its blinding, its nullifier and the
//! encryption of its contents derive from a salt that both parties know, and only steps that the
//! transaction circuit allows can move it. Both parties compute the functions of this module
//! outside the circuit; the circuit computes the same ones.

mod agreement;
mod arithmetic;
mod disclosure;
mod follow;
mod renewal;
#[cfg(test)]
mod tests;

use std::fmt;

use ark_bn254::Fr;
use zeroize::Zeroize;

use crate::asset::AssetId;
use crate::derive;
use crate::domain::Domain;
use crate::element::OwnerId;
use crate::encoding::fr_from_u128;
use crate::layout::{debt, loan as fields};
use crate::market::MARKETS;
use crate::note::{Note, NoteClass};
use crate::poseidon::{hash, hash3};
use crate::swap::Salt;

pub use agreement::{Agreement, AgreementDecodeError, PartyKeys};
pub use arithmetic::{
    CURE, IMPROVEMENT, LAPSE, LAPSE_AGE, OPENING_AGE, RAMP_BITS, RATE_PERIOD, Rounding, accrue,
    clears, covers, improves, interest, most_seizable, needed, overdue_bonus, seizable,
};
pub use disclosure::{Filler, MASK_BITS, StateDisclosure};
pub use follow::{End, Successor};
pub use renewal::{Renewal, RenewalError};

/// Terms of a loan. Its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Loan {
    /// Party that owes the debt.
    pub borrower: OwnerId,
    /// Party to whom the debt is owed.
    pub lender: OwnerId,
    /// Asset of the collateral.
    pub collateral: AssetId,
    /// Asset of the debt.
    pub debt: AssetId,
    /// Amount that the lender delivers, in base units; below 2¹¹².
    pub principal: u128,
    /// Simple interest, in millionths a year of 365 days; below 2²⁴.
    pub rate: u32,
    /// Second of Unix time from which interest runs; below 2⁴⁰.
    pub start: u64,
    /// Last second of Unix time at which the loan is not yet due; below 2⁴⁰.
    pub maturity: u64,
    /// Number of the market whose margins and price apply.
    pub market: u8,
    /// Shared secret of the two parties: the salt of the swap that originates the loan.
    pub salt: Salt,
}

/// Reason why terms do not make a sensible loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoanError {
    /// Both parties are the same owner.
    #[error("borrower and lender are the same owner")]
    SameOwner,
    /// Debt and collateral are the same asset.
    #[error("collateral and debt are the same asset")]
    SameAsset,
    /// The principal is 0, or larger than a position can hold.
    #[error("principal must be from 1 to 2^112 - 1")]
    Principal,
    /// The rate does not fit its field.
    #[error("rate must be below 2^24")]
    Rate,
    /// The maturity is not after the start, or a time does not fit its field.
    #[error("maturity must be after start and below 2^40")]
    Times,
    /// No market has this number.
    #[error("market number must be below 16")]
    Market,
}

/// Values of a loan that only the two parties can compute.
#[derive(Clone, Copy, PartialEq, Eq, Zeroize)]
pub struct LoanKeys {
    /// Digest L of the loan.
    pub digest: Fr,
    /// Nullifier key of the pair.
    pub nk: Fr,
}

/// Secrets of the state that a step makes.
#[derive(Clone, Copy, PartialEq, Eq, Zeroize)]
pub struct StepKeys {
    /// Blinding of output 0.
    pub rcm: Fr,
    /// Blinding of a repayment, output 1.
    pub repayment: Fr,
    /// Key from which the masks of the state disclosure derive.
    pub key: Fr,
}

/// Returns (rcm₀, rcm₁, key) = H(STEP; salt, sequence) of the step that leads to the state with
/// this sequence.
#[must_use]
pub fn step_keys(salt: &Salt, sequence: u32) -> StepKeys {
    let [rcm, repayment, key] = hash3(Domain::Step, &[salt.element(), Fr::from(sequence)]);
    StepKeys {
        rcm,
        repayment,
        key,
    }
}

/// Debt of a position and the number of its changes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Debt {
    /// Amount in base units of the debt asset.
    pub amount: u128,
    /// Second of Unix time up to which the amount includes interest.
    pub accrued: u64,
    /// Number of steps since the origination.
    pub sequence: u32,
}

impl Debt {
    /// Returns pack(debt 128, accrued to 40, sequence 32).
    #[must_use]
    pub fn packed(&self) -> Fr {
        debt::AMOUNT.place(self.amount)
            + debt::ACCRUED.place(self.accrued.into())
            + debt::SEQUENCE.place(self.sequence.into())
    }
}

impl fmt::Debug for Debt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Debt(..)")
    }
}

/// State of an open loan. Its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Position {
    /// Amount in base units of the collateral asset.
    pub collateral: u128,
    /// Debt that is owed.
    pub debt: Debt,
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Position(..)")
    }
}

impl Loan {
    /// Bits of the principal.
    pub const PRINCIPAL_BITS: u32 = 112;
    /// Bits of the rate.
    pub const RATE_BITS: u32 = fields::RATE.width as u32;

    /// Checks that the terms make sense.
    ///
    /// # Errors
    /// The first [`LoanError`].
    pub fn check(&self) -> Result<(), LoanError> {
        if self.borrower == self.lender {
            return Err(LoanError::SameOwner);
        }
        if self.collateral == self.debt {
            return Err(LoanError::SameAsset);
        }
        if self.principal == 0 || self.principal >> Self::PRINCIPAL_BITS != 0 {
            return Err(LoanError::Principal);
        }
        if !fields::RATE.holds(self.rate.into()) {
            return Err(LoanError::Rate);
        }
        if self.maturity <= self.start || !fields::MATURITY.holds(self.maturity.into()) {
            return Err(LoanError::Times);
        }
        if usize::from(self.market) >= MARKETS {
            return Err(LoanError::Market);
        }
        Ok(())
    }

    /// Returns the name of the loan among its parties: the first 16 bytes of B("loan"; salt).
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        let bytes = derive::bytes32("loan", &[self.salt.as_bytes()]);
        std::array::from_fn(|i| bytes[i])
    }

    /// Returns pack(collateral asset 16, debt asset 16, market 7, type 1, rate 24, start 40,
    /// maturity 40). The type is 0.
    #[must_use]
    pub fn packed(&self) -> Fr {
        fields::COLLATERAL.place(self.collateral.0.into())
            + fields::DEBT.place(self.debt.0.into())
            + fields::MARKET.place(self.market.into())
            + fields::RATE.place(self.rate.into())
            + fields::START.place(self.start.into())
            + fields::MATURITY.place(self.maturity.into())
    }

    /// Returns (L, nk of the pair): the first two outputs of H(LOAN; borrower, lender, packed,
    /// salt).
    #[must_use]
    pub fn keys(&self) -> LoanKeys {
        let message = [
            self.borrower.into(),
            self.lender.into(),
            self.packed(),
            self.salt.element(),
        ];
        let [digest, nk, _] = hash3(Domain::Loan, &message);
        LoanKeys { digest, nk }
    }

    /// Returns aux of the position with this debt: H(POSITION; L, principal, packed debt).
    #[must_use]
    pub fn aux(&self, debt: &Debt) -> Fr {
        let message = [
            self.keys().digest,
            fr_from_u128(self.principal),
            debt.packed(),
        ];
        hash(Domain::Position, &message)
    }

    /// Returns the debt at the origination of the loan.
    #[must_use]
    pub fn origination_debt(&self) -> Debt {
        Debt {
            amount: self.principal,
            accrued: self.start,
            sequence: 0,
        }
    }

    /// Returns the note of a position with this blinding.
    #[must_use]
    pub fn note(&self, position: &Position, rcm: Fr) -> Note {
        Note {
            class: NoteClass::Position,
            asset: self.collateral,
            value: position.collateral,
            owner: self.lender,
            aux: self.aux(&position.debt),
            rcm,
        }
    }

    /// Returns output 0 of a step with this blinding: the position, or cash of the borrower if no
    /// debt remains.
    #[must_use]
    pub fn successor(&self, state: &Position, rcm: Fr) -> Note {
        if state.debt.amount == 0 {
            Note::cash(self.collateral, state.collateral, self.borrower, rcm)
        } else {
            self.note(state, rcm)
        }
    }

    /// Returns output 1 of a step that repays `repaid`, with this blinding: cash of the lender.
    #[must_use]
    pub fn repayment(&self, repaid: u128, rcm: Fr) -> Note {
        Note::cash(self.debt, repaid, self.lender, rcm)
    }

    /// Returns the debt that the borrower's step at a time accounts for, interest rounded up.
    /// `None` from 2¹²⁸ up.
    #[must_use]
    pub fn owed(&self, debt: &Debt, time: u64) -> Option<u128> {
        accrue(debt.amount, self.rate, [debt.accrued, time], Rounding::Up)
    }

    /// Returns the debt that the lender's step at a time accounts for, interest rounded down.
    /// `None` from 2¹²⁸ up.
    #[must_use]
    pub fn claimed(&self, debt: &Debt, time: u64) -> Option<u128> {
        accrue(debt.amount, self.rate, [debt.accrued, time], Rounding::Down)
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loan(..)")
    }
}
