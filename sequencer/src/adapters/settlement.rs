//! Settlement through an L1 client.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use subrosa_l1::{L1, L1Error, OracleChange as LoggedChange, Settlement};
use subrosa_protocol::Fr;
use subrosa_protocol::asset::AssetInfo;
use subrosa_protocol::batch::data_commitment;

use crate::ports::{
    Head, OracleChange, OracleEvent, OracleLog, ProvenBatch, QueuedDeposit, RollupView,
    SettledBatch, SettlementError, SettlementLayer, SettlementReceipt,
};

/// The settlement layer over an L1 client. `settle` is signed by the client's operator account.
#[derive(Clone)]
pub struct L1Settlement(Arc<dyn L1>);

impl L1Settlement {
    /// A port over this client.
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
            L1Error::Unavailable(reason) => Self::Unavailable { reason },
            L1Error::Protocol(reason) => Self::Invalid { reason },
        }
    }
}

impl From<subrosa_l1::Head> for Head {
    fn from(head: subrosa_l1::Head) -> Self {
        Self {
            number: head.number,
            timestamp: head.timestamp,
        }
    }
}

impl From<LoggedChange> for OracleChange {
    fn from(change: LoggedChange) -> Self {
        match change {
            LoggedChange::Market { id, word } => Self::Market { id, word },
            LoggedChange::Snapshot {
                digest,
                time,
                market_root,
                prices,
            } => Self::Snapshot {
                digest,
                time,
                market_root,
                prices,
            },
        }
    }
}

impl SettlementLayer for L1Settlement {
    fn chain_id(&self) -> BoxFuture<'_, Result<u64, SettlementError>> {
        async move { Ok(self.0.chain_id().await?) }.boxed()
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, SettlementError>> {
        async move { Ok(self.0.head().await?.into()) }.boxed()
    }

    fn rollup(&self) -> BoxFuture<'_, Result<RollupView, SettlementError>> {
        async move {
            let view = self.0.rollup().await?;
            Ok(RollupView {
                state: view.state,
                batch_index: view.batch_index,
                deposit_count: view.deposit_count,
                queued_deposits: view.queued_deposits,
                assets_root: view.assets_root,
                context: view.context,
                fee_asset: view.fee_asset,
                last_time: view.last_time,
                shapes: view.shapes,
            })
        }
        .boxed()
    }

    fn deposits_mined(&self, confirmations: u64) -> BoxFuture<'_, Result<u64, SettlementError>> {
        async move { Ok(self.0.deposits_mined(confirmations).await?) }.boxed()
    }

    fn deposits(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<QueuedDeposit>, SettlementError>> {
        async move {
            let deposits = self.0.deposits(from, limit).await?;
            Ok(deposits
                .into_iter()
                .map(|queued| QueuedDeposit {
                    index: queued.index,
                    deposit: queued.deposit,
                })
                .collect())
        }
        .boxed()
    }

    fn assets(&self) -> BoxFuture<'_, Result<Vec<AssetInfo>, SettlementError>> {
        async move { Ok(self.0.assets().await?) }.boxed()
    }

    fn oracle_log(&self, from: u64) -> BoxFuture<'_, Result<OracleLog, SettlementError>> {
        async move {
            let log = self.0.oracle_log(from).await?;
            let events = log.events.into_iter().map(|event| OracleEvent {
                block: event.block,
                change: event.change.into(),
            });
            Ok(OracleLog {
                head: log.head.into(),
                events: events.collect(),
            })
        }
        .boxed()
    }

    fn snapshot_time<'a>(
        &'a self,
        digest: &'a Fr,
    ) -> BoxFuture<'a, Result<Option<u64>, SettlementError>> {
        async move { Ok(self.0.snapshot_time(digest).await?) }.boxed()
    }

    fn settle<'a>(
        &'a self,
        batch: &'a ProvenBatch,
    ) -> BoxFuture<'a, Result<SettlementReceipt, SettlementError>> {
        async move {
            let settlement = Settlement {
                published: batch.published.clone(),
                old_state: batch.old_state,
                new_state: batch.new_state,
                commitment: batch.commitment,
                proof: batch.proof.clone(),
            };
            let receipt = self.0.settle(&settlement).await?;
            Ok(SettlementReceipt {
                tx: receipt.tx,
                block: receipt.block,
                gas_used: receipt.gas_used,
                calldata_bytes: receipt.calldata_bytes,
            })
        }
        .boxed()
    }

    fn settled_batch(
        &self,
        index: u64,
    ) -> BoxFuture<'_, Result<Option<SettledBatch>, SettlementError>> {
        async move {
            let settled = self.0.settled_batch(index).await?;
            Ok(settled.map(|batch| SettledBatch {
                new_state: batch.new_state,
                commitment: data_commitment(&batch.published.words()),
                tx: batch.tx,
            }))
        }
        .boxed()
    }
}
