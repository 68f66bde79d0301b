//! Decoders of a wallet: amounts, negotiation payloads, the key file.

use secrecy::SecretString;
use subrosa_wallet::{amount as amounts, keystore, negotiation::Payload};

/// An amount in display units. The first byte is the number of decimals, 0 to 38.
///
/// # Panics
/// If an amount that is read and written again is another.
pub fn amount(data: &[u8]) {
    let Some((decimals, text)) = data.split_first() else {
        return;
    };
    let decimals = decimals % 39;
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    if let Ok(units) = amounts::parse(text, decimals) {
        let written = amounts::format(units, decimals);
        assert_eq!(amounts::parse(&written, decimals), Ok(units), "{written}");
    }
}

/// A payload of the negotiation between wallets.
///
/// # Panics
/// If the decoder accepts a second encoding.
pub fn negotiation(data: &[u8]) {
    if let Ok(payload) = Payload::from_bytes(data) {
        assert_eq!(payload.to_bytes()[..], *data, "payload");
    }
}

/// A key file under a passphrase that does not open it.
///
/// # Panics
/// If the system has no temporary directory.
pub fn key_file(data: &[u8]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("key.json");
    std::fs::write(&path, data).expect("the temporary directory is writable");
    let _ = keystore::open(&path, &SecretString::from("not the passphrase"));
}
