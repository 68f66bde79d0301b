//! Where keys come from: development keys made on first use and kept in files, and KZG parameters of
//! a public ceremony.
//!
//! Each key is tied to what it was made for: the manifest holds the hash of the circuit (for a batch
//! key also of the parameters) and of every file. The batch circuit contains the verifying key of the
//! transaction circuit: with another one of these, batch keys are made anew. Keys made here are marked `unsafe_development`: the
//! trapdoor is forgotten at once, but only whoever ran the machine can know that. A node on a chain
//! with value refuses them.

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

pub use srs::SrsError;

use crate::backend::{Backend, CpuBackend};
use crate::batch::BatchKeys;
use crate::device::Device;
use crate::groth16::{
    ConstraintMatrices, Groth16Prover, KeyError, KeyShapeError, ProveError, TransactionKeys,
    TransactionVerifier,
};
use crate::progress::Progress;
use store::{Entry, FileRef, Store};

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The manifest cannot be understood.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file is not what it was when it was written. Deleting the directory makes new development
    /// keys, which are different ones.
    #[error("{} does not have the content the manifest states", path.display())]
    Corrupted {
        /// The file.
        path: PathBuf,
    },
    /// Keys of a ceremony that were made for another circuit.
    #[error("the keys {name:?} belong to another circuit, and cannot be replaced here")]
    Outdated {
        /// Name in the manifest.
        name: String,
    },
    /// A circuit could not be synthesised.
    #[error("the circuit could not be synthesised: {0}")]
    Synthesis(#[from] SynthesisError),
    /// A verifying key that cannot be relied on.
    #[error("the verifying key is refused: {0}")]
    Key(#[from] KeyError),
    /// A proving key that does not fit its circuit.
    #[error("the proving key is refused: {0}")]
    KeyShape(#[from] KeyShapeError),
    /// A parameter file that is refused.
    #[error("{}: {reason}", path.display())]
    Parameters {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: SrsError,
    },
    /// The padding statement could not be proven.
    #[error("the padding proof: {0}")]
    Padding(#[from] ProveError),
    /// halo2 could not make or read a key.
    #[error("batch key: {0}")]
    Plonk(String),
    /// The progress cancelled.
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

/// A directory of keys and parameters. Cheap to clone; clones share what is loaded.
#[derive(Clone, Debug)]
pub struct KeyStore {
    store: Store,
    backend: Arc<dyn Backend>,
    device: Device,
    loaded: Arc<Mutex<Loaded>>,
}

/// What somebody still holds need not be loaded again.
#[derive(Debug, Default)]
struct Loaded {
    transaction: Weak<TransactionKeys>,
    batch: HashMap<usize, Weak<BatchKeys>>,
}

impl KeyStore {
    /// Opens a directory, which is created if need be.
    ///
    /// # Errors
    /// [`SetupError::Io`] or [`SetupError::Manifest`].
    pub fn open(dir: &Path) -> Result<Self, SetupError> {
        Self::open_with(dir, Arc::new(CpuBackend))
    }

    /// As [`KeyStore::open`], with another device for Groth16 proofs.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(dir: &Path, backend: Arc<dyn Backend>) -> Result<Self, SetupError> {
        Ok(Self {
            store: Store::open(dir)?,
            backend,
            device: Device::default(),
            loaded: Arc::default(),
        })
    }

    /// The same directory with nothing loaded, whose batch keys prove on this device.
    pub fn with_device(self, device: Device) -> Self {
        Self {
            device,
            loaded: Arc::default(),
            ..self
        }
    }

    /// The keys of the transaction circuit. Development keys are made if there are none, or if those
    /// there are were made for another version of the circuit.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn transaction(&self, progress: &dyn Progress) -> Result<Arc<TransactionKeys>, SetupError> {
        self.transaction_keys(&mut self.loaded(), progress)
    }

    /// The verifying key of the transaction circuit alone, for who proves nothing: as
    /// [`KeyStore::transaction`], but the proving key is not read.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn transaction_verifier(
        &self,
        progress: &dyn Progress,
    ) -> Result<TransactionVerifier, SetupError> {
        self.verifier(&mut self.loaded(), progress)
    }

    /// The keys of the batch circuit of a shape for the transaction circuit's verifying key, under the
    /// parameters of [`KeyStore::import_srs`], or under development ones that are made if need be.
    /// Keys of the transaction circuit are made first if there are none.
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

    /// Takes over a file of public KZG parameters (`kzg_bn254_K.srs`, halo2's raw format) after
    /// checking all of it, and returns its k. Batch keys are made under it from then on; smaller
    /// parameters are cut from it.
    ///
    /// That the file is the one of the ceremony is for the caller to know, by its published hash.
    ///
    /// # Errors
    /// [`SetupError::Parameters`] says what is wrong with the file.
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

    /// Groth16 keys of a circuit, and whether they are unsafe.
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
        // The circuit is synthesised while the file is read: the file counts only if it is its.
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
        // Somebody else may have made them meanwhile.
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

    /// Reads a proving key and sees that the verifying key beside it is the same.
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
            reason: format!("an entry without the file {role:?}"),
        })
    }
}

/// Announces a phase, unless the progress wants to stop.
fn proceed(progress: &dyn Progress, phase: &str) -> Result<(), SetupError> {
    if progress.cancelled() {
        return Err(SetupError::Cancelled);
    }
    tracing::debug!(phase, "keys");
    progress.phase(phase, 0, 0);
    Ok(())
}

/// A stored key if it belongs to the circuit; `None` if it may be replaced.
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
