//! The wallet's memory: operations, idempotency keys, quotes and messages in one encrypted file
//! that is replaced as a whole. It does not hold the chain, which is scanned again at start.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use rand::RngCore as _;
use serde::{Deserialize, Serialize};
use subrosa_protocol::{derive, keys::Seed};
use thiserror::Error;

use crate::{
    decimal,
    id::Id,
    negotiation::{Book, Quote},
    operation::Operation,
};

/// Associated data of the file. It prevents other data sealed under the key from passing for a
/// state.
const HEADER: &[u8] = b"subrosa wallet state 2\n";

/// Begin of the headers of all versions.
const ANY_HEADER: &[u8] = b"subrosa wallet state ";

/// Reason why the state could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The operating system failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file does not open under this seed: it is another wallet's, or altered.
    #[error(
        "{0} does not open with this wallet's seed: it belongs to another wallet, or was altered"
    )]
    Foreign(PathBuf),
    /// Another version of the wallet wrote the file.
    #[error("{0} is of another version of the wallet: restore from the seed in a new directory")]
    Version(PathBuf),
    /// The file opened but does not hold a wallet's state.
    #[error("{0} does not hold a wallet's state")]
    Malformed(PathBuf),
}

/// The memory of an idempotency key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// SHA-256 of path and body, hex.
    pub(crate) request: String,
    /// Id of the operation, request or quote that it led to.
    pub(crate) operation: String,
}

/// The answer to a claim, kept for requests that repeat its idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Claimed {
    /// The vault paid.
    Paid {
        /// Hash of the L1 transaction, hex.
        transaction: String,
        /// Base units.
        #[serde(with = "decimal")]
        amount: u128,
    },
    /// The vault refused.
    Refused {
        /// Name of the contract's error.
        reason: String,
    },
}

/// A sealed message to be sent. It is stored so that a restart sends the same bytes.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Posted {
    /// The bytes, hex.
    pub(crate) message: String,
    /// Last second at which it is useful.
    pub(crate) until: u64,
    /// Attempts at sending it.
    pub(crate) tries: u32,
}

/// Progress of the exchange of messages.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Mail {
    /// Number of the next message to read from the mailbox.
    pub(crate) cursor: u64,
    /// Messages to be sent, in this order.
    pub(crate) outbox: Vec<Posted>,
}

/// State of a loan that the last events reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Sequence of its position.
    pub(crate) sequence: u32,
    /// Whether it has ended.
    pub(crate) ended: bool,
    /// Whether it was below the initial margin.
    pub(crate) margin_call: bool,
}

/// The stored state.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// The next deposit index to use.
    pub(crate) next_deposit: u64,
    /// All operations in order of creation.
    pub(crate) operations: Vec<Operation>,
    /// Memory of idempotency keys, by key.
    pub(crate) remembered: BTreeMap<String, Remembered>,
    /// Answers to claims that came with an idempotency key, by the id that the key led to.
    #[serde(default)]
    pub(crate) claims: BTreeMap<String, Claimed>,
    /// Requests, quotes and swaps.
    #[serde(default)]
    pub(crate) book: Book,
    /// States of loans that events reported.
    #[serde(default)]
    pub(crate) loans: BTreeMap<Id, Told>,
    /// Progress of the exchange of messages.
    #[serde(default)]
    pub(crate) mail: Mail,
}

impl State {
    /// Returns the operation with this id.
    pub(crate) fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|o| o.id == id)
    }

    /// Returns the operation with this id, to change it.
    pub(crate) fn operation_mut(&mut self, id: &str) -> Option<&mut Operation> {
        self.operations.iter_mut().find(|o| o.id == id)
    }

    /// Returns the operation that carries our leg of a quote.
    pub(crate) fn carrier(&self, quote: &Quote) -> Option<&Operation> {
        self.operation(quote.operation.as_ref()?)
    }
}

/// The encrypted file.
pub(crate) struct Store {
    path: PathBuf,
    cipher: XChaCha20Poly1305,
}

impl Store {
    /// Makes the store of `seed` in `directory`.
    pub(crate) fn new(directory: &Path, seed: &Seed) -> Self {
        let key = zeroize::Zeroizing::new(derive::bytes32("wallet-state", &[seed.as_bytes()]));
        Self {
            path: directory.join("wallet.state"),
            cipher: XChaCha20Poly1305::new((&*key).into()),
        }
    }

    fn io(&self, source: std::io::Error) -> StoreError {
        StoreError::Io {
            path: self.path.clone(),
            source,
        }
    }

    /// Reads the state. An absent file is a new wallet.
    pub(crate) fn load(&self) -> Result<State, StoreError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(State::default()),
            Err(e) => return Err(self.io(e)),
        };
        let foreign = || StoreError::Foreign(self.path.clone());
        let sealed =
            bytes
                .strip_prefix(HEADER)
                .ok_or_else(|| match bytes.starts_with(ANY_HEADER) {
                    true => StoreError::Version(self.path.clone()),
                    false => StoreError::Malformed(self.path.clone()),
                })?;
        let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or_else(foreign)?;
        let opened = self
            .cipher
            .decrypt(
                XNonce::from_slice(nonce),
                Payload {
                    msg: sealed,
                    aad: HEADER,
                },
            )
            .map_err(|_| foreign())?;
        serde_json::from_slice(&opened).map_err(|_| StoreError::Malformed(self.path.clone()))
    }

    /// Replaces the file: writes a new one next to it, syncs it and renames it.
    pub(crate) fn save(&self, state: &State) -> Result<(), StoreError> {
        let plain =
            zeroize::Zeroizing::new(serde_json::to_vec(state).map_err(|e| self.io(e.into()))?);
        let mut nonce = [0u8; 24];
        rand::rngs::OsRng.fill_bytes(&mut nonce);
        let sealed = self
            .cipher
            .encrypt(
                XNonce::from_slice(&nonce),
                Payload {
                    msg: &plain,
                    aad: HEADER,
                },
            )
            .map_err(|_| self.io(std::io::Error::other("encryption failed")))?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory).map_err(|e| self.io(e))?;
        for part in [HEADER, &nonce, &sealed] {
            file.write_all(part).map_err(|e| self.io(e))?;
        }
        file.as_file().sync_all().map_err(|e| self.io(e))?;
        file.persist(&self.path).map_err(|e| self.io(e.error))?;
        // The rename is durable only once the directory is synced.
        fs::File::open(directory)
            .and_then(|d| d.sync_all())
            .map_err(|e| self.io(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_from_before_there_were_swaps_is_read() {
        let old = r#"{"next_deposit":3,"operations":[],"remembered":{}}"#;
        let state: State = serde_json::from_str(old).unwrap();
        assert_eq!((state.next_deposit, state.mail.cursor), (3, 0));
        assert!(state.book.quotes().next().is_none());
        let again = serde_json::to_string(&state).unwrap();
        assert!(serde_json::from_str::<State>(&again).is_ok());
    }

    #[test]
    fn a_state_of_another_version_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), &Seed::from_bytes([1; 32]));
        let path = dir.path().join("wallet.state");
        fs::write(&path, b"subrosa wallet state 1\n0123456789").unwrap();
        assert!(matches!(store.load(), Err(StoreError::Version(_))));
        fs::write(&path, b"another file").unwrap();
        assert!(matches!(store.load(), Err(StoreError::Malformed(_))));
    }

    #[test]
    fn opens_only_under_its_seed_and_shows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), &Seed::from_bytes([1; 32]));
        assert_eq!(
            store.load().unwrap().next_deposit,
            0,
            "an absent file is a new wallet"
        );
        let remembered = Remembered {
            request: "aa".into(),
            operation: "marker-operation".into(),
        };
        let state = State {
            next_deposit: 9,
            remembered: [("k".into(), remembered)].into(),
            ..State::default()
        };
        store.save(&state).unwrap();
        assert_eq!(store.load().unwrap().next_deposit, 9);

        let other = Store::new(dir.path(), &Seed::from_bytes([2; 32]));
        assert!(matches!(other.load(), Err(StoreError::Foreign(_))));
        let mut bytes = fs::read(dir.path().join("wallet.state")).unwrap();
        assert!(!bytes.windows(6).any(|w| w == b"marker"));
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(dir.path().join("wallet.state"), bytes).unwrap();
        assert!(matches!(store.load(), Err(StoreError::Foreign(_))));
    }
}
