//! The first contact with the sequencer: both must use the same deployment and transaction key.

use super::Wallet;
use crate::{
    error::WalletError,
    failure::Failure,
    operation::{Progress, Request},
};

impl Wallet {
    /// Compares deployment and transaction key with the sequencer's, until they agreed once.
    ///
    /// A proof under another key would be refused, while its notes stayed reserved for the
    /// transaction's lifetime. So the wallet makes no proof before the keys agree.
    ///
    /// # Errors
    /// [`WalletError::KeyMismatch`] or [`WalletError::Chain`] if they disagree;
    /// [`WalletError::Sequencer`] if the sequencer does not answer.
    pub(super) async fn meet_sequencer(&self) -> Result<(), WalletError> {
        if self.min_fee.get().is_some() {
            return Ok(());
        }
        let info = self.client.info().await?;
        if (info.context, info.fee_asset) != (self.context, self.fee_asset) {
            return Err(WalletError::Chain(
                "sequencer and L1 serve different rollups; check the sequencer's URL".into(),
            ));
        }
        let ours = format!("0x{}", hex::encode(self.prover.key_hash()));
        if !ours.eq_ignore_ascii_case(&info.transaction_key) {
            let theirs = info.transaction_key;
            let digits = theirs.strip_prefix("0x").map_or(0, str::len);
            if digits != 64 || !theirs[2..].bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(WalletError::Chain(
                    "the sequencer's transaction key hash is malformed".into(),
                ));
            }
            return Err(WalletError::KeyMismatch { ours, theirs });
        }
        let mut inner = self.inner.lock().await;
        let _ = self.min_fee.set(info.min_fee);
        // Operations that were asked for before the contact may offer less than the minimum.
        let fee = self.fee();
        for operation in &mut inner.state.operations {
            let deposit = matches!(operation.request, Request::Deposit { .. });
            let fresh = operation.progress == Progress::Queued && operation.attempts.is_empty();
            if fresh && !deposit {
                operation.fee = operation.fee.max(fee);
            }
        }
        Ok(())
    }

    /// Fails every operation that waits for its first proof. An operation with an earlier attempt
    /// stays queued: the sequencer may still include that attempt, and an operation that failed
    /// must not be paid.
    pub(super) async fn fail_queued(&self, failure: &Failure) -> Result<(), WalletError> {
        for id in self.to_prove().await {
            let fresh = {
                let inner = self.inner.lock().await;
                let operation = inner.state.operation(&id);
                operation.is_some_and(|operation| operation.attempts.is_empty())
            };
            if fresh {
                self.fail(&id, failure.clone()).await?;
            }
        }
        Ok(())
    }
}
