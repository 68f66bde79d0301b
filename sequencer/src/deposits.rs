//! The deposits that wait to be sealed.

use std::{collections::VecDeque, time::Duration};

use subrosa_protocol::ledger::Deposit;

use crate::config::Config;

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

    /// Whether the deposits are reason enough to seal a batch, of at most `limit` of them. With
    /// transactions they are sealed sooner.
    pub(crate) fn is_due(&self, now: Duration, limit: usize, config: &Config) -> bool {
        let Some((_, since)) = self.queue.front() else {
            return false;
        };
        let waited = now.saturating_sub(*since);
        self.len() >= limit || waited >= config.deposit_wait(self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use subrosa_protocol::{Fr, asset::AssetId};

    use super::*;

    /// Limit of the tests: slots of the largest shape.
    const LIMIT: usize = 64;

    fn config(chain_id: u64) -> Config {
        let mut config = Config::new(PathBuf::new(), chain_id, [1; 20], [2; 20]);
        config.seal.deposit_wait_ms = 5_000;
        config.seal.min_deposits = 3;
        config
    }

    /// Makes a queue of deposits that came at time 0.
    fn queue(count: u64) -> DepositQueue {
        let deposit = |number: u64| Deposit {
            asset: AssetId(0),
            value: 1,
            inner: Fr::from(number),
        };
        DepositQueue::new(0, (0..count).map(deposit), Duration::ZERO)
    }

    /// Returns the first of these times, in seconds, at which the queue is due.
    fn due(queue: &DepositQueue, config: &Config) -> Option<u64> {
        let times = [0, 4, 5, 59, 60, 599, 600];
        let is_due = |s: &u64| queue.is_due(Duration::from_secs(*s), LIMIT, config);
        times.into_iter().find(is_due)
    }

    #[test]
    fn few_deposits_wait_longer_before_they_force_a_batch() {
        let mut config = config(1);
        assert_eq!(due(&queue(0), &config), None);
        assert_eq!(due(&queue(1), &config), Some(600));
        assert_eq!(due(&queue(2), &config), Some(600));
        assert_eq!(due(&queue(3), &config), Some(5));
        assert_eq!(due(&queue(63), &config), Some(5));
        assert_eq!(due(&queue(64), &config), Some(0));
        config.seal.deposit_patience_ms = Some(60_000);
        assert_eq!(due(&queue(2), &config), Some(60));
        // A longer wait of many deposits holds for few as well, unless they have a wait of their
        // own.
        config.seal.deposit_patience_ms = None;
        config.seal.deposit_wait_ms = 700_000;
        assert_eq!(due(&queue(2), &config), None);
    }

    #[test]
    fn a_lone_deposit_does_not_wait_longer_on_a_development_chain() {
        assert_eq!(due(&queue(1), &config(31337)), Some(5));
    }

    #[test]
    fn the_wait_is_that_of_the_oldest_deposit() {
        let config = config(1);
        let mut queue = queue(2);
        let second = Duration::from_secs(1);
        queue.push(queue.front(1)[0], 4 * second);
        assert!(queue.is_due(5 * second, LIMIT, &config));
        queue.consume(2);
        assert!(!queue.is_due(599 * second, LIMIT, &config));
        assert!(queue.is_due(604 * second, LIMIT, &config));
    }
}
