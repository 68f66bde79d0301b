//! A sequencer between an L1 that lies, stalls and forgets, and a machine that fails.
//!
//! | module | contents |
//! |---|---|
//! | [`fault`] | one false answer, and the requests that it is given to |
//! | [`proxy`] | the JSON-RPC proxy before anvil that gives them |
//! | [`node`] | anvil with the contracts: blocks, reorganisations, lost transactions |
//! | [`doubles`] | the two substitutes: client proofs and batch proofs that are cheap |
//! | [`stage`] | the sequencer with its real store and its real L1 client behind the proxy |
//! | [`driver`] | clients that remember every answer of the sequencer |
//! | [`schedule`] | a list of steps, made from a seed |
//! | [`play`] | the execution of a schedule |
//! | [`verdict`] | the comparison of L1, store and remembered answers at the end |
//!
//! The store, the pipeline, the L1 client and the contracts are the real ones. Proofs alone are
//! substituted, because a real one takes longer than a whole schedule. A batch proof here is its
//! statement in plain words, and the verifier contract accepts no other statement: the contracts
//! refuse a batch whose data differ from L1's as they do in reality.

pub mod child;
pub mod doubles;
pub mod driver;
pub mod fault;
pub mod node;
pub mod play;
pub mod proxy;
pub mod schedule;
pub mod stage;
pub mod verdict;

pub use driver::Driver;
pub use fault::{Fault, Rule};
pub use node::{Kept, Node};
pub use play::{Played, play};
pub use proxy::Proxy;
pub use schedule::{Schedule, Step};
pub use stage::Stage;

/// Returns the number in an environment variable, or `default` if it is not set.
///
/// # Panics
/// If the variable is not a number.
#[must_use]
pub fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
    }
}
