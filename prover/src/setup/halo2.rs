//! KZG parameters, and the keys of the batch circuit under them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use halo2_proofs::plonk::Circuit;
use halo2curves::bn256;
use sha2::{Digest, Sha256};

use super::srs::{self, Parameters};
use super::store::{Entry, FileRef};
use super::{KeyStore, SetupError, proceed};
use crate::halo2::{self, PlonkKeys, Stored};
use crate::progress::Progress;

/// Part of the fingerprint, so that files of an earlier layout are not used as keys.
const LAYOUT: &[u8] = b"verifying key, fixed and permuted columns";

impl KeyStore {
    /// Returns the halo2 keys of a circuit with 2ᵏ rows whose first `committed` columns are
    /// committed to first, and whether the keys are unsafe.
    pub(super) fn halo2<C>(
        &self,
        name: &str,
        circuit: &C,
        k: u32,
        committed: usize,
        progress: &dyn Progress,
    ) -> Result<(PlonkKeys, bool), SetupError>
    where
        C: Circuit<bn256::Fr> + Sync,
    {
        let failed = |error: &dyn std::fmt::Display| SetupError::Plonk(error.to_string());
        proceed(progress, "KZG parameters")?;
        let (params, params_hash, unsafe_development) = self.parameters(k)?;
        proceed(progress, "batch circuit")?;
        let circuit_hash = halo2::fingerprint(circuit, k).map_err(|error| failed(&error))?;
        let mut hasher = Sha256::new();
        hasher.update(LAYOUT);
        hasher.update(circuit_hash);
        hasher.update(params_hash.as_bytes());
        let fingerprint = hex::encode(hasher.finalize());

        let read = |params: &Arc<Parameters>| -> Result<Option<PlonkKeys>, SetupError> {
            let entry = self.store.entry(name)?;
            let Some(entry) = entry.filter(|entry| entry.fingerprint == fingerprint) else {
                return Ok(None);
            };
            let vk = self.store.read(self.file(&entry, "vk")?)?;
            let columns = self.file(&entry, "columns")?;
            let stored = self
                .store
                .stream(columns, |columns| Stored::read(circuit, &vk, columns))?;
            Ok(Some(stored.assemble(params.clone(), committed)))
        };
        proceed(progress, "reading batch keys")?;
        if let Some(keys) = read(&params)? {
            return Ok((keys, unsafe_development));
        }
        let held = self.store.exclusive()?;
        if let Some(keys) = read(&params)? {
            return Ok((keys, unsafe_development));
        }
        proceed(progress, "making batch keys")?;
        let keys =
            PlonkKeys::generate(params, circuit, committed).map_err(|error| failed(&error))?;
        proceed(progress, "writing batch keys")?;
        let vk = self
            .store
            .write(&held, &format!("{name}-vk"), |writer| keys.write_vk(writer))?;
        let columns = self
            .store
            .write(&held, &format!("{name}-columns"), |writer| {
                keys.write_columns(writer)
            })?;
        let entry = Entry {
            unsafe_development,
            fingerprint,
            files: BTreeMap::from([("vk".to_owned(), vk), ("columns".to_owned(), columns)]),
        };
        self.store.commit(&held, name, entry)?;
        Ok((keys, unsafe_development))
    }

    /// Returns parameters with 2ᵏ powers, the hash of their file, and whether they are unsafe.
    /// Prefers imported parameters, then parameters cut from larger imported ones, then development
    /// parameters.
    fn parameters(&self, k: u32) -> Result<(Arc<Parameters>, String, bool), SetupError> {
        if let Some(found) = self.stored_parameters(k)? {
            return Ok(found);
        }
        let larger = self
            .store
            .manifest()?
            .entries
            .into_iter()
            .filter(|(_, entry)| !entry.unsafe_development)
            .filter_map(|(name, entry)| {
                let k = name.strip_prefix("kzg-")?.parse::<u32>().ok()?;
                Some((k, entry))
            })
            .filter(|(larger, _)| *larger > k)
            .min_by_key(|(larger, _)| *larger);
        match larger {
            Some((larger, entry)) => {
                let params = self.read_parameters(self.file(&entry, "srs")?, larger)?;
                let bytes = srs::downsize(&params, k)
                    .map_err(|error| SetupError::Plonk(error.to_string()))?;
                self.save_parameters(k, &bytes, false)?;
            }
            None => {
                self.save_parameters(k, &srs::generate(k), true)?;
            }
        }
        self.stored_parameters(k)?
            .ok_or_else(|| SetupError::Plonk("the parameters were removed".to_owned()))
    }

    fn stored_parameters(
        &self,
        k: u32,
    ) -> Result<Option<(Arc<Parameters>, String, bool)>, SetupError> {
        let manifest = self.store.manifest()?;
        let Some(entry) = manifest.entries.get(&format!("kzg-{k}")) else {
            return Ok(None);
        };
        let imported_larger = || {
            manifest.entries.iter().any(|(name, entry)| {
                let larger = name
                    .strip_prefix("kzg-")
                    .and_then(|k| k.parse::<u32>().ok());
                !entry.unsafe_development && larger.is_some_and(|larger| larger > k)
            })
        };
        if entry.unsafe_development && imported_larger() {
            return Ok(None);
        }
        let file = self.file(entry, "srs")?;
        Ok(Some((
            Arc::new(self.read_parameters(file, k)?),
            file.sha256.clone(),
            entry.unsafe_development,
        )))
    }

    fn read_parameters(&self, file: &FileRef, k: u32) -> Result<Parameters, SetupError> {
        if k > srs::MAX_K || file.bytes != srs::file_len(k) as u64 {
            return Err(SetupError::Corrupted {
                path: PathBuf::from(&file.name),
            });
        }
        self.store.stream(file, |reader| srs::stream(reader, k))
    }

    /// Saves parameters. Development parameters never replace existing ones, under which another
    /// process may already have made keys.
    pub(super) fn save_parameters(
        &self,
        k: u32,
        bytes: &[u8],
        unsafe_development: bool,
    ) -> Result<(), SetupError> {
        let name = format!("kzg-{k}");
        let held = self.store.exclusive()?;
        if unsafe_development && self.store.entry(&name)?.is_some() {
            return Ok(());
        }
        let file = self
            .store
            .write(&held, &name, |writer| writer.write_all(bytes))?;
        let entry = Entry {
            unsafe_development,
            fingerprint: file.sha256.clone(),
            files: BTreeMap::from([("srs".to_owned(), file)]),
        };
        self.store.commit(&held, &name, entry)
    }
}
