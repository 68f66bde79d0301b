//! Deposits from L1.
//!
//! A task carries each deposit to L1, so that neither a lost connection nor a slow chain ends it.
//! While L1 does not answer, the operation stays queued, and the wallet's worker begins again: the
//! inner commitment identifies the deposit, so that no attempt sends a second one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use subrosa_l1::{L1Error, QueuedDeposit};
use subrosa_protocol::{
    asset::{AssetId, AssetInfo},
    encoding::fr_to_bytes,
};
use tokio::sync::watch;

use super::super::{Key, Wallet, operations::idempotency::recall_operation};
use crate::{
    amount::format,
    error::WalletError,
    operation::{Operation, Progress, Request},
};

/// Deposits that one request to L1 reads.
const PAGE: u64 = 256;
/// First pause before the worker tries a deposit again. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Result of an attempt at a deposit; `None` while it is under way.
type Attempted = Option<Result<(), L1Error>>;

/// Deposits that tasks carry to L1, by operation.
pub(in super::super) type Carried = Mutex<HashMap<String, Carrier>>;

/// The newest attempt at a deposit.
pub(in super::super) struct Carrier {
    attempted: watch::Receiver<Attempted>,
    /// Time on the clock of intervals before which the worker leaves it alone.
    again: Duration,
    pause: Duration,
}

impl Carrier {
    fn is_under_way(&self) -> bool {
        // A task that panicked is not under way.
        self.attempted.borrow().is_none() && self.attempted.has_changed().is_ok()
    }
}

impl Wallet {
    /// Deposits from the institution's L1 account and waits until L1 has queued the deposit, for a
    /// bounded time. Returns the operation and the deposit's index.
    ///
    /// A repeated key joins the deposit under way.
    ///
    /// # Errors
    /// [`WalletError`]; a deposit that L1 rejected is stored as a failed operation. After a
    /// transient failure of L1 the wallet goes on with the deposit by itself.
    pub async fn deposit(
        self: &Arc<Self>,
        asset: AssetId,
        amount: u128,
        key: Key,
    ) -> Result<(Operation, u64), WalletError> {
        self.require_minimum(asset, amount, &key).await?;
        let (operation, index) = {
            let mut inner = self.inner.lock().await;
            if let Some(known) = recall_operation(&inner.state, &key)? {
                let Request::Deposit { deposit } = known.request else {
                    return Err(WalletError::IdempotencyConflict);
                };
                if known.progress != Progress::Queued {
                    return Ok((known, deposit));
                }
                (known, deposit)
            } else {
                let index = inner.state.next_deposit.max(inner.chain.next_deposit());
                inner.state.next_deposit = index + 1;
                inner.chain.expect_deposit(index);
                // Stored before L1 hears of it: a crash in between costs an index, never a deposit.
                let operation = Operation {
                    fee: 0,
                    ..self.new_operation(Request::Deposit { deposit: index }, asset, amount)
                };
                self.keep(&mut inner, &operation, key)?;
                (operation, index)
            }
        };
        let mut attempted = self.carry_deposit(&operation.id);
        let result = match attempted.wait_for(Option::is_some).await {
            Ok(result) => result.clone(),
            Err(_) => None,
        };
        match result {
            Some(Ok(())) => Ok((self.operation(&operation.id).await?, index)),
            Some(Err(error)) => Err(error.into()),
            None => Err(WalletError::Stopped),
        }
    }

    /// Refuses a new deposit that the vault would refuse as too small. While L1 does not answer,
    /// the deposit goes on: L1 checks it again before it is sent.
    async fn require_minimum(
        &self,
        asset: AssetId,
        amount: u128,
        key: &Key,
    ) -> Result<(), WalletError> {
        // The same key has the same outcome, whatever governance changes meanwhile.
        if recall_operation(&self.inner.lock().await.state, key)?.is_some() {
            return Ok(());
        }
        let minimum = match self.l1.deposit_terms(asset).await {
            Ok(terms) => terms.minimum,
            Err(error) if error.is_transient() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if amount >= minimum {
            return Ok(());
        }
        let inner = self.inner.lock().await;
        let shown = inner.shown.iter().find(|shown| shown.id == asset);
        let decimals = shown.ok_or(WalletError::UnknownAsset)?.token.decimals;
        Err(WalletError::DepositBelowMinimum {
            minimum: format(minimum, decimals),
        })
    }

    /// Begins an attempt at a deposit, unless one is under way, and follows it.
    fn carry_deposit(self: &Arc<Self>, id: &str) -> watch::Receiver<Attempted> {
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = match carried.get(id) {
            Some(carrier) if carrier.is_under_way() => return carrier.attempted.clone(),
            Some(carrier) => (carrier.pause * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        let (done, attempted) = watch::channel(None);
        let carrier = Carrier {
            attempted: attempted.clone(),
            again: self.clock.now() + pause,
            pause,
        };
        carried.insert(id.to_owned(), carrier);
        let wallet = Arc::clone(self);
        let id = id.to_owned();
        tokio::spawn(async move {
            let result = wallet.send_deposit(&id).await;
            if !result.as_ref().is_err_and(L1Error::is_transient) {
                let mut carried = wallet
                    .carried
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                carried.remove(&id);
            }
            done.send_replace(Some(result));
        });
        attempted
    }

    /// Has L1 queue a deposit, and stores what came of it.
    async fn send_deposit(&self, id: &str) -> Result<(), L1Error> {
        let (operation, name, is_named) = {
            let inner = self.inner.lock().await;
            let Some(operation) = inner.state.operation(id).cloned() else {
                return Ok(());
            };
            let Request::Deposit { deposit } = operation.request else {
                return Ok(());
            };
            let asset = inner.assets.get(AssetId(operation.asset));
            let is_named = asset.is_some_and(AssetInfo::names_deposits);
            (operation, inner.chain.deposit_name(deposit), is_named)
        };
        let (asset, amount) = (AssetId(operation.asset), operation.amount);
        let deposited = if is_named {
            let named = self.l1.deposit_named(&self.account, asset, amount, &name);
            named.await
        } else {
            let inner = name.inner();
            let hidden = self.l1.deposit(&self.account, asset, amount, &inner);
            hidden.await
        };
        let stored = match &deposited {
            Ok(receipt) => {
                self.update(id, |o| {
                    if o.progress == Progress::Queued {
                        o.progress = Progress::Submitted;
                    }
                    // The vault takes a fee, and a token may take one on the way: the note's value
                    // counts, as L1 queued it.
                    o.amount = receipt.credited;
                    o.l1_transaction = Some(format!("0x{}", hex::encode(receipt.tx)));
                    o.waiting_for = None;
                })
                .await
            }
            Err(error) if error.is_transient() => {
                tracing::warn!("L1 has not queued a deposit yet, and the wallet goes on: {error}");
                Ok(())
            }
            Err(error) => {
                let failure = WalletError::from(error.clone()).failure();
                self.fail(id, failure).await
            }
        };
        if let Err(error) = stored {
            tracing::error!("the outcome of a deposit could not be stored: {error}");
            return Err(L1Error::Unavailable(
                "the wallet could not store the outcome of the deposit, and asks again".into(),
            ));
        }
        deposited.map(|_| ())
    }

    /// Begins anew with the deposits that L1 has neither queued nor refused, when their time has
    /// come.
    pub(in super::super) async fn resume_deposits(self: &Arc<Self>) {
        let now = self.clock.now();
        for (id, _) in self.queued_deposits().await {
            let due = {
                let carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
                let carrier = carried.get(&id);
                carrier.is_none_or(|carrier| !carrier.is_under_way() && now >= carrier.again)
            };
            if due {
                self.carry_deposit(&id);
            }
        }
    }

    /// Returns the deposits that L1 has neither queued nor refused, with their indices.
    async fn queued_deposits(&self) -> Vec<(String, u64)> {
        let inner = self.inner.lock().await;
        let queued = inner.state.operations.iter();
        queued
            .filter_map(|o| match o.request {
                Request::Deposit { deposit } if o.progress == Progress::Queued => {
                    Some((o.id.clone(), deposit))
                }
                _ => None,
            })
            .collect()
    }

    /// Looks up at start which open deposits L1 took: those that are in the vault's queue. The
    /// worker goes on with the others.
    pub(in super::super) async fn resolve_deposits(&self) -> Result<(), WalletError> {
        let open = self.queued_deposits().await;
        if open.is_empty() {
            return Ok(());
        }
        // Assets and values of the queued deposits, by inner commitment.
        let mut queued: HashMap<_, Vec<_>> = HashMap::new();
        let mut from = 0;
        loop {
            let page = self.l1.deposits(from, PAGE).await?;
            let Some(last) = page.last() else { break };
            from = last.index + 1;
            for QueuedDeposit { deposit, .. } in page {
                let known = queued.entry(fr_to_bytes(&deposit.inner)).or_default();
                known.push((deposit.asset.0, deposit.value));
            }
        }
        for (id, index) in open {
            let inner = fr_to_bytes(&self.inner.lock().await.chain.deposit_inner(index));
            let Some(known) = queued.get(&inner) else {
                continue;
            };
            self.update(&id, |o| {
                if let Some(value) = value_of(known, o.asset, o.amount) {
                    o.progress = Progress::Submitted;
                    o.amount = value;
                }
            })
            .await?;
        }
        Ok(())
    }
}

/// Returns the value that the vault queued of a deposit of `amount`, among deposits with its inner
/// commitment as asset and value. Fees may have made it smaller. Anybody can copy the commitment
/// and deposit dust under it, so that the greatest value that fits is ours.
fn value_of(queued: &[(u16, u128)], asset: u16, amount: u128) -> Option<u128> {
    let ours = queued.iter().filter(|(of, _)| *of == asset);
    ours.map(|(_, value)| *value)
        .filter(|value| *value <= amount)
        .max()
}

#[cfg(test)]
mod tests {
    use super::value_of;

    #[test]
    fn a_deposit_is_recognised_by_what_the_vault_queued_of_it() {
        assert_eq!(value_of(&[(1, 100)], 1, 100), Some(100));
        // Less a fee.
        assert_eq!(value_of(&[(1, 95)], 1, 100), Some(95));
        // Dust and another asset under a copied commitment.
        let copied = [(1, 1), (2, 99), (1, 95), (1, 2)];
        assert_eq!(value_of(&copied, 1, 100), Some(95));
        assert_eq!(value_of(&[(2, 100)], 1, 100), None);
        assert_eq!(value_of(&[(1, 101)], 1, 100), None);
        assert_eq!(value_of(&[], 1, 100), None);
    }
}
