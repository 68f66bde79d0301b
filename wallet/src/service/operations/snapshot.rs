//! Price snapshots: which one the wallet adopts, and which one a transaction names.

use std::time::Duration;

use subrosa_protocol::{market::PriceSnapshot, note::NoteClass};

use super::super::{Inner, MAX_ATTEMPTS, Wallet};
use crate::operation::{Operation, Request};

/// Shortest time between two requests for the latest snapshot.
const PRICES: Duration = Duration::from_secs(1);
/// The sequencer's code for a leg whose counterpart names another snapshot.
pub(super) const MIXED: &str = "mixed_snapshots";

/// The snapshot that a transaction names.
#[expect(
    clippy::large_enum_variant,
    reason = "lives for one call, and most transactions name a snapshot"
)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SnapshotChoice {
    /// This one.
    Name(PriceSnapshot),
    /// None, unless the transaction proves a step that needs a price.
    Omit,
}

impl Wallet {
    /// Fetches the latest price snapshot. A failure is only logged: the rest of the turn does not
    /// need a price.
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
                let mut inner = self.inner.lock().await;
                if inner.snapshot != snapshot {
                    let before = std::mem::replace(&mut inner.snapshot, snapshot);
                    inner.earlier.splice(..0, before);
                    inner.earlier.truncate(MAX_ATTEMPTS);
                }
            }
            Err(error) => tracing::debug!("the price snapshot could not be read: {error}"),
        }
    }

    /// Whether to adopt a snapshot offered by the sequencer.
    ///
    /// L1 must have recorded it, and it must not be older than ours unless a reorganisation
    /// removed ours. Otherwise the sequencer could recognise this wallet by an invented snapshot,
    /// or replay an old price.
    async fn adopts(&self, offered: Option<&PriceSnapshot>, known: Option<&PriceSnapshot>) -> bool {
        let on_l1 = async |snapshot: &PriceSnapshot| {
            let time = self.l1.snapshot_time(&snapshot.digest()).await;
            matches!(time, Ok(Some(time)) if time == snapshot.time)
        };
        let Some(offered) = offered else {
            return true;
        };
        if !on_l1(offered).await {
            tracing::debug!("the sequencer's price snapshot is not on L1");
            return false;
        }
        match known {
            Some(known) if known.time > offered.time => !on_l1(known).await,
            _ => true,
        }
    }
}

/// Chooses the snapshot that an operation's transaction names: usually the latest.
///
/// If the counterpart of a leg names another snapshot, the leg is made again: without a snapshot
/// if it needs no price, otherwise with the earlier snapshots, one per attempt.
pub(super) fn snapshot_for(inner: &Inner, operation: &Operation) -> SnapshotChoice {
    let latest = inner
        .snapshot
        .map_or(SnapshotChoice::Omit, SnapshotChoice::Name);
    let Request::Leg { swap } = &operation.request else {
        return latest;
    };
    let quote = inner.state.book.quote(swap);
    match quote.filter(|_| operation.waiting_for.as_deref() == Some(MIXED)) {
        None => latest,
        Some(quote) if quote.gives().class == NoteClass::Cash => SnapshotChoice::Omit,
        Some(_) => {
            let tried = operation.attempts.len().saturating_sub(1);
            let earlier = inner.earlier.get(tried);
            earlier.map_or(latest, |snapshot| SnapshotChoice::Name(*snapshot))
        }
    }
}
