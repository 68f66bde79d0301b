//! Where keys are kept, and what proves with them.

use std::path::PathBuf;

use subrosa_prover::{
    engine::EngineChoice,
    setup::{KeyStore, SetupError},
};

/// Flags of every command.
#[derive(Clone, clap::Args)]
pub(crate) struct Keys {
    /// Where keys and parameters are kept.
    #[arg(
        long = "keys",
        global = true,
        env = "SUBROSA_KEYS",
        default_value = ".subrosa/keys"
    )]
    directory: PathBuf,
    /// What makes batch proofs: auto (the GPU if the build knows one and it is there), cpu or cuda.
    #[arg(long, global = true, env = "SUBROSA_ENGINE", default_value = "auto")]
    engine: EngineChoice,
}

impl Keys {
    /// The key store, for who makes no batch proofs.
    pub(crate) fn open(&self) -> Result<KeyStore, SetupError> {
        KeyStore::open(&self.directory)
    }

    /// The key store with the engine that was asked for.
    pub(crate) fn open_to_prove(&self) -> anyhow::Result<KeyStore> {
        let engine = self.engine.select()?;
        Ok(self.open()?.with_engine(engine))
    }
}
