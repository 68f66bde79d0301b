//! Places of the 22 words, and the fields of the packed ones.

use crate::gadgets::Num;
use crate::gadgets::range::cut;
use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use subrosa_protocol::layout::{Field, header, target};
use subrosa_protocol::swap::Side;
use subrosa_protocol::transaction::{Kind, WORDS};

pub(crate) use subrosa_protocol::layout::word::{
    AMOUNT, ANCHOR, ASSETS_ROOT, AUDIT, COMMITMENTS, DISCLOSURE, EPHEMERAL, HEADER, NULLIFIERS,
    TARGET, TERMS,
};
pub(crate) use subrosa_protocol::layout::{TIME_BITS, VALUE_BITS};

/// Words of a transaction (spec: *Transaction*, Words).
pub type Words = [Fr; WORDS];

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
        let [packed, to] = [words[HEADER], words[TARGET]];
        Self {
            kind: field(packed, header::KIND),
            fee_asset: field(packed, header::FEE_ASSET),
            fee: field(packed, header::FEE),
            expiry: field(packed, header::EXPIRY),
            not_before: from_field(packed, header::NOT_BEFORE),
            target_asset: field(to, target::ASSET),
            recipient: from_field(to, target::RECIPIENT),
        }
    }

    /// Returns the side of a swap's leg, by the kind.
    pub(crate) fn side(&self) -> Option<Side> {
        Side::BOTH
            .into_iter()
            .find(|side| self.kind == Fr::from(Kind::leg(*side) as u64))
    }
}

/// Returns the value of a field in a word.
pub(crate) fn field(word: Fr, field: Field) -> Fr {
    cut(word, field.offset, field.width)
}

/// Returns all bits of a word from the lowest bit of a field on.
pub(crate) fn from_field(word: Fr, field: Field) -> Fr {
    cut(word, field.offset, 256)
}

/// Returns the packed word of numbers, each at the place of its field. No range is checked.
pub(crate) fn pack<const N: usize>(numbers: [(Field, &Num); N]) -> Num {
    let mut placed = numbers
        .into_iter()
        .map(|(field, number)| number.times(power_of_two(field.offset)));
    let first = placed.next().expect("a word has fields");
    placed.fold(first, |word, number| word.plus(&number))
}

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
            let at = |value: Fr, field: Field| value * power_of_two(field.offset);
            assert_eq!(
                at(f.kind, header::KIND)
                    + at(f.fee_asset, header::FEE_ASSET)
                    + at(f.fee, header::FEE)
                    + at(f.expiry, header::EXPIRY)
                    + at(f.not_before, header::NOT_BEFORE),
                words[HEADER]
            );
            assert_eq!(
                at(f.target_asset, target::ASSET) + at(f.recipient, target::RECIPIENT),
                words[TARGET]
            );
            assert!(fits(f.fee, header::FEE.width) && fits(f.kind, header::KIND.width));
        }
        assert!(fits(power_of_two(40) - Fr::from(1u64), 40));
        assert!(!fits(power_of_two(40), 40));
    }
}
