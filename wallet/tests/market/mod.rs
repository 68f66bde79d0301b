//! A market for tests: a ledger with a sequencer's HTTP interface and L1's view of it, in memory.
//!
//! It seals transactions as they arrive, legs of a swap side by side, and checks every transaction
//! natively in place of proofs. Market and wallets share a virtual clock: time passes only by
//! [`Market::tick`].

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy_primitives::B256;
use ark_ed_on_bn254::EdwardsAffine;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, Query, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use subrosa_client::{
    GatewayClient, Method, Proxy, RequestBuilder,
    sequencer::{
        BatchBody, BatchesBody, InfoBody, MessageBody, MessagesBody, NewsBody, OracleBody,
        PostedBody, Problem, StateBody, TransactionBody,
    },
};
use subrosa_clock::{Clock as _, VirtualClock};
use subrosa_l1::{
    Accepted, Account, Block, Cancellation, ClaimReceipt, Contracts, DepositName, DepositReceipt,
    DepositTerms, Head, L1, L1Error, OracleLog, QueuedDeposit, Receipt, Recorded, RollupView,
    SettledBatch, Settlement, Tag, TakeBack, TokenMetadata, Validity, transactions::Status,
};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AssetTree, AuditorKeys},
    batch::{PublishedBatch, Shape, data_commitment},
    element::{Anchor, TransactionDigest},
    encoding::fr_to_hex,
    keys::{Network, Seed, ViewingKey, unaudited},
    ledger::{BatchInput, Config, Deposit, Ledger, completes},
    market::{MARKETS, Market as Margins, Markets, Price, PriceSnapshot},
    message::MESSAGE_LEN,
    proof::ProofBytes,
    transaction::{Context, Kind, Submission, Transaction},
};
use subrosa_transaction::{Witness, Words};
use subrosa_wallet::{
    Gateway, Token, Wallet, WalletConfig, WalletError, Watch, amount, ports::TransactionProver,
};
use tokio::sync::watch;

pub(crate) const FEE: u128 = 1_000;
pub(crate) const DOLLAR: usize = 0;
pub(crate) const GOLD: usize = 1;
/// Registered later, if at all.
#[allow(dead_code, reason = "each test binary uses a part of this module")]
pub(crate) const EURO: usize = 2;
pub(crate) const SYMBOLS: [&str; 3] = ["dUSD", "dXAU", "dEUR"];
pub(crate) const DECIMALS: [u8; 3] = [6, 18, 6];

/// Hash of the transaction key that wallets prove with.
pub(crate) const KEY: u8 = 7;
/// Time between two turns of a wallet.
const TURN: Duration = Duration::from_millis(250);

struct Floor {
    ledger: Ledger,
    published: Vec<(PublishedBatch, Fr)>,
    lone: Vec<Transaction>,
    legs: Vec<Transaction>,
    taken: Vec<(u64, Transaction)>,
    messages: Vec<Vec<u8>>,
    refused: HashMap<String, (&'static str, u64)>,
    /// Digests of the accepted transactions.
    known: HashSet<String>,
    /// Accepted transactions that wait for a batch while none is made.
    waiting: Vec<Transaction>,
    queued: u64,
    snapshot: Option<PriceSnapshot>,
    /// Terms of every asset's deposits.
    deposits: DepositTerms,
}

/// A request, as the sequencer sees it.
#[derive(Clone)]
pub(crate) struct Seen {
    /// Number of the address that it was sent to.
    pub(crate) door: usize,
    /// Time since the start.
    pub(crate) at: Duration,
    /// Unix seconds.
    pub(crate) time: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Market {
    floor: Mutex<Floor>,
    assets: Mutex<AssetTree>,
    auditors: Mutex<AuditorKeys>,
    context: Fr,
    /// Whether the next leg is refused with `unknown_anchor`.
    pub(crate) refuse_leg: AtomicBool,
    /// Whether the mailbox accepts messages.
    pub(crate) mailbox: AtomicBool,
    /// Seconds by which L1's clock is ahead.
    pub(crate) ahead: AtomicU64,
    /// Whether wallets opened from now on liquidate by themselves.
    pub(crate) watch: AtomicBool,
    /// Whether the sequencer answers the question for its keys.
    pub(crate) reachable: AtomicBool,
    /// Whether the sequencer takes transactions.
    pub(crate) admits: AtomicBool,
    /// Whether the sequencer makes batches.
    pub(crate) seals: AtomicBool,
    /// Proxy of wallets opened from now on.
    pub(crate) proxy: Mutex<Option<Proxy>>,
    /// Whether the sequencer tells news.
    pub(crate) newsy: AtomicBool,
    /// Requests, in order.
    seen: Mutex<Vec<Seen>>,
    /// Whether proofs verify under the wallets' own key.
    pub(crate) verifies: AtomicBool,
    /// Batches that the sequencer shows at most.
    pub(crate) shown: AtomicU64,
    /// Batches that L1 has accepted at most.
    pub(crate) settled: AtomicU64,
    /// Whether the sequencer shows another last batch, once.
    pub(crate) forged: AtomicBool,
    /// Each byte of the hash of the sequencer's transaction key.
    pub(crate) key: AtomicU8,
    pub(crate) clock: VirtualClock,
    /// Numbers of turns of the open wallets, by a number of their own.
    turns: Mutex<HashMap<u64, watch::Receiver<u64>>>,
    opened: AtomicU64,
}

/// Returns an asset as it is registered. Deposits of the second one publish the owner of their
/// note.
fn registered(asset: usize) -> AssetInfo {
    AssetInfo {
        id: AssetId(asset as u16),
        token: [asset as u8 + 1; 20],
        flags: u8::from(asset == GOLD) * AssetInfo::NAMED_DEPOSITS,
        auditor: unaudited(),
        stop: Default::default(),
    }
}

impl Market {
    /// Queues a deposit and consumes it.
    fn queue(&self, asset: AssetId, amount: u128, inner: Fr) -> Result<DepositReceipt, L1Error> {
        let deposit = Deposit {
            asset,
            value: amount - self.floor().deposits.fee,
            inner,
        };
        let mut floor = self.floor();
        self.seal(&mut floor, vec![], vec![deposit]);
        floor.queued += 1;
        Ok(DepositReceipt {
            index: floor.queued - 1,
            credited: deposit.value,
            fee: amount - deposit.value,
            tx: [1; 32],
        })
    }

    fn assets(&self) -> AssetTree {
        self.assets.lock().unwrap().clone()
    }

    /// Registers the third asset on L1.
    pub(crate) fn register_euro(&self) {
        self.register(registered(EURO));
    }

    /// Replaces an asset's auditor on L1.
    pub(crate) fn rotate(&self, asset: usize, auditor: EdwardsAffine) {
        self.register(AssetInfo {
            auditor,
            ..registered(asset)
        });
    }

    fn register(&self, info: AssetInfo) {
        self.assets.lock().unwrap().insert(info);
        let mut auditors = self.auditors.lock().unwrap();
        auditors.rotate(info.id, info.auditor);
    }

    pub(crate) async fn open() -> (Arc<Self>, String) {
        let assets: AssetTree = [DOLLAR, GOLD].map(registered).into_iter().collect();
        let context = Context {
            chain_id: 31337,
            rollup: [7; 20],
        };
        let market = Arc::new(Self {
            floor: Mutex::new(Floor {
                ledger: Ledger::new(),
                published: Vec::new(),
                lone: Vec::new(),
                legs: Vec::new(),
                taken: Vec::new(),
                messages: Vec::new(),
                refused: HashMap::new(),
                known: HashSet::new(),
                waiting: Vec::new(),
                queued: 0,
                snapshot: None,
                deposits: DepositTerms::default(),
            }),
            auditors: Mutex::new(AuditorKeys::from(&assets)),
            assets: Mutex::new(assets),
            context: context.word(),
            refuse_leg: AtomicBool::new(false),
            mailbox: AtomicBool::new(true),
            ahead: AtomicU64::new(0),
            watch: AtomicBool::new(false),
            reachable: AtomicBool::new(true),
            admits: AtomicBool::new(true),
            seals: AtomicBool::new(true),
            proxy: Mutex::new(None),
            newsy: AtomicBool::new(false),
            seen: Mutex::default(),
            verifies: AtomicBool::new(true),
            shown: AtomicU64::new(u64::MAX),
            settled: AtomicU64::new(u64::MAX),
            forged: AtomicBool::new(false),
            key: AtomicU8::new(KEY),
            clock: VirtualClock::new(1_800_000_000),
            turns: Mutex::new(HashMap::new()),
            opened: AtomicU64::new(0),
        });
        let base = market.door(0).await;
        (market, base)
    }

    /// Opens another address of the sequencer and returns its base URL. Requests to it are noted
    /// under its number.
    pub(crate) async fn door(self: &Arc<Self>, number: usize) -> String {
        let market = Arc::clone(self);
        let note = move |request: Request, next: Next| {
            let market = Arc::clone(&market);
            async move { market.note(number, request, next).await }
        };
        let router = Router::new()
            .route("/v1/info", get(info))
            .route("/v1/news", get(news))
            .route("/v1/batches", get(batches))
            .route("/v1/transactions", post(submit))
            .route("/v1/oracle", get(oracle))
            .route("/v1/messages", get(read).post(leave))
            .with_state(Arc::clone(self))
            .layer(from_fn(note));
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        base
    }

    /// Notes everything of a request that the sequencer sees.
    async fn note(&self, door: usize, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let headers = parts.headers.iter().filter(|(name, _)| *name != "host");
        self.seen.lock().unwrap().push(Seen {
            door,
            at: self.clock.now(),
            time: self.now(),
            peer: peer.unwrap().0,
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: headers
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect(),
            body: body.to_vec(),
        });
        next.run(Request::from_parts(parts, body.into())).await
    }

    /// Returns the requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn floor(&self) -> MutexGuard<'_, Floor> {
        self.floor.lock().unwrap()
    }

    /// Returns the time in Unix seconds.
    pub(crate) fn now(&self) -> u64 {
        self.clock.unix()
    }

    /// Lets the time between two turns pass, and waits until every open wallet has finished one.
    pub(crate) async fn tick(&self) {
        let mut turns: Vec<_> = self.turns.lock().unwrap().values().cloned().collect();
        for turns in &mut turns {
            turns.mark_unchanged();
        }
        self.clock.advance(TURN);
        for turns in &mut turns {
            let turn = tokio::time::timeout(Duration::from_secs(60), turns.changed());
            // An error says that the wallet is gone.
            let _ = turn.await.expect("a wallet's turn ends");
        }
    }

    /// Lets a number of turns pass.
    pub(crate) async fn ticks(&self, count: usize) {
        for _ in 0..count {
            self.tick().await;
        }
    }

    /// Leaves bytes in the mailbox.
    pub(crate) fn post(&self, message: Vec<u8>) {
        self.floor().messages.push(message);
    }

    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        self.floor().messages.clone()
    }

    /// Returns the legs that arrived, including unpaired ones.
    pub(crate) fn legs(&self) -> Vec<Transaction> {
        self.floor().legs.clone()
    }

    /// Returns the anchors of all note roots so far with the present prices.
    pub(crate) fn anchors(&self) -> Vec<Anchor> {
        let floor = self.floor();
        let prices = digest_of(floor.snapshot.as_ref());
        let mut ledger = Ledger::new();
        let mut anchors = vec![ledger.state().anchor(&prices)];
        for (published, _) in &floor.published {
            let state = ledger.replay(published, &self.context).unwrap();
            anchors.push(state.anchor(&prices));
        }
        anchors
    }

    /// Sets the terms of every asset's deposits, base units.
    pub(crate) fn set_deposit_terms(&self, minimum: u128, fee: u128) {
        self.floor().deposits = DepositTerms { minimum, fee };
    }

    pub(crate) fn batches(&self) -> usize {
        self.floor().published.len()
    }

    /// Returns the first anchor of the next batch.
    pub(crate) fn next_anchor(&self) -> Anchor {
        let floor = self.floor();
        let prices = digest_of(floor.snapshot.as_ref());
        floor.ledger.state().anchor(&prices)
    }

    /// Returns the time of the last batch, and the snapshot.
    pub(crate) fn public(&self) -> (u64, Option<PriceSnapshot>) {
        let floor = self.floor();
        let last = floor.published.last();
        (
            last.map_or(0, |(batch, _)| batch.header.time),
            floor.snapshot,
        )
    }

    /// Returns the words of a transaction.
    pub(crate) fn words(&self, transaction: &Transaction) -> Words {
        transaction.words(&self.context)
    }

    /// Takes a snapshot of `ago` seconds ago, and returns its time. A unit of gold is worth `cents`
    /// cents; gold secures dollars in market 2.
    pub(crate) fn price_gold(&self, cents: u128, ago: u64) -> u64 {
        let time = self.now() - ago;
        let mut snapshot = PriceSnapshot {
            time,
            markets: Markets::default(),
            previous: time - 60,
            prices: [Price::default(); MARKETS],
        };
        snapshot.markets.0[2] = Some(Margins {
            collateral: AssetId(1),
            debt: AssetId(0),
            haircut: 500,
            initial: 12_500,
            maintenance: 11_000,
            bonus: 500,
            max_age: 3_600,
        });
        snapshot.prices[2] = Price::flat(cents * 10_000);
        let mut floor = self.floor();
        floor.snapshot = Some(snapshot);
        self.sweep(&mut floor);
        time
    }

    /// Drops the lone legs whose anchor no batch can hold any more.
    fn sweep(&self, floor: &mut Floor) {
        let Floor {
            ledger,
            lone,
            refused,
            snapshot,
            ..
        } = floor;
        let prices = digest_of(snapshot.as_ref());
        lone.retain(|leg| {
            let known = ledger
                .historical(leg, &self.assets().root(), &prices)
                .is_ok();
            if !known {
                let digest = leg.digest(&self.context).to_string();
                refused.insert(digest, ("unknown_anchor", 0));
            }
            known
        });
    }

    fn seal(&self, floor: &mut Floor, transactions: Vec<Transaction>, deposits: Vec<Deposit>) {
        let input = BatchInput {
            shape: Shape::S4,
            time: self.now(),
            fee_recipient: [3; 20],
            assets_root: self.assets().root(),
            prices: digest_of(floor.snapshot.as_ref()),
            transactions,
            deposits,
        };
        let config = Config {
            context: self.context,
            fee_asset: AssetId(0),
            min_fee: FEE,
        };
        let witness = floor.ledger.execute(input, &config).unwrap();
        let state = floor.ledger.state().commitment();
        floor.published.push((witness.published().unwrap(), state));
    }

    /// Returns all accepted transactions, each with its time.
    pub(crate) fn taken(&self) -> Vec<(u64, Transaction)> {
        self.floor().taken.clone()
    }

    /// Makes batches of the accepted transactions that wait.
    pub(crate) fn seal_waiting(&self) {
        let mut floor = self.floor();
        for transaction in std::mem::take(&mut floor.waiting) {
            self.seal(&mut floor, vec![transaction], vec![]);
        }
    }

    /// Loses the accepted transactions that wait.
    pub(crate) fn lose_waiting(&self) {
        let mut floor = self.floor();
        for transaction in std::mem::take(&mut floor.waiting) {
            let digest = transaction.digest(&self.context).to_string();
            floor.known.remove(&digest);
        }
    }

    /// Returns the state of an accepted transaction, and the code if it is rejected.
    fn status(&self, digest: &str) -> (&'static str, Option<&'static str>) {
        let mut floor = self.floor();
        let over = floor.refused.get(digest).copied();
        match over.filter(|(_, expiry)| *expiry < self.now()) {
            Some(("expired", _)) => {
                floor.lone.retain(|lone| lone.header.expiry >= self.now());
                ("expired", None)
            }
            Some((code, _)) => ("rejected", Some(code)),
            None => ("pending", None),
        }
    }

    fn admit(&self, transaction: Transaction) -> Result<(), &'static str> {
        let mut floor = self.floor();
        let digest = transaction.digest(&self.context).to_string();
        if floor.known.contains(&digest) {
            return Ok(());
        }
        let nullifiers = floor.ledger.nullifiers();
        if transaction
            .nullifiers
            .iter()
            .any(|nf| nullifiers.contains(nf))
        {
            return Err("nullifier_spent");
        }
        let prices = digest_of(floor.snapshot.as_ref());
        let root = self.assets().root();
        let known = floor.ledger.historical(&transaction, &root, &prices);
        if known.is_err() {
            return Err("unknown_anchor");
        }
        floor.taken.push((self.now(), transaction.clone()));
        if transaction.header.kind.side().is_none() {
            floor.known.insert(digest);
            if self.seals.load(Ordering::Relaxed) {
                self.seal(&mut floor, vec![transaction], vec![]);
            } else {
                floor.waiting.push(transaction);
            }
            return Ok(());
        }
        if !floor.legs.contains(&transaction) {
            floor.legs.push(transaction.clone());
        }
        if self.refuse_leg.swap(false, Ordering::Relaxed) {
            return Err("unknown_anchor");
        }
        floor.known.insert(digest);
        let beside = floor
            .lone
            .iter()
            .position(|lone| completes(lone, &transaction) || completes(&transaction, lone));
        match beside {
            Some(at) => {
                let lone = floor.lone.remove(at);
                let met = lone.digest(&self.context).to_string();
                floor.refused.remove(&met);
                let pair = if lone.header.kind == Kind::SwapA {
                    vec![lone, transaction]
                } else {
                    vec![transaction, lone]
                };
                self.seal(&mut floor, pair, vec![]);
            }
            None => {
                let digest = transaction.digest(&self.context).to_string();
                floor
                    .refused
                    .insert(digest, ("expired", transaction.header.expiry));
                floor.lone.push(transaction);
            }
        }
        Ok(())
    }
}

fn hex0x(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

type Shared = State<Arc<Market>>;

/// Returns the digest of a snapshot; 0 without one.
fn digest_of(snapshot: Option<&PriceSnapshot>) -> Fr {
    snapshot.map_or(Fr::from(0u64), PriceSnapshot::digest)
}

/// Answer of an unsuccessful request, as far as a wallet reads it.
fn problem(status: StatusCode, code: &str, retryable: bool) -> Response {
    let body = Problem {
        kind: format!("urn:subrosa:error:{code}"),
        title: code.to_owned(),
        status: status.as_u16(),
        detail: String::new(),
        code: code.to_owned(),
        rule: None,
        retryable,
    };
    (status, Json(body)).into_response()
}

async fn oracle(State(market): Shared) -> Response {
    match &market.floor().snapshot {
        Some(snapshot) => Json(OracleBody::from(snapshot)).into_response(),
        None => problem(StatusCode::NOT_FOUND, "not_found", false),
    }
}

async fn info(State(market): Shared) -> Response {
    if !market.reachable.load(Ordering::Relaxed) {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "stopping", true);
    }
    let floor = market.floor();
    let body = InfoBody {
        chain_id: 31337,
        rollup: hex0x(&[7; 20]),
        vault: hex0x(&[8; 20]),
        context: fr_to_hex(&market.context),
        fee_asset: 0,
        min_fee: FEE.to_string(),
        shapes: vec![Shape::S4.slots()],
        transaction_key_hash: hex0x(&[market.key.load(Ordering::Relaxed); 32]),
        assets_root: fr_to_hex(&market.assets().root()),
        state: StateBody::from(floor.ledger.state()),
        settled_below: floor.published.len() as u64 + 1,
    };
    Json(body).into_response()
}

async fn batches(
    State(market): Shared,
    Query(query): Query<HashMap<String, u64>>,
) -> Json<BatchesBody> {
    let floor = market.floor();
    let from = query["from"].max(1) as usize;
    let last = floor.published.len();
    let forged = from == last && market.forged.swap(false, Ordering::Relaxed);
    let shown = market.shown.load(Ordering::Relaxed);
    let end = if forged {
        last as u64
    } else {
        shown.min(last as u64)
    };
    let head = end + 1;
    let batches = (from..=end as usize).map(|index| {
        let (published, new_state) = &floor.published[if forged { 0 } else { index - 1 }];
        BatchBody {
            index: index as u64,
            status: "settled".to_owned(),
            shape: Shape::S4.slots(),
            time: 0,
            transactions: Vec::new(),
            published: hex0x(&published.to_bytes()),
            commitment: fr_to_hex(&data_commitment(&published.words())),
            old_state: String::new(),
            new_state: fr_to_hex(new_state),
            l1_transaction: None,
        }
    });
    Json(BatchesBody {
        batches: batches.collect(),
        next: head.max(from as u64),
        head,
    })
}

async fn submit(State(market): Shared, body: Bytes) -> Response {
    let submission = Submission::from_bytes(&body).unwrap();
    let digest = submission.transaction.digest(&market.context);
    if !market.admits.load(Ordering::Relaxed) {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "stopping", true);
    }
    match market.admit(submission.transaction) {
        Ok(()) => {
            let (status, code) = market.status(&digest.to_string());
            let accepted = TransactionBody {
                code: code.map(ToOwned::to_owned),
                ..TransactionBody::new(&digest, status)
            };
            (StatusCode::ACCEPTED, Json(accepted)).into_response()
        }
        Err(code) => problem(StatusCode::CONFLICT, code, false),
    }
}

/// Answers when there is something newer than the version, or after the seconds to wait.
async fn news(State(market): Shared, Query(query): Query<HashMap<String, String>>) -> Response {
    if !market.newsy.load(Ordering::Relaxed) {
        return problem(StatusCode::NOT_FOUND, "not_found", false);
    }
    let until = market.clock.now() + Duration::from_secs(query["wait"].parse().unwrap());
    loop {
        let (version, head, messages) = {
            let floor = market.floor();
            let (batches, messages) = (floor.published.len() as u64, floor.messages.len() as u64);
            let prices = digest_of(floor.snapshot.as_ref());
            let version = format!("{batches}-{messages}-{}", fr_to_hex(&prices));
            (version, batches + 1, messages)
        };
        if query.get("since") != Some(&version) || market.clock.now() >= until {
            let body = NewsBody {
                version,
                head,
                messages,
                work: 0,
            };
            return Json(body).into_response();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn leave(State(market): Shared, body: Bytes) -> Response {
    if !market.mailbox.load(Ordering::Relaxed) {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "mailbox_full", true);
    }
    assert_eq!(body.len(), MESSAGE_LEN);
    let mut floor = market.floor();
    if !floor.messages.contains(&body.to_vec()) {
        floor.messages.push(body.to_vec());
    }
    let posted = PostedBody {
        expires: market.now() + 3_600,
    };
    (StatusCode::ACCEPTED, Json(posted)).into_response()
}

async fn read(
    State(market): Shared,
    Query(query): Query<HashMap<String, u64>>,
) -> Json<MessagesBody> {
    let floor = market.floor();
    let head = floor.messages.len() as u64;
    let from = query["from"].min(head);
    let next = (from + query["limit"]).min(head);
    let messages = (from..next).map(|sequence| MessageBody {
        sequence,
        message: hex0x(&floor.messages[sequence as usize]),
    });
    Json(MessagesBody {
        messages: messages.collect(),
        next,
        head,
    })
}

fn never<T>() -> Result<T, L1Error> {
    Err(L1Error::Protocol("wallets do not ask for it".into()))
}

/// L1's view: every sealed batch is settled.
#[async_trait::async_trait]
impl L1 for Market {
    fn forget_accepted(&self, _: u64) {}

    async fn chain_id(&self) -> Result<u64, L1Error> {
        Ok(31337)
    }
    async fn head(&self) -> Result<Head, L1Error> {
        Ok(Head {
            number: 1,
            timestamp: self.now() + self.ahead.load(Ordering::Relaxed),
        })
    }
    async fn final_batches(&self) -> Result<Option<u64>, L1Error> {
        Ok(None)
    }
    fn contracts(&self) -> Contracts {
        let none = alloy_primitives::Address::ZERO;
        Contracts {
            rollup: none,
            vault: none,
            registry: none,
            deployed_at: 0,
        }
    }
    async fn block(&self, _: Tag) -> Result<Option<Block>, L1Error> {
        never()
    }
    async fn rollup_at(&self, _: &Block) -> Result<RollupView, L1Error> {
        never()
    }
    async fn history(&self, _: u64, _: u64) -> Result<Vec<Recorded>, L1Error> {
        never()
    }
    async fn submission(&self, _: &Recorded) -> Result<subrosa_l1::Submission, L1Error> {
        never()
    }
    async fn rollup(&self) -> Result<RollupView, L1Error> {
        let head = self.head().await?;
        let floor = self.floor();
        let state = floor.ledger.state();
        Ok(RollupView {
            block: Block {
                number: head.number,
                hash: B256::repeat_byte(1),
                parent: B256::ZERO,
                timestamp: head.timestamp,
            },
            state: state.commitment(),
            batch_index: {
                let settled = self.settled.load(Ordering::Relaxed);
                state.batch_index.min(settled.saturating_add(1))
            },
            deposit_count: state.deposit_count,
            queued_deposits: floor.queued,
            assets_root: self.assets().root(),
            context: self.context,
            fee_asset: AssetId(0),
            last_time: 0,
            data_chain: [0; 32],
            shapes: vec![Shape::S4],
        })
    }
    async fn deposits(&self, _: u64, _: u64) -> Result<Vec<QueuedDeposit>, L1Error> {
        Ok(Vec::new())
    }
    async fn take_backs(&self, _: u64, _: u64) -> Result<Vec<TakeBack>, L1Error> {
        Ok(Vec::new())
    }
    async fn deposits_mined(&self, _: u64) -> Result<u64, L1Error> {
        Ok(self.floor().queued)
    }
    async fn assets(&self) -> Result<Vec<AssetInfo>, L1Error> {
        Ok(self.assets().iter().copied().collect())
    }
    async fn auditors(&self) -> Result<AuditorKeys, L1Error> {
        Ok(self.auditors.lock().unwrap().clone())
    }
    async fn settle(&self, _: &Settlement) -> Result<Receipt, L1Error> {
        never()
    }
    async fn cancel_settlement(&self, _: u64, _: &Fr) -> Result<Cancellation, L1Error> {
        never()
    }
    async fn transactions(&self) -> Result<watch::Receiver<Status>, L1Error> {
        never()
    }
    async fn accepted(&self, index: u64) -> Result<Option<Accepted>, L1Error> {
        let floor = self.floor();
        let batch = floor.published.get(index as usize - 1);
        Ok(batch.map(|(published, new_state)| Accepted {
            new_state: *new_state,
            data_commitment: data_commitment(&published.words()),
            tx: [0; 32],
        }))
    }
    async fn settled_batch(&self, _: u64) -> Result<Option<SettledBatch>, L1Error> {
        never()
    }
    async fn deposit_terms(&self, _: AssetId) -> Result<DepositTerms, L1Error> {
        Ok(self.floor().deposits)
    }
    async fn deposit(
        &self,
        _: &Account,
        asset: AssetId,
        amount: u128,
        inner: &Fr,
    ) -> Result<DepositReceipt, L1Error> {
        let info = self.assets().get(asset).copied();
        assert!(!info.unwrap().names_deposits(), "OwnerNotNamed");
        self.queue(asset, amount, *inner)
    }
    async fn deposit_named(
        &self,
        _: &Account,
        asset: AssetId,
        amount: u128,
        name: &DepositName,
    ) -> Result<DepositReceipt, L1Error> {
        let info = self.assets().get(asset).copied();
        assert!(info.unwrap().names_deposits(), "named without need");
        self.queue(asset, amount, name.inner())
    }
    async fn claim(
        &self,
        _: &Account,
        _: AssetId,
        _: Option<&str>,
    ) -> Result<ClaimReceipt, L1Error> {
        never()
    }
    async fn claimable(&self, _: [u8; 20], _: AssetId) -> Result<u128, L1Error> {
        Ok(0)
    }
    async fn token_balance(&self, _: [u8; 20], _: AssetId) -> Result<u128, L1Error> {
        Ok(0)
    }
    async fn token_metadata(&self, asset: AssetId) -> Result<TokenMetadata, L1Error> {
        let asset = usize::from(asset.0);
        Ok(TokenMetadata {
            symbol: SYMBOLS[asset].into(),
            decimals: DECIMALS[asset],
        })
    }
    async fn snapshot(&self) -> Result<Option<PriceSnapshot>, L1Error> {
        Ok(self.floor().snapshot)
    }
    async fn oracle_log(&self, _: u64) -> Result<OracleLog, L1Error> {
        never()
    }
    async fn snapshot_validity(&self, digest: &Fr) -> Result<Option<Validity>, L1Error> {
        let snapshot = self.floor().snapshot;
        let taken = snapshot.filter(|snapshot| snapshot.digest() == *digest);
        Ok(taken.map(|snapshot| Validity {
            taken: snapshot.time,
            superseded: None,
        }))
    }
    async fn take_snapshot(&self, _: &Account) -> Result<Receipt, L1Error> {
        never()
    }
}

/// A prover for which the statement's native check stands for its proof.
struct Checked(Arc<Market>);

impl TransactionProver for Checked {
    fn key_hash(&self) -> [u8; 32] {
        [KEY; 32]
    }
    fn prove(&self, words: &Words, witness: &Witness) -> Result<ProofBytes, String> {
        subrosa_transaction::check(witness, words)
            .map(|_| ProofBytes::new([0; 128]))
            .map_err(|rule| format!("{rule:?}"))
    }
    fn verify(&self, _: &TransactionDigest, _: &ProofBytes) -> bool {
        self.0.verifies.load(Ordering::Relaxed)
    }
}

pub(crate) struct Party {
    pub(crate) keys: ViewingKey,
    gateway: Option<Gateway>,
    client: GatewayClient,
    market: Arc<Market>,
    number: u64,
}

impl Party {
    pub(crate) async fn open(
        market: &Arc<Market>,
        sequencer: &str,
        directory: &Path,
        seed: u8,
    ) -> Self {
        let opened = Self::try_open(market, sequencer, directory, seed).await;
        opened.unwrap()
    }

    pub(crate) async fn try_open(
        market: &Arc<Market>,
        sequencer: &str,
        directory: &Path,
        seed: u8,
    ) -> Result<Self, WalletError> {
        let config = WalletConfig {
            directory: directory.to_owned(),
            network: Network::Development,
            sequencer: sequencer.to_owned(),
            proxy: market.proxy.lock().unwrap().clone(),
            fee: FEE,
            watch: Watch {
                liquidate: market.watch.load(Ordering::Relaxed),
            },
        };
        let account = Account::from_bytes([seed; 32]).unwrap();
        let seed = Seed::from_bytes([seed; 32]);
        let l1: Arc<dyn L1> = Arc::clone(market) as _;
        let prover = Arc::new(Checked(Arc::clone(market)));
        let clock = Arc::new(market.clock.clone());
        let wallet = Wallet::open(config, &seed, l1, account, prover, clock).await?;
        let number = market.opened.fetch_add(1, Ordering::Relaxed);
        let turns = wallet.turns();
        market.turns.lock().unwrap().insert(number, turns);
        let token = Token::load_or_create(&directory.join("token")).unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let gateway = Gateway::start(wallet, listen, token.clone()).await.unwrap();
        let base = format!("http://{}", gateway.address);
        Ok(Self {
            keys: ViewingKey::from_seed(&seed),
            gateway: Some(gateway),
            client: GatewayClient::new(&base, token.expose()).unwrap(),
            market: Arc::clone(market),
            number,
        })
    }

    pub(crate) async fn stop(&mut self) {
        self.market.turns.lock().unwrap().remove(&self.number);
        // The gateway would wait for connections that are kept open.
        let base = self.client.base().to_owned();
        self.client = GatewayClient::new(&base, "").unwrap();
        let stopped = self.gateway.take().unwrap().stop();
        tokio::time::timeout(Duration::from_secs(20), stopped)
            .await
            .unwrap();
    }

    pub(crate) fn address(&self) -> String {
        self.keys.address().encode(Network::Development)
    }

    /// Returns the owner id, as the gateway shows counterparties.
    pub(crate) fn owner(&self) -> String {
        self.keys.owner.to_string()
    }

    async fn answer(request: RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(crate) async fn try_get(&self, path: &str) -> (u16, Value) {
        Self::answer(self.client.request(Method::GET, path)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn stream(&self, path: &str, last: Option<u64>) -> subrosa_client::Response {
        let mut request = self.client.request(Method::GET, path);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last.to_string());
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self.client.request(Method::POST, path);
        Self::answer(request.header("Idempotency-Key", key).json(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        Self::answer(self.client.request(Method::POST, path).json(body)).await
    }

    /// Sends a POST that must succeed, and returns the id in the answer.
    pub(crate) async fn start(&self, path: &str, body: &Value) -> String {
        let (status, answer) = self.post(path, body).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn refused(&self, path: &str, body: &Value) -> (u16, String) {
        let (status, answer) = self.post(path, body).await;
        assert!(status >= 400, "{path}: {answer}");
        (status, answer["code"].as_str().unwrap().to_owned())
    }

    /// Waits until the object exists with this status.
    pub(crate) async fn shows(&self, path: &str, wanted: &str) -> Value {
        let mut seen = Value::Null;
        for _ in 0..600 {
            let (status, body) = self.try_get(path).await;
            if status == 200 && body["status"] == wanted {
                return body;
            }
            seen = body;
            self.market.tick().await;
        }
        panic!("{path} does not become {wanted}: {seen}");
    }

    /// Lets the time between two turns pass.
    pub(crate) async fn tick(&self) {
        self.market.tick().await;
    }

    /// Waits until the wallet holds these spendable and pending base units of an asset.
    pub(crate) async fn comes_to_hold(&self, asset: usize, wanted: (u128, u128)) {
        let mut seen = (0, 0);
        for _ in 0..200 {
            seen = self.holds(asset).await;
            if seen == wanted {
                return;
            }
            self.market.tick().await;
        }
        assert_eq!(seen, wanted);
    }

    /// Reads the next part of a stream while time passes.
    pub(crate) async fn chunk(&self, response: &mut subrosa_client::Response) -> String {
        for _ in 0..600 {
            match tokio::time::timeout(Duration::from_millis(20), response.chunk()).await {
                Ok(chunk) => {
                    let bytes = chunk.unwrap().expect("the stream goes on");
                    return String::from_utf8(bytes.to_vec()).unwrap();
                }
                Err(_) => self.market.tick().await,
            }
        }
        panic!("the stream is silent");
    }

    pub(crate) async fn deposit(&self, asset: usize, amount: &str) {
        let body = json!({ "asset": SYMBOLS[asset], "amount": amount });
        let id = self.start("/v1/deposits", &body).await;
        self.shows(&format!("/v1/operations/{id}"), "settled").await;
    }

    /// Returns spendable and pending base units.
    pub(crate) async fn holds(&self, asset: usize) -> (u128, u128) {
        let balances = self.get("/v1/balances").await;
        let line = &balances.as_array().unwrap()[asset];
        let units = |field: &str| match line[field].as_str().unwrap() {
            "0" => 0,
            text => amount::parse(text, DECIMALS[asset]).unwrap(),
        };
        (units("spendable"), units("pending"))
    }
}

pub(crate) fn units(asset: usize, text: &str) -> u128 {
    amount::parse(text, DECIMALS[asset]).unwrap()
}

pub(crate) fn priced(asset: usize, amount: &str) -> Value {
    json!({ "asset": SYMBOLS[asset], "amount": amount })
}

/// Reads a stream up to a number of events.
pub(crate) async fn read_events(
    party: &Party,
    mut response: subrosa_client::Response,
    count: usize,
) -> Vec<(u64, String, Value)> {
    assert_eq!(response.status(), 200);
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        text += &party.chunk(&mut response).await;
    }
    text.split_terminator("\n\n")
        .map(|event| {
            let field = |name: &str| {
                let mut lines = event.lines();
                lines
                    .find_map(|line| line.strip_prefix(name))
                    .unwrap()
                    .trim()
                    .to_owned()
            };
            let data = serde_json::from_str(&field("data:")).unwrap();
            (field("id:").parse().unwrap(), field("event:"), data)
        })
        .collect()
}
