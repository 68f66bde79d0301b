//! Comparison of integers wider than the field, as a low limb of 64 bits and the rest.
//!
//! Every limb is in range, so sums and differences of limbs never wrap and equal those of the
//! integers.

use super::range::{cut, range};
use super::{Builder, Num, Synthesis};
use ark_bn254::Fr;
use ark_ff::{Field, PrimeField};

/// Bits of the low limb.
const LOW: usize = 64;
/// Bits of the factor that is split.
const AMOUNT: usize = 128;
/// Bits that the other factor may have.
pub(crate) const FACTOR: usize = 134;
/// Bits that an element may have to be split.
pub(crate) const SUM: usize = 220;
/// Bits of a difference of high limbs.
const HIGH: usize = 200;

const _: () = assert!(SUM - LOW < HIGH && AMOUNT - LOW + FACTOR < HIGH);

/// A non-negative integer: low + high·2⁶⁴, with the low limb below 2⁶⁴ and the high limb below
/// 2^`HIGH`.
pub(crate) struct Wide {
    high: Num,
    low: Num,
}

fn limb() -> Fr {
    Fr::from(2u64).pow([LOW as u64])
}

/// Splits `number`, below 2^`width`, into a low limb of 64 bits and the rest.
fn limbs(b: &mut Builder, number: &Num, width: usize) -> Synthesis<[Num; 2]> {
    let low = b.witness(cut(number.value(), 0, LOW))?;
    range(b, &low, LOW)?;
    let high = b.witness(cut(number.value(), LOW, width - LOW))?;
    range(b, &high, width - LOW)?;
    let sum = low.plus(&high.times(limb()));
    b.equal(&sum, number)?;
    Ok([low, high])
}

impl Wide {
    /// Splits `number`, an integer that the caller knows to be below 2^[`SUM`].
    pub(crate) fn of(b: &mut Builder, number: &Num) -> Synthesis<Self> {
        let [low, high] = limbs(b, number, SUM)?;
        Ok(Self { high, low })
    }

    /// Returns amount·factor. The caller knows that factor < 2^[`FACTOR`]; amount < 2¹²⁸ is
    /// enforced.
    pub(crate) fn product(b: &mut Builder, amount: &Num, factor: &Num) -> Synthesis<Self> {
        let [low, high] = limbs(b, amount, AMOUNT)?;
        let lower = b.mul(&low, factor)?;
        let upper = b.mul(&high, factor)?;
        let [low, carried] = limbs(b, &lower, LOW + FACTOR)?;
        Ok(Self {
            high: upper.plus(&carried),
            low,
        })
    }

    /// Returns 1 if self ≥ other, else 0.
    pub(crate) fn at_least(&self, b: &mut Builder, other: &Self) -> Synthesis<Num> {
        let rank = |wide: &Self| [&wide.high, &wide.low].map(|limb| limb.value().into_bigint());
        let claim = b.witness(Fr::from(rank(self) >= rank(other)))?;
        b.boolean(&claim)?;
        // The claim selects the difference that must not be negative: self − other if it is 1,
        // other − self − 1 if it is 0.
        let sign = claim.times(Fr::from(2u64)).minus(&b.one());
        let high = b.mul(&sign, &self.high.minus(&other.high))?;
        let low = b.mul(&sign, &self.low.minus(&other.low))?;
        let low = low.minus(&b.one().minus(&claim));
        not_negative(b, &high, &low)?;
        Ok(claim)
    }

    /// Constrains self ≥ other.
    pub(crate) fn enforce_at_least(&self, b: &mut Builder, other: &Self) -> Synthesis<()> {
        let high = self.high.minus(&other.high);
        let low = self.low.minus(&other.low);
        not_negative(b, &high, &low)
    }
}

/// Constrains high·2⁶⁴ + low ≥ 0, for |low| ≤ 2⁶⁴.
fn not_negative(b: &mut Builder, high: &Num, low: &Num) -> Synthesis<()> {
    let borrows = low.value().into_bigint().0[3] != 0;
    let borrow = b.witness(Fr::from(borrows))?;
    b.boolean(&borrow)?;
    range(b, &low.plus(&borrow.times(limb())), LOW)?;
    range(b, &high.minus(&borrow), HIGH)?;
    Ok(())
}
