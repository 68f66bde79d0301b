//! Batches on L1: submission, and the way back from events and calldata.

use alloy_primitives::{Address, Bytes, U256, Uint};
use alloy_sol_types::SolCall as _;
use subrosa_protocol::{Fr, batch::data_commitment, encoding::fr_to_bytes};

use super::{Client, aggregate::Questions, receipt, rollup::shape_of};
use crate::{
    contracts::Rollup,
    error::L1Error,
    transactions::{Cancellation, Repeat},
    transport::{Outgoing, Tag, Transport},
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
        let surroundings = self.surroundings(&self.newest().await?).await?;
        let shapes = surroundings.shapes;
        let newest = shapes.iter().rev().find(|(_, shape)| *shape == size);
        let (id, _) = newest.ok_or_else(|| L1Error::Rejected {
            operation: "submitBatch",
            reason: "UnknownShape".into(),
        })?;
        let deposits = self.posted_deposits(&batch.published).await?;
        let data: Bytes = submit_call(batch, deposits, *id).abi_encode().into();
        let length = data.len() as u64;
        let index = batch.published.header.batch_index;
        let purpose = settlement_purpose(self.contracts.rollup, index, &batch.commitment);
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
        let Ok(operator) = self.operator() else {
            return Ok(Cancellation::NeverSent);
        };
        let manager = self.transport.manager(operator).await?;
        let purpose = settlement_purpose(self.contracts.rollup, index, data_commitment);
        manager
            .cancel(&purpose)
            .await
            .map_err(|e| e.of("cancelling a settlement"))
    }

    pub(super) async fn read_accepted(&self, index: u64) -> Result<Option<Accepted>, L1Error> {
        Ok(self.acceptance(index).await?.map(|event| event.accepted))
    }

    pub(super) async fn read_final_batches(&self) -> Result<Option<u64>, L1Error> {
        let Some(block) = self.transport.block(Tag::Finalized).await? else {
            return Ok(None);
        };
        if block.number <= self.contracts.deployed_at {
            return Ok(Some(0));
        }
        let mut ask = Questions::default();
        let index = ask.ask(
            "batchIndex",
            self.contracts.rollup,
            Rollup::batchIndexCall {},
        );
        let answers = ask.at(&self.transport, block.hash).await?;
        Ok(Some(answers.get(&index)?))
    }

    pub(super) async fn rebuild(&self, index: u64) -> Result<Option<SettledBatch>, L1Error> {
        let Some(event) = self.acceptance(index).await? else {
            return Ok(None);
        };
        let submission = self.read_submission(event.accepted.tx.into(), event.block_hash);
        let submission = submission.await?;
        let rollup = self.contracts.rollup;
        let mut ask = Questions::default();
        let context = ask.ask("context", rollup, Rollup::contextCall {});
        let call = Rollup::shapeOfCall {
            shape: U256::from(submission.shape),
        };
        let shape = ask.ask("shapeOf", rollup, call);
        let block = self.newest().await?.hash;
        let answers = ask.at(&self.transport, block).await?;
        let posted = submission.deposits()?;
        let published = submission.published(
            shape_of(answers.get(&shape)?.slots)?,
            from_word(answers.get(&context)?)?,
            &posted,
        )?;
        if data_commitment(&published.words()) != event.accepted.data_commitment {
            // The event or the data; the event is read anew.
            self.forget_acceptances(index);
            return Err(L1Error::Odd(
                "a settled batch's calldata differ from its data commitment".into(),
            ));
        }
        Ok(Some(SettledBatch {
            published,
            deposits: posted.iter().map(|posted| posted.deposit).collect(),
            new_state: event.accepted.new_state,
            tx: event.accepted.tx,
        }))
    }
}

/// Returns the purpose of a batch's settlement. Batches of one index differ in their data.
fn settlement_purpose(rollup: Address, index: u64, data_commitment: &Fr) -> String {
    format!(
        "settle/{rollup}/{index}/{}",
        hex::encode(fr_to_bytes(data_commitment))
    )
}

fn submit_call(batch: &Settlement, deposits: Bytes, shape: u32) -> Rollup::submitBatchCall {
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
        depositsData: deposits,
        slotsData: batch.published.transaction_data().into(),
        withdrawalsData: batch.published.withdrawal_data().into(),
        proof: batch.proof.clone().into(),
        newState: to_word(&batch.new_state),
        dataCommitment: to_word(&batch.commitment),
    }
}
