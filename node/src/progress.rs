//! Progress bars on standard error.

use std::{sync::Mutex, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use subrosa_prover::progress::Progress;

/// Adds a spinner with a message.
pub fn spinner(bars: &MultiProgress, message: impl Into<String>) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    bar.set_style(
        ProgressStyle::with_template("{spinner} {msg} [{elapsed}]")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.set_message(message.into());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Adds a bar that counts up to `total`.
pub fn counter(bars: &MultiProgress, message: impl Into<String>, total: u64) -> ProgressBar {
    let bar = bars.add(ProgressBar::new(total));
    bar.set_style(
        ProgressStyle::with_template("{bar:32} {pos}/{len} {msg} [{elapsed}]")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.set_message(message.into());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Adds a bar that counts bytes up to `total`.
pub fn bytes(bars: &MultiProgress, message: impl Into<String>, total: u64) -> ProgressBar {
    let bar = bars.add(ProgressBar::new(total));
    bar.set_style(
        ProgressStyle::with_template("{bar:32} {bytes}/{total_bytes} {msg} [{elapsed}]")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.set_message(message.into());
    bar
}

/// Shows a prover's phases behind a spinner.
pub struct Phases {
    bar: ProgressBar,
    what: String,
    last: Mutex<String>,
}

impl Phases {
    /// Shows the phases of the work called `what`.
    #[must_use]
    pub fn new(bars: &MultiProgress, what: impl Into<String>) -> Self {
        let what = what.into();
        Self {
            bar: spinner(bars, what.clone()),
            what,
            last: Mutex::new(String::new()),
        }
    }

    /// Ends with a line that stays on the screen.
    pub fn finish(&self, outcome: &str) {
        self.bar
            .finish_with_message(format!("{}: {outcome}", self.what));
    }

    /// Ends and removes the line.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Phases {
    fn phase(&self, name: &str, done: u64, total: u64) {
        let steps = if total > 1 {
            format!(" {done}/{total}")
        } else {
            String::new()
        };
        let text = format!("{}: {name}{steps}", self.what);
        if let Ok(mut last) = self.last.lock()
            && *last != text
        {
            self.bar.set_message(text.clone());
            *last = text;
        }
    }
}
