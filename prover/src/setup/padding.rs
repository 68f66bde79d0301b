//! The padding proof in the empty slots of a batch. It proves the padding statement, which is the
//! same everywhere, under this directory's transaction key. It is made once and kept beside the
//! keys.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::transaction;
use subrosa_transaction::padding_statement;

use super::store::Entry;
use super::{KeyStore, Loaded, SetupError, proceed};
use crate::clients::Clients;
use crate::groth16::{ProofBytes, TransactionVerifier};
use crate::progress::Progress;

const NAME: &str = "padding";
const ROLE: &str = "proof";

impl KeyStore {
    /// Returns the transaction circuit's verifying key with the padding proof. Verifies the proof
    /// each time it is read.
    pub(super) fn clients(
        &self,
        loaded: &mut Loaded,
        progress: &dyn Progress,
    ) -> Result<Clients, SetupError> {
        let verifier = self.verifier(loaded, progress)?;
        let (words, witness) = padding_statement();
        let digest = transaction::digest(&words);
        let fingerprint = fingerprint(&verifier, &digest);
        if let Some(clients) = self.stored_padding(&verifier, digest, &fingerprint)? {
            return Ok(clients);
        }
        let keys = self.transaction_keys(loaded, progress)?;
        let held = self.store.exclusive()?;
        // Another process may have made it in the meantime.
        if let Some(clients) = self.stored_padding(&verifier, digest, &fingerprint)? {
            return Ok(clients);
        }
        proceed(progress, "padding proof")?;
        let proof = keys.prove(&words, &witness)?;
        let file = self
            .store
            .write(&held, NAME, |writer| writer.write_all(proof.as_bytes()))?;
        let path = PathBuf::from(&file.name);
        let entry = Entry {
            unsafe_development: verifier.is_unsafe_development(),
            fingerprint,
            files: BTreeMap::from([(ROLE.to_owned(), file)]),
        };
        self.store.commit(&held, NAME, entry)?;
        Clients::new(verifier, digest, &proof).map_err(|_| SetupError::Corrupted { path })
    }

    fn stored_padding(
        &self,
        verifier: &TransactionVerifier,
        digest: TransactionDigest,
        fingerprint: &str,
    ) -> Result<Option<Clients>, SetupError> {
        let entry = self.store.entry(NAME)?;
        let Some(entry) = entry.filter(|entry| entry.fingerprint == fingerprint) else {
            return Ok(None);
        };
        let file = self.file(&entry, ROLE)?;
        let bytes = self.store.read(file)?;
        let clients = ProofBytes::try_from(&bytes[..])
            .ok()
            .and_then(|proof| Clients::new(verifier.clone(), digest, &proof).ok());
        match clients {
            Some(clients) => Ok(Some(clients)),
            None => Err(SetupError::Corrupted {
                path: PathBuf::from(&file.name),
            }),
        }
    }
}

/// Returns the hash of the verifying key and the statement.
fn fingerprint(verifier: &TransactionVerifier, digest: &TransactionDigest) -> String {
    let mut hasher = Sha256::new();
    hasher.update(verifier.vk_hash());
    hasher.update(digest.to_bytes());
    hex::encode(hasher.finalize())
}
