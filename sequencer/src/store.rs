//! The store: RocksDB with typed tables. Each step of the pipeline writes everything that must
//! survive a crash in one synced write batch, so that the step either happened or did not.

mod codec;
mod copy;
mod options;
pub mod tables;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use codec::CodecError;
pub use copy::{carry, copy, restore};
use rocksdb::{ColumnFamily, DB, Direction, IteratorMode, WriteBatch, WriteOptions};
use tables::{Bytes, Key, LedgerCheckpoints, Table, Value};

/// Number of ledger checkpoints that are kept: the newest, and the one before it in case the batch
/// of the newest is dropped.
const CHECKPOINTS: usize = 2;

/// Version of the store's layout.
pub const SCHEMA: u64 = 3;

/// The reason why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// RocksDB failed.
    #[error("the store at {path} failed: {source}")]
    Database {
        /// Directory of the store.
        path: PathBuf,
        /// The error of RocksDB.
        source: rocksdb::Error,
    },
    /// Another process has the store open, or this one has it twice.
    #[error("{path} is in use: stop the process that has this store open, or name another store")]
    InUse {
        /// Directory of the store.
        path: PathBuf,
    },
    /// The operating system failed.
    #[error("{path}: {source}")]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A directory stands where a new one is to be made.
    #[error("{path} exists; name a directory that is not there yet, or move this one away")]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// A copy is to be made inside of the store.
    #[error("{path} is inside of the store; name a directory outside of it")]
    Inside {
        /// The directory.
        path: PathBuf,
    },
    /// The directory is no copy of a store.
    #[error("{path} is no copy of a store; name a directory that `backup` made")]
    NoCopy {
        /// The directory.
        path: PathBuf,
    },
    /// A copy lacks entries.
    #[error("the copy {path} is damaged: it has {found} of {expected} entries; use another copy")]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// Entries that it has.
        found: u64,
        /// Entries that it had.
        expected: u64,
    },
    /// Stored bytes cannot be read.
    #[error("table {table} holds an unreadable entry: {source}")]
    Codec {
        /// The table.
        table: &'static str,
        /// The fault in the bytes.
        source: CodecError,
    },
    /// The column family does not exist. Somebody changed the directory by hand.
    #[error("table {table} is missing; the store's directory was changed by hand")]
    Table {
        /// The table.
        table: &'static str,
    },
}

/// The open store. RocksDB locks the directory, so that one process holds it at a time.
pub struct Store {
    db: DB,
    path: PathBuf,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish()
    }
}

impl Store {
    /// Opens the store. Creates it and its tables if they do not exist.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process holds the store, [`StoreError::Database`] for any
    /// other failure.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = DB::open_cf_descriptors(&options::database(), path, options::families());
        let db = opened.map_err(|source| {
            let path = path.to_owned();
            // RocksDB has no kind of error for it: "While lock file: …/LOCK: …" of another process,
            // "lock hold by current process" of this one.
            let locked = source.kind() == rocksdb::ErrorKind::IOError
                && ["While lock file", "lock hold by"]
                    .iter()
                    .any(|text| source.as_ref().contains(text));
            if locked {
                StoreError::InUse { path }
            } else {
                StoreError::Database { path, source }
            }
        })?;
        Ok(Self {
            db,
            path: path.to_owned(),
        })
    }

    fn database(&self, source: rocksdb::Error) -> StoreError {
        StoreError::Database {
            path: self.path.clone(),
            source,
        }
    }

    fn family<T: Table>(&self) -> Result<&ColumnFamily, StoreError> {
        self.db
            .cf_handle(T::NAME)
            .ok_or(StoreError::Table { table: T::NAME })
    }

    /// Returns the value at a key.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails or the value cannot be read.
    pub fn get<T: Table>(&self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        let found = self
            .db
            .get_pinned_cf(self.family::<T>()?, key.encode())
            .map_err(|source| self.database(source))?;
        found
            .map(|bytes| {
                T::Value::decode(&bytes).map_err(|source| StoreError::Codec {
                    table: T::NAME,
                    source,
                })
            })
            .transpose()
    }

    /// Returns the entries from `from` on, in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails. Each entry can fail on its own.
    #[allow(clippy::type_complexity)]
    pub fn range<T: Table>(
        &self,
        from: &T::Key,
    ) -> Result<impl Iterator<Item = Result<(T::Key, T::Value), StoreError>> + '_, StoreError> {
        let family = self.family::<T>()?;
        let start = from.encode();
        let entries = self
            .db
            .iterator_cf(family, IteratorMode::From(&start, Direction::Forward));
        Ok(entries.map(|entry| {
            let (key, value) = entry.map_err(|source| self.database(source))?;
            let unreadable = |source| StoreError::Codec {
                table: T::NAME,
                source,
            };
            Ok((
                T::Key::decode(&key).map_err(unreadable)?,
                T::Value::decode(&value).map_err(unreadable)?,
            ))
        }))
    }

    /// Returns all entries of a table with integer keys.
    ///
    /// # Errors
    /// As [`Store::range`].
    pub fn all<T: Table<Key = u64>>(&self) -> Result<BTreeMap<u64, T::Value>, StoreError> {
        self.range::<T>(&0)?.collect()
    }

    /// Writes entries, and waits until they are on disk if `sync` says so.
    fn write(&self, batch: WriteBatch, sync: bool) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        let written = self.db.write_opt(batch, &options);
        written.map_err(|source| self.database(source))
    }

    /// Starts a set of changes that are applied together.
    pub fn change(&self) -> Changes<'_> {
        Changes {
            store: self,
            batch: WriteBatch::default(),
        }
    }
}

/// Changes that are applied together or not at all.
pub struct Changes<'a> {
    store: &'a Store,
    batch: WriteBatch,
}

impl Changes<'_> {
    /// Writes a value.
    ///
    /// # Errors
    /// [`StoreError::Table`] only.
    pub fn put<T: Table>(&mut self, key: &T::Key, value: &T::Value) -> Result<(), StoreError> {
        self.batch
            .put_cf(self.store.family::<T>()?, key.encode(), value.encode());
        Ok(())
    }

    /// Removes a value.
    ///
    /// # Errors
    /// [`StoreError::Table`] only.
    pub fn delete<T: Table>(&mut self, key: &T::Key) -> Result<(), StoreError> {
        self.batch
            .delete_cf(self.store.family::<T>()?, key.encode());
        Ok(())
    }

    /// Writes a checkpoint of the ledger, and deletes those beyond the newest few.
    ///
    /// # Errors
    /// [`StoreError`] if the kept checkpoints cannot be read.
    pub(crate) fn keep_checkpoint(&mut self, index: u64, bytes: Vec<u8>) -> Result<(), StoreError> {
        let store = self.store;
        let kept = store.range::<LedgerCheckpoints>(&0)?;
        let kept: Vec<u64> = kept
            .map(|entry| entry.map(|(key, _)| key))
            .collect::<Result<_, _>>()?;
        for old in kept.iter().rev().skip(CHECKPOINTS - 1) {
            self.delete::<LedgerCheckpoints>(old)?;
        }
        self.put::<LedgerCheckpoints>(&index, &Bytes(bytes))
    }

    /// Whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Applies all changes and waits until they are on disk.
    ///
    /// # Errors
    /// [`StoreError::Database`]. It is then unknown whether the changes are on disk.
    pub fn commit(self) -> Result<(), StoreError> {
        self.store.write(self.batch, true)
    }
}
