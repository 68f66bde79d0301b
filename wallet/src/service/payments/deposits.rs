//! Deposits from L1.
//!
//! A task carries each deposit to L1, so that neither a lost connection nor a slow chain ends it.
//! While L1 does not answer, the operation stays queued, and the wallet's worker begins again: the
//! inner commitment identifies the deposit, so that no attempt sends a second one.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use subrosa_l1::L1Error;
use subrosa_protocol::{asset::AssetId, encoding::fr_to_bytes};
use tokio::sync::watch;

use super::super::{Key, Wallet, operations::idempotency::recall_operation};
use crate::{
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
        let (operation, inner_commitment) = {
            let inner = self.inner.lock().await;
            let Some(operation) = inner.state.operation(id).cloned() else {
                return Ok(());
            };
            let Request::Deposit { deposit } = operation.request else {
                return Ok(());
            };
            (operation, inner.chain.deposit_inner(deposit))
        };
        let asset = AssetId(operation.asset);
        let deposited = self
            .l1
            .deposit(&self.account, asset, operation.amount, &inner_commitment)
            .await;
        let stored = match &deposited {
            Ok(receipt) => {
                self.update(id, |o| {
                    if o.progress == Progress::Queued {
                        o.progress = Progress::Submitted;
                    }
                    // A token may take a fee on the way: the amount that the vault received counts.
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
            }
        }
        Ok(())
    }
}
