//! Bundles: directories that carry keys from one machine to another.
//!
//! A bundle is a directory with a manifest of the form that a key directory has: it names each
//! file's SHA-256 and the hash of the circuit that the keys belong to. The SHA-256 of the manifest
//! therefore names the whole content, and is the bundle's hash.
//!
//! An import checks everything before it puts anything in place: every file's hash; for the keys
//! of the transaction circuit also that they belong to this build's circuit, that their points are
//! valid, and that a proof made with them verifies; for parameters their form. It then replaces the
//! manifest of the key directory in one step. Other keys of the same name stay, unless the caller
//! asks for their replacement.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::{AffineRepr, pairing::Pairing};
use ark_groth16::ProvingKey;
use ark_serialize::CanonicalDeserialize;
use sha2::{Digest, Sha256};
use subrosa_transaction::{TransactionCircuit, padding_statement};

use super::store::{Entry, FileRef, Manifest, Store};
use super::{KeyStore, SetupError, proceed, srs};
use crate::groth16::{ConstraintMatrices, Groth16Prover, TransactionKeys};
use crate::progress::Progress;

/// Name of the transaction circuit's keys in a manifest.
const TRANSACTION: &str = "transaction";
/// Prefix of the names of parameters.
const PARAMETERS: &str = "kzg-";

/// A bundle of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// SHA-256 of its manifest, hexadecimal.
    pub hash: String,
    /// Names of its keys, such as `transaction` or `batch-16`.
    pub names: Vec<String>,
}

/// The choice of what to do where a directory has other keys of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherKeys {
    /// Refuse the import.
    Keep,
    /// Replace them.
    Replace,
}

/// The files of the transaction circuit's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionFiles {
    /// SHA-256 of the verifying key's compressed form: the hash that a sequencer states.
    pub key_hash: [u8; 32],
    /// Hash of the circuit, hexadecimal.
    pub circuit: String,
    /// Whether the keys were made for development.
    pub unsafe_development: bool,
    /// The files.
    pub files: Vec<KeyFile>,
}

/// A file of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// Its role: `pk` (the proving key) or `vk` (the verifying key).
    pub role: String,
    /// SHA-256 of its content, hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its place.
    pub path: PathBuf,
}

impl TransactionFiles {
    /// Writes the manifest of a bundle of these keys to the directory that holds their files, so
    /// that [`KeyStore::import`] can take them. [`TransactionFiles::name`] gives the files' names.
    ///
    /// # Errors
    /// [`SetupError::Io`].
    pub fn write_manifest(&self, directory: &Path) -> Result<(), SetupError> {
        let files = self.files.iter().map(|file| {
            let name = Self::name(&file.role);
            let reference = FileRef {
                name,
                sha256: file.sha256.clone(),
                bytes: file.bytes,
            };
            (file.role.clone(), reference)
        });
        let entry = Entry {
            unsafe_development: self.unsafe_development,
            fingerprint: self.circuit.clone(),
            files: files.collect(),
        };
        let mut manifest = Manifest::default();
        manifest.entries.insert(TRANSACTION.to_owned(), entry);
        Store::open(directory)?.write_manifest(&manifest)
    }

    /// Returns the name of the file with this role in a bundle.
    pub fn name(role: &str) -> String {
        format!("{TRANSACTION}-{role}.bin")
    }
}

impl KeyStore {
    /// Returns the hash of the transaction circuit of this build, hexadecimal: keys with another
    /// hash are of no use to it. Takes about a second.
    ///
    /// # Errors
    /// [`SetupError::Synthesis`].
    pub fn circuit() -> Result<String, SetupError> {
        let matrices = ConstraintMatrices::synthesize(TransactionCircuit::blank())?;
        Ok(hex::encode(matrices.fingerprint))
    }

    /// Returns the files of the transaction circuit's keys, or `None` if the directory has none.
    /// Makes no keys. They may belong to another circuit than this build's.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn transaction_files(&self) -> Result<Option<TransactionFiles>, SetupError> {
        let Some(entry) = self.store.entry(TRANSACTION)? else {
            return Ok(None);
        };
        let files = entry.files.iter().map(|(role, file)| {
            Ok(KeyFile {
                role: role.clone(),
                sha256: file.sha256.clone(),
                bytes: file.bytes,
                path: self.store.path_of(file)?,
            })
        });
        Ok(Some(TransactionFiles {
            key_hash: self.verifier_of(&entry)?.vk_hash(),
            circuit: entry.fingerprint.clone(),
            unsafe_development: entry.unsafe_development,
            files: files.collect::<Result<_, SetupError>>()?,
        }))
    }

    /// Writes a bundle of the transaction circuit's keys, or of all keys, to a directory that does
    /// not exist yet. Fails without leaving a part of it.
    ///
    /// # Errors
    /// [`SetupError::Bundle`] if there are no such keys or the directory exists; otherwise see
    /// [`SetupError`].
    pub fn export(&self, to: &Path, all: bool) -> Result<Bundle, SetupError> {
        if to.exists() {
            return Err(refused(format!("{} exists already", to.display())));
        }
        let mut entries = self.store.manifest()?.entries;
        entries.retain(|name, _| all || name == TRANSACTION);
        if entries.is_empty() {
            return Err(refused(format!(
                "{} has no keys yet",
                self.store.directory().display()
            )));
        }
        let parent = match to.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(|source| SetupError::io(parent, source))?;
        let staged = tempfile::Builder::new()
            .prefix(".keys-")
            .tempdir_in(parent)
            .map_err(|source| SetupError::io(parent, source))?;
        let target = Store::open(staged.path())?;
        let mut manifest = Manifest::default();
        for (name, mut entry) in entries {
            for (role, file) in &mut entry.files {
                // A name that does not depend on the directory, so that equal keys are equal
                // bundles.
                let plain = format!("{name}-{role}.bin");
                target.copy(&self.store, file, &plain)?;
                file.name = plain;
            }
            manifest.entries.insert(name, entry);
        }
        target.write_manifest(&manifest)?;
        fs::rename(staged.path(), to).map_err(|source| SetupError::io(to, source))?;
        bundle(&manifest)
    }

    /// Checks a bundle and puts its keys into this directory. Returns its names and hash. Keys that
    /// the directory has already stay as they are. `expected` is the bundle's hash, as its sender
    /// stated it by another way.
    ///
    /// # Errors
    /// [`SetupError::Exists`] if the directory has other keys of the same name and `others` says to
    /// keep them; [`SetupError::Bundle`], [`SetupError::Corrupted`] and others if the bundle is
    /// wrong. Nothing has changed then.
    pub fn import(
        &self,
        from: &Path,
        expected: Option<&str>,
        others: OtherKeys,
        progress: &dyn Progress,
    ) -> Result<Bundle, SetupError> {
        if !from.join("manifest.json").is_file() {
            return Err(refused(format!("{} has no manifest.json", from.display())));
        }
        let source = Self::open(from)?;
        let manifest = source.store.manifest()?;
        let found = bundle(&manifest)?;
        if let Some(expected) = expected
            && !expected
                .trim_start_matches("0x")
                .eq_ignore_ascii_case(&found.hash)
        {
            return Err(refused(format!(
                "its hash is {}, and {expected} was expected",
                found.hash
            )));
        }
        for (name, entry) in &manifest.entries {
            proceed(progress, &format!("checking {name}"))?;
            source.check(name, entry)?;
        }

        let held = self.store.exclusive()?;
        let mut entries = BTreeMap::new();
        let present = self.store.manifest()?.entries;
        for (name, entry) in manifest.entries {
            match present.get(&name) {
                Some(here) if same(here, &entry) => continue,
                Some(_) if others == OtherKeys::Keep => return Err(SetupError::Exists { name }),
                _ => {}
            }
            entries.insert(name, entry);
        }
        for (name, entry) in &mut entries {
            proceed(progress, &format!("copying {name}"))?;
            for (role, file) in &mut entry.files {
                let stem = format!("{name}-{role}");
                *file = self.store.receive(&held, &source.store, file, &stem)?;
            }
        }
        if !entries.is_empty() {
            self.store.commit_all(&held, entries)?;
        }
        Ok(found)
    }

    /// Checks the hashes of the files of an entry, and their content where its form is known.
    fn check(&self, name: &str, entry: &Entry) -> Result<(), SetupError> {
        for file in entry.files.values() {
            self.store
                .stream(file, |reader| io::copy(reader, &mut io::sink()).map(|_| ()))?;
        }
        if name == TRANSACTION {
            return self.check_transaction(entry);
        }
        if let Some(k) = name.strip_prefix(PARAMETERS) {
            let file = self.file(entry, "srs")?;
            let bytes = self.store.read(file)?;
            let path = PathBuf::from(&file.name);
            let found = srs::check_parameters(&bytes)
                .map_err(|reason| SetupError::Parameters { path, reason })?;
            if k.parse() != Ok(found) {
                return Err(refused(format!("{name} has parameters of 2^{found} rows")));
            }
        }
        Ok(())
    }

    /// Checks that the keys belong to this build's circuit, that all points are valid, that the
    /// blinding of proofs works, and that a proof verifies.
    fn check_transaction(&self, entry: &Entry) -> Result<(), SetupError> {
        let matrices = ConstraintMatrices::synthesize(TransactionCircuit::blank())?;
        if entry.fingerprint != hex::encode(matrices.fingerprint) {
            return Err(refused(
                "its transaction keys belong to another version of the circuit: use the release \
                 that the sequencer runs"
                    .to_owned(),
            ));
        }
        let invalid = |what: &str| refused(format!("its proving key {what}"));
        let bytes = self.store.read(self.file(entry, "pk")?)?;
        let mut rest = &bytes[..];
        let pk = ProvingKey::<Bn254>::deserialize_uncompressed(&mut rest)
            .ok()
            .filter(|_| rest.is_empty())
            .ok_or_else(|| invalid("has invalid points"))?;
        if *self.verifier_of(entry)?.key() != pk.vk {
            return Err(invalid("has another verifying key"));
        }
        // With δ = 0 proofs would not be blinded.
        if pk.delta_g1.is_zero() || !pair(pk.delta_g1, pk.vk.delta_g2) {
            return Err(invalid("has two different points δ"));
        }
        if !pair(pk.beta_g1, pk.vk.beta_g2) {
            return Err(invalid("has two different points β"));
        }
        let prover = Groth16Prover::new(pk, matrices)?;
        let keys = TransactionKeys::new(prover, entry.unsafe_development, self.backend.clone())?;
        let (words, witness) = padding_statement();
        keys.prove(&words, &witness)?;
        Ok(())
    }
}

/// Whether two points have the same discrete logarithm.
fn pair(left: G1Affine, right: G2Affine) -> bool {
    Bn254::pairing(left, G2Affine::generator()) == Bn254::pairing(G1Affine::generator(), right)
}

/// Whether two entries have the same content; the names of their files may differ.
fn same(left: &Entry, right: &Entry) -> bool {
    let content = |entry: &Entry| {
        let hashes = entry.files.iter();
        let hashes = hashes.map(|(role, file)| (role.clone(), file.sha256.clone()));
        (
            entry.unsafe_development,
            entry.fingerprint.clone(),
            hashes.collect::<Vec<_>>(),
        )
    };
    content(left) == content(right)
}

/// Describes the bundle with this manifest, and checks its names.
fn bundle(manifest: &Manifest) -> Result<Bundle, SetupError> {
    let plain = |text: &String| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !text.is_empty() && text.chars().all(allowed)
    };
    let roles = manifest
        .entries
        .values()
        .flat_map(|entry| entry.files.keys());
    if !manifest.entries.keys().chain(roles).all(plain) {
        return Err(refused(
            "a name has other characters than a-z, 0-9 and -".into(),
        ));
    }
    if manifest.entries.is_empty() {
        return Err(refused("it is empty".into()));
    }
    let text = serde_json::to_vec(manifest).map_err(|error| refused(error.to_string()))?;
    Ok(Bundle {
        hash: hex::encode(Sha256::digest(text)),
        names: manifest.entries.keys().cloned().collect(),
    })
}

fn refused(reason: String) -> SetupError {
    SetupError::Bundle { reason }
}
