//! The key store that a command works with, and the device that makes its batch proofs.

use std::{path::PathBuf, sync::Arc};

use anyhow::ensure;
use indicatif::MultiProgress;
use subrosa_protocol::batch::Shape;
use subrosa_prover::{
    batch::BatchKeys,
    device::DeviceChoice,
    groth16::{TransactionKeys, TransactionVerifier},
    setup::{KeyStore, SetupError},
};

use crate::{Rollup, progress::Phases};

/// The directory of the keys, and the device that makes batch proofs with them.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Directory of keys and parameters.
    pub directory: PathBuf,
    /// Device that makes batch proofs.
    pub device: DeviceChoice,
}

impl Keys {
    /// Opens the key store, for commands that make no batch proofs.
    ///
    /// # Errors
    /// The key store's.
    pub fn open(&self) -> Result<KeyStore, SetupError> {
        KeyStore::open(&self.directory)
    }

    /// Opens the key store with the device for batch proofs.
    ///
    /// # Errors
    /// The key store's, or if the device is not there.
    pub fn open_to_prove(&self) -> anyhow::Result<KeyStore> {
        let device = self.device.select()?;
        Ok(self.open()?.with_device(device))
    }

    /// Loads the keys of the transaction circuit, or makes development keys if there are none yet.
    /// Blocks for some seconds.
    ///
    /// # Errors
    /// The key store's.
    pub fn transaction(&self, bars: &MultiProgress) -> anyhow::Result<Arc<TransactionKeys>> {
        let phases = Phases::new(bars, "keys of the transaction circuit");
        let keys = self.open()?.transaction(&phases)?;
        phases.finish(readiness(keys.is_unsafe_development()));
        Ok(keys)
    }

    /// Loads the verifying key of the transaction circuit. Blocks.
    ///
    /// # Errors
    /// The key store's.
    pub fn transaction_verifier(
        &self,
        bars: &MultiProgress,
    ) -> anyhow::Result<TransactionVerifier> {
        let phases = Phases::new(bars, "verifying key of the transaction circuit");
        let verifier = self.open()?.transaction_verifier(&phases)?;
        phases.clear();
        Ok(verifier)
    }

    /// Loads the keys of the batch circuit in these shapes, or makes development keys of those that
    /// are missing. Blocks: making the keys of 64 slots takes minutes and some 6 GB.
    ///
    /// # Errors
    /// The key store's, or if the device is not there.
    pub fn batch(
        &self,
        shapes: &[Shape],
        bars: &MultiProgress,
    ) -> anyhow::Result<Vec<Arc<BatchKeys>>> {
        let store = self.open_to_prove()?;
        let mut all = Vec::new();
        for shape in shapes {
            let what = format!("keys of the batch circuit, {} slots", shape.slots());
            let phases = Phases::new(bars, what);
            let keys = store.batch(*shape, &phases)?;
            phases.finish(readiness(keys.is_unsafe_development()));
            all.push(keys);
        }
        Ok(all)
    }
}

fn readiness(is_unsafe: bool) -> &'static str {
    if is_unsafe {
        "ready (unsafe development keys)"
    } else {
        "ready"
    }
}

/// Refuses development keys on a chain that is not a development chain.
///
/// # Errors
/// If `is_unsafe` on such a chain: whoever made the keys can forge proofs.
pub fn refuse_unsafe(is_unsafe: bool, rollup: &Rollup) -> anyhow::Result<()> {
    ensure!(
        !is_unsafe || rollup.is_development(),
        "development keys are refused on chain {}: whoever made them can forge proofs",
        rollup.chain_id()
    );
    Ok(())
}
