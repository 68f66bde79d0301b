//! Secured loans between two owners, and the positions that hold their collateral (spec: *Collateral*).
//!
//! A position is a note that neither party owns alone: its blinding, its nullifier and the encryption of its
//! contents come from a salt that both know, and it moves only as the rules of the transaction circuit allow. This
//! module is what both parties compute outside the circuit, and the circuit inside it.

mod agreement;
mod arithmetic;
mod disclosure;
mod follow;
#[cfg(test)]
mod tests;

use std::fmt;

use ark_bn254::Fr;
use zeroize::Zeroize;

use crate::asset::AssetId;
use crate::derive;
use crate::domain::Domain;
use crate::encoding::fr_from_u128;
use crate::keys::Address;
use crate::layout::{debt, loan as fields};
use crate::market::MARKETS;
use crate::note::{Note, NoteClass};
use crate::poseidon::{hash, hash3};
use crate::swap::Salt;

pub use crate::encryption::DISCLOSURE_LEN;
pub use agreement::{Agreement, AgreementDecodeError};
pub use arithmetic::{
    IMPROVEMENT, LAPSE, RATE_PERIOD, accrue, covers, improves, interest, most_seizable, needed,
    seizable,
};
pub use disclosure::{Filler, MASK_BITS, StateDisclosure};
pub use follow::{End, Successor};

/// What is agreed. Its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Loan {
    /// Who owes.
    pub borrower: Address,
    /// Who is owed.
    pub lender: Address,
    /// What secures.
    pub collateral: AssetId,
    /// What is owed.
    pub debt: AssetId,
    /// What the lender delivers, in base units; below 2¹¹².
    pub principal: u128,
    /// Simple interest, in millionths a year of 365 days; below 2²⁴.
    pub rate: u32,
    /// Second of Unix time from which interest runs; below 2⁴⁰.
    pub start: u64,
    /// Last second of Unix time at which the loan is not yet due; below 2⁴⁰.
    pub maturity: u64,
    /// Number of the market whose margins and price apply.
    pub market: u8,
    /// The secret of the pair: that of the swap that opens the loan.
    pub salt: Salt,
}

/// Why terms are those of no loan that anybody should agree to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoanError {
    /// Both parties are one owner.
    #[error("borrower and lender are the same owner")]
    SameOwner,
    /// Debt and collateral are one asset.
    #[error("collateral and debt are the same asset")]
    SameAsset,
    /// Nothing is lent, or more than a position can hold.
    #[error("principal is 0 or not below 2^112")]
    Principal,
    /// The rate does not fit its field.
    #[error("rate is not below 2^24")]
    Rate,
    /// The loan ends before it begins, or a time does not fit its field.
    #[error("maturity is not after start, or out of range")]
    Times,
    /// There is no such market.
    #[error("market is not below 16")]
    Market,
}

/// What only the two parties can compute of a loan.
#[derive(Clone, Copy, PartialEq, Eq, Zeroize)]
pub struct LoanKeys {
    /// L, the digest of the loan.
    pub digest: Fr,
    /// The nullifier key of the pair.
    pub nk: Fr,
}

/// The secrets of the state that a step makes.
#[derive(Clone, Copy, PartialEq, Eq, Zeroize)]
pub struct StepKeys {
    /// Blinding of output 0.
    pub rcm: Fr,
    /// Blinding of a repayment, output 1.
    pub repayment: Fr,
    /// From which the masks of the opening come.
    pub key: Fr,
}

/// (rcm₀, rcm₁, key) = H(STEP; salt, sequence) of the step that leads to the state of this sequence.
#[must_use]
pub fn step_keys(salt: &Salt, sequence: u32) -> StepKeys {
    let [rcm, repayment, key] = hash3(Domain::Step, &[salt.element(), Fr::from(sequence)]);
    StepKeys {
        rcm,
        repayment,
        key,
    }
}

/// What is owed, and how often it has changed.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Debt {
    /// Amount in base units of the debt asset.
    pub amount: u128,
    /// Until when interest is in it: second of Unix time.
    pub accrued: u64,
    /// Number of steps since the opening.
    pub sequence: u32,
}

impl Debt {
    /// pack(debt 128, accrued to 40, sequence 32).
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

/// The state of a loan that is open. Its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Position {
    /// Amount in base units of the collateral asset.
    pub collateral: u128,
    /// What is owed.
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

    /// Whether the terms make sense.
    ///
    /// # Errors
    /// The first [`LoanError`].
    pub fn check(&self) -> Result<(), LoanError> {
        if self.borrower.owner == self.lender.owner {
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

    /// The loan's name among its parties: the first 16 bytes of B("loan"; salt).
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        let bytes = derive::bytes32("loan", &[self.salt.as_bytes()]);
        std::array::from_fn(|i| bytes[i])
    }

    /// pack(collateral asset 16, debt asset 16, market 8, rate 24, start 40, maturity 40).
    #[must_use]
    pub fn packed(&self) -> Fr {
        fields::COLLATERAL.place(self.collateral.0.into())
            + fields::DEBT.place(self.debt.0.into())
            + fields::MARKET.place(self.market.into())
            + fields::RATE.place(self.rate.into())
            + fields::START.place(self.start.into())
            + fields::MATURITY.place(self.maturity.into())
    }

    /// (L, nk of the pair): the first two outputs of H(LOAN; borrower, lender, packed, salt).
    #[must_use]
    pub fn keys(&self) -> LoanKeys {
        let message = [
            self.borrower.owner,
            self.lender.owner,
            self.packed(),
            self.salt.element(),
        ];
        let [digest, nk, _] = hash3(Domain::Loan, &message);
        LoanKeys { digest, nk }
    }

    /// aux of the position with this debt: H(POSITION; L, principal, packed debt).
    #[must_use]
    pub fn aux(&self, debt: &Debt) -> Fr {
        let message = [
            self.keys().digest,
            fr_from_u128(self.principal),
            debt.packed(),
        ];
        hash(Domain::Position, &message)
    }

    /// The debt when the loan is opened.
    #[must_use]
    pub fn origination_debt(&self) -> Debt {
        Debt {
            amount: self.principal,
            accrued: self.start,
            sequence: 0,
        }
    }

    /// The note of a position, under its blinding.
    #[must_use]
    pub fn note(&self, position: &Position, rcm: Fr) -> Note {
        Note {
            class: NoteClass::Position,
            asset: self.collateral,
            value: position.collateral,
            owner: self.lender.owner,
            aux: self.aux(&position.debt),
            rcm,
        }
    }

    /// Output 0 of a step, under its blinding: the position, or without debt cash of the borrower's.
    #[must_use]
    pub fn successor(&self, state: &Position, rcm: Fr) -> Note {
        if state.debt.amount == 0 {
            Note::cash(self.collateral, state.collateral, self.borrower.owner, rcm)
        } else {
            self.note(state, rcm)
        }
    }

    /// Output 1 of a step that repays so much, under its blinding: cash of the lender's.
    #[must_use]
    pub fn repayment(&self, repaid: u128, rcm: Fr) -> Note {
        Note::cash(self.debt, repaid, self.lender.owner, rcm)
    }

    /// What is owed of a debt at a time; `None` from 2¹²⁸ up.
    #[must_use]
    pub fn owed(&self, debt: &Debt, time: u64) -> Option<u128> {
        accrue(debt.amount, self.rate, debt.accrued, time)
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loan(..)")
    }
}
