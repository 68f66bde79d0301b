//! Batches that L1 accepted: their events, each read once.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use alloy_sol_types::SolEvent;

use super::{
    Client, lock,
    rollup::{STEP, UNSTABLE},
};
use crate::{
    contracts::Rollup,
    error::L1Error,
    transport::{LogQuery, Tag, Transport},
    view::Accepted,
    words::from_word,
};

/// Blocks behind the head within which an event's block is compared with L1 again before the event
/// is answered. No reorganisation reaches further back.
const REORGANISED: u64 = 256;

/// The event of an accepted batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acceptance {
    pub(super) accepted: Accepted,
    pub(super) block: u64,
    pub(super) block_hash: B256,
    pub(super) transaction: B256,
}

/// Events read so far.
#[derive(Debug, Default)]
pub(super) struct Acceptances {
    by_index: BTreeMap<u64, Acceptance>,
    /// First block that was not read yet.
    next: u64,
}

impl Acceptances {
    /// Forgets everything from this block on.
    fn cut(&mut self, from: u64) {
        self.by_index.retain(|_, event| event.block < from);
        self.next = self.next.min(from);
    }
}

impl<T: Transport> Client<T> {
    /// Returns the event of an accepted batch.
    pub(super) async fn acceptance(&self, index: u64) -> Result<Option<Acceptance>, L1Error> {
        let head = self.newest().await?.number;
        self.read_acceptances(head).await?;
        let found = lock(&self.acceptances).by_index.get(&index).copied();
        let Some(event) = found else {
            return Ok(None);
        };
        if event.block.saturating_add(REORGANISED) < head {
            return Ok(Some(event));
        }
        let block = self.transport.block(Tag::Number(event.block)).await?;
        if block.is_some_and(|block| block.hash == event.block_hash) {
            return Ok(Some(event));
        }
        // A reorganisation replaced the block: read from before it.
        lock(&self.acceptances).cut(event.block.saturating_sub(REORGANISED));
        self.read_acceptances(head).await?;
        Ok(lock(&self.acceptances).by_index.get(&index).copied())
    }

    /// Reads the events of new blocks up to `head`, and again those of the newest blocks read.
    async fn read_acceptances(&self, head: u64) -> Result<(), L1Error> {
        loop {
            let from = {
                let known = lock(&self.acceptances);
                if known.next > head {
                    return Ok(());
                }
                let again = known.next.saturating_sub(UNSTABLE);
                again.max(self.contracts.deployed_at).min(head)
            };
            let to = head.min(from.saturating_add(STEP - 1));
            let query = LogQuery {
                addresses: vec![self.contracts.rollup],
                topics: vec![Rollup::BatchAccepted::SIGNATURE_HASH],
                from,
                to,
            };
            let mut events = Vec::new();
            for found in self.transport.logs(query).await? {
                let event = Rollup::BatchAccepted::decode_log(&found.log)
                    .map_err(|e| L1Error::Odd(format!("BatchAccepted: {e}")))?;
                let acceptance = Acceptance {
                    accepted: Accepted {
                        new_state: from_word(event.newState)?,
                        data_commitment: from_word(event.dataCommitment)?,
                    },
                    block: found.block,
                    block_hash: found.block_hash,
                    transaction: found.transaction,
                };
                events.push((event.batchIndex, acceptance));
            }
            let mut known = lock(&self.acceptances);
            known.cut(from);
            known.by_index.extend(events);
            known.next = to + 1;
        }
    }
}
