//! The queue of operations: creating, finding and changing them.

pub(super) mod carry;
pub(super) mod fate;
pub(super) mod idempotency;
pub(super) mod reminders;
pub(super) mod snapshot;

use subrosa_protocol::asset::AssetId;

use super::{Inner, Key, Wallet, new_id};
use crate::{
    error::WalletError,
    failure::Failure,
    operation::{Operation, Progress, Request},
};
use fate::projected;
use idempotency::remember;

impl Wallet {
    /// Returns an operation by id.
    ///
    /// # Errors
    /// [`WalletError::NotFound`].
    pub async fn operation(&self, id: &str) -> Result<Operation, WalletError> {
        let inner = self.inner.lock().await;
        inner
            .state
            .operation(id)
            .cloned()
            .ok_or(WalletError::NotFound)
    }

    /// Makes a queued operation. The caller adds it to the state.
    pub(super) fn new_operation(
        &self,
        request: Request,
        asset: AssetId,
        amount: u128,
    ) -> Operation {
        Operation {
            id: new_id(),
            created: self.now(),
            request,
            asset: asset.0,
            amount,
            fee: self.fee(),
            progress: Progress::Queued,
            submission: None,
            attempts: Vec::new(),
            waiting_for: None,
            l1_transaction: None,
        }
    }

    /// Adds an operation to the state, with the key of the request for it, and stores both.
    pub(super) fn keep(
        &self,
        inner: &mut Inner,
        operation: &Operation,
        key: Key,
    ) -> Result<(), WalletError> {
        inner.state.operations.push(operation.clone());
        remember(&mut inner.state, key, operation.id.clone());
        self.save(inner)
    }

    /// Whether the balance that all open operations and quotes leave covers an amount and a fee.
    pub(super) fn covers(&self, inner: &Inner, asset: AssetId, amount: u128) -> bool {
        let fee = self.fee();
        let enough = |of: AssetId, need: u128| projected(inner, self.fee_asset, fee, of) >= need;
        if asset == self.fee_asset {
            amount
                .checked_add(fee)
                .is_some_and(|need| enough(asset, need))
        } else {
            enough(asset, amount) && enough(self.fee_asset, fee)
        }
    }

    /// Returns the operations to prove, in the order of their turn: legs first, since their
    /// counterparties wait, then in the order of creation.
    pub(super) async fn to_prove(&self) -> Vec<String> {
        let inner = self.inner.lock().await;
        let queued = inner.state.operations.iter().filter(|o| {
            o.progress == Progress::Queued && !matches!(o.request, Request::Deposit { .. })
        });
        let mut queued: Vec<_> = queued.collect();
        queued.sort_by_key(|o| !matches!(o.request, Request::Leg { .. }));
        queued.into_iter().map(|o| o.id.clone()).collect()
    }

    /// Returns the operations that are proven but not sent.
    pub(super) async fn to_submit(&self) -> Vec<String> {
        let inner = self.inner.lock().await;
        let proven = inner.state.operations.iter();
        proven
            .filter(|o| o.progress == Progress::Proven)
            .filter(|o| o.waiting_for.as_deref().is_none_or(carry::is_contested))
            .map(|o| o.id.clone())
            .collect()
    }

    /// Changes an operation and stores the state.
    pub(super) async fn update(
        &self,
        id: &str,
        change: impl FnOnce(&mut Operation),
    ) -> Result<(), WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(operation) = inner.state.operation_mut(id) {
            change(operation);
        }
        self.save(&mut inner)
    }

    /// Ends an operation with a failure.
    pub(super) async fn fail(&self, id: &str, failure: Failure) -> Result<(), WalletError> {
        self.update(id, |operation| {
            operation.progress = Progress::Failed(failure);
            operation.submission = None;
        })
        .await
    }
}
