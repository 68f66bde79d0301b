//! Batches on L1: submission, and the way back from events and calldata.

use alloy_primitives::{U256, Uint};
use subrosa_protocol::batch::data_commitment;

use super::{Client, aggregate::Questions, reads::deposit_of, receipt, rollup::shape_of};
use crate::{
    contracts::Rollup,
    error::L1Error,
    transport::{Tag, Transport},
    view::{Accepted, Receipt, SettledBatch, Settlement},
    words::{from_word, to_word},
};

impl<T: Transport> Client<T> {
    pub(super) async fn submit(&self, batch: &Settlement) -> Result<Receipt, L1Error> {
        let operator = self
            .operator
            .as_ref()
            .ok_or_else(|| L1Error::Protocol("this client has no operator account".into()))?;
        let size = batch.published.shape;
        let surroundings = self.surroundings(&self.newest().await?).await?;
        let shapes = surroundings.shapes;
        let newest = shapes.iter().rev().find(|(_, shape)| *shape == size);
        let (id, _) = newest.ok_or_else(|| L1Error::Rejected {
            operation: "submitBatch",
            reason: "UnknownShape".into(),
        })?;
        let (mined, length) = self
            .write(
                "submitBatch",
                operator,
                self.contracts.rollup,
                submit_call(batch, *id),
                U256::ZERO,
            )
            .await?;
        Ok(receipt(&mined, length))
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
        let header = &submission.header;
        let rollup = self.contracts.rollup;
        let mut ask = Questions::default();
        let context = ask.ask("context", rollup, Rollup::contextCall {});
        let call = Rollup::shapeOfCall {
            shape: U256::from(submission.shape),
        };
        let shape = ask.ask("shapeOf", rollup, call);
        let asked: Vec<_> = (0..u64::from(header.deposits))
            .map(|place| self.ask_deposit(&mut ask, header.first_deposit.saturating_add(place)))
            .collect();
        let block = self.newest().await?.hash;
        let answers = ask.at(&self.transport, block).await?;
        let deposits = asked.iter().map(|asked| deposit_of(&answers, asked));
        let published = submission.published(
            shape_of(answers.get(&shape)?.slots)?,
            from_word(answers.get(&context)?)?,
            deposits.collect::<Result<_, _>>()?,
        )?;
        if data_commitment(&published.words()) != event.accepted.data_commitment {
            return Err(L1Error::Odd(
                "a settled batch's calldata differ from its data commitment".into(),
            ));
        }
        Ok(Some(SettledBatch {
            published,
            new_state: event.accepted.new_state,
            tx: event.accepted.tx,
        }))
    }
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
