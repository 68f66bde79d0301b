//! Shared parts of the end-to-end tests: development keys, chains with the real contracts, a
//! sequencer with the real prover, institutions behind their HTTP gateways, and parties that
//! compose transactions by hand.
//!
//! Nothing here is a substitute outside [`faults`]: every proof is made and checked, every contract
//! call is executed. The tests of faults need many runs and substitute proofs alone.

pub mod api;
pub mod chain;
pub mod faults;
pub mod institution;
pub mod keys;
pub mod party;
pub mod prices;
pub mod processes;
pub mod world;

pub use api::Api;
pub use chain::{Chain, Deployed};
pub use institution::Institution;
pub use party::Party;
pub use prices::Prices;
pub use world::World;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::bail;

/// Longest wait for anything. Generous, because machines that run tests are often busy.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Calls `probe` every 50 ms until it returns something.
///
/// # Errors
/// If `probe` fails, or returns nothing within [`PATIENCE`]. The error names `what`.
pub async fn eventually<T, F: Future<Output = anyhow::Result<Option<T>>>>(
    what: &str,
    mut probe: impl FnMut() -> F,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = probe().await? {
            return Ok(found);
        }
        if started.elapsed() > PATIENCE {
            bail!("{what}: not within {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
