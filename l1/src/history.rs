//! All that the contracts recorded, block by block, in the protocol's types.
//!
//! Unverified: roots, digests and commitments are as the events state them. The crate that derives
//! the state from L1 checks them.

use ark_ed_on_bn254::EdwardsAffine;
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, Stop},
    batch::{BatchHeader, PostedDeposit, PublishedBatch, Shape},
    encoding::fr_to_bytes,
    ledger::Deposit,
    market::MARKETS,
};

use alloy_primitives::{B256, Bytes, keccak256};

use crate::{error::L1Error, view::DepositName};

/// A change that a contract recorded, with its place on L1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Number of the block.
    pub block: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Hash of the transaction.
    pub transaction: B256,
    /// The change.
    pub change: Change,
}

/// A change that a contract recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "most changes are batches")]
pub enum Change {
    /// The rollup accepted a batch.
    Batch(BatchRecord),
    /// The vault queued a deposit.
    Deposit {
        /// Index in the queue, from 0.
        index: u64,
        /// L1 account of the depositor.
        depositor: [u8; 20],
        /// Its contents.
        deposit: Deposit,
    },
    /// The vault published the owner of a deposit's note.
    DepositNamed {
        /// Index of the deposit.
        index: u64,
        /// Owner and blinding of its note.
        name: DepositName,
    },
    /// A batch consumed deposits, or passed over those that were taken back. The record precedes
    /// the batch's own.
    Consumed {
        /// Index of the first one.
        first: u64,
        /// Their number.
        count: u64,
    },
    /// A depositor wants a deposit back.
    TakeBackRequested {
        /// Index of the deposit.
        index: u64,
        /// Batches of this time or later do not consume it, Unix seconds.
        effective: u64,
    },
    /// A deposit was credited to its depositor.
    DepositTakenBack {
        /// Index of the deposit.
        index: u64,
    },
    /// An asset was registered, or its auditor changed.
    Asset {
        /// The asset after the change. A change of the auditor leaves token and flags out.
        asset: RegisteredAsset,
        /// Root of the asset tree after the change.
        root: Fr,
    },
    /// A shape was registered.
    Shape {
        /// Its id, which is never used again.
        id: u32,
        /// Its size.
        shape: Shape,
    },
    /// A shape was retired.
    ShapeRetired {
        /// Its id.
        id: u32,
    },
    /// Another account may submit batches from now on.
    Sequencer([u8; 20]),
    /// The vault refuses deposits before this time, Unix seconds. A time that is not after the
    /// block's ends a pause.
    DepositsPaused(u64),
    /// Another account may pause deposits from now on.
    Guardian([u8; 20]),
    /// A market was set or removed.
    Market {
        /// Its number.
        id: u8,
        /// Its word; 0 if it was removed.
        word: Fr,
        /// Root of all markets after the change.
        root: Fr,
    },
    /// An asset's price feed was set.
    Feed {
        /// The asset.
        asset: AssetId,
        /// Address of the aggregator.
        feed: [u8; 20],
        /// Maximum age of an answer in seconds.
        heartbeat: u64,
    },
    /// An asset's price feed was removed.
    FeedRemoved {
        /// The asset.
        asset: AssetId,
    },
    /// A price snapshot was taken.
    Snapshot {
        /// Its digest.
        digest: Fr,
        /// Its time, in Unix seconds.
        time: u64,
        /// Time of the snapshot before it; 0 for the first.
        previous: u64,
        /// Root of the markets of that time.
        market_root: Fr,
        /// Words of the prices.
        prices: [Fr; MARKETS],
    },
}

/// An asset as an event of the registry states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisteredAsset {
    /// A new asset.
    New(AssetInfo),
    /// Another auditor of a registered asset.
    Auditor {
        /// Its id.
        id: AssetId,
        /// The auditor's key.
        auditor: EdwardsAffine,
    },
    /// Another stop of a registered asset's seizures, or the end of one.
    Stop {
        /// Its id.
        id: AssetId,
        /// The stop.
        stop: Stop,
    },
}

/// The event `BatchAccepted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRecord {
    /// Index of the batch.
    pub index: u64,
    /// Commitment to the state after it.
    pub new_state: Fr,
    /// Commitment to the state before it.
    pub old_state: Fr,
    /// Id of its shape.
    pub shape: u32,
    /// Its time, in Unix seconds.
    pub time: u64,
    /// Number of transactions.
    pub transactions: u16,
    /// Number of deposits that it consumed.
    pub deposits: u16,
    /// Index of the first of them in the queue.
    pub first_deposit: u64,
    /// c, the Poseidon commitment to the data words.
    pub data_commitment: Fr,
    /// keccak256 of the data words.
    pub words_hash: [u8; 32],
}

impl BatchRecord {
    /// Returns the rollup's chain of published data after this batch: keccak256 of the chain
    /// before it, the words' hash and the new state.
    #[must_use]
    pub fn data_chain(&self, before: B256) -> B256 {
        let new_state = fr_to_bytes(&self.new_state);
        keccak256([before.0, self.words_hash, new_state].concat())
    }
}

/// The calldata of `submitBatch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Id of the shape.
    pub shape: u32,
    /// Header. The contract supplies the context, which is 0 here.
    pub header: BatchHeader,
    /// Commitment to the state before the batch.
    pub old_state: Fr,
    /// Commitment to the state after the batch.
    pub new_state: Fr,
    /// c, the Poseidon commitment to the data words.
    pub data_commitment: Fr,
    /// Data of the deposits.
    pub deposits_data: Bytes,
    /// Data of the transactions.
    pub slots_data: Bytes,
    /// Data of the withdrawals.
    pub withdrawals_data: Bytes,
    /// The batch's proof.
    pub proof: Bytes,
}

impl Submission {
    /// Returns the deposits that the batch consumed or passed over, as they were queued.
    ///
    /// # Errors
    /// [`L1Error::Odd`] if the data is not canonical. The contract accepts no such batch.
    pub fn deposits(&self) -> Result<Vec<PostedDeposit>, L1Error> {
        PostedDeposit::read_all(&self.deposits_data)
            .map_err(|e| L1Error::Odd(format!("deposits of a settled batch: {e}")))
    }

    /// Builds the published batch from the calldata, with its [`Self::deposits`], and the
    /// deployment's context.
    ///
    /// # Errors
    /// [`L1Error::Odd`] if the data is not canonical. The contract accepts no such batch.
    pub fn published(
        &self,
        shape: Shape,
        context: Fr,
        deposits: &[PostedDeposit],
    ) -> Result<PublishedBatch, L1Error> {
        let header = BatchHeader {
            context,
            ..self.header
        };
        let deposits = deposits.iter().map(PostedDeposit::effective).collect();
        let (slots, withdrawals) = (&self.slots_data, &self.withdrawals_data);
        PublishedBatch::from_parts(shape, header, deposits, slots, withdrawals)
            .map_err(|e| L1Error::Odd(format!("a settled batch: {e}")))
    }
}
