//! Fields of packed words: `pack` of the specification (spec: *Notation and hashing*).

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};

/// A field of a packed word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name of the field in its table.
    pub name: &'static str,
    /// Lowest bit of the field in the word.
    pub offset: usize,
    /// Number of bits.
    pub width: usize,
}

impl Field {
    /// Returns the first bit above the field.
    #[must_use]
    pub const fn end(self) -> usize {
        self.offset + self.width
    }

    /// Whether an integer fits the field.
    #[must_use]
    pub const fn holds(self, value: u128) -> bool {
        self.width >= 128 || value >> self.width == 0
    }

    /// Returns value·2^offset, the field's summand in a packed word.
    ///
    /// A value beyond the width spills into the next field, as the sum of the specification does.
    /// Callers check ranges before they rely on the word.
    #[must_use]
    pub fn place(self, value: u128) -> Fr {
        Fr::from(value) * power_of_two(self.offset)
    }

    /// Returns the summand of an L1 address, read big-endian.
    #[must_use]
    pub fn place_address(self, address: &[u8; 20]) -> Fr {
        debug_assert!(self.width == super::ADDRESS_BITS);
        Fr::from_be_bytes_mod_order(address) * power_of_two(self.offset)
    }

    /// Returns the value of the field in a word. The field has at most 128 bits.
    #[must_use]
    pub fn of(self, word: &Fr) -> u128 {
        debug_assert!(self.width <= 128);
        bits(&word.into_bigint(), self.offset, self.width)
    }

    /// Returns the L1 address in a word.
    #[must_use]
    pub fn address_of(self, word: &Fr) -> [u8; 20] {
        debug_assert!(self.width == super::ADDRESS_BITS);
        let integer = word.into_bigint();
        let low = bits(&integer, self.offset, 128);
        let high = bits(&integer, self.offset + 128, 32) as u32;
        let mut address = [0; 20];
        address[..4].copy_from_slice(&high.to_be_bytes());
        address[4..].copy_from_slice(&low.to_be_bytes());
        address
    }
}

/// A table of adjacent fields from bit 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Name of the table.
    pub name: &'static str,
    /// Fields, low fields first.
    pub fields: &'static [Field],
}

impl Layout {
    /// Returns the number of bits of all fields together.
    #[must_use]
    pub const fn bits(&self) -> usize {
        self.fields[self.fields.len() - 1].end()
    }

    /// Whether a word has no bits above the fields.
    #[must_use]
    pub fn fits(&self, word: &Fr) -> bool {
        num_bits(word) <= self.bits()
    }
}

/// Number of bits of the integer that represents `word`.
pub(crate) fn num_bits(word: &Fr) -> usize {
    use ark_ff::BigInteger;
    word.into_bigint().num_bits() as usize
}

/// `width` ≤ 128 bits of an integer from bit `offset` on.
fn bits(integer: &BigInt<4>, offset: usize, width: usize) -> u128 {
    let limb = |at: usize| u128::from(integer.0.get(at).copied().unwrap_or(0));
    let (first, shift) = (offset / 64, offset % 64);
    let low = limb(first) | (limb(first + 1) << 64);
    let value = match shift {
        0 => low,
        _ => (low >> shift) | (limb(first + 2) << (128 - shift)),
    };
    match width {
        128 => value,
        _ => value & ((1 << width) - 1),
    }
}

fn power_of_two(exponent: usize) -> Fr {
    let mut limbs = [0; 4];
    limbs[exponent / 64] = 1 << (exponent % 64);
    Fr::from_bigint(BigInt(limbs)).expect("fields lie below the modulus")
}
