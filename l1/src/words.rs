//! Conversions between field elements and EVM words.

use alloy_primitives::U256;
use subrosa_protocol::{
    Fr,
    encoding::{fr_from_bytes, fr_to_bytes},
};

use crate::error::L1Error;

/// Returns a field element as an EVM word.
pub(crate) fn to_word(element: &Fr) -> U256 {
    U256::from_be_bytes(fr_to_bytes(element))
}

/// Returns an EVM word as a field element. These contracts never return a word ≥ r.
pub(crate) fn from_word(word: U256) -> Result<Fr, L1Error> {
    fr_from_bytes(&word.to_be_bytes::<32>())
        .map_err(|_| L1Error::Odd("a word exceeds the scalar field".into()))
}

/// Converts several words as [`from_word`] does.
pub(crate) fn from_words<const N: usize>(words: &[U256; N]) -> Result<[Fr; N], L1Error> {
    let mut elements = [Fr::default(); N];
    for (element, word) in elements.iter_mut().zip(words) {
        *element = from_word(*word)?;
    }
    Ok(elements)
}
