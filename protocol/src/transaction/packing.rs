//! `pack` of the specification: fields of stated widths in one element, low fields first.

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};

/// Adds up fields from the low bits upwards.
pub(crate) struct Packer {
    sum: Fr,
    offset: u32,
}

impl Packer {
    pub(crate) fn new() -> Self {
        Self {
            sum: Fr::from(0u64),
            offset: 0,
        }
    }

    /// Appends a field of `bits` bits. A value beyond its width spills into the next field, exactly
    /// as the sum of the specification does; callers check ranges before they rely on the result.
    pub(crate) fn field(mut self, value: u128, bits: u32) -> Self {
        self.sum += Fr::from(value) * power_of_two(self.offset);
        self.offset += bits;
        self
    }

    /// Appends a 160-bit field, an L1 address read big-endian.
    pub(crate) fn address(mut self, address: &[u8; 20]) -> Self {
        self.sum += Fr::from_be_bytes_mod_order(address) * power_of_two(self.offset);
        self.offset += 160;
        self
    }

    pub(crate) fn finish(self) -> Fr {
        debug_assert!(self.offset < Fr::MODULUS_BIT_SIZE);
        self.sum
    }
}

/// Takes fields off the low end of an element.
pub(crate) struct Unpacker {
    integer: BigInt<4>,
    offset: u32,
}

impl Unpacker {
    pub(crate) fn new(word: &Fr) -> Self {
        Self {
            integer: word.into_bigint(),
            offset: 0,
        }
    }

    /// The next `bits` ≤ 128 bits.
    pub(crate) fn field(&mut self, bits: u32) -> u128 {
        let mut value = 0u128;
        for i in 0..bits {
            let at = self.offset + i;
            let bit = (self.integer.0[(at / 64) as usize] >> (at % 64)) & 1;
            value |= u128::from(bit) << i;
        }
        self.offset += bits;
        value
    }

    /// The next 160 bits as an L1 address.
    pub(crate) fn address(&mut self) -> [u8; 20] {
        let low = self.field(128);
        let high = self.field(32) as u32;
        let mut address = [0u8; 20];
        address[..4].copy_from_slice(&high.to_be_bytes());
        address[4..].copy_from_slice(&low.to_be_bytes());
        address
    }

    /// Whether nothing is left above the fields taken.
    pub(crate) fn is_exhausted(&self) -> bool {
        (self.offset..256).all(|at| (self.integer.0[(at / 64) as usize] >> (at % 64)) & 1 == 0)
    }
}

fn power_of_two(exponent: u32) -> Fr {
    let mut limbs = [0u64; 4];
    limbs[(exponent / 64) as usize] = 1 << (exponent % 64);
    Fr::from_bigint(BigInt(limbs)).expect("fields are packed below the modulus")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn unpack_inverts_pack(
            a in any::<u8>(), b in any::<u16>(), c in any::<u64>(), address in any::<[u8; 20]>(),
        ) {
            let word = Packer::new()
                .field(a.into(), 8).field(b.into(), 16).address(&address).field(c.into(), 64)
                .finish();
            let mut unpacker = Unpacker::new(&word);
            prop_assert_eq!(unpacker.field(8), u128::from(a));
            prop_assert_eq!(unpacker.field(16), u128::from(b));
            prop_assert_eq!(unpacker.address(), address);
            prop_assert_eq!(unpacker.is_exhausted(), c == 0);
            prop_assert_eq!(unpacker.field(64), u128::from(c));
            prop_assert!(unpacker.is_exhausted());
        }
    }
}
