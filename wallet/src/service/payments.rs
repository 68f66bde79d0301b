//! Payments inside, withdrawals to L1, and claims.

pub(super) mod balances;
pub(super) mod deposits;
pub(super) mod history;

use subrosa_l1::L1Error;
use subrosa_protocol::asset::AssetId;

use super::{
    Key, Wallet, new_id,
    operations::idempotency::{recall, recall_operation, remember},
};
use crate::{
    error::WalletError,
    operation::{Operation, Request},
    store::Claimed,
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
    /// A repeated key answers the first result, also if the first answer was lost.
    ///
    /// # Errors
    /// [`WalletError::L1`], or [`WalletError::IdempotencyConflict`].
    pub async fn claim(&self, asset: AssetId, key: Key) -> Result<([u8; 32], u128), WalletError> {
        let keyed = key.is_some();
        let id = {
            let mut inner = self.inner.lock().await;
            match recall(&inner.state, &key)? {
                Some(id) => {
                    if let Some(claimed) = inner.state.claims.get(id) {
                        return answer(claimed);
                    }
                    id.to_owned()
                }
                None => {
                    let id = new_id();
                    if keyed {
                        // Stored before L1 hears of it. The id identifies the claim there.
                        remember(&mut inner.state, key, id.clone());
                        self.save(&mut inner)?;
                    }
                    id
                }
            }
        };
        let claimed = match self.l1.claim(&self.account, asset, Some(&id)).await {
            Ok(receipt) => Claimed::Paid {
                transaction: hex::encode(receipt.tx),
                amount: receipt.amount,
            },
            Err(L1Error::Rejected { reason, .. }) => Claimed::Refused { reason },
            Err(error) => return Err(error.into()),
        };
        if keyed {
            let mut inner = self.inner.lock().await;
            inner.state.claims.insert(id, claimed.clone());
            self.save(&mut inner)?;
        }
        answer(&claimed)
    }
}

/// Returns the answer that a claim stored.
fn answer(claimed: &Claimed) -> Result<([u8; 32], u128), WalletError> {
    match claimed {
        Claimed::Paid {
            transaction,
            amount,
        } => {
            let mut hash = [0; 32];
            hex::decode_to_slice(transaction, &mut hash)
                .map_err(|_| WalletError::Chain("a stored claim has no hash".into()))?;
            Ok((hash, *amount))
        }
        Claimed::Refused { reason } => Err(WalletError::L1(L1Error::Rejected {
            operation: "claim",
            reason: reason.clone(),
        })),
    }
}
