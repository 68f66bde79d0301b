//! Progress and cancellation of a long operation.

/// Receives the progress of a long operation, and may cancel it.
///
/// A proof consists of a few phases of very different length. The prover reports each phase as it
/// begins, and asks between phases whether to stop. It never stops inside a phase.
///
/// Proving, key generation and the sequencer's pipeline all use this trait.
pub trait Progress: Send + Sync {
    /// Reports that phase `name` stands at step `done` of `total`. A phase of unknown length has
    /// `total` 0.
    fn phase(&self, name: &str, done: u64, total: u64);

    /// Whether the operation should stop at the next phase boundary. Defaults to never.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Ignores all progress and never cancels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _name: &str, _done: u64, _total: u64) {}
}
