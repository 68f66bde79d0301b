//! The deposits that wait to be sealed.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    time::Duration,
};

use subrosa_protocol::ledger::Deposit;

use crate::{config::Config, ports::TakeBack};

/// Longest time for which the requests that were read last are relied upon. A request takes effect
/// a day after it was made, so that one of this age misses none that matters.
const REQUESTS_VALID: Duration = Duration::from_secs(3_600);

/// Confirmed deposits that are not sealed, in the order of the vault's queue.
#[derive(Debug, Default)]
pub(crate) struct DepositQueue {
    /// Index of the front.
    first: u64,
    /// Deposits with the clock's time at which they came here.
    queue: VecDeque<(Deposit, Duration)>,
    /// `None` until it is read.
    requests: Option<Requests>,
}

/// Requests of depositors who want their deposits back.
#[derive(Debug)]
struct Requests {
    /// Indices of the deposits that were looked at.
    range: Range<u64>,
    /// From when on, Unix seconds, deposits are taken back, by index.
    effective: BTreeMap<u64, u64>,
    /// The clock's time at which this was read.
    since: Duration,
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
            requests: None,
        }
    }

    /// Returns the index of the front.
    pub(crate) fn first(&self) -> u64 {
        self.first
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

    /// Takes over which of the deposits with these indices their depositors want back.
    pub(crate) fn note_take_backs(&mut self, range: Range<u64>, found: &[TakeBack], now: Duration) {
        let found = found.iter().map(|found| (found.index, found.effective));
        self.requests = Some(Requests {
            range,
            effective: found.collect(),
            since: now,
        });
    }

    /// Returns the first deposits, at most `limit`, for a batch of this time:
    /// [`Deposit::TAKEN_BACK`] stands for those that are taken back by then. Ends before the first
    /// one of which it is not known whether its depositor wants it back.
    pub(crate) fn front(&self, limit: usize, time: u64, now: Duration) -> Vec<Deposit> {
        let Some(requests) = self.known_requests(now) else {
            return Vec::new();
        };
        let front = (self.first..).zip(&self.queue).take(limit);
        let known = front.take_while(|(index, _)| requests.range.contains(index));
        let effective = known.map(
            |(index, (deposit, _))| match requests.effective.get(&index) {
                Some(effective) if *effective <= time => Deposit::TAKEN_BACK,
                _ => *deposit,
            },
        );
        effective.collect()
    }

    /// Returns what is known of the requests, if it is of the front.
    fn known_requests(&self, now: Duration) -> Option<&Requests> {
        let requests = self.requests.as_ref()?;
        let is_known = requests.range.contains(&self.first)
            && now.saturating_sub(requests.since) <= REQUESTS_VALID;
        is_known.then_some(requests)
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
        if self.known_requests(now).is_none() {
            return false;
        }
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
        let mut queue = DepositQueue::new(0, (0..count).map(deposit), Duration::ZERO);
        queue.note_take_backs(0..256, &[], Duration::ZERO);
        queue
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
        queue.push(queue.front(1, 0, second)[0], 4 * second);
        assert!(queue.is_due(5 * second, LIMIT, &config));
        queue.consume(2);
        assert!(!queue.is_due(599 * second, LIMIT, &config));
        assert!(queue.is_due(604 * second, LIMIT, &config));
    }

    #[test]
    fn deposits_that_are_taken_back_are_passed_over_from_then_on() {
        let second = Duration::from_secs(1);
        let mut queue = queue(3);
        let taken = TakeBack {
            index: 1,
            effective: 1_000,
        };
        queue.note_take_backs(0..256, &[taken], second);
        let before = queue.front(3, 999, second);
        assert!(!before.contains(&Deposit::TAKEN_BACK));
        let after = queue.front(3, 1_000, second);
        assert_eq!(after, [before[0], Deposit::TAKEN_BACK, before[2]]);
        // An index is that of the vault's queue.
        queue.consume(1);
        assert_eq!(queue.front(1, 1_000, second), [Deposit::TAKEN_BACK]);
    }

    #[test]
    fn no_deposit_is_sealed_unless_the_requests_are_known() {
        let second = Duration::from_secs(1);
        let config = config(31337);
        let mut queue = queue(64);
        assert_eq!(queue.front(64, 0, 3_600 * second).len(), 64);
        assert!(queue.is_due(3_600 * second, LIMIT, &config));
        assert_eq!(queue.front(64, 0, 3_601 * second), []);
        assert!(!queue.is_due(3_601 * second, LIMIT, &config));
        queue.note_take_backs(0..256, &[], 3_601 * second);
        assert_eq!(queue.front(64, 0, 3_601 * second).len(), 64);
        queue.note_take_backs(0..2, &[], 3_601 * second);
        assert_eq!(queue.front(64, 0, 3_601 * second).len(), 2);
        queue.consume(2);
        assert_eq!(queue.front(64, 0, 3_601 * second), []);
        assert!(!queue.is_due(3_601 * second, LIMIT, &config));
        queue.note_take_backs(2..258, &[], 3_601 * second);
        let fresh = DepositQueue::new(0, queue.front(64, 0, 3_601 * second), second);
        assert_eq!(fresh.front(64, 0, second), []);
    }
}
