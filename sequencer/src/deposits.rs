//! The deposits that wait to be sealed.

use std::{collections::VecDeque, time::Duration};

use subrosa_protocol::ledger::Deposit;

/// Confirmed deposits that are not sealed, in the order of the vault's queue.
#[derive(Debug, Default)]
pub(crate) struct DepositQueue {
    /// Index of the front.
    first: u64,
    /// Deposits with the clock's time at which they came here.
    queue: VecDeque<(Deposit, Duration)>,
}

impl DepositQueue {
    /// Makes a queue whose front has the index `first`.
    pub(crate) fn new(
        first: u64,
        deposits: impl IntoIterator<Item = Deposit>,
        now: Duration,
    ) -> Self {
        Self {
            first,
            queue: deposits.into_iter().map(|deposit| (deposit, now)).collect(),
        }
    }

    /// Returns the index of the next deposit to fetch from L1.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.queue.len() as u64
    }

    /// Appends a deposit.
    pub(crate) fn push(&mut self, deposit: Deposit, now: Duration) {
        self.queue.push_back((deposit, now));
    }

    /// Returns the number of deposits that wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Returns the first deposits, at most `limit`.
    pub(crate) fn front(&self, limit: usize) -> Vec<Deposit> {
        let front = self.queue.iter().take(limit);
        front.map(|(deposit, _)| *deposit).collect()
    }

    /// Removes the first `count` deposits.
    pub(crate) fn consume(&mut self, count: usize) {
        self.queue.drain(..count);
        self.first += count as u64;
    }

    /// Returns how long the front has waited.
    pub(crate) fn oldest(&self, now: Duration) -> Option<Duration> {
        let front = self.queue.front();
        front.map(|(_, since)| now.saturating_sub(*since))
    }
}
