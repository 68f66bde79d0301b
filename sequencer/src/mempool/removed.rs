//! What leaves the mempool without a batch.

use super::Sequenced;
use crate::store::tables::{Mempool, TransactionRecord, Transactions};
use crate::store::{Changes, StoreError};
use crate::telemetry;

/// A submission that leaves without a batch, with its fate.
pub(crate) type Removed = (Sequenced, TransactionRecord);

/// Stores the fate of those that leave, and takes them out of the stored mempool.
pub(crate) fn write(changes: &mut Changes<'_>, removed: &[Removed]) -> Result<(), StoreError> {
    for ((sequence, submission), record) in removed {
        changes.delete::<Mempool>(sequence)?;
        changes.put::<Transactions>(&submission.id, record)?;
    }
    Ok(())
}

/// Counts and logs them, once they are gone from the disk.
pub(crate) fn report(removed: &[Removed]) {
    let expired = removed
        .iter()
        .filter(|(_, record)| *record == TransactionRecord::Expired)
        .count();
    telemetry::transactions("expired", expired);
    telemetry::transactions("rejected", removed.len() - expired);
    for ((_, submission), record) in removed {
        tracing::info!(digest = %hex::encode(submission.id), ?record, "left the mempool");
    }
}
