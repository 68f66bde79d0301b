//! Copies: a backup while the sequencer runs, and what a store that is rebuilt takes over.

use std::path::{Path, PathBuf};

use rocksdb::{DB, IteratorMode, WriteBatch};
use subrosa_protocol::Fr;

use super::{
    Changes, Store, StoreError, options,
    tables::{
        self, Bytes, Identity, Mempool, Messages, Meta, MetaKey, OracleCursor, PriceSnapshots,
        Submissions, TransactionRecord, Transactions, Value,
    },
};
use crate::{
    submission::ParsedSubmission,
    wire::{Word, word},
};

/// Bytes that are written at once.
const PART: usize = 4 << 20;
/// File of a copy with the number of its entries.
const COUNT: &str = "ENTRIES";
/// Times that a running store is opened anew because it replaced a file meanwhile.
const ATTEMPTS: usize = 5;

/// Writes a consistent copy of a store into a new directory. A sequencer may use the store: the
/// copy has everything that was answered before the call. Tells `progress` the number of entries
/// now and then, and returns it.
///
/// # Errors
/// [`StoreError`], for instance if `to` exists. An incomplete copy is left beside it, under the
/// name of `to` with the ending `partial`.
pub fn copy(from: &Path, to: &Path, mut progress: impl FnMut(u64)) -> Result<u64, StoreError> {
    let partial = beside(to);
    for path in [to, &partial] {
        if path.exists() {
            return Err(StoreError::Exists { path: path.into() });
        }
    }
    if is_inside(to, from) {
        return Err(StoreError::Inside { path: to.into() });
    }
    let scratch = tempfile::tempdir().map_err(on_disk(to))?;
    let source = reader(from, scratch.path())?;
    let target = Store::open(&partial)?;
    let mut entries = 0;
    for name in tables::ALL {
        let missing = StoreError::Table { table: name };
        let theirs = source.cf_handle(name).ok_or(missing)?;
        let missing = StoreError::Table { table: name };
        let ours = target.db.cf_handle(name).ok_or(missing)?;
        let mut part = WriteBatch::default();
        for entry in source.iterator_cf(theirs, IteratorMode::Start) {
            let (key, value) = entry.map_err(|source| StoreError::Database {
                path: from.to_owned(),
                source,
            })?;
            part.put_cf(ours, key, value);
            entries += 1;
            if part.size_in_bytes() >= PART {
                target.write(std::mem::take(&mut part), false)?;
                progress(entries);
            }
        }
        target.write(part, true)?;
    }
    drop(target);
    let count = partial.join(COUNT);
    std::fs::write(&count, entries.to_string()).map_err(on_disk(&count))?;
    put_in_place(&partial, to)?;
    Ok(entries)
}

/// Whether a path that need not exist is within a directory.
fn is_inside(path: &Path, directory: &Path) -> bool {
    let Ok(path) = std::path::absolute(path) else {
        return false;
    };
    let above = path.ancestors().skip(1);
    let above = above.filter_map(|above| above.canonicalize().ok()).next();
    let directory = directory.canonicalize();
    above.is_some_and(|above| directory.is_ok_and(|directory| above.starts_with(directory)))
}

/// Renames a complete directory, once it is on the disk. Otherwise a loss of power could leave its
/// name and not its files.
fn put_in_place(partial: &Path, to: &Path) -> Result<(), StoreError> {
    let sync = |path: &Path| {
        let file = std::fs::File::open(path).and_then(|file| file.sync_all());
        file.map_err(on_disk(path))
    };
    for entry in std::fs::read_dir(partial).map_err(on_disk(partial))? {
        sync(&entry.map_err(on_disk(partial))?.path())?;
    }
    sync(partial)?;
    std::fs::rename(partial, to).map_err(on_disk(to))?;
    let to = std::path::absolute(to).map_err(on_disk(to))?;
    to.parent().map_or(Ok(()), sync)
}

/// Puts a copy in the place of a missing store. The copy stays as it is, and the store appears
/// whole or not at all. Returns the number of entries.
///
/// # Errors
/// [`StoreError`] if the store exists, or the copy is none or lacks entries.
pub fn restore(from: &Path, store: &Path) -> Result<u64, StoreError> {
    let none = || StoreError::NoCopy { path: from.into() };
    let partial = beside(store);
    for path in [store, &partial] {
        if path.exists() {
            return Err(StoreError::Exists { path: path.into() });
        }
    }
    let count = std::fs::read_to_string(from.join(COUNT)).map_err(|_| none())?;
    let expected: u64 = count.parse().map_err(|_| none())?;
    std::fs::create_dir_all(&partial).map_err(on_disk(&partial))?;
    let put = || {
        for entry in std::fs::read_dir(from).map_err(on_disk(from))? {
            let entry = entry.map_err(on_disk(from))?;
            let path = entry.path();
            if path.is_file() && entry.file_name() != COUNT {
                let copied = std::fs::copy(&path, partial.join(entry.file_name()));
                copied.map_err(on_disk(&path))?;
            }
        }
        let found = entries(&Store::open(&partial)?)?;
        if found != expected {
            return Err(StoreError::Damaged {
                path: from.into(),
                found,
                expected,
            });
        }
        put_in_place(&partial, store)
    };
    let put = put();
    if put.is_err() {
        // What is left is of no use.
        let _ = std::fs::remove_dir_all(&partial);
    }
    put.map(|()| expected)
}

/// Counts the entries of all tables.
fn entries(store: &Store) -> Result<u64, StoreError> {
    let mut entries = 0;
    for name in tables::ALL {
        let missing = StoreError::Table { table: name };
        let table = store.db.cf_handle(name).ok_or(missing)?;
        for entry in store.db.iterator_cf(table, IteratorMode::Start) {
            entry.map_err(|source| store.database(source))?;
            entries += 1;
        }
    }
    Ok(entries)
}

/// Returns the name under which a directory is made before it is complete.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn on_disk(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Disk { path, source }
}

/// Opens a store for reading, at one point in time. Another process may write to it.
fn reader(path: &Path, scratch: &Path) -> Result<DB, StoreError> {
    let mut attempt = 1;
    loop {
        let mut settings = options::database();
        settings.create_if_missing(false);
        settings.create_missing_column_families(false);
        // A file that the writer deletes stays readable as long as it is open.
        settings.set_max_open_files(-1);
        let families = options::families();
        match DB::open_cf_descriptors_as_secondary(&settings, path, scratch, families) {
            Ok(db) => return Ok(db),
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            Err(source) => {
                return Err(StoreError::Database {
                    path: path.to_owned(),
                    source,
                });
            }
        }
    }
}

/// Puts everything of an old store into a new one that L1 does not hold for good: the
/// transactions that were accepted and are not final, the price snapshots, and the
/// mailbox. Returns the number of the transactions that were taken over, and of those that were
/// left. All are left if their proofs are for another transaction circuit than the one whose key
/// has the hash `key_hash`: no start would take them.
///
/// # Errors
/// [`StoreError`] of the databases. Nothing is written then. An entry that cannot be decoded is
/// left behind.
pub fn carry(
    old: &Store,
    new: &Store,
    context: &Fr,
    key_hash: &[u8; 32],
) -> Result<(usize, usize), StoreError> {
    let mut changes = new.change();
    let (mut carried, mut left) = (0, 0);
    let identity = old.get::<Meta>(&MetaKey::Identity)?;
    let identity = identity.and_then(|Bytes(bytes)| Identity::decode(&bytes).ok());
    let provable = identity.is_none_or(|identity| identity.key_hash == *key_hash);
    let mut take = |sequence, bytes| {
        if !provable {
            left += 1;
        } else if accept(&mut changes, sequence, bytes, context)? {
            carried += 1;
        }
        Ok::<_, StoreError>(())
    };
    // A store whose finality cannot be read has no final batches.
    let last = old.get::<Meta>(&MetaKey::Final)?;
    let last = last.and_then(|Bytes(bytes)| bytes.try_into().ok());
    let first = last.map_or(0, u64::from_be_bytes);
    // Skips what cannot be read: damage may be why the store is made anew.
    for (_, batch) in old.range::<Submissions>(&first)?.flatten() {
        for (sequence, bytes) in batch.0 {
            take(sequence, bytes)?;
        }
    }
    for (sequence, Bytes(bytes)) in old.range::<Mempool>(&0)?.flatten() {
        take(sequence, bytes)?;
    }
    if let Some(head) = old.get::<Meta>(&MetaKey::Mailbox)? {
        for (sequence, message) in old.range::<Messages>(&0)?.flatten() {
            changes.put::<Messages>(&sequence, &message)?;
        }
        changes.put::<Meta>(&MetaKey::Mailbox, &head)?;
    }
    let cursor = old.get::<Meta>(&MetaKey::Oracle)?;
    if let Some(cursor) = cursor.filter(|Bytes(bytes)| OracleCursor::decode(bytes).is_ok()) {
        for (digest, stored) in old.range::<PriceSnapshots>(&Word::default())?.flatten() {
            if word(&stored.snapshot.digest()) == digest {
                changes.put::<PriceSnapshots>(&digest, &stored)?;
            }
        }
        changes.put::<Meta>(&MetaKey::Oracle, &cursor)?;
    }
    changes.commit()?;
    Ok((carried, left))
}

/// Records a submission as accepted and waiting. Returns whether it can be read.
fn accept(
    changes: &mut Changes<'_>,
    sequence: u64,
    bytes: Vec<u8>,
    context: &Fr,
) -> Result<bool, StoreError> {
    let Ok(submission) = ParsedSubmission::parse(bytes, context) else {
        return Ok(false);
    };
    changes.put::<Mempool>(&sequence, &Bytes(submission.bytes))?;
    let record = TransactionRecord::Pending { sequence };
    changes.put::<Transactions>(&submission.id, &record)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Before, a relative name without a directory was not looked at: the copy came into the store.
    #[test]
    fn a_relative_path_can_be_inside() {
        let dir = tempfile::tempdir().unwrap();
        assert!(is_inside(Path::new("copy"), Path::new(".")));
        assert!(is_inside(&dir.path().join("new").join("copy"), dir.path()));
        assert!(!is_inside(Path::new("copy"), dir.path()));
        assert!(!is_inside(dir.path(), dir.path()));
    }
}
