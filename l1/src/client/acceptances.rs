//! Batches that L1 accepted: their events, each read once.

use std::collections::BTreeMap;

use alloy_primitives::B256;

use super::{Client, lock};
use crate::{
    contracts::Rollup,
    error::L1Error,
    transport::{Tag, Transport},
    view::Accepted,
    words::from_word,
};

/// Blocks behind the head within which an event's block is compared with L1 again before the event
/// is answered. No reorganisation reaches further back.
pub(super) const REORGANISED: u64 = 256;

/// The event of an accepted batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acceptance {
    pub(super) accepted: Accepted,
    pub(super) block: u64,
    pub(super) block_hash: B256,
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
    /// Forgets the batches from this index on.
    pub(super) fn forget_acceptances(&self, index: u64) {
        let mut known = lock(&self.acceptances);
        // One that is missing was omitted after the one before it.
        let at = known.by_index.range(..=index).next_back();
        let block = at.map_or(0, |(_, event)| event.block);
        known.cut(block);
    }

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
        {
            // A block with a number that was wrong must not bar those that follow.
            let mut known = lock(&self.acceptances);
            if known.next > head + 1 {
                known.cut(head.saturating_sub(REORGANISED));
            }
        }
        loop {
            let next = lock(&self.acceptances).next;
            if next > head {
                return Ok(());
            }
            let rollup = self.contracts.rollup;
            let window = self
                .events::<Rollup::BatchAccepted>(rollup, next, head)
                .await?;
            let mut events = Vec::new();
            for (found, event) in window.events {
                let acceptance = Acceptance {
                    accepted: Accepted {
                        new_state: from_word(event.newState)?,
                        data_commitment: from_word(event.dataCommitment)?,
                        tx: found.transaction.0,
                    },
                    block: found.block,
                    block_hash: found.block_hash,
                };
                events.push((event.batchIndex, acceptance));
            }
            let mut known = lock(&self.acceptances);
            known.cut(window.from);
            known.by_index.extend(events);
            known.next = window.to + 1;
        }
    }
}
