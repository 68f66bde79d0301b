//! A loan that the chain shows, as one of its parties follows it.

use std::fmt;

use serde::{Deserialize, Serialize};
use subrosa_protocol::{
    Fr,
    keys::Address,
    loan::{End, Loan, Position},
    note::Note,
};

/// Which party of a loan the institution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It owes.
    Borrower,
    /// It is owed.
    Lender,
}

impl Role {
    /// Its name in the interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Borrower => "borrower",
            Self::Lender => "lender",
        }
    }

    /// The role of an owner in a loan, if it has one.
    #[must_use]
    pub fn of(owner: &Fr, loan: &Loan) -> Option<Self> {
        if loan.borrower.owner == *owner {
            Some(Self::Borrower)
        } else {
            (loan.lender.owner == *owner).then_some(Self::Lender)
        }
    }
}

/// A loan that was opened. Its `Debug` form shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldLoan {
    /// What was agreed.
    pub loan: Loan,
    /// Which party we are.
    pub role: Role,
    /// The state; of a loan that ended the last one in which it was open.
    pub position: Position,
    /// The position's note.
    pub note: Note,
    /// Leaf index of the note.
    pub leaf_index: u64,
    /// The nullifier of the note.
    pub nullifier: Fr,
    /// Time of the batch that opened it, Unix seconds.
    pub opened: u64,
    /// The batch of the last step, or of the opening.
    pub batch: u64,
    /// How it ended, if it did.
    pub end: Option<End>,
}

impl HeldLoan {
    /// The other party.
    #[must_use]
    pub fn counterparty(&self) -> &Address {
        match self.role {
            Role::Borrower => &self.loan.lender,
            Role::Lender => &self.loan.borrower,
        }
    }

    /// Number of steps since the opening, but for the one that ended it.
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
