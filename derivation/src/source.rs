//! The source of events and calldata.

use std::sync::Arc;

use subrosa_l1::{Block, Client, L1, L1Error, Recorded, RollupView, Submission, Tag, Transport};

/// Source of what L1 recorded. An L1 client is one.
#[async_trait::async_trait]
pub trait Source: Send + Sync + 'static {
    /// Returns a block; `None` if no block has this number yet, or the node does not know the tag.
    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error>;
    /// Returns what the contracts recorded in the blocks from `from` to `to`, both inclusive,
    /// oldest first.
    async fn history(&self, from: u64, to: u64) -> Result<Vec<Recorded>, L1Error>;
    /// Returns the submission of a batch from the calldata of the transaction that `recorded`
    /// names.
    async fn submission(&self, recorded: &Recorded) -> Result<Submission, L1Error>;
    /// Returns the contracts' state after this block.
    async fn rollup_at(&self, block: &Block) -> Result<RollupView, L1Error>;
}

#[async_trait::async_trait]
impl<T: L1 + ?Sized> Source for Arc<T> {
    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        L1::block(&**self, tag).await
    }

    async fn history(&self, from: u64, to: u64) -> Result<Vec<Recorded>, L1Error> {
        L1::history(&**self, from, to).await
    }

    async fn submission(&self, recorded: &Recorded) -> Result<Submission, L1Error> {
        L1::submission(&**self, recorded).await
    }

    async fn rollup_at(&self, block: &Block) -> Result<RollupView, L1Error> {
        L1::rollup_at(&**self, block).await
    }
}

#[async_trait::async_trait]
impl<T: Transport> Source for Client<T> {
    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        L1::block(self, tag).await
    }

    async fn history(&self, from: u64, to: u64) -> Result<Vec<Recorded>, L1Error> {
        L1::history(self, from, to).await
    }

    async fn submission(&self, recorded: &Recorded) -> Result<Submission, L1Error> {
        L1::submission(self, recorded).await
    }

    async fn rollup_at(&self, block: &Block) -> Result<RollupView, L1Error> {
        L1::rollup_at(self, block).await
    }
}
