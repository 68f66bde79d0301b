//! The runtime's paused time as the sequencer's clock.

use std::{sync::Arc, sync::mpsc, time::Duration};

use futures::future::BoxFuture;
use subrosa_clock::Clock;
use tokio::{runtime::Handle, task::spawn_blocking, time::Instant};

/// Time of the start, Unix seconds. It is a multiple of L1's block time.
pub(super) const START: Duration = Duration::from_secs(1_800_000_000);

/// A clock that follows the time of a paused runtime on all threads.
pub(super) struct PausedClock {
    begun: Instant,
    runtime: Handle,
}

impl PausedClock {
    /// Starts the clock. It must be called on the runtime.
    pub(super) fn start() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            runtime: Handle::current(),
        })
    }

    /// Returns the time since the Unix epoch.
    pub(super) fn time(&self) -> Duration {
        // Other threads than the runtime's would read the machine's clock.
        let _runtime = self.runtime.enter();
        START + self.begun.elapsed()
    }

    /// Waits for a time.
    pub(super) async fn wait(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Waits until a time since the Unix epoch.
    pub(super) async fn until(&self, time: Duration) {
        tokio::time::sleep_until(self.begun + time.saturating_sub(START)).await;
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Duration {
        self.time()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let _runtime = self.runtime.enter();
        Box::pin(tokio::time::sleep(duration))
    }

    fn unix(&self) -> u64 {
        self.time().as_secs()
    }
}

/// Waits for work in which threads outside the runtime take part. Time stands still meanwhile, as
/// it does for every blocking task of the runtime.
pub(super) async fn held<T>(work: impl Future<Output = T>) -> T {
    let (done, ended) = mpsc::channel::<()>();
    // The answer is an error: nothing is sent, and the sender goes.
    let hold = spawn_blocking(move || ended.recv().is_ok());
    let result = work.await;
    drop(done);
    // It neither panics nor is cancelled.
    drop(hold.await);
    result
}
