//! Balances.

use subrosa_l1::DepositTerms;
use subrosa_protocol::asset::AssetInfo;

use super::super::{
    ShownAsset, Wallet,
    operations::fate::{held_nullifiers, projected},
};
use crate::error::WalletError;

/// An institution's balance of an asset, base units.
#[derive(Clone, PartialEq, Eq)]
pub struct Balance {
    /// The asset.
    pub asset: ShownAsset,
    /// Value of the notes that no operation or quote has reserved.
    pub spendable: u128,
    /// Part of the reserved notes that comes back as change.
    pub pending: u128,
    /// Balance of the institution's account on L1.
    pub on_l1: u128,
    /// Credit in the vault, to be claimed.
    pub claimable: u128,
    /// Minimum and fee of a deposit.
    pub deposits: DepositTerms,
    /// Whether a deposit publishes the owner of its note.
    pub names_deposits: bool,
}

impl Wallet {
    /// Returns the balances of all assets.
    ///
    /// # Errors
    /// [`WalletError::L1`].
    pub async fn balances(&self) -> Result<Vec<Balance>, WalletError> {
        let inside: Vec<(ShownAsset, bool, u128, u128)> = {
            let inner = self.inner.lock().await;
            let held = held_nullifiers(&inner, None);
            let shown = inner.shown.clone();
            shown
                .into_iter()
                .map(|asset| {
                    let spendable = inner
                        .chain
                        .notes()
                        .iter()
                        .filter(|n| n.spent.is_none() && n.note.asset == asset.id)
                        .filter(|n| !held.contains(&n.nullifier))
                        .fold(0u128, |sum, n| sum.saturating_add(n.note.value));
                    let projected = projected(&inner, self.fee_asset, self.fee(), asset.id);
                    let names = inner.assets.get(asset.id);
                    let names = names.is_some_and(AssetInfo::names_deposits);
                    (asset, names, spendable, projected.saturating_sub(spendable))
                })
                .collect()
        };
        let mut balances = Vec::with_capacity(inside.len());
        for (asset, names_deposits, spendable, pending) in inside {
            balances.push(Balance {
                on_l1: self.l1.token_balance(self.account(), asset.id).await?,
                claimable: self.l1.claimable(self.account(), asset.id).await?,
                deposits: self.l1.deposit_terms(asset.id).await?,
                names_deposits,
                asset,
                spendable,
                pending,
            });
        }
        Ok(balances)
    }
}
