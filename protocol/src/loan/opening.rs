//! The opening of a position's next state, masked in words 24 and 25 (spec: *Collateral*, Position).

use std::fmt;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};

use super::StepKeys;
use crate::domain::Domain;
use crate::encoding::fr_to_bytes;
use crate::poseidon::hash3;
use crate::transaction::Header;
use crate::transaction::packing::{Packer, Unpacker};

/// Bits of each word that are masked; the 32 above them are random.
pub const MASK_BITS: usize = 216;

/// Bytes of the note data that the two words fill, and the random ones behind them: as many as the ciphertext
/// of output 0 has elsewhere.
pub const OPENING_LEN: usize = 69;

/// What the parties need to follow a position by one step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Value of output 0: the collateral that is left.
    pub value: u128,
    /// Until when interest is in the debt.
    pub accrued: u64,
    /// The loan's maturity.
    pub maturity: u64,
    /// Debt that is left.
    pub debt: u128,
    /// The loan's start.
    pub start: u64,
    /// The loan's rate.
    pub rate: u32,
    /// The loan's market.
    pub market: u8,
}

impl Opening {
    /// The two plaintexts: pack(value 128, accrued to 40, maturity 40) and pack(debt 128, start 40, rate 24, market 8).
    #[must_use]
    pub fn plain(&self) -> [Fr; 2] {
        [
            Packer::new()
                .field(self.value, 128)
                .field(self.accrued.into(), Header::EXPIRY_BITS)
                .field(self.maturity.into(), Header::EXPIRY_BITS)
                .finish(),
            Packer::new()
                .field(self.debt, 128)
                .field(self.start.into(), Header::EXPIRY_BITS)
                .field(self.rate.into(), super::Loan::RATE_BITS)
                .field(self.market.into(), 8)
                .finish(),
        ]
    }

    /// Words 24 and 25: the plaintexts, masked under the commitment of output 0, with `filler` above.
    #[must_use]
    pub fn seal(&self, keys: &StepKeys, cm0: &Fr, filler: [u32; 2]) -> [Fr; 2] {
        let masks = masks(keys, cm0);
        let plain = self.plain();
        std::array::from_fn(|i| {
            let sum = low(&(plain[i] + low(&masks[i])));
            let mut shift = <Fr as PrimeField>::BigInt::from(filler[i]);
            shift <<= MASK_BITS as u32;
            sum + Fr::from_bigint(shift).expect("248 bits are below the modulus")
        })
    }

    /// What words 24 and 25 say under these keys. Nothing is proven by it: the commitment decides.
    #[must_use]
    pub fn unseal(words: &[Fr; 2], keys: &StepKeys, cm0: &Fr) -> Self {
        let masks = masks(keys, cm0);
        let modulus = {
            let mut one = <Fr as PrimeField>::BigInt::from(1u64);
            one <<= MASK_BITS as u32;
            Fr::from_bigint(one).expect("217 bits are below the modulus")
        };
        let plain: [Fr; 2] =
            std::array::from_fn(|i| low(&(low(&words[i]) + modulus - low(&masks[i]))));
        let (mut first, mut second) = (Unpacker::new(&plain[0]), Unpacker::new(&plain[1]));
        Self {
            value: first.field(128),
            accrued: first.field(Header::EXPIRY_BITS) as u64,
            maturity: first.field(Header::EXPIRY_BITS) as u64,
            debt: second.field(128),
            start: second.field(Header::EXPIRY_BITS) as u64,
            rate: second.field(super::Loan::RATE_BITS) as u32,
            market: second.field(8) as u8,
        }
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(..)")
    }
}

/// The first [`OPENING_LEN`] bytes of note data with these words 24 and 25.
#[must_use]
pub fn opening_bytes(words: &[Fr; 2], random: &[u8; 7]) -> [u8; OPENING_LEN] {
    let mut bytes = [0; OPENING_LEN];
    let (pieces, rest) = bytes.split_at_mut(62);
    for (piece, word) in pieces.chunks_exact_mut(31).zip(words) {
        piece.copy_from_slice(&fr_to_bytes(word)[1..]);
    }
    rest.copy_from_slice(random);
    bytes
}

/// The first two outputs of H(OPENING; key, cm₀).
fn masks(keys: &StepKeys, cm0: &Fr) -> [Fr; 2] {
    let [first, second, _] = hash3(Domain::Opening, &[keys.key, *cm0]);
    [first, second]
}

/// The lowest [`MASK_BITS`] bits.
fn low(element: &Fr) -> Fr {
    let mut bits = element.into_bigint().to_bits_le();
    bits.truncate(MASK_BITS);
    Fr::from_bigint(<Fr as PrimeField>::BigInt::from_bits_le(&bits))
        .expect("216 bits are below the modulus")
}
