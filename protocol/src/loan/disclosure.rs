//! Disclosure of a position's next state to its parties, masked in words 19 and 20 (spec:
//! *Collateral*, Position).

use std::fmt;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};

use super::StepKeys;
use crate::derive;
use crate::domain::Domain;
use crate::element::NoteCommitment;
use crate::encoding::fr_to_bytes;
use crate::encryption::{FILLER_LEN, NoteData};
use crate::layout::{disclosure_collateral, disclosure_debt, disclosure_word};
use crate::poseidon::hash3;
use crate::swap::{SALT_LEN, Salt};

/// Number of masked bits in each word. The 32 bits above them are filler.
pub const MASK_BITS: usize = disclosure_word::SUM.width;

/// Bytes of a filler that can hold a secret of the borrower: a salt, or an amount.
const HELD_LEN: usize = SALT_LEN;

/// Data that the parties need to follow a position by one step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StateDisclosure {
    /// Value of output 0: the collateral that remains.
    pub value: u128,
    /// Second of Unix time up to which the debt includes interest.
    pub accrued: u64,
    /// Maturity of the loan.
    pub maturity: u64,
    /// Debt that remains.
    pub debt: u128,
    /// Start of the loan.
    pub start: u64,
    /// Rate of the loan.
    pub rate: u32,
    /// Market of the loan.
    pub market: u8,
}

impl StateDisclosure {
    /// Returns the two plaintexts: pack(value 128, accrued to 40, maturity 40) and pack(debt 128,
    /// start 40, rate 24, market 7, type 1). The type is 0.
    #[must_use]
    pub fn plaintexts(&self) -> [Fr; 2] {
        [
            disclosure_collateral::VALUE.place(self.value)
                + disclosure_collateral::ACCRUED.place(self.accrued.into())
                + disclosure_collateral::MATURITY.place(self.maturity.into()),
            disclosure_debt::DEBT.place(self.debt)
                + disclosure_debt::START.place(self.start.into())
                + disclosure_debt::RATE.place(self.rate.into())
                + disclosure_debt::MARKET.place(self.market.into()),
        ]
    }

    /// Returns words 19 and 20: the plaintexts, masked under the commitment of output 0 and
    /// `filler`, with the filler above the masked bits.
    #[must_use]
    pub fn seal(&self, keys: &StepKeys, cm0: &NoteCommitment, filler: [u32; 2]) -> [Fr; 2] {
        let masks = masks(keys, cm0, filler);
        let plain = self.plaintexts();
        std::array::from_fn(|i| {
            let sum = low(&(plain[i] + low(&masks[i])));
            sum + disclosure_word::FILLER.place(filler[i].into())
        })
    }

    /// Unmasks words 19 and 20 with these keys. The result is unverified: check it against the
    /// commitment.
    #[must_use]
    pub fn unseal(words: &[Fr; 2], keys: &StepKeys, cm0: &NoteCommitment) -> Self {
        let above = |word: &Fr| disclosure_word::FILLER.of(word) as u32;
        let masks = masks(keys, cm0, words.each_ref().map(above));
        let modulus = disclosure_word::FILLER.place(1);
        let [first, second]: [Fr; 2] =
            std::array::from_fn(|i| low(&(low(&words[i]) + modulus - low(&masks[i]))));
        Self {
            value: disclosure_collateral::VALUE.of(&first),
            accrued: disclosure_collateral::ACCRUED.of(&first) as u64,
            maturity: disclosure_collateral::MATURITY.of(&first) as u64,
            debt: disclosure_debt::DEBT.of(&second),
            start: disclosure_debt::START.of(&second) as u64,
            rate: disclosure_debt::RATE.of(&second) as u32,
            market: disclosure_debt::MARKET.of(&second) as u8,
        }
    }
}

impl fmt::Debug for StateDisclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StateDisclosure(..)")
    }
}

/// Bytes around the masked words of note data: 32 bits above each mask, and the 9 bytes of the
/// third word.
///
/// The filler is a function of the transaction's contents, so that a repeated attempt is identical,
/// as for a payment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Filler([u8; FILLER_LEN]);

impl Filler {
    /// Derives the filler of a step: B("filler"; ovk, E.y, cm₀, plaintexts).
    #[must_use]
    pub fn for_step(
        ovk: &[u8; 32],
        ephemeral: &Fr,
        cm0: &NoteCommitment,
        disclosure: &StateDisclosure,
    ) -> Self {
        let [first, second] = disclosure.plaintexts().map(|plain| fr_to_bytes(&plain));
        let parts: [&[u8]; 5] = [
            ovk,
            &fr_to_bytes(ephemeral),
            &cm0.to_bytes(),
            &first,
            &second,
        ];
        Self(head(&derive::bytes("filler", &parts)))
    }

    /// Derives the filler of an origination: the salt and a zero byte, XORed with B("loan-salt";
    /// ovk, E.y, cm₀).
    ///
    /// With it the borrower finds its loan from its seed alone, whatever the lender sent.
    #[must_use]
    pub fn for_origination(
        ovk: &[u8; 32],
        ephemeral: &Fr,
        cm0: &NoteCommitment,
        salt: &Salt,
    ) -> Self {
        Self::holding(
            salt.as_bytes(),
            &Self::pad("loan-salt", ovk, ephemeral, cm0),
        )
    }

    /// Derives the filler of a renewal: the cash that the lender adds, in 16 big-endian bytes, and
    /// a zero byte, XORed with B("renewal-lent"; ovk, E.y, cm₀).
    ///
    /// With it the borrower follows the renewal from its seed alone, whatever the lender sent.
    #[must_use]
    pub fn for_renewal(ovk: &[u8; 32], ephemeral: &Fr, cm0: &NoteCommitment, lent: u128) -> Self {
        let pad = Self::pad("renewal-lent", ovk, ephemeral, cm0);
        Self::holding(&lent.to_be_bytes(), &pad)
    }

    /// Returns the cash that the filler of a renewal holds. `None` if it is not one of a renewal.
    pub(super) fn lent(
        data: &NoteData,
        ovk: &[u8; 32],
        ephemeral: &Fr,
        cm0: &NoteCommitment,
    ) -> Option<u128> {
        let pad = Self::pad("renewal-lent", ovk, ephemeral, cm0);
        Self(data.filler()).held(&pad).map(u128::from_be_bytes)
    }

    /// Returns the salt that the filler of an origination holds. `None` if it is not one of an
    /// origination.
    pub(super) fn salt(
        data: &NoteData,
        ovk: &[u8; 32],
        ephemeral: &Fr,
        cm0: &NoteCommitment,
    ) -> Option<Salt> {
        let pad = Self::pad("loan-salt", ovk, ephemeral, cm0);
        Self(data.filler()).held(&pad).map(Salt::from_bytes)
    }

    fn holding(secret: &[u8; HELD_LEN], pad: &[u8; FILLER_LEN]) -> Self {
        let secret = |i: usize| secret.get(i).copied().unwrap_or(0);
        Self(std::array::from_fn(|i| pad[i] ^ secret(i)))
    }

    fn held(&self, pad: &[u8; FILLER_LEN]) -> Option<[u8; HELD_LEN]> {
        let above = self.0[HELD_LEN..] == pad[HELD_LEN..];
        above.then(|| std::array::from_fn(|i| self.0[i] ^ pad[i]))
    }

    /// Returns the first bytes of B(label; ovk, E.y, cm₀).
    fn pad(label: &str, ovk: &[u8; 32], ephemeral: &Fr, cm0: &NoteCommitment) -> [u8; FILLER_LEN] {
        let parts: [&[u8]; 3] = [ovk, &fr_to_bytes(ephemeral), &cm0.to_bytes()];
        head(&derive::bytes(label, &parts))
    }

    /// Returns the bits above the two masks.
    #[must_use]
    pub fn words(&self) -> [u32; 2] {
        [0, 4].map(|at| {
            self.0[at..]
                .first_chunk()
                .map_or(0, |bytes| u32::from_be_bytes(*bytes))
        })
    }

    /// Returns the note data with these words 19 and 20, which were sealed with this filler.
    #[must_use]
    pub fn note_data(&self, words: &[Fr; 2]) -> NoteData {
        NoteData::of_disclosure(words, &self.0)
    }
}

impl fmt::Debug for Filler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filler(..)")
    }
}

fn head(bytes: &[u8; 64]) -> [u8; FILLER_LEN] {
    std::array::from_fn(|i| bytes[i])
}

/// Returns the masks: the first two outputs of H(OPENING; key, cm₀, f₁, f₂).
fn masks(keys: &StepKeys, cm0: &NoteCommitment, filler: [u32; 2]) -> [Fr; 2] {
    let [f1, f2] = filler.map(Fr::from);
    let [first, second, _] = hash3(Domain::Opening, &[keys.key, Fr::from(*cm0), f1, f2]);
    [first, second]
}

/// Returns the lowest [`MASK_BITS`] bits.
fn low(element: &Fr) -> Fr {
    let mut bits = element.into_bigint().to_bits_le();
    bits.truncate(MASK_BITS);
    Fr::from_bigint(<Fr as PrimeField>::BigInt::from_bits_le(&bits))
        .expect("216 bits are below the modulus")
}
