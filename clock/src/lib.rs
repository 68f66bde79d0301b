//! The clock port of sequencer, wallet and embedded L1.
//!
//! Services read the time and wait only through a [`Clock`], so that tests and demonstrations can
//! run them on a [`VirtualClock`], where an hour passes when somebody says so.
//!
//! ```
//! use std::time::Duration;
//! use subrosa_clock::{Clock, VirtualClock};
//!
//! let clock = VirtualClock::new(1_800_000_000);
//! clock.advance(Duration::from_secs(60));
//! assert_eq!(clock.unix(), 1_800_000_060);
//! ```

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures::future::BoxFuture;
use tokio::sync::watch;

/// Tells the time and waits.
pub trait Clock: Send + Sync + 'static {
    /// Returns the time since an unspecified start. It never goes back; use it for intervals.
    fn now(&self) -> Duration;

    /// Completes when `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Returns the time in whole seconds since the Unix epoch, as L1 counts it. It goes back when
    /// somebody sets the machine's clock.
    fn unix(&self) -> u64;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Returns the clock as the services take it.
    #[must_use]
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn unix(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
            .as_secs()
    }
}

/// A clock that stands still until [`VirtualClock::advance`] moves it. Clones share one time.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    time: Arc<watch::Sender<Duration>>,
}

impl VirtualClock {
    /// Makes a clock that shows `unix` seconds since the Unix epoch.
    #[must_use]
    pub fn new(unix: u64) -> Self {
        Self {
            time: Arc::new(watch::Sender::new(Duration::from_secs(unix))),
        }
    }

    /// Moves the time on and wakes every waiter whose time has come.
    pub fn advance(&self, by: Duration) {
        self.time.send_modify(|now| *now = now.saturating_add(by));
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        *self.time.borrow()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let deadline = self.now().saturating_add(duration);
        let mut time = self.time.subscribe();
        // The future keeps the sender alive: a clock that nobody can move any more never wakes it.
        let clock = self.clone();
        Box::pin(async move {
            if time.wait_for(|now| *now >= deadline).await.is_err() {
                std::future::pending::<()>().await;
            }
            drop(clock);
        })
    }

    fn unix(&self) -> u64 {
        self.now().as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = VirtualClock::new(100);
        let mut sleeper = clock.sleep(Duration::from_secs(10));
        clock.advance(Duration::from_secs(9));
        assert!(futures::poll!(&mut sleeper).is_pending());
        clock.advance(Duration::from_secs(1));
        assert!(futures::poll!(&mut sleeper).is_ready());
        assert_eq!(clock.unix(), 110);
    }

    #[tokio::test]
    async fn no_time_passes_unless_it_is_moved() {
        let clock = VirtualClock::new(100);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(clock.now(), Duration::from_secs(100));
        clock.sleep(Duration::ZERO).await;
    }
}
