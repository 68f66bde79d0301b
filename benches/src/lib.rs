//! Measurements of this machine.
//!
//! `subrosa bench …` prints the figures that [`client`], [`batch`], [`admission`], [`scan`],
//! [`derivation`], [`interface`], [`settlement`] and [`waits`] return. `cargo bench -p
//! subrosa-benches` runs the same work under divan, for comparisons between revisions. Results are
//! kept in `benches/results/`; `benches/README.md` shows them beside their budgets. Nothing here
//! judges a figure.
//!
//! Proofs need keys: the measurements use the key store of the demonstration and make development
//! keys if there are none.

pub mod admission;
pub mod batch;
pub mod client;
pub mod derivation;
pub mod interface;
pub mod scan;
pub mod settlement;
pub mod waits;

use std::path::{Path, PathBuf};

use rand::{SeedableRng as _, rngs::StdRng};
use subrosa_node::Keys;
use subrosa_prover::device::DeviceChoice;

/// Returns the generator of every measurement: the same work each time.
#[must_use]
pub fn rng() -> StdRng {
    StdRng::seed_from_u64(20_260_101)
}

/// Returns the keys for `cargo bench`: in `SUBROSA_KEYS`, or where the demonstration keeps them.
#[must_use]
pub fn keys() -> Keys {
    let directory = std::env::var_os("SUBROSA_KEYS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.subrosa/keys"),
        PathBuf::from,
    );
    Keys {
        directory,
        device: DeviceChoice::default(),
    }
}
