//! Following the chain: batches from the sequencer, and L1's word on which of them count.

use subrosa_protocol::batch::PublishedBatch;

use super::{Inner, ShownAsset, TIME_WINDOW, Wallet, trade::expect_deliveries};
use crate::{
    chain::{Chain, fingerprint},
    error::WalletError,
};

impl Wallet {
    /// Applies all batches that the sequencer has beyond ours, and has L1 say which of them count.
    pub(super) async fn sync(&self) -> Result<(), WalletError> {
        while self.read_page().await? {}
        self.confirm().await
    }

    /// Applies a page of batches. False if it held nothing new.
    async fn read_page(&self) -> Result<bool, WalletError> {
        let from = self.inner.lock().await.chain.batch_index();
        // The last known batch is asked for again, to notice if it was sealed anew.
        let page = self.client.batches(from.saturating_sub(1).max(1)).await?;
        let mut grew = false;
        for entry in &page {
            let contradiction =
                |what: &str| WalletError::Chain(format!("batch {}: {what}", entry.index));
            let batch = PublishedBatch::from_bytes(&entry.data)
                .map_err(|e| contradiction(&e.to_string()))?;
            let mut inner = self.inner.lock().await;
            let inner = &mut *inner;
            if let Some(known) = inner.chain.applied(entry.index) {
                if known.fingerprint != fingerprint(&entry.data) {
                    tracing::warn!(batch = entry.index, "sealed anew; scanning from the start");
                    self.rescan(inner);
                    return Ok(true);
                }
                continue;
            }
            if entry.index != inner.chain.batch_index() {
                return Err(contradiction("the batches before it are missing"));
            }
            inner
                .chain
                .apply(&batch, &inner.auditors)
                .map_err(|e| contradiction(&e.to_string()))?;
            grew = true;
            self.heights.send_replace(inner.chain.batch_index());
        }
        Ok(grew)
    }

    fn rescan(&self, inner: &mut Inner) {
        inner.chain = Chain::new(self.keys.clone(), self.info.context);
        let assets = inner.assets.iter().map(|info| info.id);
        inner.chain.expect_assets(assets);
        inner.settled = 0;
        if let Some(last) = inner.state.next_deposit.checked_sub(1) {
            inner.chain.expect_deposit(last);
        }
        expect_deliveries(&mut inner.chain, &inner.state);
    }

    /// A batch has settled when L1 accepted one with this index, this state and these data: the sequencer's
    /// word for it counts for nothing.
    async fn confirm(&self) -> Result<(), WalletError> {
        let view = self.l1.rollup().await?;
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
                    // All that L1 has is read: from here on L1's clock decides what has expired.
                    inner.l1_time = inner.l1_time.max(no_earlier);
                }
                (next, inner.chain.applied(next).copied())
            };
            let Some(applied) = applied.filter(|_| next <= on_l1) else {
                return Ok(());
            };
            let missing = || WalletError::Chain(format!("L1 has no event of batch {next}"));
            let accepted = self.l1.accepted(next).await?.ok_or_else(missing)?;
            let mut inner = self.inner.lock().await;
            if (accepted.new_state, accepted.data_commitment)
                != (applied.state, applied.data_commitment)
            {
                self.rescan(&mut inner);
                return Err(WalletError::Chain(format!(
                    "the sequencer's batch {next} is not the one that L1 accepted"
                )));
            }
            if inner.chain.applied(next) == Some(&applied) {
                inner.settled = next;
            }
        }
    }

    /// Reads the registry again.
    pub(super) async fn refresh_assets(&self) -> Result<(), WalletError> {
        let infos = self.l1.assets().await?;
        let mut shown = Vec::with_capacity(infos.len());
        for info in &infos {
            shown.push(ShownAsset {
                id: info.id,
                token: self.l1.token_metadata(info.id).await?,
            });
        }
        let mut inner = self.inner.lock().await;
        for info in &infos {
            if !inner.auditors.contains(&info.auditor) {
                inner.auditors.push(info.auditor);
            }
        }
        let ids = infos.iter().map(|info| info.id);
        inner.chain.expect_assets(ids);
        inner.assets = infos.into_iter().collect();
        inner.shown = shown;
        Ok(())
    }
}
