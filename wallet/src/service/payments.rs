//! Payments inside, withdrawals to L1, and claims.

pub(super) mod balances;
mod deposits;
pub(super) mod history;

use subrosa_protocol::asset::AssetId;

use super::{Key, Wallet, operations::idempotency::recall_operation};
use crate::{
    error::WalletError,
    operation::{Operation, Request},
};

impl Wallet {
    /// Starts a payment or a withdrawal.
    ///
    /// # Errors
    /// [`WalletError`] naming the fault; nothing is stored then.
    pub async fn start(
        &self,
        request: Request,
        asset: AssetId,
        amount: u128,
        key: Key,
    ) -> Result<Operation, WalletError> {
        let mut inner = self.inner.lock().await;
        // Refuses a request that could never be composed.
        self.intent(&inner, &request)?;
        if let Some(known) = recall_operation(&inner.state, &key)? {
            return Ok(known);
        }
        if !self.covers(&inner, asset, amount) {
            return Err(WalletError::InsufficientFunds);
        }
        let operation = self.new_operation(request, asset, amount);
        self.keep(&mut inner, &operation, key)?;
        self.wake.notify_one();
        Ok(operation)
    }

    /// Claims the institution's credit in the vault. Returns the L1 transaction and the amount.
    ///
    /// # Errors
    /// [`WalletError::L1`].
    pub async fn claim(&self, asset: AssetId) -> Result<([u8; 32], u128), WalletError> {
        let amount = self.l1.claimable(self.account(), asset).await?;
        let receipt = self.l1.claim(&self.account, asset).await?;
        Ok((receipt.tx, amount))
    }
}
