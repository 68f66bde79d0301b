//! Flags of every command: where keys are, and what proves with them.

use std::path::PathBuf;

use subrosa_node::Keys;
use subrosa_prover::device::DeviceChoice;

/// Flags of every command.
///
/// The field names are the flags' ids, and a flag of a command with the id of a global flag takes
/// the global one's value over: no command may have an argument with one of these names.
#[derive(Clone, clap::Args)]
pub(crate) struct KeyFlags {
    /// Directory of keys and parameters.
    #[arg(
        long,
        global = true,
        env = "SUBROSA_KEYS",
        default_value = ".subrosa/keys"
    )]
    keys: PathBuf,
    /// Device for batch proofs: auto (a GPU if the build supports one and it is there), cpu, cuda.
    #[arg(long, global = true, env = "SUBROSA_ENGINE", default_value = "auto")]
    engine: DeviceChoice,
}

impl From<KeyFlags> for Keys {
    fn from(flags: KeyFlags) -> Self {
        Self {
            directory: flags.keys,
            device: flags.engine,
        }
    }
}
