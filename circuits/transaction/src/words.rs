//! Places of the 30 words, and the fields of the packed ones.

use crate::gadgets::range::cut;
use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use subrosa_protocol::swap::Side;
use subrosa_protocol::transaction::{Kind, WORDS};

/// Words of a transaction (spec: *Transaction*, Words).
pub type Words = [Fr; WORDS];

pub(crate) const ANCHOR: usize = 1;
pub(crate) const ASSETS: usize = 2;
pub(crate) const HEADER: usize = 3;
pub(crate) const TARGET: usize = 4;
pub(crate) const AMOUNT: usize = 5;
pub(crate) const TERMS: usize = 6;
pub(crate) const ORACLE: usize = 7;
pub(crate) const NULLIFIERS: usize = 8;
pub(crate) const COMMITMENTS: usize = 11;
pub(crate) const EPHEMERAL: usize = 14;
pub(crate) const AUDIT: usize = 15;
pub(crate) const DISCLOSURE: usize = 24;

pub(crate) const KIND_BITS: usize = 8;
pub(crate) const ASSET_BITS: usize = 16;
pub(crate) const FEE_BITS: usize = 96;
pub(crate) const EXPIRY_BITS: usize = 40;
pub(crate) const RECIPIENT_BITS: usize = 160;
pub(crate) const VALUE_BITS: usize = 128;

/// Fields of the header and target words. The last field of each word holds all remaining bits, so
/// every element has fields, and repacking them restores it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields {
    pub(crate) kind: Fr,
    pub(crate) fee_asset: Fr,
    pub(crate) fee: Fr,
    pub(crate) expiry: Fr,
    pub(crate) not_before: Fr,
    pub(crate) target_asset: Fr,
    pub(crate) recipient: Fr,
}

impl Fields {
    /// Splits the header and target words.
    pub(crate) fn of(words: &Words) -> Self {
        let header = words[HEADER];
        let target = words[TARGET];
        Self {
            kind: cut(header, 0, KIND_BITS),
            fee_asset: cut(header, FEE_ASSET_AT, ASSET_BITS),
            fee: cut(header, FEE_AT, FEE_BITS),
            expiry: cut(header, EXPIRY_AT, EXPIRY_BITS),
            not_before: cut(header, NOT_BEFORE_AT, 256),
            target_asset: cut(target, 0, ASSET_BITS),
            recipient: cut(target, ASSET_BITS, 256),
        }
    }

    /// Returns the side of a swap's leg, by the kind.
    pub(crate) fn side(&self) -> Option<Side> {
        Side::BOTH
            .into_iter()
            .find(|side| self.kind == Fr::from(Kind::leg(*side) as u64))
    }
}

pub(crate) const FEE_ASSET_AT: usize = KIND_BITS;
pub(crate) const FEE_AT: usize = FEE_ASSET_AT + ASSET_BITS;
pub(crate) const EXPIRY_AT: usize = FEE_AT + FEE_BITS;
pub(crate) const NOT_BEFORE_AT: usize = EXPIRY_AT + EXPIRY_BITS;

/// Returns 2^exponent.
pub(crate) fn power_of_two(exponent: usize) -> Fr {
    use ark_ff::Field;
    Fr::from(2u64).pow([exponent as u64])
}

/// Whether the integer of `value` is below 2^width.
pub(crate) fn fits(value: Fr, width: usize) -> bool {
    value.into_bigint().num_bits() as usize <= width
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_std::UniformRand;
    use rand::SeedableRng;

    #[test]
    fn fields_repack_to_their_words() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        for _ in 0..50 {
            let mut words = [Fr::from(0u64); WORDS];
            words[HEADER] = Fr::rand(&mut rng);
            words[TARGET] = Fr::rand(&mut rng);
            let f = Fields::of(&words);
            assert_eq!(
                f.kind
                    + f.fee_asset * power_of_two(FEE_ASSET_AT)
                    + f.fee * power_of_two(FEE_AT)
                    + f.expiry * power_of_two(EXPIRY_AT)
                    + f.not_before * power_of_two(NOT_BEFORE_AT),
                words[HEADER]
            );
            assert_eq!(
                f.target_asset + f.recipient * power_of_two(ASSET_BITS),
                words[TARGET]
            );
            assert!(fits(f.fee, FEE_BITS) && fits(f.kind, KIND_BITS));
        }
        assert!(fits(power_of_two(40) - Fr::from(1u64), 40));
        assert!(!fits(power_of_two(40), 40));
    }
}
