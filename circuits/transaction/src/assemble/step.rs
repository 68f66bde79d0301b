//! Builds a step on a position from its contents.

use crate::witness::{LoanWitness, Step};
use std::fmt;
use subrosa_protocol::encryption::{EphemeralKey, NoteData};
use subrosa_protocol::loan::{Debt, Filler, Loan, Position, step_keys};
use subrosa_protocol::market::PriceSnapshot;
use subrosa_protocol::note::Note;
use subrosa_protocol::transaction::Header;

/// A step on a position to build. It is checked by [`crate::check`], not here.
#[derive(Clone)]
pub struct LoanStep {
    /// Kind of the step.
    pub step: Step,
    /// Loan of the position.
    pub loan: Loan,
    /// Loan that a [`Step::Renew`] renews; ignored for other steps.
    pub renewed: Option<Loan>,
    /// Debt before the step; ignored for a new loan that renews none.
    pub before: Debt,
    /// Debt that remains of the owed amount.
    pub debt: u128,
    /// Prices, if the step needs one.
    pub snapshot: Option<PriceSnapshot>,
}

impl LoanStep {
    /// Returns the witness of the step under a header, or `None` if the owed amount exceeds 128
    /// bits or the sequence has no next number.
    pub(super) fn witness(&self, header: &Header) -> Option<LoanWitness> {
        let loan = &self.loan;
        let before = match self.step {
            Step::Open => &loan.origination_debt(),
            Step::Renew | Step::Adjust | Step::Liquidate => &self.before,
        };
        let time = match self.step {
            Step::Open | Step::Renew => None,
            Step::Adjust => Some(header.expiry),
            Step::Liquidate => Some(header.not_before),
        };
        let owed = match self.step {
            Step::Open | Step::Renew | Step::Adjust => loan.owed(before, header.expiry)?,
            Step::Liquidate => loan.claimed(before, header.not_before)?,
        };
        let after = match time {
            None => Debt {
                amount: self.debt,
                sequence: match self.step {
                    Step::Renew => before.sequence.checked_add(1)?,
                    _ => 0,
                },
                ..loan.origination_debt()
            },
            Some(time) => Debt {
                amount: self.debt,
                ..loan.debt_after(before, time, 0)?
            },
        };
        Some(LoanWitness {
            step: self.step,
            loan: loan.clone(),
            renewed: self.renewed.clone(),
            before: *before,
            owed,
            after,
            snapshot: self.snapshot,
        })
    }
}

impl LoanWitness {
    /// Returns output 0 of a step that spends a position, with the given value.
    pub(super) fn successor(&self, value: u128) -> Note {
        let loan = &self.loan;
        let state = Position {
            collateral: value,
            debt: self.after,
        };
        loan.successor(&state, step_keys(&loan.salt, self.after.sequence).rcm)
    }

    /// Returns output 1 of a step that repays debt, or `None` without a repayment.
    pub(super) fn repayment(&self) -> Option<Note> {
        let loan = &self.loan;
        let repaid = self.owed.checked_sub(self.after.amount)?;
        (self.step == Step::Adjust && repaid != 0).then(|| {
            let keys = step_keys(&loan.salt, self.after.sequence);
            loan.repayment(repaid, keys.repayment)
        })
    }

    /// Returns the note data: the sealed disclosure of output 0. `lent` is what the lender adds to
    /// a renewed loan.
    pub(super) fn note_data(
        &self,
        made: &Note,
        lent: u128,
        ephemeral: &EphemeralKey,
        ovk: &[u8; 32],
    ) -> NoteData {
        let keys = step_keys(&self.loan.salt, self.after.sequence);
        let cm0 = made.commitment();
        let disclosure = self.loan.disclosure(made.value, &self.after);
        let filler = match self.step {
            Step::Open => Filler::for_origination(ovk, &ephemeral.y(), &cm0, &self.loan.salt),
            Step::Renew => Filler::for_renewal(ovk, &ephemeral.y(), &cm0, lent),
            Step::Adjust | Step::Liquidate => {
                Filler::for_step(ovk, &ephemeral.y(), &cm0, &disclosure)
            }
        };
        filler.note_data(&disclosure.seal(&keys, &cm0, filler.words()))
    }
}

impl fmt::Debug for LoanStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoanStep").finish_non_exhaustive()
    }
}
