//! Settlement through an L1 client.

use std::{fmt, sync::Arc};

use futures::{FutureExt, TryFutureExt, future::BoxFuture};
use subrosa_l1::{Cancellation, L1, L1Error, Tag};
use subrosa_protocol::{
    Fr,
    asset::{AssetInfo, AuditorKeys},
};

use crate::ports::{
    Accepted, Block, Head, OracleLog, QueuedDeposit, Receipt, RollupView, SettledBatch, Settlement,
    SettlementError, SettlementLayer, TakeBack, Validity,
};

/// The settlement layer over an L1 client, whose operator account signs
/// [`SettlementLayer::settle`].
#[derive(Clone)]
pub struct L1Settlement(Arc<dyn L1>);

impl L1Settlement {
    /// Makes a port over this client.
    #[must_use]
    pub fn new(l1: Arc<dyn L1>) -> Self {
        Self(l1)
    }
}

impl fmt::Debug for L1Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("L1Settlement")
    }
}

impl From<L1Error> for SettlementError {
    fn from(error: L1Error) -> Self {
        match error {
            L1Error::Rejected { reason, .. } => Self::Rejected { reason },
            L1Error::Unavailable(reason) | L1Error::Odd(reason) => Self::Unavailable { reason },
            L1Error::Protocol(reason) => Self::Invalid { reason },
            error @ L1Error::FlagsOutOfRange(_) => Self::Invalid {
                reason: error.to_string(),
            },
        }
    }
}

impl SettlementLayer for L1Settlement {
    fn chain_id(&self) -> BoxFuture<'_, Result<u64, SettlementError>> {
        self.0.chain_id().err_into().boxed()
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, SettlementError>> {
        self.0.head().err_into().boxed()
    }

    fn rollup(&self) -> BoxFuture<'_, Result<RollupView, SettlementError>> {
        self.0.rollup().err_into().boxed()
    }

    fn block(&self, number: u64) -> BoxFuture<'_, Result<Option<Block>, SettlementError>> {
        self.0.block(Tag::Number(number)).err_into().boxed()
    }

    fn final_batches(&self) -> BoxFuture<'_, Result<Option<u64>, SettlementError>> {
        self.0.final_batches().err_into().boxed()
    }

    fn forget(&self, index: u64) {
        self.0.forget_accepted(index);
    }

    fn accepted(&self, index: u64) -> BoxFuture<'_, Result<Option<Accepted>, SettlementError>> {
        self.0.accepted(index).err_into().boxed()
    }

    fn deposits_mined(&self, confirmations: u64) -> BoxFuture<'_, Result<u64, SettlementError>> {
        self.0.deposits_mined(confirmations).err_into().boxed()
    }

    fn deposits(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<QueuedDeposit>, SettlementError>> {
        self.0.deposits(from, limit).err_into().boxed()
    }

    fn take_backs(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<TakeBack>, SettlementError>> {
        self.0.take_backs(from, limit).err_into().boxed()
    }

    fn assets(&self) -> BoxFuture<'_, Result<Vec<AssetInfo>, SettlementError>> {
        self.0.assets().err_into().boxed()
    }

    fn auditors(&self) -> BoxFuture<'_, Result<AuditorKeys, SettlementError>> {
        self.0.auditors().err_into().boxed()
    }

    fn oracle_log(&self, from: u64) -> BoxFuture<'_, Result<OracleLog, SettlementError>> {
        self.0.oracle_log(from).err_into().boxed()
    }

    fn snapshot_validity<'a>(
        &'a self,
        digest: &'a Fr,
    ) -> BoxFuture<'a, Result<Option<Validity>, SettlementError>> {
        self.0.snapshot_validity(digest).err_into().boxed()
    }

    fn settle<'a>(
        &'a self,
        batch: &'a Settlement,
    ) -> BoxFuture<'a, Result<Receipt, SettlementError>> {
        self.0.settle(batch).err_into().boxed()
    }

    fn cancel<'a>(
        &'a self,
        index: u64,
        data_commitment: &'a Fr,
    ) -> BoxFuture<'a, Result<bool, SettlementError>> {
        async move {
            let fate = self.0.cancel_settlement(index, data_commitment).await?;
            Ok(!matches!(fate, Cancellation::Mined(_)))
        }
        .boxed()
    }

    fn settled_batch(
        &self,
        index: u64,
    ) -> BoxFuture<'_, Result<Option<SettledBatch>, SettlementError>> {
        self.0.settled_batch(index).err_into().boxed()
    }
}
