//! Storing and reporting the submissions that leave the mempool without a batch.

use crate::{
    mempool::Removed,
    record::TransactionRecord,
    store::{
        Changes, StoreError,
        tables::{Mempool, Transactions},
    },
    telemetry,
};

/// Stores the fates of removed submissions and deletes them from the stored mempool.
pub(crate) fn write(changes: &mut Changes<'_>, removed: &[Removed]) -> Result<(), StoreError> {
    for ((sequence, submission), record) in removed {
        changes.delete::<Mempool>(sequence)?;
        changes.put::<Transactions>(&submission.id, record)?;
    }
    Ok(())
}

/// Counts and logs removed submissions. Call it after they are gone from the disk.
pub(crate) fn report(removed: &[Removed]) {
    let expired = removed
        .iter()
        .filter(|(_, record)| *record == TransactionRecord::Expired)
        .count();
    telemetry::transactions("expired", expired);
    telemetry::transactions("rejected", removed.len() - expired);
    for ((_, submission), record) in removed {
        let digest = hex::encode(submission.id.to_bytes());
        tracing::info!(%digest, ?record, "left the mempool");
    }
}
