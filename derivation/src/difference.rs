//! Differences between the derived state and L1, with their places.

use std::fmt::{Debug, Display};

use alloy_primitives::B256;
use subrosa_l1::Recorded;
use subrosa_protocol::{Fr, encoding::fr_to_bytes};

/// A difference between what was derived and what L1 recorded.
///
/// Contracts that work never cause one. An endpoint can: it left logs out, or its answers come from
/// two forks. Therefore derive again, from another endpoint if there is one, before you conclude
/// anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} differs{}: derived {expected}, L1 has {found} \
     (block {block}, transaction {transaction})",
    of_batch(.batch)
)]
pub struct Difference {
    /// The batch, if one is concerned.
    pub batch: Option<u64>,
    /// Number of the block whose record differs.
    pub block: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Hash of the transaction; zero for the state after the block.
    pub transaction: B256,
    /// The value that differs.
    pub what: What,
    /// Its derived value.
    pub expected: String,
    /// Its value on L1.
    pub found: String,
}

fn of_batch(batch: &Option<u64>) -> String {
    batch.map_or_else(String::new, |batch| format!(" in batch {batch}"))
}

/// A value that is derived and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum What {
    /// Index of the batch.
    #[error("the index of the batch")]
    BatchIndex,
    /// Commitment to the state before a batch.
    #[error("the old state")]
    OldState,
    /// Commitment to the state after a batch.
    #[error("the new state")]
    NewState,
    /// Poseidon commitment to the data words.
    #[error("the data commitment")]
    DataCommitment,
    /// keccak256 of the data words.
    #[error("the hash of the words")]
    WordsHash,
    /// A value that calldata and event both state.
    #[error("the header's {0}")]
    Header(&'static str),
    /// Calldata that encode no batch.
    #[error("the calldata")]
    Calldata,
    /// A shape that is not registered, or retired.
    #[error("the shape")]
    Shape,
    /// Time of a batch: below that of the batch before it.
    #[error("the time")]
    Time,
    /// Index of a deposit in the queue.
    #[error("the index of the deposit")]
    DepositIndex,
    /// Owner of a deposit's note, as the vault published it.
    #[error("the owner of the deposit")]
    DepositOwner,
    /// Number of deposits in the queue.
    #[error("the number of queued deposits")]
    QueuedDeposits,
    /// Deposits that a batch consumed.
    #[error("the consumed deposits")]
    ConsumedDeposits,
    /// A deposit in a batch's calldata.
    #[error("the deposit in the calldata")]
    PostedDeposit,
    /// A deposit that its depositor takes back.
    #[error("the deposit that is taken back")]
    TakeBack,
    /// Hash chain of all that batches published.
    #[error("the chain of published data")]
    DataChain,
    /// Index of the first leaf that a batch appends.
    #[error("the first leaf")]
    Start,
    /// A nullifier that cannot be inserted.
    #[error("the nullifiers")]
    Nullifiers,
    /// Room in the trees.
    #[error("the room in the trees")]
    Room,
    /// Id of a new asset.
    #[error("the id of the asset")]
    AssetId,
    /// Root of the asset tree.
    #[error("the root of the assets")]
    AssetsRoot,
    /// A market's number or word.
    #[error("the market")]
    Market,
    /// Root of the markets.
    #[error("the root of the markets")]
    MarketsRoot,
    /// Digest of a price snapshot.
    #[error("the digest of the snapshot")]
    Snapshot,
    /// Price snapshot of a batch.
    #[error("the price snapshot of the batch")]
    Oracle,
    /// Context word.
    #[error("the context")]
    Context,
    /// Shapes that are registered and not retired.
    #[error("the registered shapes")]
    Shapes,
}

/// Place of a record, from which differences are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) batch: Option<u64>,
    pub(crate) block: u64,
    pub(crate) block_hash: B256,
    pub(crate) transaction: B256,
}

impl Place {
    pub(crate) fn of(recorded: &Recorded) -> Self {
        Self {
            batch: None,
            block: recorded.block,
            block_hash: recorded.block_hash,
            transaction: recorded.transaction,
        }
    }

    pub(crate) fn in_batch(recorded: &Recorded, batch: u64) -> Self {
        Self {
            batch: Some(batch),
            ..Self::of(recorded)
        }
    }

    pub(crate) fn differs(
        &self,
        what: What,
        expected: impl Display,
        found: impl Display,
    ) -> Box<Difference> {
        Box::new(Difference {
            batch: self.batch,
            block: self.block,
            block_hash: self.block_hash,
            transaction: self.transaction,
            what,
            expected: expected.to_string(),
            found: found.to_string(),
        })
    }

    /// Compares two values.
    pub(crate) fn same<T: PartialEq + Debug>(
        &self,
        what: What,
        expected: &T,
        found: &T,
    ) -> Result<(), Box<Difference>> {
        if expected == found {
            return Ok(());
        }
        Err(self.differs(what, format!("{expected:?}"), format!("{found:?}")))
    }

    /// Compares two field elements.
    pub(crate) fn same_word(
        &self,
        what: What,
        expected: &Fr,
        found: &Fr,
    ) -> Result<(), Box<Difference>> {
        if expected == found {
            return Ok(());
        }
        Err(self.differs(what, word(expected), word(found)))
    }
}

/// Returns a field element as EVM words are written.
pub(crate) fn word(element: &Fr) -> String {
    format!("0x{}", hex::encode(fr_to_bytes(element)))
}
