//! Puts the services together.
//!
//! One composition serves the commands, the demonstration and the tests, so that all of them run
//! the same sequencer and the same wallet. The crate holds no rules of its own.
//!
//! | module | content |
//! |---|---|
//! | [`deployment`] | the deployment file, and the rollup on L1 that it names |
//! | [`accounts`] | L1 accounts from the environment, or well-known ones on development chains |
//! | [`keys`] | the key store and the device that makes batch proofs |
//! | [`keeper`] | price snapshots on a schedule |
//! | [`fetch`] | transaction keys from the sequencer, for a wallet that has none |
//! | [`sequencer`] | configuration and start of a sequencer |
//! | [`wallet`] | key file, configuration and start of a wallet behind its gateway |
//! | [`setup`] | development deployments |
//! | [`config`], [`progress`], [`interrupt`] | layered settings, progress bars, signals |
//! | [`system`] | facts about this process, and summaries of figures |

pub mod accounts;
pub mod config;
pub mod deployment;
pub mod fetch;
pub mod interrupt;
pub mod keeper;
pub mod keys;
pub mod progress;
pub mod proofs;
pub mod sequencer;
pub mod setup;
pub mod system;
pub mod wallet;

pub use deployment::{Deployment, Rollup};
pub use keys::Keys;
pub use subrosa_client::Proxy;
