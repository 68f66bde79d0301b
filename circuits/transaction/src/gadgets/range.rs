//! Bits: range checks and the canonical decomposition of a field element.

use super::{Builder, Num, Synthesis};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, PrimeField, Zero};

/// Width of the modulus of 𝔽.
pub(crate) const FIELD_BITS: usize = 254;

/// Wires for the given bits, each constrained to 0 or 1.
pub(crate) fn bit_wires(b: &mut Builder, bits: &[bool]) -> Synthesis<Vec<Num>> {
    bits.iter()
        .map(|bit| {
            let wire = b.witness(Fr::from(*bit))?;
            b.boolean(&wire)?;
            Ok(wire)
        })
        .collect()
}

/// Σ 2^i · bit i, least significant first.
pub(crate) fn recompose(b: &Builder, bits: &[Num]) -> Num {
    let mut power = Fr::from(1u64);
    let mut value = Fr::zero();
    let mut powers = Vec::with_capacity(bits.len());
    for bit in bits {
        value += power * bit.value();
        powers.push(power);
        power.double_in_place();
    }
    b.linear(Fr::zero(), powers.into_iter().zip(bits), value)
}

/// `width` bits of the integer that represents `value`, from bit `from` up, as an integer.
pub(crate) fn cut(value: Fr, from: usize, width: usize) -> Fr {
    let bits = value.into_bigint().to_bits_le();
    let end = (from + width).min(bits.len());
    Fr::from_bigint(BigInteger::from_bits_le(&bits[from..end])).unwrap_or_default()
}

/// The lowest `width` bits of the integer that represents `value`.
pub(crate) fn low_bits(value: Fr, width: usize) -> Vec<bool> {
    let mut bits = value.into_bigint().to_bits_le();
    bits.resize(width, false);
    bits
}

/// number < 2^width, `width` < 254; returns its bits, least significant first.
/// Costs `width` + 1 constraints.
pub(crate) fn range(b: &mut Builder, number: &Num, width: usize) -> Synthesis<Vec<Num>> {
    debug_assert!(width < FIELD_BITS);
    let bits = bit_wires(b, &low_bits(number.value(), width))?;
    let sum = recompose(b, &bits);
    b.equal(&sum, number)?;
    Ok(bits)
}

/// The 254 bits of the integer in [0, r) that represents the number. The decomposition is unique:
/// the bits of number + r, where they fit, are refused.
pub(crate) fn canonical_bits(b: &mut Builder, number: &Num) -> Synthesis<Vec<Num>> {
    canonical_bits_as(b, number, &low_bits(number.value(), FIELD_BITS))
}

/// [`canonical_bits`] with the decomposition proposed by the caller.
pub(crate) fn canonical_bits_as(
    b: &mut Builder,
    number: &Num,
    proposed: &[bool],
) -> Synthesis<Vec<Num>> {
    let bits = bit_wires(b, proposed)?;
    let sum = recompose(b, &bits);
    b.equal(&sum, number)?;
    let mut limit = Fr::MODULUS;
    limit.sub_with_borrow(&1u64.into());
    at_most(b, &bits, &limit.to_bits_le()[..FIELD_BITS])?;
    Ok(bits)
}

/// bits ≤ limit, both least significant first and of one length.
///
/// Read from the top, `equal` is 1 while all bits so far equal the limit's. Where the limit has a
/// run of zeros, none of the bits may be 1 if `equal` still holds (one constraint a run); where it
/// has a one, `equal` is multiplied by the bit.
fn at_most(b: &mut Builder, bits: &[Num], limit: &[bool]) -> Synthesis<()> {
    debug_assert_eq!(bits.len(), limit.len());
    let zero = b.constant(Fr::zero());
    let mut equal = b.one();
    let mut run: Vec<Num> = Vec::new();
    for (bit, limit_bit) in bits.iter().zip(limit).rev() {
        if !limit_bit {
            run.push(bit.clone());
            continue;
        }
        close_run(b, &equal, &mut run, &zero)?;
        equal = b.mul(&equal, bit)?;
    }
    close_run(b, &equal, &mut run, &zero)
}

/// equal · Σ run = 0; the sum of fewer than r booleans is zero only if each is.
fn close_run(b: &mut Builder, equal: &Num, run: &mut Vec<Num>, zero: &Num) -> Synthesis<()> {
    if !run.is_empty() {
        let value = run.iter().map(Num::value).sum();
        let sum = b.linear(
            Fr::zero(),
            run.iter().map(|bit| (Fr::from(1u64), bit)),
            value,
        );
        b.enforce(equal, &sum, zero)?;
        run.clear();
    }
    Ok(())
}
