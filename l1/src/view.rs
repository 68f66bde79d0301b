//! What the contracts hold, in the protocol's types.

use subrosa_protocol::{
    Fr,
    asset::AssetId,
    batch::{PublishedBatch, Shape},
    ledger::Deposit,
    market::PRICE_WORDS,
};

use crate::transport::Head;

/// The rollup contract's state and its surroundings, read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupView {
    /// Commitment of the settled state.
    pub state: Fr,
    /// Index of the next batch; 1 at genesis.
    pub batch_index: u64,
    /// Deposits that settled batches consumed.
    pub deposit_count: u64,
    /// Deposits ever queued.
    pub queued_deposits: u64,
    /// Root of the asset tree.
    pub assets_root: Fr,
    /// Word 0 of every transaction.
    pub context: Fr,
    /// The asset fees are paid in.
    pub fee_asset: AssetId,
    /// Time of the last batch, Unix seconds.
    pub last_time: u64,
    /// Registered and not retired shapes.
    pub shapes: Vec<Shape>,
}

/// A deposit in the vault's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedDeposit {
    /// Place in the queue, from 0.
    pub index: u64,
    /// What it states.
    pub deposit: Deposit,
}

/// A proven batch, ready to be settled.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The data to publish.
    pub published: PublishedBatch,
    /// Commitment of the state it starts from.
    pub old_state: Fr,
    /// Commitment of the state it leads to.
    pub new_state: Fr,
    /// c, the Poseidon commitment to the data words.
    pub commitment: Fr,
    /// The halo2 proof.
    pub proof: Vec<u8>,
}

/// What L1 says of a batch that it accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// State commitment after it.
    pub new_state: Fr,
    /// c, the Poseidon commitment to its data words.
    pub data_commitment: Fr,
}

/// A batch as L1 remembers it.
#[derive(Debug, Clone)]
pub struct SettledBatch {
    /// Its data, from calldata.
    pub published: PublishedBatch,
    /// State commitment after it.
    pub new_state: Fr,
    /// Hash of the L1 transaction.
    pub tx: [u8; 32],
}

/// What the price oracle's log holds from some block on.
#[derive(Debug, Clone)]
pub struct OracleLog {
    /// The newest block, read before the log.
    pub head: Head,
    /// Oldest first.
    pub events: Vec<OracleEvent>,
}

/// A change of the price oracle, in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OracleEvent {
    /// The block.
    pub block: u64,
    /// What changed.
    pub change: OracleChange,
}

/// What changes in the price oracle, as the event says it; nothing of it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "most are snapshots")]
pub enum OracleChange {
    /// A market's word was set; 0 is none.
    Market {
        /// Its number.
        id: u8,
        /// The word.
        word: Fr,
    },
    /// A snapshot was taken, of the markets as they were.
    Snapshot {
        /// Its digest.
        digest: Fr,
        /// When, Unix seconds.
        time: u64,
        /// Root of the markets' words.
        market_root: Fr,
        /// The words of prices.
        prices: [Fr; PRICE_WORDS],
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

/// A mined deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepositReceipt {
    /// Place in the queue.
    pub index: u64,
    /// What the vault received and credited, in the token's smallest unit.
    pub credited: u128,
    /// Transaction hash.
    pub tx: [u8; 32],
}

/// How a token shows its amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMetadata {
    /// Short name.
    pub symbol: String,
    /// Decimals of the display unit.
    pub decimals: u8,
}
