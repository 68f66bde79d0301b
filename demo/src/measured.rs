//! What settlement cost, noted on the way to L1.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use subrosa_protocol::{Fr, asset::AssetInfo};
use subrosa_sequencer::{
    ports::{
        Head, OracleLog, ProvenBatch, QueuedDeposit, RollupView, SettledBatch, SettlementError,
        SettlementLayer, SettlementReceipt,
    },
};

/// A batch that L1 accepted.
#[derive(Clone, Copy)]
pub(super) struct Settled {
    pub(super) transactions: usize,
    pub(super) gas_used: u64,
    pub(super) data_bytes: u64,
    /// What its transactions paid, base units of the fee asset.
    pub(super) fees: u128,
}

/// Passes calls on and notes what settlement cost.
pub(super) struct Measured {
    inner: Arc<dyn SettlementLayer>,
    settled: Mutex<Vec<Settled>>,
}

impl Measured {
    /// Measures what goes through `inner`.
    pub(super) fn new(inner: Arc<dyn SettlementLayer>) -> Self {
        Self {
            inner,
            settled: Mutex::default(),
        }
    }

    /// What was accepted, in order.
    pub(super) fn settled(&self) -> Vec<Settled> {
        self.settled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl SettlementLayer for Measured {
    fn chain_id(&self) -> BoxFuture<'_, Result<u64, SettlementError>> {
        self.inner.chain_id()
    }
    fn head(&self) -> BoxFuture<'_, Result<Head, SettlementError>> {
        self.inner.head()
    }
    fn rollup(&self) -> BoxFuture<'_, Result<RollupView, SettlementError>> {
        self.inner.rollup()
    }
    fn deposits(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<QueuedDeposit>, SettlementError>> {
        self.inner.deposits(from, limit)
    }
    fn assets(&self) -> BoxFuture<'_, Result<Vec<AssetInfo>, SettlementError>> {
        self.inner.assets()
    }
    fn oracle_log(&self, from: u64) -> BoxFuture<'_, Result<OracleLog, SettlementError>> {
        self.inner.oracle_log(from)
    }
    fn snapshot_time<'a>(
        &'a self,
        digest: &'a Fr,
    ) -> BoxFuture<'a, Result<Option<u64>, SettlementError>> {
        self.inner.snapshot_time(digest)
    }
    fn settle<'a>(
        &'a self,
        batch: &'a ProvenBatch,
    ) -> BoxFuture<'a, Result<SettlementReceipt, SettlementError>> {
        Box::pin(async move {
            let receipt = self.inner.settle(batch).await?;
            self.settled
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Settled {
                    transactions: batch.published.transactions.len(),
                    gas_used: receipt.gas_used,
                    data_bytes: (batch.published.transaction_data().len()
                        + batch.published.withdrawal_data().len())
                        as u64,
                    fees: batch.published.header.fee_total,
                });
            Ok(receipt)
        })
    }
    fn settled_batch(
        &self,
        index: u64,
    ) -> BoxFuture<'_, Result<Option<SettledBatch>, SettlementError>> {
        self.inner.settled_batch(index)
    }
}
