//! Doubles of the sequencer's ports, and a client. They live in the tests only.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures::{FutureExt, future::BoxFuture};
use rand::Rng;
use subrosa_clock::{Clock, SystemClock, VirtualClock};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AssetTree, AuditorKeys, Stop},
    batch::{PublishedBatch, Shape, data_commitment},
    element::{Anchor, NoteCommitment, Nullifier, TransactionDigest},
    encoding::fr_to_bytes,
    encryption::{AuditWords, NOTE_DATA_LEN, NoteData},
    keys::unaudited,
    ledger::{BatchInput, Config as Rules, Deposit, Ledger, State},
    market::{MARKETS, Market, Markets, Price, PriceSnapshot},
    proof::PROOF_LEN,
    swap::Side,
    transaction::{Context, Header, Kind, Transaction, Withdrawal},
};
use subrosa_sequencer::{
    Config, Health, Ports, RunningSequencer, StartError, config::RateConfig, ports::*,
};

pub const CHAIN_ID: u64 = 31337;
pub const ROLLUP: [u8; 20] = [0x11; 20];
pub const MIN_FEE: u128 = 10;

pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub fn context() -> Fr {
    Context {
        chain_id: CHAIN_ID,
        rollup: ROLLUP,
    }
    .word()
}

/// Returns a block whose hash is its number.
fn block(number: u64, timestamp: u64) -> subrosa_l1::Block {
    let hash = |number: u64| {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&number.to_be_bytes());
        bytes.into()
    };
    subrosa_l1::Block {
        number,
        hash: hash(number),
        parent: hash(number.saturating_sub(1)),
        timestamp,
    }
}

pub fn hex0x(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

pub fn hex_fr(x: &Fr) -> String {
    hex0x(&fr_to_bytes(x))
}

/// A fault of the chain double at the next settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It does not answer.
    Unavailable,
    /// It settles the batch, then does not answer.
    LoseReceipt,
    /// It refuses the batch.
    Reject,
    /// It settles the batch with an earlier time, then does not answer, as if an older version of
    /// the batch was still in the L1 node's pool.
    SettleOlderVersion,
    /// It takes the batch into its pool, and mines nothing.
    Wait,
}

#[derive(Debug)]
pub struct ChainState {
    pub state: State,
    /// Deposits with the blocks that hold them.
    pub queue: Vec<(u64, Deposit)>,
    /// From when on, Unix seconds, deposits are taken back, by index.
    pub take_backs: BTreeMap<u64, u64>,
    pub assets: AssetTree,
    /// Assets with earlier auditors, oldest first.
    pub past_assets: Vec<AssetInfo>,
    pub last_time: u64,
    pub settled: Vec<PublishedBatch>,
    /// States after the settled batches.
    pub states: Vec<State>,
    pub ledger: Ledger,
    pub faults: VecDeque<Fault>,
    pub forever: Option<Fault>,
    /// Batches that wait to be mined.
    pub waiting: Vec<Settlement>,
    /// Whether a waiting batch is mined just before it is cancelled.
    pub mines_first: bool,
    /// The assets root that it shows instead of its own.
    pub false_root: Option<Fr>,
    /// Number of times that an event is read wrongly until it is forgotten.
    pub misread: u32,
    /// Data commitments of the batches that were cancelled.
    pub cancelled: Vec<Fr>,
    pub shapes: Vec<Shape>,
    pub time_offset: i64,
    /// Number of the newest block.
    pub block: u64,
    /// Reorganisations: the first replaced block of each.
    pub forks: Vec<u64>,
    /// Index below which settled batches are final.
    pub final_below: Option<u64>,
    /// The price oracle's log.
    pub oracle: Vec<OracleEvent>,
}

/// The double of the settlement layer. It holds the contract's rules. Its proofs are those of
/// [`Prover`].
pub struct Chain {
    pub inner: Mutex<ChainState>,
    pub clock: Arc<dyn Clock>,
    pub settle_calls: AtomicUsize,
    /// Number of calls of any kind except `settle`.
    pub calls: AtomicUsize,
    /// Number of polls: each asks once for the length of the deposit queue.
    pub polls: AtomicUsize,
    /// Number of times that deposits were read.
    pub deposit_reads: AtomicUsize,
    /// Whether deposits cannot be read.
    pub hides_deposits: AtomicBool,
    pub down: AtomicBool,
}

pub fn asset(id: u16) -> AssetInfo {
    AssetInfo {
        stop: Stop::default(),
        id: AssetId(id),
        token: [id as u8 + 1; 20],
        flags: 0,
        auditor: unaudited(),
    }
}

impl Chain {
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            inner: Mutex::new(ChainState {
                state: State::genesis(),
                queue: Vec::new(),
                take_backs: BTreeMap::new(),
                past_assets: Vec::new(),
                assets: [asset(0), asset(1)].into_iter().collect(),
                last_time: 0,
                settled: Vec::new(),
                states: Vec::new(),
                ledger: Ledger::new(),
                faults: VecDeque::new(),
                forever: None,
                waiting: Vec::new(),
                mines_first: false,
                false_root: None,
                misread: 0,
                cancelled: Vec::new(),
                shapes: Shape::ALL.to_vec(),
                time_offset: 0,
                block: 1,
                forks: Vec::new(),
                final_below: None,
                oracle: Vec::new(),
            }),
            settle_calls: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            polls: AtomicUsize::new(0),
            deposit_reads: AtomicUsize::new(0),
            hides_deposits: AtomicBool::new(false),
            down: AtomicBool::new(false),
        })
    }

    pub fn with<T>(&self, f: impl FnOnce(&mut ChainState) -> T) -> T {
        f(&mut self.inner.lock().unwrap())
    }

    pub fn assets_root(&self) -> Fr {
        self.with(|chain| chain.assets.root())
    }

    /// Returns the time of the chain, Unix seconds.
    pub fn time(&self) -> u64 {
        let offset = self.with(|chain| chain.time_offset);
        self.clock.unix().saturating_add_signed(offset)
    }

    /// Waits until the sequencer has called the chain `count` more times, with or without success.
    pub async fn called(&self, count: usize) {
        let until = self.calls.load(Ordering::SeqCst) + count;
        eventually("the chain is called", || {
            self.calls.load(Ordering::SeqCst) >= until
        })
        .await;
    }

    /// Waits until the sequencer has polled the chain `count` more times. At least `count - 1`
    /// whole polls happen meanwhile.
    pub async fn polled(&self, count: usize) {
        let until = self.polls.load(Ordering::SeqCst) + count;
        eventually("the chain is polled", || {
            self.polls.load(Ordering::SeqCst) >= until
        })
        .await;
    }

    pub fn settled(&self) -> usize {
        self.with(|chain| chain.settled.len())
    }

    pub fn deposit(&self, value: u128) {
        let inner = Fr::from(rand::thread_rng().r#gen::<u64>());
        let deposit = Deposit {
            asset: AssetId(0),
            value,
            inner,
        };
        self.with(|chain| {
            chain.block += 1;
            chain.queue.push((chain.block, deposit));
        });
    }

    fn log(chain: &mut ChainState, change: OracleChange) {
        chain.block += 1;
        let block = chain.block;
        chain.oracle.push(OracleEvent { block, change });
    }

    /// Sets a market of the price oracle, or removes it.
    pub fn set_market(&self, id: u8, market: Option<Market>) {
        let word = market.map_or(Fr::from(0u64), |market| market.word());
        self.with(|chain| Self::log(chain, OracleChange::Market { id, word }));
    }

    /// Records a price snapshot, at the chain's time.
    pub fn snapshot(&self, price: u128) -> PriceSnapshot {
        let time = self.time();
        self.with(|chain| Self::snapshot_at(chain, price, time))
    }

    pub fn snapshot_at(chain: &mut ChainState, price: u128, time: u64) -> PriceSnapshot {
        let mut words = [Fr::from(0u64); MARKETS];
        for event in &chain.oracle {
            if let OracleChange::Market { id, word } = event.change {
                words[usize::from(id)] = word;
            }
        }
        let mut prices = [Price::default(); MARKETS];
        prices[3] = Price::flat(price);
        let previous = Self::snapshots(chain).last().map_or(0, |(_, taken)| taken);
        let snapshot = PriceSnapshot {
            time,
            previous,
            markets: Markets::from_words(&words).unwrap(),
            prices,
        };
        let change = OracleChange::Snapshot {
            digest: snapshot.digest(),
            time,
            previous,
            market_root: snapshot.markets.root(),
            prices: snapshot.price_words(),
        };
        Self::log(chain, change);
        snapshot
    }

    /// Returns the anchor of the state after the last settled batch with these prices.
    pub fn anchor(&self, snapshot: &PriceSnapshot) -> Anchor {
        self.with(|chain| chain.state.anchor(&snapshot.digest()))
    }

    /// Takes the last events of the oracle back, as a reorganisation does, and adds a block.
    pub fn revert_oracle(&self, count: usize) {
        self.with(|chain| {
            let keep = chain.oracle.len() - count;
            chain.oracle.truncate(keep);
            chain.block += 1;
        });
    }

    /// Returns the block with this number. Its hash holds the last fork below it.
    fn block_at(chain: &ChainState, number: u64, timestamp: u64) -> Block {
        let hash = |number: u64| {
            let fork = chain.forks.iter().rposition(|first| *first <= number);
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            bytes[8..16].copy_from_slice(&fork.map_or(0, |fork| fork as u64 + 1).to_be_bytes());
            bytes.into()
        };
        Block {
            number,
            hash: hash(number),
            parent: hash(number.wrapping_sub(1)),
            timestamp,
        }
    }

    /// Replaces the last `depth` blocks by others, and changes the chain.
    pub fn fork(&self, depth: u64, change: impl FnOnce(&mut ChainState)) {
        self.with(|chain| {
            chain.forks.push(chain.block.saturating_sub(depth - 1));
            change(chain);
        });
    }

    /// Takes the last `count` settled batches back, as a reorganisation does.
    pub fn reorganise(&self, count: usize) {
        self.fork(1, |chain| {
            let keep = chain.settled.len() - count;
            chain.settled.truncate(keep);
            chain.states.truncate(keep);
            chain.ledger = Ledger::new();
            for batch in &chain.settled {
                chain.ledger.replay(batch, &context()).unwrap();
            }
            chain.state = *chain.ledger.state();
            chain.last_time = chain.settled.last().map_or(0, |batch| batch.header.time);
        });
    }

    /// Settles a batch that another sequencer sealed.
    pub fn settle_foreign(&self, transactions: Vec<Transaction>) {
        let time = self.time();
        self.with(|chain| {
            let input = BatchInput {
                shape: Shape::S4,
                time,
                fee_recipient: [0x33; 20],
                assets_root: chain.assets.root(),
                prices: Self::snapshots(chain).last().unwrap_or_default().0,
                transactions,
                deposits: Vec::new(),
            };
            let rules = Rules {
                context: context(),
                fee_asset: AssetId(0),
                min_fee: 0,
            };
            let witness = chain.ledger.execute(input, &rules).unwrap();
            chain.state = witness.new;
            chain.last_time = time;
            chain.settled.push(witness.published().unwrap());
            chain.states.push(witness.new);
        });
    }

    fn answer(&self) -> Result<(), SettlementError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            Err(unavailable())
        } else {
            Ok(())
        }
    }

    /// Returns the snapshots with their times, oldest first.
    fn snapshots(chain: &ChainState) -> impl Iterator<Item = (Fr, u64)> {
        let events = chain.oracle.iter();
        events.filter_map(|event| match event.change {
            OracleChange::Snapshot { digest, time, .. } => Some((digest, time)),
            OracleChange::Market { .. } => None,
        })
    }

    fn validity(chain: &ChainState, snapshot: &Fr) -> Option<Validity> {
        let none = [(Fr::from(0u64), 1)];
        let mut all = none.into_iter().chain(Self::snapshots(chain));
        let (_, taken) = all.find(|(digest, _)| digest == snapshot)?;
        Some(Validity {
            taken,
            superseded: all.next().map(|(_, taken)| taken),
        })
    }

    fn apply(
        chain: &mut ChainState,
        batch: &Settlement,
        timestamp: u64,
    ) -> Result<Receipt, String> {
        let published = &batch.published;
        let header = &published.header;
        let check = |holds: bool, name: &str| holds.then_some(()).ok_or_else(|| name.to_owned());
        check(header.context == context(), "Context")?;
        check(batch.old_state == chain.state.commitment(), "OldState")?;
        check(header.assets_root == chain.assets.root(), "AssetsRoot")?;
        check(header.batch_index == chain.state.batch_index, "BatchIndex")?;
        check(
            header.first_deposit == chain.state.deposit_count,
            "Deposits",
        )?;
        check(header.time <= timestamp, "TimeAhead")?;
        check(header.time + 3600 >= timestamp, "TimeBehind")?;
        check(header.time >= chain.last_time, "TimeOrder")?;
        let first = header.first_deposit as usize;
        let queued = chain.queue.iter().enumerate().skip(first);
        let queued =
            queued.map(
                |(index, (_, deposit))| match chain.take_backs.get(&(index as u64)) {
                    Some(effective) if *effective <= header.time => Deposit::TAKEN_BACK,
                    _ => *deposit,
                },
            );
        let count = published.deposits.len();
        let expected: Vec<Deposit> = queued.take(count).collect();
        check(expected == published.deposits, "DepositWords")?;
        let validity = Self::validity(chain, &header.oracle).ok_or("UnknownSnapshot")?;
        check(validity.taken <= header.time, "SnapshotAfterBatch")?;
        check(validity.admits(header.time), "SnapshotSuperseded")?;
        let last = chain.settled.last();
        let last = last.and_then(|batch| Self::validity(chain, &batch.header.oracle));
        let last_taken = last.map_or(0, |last| last.taken);
        check(validity.taken >= last_taken, "SnapshotBeforeLast")?;
        // The older version of a batch has no proof; its proof is not under test.
        if !batch.proof.is_empty() {
            let c = data_commitment(&published.words());
            check(c == batch.commitment, "Commitment")?;
            check(batch.proof == fr_to_bytes(&c), "Proof")?;
        }
        let state = chain
            .ledger
            .replay(published, &context())
            .map_err(|error| error.to_string())?;
        check(state.commitment() == batch.new_state, "NewState")?;
        chain.state = state;
        chain.last_time = header.time;
        chain.settled.push(published.clone());
        chain.states.push(state);
        Ok(Receipt {
            tx: tx_of(header.batch_index),
            block: header.batch_index,
            gas_used: 1,
            calldata_bytes: 1,
        })
    }
}

pub fn tx_of(index: u64) -> [u8; 32] {
    let mut tx = [0xaa; 32];
    tx[24..].copy_from_slice(&index.to_be_bytes());
    tx
}

fn unavailable() -> SettlementError {
    SettlementError::Unavailable {
        reason: "the double is down".into(),
    }
}

impl SettlementLayer for Chain {
    fn chain_id(&self) -> BoxFuture<'_, Result<u64, SettlementError>> {
        async move { self.answer().map(|()| CHAIN_ID) }.boxed()
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, SettlementError>> {
        async move {
            self.answer()?;
            Ok(Head {
                number: self.with(|chain| chain.block),
                timestamp: self.time(),
            })
        }
        .boxed()
    }

    fn rollup(&self) -> BoxFuture<'_, Result<RollupView, SettlementError>> {
        async move {
            self.answer()?;
            let time = self.time();
            Ok(self.with(|chain| RollupView {
                block: Self::block_at(chain, chain.block, time),
                state: chain.state.commitment(),
                batch_index: chain.state.batch_index,
                deposit_count: chain.state.deposit_count,
                queued_deposits: chain.queue.len() as u64,
                assets_root: chain.false_root.unwrap_or_else(|| chain.assets.root()),
                context: context(),
                fee_asset: AssetId(0),
                last_time: chain.last_time,
                data_chain: [0; 32],
                shapes: chain.shapes.clone(),
            }))
        }
        .boxed()
    }

    fn block(&self, number: u64) -> BoxFuture<'_, Result<Option<Block>, SettlementError>> {
        async move {
            self.answer()?;
            let time = self.time();
            Ok(self
                .with(|chain| (number <= chain.block).then(|| Self::block_at(chain, number, time))))
        }
        .boxed()
    }

    fn final_batches(&self) -> BoxFuture<'_, Result<Option<u64>, SettlementError>> {
        async move {
            self.answer()?;
            Ok(self.with(|chain| chain.final_below))
        }
        .boxed()
    }

    fn forget(&self, _: u64) {
        self.with(|chain| chain.misread = chain.misread.saturating_sub(1));
    }

    fn accepted(&self, index: u64) -> BoxFuture<'_, Result<Option<Accepted>, SettlementError>> {
        async move {
            let settled = self.settled_batch(index).await?;
            let wrong = self.with(|chain| chain.misread > 0);
            Ok(settled.map(|settled| Accepted {
                new_state: settled.new_state,
                data_commitment: if wrong {
                    Fr::from(1u64)
                } else {
                    data_commitment(&settled.published.words())
                },
                tx: settled.tx,
            }))
        }
        .boxed()
    }

    fn deposits_mined(&self, confirmations: u64) -> BoxFuture<'_, Result<u64, SettlementError>> {
        async move {
            self.polls.fetch_add(1, Ordering::SeqCst);
            self.answer()?;
            let behind = confirmations
                .checked_sub(1)
                .expect("the configuration refuses 0 confirmations");
            Ok(self.with(|chain| {
                let newest = chain.block.saturating_sub(behind);
                let mined = chain.queue.iter().filter(|(block, _)| *block <= newest);
                mined.count() as u64
            }))
        }
        .boxed()
    }

    fn deposits(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<QueuedDeposit>, SettlementError>> {
        async move {
            self.deposit_reads.fetch_add(1, Ordering::SeqCst);
            self.answer()?;
            if self.hides_deposits.load(Ordering::SeqCst) {
                return Err(SettlementError::Unavailable {
                    reason: "the log is incomplete".into(),
                });
            }
            Ok(self.with(|chain| {
                let queue = chain.queue.iter().enumerate();
                queue
                    .skip(from as usize)
                    .take(limit as usize)
                    .map(|(index, (_, deposit))| QueuedDeposit {
                        index: index as u64,
                        deposit: *deposit,
                        depositor: [0; 20],
                    })
                    .collect()
            }))
        }
        .boxed()
    }

    fn take_backs(
        &self,
        from: u64,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<TakeBack>, SettlementError>> {
        async move {
            self.answer()?;
            Ok(self.with(|chain| {
                let first = chain.state.deposit_count.max(from);
                let found = chain.take_backs.range(first..first.max(from + limit));
                found
                    .map(|(&index, &effective)| TakeBack { index, effective })
                    .collect()
            }))
        }
        .boxed()
    }

    fn assets(&self) -> BoxFuture<'_, Result<Vec<AssetInfo>, SettlementError>> {
        async move {
            self.answer()?;
            Ok(self.with(|chain| chain.assets.iter().cloned().collect()))
        }
        .boxed()
    }

    fn auditors(&self) -> BoxFuture<'_, Result<AuditorKeys, SettlementError>> {
        async move {
            self.answer()?;
            Ok(self.with(|chain| {
                let all = chain.past_assets.iter().chain(chain.assets.iter());
                all.map(|info| (info.id, info.auditor)).collect()
            }))
        }
        .boxed()
    }

    fn oracle_log(&self, from: u64) -> BoxFuture<'_, Result<OracleLog, SettlementError>> {
        async move {
            let head = self.head().await?;
            Ok(self.with(|chain| OracleLog {
                head,
                events: {
                    let events = chain.oracle.iter().filter(|event| event.block >= from);
                    events.copied().collect()
                },
            }))
        }
        .boxed()
    }

    fn snapshot_validity<'a>(
        &'a self,
        digest: &'a Fr,
    ) -> BoxFuture<'a, Result<Option<Validity>, SettlementError>> {
        async move {
            self.answer()?;
            Ok(self.with(|chain| Self::validity(chain, digest)))
        }
        .boxed()
    }

    fn settle<'a>(
        &'a self,
        batch: &'a Settlement,
    ) -> BoxFuture<'a, Result<Receipt, SettlementError>> {
        async move {
            self.settle_calls.fetch_add(1, Ordering::SeqCst);
            self.answer()?;
            let time = self.time();
            self.with(|chain| {
                let fault = chain.forever.clone().or_else(|| chain.faults.pop_front());
                match fault {
                    Some(Fault::Unavailable) => return Err(unavailable()),
                    Some(Fault::Reject) => {
                        return Err(SettlementError::Rejected {
                            reason: "TurnstileExceeded".into(),
                        });
                    }
                    Some(Fault::Wait) => {
                        if chain.waiting.is_empty() {
                            chain.waiting.push(batch.clone());
                        }
                        return Err(unavailable());
                    }
                    Some(Fault::LoseReceipt | Fault::SettleOlderVersion) | None => {}
                }
                let mut batch = batch.clone();
                if fault == Some(Fault::SettleOlderVersion) {
                    batch.published.header.time -= 1;
                    batch.proof.clear();
                }
                let receipt = Self::apply(chain, &batch, time)
                    .map_err(|reason| SettlementError::Rejected { reason })?;
                match fault {
                    Some(Fault::LoseReceipt | Fault::SettleOlderVersion) => Err(unavailable()),
                    _ => Ok(receipt),
                }
            })
        }
        .boxed()
    }

    fn cancel<'a>(
        &'a self,
        index: u64,
        data_commitment: &'a Fr,
    ) -> BoxFuture<'a, Result<bool, SettlementError>> {
        async move {
            self.answer()?;
            let time = self.time();
            self.with(|chain| {
                let mut waiting = std::mem::take(&mut chain.waiting).into_iter();
                let named = |batch: &Settlement| {
                    let header = &batch.published.header;
                    header.batch_index == index && batch.commitment == *data_commitment
                };
                let Some(batch) = waiting.find(named) else {
                    return Ok(true);
                };
                if chain.mines_first {
                    Self::apply(chain, &batch, time).expect("the batch is valid");
                    return Ok(false);
                }
                chain.cancelled.push(*data_commitment);
                Ok(true)
            })
        }
        .boxed()
    }

    fn settled_batch(
        &self,
        index: u64,
    ) -> BoxFuture<'_, Result<Option<SettledBatch>, SettlementError>> {
        async move {
            self.answer()?;
            Ok(self.with(|chain| {
                let place = (index as usize).checked_sub(1)?;
                chain.states.get(place).map(|state| SettledBatch {
                    deposits: {
                        let published = &chain.settled[place];
                        let first = published.header.first_deposit as usize;
                        let queued = chain.queue[first..].iter().map(|(_, deposit)| *deposit);
                        queued.take(published.deposits.len()).collect()
                    },
                    published: chain.settled[place].clone(),
                    new_state: state.commitment(),
                    tx: tx_of(index),
                })
            }))
        }
        .boxed()
    }
}

/// The double of the verifier. A proof is valid if it begins with the bytes of the digest.
#[derive(Debug)]
pub struct Verifier {
    pub key_hash: [u8; 32],
    pub unsafe_development: bool,
    /// Time for one proof on one core.
    pub cost: Duration,
    pub calls: AtomicU64,
    pub proofs: AtomicU64,
    /// While set, verification waits.
    pub blocked: AtomicBool,
}

impl Verifier {
    pub fn new() -> Arc<Self> {
        Self::with_cost(Duration::ZERO)
    }

    pub fn with_cost(cost: Duration) -> Arc<Self> {
        Arc::new(Self {
            key_hash: [7; 32],
            unsafe_development: true,
            cost,
            calls: AtomicU64::new(0),
            proofs: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
        })
    }
}

impl ProofVerifier for Verifier {
    fn key_hash(&self) -> [u8; 32] {
        self.key_hash
    }

    fn is_unsafe_development(&self) -> bool {
        self.unsafe_development
    }

    fn verify_batch(&self, items: &[(TransactionDigest, ProofBytes)]) -> Vec<bool> {
        use rayon::prelude::*;
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.proofs.fetch_add(items.len() as u64, Ordering::SeqCst);
        while self.blocked.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
        items
            .par_iter()
            .map(|(digest, proof)| {
                let start = Instant::now();
                while start.elapsed() < self.cost {
                    std::hint::spin_loop();
                }
                proof.as_bytes()[..32] == digest.to_bytes()
            })
            .collect()
    }
}

/// The double of the prover. Its proof consists of the bytes of the data commitment. It refuses a
/// job that lacks a proof, valid for [`Verifier`], of a transaction. It can be blocked and made to
/// fail.
#[derive(Debug, Default)]
pub struct Prover {
    pub blocked: AtomicBool,
    pub failures: AtomicUsize,
    pub calls: AtomicUsize,
    pub no_shapes: AtomicBool,
}

impl Prover {
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub fn blocked() -> Arc<Self> {
        let prover = Self::new();
        prover.blocked.store(true, Ordering::SeqCst);
        prover
    }
}

impl BatchProver for Prover {
    fn shapes(&self) -> Vec<Shape> {
        if self.no_shapes.load(Ordering::SeqCst) {
            return Vec::new();
        }
        Shape::ALL.to_vec()
    }

    fn prove(
        &self,
        job: Arc<ProofJob>,
        progress: Arc<dyn Progress>,
    ) -> BoxFuture<'_, Result<Vec<u8>, ProverError>> {
        async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            while self.blocked.load(Ordering::SeqCst) {
                if progress.cancelled() {
                    return Err(ProverError::Cancelled);
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let failures = self.failures.load(Ordering::SeqCst);
            if failures > 0 {
                self.failures.store(failures - 1, Ordering::SeqCst);
                return Err(ProverError::Failed {
                    reason: "the double fails".into(),
                });
            }
            let active = job.witness.slots.iter().filter(|slot| slot.active);
            let digests: Vec<_> = active
                .map(|slot| subrosa_protocol::transaction::digest(&slot.words).to_bytes())
                .collect();
            let proven: Vec<_> = job
                .proofs
                .iter()
                .map(|proof| &proof.as_bytes()[..32])
                .collect();
            if digests != proven {
                return Err(ProverError::Refused {
                    reason: "the client proofs are not those of the transactions".into(),
                });
            }
            progress.phase("double", 1, 1);
            Ok(fr_to_bytes(&job.witness.data_commitment()).to_vec())
        }
        .boxed()
    }
}

/// Makes a well-formed transaction.
pub fn transaction(anchor: Anchor, assets_root: Fr) -> Transaction {
    use ark_ec::{AffineRepr, CurveGroup};
    let mut rng = rand::thread_rng();
    let mut word = || Fr::from(rng.r#gen::<u128>());
    let nullifiers = [word(), word(), word()].map(Nullifier::of);
    let commitments = [word(), word(), word()].map(NoteCommitment::new);
    let audit = AuditWords([word(), word(), word(), word(), word()]);
    let esk = subrosa_protocol::Scalar::from(rand::thread_rng().r#gen::<u128>());
    let ephemeral = (subrosa_protocol::EdwardsAffine::generator() * esk)
        .into_affine()
        .y;
    let mut note_data = [0u8; NOTE_DATA_LEN];
    rand::thread_rng().fill(&mut note_data[..]);
    Transaction {
        anchor,
        assets_root,
        header: Header::new(Kind::Transfer, AssetId(0), MIN_FEE, now() + 3600).unwrap(),
        withdrawal: None,
        terms: Fr::from(0u64),
        nullifiers,
        commitments,
        ephemeral,
        audit,
        note_data: NoteData(note_data),
    }
}

pub fn withdrawal(anchor: Anchor, assets_root: Fr, amount: u128) -> Transaction {
    let mut tx = transaction(anchor, assets_root);
    tx.header.kind = Kind::Withdraw;
    tx.withdrawal = Some(Withdrawal {
        asset: AssetId(1),
        recipient: [9; 20],
        amount,
    });
    tx
}

/// Makes a leg of the swap with these terms. Only the doubles accept its proof.
pub fn leg(side: Side, terms: u64, assets_root: Fr) -> Transaction {
    let mut tx = transaction(genesis_root(), assets_root);
    tx.header.kind = Kind::leg(side);
    tx.terms = Fr::from(terms);
    tx
}

pub fn genesis_root() -> Anchor {
    State::genesis().anchor(&Fr::from(0u64))
}

/// Returns transaction ‖ proof, valid for [`Verifier`] under a context.
pub fn prove_under(transaction: &Transaction, context: &Fr) -> Vec<u8> {
    let mut bytes = transaction.to_bytes();
    let mut proof = [0u8; PROOF_LEN];
    proof[..32].copy_from_slice(&transaction.digest(context).to_bytes());
    bytes.extend_from_slice(&proof);
    bytes
}

pub fn prove(transaction: &Transaction) -> Vec<u8> {
    prove_under(transaction, &context())
}

pub fn digest(transaction: &Transaction) -> String {
    transaction.digest(&context()).to_string()
}

pub fn config(store: &Path) -> Config {
    let mut config = Config::new(store.to_owned(), CHAIN_ID, ROLLUP, [0x22; 20]);
    config.listen = ([127, 0, 0, 1], 0).into();
    config.fee_recipient = [0x33; 20];
    config.min_fee = MIN_FEE;
    config.seal.max_wait_ms = 30;
    config.seal.patience_ms = 60;
    config.seal.deposit_wait_ms = 30;
    config.settle.poll_ms = 20;
    config.settle.backoff_ms = 5;
    config.settle.backoff_max_ms = 40;
    config.http.reads = RateConfig::OFF;
    config.http.submissions = RateConfig::OFF;
    config.http.refusal_ms = 0;
    config.mailbox.rate = 0;
    config.mailbox.work_bits = 0;
    config.mailbox.max_work_bits = 0;
    config
}

/// Changes a configuration so that nothing is sealed.
pub fn idle(mut config: Config) -> Config {
    config.seal.max_wait_ms = 3_600_000;
    config.seal.patience_ms = 3_600_000;
    config.seal.deposit_wait_ms = 3_600_000;
    config.seal.shapes = vec![Shape::S64];
    config
}

/// The doubles of one deployment. They outlive a sequencer.
#[derive(Clone)]
pub struct World {
    /// The clock of sequencer and chain, if it is virtual. It moves only while a [`Node`] waits.
    pub time: Option<VirtualClock>,
    pub dir: Arc<tempfile::TempDir>,
    pub chain: Arc<Chain>,
    pub verifier: Arc<Verifier>,
    pub prover: Arc<Prover>,
}

impl World {
    /// Makes the doubles of a deployment in real time.
    pub fn new() -> Self {
        Self {
            time: None,
            dir: Arc::new(tempfile::tempdir().unwrap()),
            chain: Chain::new(SystemClock::shared()),
            verifier: Verifier::new(),
            prover: Prover::new(),
        }
    }

    /// Makes the doubles of a deployment in virtual time, which starts now.
    pub fn virtual_time() -> (Self, VirtualClock) {
        let clock = VirtualClock::new(now());
        let world = Self {
            time: Some(clock.clone()),
            chain: Chain::new(Arc::new(clock.clone())),
            ..Self::new()
        };
        (world, clock)
    }

    pub fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    pub fn config(&self) -> Config {
        config(&self.store())
    }

    pub fn ports(&self) -> Ports {
        Ports {
            verifier: self.verifier.clone(),
            prover: self.prover.clone(),
            settlement: self.chain.clone(),
            clock: self.chain.clock.clone(),
        }
    }

    pub async fn try_start(&self, config: Config) -> Result<Node, StartError> {
        self.try_start_with(config, self.ports()).await
    }

    async fn try_start_with(&self, config: Config, ports: Ports) -> Result<Node, StartError> {
        let running = subrosa_sequencer::start(config, ports).await?;
        let base = format!("http://{}", running.addr());
        Ok(Node {
            time: self.time.clone(),
            running,
            base,
            client: reqwest::Client::new(),
        })
    }

    pub async fn start_with(&self, config: Config, ports: Ports) -> Node {
        self.try_start_with(config, ports).await.unwrap()
    }

    pub async fn start(&self, config: Config) -> Node {
        self.try_start(config).await.unwrap()
    }

    pub fn transaction(&self) -> Transaction {
        transaction(genesis_root(), self.chain.assets_root())
    }

    pub fn leg(&self, side: Side, terms: u64) -> Transaction {
        leg(side, terms, self.chain.assets_root())
    }

    /// Makes a transaction under the anchor of the chain's state with these prices.
    pub fn relying(&self, snapshot: &PriceSnapshot) -> Transaction {
        let mut tx = self.transaction();
        tx.anchor = self.chain.anchor(snapshot);
        tx
    }

    /// Returns the settled batches as the transactions that were submitted.
    pub fn settled(&self, submitted: &[Transaction]) -> Vec<Vec<Transaction>> {
        let find = |nullifiers: [Nullifier; 3]| {
            let found = submitted.iter().find(|tx| tx.nullifiers == nullifiers);
            found.expect("only submitted transactions settle").clone()
        };
        self.chain.with(|chain| {
            let batches = chain.settled.iter();
            batches
                .map(|batch| {
                    batch
                        .transactions
                        .iter()
                        .map(|tx| find(tx.nullifiers))
                        .collect()
                })
                .collect()
        })
    }
}

/// A running sequencer and a client of it.
pub struct Node {
    pub time: Option<VirtualClock>,
    pub running: RunningSequencer,
    pub base: String,
    pub client: reqwest::Client,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: serde_json::Value,
    pub content_type: String,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }

    pub fn field(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or("")
    }
}

pub async fn answer(response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let content_type = response
        .headers()
        .get("content-type")
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let bytes = response.bytes().await.unwrap();
    Answer {
        status,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        content_type,
    }
}

impl Node {
    pub async fn get(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.base);
        answer(self.client.get(url).send().await.unwrap()).await
    }

    /// Asks the listener for operators.
    pub async fn operated(&self, path: &str) -> Answer {
        let url = format!("http://{}{path}", self.running.operations_addr());
        answer(self.client.get(url).send().await.unwrap()).await
    }

    pub async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.running.operations_addr());
        let response = self.client.get(url).send().await.unwrap();
        response.text().await.unwrap()
    }

    pub async fn text(&self, path: &str) -> String {
        let url = format!("{}{path}", self.base);
        let response = self.client.get(url).send().await.unwrap();
        response.text().await.unwrap()
    }

    pub async fn post(&self, content_type: &str, body: Vec<u8>) -> Answer {
        self.post_to("/v1/transactions", content_type, body).await
    }

    pub async fn post_to(&self, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let url = format!("{}{path}", self.base);
        let request = self
            .client
            .post(url)
            .header("content-type", content_type)
            .body(body);
        answer(request.send().await.unwrap()).await
    }

    pub async fn submit_bytes(&self, bytes: Vec<u8>) -> Answer {
        self.post("application/octet-stream", bytes).await
    }

    pub async fn submit(&self, transaction: &Transaction) -> Answer {
        self.submit_bytes(prove(transaction)).await
    }

    pub async fn status(&self, transaction: &Transaction) -> Answer {
        self.get(&format!("/v1/transactions/{}", digest(transaction)))
            .await
    }

    /// Waits for a moment. On a virtual clock, more time passes than in reality.
    async fn moment(&self) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if let Some(clock) = &self.time {
            clock.advance(Duration::from_millis(100));
        }
    }

    /// Waits until the transaction has this status.
    pub async fn until(&self, transaction: &Transaction, status: &str) -> Answer {
        let mut last = None;
        for _ in 0..1_000 {
            let answer = self.status(transaction).await;
            if answer.field("status") == status {
                return answer;
            }
            last = Some(answer);
            self.moment().await;
        }
        panic!("never {status}: {last:?}, {:?}", self.running.health());
    }

    /// Waits until the next batch has this price snapshot.
    pub async fn until_latest(&self, snapshot: &PriceSnapshot) -> Answer {
        let digest = hex_fr(&snapshot.digest());
        for _ in 0..1_000 {
            let answer = self.get("/v1/oracle").await;
            if answer.field("digest") == digest {
                return answer;
            }
            self.moment().await;
        }
        panic!("never the next: {:?}", self.running.health());
    }

    /// Returns the first anchor of the next batch as the interface shows it.
    pub async fn next_anchor(&self) -> Anchor {
        let read = |text: &str| subrosa_protocol::encoding::fr_from_hex(text).unwrap();
        let info = self.get("/v1/info").await.body;
        let root = read(info["state"]["note_root"].as_str().unwrap());
        let shown = self.get("/v1/oracle").await;
        let prices = match shown.status {
            200 => read(shown.field("digest")),
            _ => Fr::from(0u64),
        };
        Anchor::of(&root, &prices)
    }

    /// Waits until the pipeline has halted.
    pub async fn until_halted(&self) -> subrosa_sequencer::Halt {
        for _ in 0..1_000 {
            if let Health::Halted(halt) = self.running.health() {
                return halt;
            }
            self.moment().await;
        }
        panic!("never halted");
    }

    pub async fn stop(self) {
        drop(self.client);
        self.running.stop().await;
    }
}

/// Waits until a condition holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
