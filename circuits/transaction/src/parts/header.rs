//! Header and withdrawal target: T1 and the ranges among T7.

use crate::Rule;
use crate::gadgets::range::range;
use crate::gadgets::{Builder, Num, Synthesis, inverse_or_zero};
use crate::parts::wires::HeaderWires;
use crate::raw::RawWitness;
use crate::words::{AMOUNT, Fields, HEADER, TARGET, VALUE_BITS, Words, fits, pack};
use ark_bn254::Fr;
use ark_ff::Zero;
use subrosa_protocol::layout::{header, target};

/// Checks T1 and the ranges of T7 natively. Returns the fields.
pub(crate) fn check(words: &Words) -> Result<Fields, Rule> {
    let fields = Fields::of(words);
    if ![0u64, 1, 2, 3, 4].map(Fr::from).contains(&fields.kind) {
        return Err(Rule::T1);
    }
    if !fits(fields.not_before, header::NOT_BEFORE.width)
        || !fits(fields.recipient, target::RECIPIENT.width)
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
    let packed = pack([
        (header::KIND, &kind),
        (header::FEE_ASSET, &fee_asset),
        (header::FEE, &fee),
        (header::EXPIRY, &expiry),
        (header::NOT_BEFORE, &not_before),
    ]);
    b.equal(&packed, &words[HEADER])?;
    range(b, &fee, header::FEE.width)?;
    range(b, &expiry, header::EXPIRY.width)?;
    range(b, &not_before, header::NOT_BEFORE.width)?;
    let target_asset = b.witness(fields.target_asset)?;
    let recipient = b.witness(fields.recipient)?;
    let packed = pack([
        (target::ASSET, &target_asset),
        (target::RECIPIENT, &recipient),
    ]);
    b.equal(&packed, &words[TARGET])?;
    range(b, &recipient, target::RECIPIENT.width)?;
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
