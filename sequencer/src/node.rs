//! What all tasks of one sequencer share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use subrosa_protocol::Fr;
use subrosa_protocol::asset::AssetInfo;
use subrosa_protocol::ledger::{self, Deposit, Ledger};
use tokio::sync::{Mutex as AsyncMutex, Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::admission::FinalRejection;
use crate::config::Config;
use crate::health::{Halt, HealthBoard};
use crate::mailbox::Mailbox;
use crate::mempool::{Pool, SealedView};
use crate::oracle::Oracle;
use crate::ports::Ports;
use crate::status::TransactionStatus;
use crate::store::recovery::Recovered;
use crate::store::tables::{Batches, Proofs, Stage, Stages, TransactionRecord, Transactions};
use crate::store::{Store, StoreError};
use crate::telemetry;
use crate::wire::{Word, word};

/// Events kept for a slow listener before it loses the oldest.
const EVENT_BACKLOG: usize = 1_024;

/// How often a proof under way is told to stop until it does.
const INTERRUPT: Duration = Duration::from_millis(50);

/// Something happened to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchEvent {
    /// Batch index.
    pub index: u64,
    /// What happened.
    pub kind: BatchEventKind,
}

/// What can happen to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchEventKind {
    /// It was executed and stored.
    Sealed,
    /// It was proven.
    Proven,
    /// It settled.
    Settled {
        /// Hash of the L1 transaction.
        tx: [u8; 32],
    },
    /// It and all later ones were dropped before settlement; their transactions are pending again.
    Dropped,
}

/// Next batch for each stage: everything below has passed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) seal: u64,
    pub(crate) prove: u64,
    pub(crate) settle: u64,
}

/// Deposits seen on L1 and not sealed, in queue order.
#[derive(Debug, Default)]
pub(crate) struct DepositQueue {
    /// Index of the front.
    first: u64,
    queue: VecDeque<(Deposit, Instant)>,
}

impl DepositQueue {
    pub(crate) fn new(first: u64, deposits: impl IntoIterator<Item = Deposit>) -> Self {
        let now = Instant::now();
        Self {
            first,
            queue: deposits.into_iter().map(|deposit| (deposit, now)).collect(),
        }
    }

    /// Index of the next deposit to fetch.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.queue.len() as u64
    }

    pub(crate) fn push(&mut self, deposit: Deposit) {
        self.queue.push_back((deposit, Instant::now()));
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn front(&self, limit: usize) -> Vec<Deposit> {
        let front = self.queue.iter().take(limit);
        front.map(|(deposit, _)| *deposit).collect()
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.queue.drain(..count);
        self.first += count as u64;
    }

    pub(crate) fn oldest(&self) -> Option<Duration> {
        self.queue.front().map(|(_, since)| since.elapsed())
    }
}

/// The registry as last seen.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    pub(crate) root: Fr,
    pub(crate) assets: Arc<Vec<AssetInfo>>,
}

/// Shared by all tasks. Locks are held for moments, never across an await; where two are needed the
/// order is ledger, pool, deposits, cursor.
pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) ledger_config: ledger::Config,
    pub(crate) ports: Ports,
    pub(crate) store: Store,
    pub(crate) mailbox: Mailbox,
    ledger: Mutex<Ledger>,
    pool: Mutex<Pool>,
    deposits: Mutex<DepositQueue>,
    cursor: Mutex<Cursor>,
    registry: Mutex<Registry>,
    oracle: Mutex<Arc<Oracle>>,
    /// Latest time of a block that the chain has shown.
    chain_time: AtomicU64,
    pub(crate) health: HealthBoard,
    pub(crate) events: broadcast::Sender<BatchEvent>,
    pub(crate) wake_seal: Notify,
    pub(crate) wake_prove: Notify,
    pub(crate) wake_settle: Notify,
    /// Held while a batch is sealed, and while batches are dropped.
    pub(crate) seal_gate: AsyncMutex<()>,
    /// Held while the oracle's log is read.
    pub(crate) oracle_gate: AsyncMutex<()>,
    /// Held while a batch is proven, and while batches are dropped.
    pub(crate) prove_gate: AsyncMutex<()>,
    proof_cancel: Mutex<CancellationToken>,
    pub(crate) cancel: CancellationToken,
}

const POISON: &str = "no holder of this lock panics";

impl Node {
    pub(crate) fn new(
        config: Config,
        ledger_config: ledger::Config,
        ports: Ports,
        store: Store,
        mailbox: Mailbox,
        recovered: Recovered,
        registry: Registry,
    ) -> Self {
        let cancel = CancellationToken::new();
        let view = sealed_view(&recovered.ledger, registry.root, recovered.time);
        let next_sequence = recovered.next_sequence;
        let first_deposit = recovered.ledger.state().deposit_count;
        let snapshots = recovered.oracle.times();
        let mut pool = Pool::new(&config.admission, view, snapshots, next_sequence);
        for (sequence, submission) in recovered.mempool {
            pool.restore(sequence, submission)
                .expect("recovery refuses conflicting submissions");
        }
        telemetry::mempool(pool.census());
        Self {
            config,
            ledger_config,
            ports,
            store,
            mailbox,
            pool: Mutex::new(pool),
            ledger: Mutex::new(recovered.ledger),
            deposits: Mutex::new(DepositQueue::new(first_deposit, recovered.deposits)),
            cursor: Mutex::new(recovered.cursor),
            registry: Mutex::new(registry),
            oracle: Mutex::new(Arc::new(recovered.oracle)),
            chain_time: AtomicU64::new(0),
            health: HealthBoard::default(),
            events: broadcast::Sender::new(EVENT_BACKLOG),
            wake_seal: Notify::new(),
            wake_prove: Notify::new(),
            wake_settle: Notify::new(),
            seal_gate: AsyncMutex::new(()),
            oracle_gate: AsyncMutex::new(()),
            prove_gate: AsyncMutex::new(()),
            proof_cancel: Mutex::new(cancel.child_token()),
            cancel,
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect(POISON)
    }

    pub(crate) fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().expect(POISON)
    }

    pub(crate) fn deposits(&self) -> MutexGuard<'_, DepositQueue> {
        self.deposits.lock().expect(POISON)
    }

    pub(crate) fn cursor(&self) -> MutexGuard<'_, Cursor> {
        self.cursor.lock().expect(POISON)
    }

    pub(crate) fn registry(&self) -> Registry {
        self.registry.lock().expect(POISON).clone()
    }

    pub(crate) fn set_registry(&self, registry: Registry) {
        *self.registry.lock().expect(POISON) = registry;
    }

    /// The chain's price oracle as last seen.
    pub(crate) fn oracle(&self) -> Arc<Oracle> {
        self.oracle.lock().expect(POISON).clone()
    }

    pub(crate) fn set_oracle(&self, oracle: Oracle) {
        *self.oracle.lock().expect(POISON) = Arc::new(oracle);
    }

    /// Notes the time of a block that the chain shows.
    pub(crate) fn saw_time(&self, timestamp: u64) {
        self.chain_time.fetch_max(timestamp, Ordering::Relaxed);
    }

    /// Latest time of a block that the chain has shown, 0 before the first.
    pub(crate) fn seen_time(&self) -> u64 {
        self.chain_time.load(Ordering::Relaxed)
    }

    /// A token for one proof, cancelled by [`Node::interrupt_proof`] and at shutdown.
    pub(crate) fn begin_proof(&self) -> CancellationToken {
        let token = self.cancel.child_token();
        *self.proof_cancel.lock().expect(POISON) = token.clone();
        token
    }

    /// Cancels the proof under way, if there is one, and keeps others from beginning.
    pub(crate) async fn interrupt_proof(&self) -> tokio::sync::MutexGuard<'_, ()> {
        loop {
            // Again and again: a proof may begin between the cancelling and the waiting.
            self.proof_cancel.lock().expect(POISON).cancel();
            let gate = tokio::time::timeout(INTERRUPT, self.prove_gate.lock()).await;
            if let Ok(gate) = gate {
                return gate;
            }
        }
    }

    pub(crate) fn halt_on_store(&self, error: &StoreError) {
        self.health.halt(Halt::Store {
            detail: error.to_string(),
        });
    }

    pub(crate) fn emit(&self, index: u64, kind: BatchEventKind) {
        // Without listeners there is nobody to tell.
        let _ = self.events.send(BatchEvent { index, kind });
    }

    /// Whether a transaction with this digest was accepted before. A leg that gave way to others is as if it had
    /// never come: made again from the same notes it may have the same digest.
    pub(crate) fn is_known(&self, digest: &Word) -> Result<bool, StoreError> {
        if self.pool().contains(digest) {
            return Ok(true);
        }
        Ok(match self.store.get::<Transactions>(digest)? {
            None => false,
            Some(TransactionRecord::Rejected { reason }) => reason != FinalRejection::Displaced,
            Some(_) => true,
        })
    }

    /// What became of an accepted transaction.
    pub(crate) fn status(&self, digest: &Word) -> Result<Option<TransactionStatus>, StoreError> {
        let Some(record) = self.store.get::<Transactions>(digest)? else {
            return Ok(None);
        };
        Ok(Some(match record {
            TransactionRecord::Pending { .. } if self.pool().is_lone(digest) => {
                TransactionStatus::Waiting
            }
            TransactionRecord::Pending { .. } => TransactionStatus::Pending,
            TransactionRecord::Expired => TransactionStatus::Expired,
            TransactionRecord::Rejected { reason } => TransactionStatus::Rejected { reason },
            TransactionRecord::Included { batch, slot } => {
                match self.store.get::<Stages>(&batch)? {
                    Some(Stage::Settled { tx }) => TransactionStatus::Settled { batch, slot, tx },
                    Some(Stage::Proven) => TransactionStatus::Proven { batch, slot },
                    _ => TransactionStatus::Included { batch, slot },
                }
            }
        }))
    }

    /// A batch with its stage, and its proof if `with_proof` and there is one.
    pub(crate) fn batch(
        &self,
        index: u64,
        with_proof: bool,
    ) -> Result<Option<crate::status::BatchView>, StoreError> {
        let Some(record) = self.store.get::<Batches>(&index)? else {
            return Ok(None);
        };
        let stage = self.store.get::<Stages>(&index)?.unwrap_or(Stage::Sealed);
        let proof = if with_proof {
            self.store.get::<Proofs>(&index)?.map(|bytes| bytes.0)
        } else {
            None
        };
        Ok(Some(crate::status::BatchView {
            index,
            record,
            stage,
            proof,
        }))
    }
}

/// What admission needs to know of a ledger.
pub(crate) fn sealed_view(ledger: &Ledger, assets_root: Fr, time: u64) -> SealedView {
    SealedView {
        state: *ledger.state(),
        anchors: ledger.history().leaves().iter().map(word).collect(),
        spent: ledger
            .nullifiers()
            .members()
            .map(|(_, value)| word(&value))
            .collect(),
        assets_root,
        time,
    }
}
