//! The 169 bytes of ciphertexts that a transaction publishes.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{AMOUNT_LEN, MEMO_LEN, TAG_LEN};
use crate::encoding::{fr_to_bytes, serde_bytes};
use crate::layout::calldata;

/// Bytes of the ciphertext of output 0, which has the memo.
const FIRST_LEN: usize = AMOUNT_LEN + MEMO_LEN + TAG_LEN;
/// Bytes of the ciphertexts of outputs 1 and 2.
const OTHER_LEN: usize = AMOUNT_LEN + TAG_LEN;
/// Offsets of the ciphertexts and of the outgoing copy.
const OFFSETS: [usize; 4] = [
    0,
    FIRST_LEN,
    FIRST_LEN + OTHER_LEN,
    FIRST_LEN + 2 * OTHER_LEN,
];
/// Bytes of the note data of a transaction.
pub const NOTE_DATA_LEN: usize = OFFSETS[3] + 32;
/// Bytes in a word: the largest number that always fits an element.
const WORD_LEN: usize = calldata::NOTE_DATA_WORD_LEN;

/// Bytes of a position's masked next state with its filler. They take the place of the ciphertext
/// of output 0.
pub const DISCLOSURE_LEN: usize = FIRST_LEN;

const _: () = assert!(NOTE_DATA_LEN == 169);

/// Reason why six words are not note data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoteDataError {
    /// A word has more than 31 bytes.
    #[error("note data word {0} has more than 31 bytes")]
    TooWide(usize),
    /// The 17 bytes after the data are not zero.
    #[error("padding after the note data is not zero")]
    Padding,
}

/// Note data: ct₀ (69) ‖ ct₁ (34) ‖ ct₂ (34) ‖ outgoing (32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoteData(#[serde(with = "serde_bytes")] pub [u8; NOTE_DATA_LEN]);

impl NoteData {
    /// Returns words 24–29 of the transaction: the data, zero-padded to 186 bytes and cut into six
    /// pieces of 31, each read big-endian.
    #[must_use]
    pub fn to_words(&self) -> [Fr; 6] {
        let mut padded = [0; 6 * WORD_LEN];
        padded[..NOTE_DATA_LEN].copy_from_slice(&self.0);
        std::array::from_fn(|i| {
            Fr::from_be_bytes_mod_order(&padded[i * WORD_LEN..(i + 1) * WORD_LEN])
        })
    }

    /// Reads the note data from its words.
    ///
    /// # Errors
    /// A [`NoteDataError`] if a word is ≥ 2²⁴⁸ or the padding is not zero.
    pub fn from_words(words: &[Fr; 6]) -> Result<Self, NoteDataError> {
        let mut padded = [0; 6 * WORD_LEN];
        for (i, (word, piece)) in words
            .iter()
            .zip(padded.chunks_exact_mut(WORD_LEN))
            .enumerate()
        {
            let bytes = fr_to_bytes(word);
            if bytes[0] != 0 {
                return Err(NoteDataError::TooWide(i));
            }
            piece.copy_from_slice(&bytes[1..]);
        }
        let (data, padding) = padded.split_at(NOTE_DATA_LEN);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(NoteDataError::Padding);
        }
        let mut out = [0; NOTE_DATA_LEN];
        out.copy_from_slice(data);
        Ok(Self(out))
    }

    /// Returns words 24 and 25, which hold the masked next state of a position where the
    /// transaction is a step on one (spec: *Collateral*).
    #[must_use]
    pub fn disclosure_words(&self) -> [Fr; 2] {
        let [first, second, ..] = self.to_words();
        [first, second]
    }

    /// Returns the ciphertext and tag of output `index` < 3.
    pub(super) fn ciphertext(&self, index: usize) -> &[u8] {
        &self.0[OFFSETS[index]..OFFSETS[index + 1]]
    }

    pub(super) fn ciphertext_mut(&mut self, index: usize) -> &mut [u8] {
        &mut self.0[OFFSETS[index]..OFFSETS[index + 1]]
    }

    /// Returns the masked encryption key of output 0's recipient.
    pub(super) fn outgoing(&self) -> &[u8; 32] {
        self.0
            .last_chunk()
            .expect("the data is longer than 32 bytes")
    }

    pub(super) fn outgoing_mut(&mut self) -> &mut [u8; 32] {
        self.0
            .last_chunk_mut()
            .expect("the data is longer than 32 bytes")
    }
}
