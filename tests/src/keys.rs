//! Development keys, made on first use and kept.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use subrosa_protocol::batch::Shape;
use subrosa_prover::{
    batch::BatchKeys, groth16::TransactionKeys, progress::Silent, setup::KeyStore,
};

/// Keys of the transaction circuit and of batches of four. The tests seal no other shape.
#[derive(Debug)]
pub struct Keys {
    /// Keys of the transaction circuit.
    pub transaction: Arc<TransactionKeys>,
    /// Keys of the batch circuit with 4 slots.
    pub batch: Arc<BatchKeys>,
}

/// Returns the root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Returns the directory of the keys: `SUBROSA_KEYS`, or the one that the demonstration uses.
#[must_use]
pub fn directory() -> PathBuf {
    std::env::var_os("SUBROSA_KEYS")
        .map_or_else(|| workspace().join(".subrosa/keys"), PathBuf::from)
}

/// Returns the keys. Loads them once in a process, and makes them if there are none.
///
/// # Panics
/// If they can be neither loaded nor made. No test can run then.
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
