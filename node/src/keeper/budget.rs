//! The wei that a keeper may spend in a day.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The spending of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Spending {
    /// Days since the epoch (UTC).
    day: u64,
    /// Wei that the account lost on it.
    spent: u128,
    /// Wei of a snapshot that was about to be sent, until the account's loss is known.
    reserved: u128,
}

/// A limit on the spending of each day.
#[derive(Debug)]
pub struct Budget {
    daily: Option<u128>,
    file: Option<PathBuf>,
    spending: Spending,
}

impl Budget {
    /// Opens a budget of `daily` wei, with the spending in `file` if there is one.
    ///
    /// # Errors
    /// If the file exists and cannot be read.
    pub fn open(daily: Option<u128>, file: Option<PathBuf>) -> anyhow::Result<Self> {
        let mut spending = Spending::default();
        if let Some(path) = file.as_ref().filter(|path| path.exists()) {
            let unreadable = || format!("the spending in {} is unreadable", path.display());
            let text = std::fs::read_to_string(path).with_context(unreadable)?;
            spending = serde_json::from_str(&text).with_context(unreadable)?;
        }
        // Whether the snapshot before the end of the process was sent is unknown: it counts.
        spending.spent = spending.spent.saturating_add(spending.reserved);
        spending.reserved = 0;
        Ok(Self {
            daily,
            file,
            spending,
        })
    }

    /// Returns the wei spent on the day of the last call.
    #[must_use]
    pub fn spent(&self) -> u128 {
        self.spending.spent
    }

    /// Reserves `cost` at the time `now`, Unix seconds. Returns false if the day's budget does not
    /// cover it.
    ///
    /// # Errors
    /// If the reservation cannot be stored.
    pub fn reserve(&mut self, cost: u128, now: u64) -> anyhow::Result<bool> {
        self.turn_page(now);
        let total = self.spending.spent.saturating_add(cost);
        if self.daily.is_some_and(|daily| total > daily) {
            return Ok(false);
        }
        self.spending.reserved = cost;
        self.store()?;
        Ok(true)
    }

    /// Counts wei that the account lost by the time `now`, in the place of what was reserved.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub fn count(&mut self, lost: u128, now: u64) -> anyhow::Result<()> {
        self.turn_page(now);
        let before = self.spending;
        self.spending.spent = self.spending.spent.saturating_add(lost);
        self.spending.reserved = 0;
        if self.spending == before {
            return Ok(());
        }
        self.store()
    }

    /// Begins a new day.
    fn turn_page(&mut self, now: u64) {
        let day = now / DAY;
        if day > self.spending.day {
            self.spending = Spending {
                day,
                ..Spending::default()
            };
        }
    }

    /// Replaces the file in one step.
    fn store(&self) -> anyhow::Result<()> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        let stored = || format!("the spending cannot be stored in {}", path.display());
        let write = || -> std::io::Result<()> {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            let directory = parent.unwrap_or(Path::new("."));
            let mut file = NamedTempFile::new_in(directory)?;
            file.write_all(serde_json::to_string(&self.spending)?.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            std::fs::File::open(directory)?.sync_all()
        };
        write().with_context(stored)
    }
}
