//! Memos: messages of senders to the recipients of output 0.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a memo.
pub const MEMO_LEN: usize = 35;

/// Reason why a text cannot be a memo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MemoError {
    /// The text is too long.
    #[error("memo has {0} bytes; at most {MEMO_LEN} fit")]
    TooLong(usize),
    /// The text contains a zero character, which would read as padding.
    #[error("memo contains a zero character")]
    Zero,
}

/// Memo: UTF-8, zero-padded to 35 bytes. A received memo holds any bytes that its sender chose.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Memo([u8; MEMO_LEN]);

/// Returns the empty memo.
impl Default for Memo {
    fn default() -> Self {
        Self([0; MEMO_LEN])
    }
}

impl Memo {
    /// Wraps the bytes of a received memo.
    #[must_use]
    pub fn from_bytes(bytes: [u8; MEMO_LEN]) -> Self {
        Self(bytes)
    }

    /// Returns all 35 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; MEMO_LEN] {
        &self.0
    }

    /// Returns the bytes before the padding.
    fn content(&self) -> &[u8] {
        let end = self.0.iter().rposition(|byte| *byte != 0);
        &self.0[..end.map_or(0, |last| last + 1)]
    }

    /// Whether the memo is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.content().is_empty()
    }

    /// Returns the text, if the sender wrote UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.content()).ok()
    }
}

impl FromStr for Memo {
    type Err = MemoError;

    fn from_str(text: &str) -> Result<Self, MemoError> {
        if text.len() > MEMO_LEN {
            return Err(MemoError::TooLong(text.len()));
        }
        if text.contains('\0') {
            return Err(MemoError::Zero);
        }
        let mut bytes = [0; MEMO_LEN];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self::from_bytes(bytes))
    }
}

/// Whether a character can control a terminal, reorder surrounding text, or be invisible.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// Shows the memo to people. U+FFFD replaces bytes that are not UTF-8 and characters that could
/// deceive.
impl fmt::Display for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(self.content());
        let shown: String = text
            .chars()
            .map(|c| {
                if deceives(c) {
                    char::REPLACEMENT_CHARACTER
                } else {
                    c
                }
            })
            .collect();
        f.write_str(&shown)
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo(..)")
    }
}
