//! Margin calls, as the borrowers' gateways announce them.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use tokio::{sync::watch, task::JoinHandle};

use crate::demo::gateway::GatewayClient;

/// How long a reader that was cut off waits before it comes back.
const AGAIN: Duration = Duration::from_millis(500);
/// How long a call may take from the price to the event.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often each loan was called.
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

    /// How often a loan was called.
    pub(super) fn of(&self, loan: &str) -> usize {
        self.counts.borrow().get(loan).copied().unwrap_or(0)
    }

    /// Waits until a loan was called so often.
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
) -> anyhow::Result<()> {
    let mut events = gateway.events(*next).await?;
    while let Some(event) = events.next().await? {
        *next = event.number + 1;
        if event.object == "loan" && event.status == "margin_call" {
            counts.send_modify(|counts| *counts.entry(event.id).or_default() += 1);
        }
    }
    Ok(())
}
