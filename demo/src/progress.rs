//! Progress on standard error: bars on a terminal, lines elsewhere.

use std::{
    io,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar};
use subrosa_node::progress;

/// Least time between two lines of one counter.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Bars of a demonstration.
#[derive(Clone)]
pub(crate) struct Bars {
    shown: MultiProgress,
    /// Whether there is no terminal, so that lines take the place of bars.
    hidden: bool,
    started: Instant,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let shown = MultiProgress::new();
        Self {
            hidden: shown.is_hidden(),
            shown,
            started: Instant::now(),
        }
    }

    /// Returns the bars for services that show their own work.
    pub(crate) fn inner(&self) -> &MultiProgress {
        &self.shown
    }

    /// Removes all bars.
    pub(crate) fn clear(&self) -> io::Result<()> {
        self.shown.clear()
    }

    fn line(&self, text: &str) {
        if self.hidden {
            eprintln!("[{:>4} s] {text}", self.started.elapsed().as_secs());
        }
    }

    /// Shows a spinner until the work is finished.
    pub(crate) fn spinner(&self, message: &str) -> Spinner {
        self.line(message);
        Spinner {
            bar: progress::spinner(&self.shown, message),
            bars: self.clone(),
        }
    }

    /// Shows a bar that counts up to `total`.
    pub(crate) fn counter(&self, message: &str, total: u64) -> Counter {
        Counter {
            bar: progress::counter(&self.shown, message, total),
            bars: self.clone(),
            last: Mutex::new(None),
        }
    }
}

/// Work of unknown length.
pub(crate) struct Spinner {
    bar: ProgressBar,
    bars: Bars,
}

impl Spinner {
    /// Replaces the spinner by a line that stays.
    pub(crate) fn finish(self, message: &str) {
        self.bar.finish_with_message(message.to_owned());
        self.bars.line(message);
    }
}

/// Work of known length.
pub(crate) struct Counter {
    bar: ProgressBar,
    bars: Bars,
    /// When the last line was printed.
    last: Mutex<Option<Instant>>,
}

impl Counter {
    pub(crate) fn inc(&self) {
        self.bar.inc(1);
        self.tell(false);
    }

    pub(crate) fn set_position(&self, position: u64) {
        self.bar.set_position(position);
        self.tell(false);
    }

    pub(crate) fn set_message(&self, message: String) {
        self.bar.set_message(message);
    }

    pub(crate) fn finish(&self) {
        self.bar.finish();
        self.tell(true);
    }

    /// Prints a line where there is no bar, but not more often than [`BETWEEN_LINES`] unless it
    /// must.
    fn tell(&self, must: bool) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= BETWEEN_LINES);
        if must || due {
            *last = Some(Instant::now());
            let (position, length) = (self.bar.position(), self.bar.length().unwrap_or(0));
            self.bars
                .line(&format!("{}: {position} of {length}", self.bar.message()));
        }
    }
}
