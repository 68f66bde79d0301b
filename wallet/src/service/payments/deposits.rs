//! Deposits from L1.

use std::collections::HashSet;

use subrosa_protocol::{asset::AssetId, encoding::fr_to_bytes};

use super::super::{Key, Wallet, operations::idempotency::recall_operation};
use crate::{
    error::WalletError,
    failure::Failure,
    operation::{Operation, Progress, Request},
};

/// Deposits that one request to L1 reads.
const PAGE: u64 = 256;

impl Wallet {
    /// Deposits from the institution's L1 account and waits until L1 has queued the deposit.
    /// Returns the operation and the deposit's index.
    ///
    /// # Errors
    /// [`WalletError`]; a deposit that L1 rejected is stored as a failed operation.
    pub async fn deposit(
        &self,
        asset: AssetId,
        amount: u128,
        key: Key,
    ) -> Result<(Operation, u64), WalletError> {
        let (operation, index, inner_commitment) = {
            let mut inner = self.inner.lock().await;
            if let Some(known) = recall_operation(&inner.state, &key)? {
                let Request::Deposit { deposit } = known.request else {
                    return Err(WalletError::IdempotencyConflict);
                };
                return Ok((known, deposit));
            }
            let index = inner.state.next_deposit.max(inner.chain.next_deposit());
            inner.state.next_deposit = index + 1;
            inner.chain.expect_deposit(index);
            // Stored before L1 hears of it: a crash in between costs an index, never a deposit.
            let operation = Operation {
                fee: 0,
                ..self.new_operation(Request::Deposit { deposit: index }, asset, amount)
            };
            self.keep(&mut inner, &operation, key)?;
            (operation, index, inner.chain.deposit_inner(index))
        };
        match self
            .l1
            .deposit(&self.account, asset, amount, &inner_commitment)
            .await
        {
            Ok(receipt) => {
                self.update(&operation.id, |o| {
                    o.progress = Progress::Submitted;
                    // A token may take a fee on the way: the amount that the vault received counts.
                    o.amount = receipt.credited;
                    o.l1_transaction = Some(format!("0x{}", hex::encode(receipt.tx)));
                })
                .await?;
                Ok((self.operation(&operation.id).await?, index))
            }
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                let error = WalletError::from(error);
                self.fail(&operation.id, error.failure()).await?;
                Err(error)
            }
        }
    }

    /// Looks up at start which open deposits L1 took: those that are in the vault's queue.
    pub(in super::super) async fn resolve_deposits(&self) -> Result<(), WalletError> {
        let open: Vec<(String, u64)> = {
            let inner = self.inner.lock().await;
            let operations = inner.state.operations.iter();
            operations
                .filter_map(|o| match o.request {
                    Request::Deposit { deposit } if o.progress == Progress::Queued => {
                        Some((o.id.clone(), deposit))
                    }
                    _ => None,
                })
                .collect()
        };
        if open.is_empty() {
            return Ok(());
        }
        let mut queued = HashSet::new();
        let mut from = 0;
        loop {
            let page = self.l1.deposits(from, PAGE).await?;
            let Some(last) = page.last() else { break };
            from = last.index + 1;
            queued.extend(page.iter().map(|d| fr_to_bytes(&d.deposit.inner)));
        }
        for (id, index) in open {
            let inner = fr_to_bytes(&self.inner.lock().await.chain.deposit_inner(index));
            if queued.contains(&inner) {
                self.update(&id, |o| o.progress = Progress::Submitted)
                    .await?;
            } else {
                let detail = "L1 had not mined the deposit when the wallet started again, and may \
                              still do so; before you repeat it with a new idempotency key, check \
                              that the L1 account has no transaction waiting";
                self.fail(&id, Failure::new("interrupted", detail)).await?;
            }
        }
        Ok(())
    }
}
