//! Margin calls, as the borrowers' gateways announce them.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use subrosa_client::{ClientError, GatewayClient};
use tokio::{sync::watch, task::JoinHandle};

/// Wait of a reader that was cut off before it opens the stream again.
const AGAIN: Duration = Duration::from_millis(500);
/// Longest time from the price to the event.
const PATIENCE: Duration = Duration::from_secs(60);

/// Number of calls of each loan.
type Counts = BTreeMap<String, usize>;

/// Follows one institution's events until it is dropped.
pub(super) struct Calls {
    counts: watch::Receiver<Counts>,
    reader: JoinHandle<()>,
}

impl Calls {
    pub(super) fn follow(gateway: GatewayClient) -> Self {
        let (sender, counts) = watch::channel(Counts::new());
        let reader = tokio::spawn(async move {
            let mut next = 1;
            loop {
                // A stream that ends or breaks is opened again where it was left.
                if let Err(error) = read(&gateway, &mut next, &sender).await {
                    tracing::debug!(%error, "events");
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
        Self { counts, reader }
    }

    /// Returns how often a loan was called.
    pub(super) fn of(&self, loan: &str) -> usize {
        self.counts.borrow().get(loan).copied().unwrap_or(0)
    }

    /// Waits until a loan was called `count` times.
    pub(super) async fn reach(&self, loan: &str, count: usize) -> anyhow::Result<()> {
        let mut counts = self.counts.clone();
        let called = counts.wait_for(|counts| counts.get(loan).is_some_and(|n| *n >= count));
        tokio::time::timeout(PATIENCE, called)
            .await
            .context("a position fell below its margin and no margin call came")??;
        Ok(())
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(
    gateway: &GatewayClient,
    next: &mut u64,
    counts: &watch::Sender<Counts>,
) -> Result<(), ClientError> {
    let mut events = gateway.events(*next).await?;
    while let Some(numbered) = events.next().await? {
        *next = numbered.number + 1;
        let event = numbered.event;
        if event.object == "loan" && event.status == "margin_call" {
            counts.send_modify(|counts| *counts.entry(event.id).or_default() += 1);
        }
    }
    Ok(())
}
