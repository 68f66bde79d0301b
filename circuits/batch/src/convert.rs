//! Conversion of field elements between arkworks (the protocol) and halo2 (this circuit). Both
//! types are the scalar field of BN254.

use ark_ff::{BigInt, PrimeField as _};
use halo2curves::bn256::Fr;
use halo2curves::ff::PrimeField as _;
use subrosa_protocol::layout::Field;

/// Converts to a halo2 field element.
pub fn to_halo2(value: &ark_bn254::Fr) -> Fr {
    Fr::from_raw(value.into_bigint().0)
}

/// Converts to an arkworks field element.
pub fn from_halo2(value: &Fr) -> ark_bn254::Fr {
    ark_bn254::Fr::from_bigint(BigInt::new(limbs(value)))
        .expect("a canonical representation is below the modulus")
}

/// Returns the canonical integer of `value` as four 64-bit limbs, least significant first.
pub(crate) fn limbs(value: &Fr) -> [u64; 4] {
    let bytes = value.to_repr();
    let bytes: &[u8] = bytes.as_ref();
    std::array::from_fn(|i| {
        u64::from_le_bytes(
            bytes[8 * i..8 * i + 8]
                .try_into()
                .expect("a slice of eight bytes"),
        )
    })
}

/// Returns `value >> bits` for a 256-bit integer given by limbs, least significant first.
pub(crate) fn shift_right(value: [u64; 4], bits: usize) -> [u64; 4] {
    let (words, rest) = (bits / 64, bits % 64);
    std::array::from_fn(|i| {
        let low = value.get(i + words).copied().unwrap_or(0);
        let high = value.get(i + words + 1).copied().unwrap_or(0);
        if rest == 0 {
            low
        } else {
            (low >> rest) | (high << (64 - rest))
        }
    })
}

/// Returns bits `[from, from + width)` of the canonical integer of `value`. `width` must be below
/// 254, so that the result is canonical.
pub(crate) fn bits(value: &Fr, from: usize, width: usize) -> Fr {
    let mut shifted = shift_right(limbs(value), from);
    for (i, limb) in shifted.iter_mut().enumerate() {
        let keep = width.saturating_sub(64 * i).min(64);
        if keep < 64 {
            *limb &= (1u64 << keep) - 1;
        }
    }
    Fr::from_raw(shifted)
}

/// Returns the weight of a field in a packed word.
pub(crate) fn at(field: Field) -> Fr {
    power_of_two(field.offset)
}

/// Returns 2^`exponent`.
pub(crate) fn power_of_two(exponent: usize) -> Fr {
    let mut limbs = [0u64; 4];
    limbs[exponent / 64] = 1 << (exponent % 64);
    Fr::from_raw(limbs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn conversion_is_a_bijection(raw in any::<[u64; 4]>()) {
            let ark = ark_bn254::Fr::from(ark_ff::BigInteger256::new(
                [raw[0], raw[1], raw[2], raw[3] >> 4]));
            let halo = to_halo2(&ark);
            prop_assert_eq!(from_halo2(&halo), ark);
            prop_assert_eq!(to_halo2(&(ark * ark)), halo * halo);
        }

        #[test]
        fn split_at_any_bit_recomposes(raw in any::<[u64; 4]>(), at in 1usize..253) {
            let value = Fr::from_raw([raw[0], raw[1], raw[2], raw[3] >> 4]);
            let low = bits(&value, 0, at);
            let high = bits(&value, at, 254 - at);
            prop_assert_eq!(low + high * power_of_two(at), value);
        }
    }
}
