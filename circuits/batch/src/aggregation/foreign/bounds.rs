//! Sizes that keep a group's statement over the integers (spec: *Aggregation*, bounds). The first
//! five are chosen; the test below derives the others and checks them.

use crate::aggregation::foreign::limbs::{LIMB_BITS, LIMBS};
use crate::config::TABLE_BITS;

/// Bits of a weight u.
pub(crate) const WEIGHT_BITS: usize = 127;
/// Largest Σ |c| over the products of a group.
pub(crate) const GROUP_PRODUCTS: u64 = 1 << 12;
/// Largest number of weights in a group.
pub(crate) const GROUP_WEIGHTS: usize = 640;
/// Largest Σ |c| over the linear terms of a row.
pub(crate) const ROW_LINEAR: u64 = 20;
/// Limbs of the quotient K.
pub(crate) const QUOTIENT_LIMBS: usize = 8;
/// Exponent of the power of two that keeps the quotient non-negative.
pub(crate) const QUOTIENT_OFFSET_BITS: usize = 410;
/// Number of pieces of a carry.
pub(crate) const CARRY_PIECES: usize = 15;
/// Bits of a carry, offset included.
pub(crate) const CARRY_BITS: usize = CARRY_PIECES * TABLE_BITS;
/// Exponent of the power of two that keeps a carry non-negative.
pub(crate) const CARRY_OFFSET_BITS: usize = CARRY_BITS - 1;
/// Number of carries: the statement has degree LIMBS + QUOTIENT_LIMBS − 2.
pub(crate) const CARRIES: usize = LIMBS + QUOTIENT_LIMBS - 2;

const _: () = assert!(CARRIES == 11 && QUOTIENT_OFFSET_BITS < QUOTIENT_LIMBS * LIMB_BITS);

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::PrimeField;
    use num_bigint::BigUint;

    /// Derives the size of every coefficient and every carry from the sizes of its parts.
    #[test]
    fn sizes_follow_from_the_layout() {
        let power = |bits: usize| BigUint::from(1u8) << bits;
        let limb = power(LIMB_BITS) - 1u8;
        let weight = power(WEIGHT_BITS) - 1u8;
        let q: BigUint = ark_bn254::Fq::MODULUS.into();
        let r: BigUint = ark_bn254::Fr::MODULUS.into();

        // A coefficient of Σ uₘ·Fₘ: at most LIMBS limb products for each product, plus the linear
        // terms and constants. An identity has at most one row for every product, or two rows
        // without products.
        let rows = BigUint::from(GROUP_PRODUCTS + 2 * GROUP_WEIGHTS as u64);
        let linear = &rows * (ROW_LINEAR + 1) * &limb;
        let products = BigUint::from(GROUP_PRODUCTS) * BigUint::from(LIMBS) * &limb * &limb;
        let coefficient = &weight * (&products + &linear);
        // K·q.
        let quotient_product = BigUint::from(LIMBS) * &limb * &limb;
        let difference = &coefficient + &quotient_product;
        // C₀ = −P₀/2⁵², Cₗ = (Cₗ₋₁ − Pₗ)/2⁵².
        let mut carry = BigUint::from(0u8);
        for _ in 0..CARRIES {
            carry = ((&carry + &difference) >> LIMB_BITS) + 1u8;
        }
        assert!(carry < power(CARRY_OFFSET_BITS), "carries fit their range");
        // |Pₗ − Cₗ₋₁ + 2⁵²·Cₗ| < r for all carries in range, so equality mod r is equality.
        let wide = &difference + power(CARRY_BITS) + (power(CARRY_BITS) << LIMB_BITS);
        assert!(wide < r, "no coefficient wraps");

        // The quotient: |Σ uₘ·Fₘ(2⁵²)| / q.
        let value = power(LIMBS * LIMB_BITS) - 1u8;
        let largest = &weight
            * (BigUint::from(GROUP_PRODUCTS) * &value * &value + &rows * (ROW_LINEAR + 1) * &value);
        assert!(largest / &q < power(QUOTIENT_OFFSET_BITS));
        // Every residue has a representation.
        assert!(q < power(LIMBS * LIMB_BITS));
    }
}
