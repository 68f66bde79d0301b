//! JSON bodies of the interface, made from the sequencer's own types.

pub(crate) use subrosa_client::sequencer::{
    AssetBody, AssetsBody, BatchBody, BatchDetailBody, BatchesBody, FINAL_PAGE, FinalBatchesBody,
    HealthBody, InfoBody, KeyFileBody, KeysBody, MessageBody, MessagesBody, NewsBody, OracleBody,
    PostBody, PostedBody, SubmissionBody, TransactionBody,
};

use subrosa_protocol::element::TransactionDigest;

use crate::{
    status::{BatchView, TransactionStatus},
    store::tables::Stage,
    wire::{fr_hex, hex0x},
};

/// Describes the state of a transaction.
pub(crate) fn transaction_body(
    digest: &TransactionDigest,
    status: TransactionStatus,
) -> TransactionBody {
    let mut body = TransactionBody::new(digest, status.name());
    match status {
        TransactionStatus::Included { batch, slot } | TransactionStatus::Proven { batch, slot } => {
            body.batch = Some(batch);
            body.slot = Some(slot);
        }
        TransactionStatus::Settled { batch, slot, tx } => {
            body.batch = Some(batch);
            body.slot = Some(slot);
            body.l1_transaction = Some(hex0x(&tx));
        }
        TransactionStatus::Rejected { reason } => body.code = Some(reason.code().to_owned()),
        TransactionStatus::Pending | TransactionStatus::Waiting | TransactionStatus::Expired => {}
    }
    body
}

impl From<&BatchView> for BatchBody {
    fn from(view: &BatchView) -> Self {
        let record = &view.record;
        let (status, l1_transaction) = match view.stage {
            Stage::Sealed => ("sealed", None),
            Stage::Proven => ("proven", None),
            Stage::Settled { tx } => ("settled", Some(hex0x(&tx))),
        };
        Self {
            index: view.index,
            status: status.to_owned(),
            shape: record.shape.slots(),
            time: record.time,
            transactions: record
                .transactions
                .iter()
                .map(ToString::to_string)
                .collect(),
            published: hex0x(&record.published),
            commitment: fr_hex(&record.commitment),
            old_state: fr_hex(&record.old.commitment()),
            new_state: fr_hex(&record.new.commitment()),
            l1_transaction,
        }
    }
}

impl From<&BatchView> for BatchDetailBody {
    fn from(view: &BatchView) -> Self {
        Self {
            batch: view.into(),
            before: (&view.record.old).into(),
            after: (&view.record.new).into(),
            proof: view.proof.as_deref().map(hex0x),
        }
    }
}
