//! Registered assets, by the names that users write.

use subrosa_l1::{L1Error, RollupView, TokenMetadata};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AssetTree},
};

use super::{Inner, Wallet};
use crate::error::WalletError;

/// An asset as the wallet shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAsset {
    /// Id in the registry.
    pub id: AssetId,
    /// Symbol and decimals of the token.
    pub token: TokenMetadata,
}

/// An asset and, where one is stated, an amount of it.
#[derive(Clone)]
pub struct AssetAmount {
    /// The asset.
    pub asset: ShownAsset,
    /// Base units.
    pub amount: Option<u128>,
}

impl Wallet {
    /// Returns the asset with this symbol or id.
    ///
    /// # Errors
    /// [`WalletError::UnknownAsset`].
    pub async fn asset(&self, name: &str) -> Result<ShownAsset, WalletError> {
        let inner = self.inner.lock().await;
        let id = name.parse::<u16>().ok();
        inner
            .shown
            .iter()
            .find(|asset| asset.token.symbol == name || Some(asset.id.0) == id)
            .cloned()
            .ok_or(WalletError::UnknownAsset)
    }

    /// Reads the asset registry from L1, with all keys that auditors have and had. Returns the
    /// rollup as it was before.
    pub(super) async fn refresh_assets(&self) -> Result<RollupView, WalletError> {
        let view = self.l1.rollup().await?;
        let infos = self.l1.assets().await?;
        let auditors = self.l1.auditors().await?;
        let assets: AssetTree = infos.iter().copied().collect();
        let fits = |info: &AssetInfo| auditors.of(info.id).first() == Some(&info.auditor);
        if assets.root() != view.assets_root || !infos.iter().all(fits) {
            let text = "the asset registry changed while it was read; it is read again";
            return Err(L1Error::Odd(text.into()).into());
        }
        let known = self.inner.lock().await.shown.clone();
        let mut shown = Vec::with_capacity(infos.len());
        for info in &infos {
            // A token never changes its symbol and decimals.
            let known = known.iter().find(|asset| asset.id == info.id);
            shown.push(match known {
                Some(asset) => asset.clone(),
                None => ShownAsset {
                    id: info.id,
                    token: self.l1.token_metadata(info.id).await?,
                },
            });
        }
        let mut inner = self.inner.lock().await;
        inner.chain.expect_assets(infos.iter().map(|info| info.id));
        inner.known_roots.insert(assets.root());
        inner.keys_below = inner.keys_below.max(view.batch_index);
        // A node that lags lists fewer keys than another did: none is forgotten.
        inner.auditors.merge(&auditors);
        inner.assets = assets;
        inner.shown = shown;
        Ok(view)
    }

    /// Makes sure that the keys of all auditors are known that a batch can have used.
    ///
    /// A batch settles only under the registry's root at that time. So the keys that L1 has had are
    /// those of every batch that settled before they were read, and of a later one under the root
    /// that they were read with.
    ///
    /// # Errors
    /// [`WalletError::AssetsUnknown`] if the batch has neither settled nor that root: it waits
    /// until L1's node is level with it, or until the sequencer seals it again.
    /// [`WalletError::L1`].
    pub(super) async fn know_auditors(&self, batch: u64, root: Fr) -> Result<(), WalletError> {
        if self.inner.lock().await.knows_auditors(batch, &root) {
            return Ok(());
        }
        self.refresh_assets().await?;
        if self.inner.lock().await.knows_auditors(batch, &root) {
            Ok(())
        } else {
            Err(WalletError::AssetsUnknown { batch })
        }
    }
}

impl Inner {
    /// Whether all keys are known that auditors can have had in a batch under this root.
    fn knows_auditors(&self, batch: u64, root: &Fr) -> bool {
        batch < self.keys_below || self.known_roots.contains(root)
    }

    /// Reads all keys again before the next batch: one was missing, as from a node that lagged.
    pub(super) fn forget_auditors(&mut self) {
        self.known_roots.clear();
        self.keys_below = 0;
    }

    /// Returns how an asset is shown, if it is registered.
    pub(super) fn shown_asset(&self, id: AssetId) -> Option<ShownAsset> {
        self.shown.iter().find(|asset| asset.id == id).cloned()
    }

    /// Returns an asset with an amount as it is shown, if the asset is registered.
    pub(super) fn shown_amount(&self, id: AssetId, amount: Option<u128>) -> Option<AssetAmount> {
        let asset = self.shown_asset(id)?;
        Some(AssetAmount { asset, amount })
    }
}
