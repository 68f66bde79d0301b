//! Price snapshots: which one the wallet adopts. Its transactions' anchors hold it.

use std::time::Duration;

use subrosa_protocol::market::PriceSnapshot;

use super::super::Wallet;

/// Shortest time between two requests for the latest snapshot.
const PRICES: Duration = Duration::from_secs(1);

impl Wallet {
    /// Fetches the price snapshot of the next batch. A failure is only logged: the rest of the turn
    /// does not need a price.
    pub(in super::super) async fn refresh_prices(&self) {
        let due = {
            let mut inner = self.inner.lock().await;
            let now = self.clock.now();
            let due = inner
                .snapshot_asked
                .is_none_or(|last| now.saturating_sub(last) >= PRICES);
            if due {
                inner.snapshot_asked = Some(now);
            }
            due
        };
        if !due {
            return;
        }
        match self.client.snapshot().await {
            Ok(snapshot) => {
                let known = self.inner.lock().await.snapshot;
                if snapshot == known || !self.adopts(snapshot.as_ref(), known.as_ref()).await {
                    return;
                }
                self.inner.lock().await.snapshot = snapshot;
            }
            Err(error) => tracing::debug!("the price snapshot could not be read: {error}"),
        }
    }

    /// Whether to adopt a snapshot offered by the sequencer.
    ///
    /// L1 must have recorded it, and it must not be older than ours unless a reorganisation removed
    /// ours, or a batch can still have it. Otherwise the sequencer could recognise this wallet by
    /// an invented snapshot, or replay an old price.
    async fn adopts(&self, offered: Option<&PriceSnapshot>, known: Option<&PriceSnapshot>) -> bool {
        let validity = async |snapshot: &PriceSnapshot| {
            let found = self.l1.snapshot_validity(&snapshot.digest()).await;
            let found = found.ok().flatten();
            found.filter(|validity| validity.taken == snapshot.time)
        };
        let Some(offered) = offered else {
            return true;
        };
        let Some(found) = validity(offered).await else {
            tracing::debug!("the sequencer's price snapshot is not on L1");
            return false;
        };
        match known {
            Some(known) if known.time > offered.time => {
                found.admits(self.now()) || validity(known).await.is_none()
            }
            _ => true,
        }
    }
}
