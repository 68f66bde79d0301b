//! The rules of the statement (spec: *Transaction*, Rules).

use serde::{Deserialize, Serialize};

/// A rule, T1 to T35. As an error, the first rule that a statement breaks.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    thiserror::Error,
)]
pub enum Rule {
    /// The kind is known.
    #[error("T1: the kind is 0, 1, 2, 3 or 4")]
    T1,
    /// Keys and ownership of the inputs.
    #[error(
        "T2: ak is on the curve; every input except a position is cash of the owner of ak and nk"
    )]
    T2,
    /// Membership of real inputs.
    #[error(
        "T3: the anchor has a note root and prices; a real input is under that root, below 2^32"
    )]
    T3,
    /// Nullifiers.
    #[error("T4: each nullifier is the low 192 bits of the hash of its input")]
    T4,
    /// Dummies have no value.
    #[error("T5: a dummy input has value 0")]
    T5,
    /// Output commitments.
    #[error("T6: each commitment belongs to its output, which is cash unless it is a position")]
    T6,
    /// Ranges.
    #[error("T7: values, fee, withdrawal, header and target fields are in range")]
    T7,
    /// Asset slots.
    #[error("T8: each asset slot's leaf is in the asset tree at its asset id")]
    T8,
    /// Assets of inputs and outputs.
    #[error("T9: each input and output has the asset of exactly one slot")]
    T9,
    /// Conservation of value.
    #[error("T10: in each slot, inputs equal outputs, fee and withdrawal")]
    T10,
    /// The fee's asset.
    #[error("T11: exactly one slot, of the fee asset, pays the fee")]
    T11,
    /// The withdrawal.
    #[error(
        "T12: a withdrawal has one slot, of output 0's asset, an amount and a recipient; without one \
         both words are 0"
    )]
    T12,
    /// The signature.
    #[error("T13: the signature by ak over the digest is valid")]
    T13,
    /// The ephemeral key.
    #[error("T14: the ephemeral word is the y coordinate of esk·G")]
    T14,
    /// Auditor ciphertexts.
    #[error("T15: the audit words name each output and its sender to the auditor of its asset")]
    T15,
    /// Padding.
    #[error("T16: kind 0 moves nothing")]
    T16,
    /// Freshness of a price.
    #[error("T17: a price is that of the anchor's snapshot, fresh, for the loan's assets")]
    T17,
    /// The digest.
    #[error("T18: the public input is the digest of the words")]
    T18,
    /// Terms of a swap.
    #[error("T19: the terms of a leg hash its output 0, the other leg, its expiry and a salt")]
    T19,
    /// Blinding of a delivery.
    #[error("T20: output 0 of a leg is blinded by salt and amounts of the terms")]
    T20,
    /// Owner of the change.
    #[error(
        "T21: output 2, output 1 of a leg and output 0 of a withdrawal belong to the owner of the \
         inputs"
    )]
    T21,
    /// Places of positions.
    #[error("T22: a position is input 0 of a step or a renewal, and output 0 if debt remains")]
    T22,
    /// Contents of a position.
    #[error(
        "T23: a position commits to loan and debt and holds the collateral asset, all in range"
    )]
    T23,
    /// Actor of a step.
    #[error("T24: the borrower originates, renews and adjusts, the lender liquidates")]
    T24,
    /// Owner of the successor.
    #[error(
        "T25: a position in output 0 is the lender's, cash the borrower's; the sequence is the next"
    )]
    T25,
    /// Interest.
    #[error(
        "T26: the debt is accrued to the expiry and rounded up by the borrower, to not before and \
         down by the lender"
    )]
    T26,
    /// Repayment.
    #[error("T27: a reduction of the debt is paid to the lender in output 1")]
    T27,
    /// Legality of the borrower's steps.
    #[error("T28: a step of the borrower closes, improves or is covered by the initial margin")]
    T28,
    /// Maturity.
    #[error("T29: a loan is originated, renewed and adjusted no later than its maturity")]
    T29,
    /// Origination of a loan.
    #[error(
        "T30: a new loan starts at the expiry, is exchanged for its principal unless it renews \
         another, and is covered by the initial margin"
    )]
    T30,
    /// Legality of a liquidation.
    #[error("T31: a liquidation is below the maintenance margin or after maturity")]
    T31,
    /// Limit of a seizure.
    #[error("T32: a liquidation leaves no debt and takes at most the value of debt and bonus")]
    T32,
    /// Disclosure of the successor to both parties.
    #[error("T33: the state in output 0 is masked, and the output blinded, under the pair's salt")]
    T33,
    /// Stop of seizures.
    #[error("T34: no stop of the collateral's seizures covers the snapshot of a liquidation")]
    T34,
    /// Consent to a position.
    #[error("T35: a leg against a position is sent by the position's receiver")]
    T35,
}

impl Rule {
    /// All rules, in order.
    pub const ALL: [Self; 35] = [
        Self::T1,
        Self::T2,
        Self::T3,
        Self::T4,
        Self::T5,
        Self::T6,
        Self::T7,
        Self::T8,
        Self::T9,
        Self::T10,
        Self::T11,
        Self::T12,
        Self::T13,
        Self::T14,
        Self::T15,
        Self::T16,
        Self::T17,
        Self::T18,
        Self::T19,
        Self::T20,
        Self::T21,
        Self::T22,
        Self::T23,
        Self::T24,
        Self::T25,
        Self::T26,
        Self::T27,
        Self::T28,
        Self::T29,
        Self::T30,
        Self::T31,
        Self::T32,
        Self::T33,
        Self::T34,
        Self::T35,
    ];
}
