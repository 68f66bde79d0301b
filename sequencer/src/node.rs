//! The state that all tasks of one sequencer share.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use subrosa_clock::Clock;
use subrosa_protocol::{
    Fr,
    asset::{AssetInfo, AssetTree, AuditorKeys},
    element::{Anchor, Nullifier, TransactionDigest},
    ledger::{self, Ledger},
};
use tokio::sync::{Mutex as AsyncMutex, Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    chain::SeenBlocks,
    comparisons::Comparisons,
    config::Config,
    cursor::Cursor,
    deposits::DepositQueue,
    event::{BatchEvent, BatchEventKind},
    health::{Halt, HealthBoard},
    mailbox::Mailbox,
    mempool::{Pool, SealedView},
    oracle::{Oracle, Prices},
    ports::{Block, Ports, SettlementError, SettlementLayer},
    record::TransactionRecord,
    recovery::Recovered,
    refusal::FinalRejection,
    status::{BatchView, TransactionStatus},
    store::{
        Store, StoreError,
        tables::{Batches, Proofs, Stage, Stages, Transactions},
    },
    telemetry,
};

/// Events that are kept for a slow listener before it loses the oldest.
const EVENT_BACKLOG: usize = 1_024;

/// Pause between two signals to a proof under way to stop.
const INTERRUPT: Duration = Duration::from_millis(50);

/// The asset registry as last read from L1.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    pub(crate) root: Fr,
    pub(crate) assets: Arc<Vec<AssetInfo>>,
    pub(crate) auditors: Arc<AuditorKeys>,
}

impl Registry {
    /// Reads the assets and their auditors' keys from L1. `None` if they do not belong to the root
    /// that L1 stated: the registry changed in between, or the answer is false.
    ///
    /// # Errors
    /// [`SettlementError`] of the reads.
    pub(crate) async fn read(
        settlement: &dyn SettlementLayer,
        root: Fr,
    ) -> Result<Option<Self>, SettlementError> {
        let assets = settlement.assets().await?;
        let auditors = settlement.auditors().await?;
        let tree: AssetTree = assets.iter().copied().collect();
        let fits = |info: &AssetInfo| auditors.of(info.id).first() == Some(&info.auditor);
        let found = tree.root() == root && assets.iter().all(fits);
        Ok(found.then(|| Self {
            root,
            assets: Arc::new(assets),
            auditors: Arc::new(auditors),
        }))
    }
}

/// The state of one sequencer, shared by all its tasks.
///
/// The locks are held for moments and never across an await. A task that needs two takes them in
/// the order ledger, pool, deposits, cursor.
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
    /// Latest time of an L1 block that was seen, Unix seconds.
    chain_time: AtomicU64,
    /// Blocks of L1 that were seen.
    seen: Mutex<SeenBlocks>,
    /// Number of the seen block that was stored last.
    stored_block: AtomicU64,
    /// Block up to which the deposits agree with L1's.
    compared: Mutex<Option<Block>>,
    comparisons: Comparisons,
    /// Whether the sealed batches continue those of L1, so that more may be sealed.
    level: AtomicBool,
    /// Index below which the settled batches are final.
    final_below: AtomicU64,
    pub(crate) health: HealthBoard,
    pub(crate) events: broadcast::Sender<BatchEvent>,
    /// Distinguishes the versions of this process from those of others.
    pub(crate) incarnation: u64,
    /// Grows with every change that a reader of batches or prices wants to know of.
    versions: watch::Sender<u64>,
    pub(crate) wake_seal: Notify,
    pub(crate) wake_prove: Notify,
    pub(crate) wake_settle: Notify,
    /// Held while L1's view is read and compared with those before.
    pub(crate) look_gate: AsyncMutex<()>,
    /// Held while a batch is sealed and while batches are dropped.
    pub(crate) seal_gate: AsyncMutex<()>,
    /// Held while the oracle's log is read.
    pub(crate) oracle_gate: AsyncMutex<()>,
    /// Held while a batch is proven and while batches are dropped.
    pub(crate) prove_gate: AsyncMutex<()>,
    proof_cancel: Mutex<CancellationToken>,
    /// Held from a submission's place in the mempool until it is stored, and during an import.
    accept_gate: Mutex<()>,
    /// Times in a row that L1 contradicted what was final.
    contradictions: AtomicU32,
    pub(crate) cancel: CancellationToken,
}

const POISON: &str = "no holder of this lock panics";

impl Node {
    /// Makes the state of a sequencer from its recovered store.
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
        let none = Prices::default();
        let mut view = sealed_view(&recovered.ledger, registry.root, none, recovered.last);
        // As of the last batch, so that the prices on which a submission relies are among them.
        // Legs pair again only if they can be sealed.
        let confirmations = config.price_confirmations();
        let (time, last) = recovered.last;
        let candidates = recovered.oracle.candidates(confirmations, &last, time);
        let waiting = recovered.mempool.iter().map(|(_, submission)| submission);
        view.choose_prices(&candidates, waiting);
        let next_sequence = recovered.next_sequence;
        let first_deposit = recovered.ledger.state().deposit_count;
        let clock = ports.clock.clone();
        let deposits = DepositQueue::new(first_deposit, recovered.deposits, clock.now());
        let mut pool = Pool::new(&config.admission, view, next_sequence, clock);
        for (sequence, submission) in recovered.mempool {
            pool.restore(sequence, submission)
                .expect("recovery refuses conflicting submissions");
        }
        telemetry::mempool(pool.census().queued);
        Self {
            config,
            ledger_config,
            ports,
            store,
            mailbox,
            pool: Mutex::new(pool),
            ledger: Mutex::new(recovered.ledger),
            deposits: Mutex::new(deposits),
            cursor: Mutex::new(recovered.cursor),
            registry: Mutex::new(registry),
            oracle: Mutex::new(Arc::new(recovered.oracle)),
            chain_time: AtomicU64::new(0),
            stored_block: AtomicU64::new(recovered.block.as_ref().map_or(0, |seen| seen.number)),
            seen: Mutex::new(SeenBlocks::new(recovered.block)),
            compared: Mutex::new(None),
            comparisons: Comparisons::new(),
            level: AtomicBool::new(false),
            final_below: AtomicU64::new(recovered.final_below),
            accept_gate: Mutex::default(),
            contradictions: AtomicU32::new(0),
            health: HealthBoard::default(),
            events: broadcast::Sender::new(EVENT_BACKLOG),
            incarnation: RandomState::new().hash_one(0),
            versions: watch::Sender::new(0),
            wake_seal: Notify::new(),
            wake_prove: Notify::new(),
            wake_settle: Notify::new(),
            look_gate: AsyncMutex::new(()),
            seal_gate: AsyncMutex::new(()),
            oracle_gate: AsyncMutex::new(()),
            prove_gate: AsyncMutex::new(()),
            proof_cancel: Mutex::new(cancel.child_token()),
            cancel,
        }
    }

    /// Returns the clock by which the sequencer waits, seals and expires.
    pub(crate) fn clock(&self) -> &dyn Clock {
        self.ports.clock.as_ref()
    }

    /// Locks the ledger after the last sealed batch.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect(POISON)
    }

    /// Locks the mempool and its view of the sealed state.
    pub(crate) fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().expect(POISON)
    }

    /// Locks the deposits that wait to be sealed.
    pub(crate) fn deposits(&self) -> MutexGuard<'_, DepositQueue> {
        self.deposits.lock().expect(POISON)
    }

    /// Locks the progress of the stages.
    pub(crate) fn cursor(&self) -> MutexGuard<'_, Cursor> {
        self.cursor.lock().expect(POISON)
    }

    /// Returns the asset registry as last read from L1.
    pub(crate) fn registry(&self) -> Registry {
        self.registry.lock().expect(POISON).clone()
    }

    /// Replaces the asset registry.
    pub(crate) fn set_registry(&self, registry: Registry) {
        *self.registry.lock().expect(POISON) = registry;
    }

    /// Returns the price oracle as far as it was followed.
    pub(crate) fn oracle(&self) -> Arc<Oracle> {
        self.oracle.lock().expect(POISON).clone()
    }

    /// Replaces the price oracle.
    pub(crate) fn set_oracle(&self, oracle: Oracle) {
        *self.oracle.lock().expect(POISON) = Arc::new(oracle);
    }

    /// Follows the version of batches and of the next batch's prices.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.versions.subscribe()
    }

    /// Chooses the prices of the next batch at the chain's time `clock`.
    pub(crate) fn choose_prices(&self, clock: u64) {
        let confirmations = self.config.price_confirmations();
        let oracle = self.oracle();
        let chosen = {
            let mut pool = self.pool();
            let last = pool.view().last_prices;
            pool.choose_prices(&oracle.candidates(confirmations, &last, clock))
        };
        if chosen {
            tracing::info!("the next batch has other prices");
            self.versions.send_modify(|version| *version += 1);
            self.wake_seal.notify_one();
        }
    }

    /// Notes the time of an L1 block.
    pub(crate) fn saw_time(&self, timestamp: u64) {
        self.chain_time.fetch_max(timestamp, Ordering::Relaxed);
    }

    /// Returns the latest time of an L1 block that was seen; 0 before the first.
    pub(crate) fn seen_time(&self) -> u64 {
        self.chain_time.load(Ordering::Relaxed)
    }

    /// Locks the blocks of L1 that were seen.
    pub(crate) fn seen_blocks(&self) -> MutexGuard<'_, SeenBlocks> {
        self.seen.lock().expect(POISON)
    }

    /// Whether the newest seen block should be stored: `every` blocks after the last stored one,
    /// or below it. Notes that it is.
    pub(crate) fn store_block(&self, number: u64, every: u64) -> bool {
        let stored = self.stored_block.load(Ordering::Relaxed);
        let due = number < stored || number >= stored + every;
        if due {
            self.stored_block.store(number, Ordering::Relaxed);
        }
        due
    }

    /// Whether the deposits were compared with L1's at this block.
    pub(crate) fn has_compared(&self, block: &Block) -> bool {
        self.compared.lock().expect(POISON).as_ref() == Some(block)
    }

    /// Notes that the deposits agree with L1's at this block.
    pub(crate) fn note_compared(&self, block: Block) {
        *self.compared.lock().expect(POISON) = Some(block);
    }

    /// Has everything that is not final compared with L1 again.
    pub(crate) fn compare_again(&self) {
        self.comparisons.ask();
        *self.compared.lock().expect(POISON) = None;
    }

    /// Returns the comparisons of the settled batches with L1's.
    pub(crate) fn comparisons(&self) -> &Comparisons {
        &self.comparisons
    }

    /// Keeps submissions and imports apart.
    pub(crate) fn accept_gate(&self) -> MutexGuard<'_, ()> {
        self.accept_gate.lock().expect(POISON)
    }

    /// Counts a contradiction of what was final. Returns the number of those in a row.
    pub(crate) fn contradicted(&self) -> u32 {
        self.contradictions.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Notes that L1 agrees with what was final.
    pub(crate) fn agreed(&self) {
        self.contradictions.store(0, Ordering::SeqCst);
    }

    /// Whether the sealed batches continue those of L1.
    pub(crate) fn is_level(&self) -> bool {
        self.level.load(Ordering::SeqCst)
    }

    /// Sets whether the sealed batches continue those of L1.
    pub(crate) fn set_level(&self, level: bool) {
        self.level.store(level, Ordering::SeqCst);
    }

    /// Whether the sequencer takes new transactions: it is up to L1 and does not only follow.
    pub(crate) fn accepts(&self) -> bool {
        self.is_level() && !self.config.follow
    }

    /// Returns the index below which the settled batches are final.
    pub(crate) fn final_below(&self) -> u64 {
        self.final_below.load(Ordering::SeqCst)
    }

    /// Sets the index below which the settled batches are final.
    pub(crate) fn set_final_below(&self, index: u64) {
        self.final_below.store(index, Ordering::SeqCst);
    }

    /// Makes the token of one proof. [`Node::interrupt_proof`] and the shutdown cancel it.
    pub(crate) fn begin_proof(&self) -> CancellationToken {
        let token = self.cancel.child_token();
        *self.proof_cancel.lock().expect(POISON) = token.clone();
        token
    }

    /// Cancels the proof under way, if there is one, and holds the gate so that no other begins.
    pub(crate) async fn interrupt_proof(&self) -> tokio::sync::MutexGuard<'_, ()> {
        loop {
            // Repeated, because a proof may begin between the cancelling and the waiting.
            self.proof_cancel.lock().expect(POISON).cancel();
            let gate = tokio::time::timeout(INTERRUPT, self.prove_gate.lock()).await;
            if let Ok(gate) = gate {
                return gate;
            }
        }
    }

    /// Halts the pipeline because the store failed.
    pub(crate) fn halt_on_store(&self, error: &StoreError) {
        self.health.halt(Halt::Store {
            detail: error.to_string(),
        });
    }

    /// Tells all listeners of a change of a batch.
    pub(crate) fn emit(&self, index: u64, kind: BatchEventKind) {
        // A proof changes nothing for a reader of batches.
        if kind != BatchEventKind::Proven {
            self.versions.send_modify(|version| *version += 1);
        }
        // It fails only if there are no listeners.
        let _ = self.events.send(BatchEvent { index, kind });
    }

    /// Whether a transaction with this digest was accepted before. A displaced leg counts as new: a
    /// leg made again from the same notes may have the same digest.
    pub(crate) fn is_known(&self, digest: &TransactionDigest) -> Result<bool, StoreError> {
        if self.pool().contains(digest) {
            return Ok(true);
        }
        Ok(match self.store.get::<Transactions>(digest)? {
            None => false,
            Some(TransactionRecord::Rejected { reason }) => reason != FinalRejection::Displaced,
            Some(_) => true,
        })
    }

    /// Returns the status of an accepted transaction.
    pub(crate) fn status(
        &self,
        digest: &TransactionDigest,
    ) -> Result<Option<TransactionStatus>, StoreError> {
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

    /// Returns a batch with its stage, and with its proof if `with_proof` is set and it has one.
    pub(crate) fn batch(
        &self,
        index: u64,
        with_proof: bool,
    ) -> Result<Option<BatchView>, StoreError> {
        let Some(record) = self.store.get::<Batches>(&index)? else {
            return Ok(None);
        };
        let stage = self.store.get::<Stages>(&index)?.unwrap_or(Stage::Sealed);
        let proof = if with_proof {
            self.store.get::<Proofs>(&index)?.map(|bytes| bytes.0)
        } else {
            None
        };
        Ok(Some(BatchView {
            index,
            record,
            stage,
            proof,
        }))
    }
}

/// Makes the view of a ledger that admission checks against, after a last batch of this time and
/// these prices.
pub(crate) fn sealed_view(
    ledger: &Ledger,
    assets_root: Fr,
    prices: Prices,
    (time, last_prices): (u64, Fr),
) -> SealedView {
    SealedView {
        state: *ledger.state(),
        anchors: ledger
            .history()
            .leaves()
            .iter()
            .copied()
            .map(Anchor::new)
            .collect(),
        spent: ledger
            .nullifiers()
            .members()
            .map(|(_, value)| Nullifier::of(value))
            .collect(),
        assets_root,
        prices,
        time,
        last_prices,
    }
}
