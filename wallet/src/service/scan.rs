//! Following the chain: batches from the sequencer, and L1's word on which of them count.

use subrosa_protocol::batch::PublishedBatch;

use super::{Inner, TIME_WINDOW, Wallet, offers::expect_deliveries};
use crate::{
    chain::{ApplyError, Chain, fingerprint},
    error::WalletError,
};

/// Times in a row after which a batch that the sequencer does not have is lost. Fewer may come from
/// a follower that lags.
const ABSENCES: u32 = 8;

impl Wallet {
    /// Applies all batches that the sequencer has beyond ours.
    pub(super) async fn read_batches(&self) -> Result<(), WalletError> {
        while self.read_page().await? {}
        Ok(())
    }

    /// Applies a page of batches. Returns whether it held a new one.
    async fn read_page(&self) -> Result<bool, WalletError> {
        let from = self.inner.lock().await.chain.batch_index();
        // Includes the last known batch, to notice if the sequencer sealed it again.
        let page = self.client.batches(from.saturating_sub(1).max(1)).await?;
        if page.is_empty() {
            return Ok(self.miss_last_batch().await);
        }
        self.inner.lock().await.absent = 0;
        let mut grew = false;
        for entry in &page {
            let contradiction =
                |what: &str| WalletError::Chain(format!("batch {}: {what}", entry.index));
            let batch = PublishedBatch::from_bytes(&entry.data)
                .map_err(|e| contradiction(&e.to_string()))?;
            {
                let mut inner = self.inner.lock().await;
                if let Some(known) = inner.chain.applied(entry.index) {
                    if known.fingerprint != fingerprint(&entry.data) {
                        tracing::warn!(
                            batch = entry.index,
                            "the sequencer replaced a batch; scanning from the start"
                        );
                        self.rescan(&mut inner);
                        return Ok(true);
                    }
                    continue;
                }
                if entry.index != inner.chain.batch_index() {
                    return Err(contradiction(
                        "the sequencer left out the batches before it",
                    ));
                }
            }
            self.know_auditors(entry.index, batch.header.assets_root)
                .await?;
            let mut inner = self.inner.lock().await;
            let inner = &mut *inner;
            match inner.chain.apply(&batch, &inner.auditors) {
                Ok(()) => {}
                Err(ApplyError::UnknownAuditor { slot }) => {
                    tracing::warn!(
                        batch = entry.index,
                        slot,
                        "no known auditor key opens our own transaction; reading the keys again"
                    );
                    inner.forget_auditors();
                    return Err(WalletError::AssetsUnknown { batch: entry.index });
                }
                Err(error) => return Err(contradiction(&error.to_string())),
            }
            grew = true;
            self.heights.send_replace(inner.chain.batch_index());
        }
        Ok(grew)
    }

    /// Notes that the sequencer has no batch from our last one on. If that batch stays away, and L1
    /// does not have it either, it is lost, and the wallet scans from the start. Returns whether it
    /// does.
    async fn miss_last_batch(&self) -> bool {
        let mut inner = self.inner.lock().await;
        let last = inner.chain.batch_index() - 1;
        if last <= inner.settled {
            inner.absent = 0;
            return false;
        }
        inner.absent += 1;
        // No news would lead to the next look.
        self.ear.missed();
        if inner.absent < ABSENCES {
            return false;
        }
        tracing::warn!(
            batch = last,
            "the sequencer has lost a batch; scanning from the start"
        );
        inner.absent = 0;
        self.rescan(&mut inner);
        true
    }

    /// Forgets the chain; the next pages build it again.
    fn rescan(&self, inner: &mut Inner) {
        inner.chain = Chain::new(self.keys.clone(), self.context);
        let assets = inner.assets.iter().map(|info| info.id);
        inner.chain.expect_assets(assets);
        inner.settled = 0;
        // L1's clock decides only when all batches on L1 are applied, and none is now.
        inner.l1_time = 0;
        if let Some(last) = inner.state.next_deposit.checked_sub(1) {
            inner.chain.expect_deposit(last);
        }
        expect_deliveries(&mut inner.chain, &inner.state);
    }

    /// Marks batches as settled. A batch has settled when L1 accepted one with the same index,
    /// state and data; the sequencer's own claim does not count. Returns whether all batches on L1
    /// are applied: before, nothing is known of what may have settled in the others.
    pub(super) async fn confirm(&self) -> Result<bool, WalletError> {
        let view = self.l1.rollup().await?;
        if self.inner.lock().await.assets.root() != view.assets_root {
            self.refresh_assets().await?;
        }
        let head = self.l1.head().await?;
        let on_l1 = view.batch_index.saturating_sub(1);
        let no_earlier = view
            .last_time
            .max(head.timestamp.saturating_sub(TIME_WINDOW));
        loop {
            let (next, applied) = {
                let mut inner = self.inner.lock().await;
                let next = inner.settled + 1;
                if next > on_l1 {
                    // All batches on L1 are read: L1's clock now decides which transactions
                    // have expired.
                    inner.l1_time = inner.l1_time.max(no_earlier);
                }
                (next, inner.chain.applied(next).copied())
            };
            if next > on_l1 {
                return Ok(true);
            }
            let Some(applied) = applied else {
                self.ear.missed();
                return Ok(false);
            };
            let missing = || WalletError::Chain(format!("L1 has no event of batch {next}"));
            let accepted = self.l1.accepted(next).await?.ok_or_else(missing)?;
            let mut inner = self.inner.lock().await;
            if (accepted.new_state, accepted.data_commitment)
                != (applied.state, applied.data_commitment)
            {
                self.rescan(&mut inner);
                return Err(WalletError::Chain(format!(
                    "L1 accepted another batch {next} than the sequencer published"
                )));
            }
            if inner.chain.applied(next) == Some(&applied) {
                inner.settled = next;
            }
        }
    }
}
