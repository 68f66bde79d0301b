//! Text forms that the HTTP interface and the configuration share: lower-case hex after `0x`.

use subrosa_protocol::{
    Fr,
    encoding::{fr_from_bytes, fr_to_bytes},
};

/// Canonical 32 bytes of a digest, nullifier or root; the key of maps and tables.
pub type Word = [u8; 32];

/// Returns the canonical bytes of a field element.
pub(crate) fn word(x: &Fr) -> Word {
    fr_to_bytes(x)
}

/// Formats bytes as `0x` and lower-case digits.
pub(crate) fn hex0x(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("0x");
    text.push_str(&hex::encode(bytes));
    text
}

/// Formats a field element as `0x` hex.
pub(crate) fn fr_hex(x: &Fr) -> String {
    hex0x(&fr_to_bytes(x))
}

/// Parses `0x` hex. Refuses upper-case digits, so that every value has one spelling.
pub(crate) fn bytes_from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?;
    if digits.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    hex::decode(digits).ok()
}

/// Parses `0x` hex of a canonical field element and returns its bytes.
pub(crate) fn word_from_hex(text: &str) -> Option<Word> {
    let bytes: Word = bytes_from_hex(text)?.try_into().ok()?;
    fr_from_bytes(&bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_one_spelling() {
        let x = Fr::from(0xabcdefu64);
        let text = fr_hex(&x);
        assert_eq!(word_from_hex(&text), Some(word(&x)));
        assert_eq!(
            word_from_hex(&text.to_uppercase().replace("0X", "0x")),
            None
        );
        assert_eq!(word_from_hex(&text[2..]), None);
        assert_eq!(word_from_hex(&text[..64]), None);
        assert_eq!(word_from_hex(&format!("0x{}", "f".repeat(64))), None);
    }
}
