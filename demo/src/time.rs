//! Time of a deployment: the system's, or virtual time that runs fast while the system is quiet.

use std::{sync::Arc, time::Duration};

use subrosa_client::OperationsClient;
use subrosa_clock::{Clock, SystemClock, VirtualClock};
use tokio::task::JoinHandle;

use crate::world::metric;

/// Real time between two steps of the virtual clock.
const TICK: Duration = Duration::from_millis(5);
/// Virtual seconds in a second while the system is quiet. While it proves, time runs as usual, so
/// that no wallet runs out of time because a proof takes long.
const SPEED: u32 = 8;
/// Steps between two looks at the sequencer.
const LOOK: u32 = 20;
/// Unsettled batches at which the system is not quiet: the prover has to catch up.
const BACKLOG: f64 = 4.0;
/// Metric with the number of sealed and unsettled batches.
const UNSETTLED: &str = "subrosa_sequencer_unsettled_batches";

/// Clock of all services, the chain and the scenario.
pub(crate) struct Time {
    clock: Arc<dyn Clock>,
    fast: Option<VirtualClock>,
    driver: Option<JoinHandle<()>>,
}

impl Time {
    /// Returns real time, or virtual time that starts now and stands still until it is driven.
    pub(crate) fn new(fast: bool) -> Self {
        let system = SystemClock::shared();
        if !fast {
            return Self {
                clock: system,
                fast: None,
                driver: None,
            };
        }
        let clock = VirtualClock::new(system.unix());
        Self {
            clock: Arc::new(clock.clone()),
            fast: Some(clock),
            driver: None,
        }
    }

    /// Returns the clock.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// Moves virtual time on at once. Call it when nothing is on its way.
    pub(crate) fn pass(&self, by: Duration) {
        if let Some(clock) = &self.fast {
            clock.advance(by);
        }
    }

    /// Starts to move virtual time: as usual before there is a sequencer to look at.
    pub(crate) fn start(&mut self) {
        if let Some(clock) = self.fast.clone() {
            self.run(async move {
                loop {
                    tokio::time::sleep(TICK).await;
                    clock.advance(TICK);
                }
            });
        }
    }

    /// Moves virtual time fast whenever no client proves and the sequencer has no backlog.
    pub(crate) fn follow(
        &mut self,
        operations: OperationsClient,
        is_proving: impl Fn() -> bool + Send + 'static,
    ) {
        let Some(clock) = self.fast.clone() else {
            return;
        };
        self.run(async move {
            let mut backlog = false;
            loop {
                for _ in 0..LOOK {
                    tokio::time::sleep(TICK).await;
                    let quiet = !backlog && !is_proving();
                    clock.advance(if quiet { TICK * SPEED } else { TICK });
                }
                let metrics = operations.metrics().await.unwrap_or_default();
                // There is no such metric before the first batch.
                backlog = metric(&metrics, UNSETTLED).is_ok_and(|count| count >= BACKLOG);
            }
        });
    }

    fn run(&mut self, driver: impl Future<Output = ()> + Send + 'static) {
        if let Some(driver) = self.driver.replace(tokio::spawn(driver)) {
            driver.abort();
        }
    }
}

impl Drop for Time {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}
