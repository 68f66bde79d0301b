//! The wallet: one institution's keys, its view of the chain, and a worker that carries operations
//! through.
//!
//! | module | holds |
//! |---|---|
//! | `payments` | payments, withdrawals, claims; deposits, balances and history |
//! | `offers` | firm offers of swaps and of loans: making, accepting, declining, their notes |
//! | `swaps` | requests for quotes, quotes, and swaps as the gateway shows them |
//! | `loans` | proposals, steps, loans as the gateway shows them, and the watch over them |
//! | `operations` | the queue of operations: composing, proving, sending, following |
//! | `mailbox` | sealed messages to and from counterparties |
//! | `news` | the wait for something to read |
//! | `scan` | published batches, and the batches that L1 accepted |
//! | `addresses` | addresses of other parties that the wallet has learnt |
//! | `contact` | comparison of keys and deployment with the sequencer |

mod addresses;
mod assets;
mod contact;
mod loans;
mod mailbox;
mod news;
mod offers;
mod operations;
mod payments;
mod scan;
mod swaps;

#[doc(hidden)]
pub use assets::AssetAmount as Priced;
pub use assets::{AssetAmount, ShownAsset};
pub use loans::{
    LoanOrder,
    view::{LoanLine, MarketLine},
};
pub use operations::idempotency::{IdempotencyKey, Key};
pub use payments::{balances::Balance, history::HistoryLine};
pub use swaps::{
    Inquiry, Occasion, Order,
    view::{QuoteLine, RfqLine},
};

use std::{
    collections::{BTreeSet, HashSet},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use rand::{RngCore as _, rngs::OsRng};
use subrosa_client::Proxy;
use subrosa_clock::Clock;
use subrosa_l1::{Account, L1};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetTree, AuditorKeys},
    element::Nullifier,
    keys::{Network, Seed, SpendKey, ViewingKey},
    market::PriceSnapshot,
};
use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;

use operations::reminders::Reminders;
use payments::deposits::Carried;

use crate::{
    chain::Chain,
    error::WalletError,
    ports::TransactionProver,
    sequencer::SequencerClient,
    store::{State, Store, StoreError},
};

/// Time between two turns of the worker when nothing wakes it.
const POLL: Duration = Duration::from_millis(250);
/// Longest time by which a batch may be older than its L1 block, seconds (spec: *Settlement*).
const TIME_WINDOW: u64 = 3600;
/// Attempts at an operation whose transaction became stale (asset root or anchor).
const MAX_ATTEMPTS: usize = 5;

/// Settings of a wallet.
#[derive(Debug, Clone)]
pub struct WalletConfig {
    /// Directory of the wallet's state; created if absent.
    pub directory: PathBuf,
    /// Address prefix.
    pub network: Network,
    /// Base URL of the sequencer.
    pub sequencer: String,
    /// Proxy through which the sequencer is reached, and in no other way.
    pub proxy: Option<Proxy>,
    /// Fee to offer, base units of the fee asset. The wallet pays the sequencer's minimum if that
    /// is higher.
    pub fee: u128,
    /// Actions that the wallet takes without being asked.
    pub watch: Watch,
}

/// Actions that a wallet takes without being asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watch {
    /// Liquidates loans that the institution has given, as soon as the rules allow it.
    pub liquidate: bool,
}

/// The changing part of a wallet.
struct Inner {
    chain: Chain,
    assets: AssetTree,
    shown: Vec<ShownAsset>,
    /// Every key that auditors of the assets have and had. Old payments open only with old keys.
    auditors: AuditorKeys,
    /// Roots of asset trees that L1 had when all keys were read.
    known_roots: BTreeSet<Fr>,
    /// Batches before this one had settled when all keys were read.
    keys_below: u64,
    state: State,
    /// Highest batch that L1 accepted and that equals ours.
    settled: u64,
    /// Times in a row that neither the sequencer nor L1 had our last batch.
    absent: u32,
    /// Latest price snapshot that the wallet adopted from the sequencer.
    snapshot: Option<PriceSnapshot>,
    /// Time of the last request for the snapshot.
    snapshot_asked: Option<Duration>,
    /// Earliest time that a batch accepted from now on can have. Valid only when all batches that
    /// L1 accepted are applied.
    l1_time: u64,
    /// Nullifiers of the transaction that is being proven. Its notes are reserved meanwhile.
    proving: HashSet<Nullifier>,
    /// Transactions that no batch includes yet.
    reminders: Reminders,
    /// Whether the last attempt to store the state failed. Nothing is sent until it is stored.
    unsaved: bool,
}

/// One institution's wallet.
pub struct Wallet {
    spend: SpendKey,
    keys: ViewingKey,
    network: Network,
    /// Configured fee; [`Wallet::fee`] is the fee to pay.
    offered_fee: u128,
    watch: Watch,
    /// Word 0 of every transaction.
    context: Fr,
    fee_asset: AssetId,
    /// The sequencer's smallest fee, known once its keys and deployment were compared with ours.
    min_fee: OnceLock<u128>,
    client: SequencerClient,
    l1: Arc<dyn L1>,
    account: Account,
    prover: Arc<dyn TransactionProver>,
    clock: Arc<dyn Clock>,
    store: Store,
    inner: Mutex<Inner>,
    /// Deposits that tasks of this process carry to L1.
    carried: Carried,
    ear: news::Ear,
    wake: Notify,
    mail: Notify,
    heights: watch::Sender<u64>,
    events: watch::Sender<u64>,
    turns: watch::Sender<u64>,
}

impl std::fmt::Debug for Wallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wallet")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Wallet {
    /// Opens the wallet of `seed`: reads its state, and compares deployment and transaction key
    /// with the sequencer and L1. Scanning starts with [`Wallet::run`].
    ///
    /// The sequencer may be unreachable. The wallet then compares at the first contact, before it
    /// makes a proof.
    ///
    /// # Errors
    /// [`WalletError`] if the state or L1 cannot be read, if sequencer and L1 serve different
    /// deployments, or if the sequencer verifies with another transaction key.
    pub async fn open(
        config: WalletConfig,
        seed: &Seed,
        l1: Arc<dyn L1>,
        account: Account,
        prover: Arc<dyn TransactionProver>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, WalletError> {
        std::fs::create_dir_all(&config.directory).map_err(|source| StoreError::Io {
            path: config.directory.clone(),
            source,
        })?;
        let store = Store::new(&config.directory, seed);
        let state = store.load()?;
        let view = l1.rollup().await?;
        let keys = ViewingKey::from_seed(seed);
        let mut chain = Chain::new(keys.clone(), view.context);
        offers::expect_deliveries(&mut chain, &state);
        let events = watch::Sender::new(state.book.events().last());
        if let Some(last) = state.next_deposit.checked_sub(1) {
            chain.expect_deposit(last);
        }
        let wallet = Arc::new(Self {
            spend: SpendKey::from_seed(seed),
            keys,
            network: config.network,
            offered_fee: config.fee,
            watch: config.watch,
            context: view.context,
            fee_asset: view.fee_asset,
            min_fee: OnceLock::new(),
            client: SequencerClient::new(&config.sequencer, config.proxy)?,
            l1,
            account,
            prover,
            clock,
            store,
            inner: Mutex::new(Inner {
                chain,
                assets: AssetTree::new(),
                shown: Vec::new(),
                auditors: AuditorKeys::default(),
                known_roots: BTreeSet::new(),
                keys_below: 0,
                state,
                settled: 0,
                absent: 0,
                snapshot: None,
                snapshot_asked: None,
                l1_time: 0,
                proving: HashSet::new(),
                reminders: Reminders::default(),
                unsaved: false,
            }),
            carried: Carried::default(),
            ear: news::Ear::default(),
            wake: Notify::new(),
            mail: Notify::new(),
            heights: watch::Sender::new(0),
            events,
            turns: watch::Sender::new(0),
        });
        match wallet.meet_sequencer().await {
            Err(WalletError::Sequencer(error)) if error.is_transient() => {
                tracing::warn!("the wallet starts without its sequencer: {error}");
            }
            met => met?,
        }
        wallet.refresh_assets().await?;
        wallet.resolve_deposits().await?;
        Ok(wallet)
    }

    /// Returns the institution's address, with its network's prefix.
    #[must_use]
    pub fn address(&self) -> String {
        self.keys.address().encode(self.network)
    }

    /// Returns the institution's L1 account.
    #[must_use]
    pub fn account(&self) -> [u8; 20] {
        self.account.address().into_array()
    }

    /// Follows the index of the next batch to apply.
    #[must_use]
    pub fn heights(&self) -> watch::Receiver<u64> {
        self.heights.subscribe()
    }

    /// Follows the number of turns that the worker has finished since the start.
    ///
    /// A turn reads the chain and moves every operation as far as it goes. The next turn begins
    /// when a request wakes the worker, or when the clock has moved on by 250 ms.
    #[must_use]
    pub fn turns(&self) -> watch::Receiver<u64> {
        self.turns.subscribe()
    }

    /// Scans the chain, carries operations through and exchanges messages until cancelled.
    ///
    /// Transient failures are logged, and the next turn tries again. Messages do not wait for
    /// proofs.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mail = async {
            // The task ends early only by a panic, which must not end all correspondence.
            while !stop.is_cancelled() {
                let mail = tokio::spawn(Arc::clone(&self).correspond(stop.clone()));
                if mail.await.is_err() {
                    tracing::error!("the exchange of messages panicked and starts again");
                    self.clock.sleep(POLL).await;
                }
            }
        };
        tokio::join!(
            Arc::clone(&self).work(stop.clone()),
            Arc::clone(&self).listen(stop.clone()),
            mail
        );
    }

    async fn work(self: Arc<Self>, stop: CancellationToken) {
        let mut failing = None;
        while !stop.is_cancelled() {
            match self.turn().await {
                Ok(()) => failing = None,
                Err(error) => {
                    self.ear.missed();
                    let (code, _, retryable) = error.classify();
                    if failing.replace(code) == Some(code) {
                        tracing::debug!(code, retryable, "the wallet's turn ended early: {error}");
                    } else {
                        tracing::warn!(code, retryable, "the wallet's turn ended early: {error}");
                    }
                }
            }
            // The wait begins before the turn is announced: whoever saw the announcement and then
            // moves a virtual clock wakes the worker.
            let pause = self.clock.sleep(POLL);
            self.turns.send_modify(|turns| *turns += 1);
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = pause => {}
            }
        }
    }

    async fn turn(self: &Arc<Self>) -> Result<(), WalletError> {
        // Deposits need L1 alone.
        self.resume_deposits().await;
        if let Err(error) = self.meet_sequencer().await {
            if matches!(error, WalletError::KeyMismatch { .. }) {
                self.fail_queued(&error.failure()).await?;
            }
            return Err(error);
        }
        let news = self.ear.batches(self.clock.now());
        if news {
            self.read_batches().await?;
        }
        let level = self.confirm().await?;
        if self.ear.prices(self.clock.now(), news) {
            self.refresh_prices().await;
        }
        if !level {
            // A payment that seems open may have settled in a batch that the sequencer does not
            // show yet: nothing is sent again or made again until the wallet has read it.
            return Ok(());
        }
        self.follow().await?;
        self.watch_loans().await?;
        self.remind().await?;
        for id in self.to_submit().await {
            self.submit(&id).await?;
        }
        self.prepare_quotes().await?;
        // Each queued operation gets one attempt per turn. An operation that waits for notes
        // therefore does not block operations that need none of them.
        for id in self.to_prove().await {
            if self.prove(&id).await? {
                self.submit(&id).await?;
            }
        }
        Ok(())
    }

    /// Stores the state, and publishes events about what changed in it.
    fn save(&self, inner: &mut Inner) -> Result<(), WalletError> {
        inner.unsaved = true;
        let state = &mut inner.state;
        state.book.publish(&state.operations, self.now());
        self.store.save(state)?;
        inner.unsaved = false;
        self.events.send_replace(inner.state.book.events().last());
        Ok(())
    }

    /// Returns the time in Unix seconds.
    fn now(&self) -> u64 {
        self.clock.unix()
    }

    /// Returns the fee to pay, base units of the fee asset. It is the configured fee until the
    /// sequencer's minimum is known.
    fn fee(&self) -> u128 {
        let min = self.min_fee.get().copied().unwrap_or(0);
        self.offered_fee.max(min)
    }
}

/// Returns a fresh id of an operation: 32 hex digits.
fn new_id() -> String {
    let mut bytes = [0u8; 16];
    OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// Parses an L1 account: 20 bytes of hex, with or without 0x.
pub(crate) fn parse_account(text: &str) -> Result<[u8; 20], hex::FromHexError> {
    let mut out = [0u8; 20];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut out)?;
    Ok(out)
}
