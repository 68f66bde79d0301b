//! A loan on the chain, as one of its parties follows it.

use std::fmt;

use serde::{Deserialize, Serialize};
use subrosa_protocol::{
    element::{Nullifier, OwnerId},
    loan::{End, Loan, Position},
    note::Note,
};

/// Role of the institution in a loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It owes.
    Borrower,
    /// It is owed.
    Lender,
}

impl Role {
    /// Returns the name in the interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Borrower => "borrower",
            Self::Lender => "lender",
        }
    }

    /// Returns the role of an owner in a loan, if it has one.
    #[must_use]
    pub fn of(owner: &OwnerId, loan: &Loan) -> Option<Self> {
        if loan.borrower == *owner {
            Some(Self::Borrower)
        } else {
            (loan.lender == *owner).then_some(Self::Lender)
        }
    }
}

/// An opened loan. Its `Debug` form shows none of its amounts.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldLoan {
    /// The loan. Its parties are owner ids, so that a restored wallet holds the same.
    pub loan: Loan,
    /// Our role.
    pub role: Role,
    /// State of the position. For an ended loan, the last state in which it was open.
    pub position: Position,
    /// The position's note.
    pub note: Note,
    /// Index of the note's leaf in the note tree.
    pub leaf_index: u64,
    /// Nullifier of the note.
    pub nullifier: Nullifier,
    /// Time of the batch that opened it, Unix seconds.
    pub opened: u64,
    /// Batch of the last step, or of the opening.
    pub batch: u64,
    /// End of the loan, if it has ended.
    pub end: Option<End>,
}

impl HeldLoan {
    /// Returns the other party.
    #[must_use]
    pub fn counterparty(&self) -> OwnerId {
        match self.role {
            Role::Borrower => self.loan.lender,
            Role::Lender => self.loan.borrower,
        }
    }

    /// Returns the number of steps since the opening, without the step that ended it.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.position.debt.sequence
    }
}

impl fmt::Debug for HeldLoan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldLoan")
            .field("role", &self.role)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}
