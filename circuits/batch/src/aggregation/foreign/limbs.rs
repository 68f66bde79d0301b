//! Limbs of values modulo q, and their pieces.

use ark_bn254::Fq;
use ark_ff::{BigInt, PrimeField};
use halo2curves::bn256::Fr;

use crate::config::{PIECES, TABLE_BITS};

/// Bits of a limb.
pub(crate) const LIMB_BITS: usize = 52;
/// Number of limbs of a value.
pub(crate) const LIMBS: usize = 5;
/// Number of limbs that are packed, injectively, into one element of 𝔽_r.
pub(crate) const PACKED: usize = 4;

const _: () = assert!(PIECES * TABLE_BITS == LIMB_BITS);

/// Limbs of a value, least significant first, each below 2⁵².
pub(crate) type Limbs = [u64; LIMBS];

/// Returns the limbs of the canonical representation.
pub(crate) fn limbs_of(value: &Fq) -> Limbs {
    split(value.into_bigint().0)
}

/// Splits a 256-bit integer into limbs.
pub(crate) fn split(words: [u64; 4]) -> Limbs {
    std::array::from_fn(|i| {
        let (word, bit) = (i * LIMB_BITS / 64, i * LIMB_BITS % 64);
        let low = words[word] >> bit;
        let high = match words.get(word + 1) {
            Some(next) if bit > 0 => next << (64 - bit),
            _ => 0,
        };
        (low | high) & ((1 << LIMB_BITS) - 1)
    })
}

/// Splits a limb into pieces, least significant first.
pub(crate) fn pieces(limb: u64) -> [u64; PIECES] {
    std::array::from_fn(|i| (limb >> (TABLE_BITS * i)) & ((1 << TABLE_BITS) - 1))
}

/// Packs the limbs of values in sequence, four an element; the last element is filled with zeros.
pub(crate) fn pack(values: &[Limbs]) -> Vec<ark_bn254::Fr> {
    values
        .as_flattened()
        .chunks(PACKED)
        .map(|limbs| {
            let mut words = [0u64; 4];
            for (i, limb) in limbs.iter().enumerate() {
                let (word, bit) = (i * LIMB_BITS / 64, i * LIMB_BITS % 64);
                words[word] |= limb << bit;
                if bit > 64 - LIMB_BITS {
                    words[word + 1] |= limb >> (64 - bit);
                }
            }
            ark_bn254::Fr::from_bigint(BigInt::new(words)).expect("208 bits are below r")
        })
        .collect()
}

/// Converts an integer to a field element.
pub(crate) fn integer(value: i128) -> Fr {
    let magnitude = value.unsigned_abs();
    let magnitude = Fr::from_raw([magnitude as u64, (magnitude >> 64) as u64, 0, 0]);
    if value < 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{BigInteger, Zero};
    use num_bigint::BigUint;
    use proptest::prelude::*;

    fn join(limbs: &Limbs) -> BigUint {
        limbs
            .iter()
            .rev()
            .fold(BigUint::from(0u8), |sum, limb| (sum << LIMB_BITS) + *limb)
    }

    #[test]
    fn edges() {
        let one = Fq::from(1u64);
        let mut values = vec![Fq::zero(), one, -one];
        for limb in 0..LIMBS {
            let boundary = Fq::from(BigUint::from(1u8) << (LIMB_BITS * limb));
            values.extend([boundary, boundary - one, boundary + one, -boundary]);
        }
        for value in values {
            let limbs = limbs_of(&value);
            assert!(limbs.iter().all(|limb| limb >> LIMB_BITS == 0));
            let words: BigUint = value.into_bigint().into();
            assert_eq!(join(&limbs), words);
        }
    }

    #[test]
    fn packing_is_positional() {
        let values: [Limbs; 2] = [[1, 2, 3, (1 << 52) - 1, 5], [6, 7, 8, 9, 1 << 51]];
        let packed = pack(&values);
        assert_eq!(packed.len(), 3);
        for (word, limbs) in packed.iter().zip(values.as_flattened().chunks(4)) {
            let expected = limbs
                .iter()
                .rev()
                .fold(BigUint::from(0u8), |sum, limb| (sum << LIMB_BITS) + *limb);
            assert_eq!(BigUint::from(word.into_bigint()), expected);
        }
    }

    proptest! {
        #[test]
        fn limbs_recompose(words in any::<[u64; 4]>()) {
            let limbs = split(words);
            let expected = BigUint::from_bytes_le(&ark_ff::BigInt::new(words).to_bytes_le());
            prop_assert_eq!(join(&limbs), expected);
            for limb in limbs {
                let digits = pieces(limb);
                let sum = digits.iter().rev().fold(0, |sum, piece| (sum << TABLE_BITS) + piece);
                prop_assert_eq!(sum, limb);
            }
        }
    }
}
