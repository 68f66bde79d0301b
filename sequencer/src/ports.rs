//! The sequencer's view of the outside, as narrow traits: a verifier of client proofs, a prover of
//! batches, the settlement layer and a clock. [`crate::adapters`] implements the first three with
//! the real prover and the real chain.

use std::sync::Arc;

use futures::future::BoxFuture;
use subrosa_clock::Clock;
pub use subrosa_l1::{
    Accepted, Block, Head, OracleChange, OracleEvent, OracleLog, QueuedDeposit, Receipt,
    RollupView, SettledBatch, Settlement, TakeBack, Validity,
};
pub use subrosa_protocol::proof::ProofBytes;
use subrosa_protocol::{
    Fr,
    asset::{AssetInfo, AuditorKeys},
    batch::{BatchWitness, Shape},
    element::TransactionDigest,
};
pub use subrosa_prover::progress::Progress;

/// Verifies client proofs against the transaction circuit's verifying key.
pub trait ProofVerifier: Send + Sync + 'static {
    /// Returns the hash that identifies the verifying key. It is part of the store's identity.
    fn key_hash(&self) -> [u8; 32];

    /// Whether the key was made for development. Its maker can forge proofs.
    fn is_unsafe_development(&self) -> bool;

    /// Returns, for every (digest, proof) in order, whether the proof is valid for that digest. A
    /// proof with malformed points is invalid. The work is CPU-bound and runs on the admission
    /// threads.
    fn verify_batch(&self, items: &[(TransactionDigest, ProofBytes)]) -> Vec<bool>;
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

/// The reason why a batch could not be proven.
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

/// The reason why the settlement layer did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettlementError {
    /// The contract refused the call. This is final: it would refuse the same call again.
    #[error("the contract rejected the call: {reason}")]
    Rejected {
        /// Name of the revert.
        reason: String,
    },
    /// The chain did not answer. Trying again may help.
    #[error("the chain is unavailable: {reason}")]
    Unavailable {
        /// The failure.
        reason: String,
    },
    /// The chain's answer cannot be understood. The endpoint may answer better later.
    #[error("the chain's answer is invalid: {reason}")]
    Invalid {
        /// The fault in the answer.
        reason: String,
    },
}

/// The chain on which batches settle.
pub trait SettlementLayer: Send + Sync + 'static {
    /// Returns the chain id.
    fn chain_id(&self) -> BoxFuture<'_, Result<u64, SettlementError>>;
    /// Returns the newest block.
    fn head(&self) -> BoxFuture<'_, Result<Head, SettlementError>>;
    /// Returns the state of the rollup contract and its surroundings.
    fn rollup(&self) -> BoxFuture<'_, Result<RollupView, SettlementError>>;
    /// Returns the block with this number, if the chain has it.
    fn block(&self, number: u64) -> BoxFuture<'_, Result<Option<Block>, SettlementError>>;
    /// Returns the index below which all settled batches are final, if the chain names a final
    /// block.
    fn final_batches(&self) -> BoxFuture<'_, Result<Option<u64>, SettlementError>>;
    /// Returns the length of the deposit queue as of the block that has `confirmations`
    /// confirmations. The newest block has 1.
    fn deposits_mined(&self, confirmations: u64) -> BoxFuture<'_, Result<u64, SettlementError>>;
    /// Returns the deposits from index `from` on, in order, at most `limit`.
    fn deposits(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<QueuedDeposit>, SettlementError>>;
    /// Returns which of the waiting deposits from index `from` on their depositors want back. Looks
    /// at `limit` deposits, at most 256.
    fn take_backs(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<TakeBack>, SettlementError>>;
    /// Returns all registered assets in the order of their ids.
    fn assets(&self) -> BoxFuture<'_, Result<Vec<AssetInfo>, SettlementError>>;
    /// Returns the keys of all assets' auditors, present and past.
    fn auditors(&self) -> BoxFuture<'_, Result<AuditorKeys, SettlementError>>;
    /// Returns the log of the price oracle from block `from` on.
    fn oracle_log(&self, from: u64) -> BoxFuture<'_, Result<OracleLog, SettlementError>>;
    /// Returns when the price snapshot with this digest was the last one, if the chain has it.
    fn snapshot_validity<'a>(
        &'a self,
        digest: &'a Fr,
    ) -> BoxFuture<'a, Result<Option<Validity>, SettlementError>>;
    /// Settles a batch and waits for its receipt.
    fn settle<'a>(
        &'a self,
        batch: &'a Settlement,
    ) -> BoxFuture<'a, Result<Receipt, SettlementError>>;
    /// Gives up settling a batch that may have been sent, and waits until that is decided. Returns
    /// whether the batch can no longer settle; if not, it was mined first.
    fn cancel<'a>(
        &'a self,
        index: u64,
        data_commitment: &'a Fr,
    ) -> BoxFuture<'a, Result<bool, SettlementError>>;
    /// Forgets what was read of the batches from this index on, so that it is read anew.
    fn forget(&self, index: u64);
    /// Returns the commitments of the batch with this index if it has settled.
    fn accepted(&self, index: u64) -> BoxFuture<'_, Result<Option<Accepted>, SettlementError>>;
    /// Returns the batch with this index if it has settled, as the chain remembers it.
    fn settled_batch(
        &self,
        index: u64,
    ) -> BoxFuture<'_, Result<Option<SettledBatch>, SettlementError>>;
}

/// Everything that the sequencer is given at start.
#[derive(Clone)]
pub struct Ports {
    /// Verifier of client proofs.
    pub verifier: Arc<dyn ProofVerifier>,
    /// Prover of batches.
    pub prover: Arc<dyn BatchProver>,
    /// The settlement layer.
    pub settlement: Arc<dyn SettlementLayer>,
    /// The clock by which the sequencer waits, seals and expires.
    pub clock: Arc<dyn Clock>,
}
