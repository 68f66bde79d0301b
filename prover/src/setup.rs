//! The source of keys: development keys made on first use and kept in files, and KZG parameters of
//! a public ceremony.
//!
//! Each key is tied to its circuit: the manifest holds the hash of the circuit (for a batch key
//! also of the parameters) and of every file. The batch circuit contains the verifying key of the
//! transaction circuit, so a new transaction key requires new batch keys.
//!
//! Keys made here are marked `unsafe_development`. Their trapdoor is discarded at once, but only
//! the operator of the machine can know that. A node on a chain with value refuses them.
//!
//! ```no_run
//! use subrosa_prover::progress::Silent;
//! use subrosa_prover::setup::KeyStore;
//!
//! let store = KeyStore::open("keys".as_ref())?;
//! // Optional: use the parameters of a public ceremony for batch keys.
//! store.import_srs("kzg_bn254_20.srs".as_ref())?;
//! let keys = store.transaction(&Silent)?;
//! println!("{} constraints", keys.constraints());
//! # Ok::<(), subrosa_prover::setup::SetupError>(())
//! ```

pub mod bundle;
mod halo2;
mod padding;
mod srs;
mod store;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ark_bn254::{Bn254, Fr};
use ark_groth16::{Groth16, ProvingKey};
use ark_relations::gr1cs::{ConstraintSynthesizer, SynthesisError};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use halo2_proofs::poly::commitment::Params;
use rand::rngs::OsRng;
use subrosa_batch::{BatchCircuit, COMMITTED};
use subrosa_protocol::batch::Shape;
use subrosa_transaction::TransactionCircuit;

pub use srs::{SrsError, check_parameters};

use crate::backend::{Backend, CpuBackend};
use crate::batch::BatchKeys;
use crate::device::Device;
use crate::groth16::{
    ConstraintMatrices, Groth16Prover, KeyError, KeyShapeError, ProveError, TransactionKeys,
    TransactionVerifier,
};
use crate::progress::Progress;
use store::{Entry, FileRef, Store};

/// Why keys could not be loaded or made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// An operation of the file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The manifest is invalid.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The content of a file changed after it was written. New development keys, which differ from
    /// the old ones, are made if the directory is deleted.
    #[error("{} does not have the content that the manifest states", path.display())]
    Corrupted {
        /// The file.
        path: PathBuf,
    },
    /// Keys of a ceremony belong to another circuit, and must not be replaced by development keys.
    #[error("the keys {name:?} belong to another circuit, and cannot be replaced here")]
    Outdated {
        /// Name of the keys in the manifest.
        name: String,
    },
    /// The directory has other keys of this name.
    #[error(
        "the directory has other keys {name:?} already: name another directory with --keys, or \
         replace them with --replace"
    )]
    Exists {
        /// Name of the keys in the manifest.
        name: String,
    },
    /// A bundle of keys is refused.
    #[error("the bundle is refused: {reason}")]
    Bundle {
        /// The fault.
        reason: String,
    },
    /// A circuit could not be synthesised.
    #[error("the circuit could not be synthesised: {0}")]
    Synthesis(#[from] SynthesisError),
    /// A verifying key is unsafe or malformed.
    #[error("the verifying key is refused: {0}")]
    Key(#[from] KeyError),
    /// A proving key does not fit its circuit.
    #[error("the proving key is refused: {0}")]
    KeyShape(#[from] KeyShapeError),
    /// A parameter file is refused.
    #[error("{}: {reason}", path.display())]
    Parameters {
        /// The file.
        path: PathBuf,
        /// Reason of the refusal.
        reason: SrsError,
    },
    /// The padding statement could not be proven.
    #[error("the padding proof: {0}")]
    Padding(#[from] ProveError),
    /// halo2 could not make or read a key.
    #[error("batch key: {0}")]
    Plonk(String),
    /// [`Progress::cancelled`] returned true.
    #[error("cancelled")]
    Cancelled,
}

impl SetupError {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }
}

/// A directory of keys and parameters. Cheap to clone; clones share loaded keys.
#[derive(Clone, Debug)]
pub struct KeyStore {
    store: Store,
    backend: Arc<dyn Backend>,
    device: Device,
    loaded: Arc<Mutex<Loaded>>,
}

/// Keys that are still in use, which need not be loaded again.
#[derive(Debug, Default)]
struct Loaded {
    transaction: Weak<TransactionKeys>,
    batch: HashMap<usize, Weak<BatchKeys>>,
}

impl KeyStore {
    /// Opens a directory, and creates it if necessary.
    ///
    /// # Errors
    /// [`SetupError::Io`] or [`SetupError::Manifest`].
    pub fn open(dir: &Path) -> Result<Self, SetupError> {
        Self::open_with(dir, Arc::new(CpuBackend))
    }

    /// As [`KeyStore::open`], with another device for Groth16 proofs.
    ///
    /// # Errors
    /// As [`KeyStore::open`].
    pub fn open_with(dir: &Path, backend: Arc<dyn Backend>) -> Result<Self, SetupError> {
        Ok(Self {
            store: Store::open(dir)?,
            backend,
            device: Device::default(),
            loaded: Arc::default(),
        })
    }

    /// Returns a store of the same directory whose batch keys prove on this device. Nothing is
    /// loaded yet.
    pub fn with_device(self, device: Device) -> Self {
        Self {
            device,
            loaded: Arc::default(),
            ..self
        }
    }

    /// Returns the keys of the transaction circuit. Makes development keys if there are no keys, or
    /// if the development keys belong to another version of the circuit.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn transaction(&self, progress: &dyn Progress) -> Result<Arc<TransactionKeys>, SetupError> {
        self.transaction_keys(&mut self.loaded(), progress)
    }

    /// Returns only the verifying key of the transaction circuit. As [`KeyStore::transaction`], but
    /// does not read the proving key.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn transaction_verifier(
        &self,
        progress: &dyn Progress,
    ) -> Result<TransactionVerifier, SetupError> {
        self.verifier(&mut self.loaded(), progress)
    }

    /// Returns the keys of the batch circuit of a shape, for the transaction circuit's verifying
    /// key. They use the parameters of [`KeyStore::import_srs`], or else development parameters,
    /// which are made if necessary. Makes keys of the transaction circuit first if there are none.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn batch(
        &self,
        shape: Shape,
        progress: &dyn Progress,
    ) -> Result<Arc<BatchKeys>, SetupError> {
        let mut loaded = self.loaded();
        let held = loaded.batch.get(&shape.slots()).and_then(Weak::upgrade);
        if let Some(keys) = held {
            return Ok(keys);
        }
        let clients = self.clients(&mut loaded, progress)?;
        let circuit = BatchCircuit::blank(shape, clients.key().clone());
        let name = format!("batch-{}", shape.slots());
        let k = BatchCircuit::k(shape);
        let (keys, unsafe_development) = self.halo2(&name, &circuit, k, COMMITTED, progress)?;
        let keys = BatchKeys::new(shape, keys.on(self.device), clients, unsafe_development)
            .map_err(|error| SetupError::Plonk(error.to_string()))?;
        let keys = Arc::new(keys);
        loaded.batch.insert(shape.slots(), Arc::downgrade(&keys));
        Ok(keys)
    }

    /// Checks a file of public KZG parameters (`kzg_bn254_K.srs`, halo2's raw format), copies it to
    /// the directory and returns its k. Later batch keys use it, or smaller parameters cut from it.
    ///
    /// The caller must compare the file with the ceremony's published hash.
    ///
    /// # Errors
    /// [`SetupError::Parameters`] with the reason, if the file is invalid.
    pub fn import_srs(&self, path: &Path) -> Result<u32, SetupError> {
        let bytes = std::fs::read(path).map_err(|source| SetupError::io(path, source))?;
        let params = srs::read_checked(&bytes).map_err(|reason| SetupError::Parameters {
            path: path.to_path_buf(),
            reason,
        })?;
        self.save_parameters(params.k(), &bytes, false)?;
        Ok(params.k())
    }

    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transaction_keys(
        &self,
        loaded: &mut Loaded,
        progress: &dyn Progress,
    ) -> Result<Arc<TransactionKeys>, SetupError> {
        if let Some(keys) = loaded.transaction.upgrade() {
            return Ok(keys);
        }
        let (prover, unsafe_development) =
            self.groth16("transaction", TransactionCircuit::blank, progress)?;
        let keys = Arc::new(TransactionKeys::new(
            prover,
            unsafe_development,
            self.backend.clone(),
        )?);
        loaded.transaction = Arc::downgrade(&keys);
        Ok(keys)
    }

    fn verifier(
        &self,
        loaded: &mut Loaded,
        progress: &dyn Progress,
    ) -> Result<TransactionVerifier, SetupError> {
        if let Some(keys) = loaded.transaction.upgrade() {
            return Ok(keys.verifier().clone());
        }
        proceed(progress, "transaction circuit")?;
        let matrices = ConstraintMatrices::synthesize(TransactionCircuit::blank())?;
        let current = self
            .store
            .entry("transaction")?
            .filter(|entry| entry.fingerprint == hex::encode(matrices.fingerprint));
        match current {
            Some(entry) => self.verifier_of(&entry),
            None => Ok(self.transaction_keys(loaded, progress)?.verifier().clone()),
        }
    }

    /// Returns the Groth16 keys of a circuit, and whether they are unsafe.
    fn groth16<C, F>(
        &self,
        name: &str,
        blank: F,
        progress: &dyn Progress,
    ) -> Result<(Groth16Prover, bool), SetupError>
    where
        C: ConstraintSynthesizer<Fr>,
        F: Fn() -> C + Sync,
    {
        proceed(progress, "transaction circuit")?;
        // Synthesise the circuit while reading the file. The file is used only if it belongs to the
        // circuit.
        let stored = || match self.store.entry(name)? {
            Some(entry) => Ok(Some((self.read_groth16(&entry)?, entry))),
            None => Ok::<_, SetupError>(None),
        };
        let (matrices, stored) = rayon::join(|| ConstraintMatrices::synthesize(blank()), stored);
        let matrices = matrices?;
        let fingerprint = hex::encode(matrices.fingerprint);
        if let Some((pk, entry)) = usable(name, &fingerprint, stored?)? {
            return Ok((Groth16Prover::new(pk, matrices)?, entry.unsafe_development));
        }

        let held = self.store.exclusive()?;
        // Another process may have made them in the meantime.
        if let Some(entry) = self.store.entry(name)?
            && entry.fingerprint == fingerprint
        {
            let pk = self.read_groth16(&entry)?;
            return Ok((Groth16Prover::new(pk, matrices)?, entry.unsafe_development));
        }
        proceed(progress, "transaction setup")?;
        let pk = Groth16::<Bn254>::generate_random_parameters_with_reduction(blank(), &mut OsRng)?;
        let vk = TransactionVerifier::new(pk.vk.clone(), true)?;
        proceed(progress, "writing transaction keys")?;
        let files = BTreeMap::from([
            (
                "pk".to_owned(),
                self.store.write(&held, &format!("{name}-pk"), |writer| {
                    pk.serialize_uncompressed(writer)
                        .map_err(std::io::Error::other)
                })?,
            ),
            (
                "vk".to_owned(),
                self.store.write(&held, &format!("{name}-vk"), |writer| {
                    writer.write_all(&vk.to_bytes())
                })?,
            ),
        ]);
        let entry = Entry {
            unsafe_development: true,
            fingerprint,
            files,
        };
        self.store.commit(&held, name, entry)?;
        Ok((Groth16Prover::new(pk, matrices)?, true))
    }

    /// Reads a proving key, and checks that it contains the verifying key stored beside it.
    fn read_groth16(&self, entry: &Entry) -> Result<ProvingKey<Bn254>, SetupError> {
        let file = self.file(entry, "pk")?;
        let bytes = self.store.read(file)?;
        let mut rest = &bytes[..];
        let pk = ProvingKey::<Bn254>::deserialize_uncompressed_unchecked(&mut rest)
            .ok()
            .filter(|_| rest.is_empty())
            .ok_or_else(|| SetupError::Corrupted {
                path: PathBuf::from(&file.name),
            })?;
        if *self.verifier_of(entry)?.key() != pk.vk {
            return Err(SetupError::Corrupted {
                path: PathBuf::from(&file.name),
            });
        }
        Ok(pk)
    }

    fn verifier_of(&self, entry: &Entry) -> Result<TransactionVerifier, SetupError> {
        let bytes = self.store.read(self.file(entry, "vk")?)?;
        Ok(TransactionVerifier::from_bytes(
            &bytes,
            entry.unsafe_development,
        )?)
    }

    fn file<'e>(&self, entry: &'e Entry, role: &str) -> Result<&'e FileRef, SetupError> {
        entry.files.get(role).ok_or_else(|| SetupError::Manifest {
            path: PathBuf::from("manifest.json"),
            reason: format!("an entry lacks the file {role:?}"),
        })
    }
}

/// Reports that a phase begins, unless the caller cancelled.
fn proceed(progress: &dyn Progress, phase: &str) -> Result<(), SetupError> {
    if progress.cancelled() {
        return Err(SetupError::Cancelled);
    }
    tracing::debug!(phase, "keys");
    progress.phase(phase, 0, 0);
    Ok(())
}

/// Returns a stored key if it belongs to the circuit, or `None` if it may be replaced.
fn usable<T>(
    name: &str,
    fingerprint: &str,
    stored: Option<(T, Entry)>,
) -> Result<Option<(T, Entry)>, SetupError> {
    match stored {
        Some((_, entry)) if entry.fingerprint != fingerprint => {
            if entry.unsafe_development {
                Ok(None)
            } else {
                Err(SetupError::Outdated {
                    name: name.to_owned(),
                })
            }
        }
        stored => Ok(stored),
    }
}

#[cfg(test)]
mod tests;
