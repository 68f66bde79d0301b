//! Development keys, made once and kept.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use subrosa_protocol::batch::Shape;
use subrosa_prover::{
    batch::BatchKeys, groth16::TransactionKeys, progress::Silent, setup::KeyStore,
};

/// Keys of the transaction circuit and of batches of four, the one shape that the tests seal.
#[derive(Debug)]
pub struct Keys {
    /// The transaction circuit's.
    pub transaction: Arc<TransactionKeys>,
    /// The batch circuit's, shape 4.
    pub batch: Arc<BatchKeys>,
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Where keys are kept: `SUBROSA_KEYS`, or the directory that the demonstration uses.
#[must_use]
pub fn directory() -> PathBuf {
    std::env::var_os("SUBROSA_KEYS")
        .map_or_else(|| workspace().join(".subrosa/keys"), PathBuf::from)
}

/// The keys, loaded once a process and made on first use.
///
/// # Panics
/// If they can be neither loaded nor made: no test can run then.
#[must_use]
pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let store = KeyStore::open(&directory()).expect("the key directory opens");
        Keys {
            transaction: store
                .transaction(&Silent)
                .expect("keys of the transaction circuit"),
            batch: store
                .batch(Shape::S4, &Silent)
                .expect("keys of the batch circuit"),
        }
    })
}
