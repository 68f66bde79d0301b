//! How long operations tell their caller where they are, and how the caller stops them.
//!
//! A proof is a few phases of very different length. A sink hears each phase as it begins and can
//! ask for the work to stop; the prover looks between phases, never in the middle of one.

/// Hears the phases of a long operation and may cancel it.
pub trait ProgressSink: Send + Sync {
    /// Phase `name` stands at `done` of `total` steps. A phase of unknown length has `total` 0.
    fn phase(&self, name: &str, done: u64, total: u64);

    /// Whether the operation should stop at the next phase boundary.
    fn cancelled(&self) -> bool {
        false
    }
}

/// A sink that hears nothing and never cancels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl ProgressSink for Silent {
    fn phase(&self, _name: &str, _done: u64, _total: u64) {}
}
