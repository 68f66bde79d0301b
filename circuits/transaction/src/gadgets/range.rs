//! Bits: range checks and the canonical decomposition of a field element.

use super::{Builder, Num, Synthesis};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, PrimeField, Zero};

/// Bits of the modulus r.
pub(crate) const FIELD_BITS: usize = 254;

/// Witnesses the given bits, each constrained to 0 or 1.
pub(crate) fn bit_wires(b: &mut Builder, bits: &[bool]) -> Synthesis<Vec<Num>> {
    bits.iter()
        .map(|bit| {
            let wire = b.witness(Fr::from(*bit))?;
            b.boolean(&wire)?;
            Ok(wire)
        })
        .collect()
}

/// Returns Σ 2^i · bit i, least significant first.
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

/// Returns `width` bits of the integer of `value`, from bit `from` on, as an integer.
pub(crate) fn cut(value: Fr, from: usize, width: usize) -> Fr {
    let bits = value.into_bigint().to_bits_le();
    let end = (from + width).min(bits.len());
    Fr::from_bigint(BigInteger::from_bits_le(&bits[from..end])).unwrap_or_default()
}

/// Returns the lowest `width` bits of the integer of `value`.
pub(crate) fn low_bits(value: Fr, width: usize) -> Vec<bool> {
    let mut bits = value.into_bigint().to_bits_le();
    bits.resize(width, false);
    bits
}

/// Constrains number < 2^width for `width` < 254. Returns its bits, least significant first. Costs
/// `width` + 1 constraints.
pub(crate) fn range(b: &mut Builder, number: &Num, width: usize) -> Synthesis<Vec<Num>> {
    debug_assert!(width < FIELD_BITS);
    let bits = bit_wires(b, &low_bits(number.value(), width))?;
    let sum = recompose(b, &bits);
    b.equal(&sum, number)?;
    Ok(bits)
}

/// Returns the 254 bits of the integer in [0, r) that represents the number. The decomposition is
/// unique: the bits of number + r, if they fit, are refused.
pub(crate) fn canonical_bits(b: &mut Builder, number: &Num) -> Synthesis<Vec<Num>> {
    canonical_bits_as(b, number, &low_bits(number.value(), FIELD_BITS))
}

/// Decomposes as [`canonical_bits`], with the bits proposed by the caller.
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

/// Constrains bits ≤ limit; both are least significant first and of equal length.
///
/// Read from the top, `equal` is 1 while all bits so far equal the limit's. In a run of zeros of
/// the limit no bit may be 1 while `equal` holds (one constraint a run). At a one of the limit,
/// `equal` is multiplied by the bit.
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

/// Constrains equal · Σ run = 0. The sum of fewer than r booleans is zero only if each is zero.
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
