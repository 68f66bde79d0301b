//! The rules of the statement (spec: *Transaction*, Rules).

use serde::{Deserialize, Serialize};

/// A rule, T1 to T21; as an error, the first rule that a statement breaks.
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
    #[error("T2: ak is on the curve, and every input is cash of the owner derived from ak and nk")]
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
    #[error("T6: each commitment is that of its output, which is cash")]
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
    /// The reserved word.
    #[error("T17: oracle is 0")]
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
}

impl Rule {
    /// All rules, in order.
    pub const ALL: [Self; 21] = [
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
    ];
}
