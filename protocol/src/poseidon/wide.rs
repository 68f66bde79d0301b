//! Sums of products with a single Montgomery reduction.

use ark_bn254::{Fr, FrConfig};
use ark_ff::{BigInt, MontConfig, PrimeField};

const MODULUS: [u64; 4] = Fr::MODULUS.0;

/// Maximum number of products in one sum.
///
/// After the reduction the sum is below N·r²/2²⁵⁶ + r, which for N ≤ 10 is below 3·r (r ≈
/// 0.19·2²⁵⁶). It fits four limbs, and two conditional subtractions suffice.
const MAX_TERMS: usize = 10;

/// Returns `Σ aᵢ·bᵢ` for at most [`MAX_TERMS`] terms, a bound checked at compile time.
#[inline]
pub(super) fn dot<const N: usize>(a: &[Fr; N], b: &[Fr; N]) -> Fr {
    const { assert!(N <= MAX_TERMS) };
    // One limb of every `a` at a time, each followed by one step of the Montgomery reduction.
    let [mut t0, mut t1, mut t2, mut t3, mut t4] = [0u64; 5];
    for i in 0..4 {
        let mut t5 = 0u64;
        for (a, b) in a.iter().zip(b) {
            let (a, b) = (a.0.0[i], &b.0.0);
            let (mut carry, over);
            (t0, carry) = a.carrying_mul_add(b[0], t0, 0);
            (t1, carry) = a.carrying_mul_add(b[1], t1, carry);
            (t2, carry) = a.carrying_mul_add(b[2], t2, carry);
            (t3, carry) = a.carrying_mul_add(b[3], t3, carry);
            (t4, over) = t4.overflowing_add(carry);
            // There are at most N carries, so this cannot overflow. The innermost loop does not
            // check it.
            t5 = t5.wrapping_add(u64::from(over));
        }
        let factor = t0.wrapping_mul(<FrConfig as MontConfig<4>>::INV);
        let (mut carry, over);
        (_, carry) = factor.carrying_mul_add(MODULUS[0], t0, 0);
        (t0, carry) = factor.carrying_mul_add(MODULUS[1], t1, carry);
        (t1, carry) = factor.carrying_mul_add(MODULUS[2], t2, carry);
        (t2, carry) = factor.carrying_mul_add(MODULUS[3], t3, carry);
        (t3, over) = t4.overflowing_add(carry);
        t4 = t5.wrapping_add(u64::from(over));
    }
    debug_assert_eq!(t4, 0);
    let value = subtract_modulus(subtract_modulus([t0, t1, t2, t3]));
    Fr::new_unchecked(BigInt(value))
}

/// Returns `value − r` if that is not negative, otherwise `value`.
#[inline]
fn subtract_modulus(value: [u64; 4]) -> [u64; 4] {
    let mut difference = value;
    let mut borrow = false;
    for (limb, modulus) in difference.iter_mut().zip(MODULUS) {
        (*limb, borrow) = limb.borrowing_sub(modulus, borrow);
    }
    if borrow { value } else { difference }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{One, UniformRand};

    fn plain<const N: usize>(a: &[Fr; N], b: &[Fr; N]) -> Fr {
        a.iter().zip(b).map(|(a, b)| *a * b).sum()
    }

    #[test]
    fn equals_the_sum_of_reduced_products() {
        let mut rng = ark_std::test_rng();
        for _ in 0..2000 {
            let a: [Fr; 10] = std::array::from_fn(|_| Fr::rand(&mut rng));
            let b: [Fr; 10] = std::array::from_fn(|_| Fr::rand(&mut rng));
            assert_eq!(dot(&a, &b), plain(&a, &b));
        }
    }

    #[test]
    fn holds_at_the_bounds() {
        // The largest Montgomery representation is r − 1, whichever element it represents.
        let mut limbs = MODULUS;
        limbs[0] -= 1;
        let largest = Fr::new_unchecked(BigInt(limbs));
        for value in [Fr::from(0u64), Fr::one(), -Fr::one(), largest] {
            assert_eq!(
                dot(&[value; 10], &[value; 10]),
                plain(&[value; 10], &[value; 10])
            );
            assert_eq!(
                dot(&[value; 10], &[largest; 10]),
                plain(&[value; 10], &[largest; 10])
            );
            assert_eq!(dot(&[value], &[largest]), value * largest);
        }
    }
}
