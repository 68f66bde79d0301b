//! The rules of a batch (spec: *Batch*, rules B1 … B21).

use std::fmt;

/// A rule of the batch statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rule {
    /// Old state = H(STATE; the six old words).
    B1 = 1,
    /// Counts; active slots first; no active slot of kind 0; inactive slots all zero.
    B2,
    /// Digest of each active slot over its words; header fields in range.
    B3,
    /// Anchor of each active slot is in the old history, or the batch's first anchor.
    B4,
    /// Time ≤ expiry in each active slot.
    B5,
    /// New nullifier leaves replace an empty subtree at `start`.
    B6,
    /// Every nullifier of an active slot is linked.
    B7,
    /// New commitments replace an empty subtree at `start`, with the deposits in their places.
    B8,
    /// Placement of `start` and the new leaf count.
    B9,
    /// Fee total.
    B10,
    /// Deposit count.
    B11,
    /// The batch's two anchors are appended to the history.
    B12,
    /// New state = H(STATE; the six new words).
    B13,
    /// c and y are computed from exactly the data words.
    B14,
    /// A withdrawal has an amount; other kinds have neither amount nor target.
    B15,
    /// Limbs of values modulo q are cut into pieces that the table contains.
    B16,
    /// Challenges are drawn from a transcript over exactly the values in use.
    B17,
    /// Multipliers are the drawn digits and their sums.
    B18,
    /// Every identity of the pairing product holds, so each slot's client proof verifies.
    B19,
    /// The two legs of a swap occupy neighbouring slots.
    B20,
    /// Not-before ≤ time in each active slot.
    B21,
}

impl Rule {
    /// All rules in order.
    pub const ALL: [Rule; 21] = [
        Rule::B1,
        Rule::B2,
        Rule::B3,
        Rule::B4,
        Rule::B5,
        Rule::B6,
        Rule::B7,
        Rule::B8,
        Rule::B9,
        Rule::B10,
        Rule::B11,
        Rule::B12,
        Rule::B13,
        Rule::B14,
        Rule::B15,
        Rule::B16,
        Rule::B17,
        Rule::B18,
        Rule::B19,
        Rule::B20,
        Rule::B21,
    ];

    /// Returns the rule's statement in one line.
    pub fn statement(self) -> &'static str {
        match self {
            Rule::B1 => "the old state is the hash of its six words",
            Rule::B2 => "counts fit the shape, active slots come first, inactive ones are zero",
            Rule::B3 => "each digest is over the slot's words in this batch's context",
            Rule::B4 => "each anchor is in the history with the batch's first anchor",
            Rule::B5 => "no transaction has expired",
            Rule::B6 => "new nullifier leaves replace an empty subtree",
            Rule::B7 => "each nullifier is linked to a low leaf",
            Rule::B8 => "new commitments replace an empty subtree",
            Rule::B9 => "the start is the leaf count rounded up to the shape",
            Rule::B10 => "the fee total is the sum of the fees",
            Rule::B11 => "the deposit count grows by the deposits",
            Rule::B12 => "the batch's two anchors are the next history leaves",
            Rule::B13 => "the new state is the hash of its six words",
            Rule::B14 => "c and y are computed from the data words",
            Rule::B15 => "a withdrawal has an amount, other kinds neither amount nor target",
            Rule::B16 => "limbs are in range",
            Rule::B17 => "challenges are drawn from the values that are used",
            Rule::B18 => "multipliers are the drawn digits",
            Rule::B19 => "each slot's client proof verifies",
            Rule::B20 => "side A of a swap is directly before side B of the same terms",
            Rule::B21 => "no transaction is too early",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "B{}: {}", *self as u8, self.statement())
    }
}

impl std::error::Error for Rule {}
