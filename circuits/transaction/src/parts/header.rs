//! Header and withdrawal target: T1 and the ranges among T7.

use crate::Rule;
use crate::gadgets::range::range;
use crate::gadgets::{Builder, Num, Synthesis, inverse_or_zero};
use crate::parts::wires::HeaderWires;
use crate::raw::RawWitness;
use crate::words::{
    AMOUNT, ASSET_BITS, EXPIRY_AT, EXPIRY_BITS, FEE_ASSET_AT, FEE_AT, FEE_BITS, Fields, HEADER,
    NOT_BEFORE_AT, RECIPIENT_BITS, TARGET, VALUE_BITS, Words, fits, power_of_two,
};
use ark_bn254::Fr;
use ark_ff::Zero;

/// Checks T1 and the ranges of T7 natively. Returns the fields.
pub(crate) fn check(words: &Words) -> Result<Fields, Rule> {
    let fields = Fields::of(words);
    if ![0u64, 1, 2, 3, 4].map(Fr::from).contains(&fields.kind) {
        return Err(Rule::T1);
    }
    if !fits(fields.not_before, EXPIRY_BITS)
        || !fits(fields.recipient, RECIPIENT_BITS)
        || !fits(words[AMOUNT], VALUE_BITS)
    {
        return Err(Rule::T7);
    }
    Ok(fields)
}

/// Constrains T1 and the ranges of T7.
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    words: &[Num],
) -> Synthesis<HeaderWires> {
    let fields = &raw.fields;

    b.enter(Rule::T1);
    let one = b.one();
    let zero = b.constant(Fr::zero());
    let kind = b.witness(fields.kind)?;
    // Falling powers of the kind; the fifth is zero.
    let below = |b: &Builder, n: u64| kind.minus(&b.constant(Fr::from(n)));
    let second = b.mul(&kind, &below(b, 1))?;
    let third = b.mul(&second, &below(b, 2))?;
    let fourth = b.mul(&third, &below(b, 3))?;
    b.enforce(&fourth, &below(b, 4), &zero)?;
    // By Newton's interpolation, the polynomial of degree 4 that is 1 at j and 0 at the other kinds
    // is Σ (−1)^(m−j)·C(m, j)/m! · (m-th falling power) over m ≥ j.
    let over = |number: &Num, n: u64| number.times(inverse_or_zero(Fr::from(n)));
    let no_op = one
        .minus(&kind)
        .plus(&over(&second, 2))
        .minus(&over(&third, 6))
        .plus(&over(&fourth, 24));
    let withdraws = over(&second, 2)
        .minus(&over(&third, 2))
        .plus(&over(&fourth, 4));
    let swap_a = over(&third, 6).minus(&over(&fourth, 6));
    let swap_b = over(&fourth, 24);
    let transfers = one
        .minus(&no_op)
        .minus(&withdraws)
        .minus(&swap_a)
        .minus(&swap_b);

    b.enter(Rule::T7);
    let fee_asset = b.witness(fields.fee_asset)?;
    let fee = b.witness(fields.fee)?;
    let expiry = b.witness(fields.expiry)?;
    let not_before = b.witness(fields.not_before)?;
    let header = kind
        .plus(&fee_asset.times(power_of_two(FEE_ASSET_AT)))
        .plus(&fee.times(power_of_two(FEE_AT)))
        .plus(&expiry.times(power_of_two(EXPIRY_AT)))
        .plus(&not_before.times(power_of_two(NOT_BEFORE_AT)));
    b.equal(&header, &words[HEADER])?;
    range(b, &fee, FEE_BITS)?;
    range(b, &expiry, EXPIRY_BITS)?;
    range(b, &not_before, EXPIRY_BITS)?;
    let target_asset = b.witness(fields.target_asset)?;
    let recipient = b.witness(fields.recipient)?;
    let target = target_asset.plus(&recipient.times(power_of_two(ASSET_BITS)));
    b.equal(&target, &words[TARGET])?;
    range(b, &recipient, RECIPIENT_BITS)?;
    range(b, &words[AMOUNT], VALUE_BITS)?;

    Ok(HeaderWires {
        fee_asset,
        fee,
        expiry,
        not_before,
        target_asset,
        recipient,
        amount: words[AMOUNT].clone(),
        transfers,
        withdraws,
        no_op,
        swap_a,
        swap_b,
    })
}
