//! Registered assets, by the names that users write.

use subrosa_l1::TokenMetadata;
use subrosa_protocol::asset::AssetId;

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

    /// Reads the asset registry from L1.
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

impl Inner {
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
