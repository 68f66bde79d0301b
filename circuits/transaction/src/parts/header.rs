//! Header, withdrawal target and reserved words: T1, T17 and the ranges among T7.

use crate::Rule;
use crate::gadgets::range::range;
use crate::gadgets::{Builder, Num, Synthesis, inverse_or_zero};
use crate::raw::RawWitness;
use crate::words::{
    AMOUNT, ASSET_BITS, EXPIRY_AT, EXPIRY_BITS, FEE_ASSET_AT, FEE_AT, FEE_BITS, Fields, HEADER,
    ORACLE, RECIPIENT_BITS, TARGET, TERMS, VALUE_BITS, Words, fits, power_of_two,
};
use ark_bn254::Fr;
use ark_ff::Zero;

/// The native rule.
pub(crate) fn check(words: &Words) -> Result<Fields, Rule> {
    let fields = Fields::of(words);
    if ![0u64, 1, 2].map(Fr::from).contains(&fields.kind) {
        return Err(Rule::T1);
    }
    if !fits(fields.expiry, EXPIRY_BITS)
        || !fits(fields.recipient, RECIPIENT_BITS)
        || !fits(words[AMOUNT], VALUE_BITS)
    {
        return Err(Rule::T7);
    }
    if !words[TERMS].is_zero() || !words[ORACLE].is_zero() {
        return Err(Rule::T17);
    }
    Ok(fields)
}

/// The fields of the header and of the target, in range.
pub(crate) struct HeaderWires {
    /// In range by T11: it is the id of a slot.
    pub(crate) fee_asset: Num,
    pub(crate) fee: Num,
    /// In range by T12: it is the id of a slot, or zero.
    pub(crate) target_asset: Num,
    pub(crate) recipient: Num,
    pub(crate) amount: Num,
    /// 1 if the kind is 2, else 0.
    pub(crate) withdraws: Num,
    /// 1 if the kind is 0, else 0.
    pub(crate) no_op: Num,
}

/// The constraints.
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    words: &[Num],
) -> Synthesis<HeaderWires> {
    let fields = &raw.fields;

    b.enter(Rule::T1);
    let one = b.one();
    let two = b.constant(Fr::from(2u64));
    let zero = b.constant(Fr::zero());
    let kind = b.witness(fields.kind)?;
    // kind·(kind − 1) is 0, 0 or 2.
    let falling = b.mul(&kind, &kind.minus(&one))?;
    b.enforce(&falling, &kind.minus(&two), &zero)?;
    let half = inverse_or_zero(Fr::from(2u64));
    let withdraws = falling.times(half);
    let no_op = one.minus(&kind).plus(&withdraws);

    b.enter(Rule::T7);
    let fee_asset = b.witness(fields.fee_asset)?;
    let fee = b.witness(fields.fee)?;
    let expiry = b.witness(fields.expiry)?;
    let header = kind
        .plus(&fee_asset.times(power_of_two(FEE_ASSET_AT)))
        .plus(&fee.times(power_of_two(FEE_AT)))
        .plus(&expiry.times(power_of_two(EXPIRY_AT)));
    b.equal(&header, &words[HEADER])?;
    range(b, &fee, FEE_BITS)?;
    range(b, &expiry, EXPIRY_BITS)?;
    let target_asset = b.witness(fields.target_asset)?;
    let recipient = b.witness(fields.recipient)?;
    let target = target_asset.plus(&recipient.times(power_of_two(ASSET_BITS)));
    b.equal(&target, &words[TARGET])?;
    range(b, &recipient, RECIPIENT_BITS)?;
    range(b, &words[AMOUNT], VALUE_BITS)?;

    b.enter(Rule::T17);
    b.zero(&words[TERMS])?;
    b.zero(&words[ORACLE])?;

    Ok(HeaderWires {
        fee_asset,
        fee,
        target_asset,
        recipient,
        amount: words[AMOUNT].clone(),
        withdraws,
        no_op,
    })
}
