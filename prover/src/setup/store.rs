//! Files of keys: named by their hash, listed in a manifest, replaced atomically.
//!
//! A file is written under a temporary name, synced and renamed. The manifest is replaced last;
//! only listed files are used. A reader therefore sees either the old keys or the new ones. The
//! process that makes keys holds the lock file, so that two processes do not make the same keys.
//! Files of gigabytes are hashed while they are read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::SetupError;

const MANIFEST: &str = "manifest.json";
const LOCK: &str = ".lock";
const VERSION: u32 = 1;

/// Number of bytes read, hashed and written at a time.
const BUFFER: usize = 1 << 20;

/// The list of a directory's keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    version: u32,
    /// Entries by name, such as `transaction`, `padding`, `kzg-16` or `batch-4`.
    pub(super) entries: BTreeMap<String, Entry>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            version: VERSION,
            entries: BTreeMap::new(),
        }
    }
}

/// A key or a set of parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Whether it was made here for development. The operator of this machine could have kept the
    /// trapdoor.
    pub(super) unsafe_development: bool,
    /// Hash of the circuit; for a batch key also of its parameters; for the padding proof, of the
    /// verifying key and the statement.
    pub(super) fingerprint: String,
    /// Files by role, such as `pk`, `vk` or `columns`.
    pub(super) files: BTreeMap<String, FileRef>,
}

/// A file with the hash of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRef {
    /// Name within the directory.
    pub(super) name: String,
    /// SHA-256, hexadecimal.
    pub(super) sha256: String,
    /// Length in bytes.
    pub(super) bytes: u64,
}

/// A directory of keys.
#[derive(Clone, Debug)]
pub(super) struct Store {
    dir: PathBuf,
}

/// The right to make keys; dropping it releases the lock.
#[derive(Debug)]
pub(super) struct Exclusive {
    _file: File,
}

impl Store {
    pub(super) fn open(dir: &Path) -> Result<Self, SetupError> {
        fs::create_dir_all(dir).map_err(|source| SetupError::io(dir, source))?;
        let store = Self {
            dir: dir.to_path_buf(),
        };
        store.manifest()?;
        Ok(store)
    }

    pub(super) fn manifest(&self) -> Result<Manifest, SetupError> {
        let path = self.dir.join(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Manifest::default());
            }
            Err(error) => return Err(SetupError::io(&path, error)),
        };
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|source| SetupError::Manifest {
                path: path.clone(),
                reason: source.to_string(),
            })?;
        if manifest.version == VERSION {
            Ok(manifest)
        } else {
            Err(SetupError::Manifest {
                path,
                reason: format!("version {} is not {VERSION}", manifest.version),
            })
        }
    }

    pub(super) fn entry(&self, name: &str) -> Result<Option<Entry>, SetupError> {
        Ok(self.manifest()?.entries.remove(name))
    }

    /// Replaces the manifest in one step.
    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<(), SetupError> {
        let failed = |source| SetupError::io(&self.dir.join(MANIFEST), source);
        let mut temporary = NamedTempFile::new_in(&self.dir).map_err(failed)?;
        serde_json::to_writer_pretty(&mut temporary, manifest)
            .map_err(|error| failed(error.into()))?;
        temporary.as_file().sync_all().map_err(failed)?;
        temporary
            .persist(self.dir.join(MANIFEST))
            .map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Returns the directory.
    pub(super) fn directory(&self) -> &Path {
        &self.dir
    }

    /// Waits for the lock and returns the right to make keys.
    pub(super) fn exclusive(&self) -> Result<Exclusive, SetupError> {
        let path = self.dir.join(LOCK);
        let file = File::create(&path).map_err(|source| SetupError::io(&path, source))?;
        file.lock()
            .map_err(|source| SetupError::io(&path, source))?;
        Ok(Exclusive { _file: file })
    }

    /// Returns the content of a small file, if it matches the manifest.
    pub(super) fn read(&self, file: &FileRef) -> Result<Vec<u8>, SetupError> {
        self.stream(file, |reader| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    /// Passes a file to `read` as a stream, so that it is never entirely in memory. Returns the
    /// result of `read` if the file matches the manifest.
    ///
    /// The length is checked before, the content only at the end. `read` must therefore not rely on
    /// the content; its result is discarded if the content is wrong.
    pub(super) fn stream<T>(
        &self,
        file: &FileRef,
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T, SetupError> {
        let path = self.path_of(file)?;
        let failed = |source| SetupError::io(&path, source);
        let opened = File::open(&path).map_err(failed)?;
        if opened.metadata().map_err(failed)?.len() != file.bytes {
            return Err(SetupError::Corrupted { path });
        }
        let mut reader = BufReader::with_capacity(
            BUFFER,
            HashingReader {
                inner: opened,
                hasher: Sha256::new(),
            },
        );
        let outcome = read(&mut reader);
        io::copy(&mut reader, &mut io::sink()).map_err(failed)?;
        if hex::encode(reader.into_inner().hasher.finalize()) == file.sha256 {
            outcome.map_err(failed)
        } else {
            Err(SetupError::Corrupted { path })
        }
    }

    /// Returns the path of a file. A manifest may name files of its own directory only.
    pub(super) fn path_of(&self, file: &FileRef) -> Result<PathBuf, SetupError> {
        let name = Path::new(&file.name);
        if name.file_name() == Some(name.as_os_str()) {
            Ok(self.dir.join(name))
        } else {
            Err(SetupError::Manifest {
                path: self.dir.join(MANIFEST),
                reason: format!("{:?} is not a plain file name", file.name),
            })
        }
    }

    /// Writes a file under a name determined by its content.
    pub(super) fn write(
        &self,
        _held: &Exclusive,
        stem: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<FileRef, SetupError> {
        let staged = self.stage(content)?;
        self.keep(staged, stem)
    }

    /// Copies a file of another directory, if it has the length and the content that its manifest
    /// states. Nothing is left behind otherwise.
    pub(super) fn receive(
        &self,
        _held: &Exclusive,
        from: &Self,
        file: &FileRef,
        stem: &str,
    ) -> Result<FileRef, SetupError> {
        let staged = from.stream(file, |reader| {
            self.stage(|writer| io::copy(reader, writer).map(|_| ()))
                .map_err(io::Error::other)
        })?;
        self.keep(staged, stem)
    }

    /// Copies a file of another directory under a name of its own, if it has the length and the
    /// content that its manifest states.
    pub(super) fn copy(&self, from: &Self, file: &FileRef, name: &str) -> Result<(), SetupError> {
        let staged = from.stream(file, |reader| {
            self.stage(|writer| io::copy(reader, writer).map(|_| ()))
                .map_err(io::Error::other)
        })?;
        let kept = staged.temporary.persist(self.dir.join(name));
        kept.map_err(|error| SetupError::io(&self.dir, error.error))?;
        Ok(())
    }

    /// Writes and syncs a temporary file, which goes when it is dropped.
    fn stage(
        &self,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Staged, SetupError> {
        let failed = |source| SetupError::io(&self.dir, source);
        let temporary = NamedTempFile::new_in(&self.dir).map_err(failed)?;
        let mut writer = HashingWriter {
            inner: io::BufWriter::with_capacity(BUFFER, temporary),
            hasher: Sha256::new(),
            bytes: 0,
        };
        content(&mut writer).map_err(failed)?;
        let sha256 = hex::encode(writer.hasher.finalize());
        let bytes = writer.bytes;
        let temporary = writer
            .inner
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        temporary.as_file().sync_all().map_err(failed)?;
        Ok(Staged {
            temporary,
            sha256,
            bytes,
        })
    }

    /// Gives a staged file its name.
    fn keep(&self, staged: Staged, stem: &str) -> Result<FileRef, SetupError> {
        let name = format!("{stem}-{}.bin", &staged.sha256[..16]);
        staged
            .temporary
            .persist(self.dir.join(&name))
            .map_err(|error| SetupError::io(&self.dir, error.error))?;
        Ok(FileRef {
            name,
            sha256: staged.sha256,
            bytes: staged.bytes,
        })
    }

    /// Adds an entry to the manifest. Replaces an earlier entry of the same name and removes its
    /// files.
    pub(super) fn commit(
        &self,
        held: &Exclusive,
        name: &str,
        entry: Entry,
    ) -> Result<(), SetupError> {
        self.commit_all(held, BTreeMap::from([(name.to_owned(), entry)]))
    }

    /// Adds entries to the manifest in one step. Replaces earlier entries of the same names and
    /// removes their files.
    pub(super) fn commit_all(
        &self,
        _held: &Exclusive,
        entries: BTreeMap<String, Entry>,
    ) -> Result<(), SetupError> {
        let failed = |source| SetupError::io(&self.dir.join(MANIFEST), source);
        let mut manifest = self.manifest()?;
        let mut replaced = Vec::new();
        for (name, entry) in entries {
            if let Some(old) = manifest.entries.insert(name.clone(), entry) {
                tracing::warn!(keys = %name, "replaced: those before were of another circuit");
                replaced.push(old);
            }
        }
        self.write_manifest(&manifest)?;
        File::open(&self.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(failed)?;

        let in_use: Vec<&String> = manifest
            .entries
            .values()
            .flat_map(|entry| entry.files.values().map(|file| &file.name))
            .collect();
        for file in replaced.iter().flat_map(|entry| entry.files.values()) {
            if !in_use.contains(&&file.name) {
                // Ignore a failure: a file left behind only costs space.
                if let Ok(path) = self.path_of(file) {
                    let _ = fs::remove_file(path);
                }
            }
        }
        Ok(())
    }
}

/// A written file without a name.
struct Staged {
    temporary: NamedTempFile,
    sha256: String,
    bytes: u64,
}

/// Hashes the bytes that are read through it.
struct HashingReader<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// Hashes and counts the bytes that are written through it.
struct HashingWriter<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
