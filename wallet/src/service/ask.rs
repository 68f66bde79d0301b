//! What the gateway asks of the wallet.

use std::collections::HashSet;

use subrosa_protocol::{asset::AssetId, encoding::fr_to_bytes, encryption::Memo};

use super::{
    Balance, HistoryLine, Inner, ShownAsset, Wallet,
    fate::{held_nullifiers, projected},
    new_id, now,
};
use crate::{
    error::{Failure, WalletError},
    operation::{Operation, Progress, Request},
    store::{Remembered, State},
};

impl Wallet {
    /// The asset with this symbol or id.
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

    /// Starts a payment or a withdrawal. `idempotency` is the caller's key and a digest of its request.
    ///
    /// # Errors
    /// [`WalletError`] naming what is wrong; nothing is kept then.
    pub async fn start(
        &self,
        request: Request,
        asset: AssetId,
        amount: u128,
        idempotency: Option<(String, String)>,
    ) -> Result<Operation, WalletError> {
        let mut inner = self.inner.lock().await;
        self.intent(&inner, &request)?;
        if let Some(known) = recall(&inner.state, idempotency.as_ref())? {
            return Ok(known);
        }
        if !self.covers(&inner, asset, amount) {
            return Err(WalletError::InsufficientFunds);
        }
        let operation = self.new_operation(request, asset, amount);
        self.keep(&mut inner, &operation, idempotency)?;
        self.wake.notify_one();
        Ok(operation)
    }

    /// Whether what will be left covers an amount and a fee besides.
    pub(super) fn covers(&self, inner: &Inner, asset: AssetId, amount: u128) -> bool {
        let enough = |of: AssetId, need: u128| projected(inner, &self.info, self.fee, of) >= need;
        if asset == self.info.fee_asset {
            amount
                .checked_add(self.fee)
                .is_some_and(|need| enough(asset, need))
        } else {
            enough(asset, amount) && enough(self.info.fee_asset, self.fee)
        }
    }

    pub(super) fn new_operation(
        &self,
        request: Request,
        asset: AssetId,
        amount: u128,
    ) -> Operation {
        Operation {
            id: new_id(),
            created: now(),
            request,
            asset: asset.0,
            amount,
            fee: self.fee,
            progress: Progress::Queued,
            submission: None,
            attempts: Vec::new(),
            waiting_for: None,
            l1_transaction: None,
        }
    }

    fn keep(
        &self,
        inner: &mut Inner,
        operation: &Operation,
        idempotency: Option<(String, String)>,
    ) -> Result<(), WalletError> {
        inner.state.operations.push(operation.clone());
        remember(&mut inner.state, idempotency, operation.id.clone());
        self.save(inner)
    }

    /// Deposits from the institution's L1 account and waits until L1 has queued it.
    ///
    /// # Errors
    /// [`WalletError`]; a deposit that L1 rejected is kept as a failed operation.
    pub async fn deposit(
        &self,
        asset: AssetId,
        amount: u128,
        idempotency: Option<(String, String)>,
    ) -> Result<(Operation, u64), WalletError> {
        let (operation, index, inner_commitment) = {
            let mut inner = self.inner.lock().await;
            if let Some(known) = recall(&inner.state, idempotency.as_ref())? {
                let Request::Deposit { deposit } = known.request else {
                    return Err(WalletError::IdempotencyConflict);
                };
                return Ok((known, deposit));
            }
            let index = inner.state.next_deposit.max(inner.chain.next_deposit());
            inner.state.next_deposit = index + 1;
            inner.chain.expect_deposit(index);
            // Kept before L1 hears of it: a crash in between costs an index, never a deposit.
            let operation = Operation {
                fee: 0,
                ..self.new_operation(Request::Deposit { deposit: index }, asset, amount)
            };
            self.keep(&mut inner, &operation, idempotency)?;
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
                    // A token may take a fee on the way: what the vault received is what counts.
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

    /// At start: deposits of which we do not know whether L1 took them are looked up in the vault's queue.
    pub(super) async fn resolve_deposits(&self) -> Result<(), WalletError> {
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
            let page = self.l1.deposits(from, 256).await?;
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
                let detail = "the wallet stopped before L1 took the deposit".to_owned();
                self.fail(
                    &id,
                    Failure {
                        code: "interrupted".into(),
                        reason: None,
                        detail,
                    },
                )
                .await?;
            }
        }
        Ok(())
    }

    /// Claims what the vault owes to the institution in an asset. Returns the L1 transaction and the amount.
    ///
    /// # Errors
    /// [`WalletError`].
    pub async fn claim(&self, asset: AssetId) -> Result<([u8; 32], u128), WalletError> {
        let amount = self.l1.claimable(self.account(), asset).await?;
        let receipt = self.l1.claim(&self.account, asset).await?;
        Ok((receipt.tx, amount))
    }

    /// An operation by id.
    ///
    /// # Errors
    /// [`WalletError::NotFound`].
    pub async fn operation(&self, id: &str) -> Result<Operation, WalletError> {
        let inner = self.inner.lock().await;
        inner
            .state
            .operations
            .iter()
            .find(|o| o.id == id)
            .cloned()
            .ok_or(WalletError::NotFound)
    }

    /// Balances of all assets.
    ///
    /// # Errors
    /// [`WalletError::L1`].
    pub async fn balances(&self) -> Result<Vec<Balance>, WalletError> {
        let inside: Vec<(ShownAsset, u128, u128)> = {
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
                        .filter(|n| !held.contains(&fr_to_bytes(&n.nullifier)))
                        .fold(0u128, |sum, n| sum.saturating_add(n.note.value));
                    let projected = projected(&inner, &self.info, self.fee, asset.id);
                    (asset, spendable, projected.saturating_sub(spendable))
                })
                .collect()
        };
        let mut balances = Vec::with_capacity(inside.len());
        for (asset, spendable, pending) in inside {
            balances.push(Balance {
                on_l1: self.l1.token_balance(self.account(), asset.id).await?,
                claimable: self.l1.claimable(self.account(), asset.id).await?,
                asset,
                spendable,
                pending,
            });
        }
        Ok(balances)
    }

    /// Movements from batch `from` on, oldest first.
    pub async fn history(&self, from: u64) -> Vec<HistoryLine> {
        let inner = self.inner.lock().await;
        let shown = |id: AssetId| inner.shown.iter().find(|asset| asset.id == id).cloned();
        inner
            .chain
            .movements()
            .iter()
            .filter(|m| m.batch >= from)
            .filter_map(|m| {
                Some(HistoryLine {
                    time: m.time,
                    batch: m.batch,
                    kind: m.kind,
                    asset: shown(m.asset)?,
                    amount: m.amount,
                    counterparty: m
                        .to
                        .as_ref()
                        .map(|to| to.encode(self.network))
                        .or_else(|| m.recipient.map(|r| format!("0x{}", hex::encode(r)))),
                    memo: m
                        .memo
                        .as_ref()
                        .filter(|memo| !memo.is_empty())
                        .map(Memo::to_string),
                    settled: m.batch <= inner.settled,
                })
            })
            .collect()
    }
}

fn recall(
    state: &State,
    idempotency: Option<&(String, String)>,
) -> Result<Option<Operation>, WalletError> {
    let known = recall_id(state, idempotency)?;
    Ok(known.and_then(|id| state.operations.iter().find(|o| o.id == id).cloned()))
}

/// Keeps what an idempotency key led to.
pub(super) fn remember(state: &mut State, idempotency: Option<(String, String)>, to: String) {
    if let Some((key, request)) = idempotency {
        let remembered = Remembered {
            request,
            operation: to,
        };
        state.remembered.insert(key, remembered);
    }
}

/// The id of what an idempotency key led to.
pub(super) fn recall_id(
    state: &State,
    idempotency: Option<&(String, String)>,
) -> Result<Option<String>, WalletError> {
    let Some((key, request)) = idempotency else {
        return Ok(None);
    };
    let Some(known) = state.remembered.get(key) else {
        return Ok(None);
    };
    if known.request != *request {
        return Err(WalletError::IdempotencyConflict);
    }
    Ok(Some(known.operation.clone()))
}
