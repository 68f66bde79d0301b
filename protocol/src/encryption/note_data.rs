//! The 71 bytes of ciphertexts that a transaction publishes.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::encoding::{fr_to_bytes, serde_bytes};
use crate::layout::{calldata, disclosure_word, word};

/// Bytes of the view tag.
pub(super) const TAG_LEN: usize = 2;
/// Bytes of the wrapped key.
pub(super) const KEY_LEN: usize = 16;
/// Bytes of the payload: asset 2, amount 16, memo 35.
pub(super) const PAYLOAD_LEN: usize = 2 + 16 + crate::memo::MEMO_LEN;
const KEY_END: usize = TAG_LEN + KEY_LEN;

/// Bytes of the note data of a transaction.
pub const NOTE_DATA_LEN: usize = KEY_END + PAYLOAD_LEN;
/// Bytes in a word: the largest number that always fits an element.
const WORD_LEN: usize = calldata::NOTE_DATA_WORD_LEN;
/// Number of words.
const WORDS: usize = word::NOTE_DATA.end - word::NOTE_DATA.start;

/// Bytes of filler above each masked word of a disclosure.
const ABOVE_LEN: usize = disclosure_word::FILLER.width / 8;
/// Bytes of filler around a disclosure: above its two words, and the third word.
pub const FILLER_LEN: usize = 2 * ABOVE_LEN + NOTE_DATA_LEN - 2 * WORD_LEN;

const _: () = assert!(NOTE_DATA_LEN == 71 && WORDS == NOTE_DATA_LEN.div_ceil(WORD_LEN));

/// Reason why three words are not note data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoteDataError {
    /// A word has more bytes than it stands for.
    #[error("note data word {0} is too wide")]
    TooWide(usize),
}

/// Note data: view tag (2) ‖ wrapped key (16) ‖ payload (53), or the next state of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoteData(#[serde(with = "serde_bytes")] pub [u8; NOTE_DATA_LEN]);

impl NoteData {
    /// Joins the parts of an encrypted note.
    pub(super) fn of_payload(
        tag: [u8; TAG_LEN],
        key: [u8; KEY_LEN],
        payload: [u8; PAYLOAD_LEN],
    ) -> Self {
        let mut data = [0; NOTE_DATA_LEN];
        data[..TAG_LEN].copy_from_slice(&tag);
        data[TAG_LEN..KEY_END].copy_from_slice(&key);
        data[KEY_END..].copy_from_slice(&payload);
        Self(data)
    }

    /// Joins the masked next state of a position, in two words that hold their filler already, and
    /// the rest of the filler.
    pub(crate) fn of_disclosure(words: &[Fr; 2], filler: &[u8; FILLER_LEN]) -> Self {
        let mut data = [0; NOTE_DATA_LEN];
        let (pieces, rest) = data.split_at_mut(2 * WORD_LEN);
        for (piece, word) in pieces.chunks_exact_mut(WORD_LEN).zip(words) {
            piece.copy_from_slice(&fr_to_bytes(word)[32 - WORD_LEN..]);
        }
        rest.copy_from_slice(&filler[2 * ABOVE_LEN..]);
        Self(data)
    }

    /// Returns the filler around a disclosure: the bytes above its words, then the third word.
    pub(crate) fn filler(&self) -> [u8; FILLER_LEN] {
        let mut filler = [0; FILLER_LEN];
        filler[..ABOVE_LEN].copy_from_slice(&self.0[..ABOVE_LEN]);
        filler[ABOVE_LEN..2 * ABOVE_LEN].copy_from_slice(&self.0[WORD_LEN..WORD_LEN + ABOVE_LEN]);
        filler[2 * ABOVE_LEN..].copy_from_slice(&self.0[2 * WORD_LEN..]);
        filler
    }

    /// Returns the words of the transaction that hold the data: 31, 31 and 9 bytes, each read
    /// big-endian.
    #[must_use]
    pub fn to_words(&self) -> [Fr; WORDS] {
        let mut pieces = self.0.chunks(WORD_LEN);
        std::array::from_fn(|_| Fr::from_be_bytes_mod_order(pieces.next().unwrap_or_default()))
    }

    /// Reads the note data from its words.
    ///
    /// # Errors
    /// [`NoteDataError::TooWide`] if one of the first two words is ≥ 2²⁴⁸ or the third is ≥ 2⁷².
    pub fn from_words(words: &[Fr; WORDS]) -> Result<Self, NoteDataError> {
        let mut data = [0; NOTE_DATA_LEN];
        for (i, (word, piece)) in words.iter().zip(data.chunks_mut(WORD_LEN)).enumerate() {
            let bytes = fr_to_bytes(word);
            let (above, low) = bytes.split_at(32 - piece.len());
            if above.iter().any(|byte| *byte != 0) {
                return Err(NoteDataError::TooWide(i));
            }
            piece.copy_from_slice(low);
        }
        Ok(Self(data))
    }

    /// Returns the two words that hold the masked next state of a position where the transaction is
    /// a step on one (spec: *Collateral*).
    #[must_use]
    pub fn disclosure_words(&self) -> [Fr; 2] {
        let [first, second, ..] = self.to_words();
        [first, second]
    }

    /// Returns the view tag.
    pub(super) fn view_tag(&self) -> &[u8; TAG_LEN] {
        part(&self.0)
    }

    /// Returns the masked key of the payload.
    pub(super) fn wrapped_key(&self) -> &[u8; KEY_LEN] {
        part(&self.0[TAG_LEN..])
    }

    /// Returns the encrypted payload.
    pub(super) fn payload(&self) -> &[u8; PAYLOAD_LEN] {
        part(&self.0[KEY_END..])
    }
}

/// Returns the first bytes of a slice that is long enough.
fn part<const N: usize>(bytes: &[u8]) -> &[u8; N] {
    bytes
        .first_chunk()
        .expect("the parts add up to the length of the data")
}
