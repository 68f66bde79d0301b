//! The key file: the seed, encrypted under a passphrase with age's scrypt recipient.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use subrosa_protocol::keys::{Network, Seed, ViewingKey};
use thiserror::Error;
use zeroize::Zeroizing;

/// Reason why a key file could not be written or opened.
#[derive(Debug, Error)]
pub enum KeystoreError {
    /// The file exists; a key file is never overwritten.
    #[error("{0} exists; choose another path, a key file is never overwritten")]
    Exists(PathBuf),
    /// The operating system failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file is not a key file of this version.
    #[error("{0} is not a Subrosa key file of version 1")]
    Malformed(PathBuf),
    /// The passphrase is wrong or the file was altered.
    #[error("the passphrase is wrong for {0}, or the file was altered")]
    WrongPassphrase(PathBuf),
    /// The decrypted seed has another address than the file states.
    #[error("{0} was altered: its seed has another address than the file states")]
    WrongAddress(PathBuf),
}

/// Contents of the file: the address in the clear, so that an operator can tell files apart, and
/// the seed as an armored age file.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    version: u8,
    address: String,
    development: bool,
    seed: String,
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> KeystoreError + '_ {
    move |source| KeystoreError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Writes `contents` to a new file, readable by its owner only, and syncs it.
///
/// # Errors
/// The operating system's error; `AlreadyExists` if the file exists.
pub(crate) fn write_private(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Encrypts `seed` into a new key file. Takes about a second, because of scrypt's work factor.
///
/// # Errors
/// [`KeystoreError::Exists`], or [`KeystoreError::Io`].
pub fn create(
    path: &Path,
    seed: &Seed,
    network: Network,
    passphrase: &SecretString,
) -> Result<(), KeystoreError> {
    let file = KeyFile {
        version: 1,
        address: ViewingKey::from_seed(seed).address().encode(network),
        development: network == Network::Development,
        seed: encrypt(seed, passphrase).map_err(io(path))?,
    };
    let text = serde_json::to_vec_pretty(&file).map_err(|e| io(path)(e.into()))?;
    write_private(path, &text).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => KeystoreError::Exists(path.to_owned()),
        _ => KeystoreError::Io {
            path: path.to_owned(),
            source,
        },
    })
}

/// Opens a key file. Returns its seed and network.
///
/// # Errors
/// [`KeystoreError`] naming the file and the fault.
pub fn open(path: &Path, passphrase: &SecretString) -> Result<(Seed, Network), KeystoreError> {
    let text = fs::read(path).map_err(io(path))?;
    let malformed = || KeystoreError::Malformed(path.to_owned());
    let file: KeyFile = serde_json::from_slice(&text).map_err(|_| malformed())?;
    if file.version != 1 {
        return Err(malformed());
    }
    let decryptor = age::Decryptor::new(age::armor::ArmoredReader::new(file.seed.as_bytes()))
        .map_err(|_| malformed())?;
    let identity = age::scrypt::Identity::new(passphrase.clone());
    let wrong = || KeystoreError::WrongPassphrase(path.to_owned());
    let mut reader = decryptor
        .decrypt(std::iter::once(&identity as &dyn age::Identity))
        .map_err(|_| wrong())?;
    let mut bytes = Zeroizing::new([0u8; 32]);
    reader.read_exact(bytes.as_mut()).map_err(|_| malformed())?;
    let seed = Seed::from_bytes(*bytes);
    let network = if file.development {
        Network::Development
    } else {
        Network::Production
    };
    if ViewingKey::from_seed(&seed).address().encode(network) != file.address {
        return Err(KeystoreError::WrongAddress(path.to_owned()));
    }
    Ok((seed, network))
}

fn encrypt(seed: &Seed, passphrase: &SecretString) -> std::io::Result<String> {
    let encryptor = age::Encryptor::with_user_passphrase(passphrase.clone());
    let mut armored = Vec::new();
    let armor =
        age::armor::ArmoredWriter::wrap_output(&mut armored, age::armor::Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armor)?;
    writer.write_all(seed.as_bytes())?;
    writer.finish()?.finish()?;
    String::from_utf8(armored).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_its_passphrase_and_never_overwrites() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        let seed = Seed::from_bytes([7; 32]);
        let passphrase = SecretString::from("correct horse");
        create(&path, &seed, Network::Development, &passphrase).unwrap();
        let (opened, network) = open(&path, &passphrase).unwrap();
        assert_eq!(opened.as_bytes(), seed.as_bytes());
        assert_eq!(network, Network::Development);

        assert!(matches!(
            open(&path, &SecretString::from("wrong")),
            Err(KeystoreError::WrongPassphrase(_))
        ));
        assert!(matches!(
            create(&path, &seed, Network::Development, &passphrase),
            Err(KeystoreError::Exists(_))
        ));
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains(&"07".repeat(32)),
            "the seed is not in the clear"
        );

        let altered = text.replace("\"development\": true", "\"development\": false");
        let other = dir.path().join("altered.json");
        fs::write(&other, altered).unwrap();
        assert!(matches!(
            open(&other, &passphrase),
            Err(KeystoreError::WrongAddress(_))
        ));
    }

    #[cfg(unix)]
    #[test]
    fn is_private_to_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        write_private(&path, b"x").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
