//! Following a position from step to step, and recovering a loan (spec: *Collateral*, Recovery).

use ark_bn254::Fr;

use super::disclosure::{Filler, StateDisclosure};
use super::{Debt, Loan, Position, step_keys};
use crate::EdwardsAffine;
use crate::asset::AssetId;
use crate::element::OwnerId;
use crate::encryption::{PublishedOutputs, outgoing_records};
use crate::keys::ViewingKey;
use crate::note::{Note, NoteClass};
use crate::swap::{Exchange, Leg, Side};

/// End of a loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The whole debt was repaid: output 1, the lender's, holds it.
    Closed,
    /// Less was repaid: the lender took collateral.
    Liquidated,
}

/// Result of a step. Its notes match the transaction's commitments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// Output 0: the position, or the borrower's cash from the remaining collateral.
    pub note: Note,
    /// The state behind `note`, unless the loan ended.
    pub position: Option<Position>,
    /// Output 1, cash of the lender, if the step repaid something.
    pub repayment: Option<Note>,
    /// End of the loan, if the step ended it.
    pub end: Option<End>,
}

impl<P: Copy + Into<OwnerId>> Loan<P> {
    /// Reads the step that spent a position from its published transaction. `None` if the
    /// transaction is not a step on this position.
    #[must_use]
    pub fn follow(&self, before: &Position, published: &PublishedOutputs) -> Option<Successor> {
        let sequence = before.debt.sequence.checked_add(1)?;
        let keys = step_keys(&self.salt, sequence);
        let [cm0, cm1, _] = published.commitments;
        let disclosure =
            StateDisclosure::unseal(&published.note_data.disclosure_words(), &keys, &cm0);
        let debt = Debt {
            amount: disclosure.debt,
            accrued: disclosure.accrued,
            sequence,
        };
        let open = debt.amount != 0;
        let position = Position {
            collateral: disclosure.value,
            debt,
        };
        let note = self.successor(&position, keys.rcm);
        if note.commitment() != cm0 {
            return None;
        }
        // Interest runs only to the disclosed time, which is not before the previous one.
        let owed = self.owed(&before.debt, disclosure.accrued)?;
        let repaid = owed.checked_sub(disclosure.debt)?;
        let payment = self.repayment(repaid, keys.repayment);
        let paid = payment.commitment() == cm1;
        let repayment = (repaid != 0 && paid).then_some(payment);
        Some(Successor {
            note,
            end: match (open, &repayment) {
                (true, _) => None,
                (false, Some(_)) => Some(End::Closed),
                (false, None) => Some(End::Liquidated),
            },
            position: open.then_some(position),
            repayment,
        })
    }

    /// Recovers the loan that a swap originated, with its position and note, from the exchange, the
    /// parties and the published leg of the borrower. `None` if `side`, the borrower's, delivered
    /// no such position.
    #[must_use]
    pub fn recover(
        exchange: &Exchange,
        side: Side,
        borrower: P,
        lender: P,
        published: &PublishedOutputs,
    ) -> Option<(Self, Position, Note)> {
        let (secured, lent) = (exchange.leg(side), exchange.leg(side.other()));
        if secured.class != NoteClass::Position || lent.class != NoteClass::Cash {
            return None;
        }
        let cm0 = published.commitments[0];
        let words = published.note_data.disclosure_words();
        let disclosure = StateDisclosure::unseal(&words, &step_keys(&exchange.salt, 0), &cm0);
        let loan = Self {
            borrower,
            lender,
            collateral: secured.asset,
            debt: lent.asset,
            principal: lent.value,
            rate: disclosure.rate,
            start: disclosure.start,
            maturity: disclosure.maturity,
            market: disclosure.market,
            salt: exchange.salt.clone(),
        };
        loan.check().ok()?;
        let position = Position {
            collateral: secured.value,
            debt: loan.origination_debt(),
        };
        let note = loan.note(&position, exchange.blindings()[side.index()]);
        (note.commitment() == cm0).then_some((loan, position, note))
    }

    /// Returns the disclosure of a state of this loan. `value` is the value of output 0.
    #[must_use]
    pub fn disclosure(&self, value: u128, debt: &Debt) -> StateDisclosure {
        StateDisclosure {
            value,
            accrued: debt.accrued,
            maturity: self.maturity,
            debt: debt.amount,
            start: self.start,
            rate: self.rate,
            market: self.market,
        }
    }

    /// Returns the debt after a step at `time` that repays `repaid`. `None` if the repayment
    /// exceeds the debt, or the debt does not fit 128 bits.
    #[must_use]
    pub fn debt_after(&self, before: &Debt, time: u64, repaid: u128) -> Option<Debt> {
        let owed = self.owed(before, time)?;
        Some(Debt {
            amount: owed.checked_sub(repaid)?,
            accrued: before.accrued.max(time),
            sequence: before.sequence.checked_add(1)?,
        })
    }
}

impl Loan<OwnerId> {
    /// Recovers a loan of its borrower from the borrower's own leg alone, which holds salt, lender
    /// and collateral in fields that only the borrower can read.
    ///
    /// `debts` are the assets that may be owed. `auditors` are the keys that the collateral's asset
    /// has had. `None` if the leg is not from `keys`, or originated no loan.
    #[must_use]
    pub fn recover_own(
        keys: &ViewingKey,
        published: &PublishedOutputs,
        audit: &[Fr; 3],
        auditors: &[EdwardsAffine],
        debts: &[AssetId],
    ) -> Option<(Self, Position, Note)> {
        let cm0 = published.commitments[0];
        let words = published.note_data.disclosure_words();
        let records = outgoing_records(&keys.ovk, published, audit, auditors);
        let record = records
            .into_iter()
            .find(|record| record.class == NoteClass::Position)?;
        let secured = Leg {
            class: NoteClass::Position,
            asset: record.asset,
            value: record.value,
        };
        Filler::salts(&published.note_data, &keys.ovk, &published.ephemeral, &cm0).find_map(
            |salt| {
                let disclosure = StateDisclosure::unseal(&words, &step_keys(&salt, 0), &cm0);
                if disclosure.value != record.value {
                    return None;
                }
                debts.iter().find_map(|debt| {
                    let lent = Leg::cash(*debt, disclosure.debt);
                    Side::BOTH.into_iter().find_map(|side| {
                        let legs = match side {
                            Side::A => [secured, lent],
                            Side::B => [lent, secured],
                        };
                        let salt = salt.clone();
                        let exchange = Exchange { legs, salt };
                        Self::recover(&exchange, side, keys.owner, record.recipient, published)
                    })
                })
            },
        )
    }
}
