//! Renewal of a loan by both parties: roll, substitution of the collateral, other terms (spec:
//! *Collateral*, Renewal).

use std::fmt;

use ark_bn254::Fr;

use super::{Debt, Filler, Loan, LoanError, Position, StateDisclosure, step_keys};
use crate::EdwardsAffine;
use crate::asset::AssetId;
use crate::element::OwnerId;
use crate::encryption::{PublishedOutputs, outgoing_records};
use crate::keys::ViewingKey;
use crate::note::{Note, NoteClass};
use crate::swap::{Exchange, Leg, Side, Terms, TermsError};

/// Bits of the cash that a lender adds to a loan.
const LENT_BITS: u32 = 120;

/// Renewal of a loan, as both parties agree on it, and the swap that carries it out. Its `Debug`
/// form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Renewal {
    /// Loan that is renewed.
    pub renewed: Loan,
    /// Debt of its position.
    pub before: Debt,
    /// Loan that takes its place: of the same owners and salt.
    pub loan: Loan,
    /// Collateral of the new loan, in base units.
    pub collateral: u128,
    /// Amount of the debt asset that the lender delivers to the borrower, in base units, below
    /// 2¹²⁰; a swap needs at least 1.
    pub lent: u128,
    /// Side of the swap that the borrower takes.
    pub borrower_side: Side,
    /// Last second of Unix time at which the loan can be renewed.
    pub expiry: u64,
}

/// Reason why a renewal makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenewalError {
    /// The terms of the new loan are not valid.
    #[error(transparent)]
    Loan(#[from] LoanError),
    /// The new loan is not one of the same pair.
    #[error("borrower, lender and salt must be those of the renewed loan")]
    Pair,
    /// Interest would not run from the last moment of the renewal.
    #[error("start must be the expiry")]
    Start,
    /// The lender adds more than the borrower's own data can hold.
    #[error("the lender can add less than 2^120 base units")]
    Lent,
    /// The position has had as many steps as it can have.
    #[error("the position has had 2^32 - 1 steps")]
    Sequence,
    /// No swap can carry the renewal out.
    #[error(transparent)]
    Terms(#[from] TermsError),
}

impl Renewal {
    /// Checks that the renewal makes sense.
    ///
    /// # Errors
    /// The first [`RenewalError`].
    pub fn check(&self) -> Result<(), RenewalError> {
        self.loan.check()?;
        let (old, new) = (&self.renewed, &self.loan);
        if old.owners() != new.owners() || old.salt != new.salt {
            return Err(RenewalError::Pair);
        }
        if new.start != self.expiry {
            return Err(RenewalError::Start);
        }
        if self.lent >> LENT_BITS != 0 {
            return Err(RenewalError::Lent);
        }
        self.terms()?;
        Ok(())
    }

    /// Returns the position that the renewal makes.
    ///
    /// # Errors
    /// [`RenewalError::Sequence`].
    pub fn position(&self) -> Result<Position, RenewalError> {
        let sequence = self.before.sequence.checked_add(1);
        Ok(Position {
            collateral: self.collateral,
            debt: Debt {
                sequence: sequence.ok_or(RenewalError::Sequence)?,
                ..self.loan.origination_debt()
            },
        })
    }

    /// Returns the terms of the swap that carries the renewal out.
    ///
    /// # Errors
    /// The first [`RenewalError`].
    pub fn terms(&self) -> Result<Terms, RenewalError> {
        let loan = &self.loan;
        let secured = Leg {
            class: NoteClass::Position,
            asset: loan.collateral,
            value: self.collateral,
        };
        let lent = Leg::cash(loan.debt, self.lent);
        let zero = Fr::from(0u64);
        let aux = loan.aux(&self.position()?.debt);
        let (legs, receivers, aux) = match self.borrower_side {
            Side::A => ([secured, lent], [loan.lender, loan.borrower], [aux, zero]),
            Side::B => ([lent, secured], [loan.borrower, loan.lender], [zero, aux]),
        };
        let exchange = Exchange {
            legs,
            salt: loan.salt.clone(),
        };
        Ok(Terms::with_aux(exchange, receivers, aux, self.expiry)?)
    }
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renewal(..)")
    }
}

impl<P: Copy + Into<OwnerId>> Loan<P> {
    /// Reads the renewal of this loan from the borrower's published leg: the new loan, its position
    /// and its note. `before` is the position that the leg spends, `exchange` what the two legs
    /// deliver, and `side` the borrower's. `None` if the leg renews no such loan.
    #[must_use]
    pub fn follow_renewal(
        &self,
        before: &Position,
        exchange: &Exchange,
        side: Side,
        published: &PublishedOutputs,
    ) -> Option<(Self, Position, Note)> {
        let (secured, lent) = (exchange.leg(side), exchange.leg(side.other()));
        if secured.class != NoteClass::Position || exchange.salt != self.salt {
            return None;
        }
        let sequence = before.debt.sequence.checked_add(1)?;
        let cm0 = published.commitments[0];
        let words = published.note_data.disclosure_words();
        let keys = step_keys(&self.salt, sequence);
        let disclosure = StateDisclosure::unseal(&words, &keys, &cm0);
        let loan = Self {
            collateral: secured.asset,
            debt: lent.asset,
            principal: disclosure.debt,
            rate: disclosure.rate,
            start: disclosure.start,
            maturity: disclosure.maturity,
            market: disclosure.market,
            ..self.clone()
        };
        loan.check().ok()?;
        let position = Position {
            collateral: secured.value,
            debt: Debt {
                sequence,
                ..loan.origination_debt()
            },
        };
        let note = loan.note(&position, exchange.blindings()[side.index()]);
        (note.commitment() == cm0).then_some((loan, position, note))
    }

    /// Reads the renewal of this loan from the borrower's leg alone, which holds collateral and
    /// cash in fields that only the borrower can read.
    ///
    /// `debts` are the assets that may be owed. `auditors` are the keys that the collateral's asset
    /// has had. `None` if the leg is not from `keys`, or renews no such loan.
    #[must_use]
    pub fn follow_own_renewal(
        &self,
        before: &Position,
        keys: &ViewingKey,
        published: &PublishedOutputs,
        audit: &[Fr; 3],
        auditors: &[EdwardsAffine],
        debts: &[AssetId],
    ) -> Option<(Self, Position, Note)> {
        let records = outgoing_records(&keys.ovk, published, audit, auditors);
        let record = records
            .into_iter()
            .find(|record| record.class == NoteClass::Position)?;
        let secured = Leg {
            class: NoteClass::Position,
            asset: record.asset,
            value: record.value,
        };
        let (data, cm0) = (&published.note_data, &published.commitments[0]);
        let lent = Filler::lent(data, &keys.ovk, &published.ephemeral, cm0);
        debts.iter().find_map(|debt| {
            let lent = Leg::cash(*debt, lent);
            Side::BOTH.into_iter().find_map(|side| {
                let legs = match side {
                    Side::A => [secured, lent],
                    Side::B => [lent, secured],
                };
                let salt = self.salt.clone();
                self.follow_renewal(before, &Exchange { legs, salt }, side, published)
            })
        })
    }
}
