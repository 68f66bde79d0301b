//! The rules of the statement (spec: *Transaction*, Rules).

use serde::{Deserialize, Serialize};

/// A rule, T1 to T33; as an error, the first rule that a statement breaks.
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
    /// The kind is one of the five.
    #[error("T1: the kind is 0, 1, 2, 3 or 4")]
    T1,
    /// Keys and ownership of the inputs.
    #[error(
        "T2: ak is on the curve, and every input but a position is cash of the owner derived from ak and nk"
    )]
    T2,
    /// Membership of real inputs.
    #[error("T3: a real input is in the note tree under the anchor, at a position below 2^32")]
    T3,
    /// Nullifiers.
    #[error("T4: each nullifier is that of its input")]
    T4,
    /// Dummies are worth nothing.
    #[error("T5: a dummy input has value 0")]
    T5,
    /// Output commitments.
    #[error("T6: each commitment is that of its output, which is cash unless a position")]
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
        "T12: a withdrawal has one slot, an amount and a recipient; without one both words are 0"
    )]
    T12,
    /// The signature.
    #[error("T13: the signature by ak over the digest is valid")]
    T13,
    /// The ephemeral key.
    #[error("T14: the ephemeral word is the y coordinate of esk·G")]
    T14,
    /// Auditor ciphertexts.
    #[error("T15: the audit words are encrypted to the auditor of each output's asset")]
    T15,
    /// Padding.
    #[error("T16: kind 0 moves nothing")]
    T16,
    /// A fresh price.
    #[error(
        "T17: a step that needs a price names a snapshot, not too old, in which the market of the loan's assets has one"
    )]
    T17,
    /// The digest.
    #[error("T18: the public input is the digest of the words")]
    T18,
    /// Terms of a swap.
    #[error(
        "T19: the terms of a leg are of its output 0, of the other leg, of its expiry and of a salt"
    )]
    T19,
    /// Blinding of a delivery.
    #[error("T20: output 0 of a leg is blinded by salt and amounts of the terms")]
    T20,
    /// Change of a leg.
    #[error("T21: outputs 1 and 2 of a leg belong to the owner of its inputs")]
    T21,
    /// Where positions stand.
    #[error("T22: a position is input 0 of a step of kind 1, and output 0 where debt is left")]
    T22,
    /// What a position holds.
    #[error("T23: a position is of the loan, its collateral asset and its debt, all in range")]
    T23,
    /// Who acts.
    #[error("T24: the borrower opens and adjusts, the lender liquidates")]
    T24,
    /// To whom the successor belongs.
    #[error(
        "T25: output 0 is the lender's as a position and else the borrower's, of the next sequence"
    )]
    T25,
    /// Interest.
    #[error("T26: the debt is accrued to the expiry by the borrower, to not before by the lender")]
    T26,
    /// Repayment.
    #[error("T27: what the debt falls by is paid to the lender in output 1")]
    T27,
    /// Legality of the borrower's steps.
    #[error("T28: a step of the borrower closes, improves or is covered by the initial margin")]
    T28,
    /// Maturity.
    #[error("T29: a loan is opened and adjusted no later than its maturity")]
    T29,
    /// Opening.
    #[error("T30: a loan is opened against its principal and covered by the initial margin")]
    T30,
    /// Legality of a liquidation.
    #[error("T31: a liquidation is below the maintenance margin or after maturity")]
    T31,
    /// Seizure.
    #[error("T32: a liquidation leaves no debt and takes no more than debt and bonus are worth")]
    T32,
    /// What both parties can open.
    #[error(
        "T33: the opening of output 0 is encrypted under the pair's salt, and so is it blinded"
    )]
    T33,
}

impl Rule {
    /// All rules, in order.
    pub const ALL: [Self; 33] = [
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
    ];
}
