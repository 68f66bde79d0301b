//! Batches on L1: submission, and the way back from events and calldata.

use alloy_primitives::{B256, Bytes, U256, Uint};
use alloy_sol_types::{SolCall, SolEvent};
use subrosa_protocol::{
    Fr,
    asset::AssetId,
    batch::{BatchHeader, PublishedBatch, Shape, data_commitment},
    encoding::fr_to_bytes,
    ledger::Deposit,
};

use super::{Client, receipt};
use crate::{
    contracts::Rollup,
    error::L1Error,
    transactions::{Cancellation, Repeat},
    transport::{At, Outgoing, Transport},
    view::{Accepted, Receipt, SettledBatch, Settlement},
    words::{from_word, to_word},
};

/// Gas by which a storage write of a credit can become dearer after the estimate, rounded up from
/// 17,100.
const COLD_SLOT_GAS: u64 = 20_000;

impl<T: Transport> Client<T> {
    pub(super) async fn submit(&self, batch: &Settlement) -> Result<Receipt, L1Error> {
        let operator = self.operator()?;
        let size = batch.published.shape;
        let shapes = self.shapes(self.newest().await?).await?;
        let newest = shapes.iter().rev().find(|(_, shape)| *shape == size);
        let (id, _) = newest.ok_or_else(|| L1Error::Rejected {
            operation: "submitBatch",
            reason: "UnknownShape".into(),
        })?;
        let data: Bytes = submit_call(batch, *id).abi_encode().into();
        let length = data.len() as u64;
        let index = batch.published.header.batch_index;
        let purpose = settlement_purpose(index, &batch.commitment);
        // Each credit of the batch writes a slot that its owner can empty until the batch is mined,
        // which makes the write dearer than at the estimate.
        let withdrawals = batch.published.transactions.iter();
        let withdrawals = withdrawals.filter(|t| t.withdrawal.is_some()).count();
        let credits = 1 + withdrawals as u64;
        let outgoing = Outgoing {
            spare_gas: credits * COLD_SLOT_GAS,
            ..Outgoing::new("submitBatch", Some(self.contracts.rollup), data, U256::ZERO)
        };
        // The contract accepts a batch once, whatever is sent.
        let outgoing = outgoing.for_purpose(purpose, Repeat::UntilDone);
        let mined = self.transport.send(operator, outgoing).await?;
        Ok(receipt(&mined, length))
    }

    pub(super) async fn cancel_submission(
        &self,
        index: u64,
        data_commitment: &Fr,
    ) -> Result<Cancellation, L1Error> {
        let manager = self.transport.manager(self.operator()?).await?;
        let purpose = settlement_purpose(index, data_commitment);
        manager
            .cancel(&purpose)
            .await
            .map_err(|e| e.of("cancelling a settlement"))
    }

    pub(super) async fn read_accepted(&self, index: u64) -> Result<Option<Accepted>, L1Error> {
        let Some((event, _)) = self.acceptance(index).await? else {
            return Ok(None);
        };
        Ok(Some(Accepted {
            new_state: from_word(event.newState)?,
            data_commitment: from_word(event.dataCommitment)?,
        }))
    }

    pub(super) async fn rebuild(&self, index: u64) -> Result<Option<SettledBatch>, L1Error> {
        let Some((event, transaction)) = self.acceptance(index).await? else {
            return Ok(None);
        };
        let calldata = self.transport.calldata(transaction).await?.ok_or_else(|| {
            // A node that lags, or a reorganisation between the two reads: ask again later.
            L1Error::Unavailable("the transaction of a settled batch is not there yet".into())
        })?;
        let call = Rollup::submitBatchCall::abi_decode(&calldata)
            .map_err(|e| L1Error::Protocol(format!("submitBatch: {e}")))?;
        let rollup = self.contracts.rollup;
        let context = self.read("context", rollup, Rollup::contextCall {}).await?;
        let (shape, _) = self.shape(At::Latest, call.header.shape).await?;
        let mut deposits = Vec::new();
        for place in 0..u64::from(call.header.deposits) {
            let index = call.header.firstDeposit + place;
            deposits.push(self.deposit_at(At::Latest, index).await?);
        }
        let published = published(&call, shape, from_word(context)?, deposits)?;
        if data_commitment(&published.words()) != from_word(event.dataCommitment)? {
            return Err(L1Error::Protocol(
                "a settled batch's calldata differ from its data commitment".into(),
            ));
        }
        Ok(Some(SettledBatch {
            published,
            new_state: from_word(event.newState)?,
            tx: transaction.0,
        }))
    }

    /// Returns the event of an accepted batch, with the hash of its transaction.
    async fn acceptance(
        &self,
        index: u64,
    ) -> Result<Option<(Rollup::BatchAccepted, B256)>, L1Error> {
        let topics = vec![
            Rollup::BatchAccepted::SIGNATURE_HASH,
            B256::from(U256::from(index)),
        ];
        let logs = self.rollup_logs(topics).await?;
        let Some(found) = logs.into_iter().next_back() else {
            return Ok(None);
        };
        let event = Rollup::BatchAccepted::decode_log(&found.log)
            .map_err(|e| L1Error::Protocol(format!("BatchAccepted: {e}")))?;
        Ok(Some((event.data, found.transaction)))
    }
}

/// Returns the purpose of a batch's settlement. Batches of one index differ in their data.
fn settlement_purpose(index: u64, data_commitment: &Fr) -> String {
    format!(
        "settle/{index}/{}",
        hex::encode(fr_to_bytes(data_commitment))
    )
}

fn submit_call(batch: &Settlement, shape: u32) -> Rollup::submitBatchCall {
    let header = &batch.published.header;
    Rollup::submitBatchCall {
        header: Rollup::BatchHeader {
            shape,
            batchIndex: header.batch_index,
            time: Uint::from(header.time),
            transactions: header.transactions,
            deposits: header.deposits,
            feeAsset: header.fee_asset.0,
            feeRecipient: header.fee_recipient.into(),
            feeTotal: header.fee_total,
            firstDeposit: header.first_deposit,
            start: header.start,
            assetsRoot: to_word(&header.assets_root),
            oracle: to_word(&header.oracle),
            oldState: to_word(&batch.old_state),
        },
        slotsData: batch.published.transaction_data().into(),
        withdrawalsData: batch.published.withdrawal_data().into(),
        proof: batch.proof.clone().into(),
        newState: to_word(&batch.new_state),
        dataCommitment: to_word(&batch.commitment),
    }
}

/// Rebuilds a published batch from the calldata of `submitBatch` and the queue's deposits.
fn published(
    call: &Rollup::submitBatchCall,
    shape: Shape,
    context: Fr,
    deposits: Vec<Deposit>,
) -> Result<PublishedBatch, L1Error> {
    let h = &call.header;
    let header = BatchHeader {
        context,
        assets_root: from_word(h.assetsRoot)?,
        time: h.time.to::<u64>(),
        transactions: h.transactions,
        deposits: h.deposits,
        fee_asset: AssetId(h.feeAsset),
        fee_recipient: h.feeRecipient.into_array(),
        fee_total: h.feeTotal,
        first_deposit: h.firstDeposit,
        oracle: from_word(h.oracle)?,
        batch_index: h.batchIndex,
        start: h.start,
    };
    PublishedBatch::from_parts(
        shape,
        header,
        deposits,
        &call.slotsData,
        &call.withdrawalsData,
    )
    .map_err(|e| L1Error::Protocol(format!("a settled batch: {e}")))
}
