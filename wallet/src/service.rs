//! The wallet: one institution's keys, its view of the chain, and a worker that carries operations
//! through, one after the other.

mod ask;
mod carry;
mod fate;
mod lending;
mod lent;
mod mailbox;
mod prepare;
mod scan;
mod shown;
mod trade;
mod watching;

pub use lending::LoanOrder;
pub use lent::{LoanLine, MarketLine};
pub use shown::{Priced, QuoteLine, RfqLine};
pub use trade::{Inquiry, Occasion, Order};

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ark_ed_on_bn254::EdwardsAffine;
use rand::{RngCore as _, rngs::OsRng};
use subrosa_l1::{Account, L1, TokenMetadata};
use subrosa_protocol::{
    asset::{AssetId, AssetTree},
    keys::{Network, Seed, SpendKey, ViewingKey},
    market::Snapshot,
};
use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    chain::{Chain, MovementKind},
    error::WalletError,
    operation::{Progress, Request},
    ports::TransactionProver,
    sequencer::{Info, SequencerClient},
    store::{State, Store},
};

/// How often the worker looks for new batches when nothing wakes it.
const POLL: Duration = Duration::from_millis(250);
/// How long a transaction stays valid.
const LIFETIME: u64 = 3600;
/// How far a batch's time may lie behind L1's, seconds (specification: *Settlement*).
const TIME_WINDOW: u64 = 3600;
/// How often an operation whose ground moved (a stale asset root or anchor) is composed again.
const MAX_ATTEMPTS: usize = 5;

/// What a wallet needs to start.
#[derive(Debug, Clone)]
pub struct WalletConfig {
    /// Where its state lives; made if absent.
    pub directory: PathBuf,
    /// Address prefix.
    pub network: Network,
    /// Base URL of the sequencer.
    pub sequencer: String,
    /// The fee to offer, base units of the fee asset; at least the sequencer's minimum is paid.
    pub fee: u128,
    /// What it does by itself.
    pub watch: Watch,
}

/// What a wallet does by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watch {
    /// Liquidates loans that the institution has given, as soon as they can be.
    pub liquidate: bool,
}

/// An asset as the wallet shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAsset {
    /// Its id.
    pub id: AssetId,
    /// Symbol and decimals of its token.
    pub token: TokenMetadata,
}

/// What an institution holds of an asset, base units.
#[derive(Clone, PartialEq, Eq)]
pub struct Balance {
    /// The asset.
    pub asset: ShownAsset,
    /// In notes that no operation holds.
    pub spendable: u128,
    /// In notes that open operations hold, as far as it comes back as change.
    pub pending: u128,
    /// On L1, in the institution's account.
    pub on_l1: u128,
    /// In the vault, to be claimed.
    pub claimable: u128,
}

/// One line of history as the gateway shows it.
#[derive(Clone)]
pub struct HistoryLine {
    /// Batch time, Unix seconds.
    pub time: u64,
    /// The batch.
    pub batch: u64,
    /// What it was.
    pub kind: MovementKind,
    /// The asset.
    pub asset: ShownAsset,
    /// Base units.
    pub amount: u128,
    /// Payee's address, or the L1 account.
    pub counterparty: Option<String>,
    /// Memo, shown safely.
    pub memo: Option<String>,
    /// Whether L1 has accepted the batch.
    pub settled: bool,
}

struct Inner {
    chain: Chain,
    assets: AssetTree,
    shown: Vec<ShownAsset>,
    /// Every auditor key seen for any asset, newest last: old payments reopen with old keys.
    auditors: Vec<EdwardsAffine>,
    state: State,
    /// The highest batch that L1 has accepted and we have compared with ours.
    settled: u64,
    /// The latest price snapshot that the sequencer told of.
    snapshot: Option<Snapshot>,
    /// Those before it, newest first: what a counterpart's leg may name.
    earlier: Vec<Snapshot>,
    /// When it was asked.
    priced: Option<Instant>,
    /// No batch of an earlier time than this can be accepted any more; with all that were accepted applied.
    l1_time: u64,
    /// Nullifiers of the transaction that is being proven: nothing else may be made of its notes meanwhile.
    proving: HashSet<[u8; 32]>,
    /// Whether the state could not be stored as it is; nothing of it may leave then.
    unsaved: bool,
}

/// One institution's wallet.
pub struct Wallet {
    spend: SpendKey,
    keys: ViewingKey,
    network: Network,
    fee: u128,
    watch: Watch,
    info: Info,
    client: SequencerClient,
    l1: Arc<dyn L1>,
    account: Account,
    prover: Arc<dyn TransactionProver>,
    store: Store,
    inner: Mutex<Inner>,
    wake: Notify,
    mail: Notify,
    heights: watch::Sender<u64>,
    events: watch::Sender<u64>,
}

impl std::fmt::Debug for Wallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wallet")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

impl Wallet {
    /// Opens the wallet of `seed`: reads its state, asks the sequencer and L1 what deployment they
    /// serve, and compares. Scanning starts with [`Wallet::run`].
    ///
    /// # Errors
    /// [`WalletError`] if state, sequencer or L1 cannot be read or name different deployments.
    pub async fn open(
        config: WalletConfig,
        seed: &Seed,
        l1: Arc<dyn L1>,
        account: Account,
        prover: Arc<dyn TransactionProver>,
    ) -> Result<Arc<Self>, WalletError> {
        std::fs::create_dir_all(&config.directory).map_err(|source| {
            crate::store::StoreError::Io {
                path: config.directory.clone(),
                source,
            }
        })?;
        let store = Store::new(&config.directory, seed);
        let state = store.load()?;
        let client = SequencerClient::new(&config.sequencer)?;
        let info = client.info().await?;
        let view = l1.rollup().await?;
        if view.context != info.context || view.fee_asset != info.fee_asset {
            return Err(WalletError::Chain(
                "sequencer and L1 serve different rollups".into(),
            ));
        }
        let keys = ViewingKey::from_seed(seed);
        let mut chain = Chain::new(keys.clone(), info.context);
        trade::expect_deliveries(&mut chain, &state);
        let events = watch::Sender::new(state.book.events().last());
        if let Some(last) = state.next_deposit.checked_sub(1) {
            chain.expect_deposit(last);
        }
        let wallet = Arc::new(Self {
            spend: SpendKey::from_seed(seed),
            keys,
            network: config.network,
            fee: config.fee.max(info.min_fee),
            watch: config.watch,
            info,
            client,
            l1,
            account,
            prover,
            store,
            inner: Mutex::new(Inner {
                chain,
                assets: AssetTree::new(),
                shown: Vec::new(),
                auditors: Vec::new(),
                state,
                settled: 0,
                snapshot: None,
                earlier: Vec::new(),
                priced: None,
                l1_time: 0,
                proving: HashSet::new(),
                unsaved: false,
            }),
            wake: Notify::new(),
            mail: Notify::new(),
            heights: watch::Sender::new(0),
            events,
        });
        wallet.refresh_assets().await?;
        wallet.resolve_deposits().await?;
        Ok(wallet)
    }

    /// The institution's address, with its network's prefix.
    #[must_use]
    pub fn address(&self) -> String {
        self.keys.address().encode(self.network)
    }

    /// The institution's L1 account.
    #[must_use]
    pub fn account(&self) -> [u8; 20] {
        self.account.address().into_array()
    }

    /// Follows the index of the next batch to apply.
    #[must_use]
    pub fn heights(&self) -> watch::Receiver<u64> {
        self.heights.subscribe()
    }

    /// Scans, carries operations through and corresponds until cancelled. Transient failures are logged and tried
    /// again at the next turn. Messages do not wait for proofs.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mail = async {
            // It ends early only by a defect, which must not end all correspondence.
            while !stop.is_cancelled() {
                let mail = tokio::spawn(Arc::clone(&self).correspond(stop.clone()));
                if mail.await.is_err() {
                    tracing::error!("the correspondence stopped and starts again");
                    tokio::time::sleep(POLL).await;
                }
            }
        };
        tokio::join!(Arc::clone(&self).work(stop.clone()), mail);
    }

    async fn work(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.turn().await {
                let (code, _, retryable) = error.classify();
                tracing::warn!(code, retryable, "the wallet's turn ended early: {error}");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn turn(self: &Arc<Self>) -> Result<(), WalletError> {
        self.sync().await?;
        self.refresh_prices().await;
        self.follow().await?;
        self.watch_loans().await?;
        self.watch_submitted().await?;
        for id in self.to_submit().await {
            self.submit(&id).await?;
        }
        self.prepare_quotes().await?;
        // Each queued operation is tried once a turn, in order, so that a large one which waits for
        // notes does not hold up those that need none of them.
        // Legs come first: their counterparts wait.
        let queued: Vec<String> = {
            let inner = self.inner.lock().await;
            let queued = inner.state.operations.iter().filter(|o| {
                o.progress == Progress::Queued && !matches!(o.request, Request::Deposit { .. })
            });
            let mut queued: Vec<_> = queued.collect();
            queued.sort_by_key(|o| !matches!(o.request, Request::Leg { .. }));
            queued.into_iter().map(|o| o.id.clone()).collect()
        };
        for id in queued {
            if self.prove(&id).await? {
                self.submit(&id).await?;
            }
        }
        Ok(())
    }
}

impl Wallet {
    /// Stores the state, and tells what changed in it.
    fn save(&self, inner: &mut Inner) -> Result<(), WalletError> {
        inner.unsaved = true;
        let state = &mut inner.state;
        state.book.publish(&state.operations, now());
        self.store.save(state)?;
        inner.unsaved = false;
        self.events.send_replace(inner.state.book.events().last());
        Ok(())
    }
}

fn new_id() -> String {
    let mut bytes = [0u8; 16];
    OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// 20 bytes of 0x hex.
pub(crate) fn parse_account(text: &str) -> Result<[u8; 20], hex::FromHexError> {
    let mut out = [0u8; 20];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut out)?;
    Ok(out)
}
