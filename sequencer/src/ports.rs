//! What the sequencer consumes from outside, as narrow traits: a verifier of client proofs, a
//! prover of batches and the settlement layer. [`crate::adapters`] implements them with the real
//! prover and the real chain.

use std::sync::Arc;

use futures::future::BoxFuture;
use subrosa_protocol::Fr;
use subrosa_protocol::asset::{AssetId, AssetInfo};
use subrosa_protocol::batch::{BatchWitness, PublishedBatch, Shape};
use subrosa_protocol::ledger::Deposit;
use subrosa_protocol::market::PRICE_WORDS;

pub use subrosa_protocol::proof::ProofBytes;
pub use subrosa_prover::progress::Progress;

/// Verifies client proofs against the transaction circuit's verifying key.
pub trait ProofVerifier: Send + Sync + 'static {
    /// Hash that identifies the verifying key; part of the store's identity.
    fn key_hash(&self) -> [u8; 32];

    /// Whether the key was made for development: whoever made it can forge proofs.
    fn is_unsafe_development(&self) -> bool;

    /// For every (digest, proof) in order: whether the proof is valid for that digest. Malformed
    /// points are simply invalid. CPU-bound; called on the admission thread pool.
    fn verify_batch(&self, items: &[(Fr, ProofBytes)]) -> Vec<bool>;
}

/// A batch to prove.
#[derive(Debug)]
pub struct ProofJob {
    /// Index of the batch, which identifies the job. After batches were dropped, a later job may
    /// have the same index and another witness.
    pub index: u64,
    /// The private inputs of the batch circuit.
    pub witness: BatchWitness,
    /// The proofs of the batch's transactions, in slot order: the batch circuit verifies them.
    pub proofs: Vec<ProofBytes>,
}

/// Why a batch could not be proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProverError {
    /// [`Progress::cancelled`] returned true.
    #[error("proving was cancelled")]
    Cancelled,
    /// The prover refuses the job, now and every time: the witness breaks a rule, or a transaction
    /// has no valid proof.
    #[error("the job is refused: {reason}")]
    Refused {
        /// Reason of the refusal.
        reason: String,
    },
    /// The prover failed; the same job would most likely fail again.
    #[error("proving failed: {reason}")]
    Failed {
        /// The prover's message.
        reason: String,
    },
}

/// Proves batches, in this process or elsewhere.
///
/// Several jobs may be under way at once, and may finish in any order. A prover keeps no finished
/// proof: the result belongs to the caller, who submits unproven batches again after a restart.
pub trait BatchProver: Send + Sync + 'static {
    /// Returns the shapes that this prover has keys for.
    fn shapes(&self) -> Vec<Shape>;

    /// Proves one batch and returns the proof in the contract's encoding; takes seconds to minutes.
    ///
    /// The work begins when the future is first polled. Dropping the future cancels the job.
    ///
    /// # Errors
    /// [`ProverError::Cancelled`] when `progress` asked for it, [`ProverError::Refused`] for a job
    /// that can never be proven, [`ProverError::Failed`] otherwise.
    fn prove(
        &self,
        job: Arc<ProofJob>,
        progress: Arc<dyn Progress>,
    ) -> BoxFuture<'_, Result<Vec<u8>, ProverError>>;
}

/// The newest block of the settlement layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Block number.
    pub number: u64,
    /// Block time, Unix seconds.
    pub timestamp: u64,
}

/// What the rollup contract holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupView {
    /// Commitment of the settled state.
    pub state: Fr,
    /// Index that the next settled batch must have.
    pub batch_index: u64,
    /// Deposits consumed by settled batches.
    pub deposit_count: u64,
    /// Length of the vault's deposit queue, the consumed ones included.
    pub queued_deposits: u64,
    /// Current root of the asset tree.
    pub assets_root: Fr,
    /// H(CONTEXT; …) of the contract.
    pub context: Fr,
    /// The asset in which fees are paid.
    pub fee_asset: AssetId,
    /// Time of the last settled batch, Unix seconds.
    pub last_time: u64,
    /// Shapes with a verifying key on the chain.
    pub shapes: Vec<Shape>,
}

/// A deposit in the vault's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedDeposit {
    /// Place in the queue, from 0.
    pub index: u64,
    /// Its words.
    pub deposit: Deposit,
}

/// What the price oracle's log holds from some block on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OracleLog {
    /// The newest block; the log holds all that is up to it, and may hold more.
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

/// What changed in the price oracle, as the chain says it.
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

/// A proven batch on its way to the contract.
#[derive(Debug, Clone)]
pub struct ProvenBatch {
    /// The data that goes into calldata.
    pub published: PublishedBatch,
    /// State commitment before the batch.
    pub old_state: Fr,
    /// State commitment after the batch.
    pub new_state: Fr,
    /// c = H(DATA; words).
    pub commitment: Fr,
    /// The proof, in the contract's encoding.
    pub proof: Vec<u8>,
}

/// The chain's receipt of a settled batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementReceipt {
    /// Transaction hash.
    pub tx: [u8; 32],
    /// Block number.
    pub block: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Bytes of calldata.
    pub calldata_bytes: u64,
}

/// A batch as the chain remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledBatch {
    /// State commitment after the batch.
    pub new_state: Fr,
    /// c = H(DATA; words).
    pub commitment: Fr,
    /// Transaction hash that settled it.
    pub tx: [u8; 32],
}

/// Why the settlement layer did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettlementError {
    /// The contract refused: final, the same call would be refused again.
    #[error("the contract rejected the call: {reason}")]
    Rejected {
        /// The revert's name.
        reason: String,
    },
    /// The chain did not answer; trying again may help.
    #[error("the chain is unavailable: {reason}")]
    Unavailable {
        /// What went wrong.
        reason: String,
    },
    /// The chain answered with something that cannot be understood: final.
    #[error("the chain's answer is invalid: {reason}")]
    Invalid {
        /// What was wrong with it.
        reason: String,
    },
}

/// The chain on which batches settle.
pub trait SettlementLayer: Send + Sync + 'static {
    /// Chain id.
    fn chain_id(&self) -> BoxFuture<'_, Result<u64, SettlementError>>;
    /// Newest block.
    fn head(&self) -> BoxFuture<'_, Result<Head, SettlementError>>;
    /// What the rollup contract holds.
    fn rollup(&self) -> BoxFuture<'_, Result<RollupView, SettlementError>>;
    /// Returns the length of the deposit queue as of the block that has `confirmations`
    /// confirmations; the newest block has 1.
    fn deposits_mined(&self, confirmations: u64) -> BoxFuture<'_, Result<u64, SettlementError>>;
    /// Deposits with index ≥ `from`, in order, at most `limit`.
    fn deposits(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<QueuedDeposit>, SettlementError>>;
    /// All registered assets in order of id.
    fn assets(&self) -> BoxFuture<'_, Result<Vec<AssetInfo>, SettlementError>>;
    /// What the price oracle's log holds from block `from` on.
    fn oracle_log(&self, from: u64) -> BoxFuture<'_, Result<OracleLog, SettlementError>>;
    /// When the price snapshot with this digest was taken, if the chain has it.
    fn snapshot_time<'a>(
        &'a self,
        digest: &'a Fr,
    ) -> BoxFuture<'a, Result<Option<u64>, SettlementError>>;
    /// Settles a batch and waits for its receipt.
    fn settle<'a>(
        &'a self,
        batch: &'a ProvenBatch,
    ) -> BoxFuture<'a, Result<SettlementReceipt, SettlementError>>;
    /// The batch with this index as settled on the chain, if it is.
    fn settled_batch(
        &self,
        index: u64,
    ) -> BoxFuture<'_, Result<Option<SettledBatch>, SettlementError>>;
}

/// Everything the sequencer is given at start.
#[derive(Clone)]
pub struct Ports {
    /// Verifier of client proofs.
    pub verifier: Arc<dyn ProofVerifier>,
    /// Prover of batches.
    pub prover: Arc<dyn BatchProver>,
    /// The settlement layer.
    pub settlement: Arc<dyn SettlementLayer>,
}
