//! Comparisons of the settled batches with L1's, one by one.

use std::sync::atomic::{AtomicU64, Ordering};

/// Comparisons that are due. One that is asked for while another is made stays due: the other may
/// have read L1 before what made it due.
#[derive(Debug)]
pub(crate) struct Comparisons {
    /// Number of the last comparison that was asked for.
    asked: AtomicU64,
    /// Number of the last one that was made.
    made: AtomicU64,
}

impl Comparisons {
    /// Begins with one that is due: batches may have been taken back or replaced while the
    /// sequencer was stopped.
    pub(crate) fn new() -> Self {
        Self {
            asked: AtomicU64::new(1),
            made: AtomicU64::new(0),
        }
    }

    /// Asks for a comparison.
    pub(crate) fn ask(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns the number of the comparison that is due, if one is. Whoever makes it takes the
    /// number before it asks L1 anything.
    pub(crate) fn due(&self) -> Option<u64> {
        let asked = self.asked.load(Ordering::SeqCst);
        (asked > self.made.load(Ordering::SeqCst)).then_some(asked)
    }

    /// Notes that the comparison with this number was made.
    pub(crate) fn made(&self, number: u64) {
        self.made.fetch_max(number, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::Comparisons;

    #[test]
    fn one_that_is_asked_for_during_another_stays_due() {
        let comparisons = Comparisons::new();
        let first = comparisons.due().unwrap();
        comparisons.ask();
        comparisons.made(first);
        let second = comparisons.due().unwrap();
        assert_ne!(first, second);
        comparisons.made(second);
        assert_eq!(comparisons.due(), None);
        comparisons.ask();
        assert!(comparisons.due().is_some());
    }
}
