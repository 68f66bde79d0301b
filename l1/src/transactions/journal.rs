//! The journal: everything that was ever handed to a node and may still be mined, and the outcomes
//! of the newest ended transactions.
//!
//! It is stored before anything is sent, so that a restart knows every hash that can appear in a
//! block. It holds no key and no signature: a signature is a function of key and contents.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use thiserror::Error;

use super::{Repeat, node::Identity};
use crate::transport::Mined;

/// Version of the file's format.
const VERSION: u32 = 1;

/// One signed variant of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its hash.
    pub hash: B256,
    /// Whether it cancels: a transfer of nothing to the account itself.
    pub cancels: bool,
    /// Gas limit.
    pub gas_limit: u64,
    /// Highest fee, wei per gas.
    pub max_fee: u64,
    /// Priority fee, wei per gas.
    pub tip: u64,
    /// When it was stored, Unix seconds.
    pub at: u64,
}

/// How a transaction ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was mined and succeeded.
    Mined(Mined),
    /// It was mined and reverted.
    Reverted {
        /// Hash of the mined variant.
        hash: B256,
        /// Block number.
        block: u64,
        /// Name of the contract's error.
        reason: String,
    },
    /// The transfer that cancels it was mined.
    Cancelled {
        /// Hash of the mined variant.
        hash: B256,
        /// Block number.
        block: u64,
    },
    /// A transaction that is not the manager's used its nonce.
    Superseded,
}

impl Outcome {
    /// Returns hash and block of the mined variant.
    #[must_use]
    pub fn place(&self) -> Option<(B256, u64)> {
        match self {
            Self::Mined(mined) => Some((mined.hash, mined.block)),
            Self::Reverted { hash, block, .. } | Self::Cancelled { hash, block } => {
                Some((*hash, *block))
            }
            Self::Superseded => None,
        }
    }
}

/// A transaction that may still be mined, or whose block may still be taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Open {
    /// The caller's name for it.
    pub purpose: String,
    /// The meaning of a repeated request for the purpose.
    pub repeat: Repeat,
    /// Nonce of all its variants.
    pub nonce: u64,
    /// Contract or account called; `None` creates a contract.
    pub to: Option<Address>,
    /// Calldata or init code.
    pub data: Bytes,
    /// Wei sent with it.
    pub value: U256,
    /// Gas limit of the call.
    pub gas_limit: u64,
    /// When it was first stored, Unix seconds.
    pub created: u64,
    /// Whether somebody asked to cancel it.
    pub cancelling: bool,
    /// All variants, oldest first.
    pub attempts: Vec<Attempt>,
    /// Its outcome, as of the newest block seen.
    pub outcome: Option<Outcome>,
    /// Block at which the nonce was first seen to be used by an unknown transaction.
    pub used_at: Option<u64>,
}

/// A transaction that has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ended {
    /// The caller's name for it.
    pub purpose: String,
    /// Its nonce.
    pub nonce: u64,
    /// Its outcome.
    pub outcome: Outcome,
}

/// Contents of a journal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Book {
    /// Smallest nonce that was never assigned here.
    pub next_nonce: u64,
    /// Open transactions in the order of their nonces.
    pub open: Vec<Open>,
    /// Ended transactions, oldest first.
    pub ended: Vec<Ended>,
}

/// The reason why a journal could not be read or written.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The operating system failed.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Another process sends from this account with this journal.
    #[error(
        "another process uses {}: stop it first, because two senders of one account would take \
         each other's nonces", .0.display()
    )]
    Locked(PathBuf),
    /// The file is not a journal, or one of another account, chain or version.
    #[error(
        "{} is not this account's transaction journal: restore it from a backup; without it, \
         wait until the account has no pending transaction, and move the file away", .0.display()
    )]
    Malformed(PathBuf),
}

/// A place for a book.
pub trait Journal: Send + Sync + 'static {
    /// Reads the book. It is empty at first.
    ///
    /// # Errors
    /// [`JournalError`].
    fn load(&self) -> Result<Book, JournalError>;

    /// Replaces the book. When it returns, the new one survives a loss of power.
    ///
    /// # Errors
    /// [`JournalError`]; the old book is then intact.
    fn save(&self, book: &Book) -> Result<(), JournalError>;
}

/// A journal that ends with the process: for chains that end with it, and for tests.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Book>);

impl Journal for MemoryJournal {
    fn load(&self) -> Result<Book, JournalError> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(book.clone())
    }

    fn save(&self, book: &Book) -> Result<(), JournalError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = book.clone();
        Ok(())
    }
}

/// The file's contents.
#[derive(Serialize, Deserialize)]
struct Stored<B> {
    version: u32,
    chain_id: u64,
    genesis: B256,
    account: Address,
    book: B,
}

/// A journal in a file that is replaced as a whole. Only its owner can read it, and one process at
/// a time holds it.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    chain: Identity,
    account: Address,
    /// Held until the journal is dropped.
    _lock: File,
}

impl FileJournal {
    /// Opens the journal of `account` on `chain` in `directory`, which is created if absent.
    ///
    /// # Errors
    /// [`JournalError::Locked`] if another process holds it, [`JournalError::Io`] otherwise.
    pub fn open(directory: &Path, chain: Identity, account: Address) -> Result<Self, JournalError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| JournalError::Io { path, source }
        };
        private_directory(directory).map_err(failed(directory))?;
        let genesis = hex::encode(&chain.genesis[..4]);
        let account_hex = hex::encode(account);
        let name = format!("{}-{genesis}-{account_hex}", chain.chain_id);
        let path = directory.join(format!("{name}.json"));
        let lock_path = directory.join(format!("{name}.lock"));
        let lock = private().open(&lock_path).map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Locked(path)),
            Err(TryLockError::Error(source)) => return Err(failed(&lock_path)(source)),
        }
        Ok(Self {
            path,
            chain,
            account,
            _lock: lock,
        })
    }

    fn io(&self, source: io::Error) -> JournalError {
        JournalError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        // Only its owner can read a file that is made so.
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        File::open(directory)?.sync_all()
    }
}

impl Journal for FileJournal {
    fn load(&self) -> Result<Book, JournalError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Book::default()),
            Err(e) => return Err(self.io(e)),
        };
        let malformed = || JournalError::Malformed(self.path.clone());
        let stored: Stored<Book> = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        let ours = stored.version == VERSION
            && stored.chain_id == self.chain.chain_id
            && stored.genesis == self.chain.genesis
            && stored.account == self.account;
        ours.then_some(stored.book).ok_or_else(malformed)
    }

    fn save(&self, book: &Book) -> Result<(), JournalError> {
        let stored = Stored {
            version: VERSION,
            chain_id: self.chain.chain_id,
            genesis: self.chain.genesis,
            account: self.account,
            book,
        };
        let bytes = serde_json::to_vec(&stored).map_err(|e| self.io(e.into()))?;
        self.replace(&bytes).map_err(|e| self.io(e))
    }
}

/// Returns how to open a lock that only its owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

fn private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}
