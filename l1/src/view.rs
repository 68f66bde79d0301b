//! The contracts' state and events, in the protocol's types.

use subrosa_protocol::{
    Fr,
    asset::AssetId,
    batch::{PublishedBatch, Shape},
    element::OwnerId,
    ledger::Deposit,
    market::MARKETS,
    note,
};

use crate::transport::{Block, Head};

/// The rollup contract's state and its surroundings, as of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupView {
    /// The block, by whose hash everything here was read.
    pub block: Block,
    /// Commitment of the settled state.
    pub state: Fr,
    /// Index of the next batch; 1 at genesis.
    pub batch_index: u64,
    /// Number of deposits that settled batches consumed.
    pub deposit_count: u64,
    /// Number of deposits ever queued.
    pub queued_deposits: u64,
    /// Root of the asset tree.
    pub assets_root: Fr,
    /// Word 0 of every transaction.
    pub context: Fr,
    /// Asset in which fees are paid.
    pub fee_asset: AssetId,
    /// Time of the last batch, Unix seconds.
    pub last_time: u64,
    /// Hash chain of all that batches published; 0 at genesis.
    pub data_chain: [u8; 32],
    /// Shapes that are registered and not retired, in rising order of size.
    pub shapes: Vec<Shape>,
}

/// Deposit in the vault's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedDeposit {
    /// Index in the queue, from 0.
    pub index: u64,
    /// Its contents.
    pub deposit: Deposit,
    /// Account that made it, and that may take it back.
    pub depositor: [u8; 20],
}

/// A waiting deposit that its depositor wants back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeBack {
    /// Index of the deposit.
    pub index: u64,
    /// Batches of this time or later do not consume it, Unix seconds.
    pub effective: u64,
}

/// A proven batch, ready to settle.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Data to publish.
    pub published: PublishedBatch,
    /// Commitment to the state before the batch.
    pub old_state: Fr,
    /// Commitment to the state after the batch.
    pub new_state: Fr,
    /// c, the Poseidon commitment to the data words.
    pub commitment: Fr,
    /// Bytes of the halo2 proof.
    pub proof: Vec<u8>,
}

/// Commitments that L1 recorded for a batch when it accepted it, and its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Commitment to the state after the batch.
    pub new_state: Fr,
    /// c, the Poseidon commitment to the batch's data words.
    pub data_commitment: Fr,
    /// Hash of the L1 transaction.
    pub tx: [u8; 32],
}

/// A settled batch, rebuilt from L1 data.
#[derive(Debug, Clone)]
pub struct SettledBatch {
    /// Its published data, from calldata.
    pub published: PublishedBatch,
    /// Its deposits as they were queued, also those that it passes over.
    pub deposits: Vec<Deposit>,
    /// Commitment to the state after the batch.
    pub new_state: Fr,
    /// Hash of the L1 transaction.
    pub tx: [u8; 32],
}

/// When a price snapshot was the last one, Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// When it was taken.
    pub taken: u64,
    /// When the next one was taken, if there is one.
    pub superseded: Option<u64>,
}

impl Validity {
    /// Most seconds by which a newer snapshot may have been taken before a batch's time.
    pub const LAG: u64 = 10 * 60;

    /// Whether L1 takes a batch of this time with the snapshot.
    #[must_use]
    pub fn admits(&self, time: u64) -> bool {
        self.taken <= time
            && self
                .superseded
                .is_none_or(|until| until + Self::LAG >= time)
    }
}

/// The price oracle's log from some block on.
#[derive(Debug, Clone)]
pub struct OracleLog {
    /// Newest block, read before the log: the log is complete up to it.
    pub head: Head,
    /// Changes, oldest first.
    pub events: Vec<OracleEvent>,
}

/// A change of the price oracle, with its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OracleEvent {
    /// Block number.
    pub block: u64,
    /// The change.
    pub change: OracleChange,
}

/// A change of the price oracle, as its event states it. Unverified: no digest or root is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "most changes are snapshots")]
pub enum OracleChange {
    /// A market was set or removed.
    Market {
        /// Number of the market.
        id: u8,
        /// The market's word; 0 if it was removed.
        word: Fr,
    },
    /// A price snapshot was taken, over the markets of that time.
    Snapshot {
        /// Digest of the snapshot.
        digest: Fr,
        /// Its time, in Unix seconds.
        time: u64,
        /// Time of the snapshot before it; 0 for the first.
        previous: u64,
        /// Root of the markets' words.
        market_root: Fr,
        /// Words of the prices.
        prices: [Fr; MARKETS],
    },
}

/// A mined transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Transaction hash.
    pub tx: [u8; 32],
    /// Block number.
    pub block: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Length of the calldata in bytes.
    pub calldata_bytes: u64,
}

/// A mined claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimReceipt {
    /// Hash of the L1 transaction.
    pub tx: [u8; 32],
    /// Amount that the vault paid, base units.
    pub amount: u128,
}

/// Owner and blinding of the cash note that a deposit makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepositName {
    /// The note's owner.
    pub owner: OwnerId,
    /// The note's blinding.
    pub rcm: Fr,
}

impl DepositName {
    /// Returns the inner commitment of the note.
    #[must_use]
    pub fn inner(&self) -> Fr {
        note::inner(&self.owner, &Fr::from(0u64), &self.rcm)
    }
}

/// A mined deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepositReceipt {
    /// Index in the queue.
    pub index: u64,
    /// Value of the note, in base units: what the vault received, less the fee.
    pub credited: u128,
    /// Fee that the vault took from the deposit, in base units of its asset.
    pub fee: u128,
    /// Transaction hash.
    pub tx: [u8; 32],
}

/// Minimum and fee of an asset's deposits, in base units. 0 stands for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DepositTerms {
    /// Least amount that the vault must receive.
    pub minimum: u128,
    /// Fee of each deposit, at most half the minimum. The note gets the rest.
    pub fee: u128,
}

/// Symbol of a token, and scale of its amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMetadata {
    /// Short name, e.g. `ETH`.
    pub symbol: String,
    /// Decimals: one display unit is 10^decimals base units.
    pub decimals: u8,
}
