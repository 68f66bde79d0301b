//! An L1 with a block every twelve seconds, whose contracts take batches and price snapshots.
//!
//! It holds the rules of the contracts that depend on time, prices and order. The ledger has made
//! the batches, and nobody proves them, so that it checks nothing else.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AssetTree, AuditorKeys, Stop},
    batch::Shape,
    keys::unaudited,
    ledger::State,
    market::{MARKETS, Market, Markets, Price, PriceSnapshot},
};
use subrosa_sequencer::ports::{
    Accepted, Block, Head, OracleChange, OracleEvent, OracleLog, QueuedDeposit, Receipt,
    RollupView, SettledBatch, Settlement, SettlementError, SettlementLayer, TakeBack, Validity,
};

use super::time::{PausedClock, START};

/// Ethereum, so that deposits and snapshots need their confirmations.
pub(super) const CHAIN_ID: u64 = 1;
/// Address of the rollup.
pub(super) const ROLLUP: [u8; 20] = [0x11; 20];
/// Time between two blocks.
pub(super) const BLOCK: Duration = Duration::from_secs(12);
/// Number of the block at the start.
const FIRST: u64 = 1_000;
/// Least time before a block at which a transaction must be sent to be in it.
const CLOSING: Duration = Duration::from_secs(1);
/// Blocks before the start in which the first snapshot was taken: it is confirmed at the start.
const BEFORE: u32 = 13;
/// Least seconds between two snapshots.
const INTERVAL: u64 = 60;

/// How often somebody calls the oracle, and whether it holds its interval of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Snapshots {
    /// In each block. Every fifth call succeeds.
    Block,
    /// Once a minute, after the interval has passed.
    Minute,
    /// Once an hour.
    Hour,
    /// In each block, at an oracle that has no interval.
    Unlimited,
}

impl Snapshots {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Block, Self::Minute, Self::Hour, Self::Unlimited];

    /// Returns the name in the results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Unlimited => "block_without_interval",
        }
    }

    /// Returns the blocks from one call to the next. Whoever calls once a minute waits for the
    /// interval to pass and reaches the block after that.
    fn blocks(self) -> u32 {
        match self {
            Self::Block | Self::Unlimited => 1,
            Self::Minute => 6,
            Self::Hour => 300,
        }
    }
}

/// A settled batch in figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled {
    pub(super) shape: Shape,
    pub(super) transactions: usize,
    /// Digest of its price snapshot.
    pub(super) prices: Fr,
}

#[derive(Debug)]
struct Contracts {
    state: Fr,
    settled: Vec<Settlement>,
    markets: Markets,
    oracle: Vec<OracleEvent>,
    /// Digests and times of the snapshots, oldest first. It begins with the time before the first.
    snapshots: Vec<(Fr, u64)>,
    /// Place of the last batch's snapshot.
    last: usize,
}

/// The chain.
pub(super) struct Chain {
    clock: Arc<PausedClock>,
    context: Fr,
    assets: Vec<AssetInfo>,
    assets_root: Fr,
    contracts: Mutex<Contracts>,
}

type Answer<'a, T> = BoxFuture<'a, Result<T, SettlementError>>;

fn answer<'a, T: Send + 'a>(value: T) -> Answer<'a, T> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Chain {
    /// Deploys the contracts with two assets, a market and a snapshot.
    pub(super) fn new(clock: Arc<PausedClock>, context: Fr) -> Arc<Self> {
        let asset = |id: u8| AssetInfo {
            id: AssetId(id.into()),
            token: [id + 1; 20],
            flags: 0,
            auditor: unaudited(),
            stop: Stop::default(),
        };
        let market = Market {
            collateral: AssetId(1),
            debt: AssetId(0),
            haircut: 500,
            initial: 15_000,
            maintenance: 12_000,
            bonus: 500,
            max_age: 3_600,
        };
        let mut markets = Markets::default();
        markets.0[0] = Some(market);
        let change = OracleChange::Market {
            id: 0,
            word: market.word(),
        };
        let mut contracts = Contracts {
            state: State::genesis().commitment(),
            settled: Vec::new(),
            markets,
            oracle: vec![OracleEvent {
                block: FIRST - 100,
                change,
            }],
            snapshots: vec![(Fr::from(0u64), 1)],
            last: 0,
        };
        let first = START - BLOCK * BEFORE;
        contracts.snapshot(FIRST - u64::from(BEFORE), first.as_secs());
        let assets = vec![asset(0), asset(1)];
        let tree: AssetTree = assets.iter().copied().collect();
        Arc::new(Self {
            clock,
            context,
            assets,
            assets_root: tree.root(),
            contracts: Mutex::new(contracts),
        })
    }

    fn contracts(&self) -> MutexGuard<'_, Contracts> {
        self.contracts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the root of the asset tree.
    pub(super) fn assets_root(&self) -> Fr {
        self.assets_root
    }

    /// Returns the index of the next batch.
    pub(super) fn next_batch(&self) -> u64 {
        self.contracts().settled.len() as u64 + 1
    }

    /// Returns the settled batches.
    pub(super) fn settled(&self) -> Vec<Settled> {
        let contracts = self.contracts();
        let batches = contracts.settled.iter();
        batches
            .map(|batch| Settled {
                shape: batch.published.shape,
                transactions: batch.published.transactions.len(),
                prices: batch.published.header.oracle,
            })
            .collect()
    }

    /// Returns the number of snapshots that were taken.
    pub(super) fn snapshots(&self) -> usize {
        self.contracts().snapshots.len() - 1
    }

    /// Calls the oracle for ever.
    pub(super) async fn take_snapshots(self: Arc<Self>, snapshots: Snapshots) {
        loop {
            self.pass(snapshots.blocks()).await;
            let head = self.block();
            let mut contracts = self.contracts();
            let newest = contracts.snapshots.last().map_or(0, |(_, taken)| *taken);
            if snapshots == Snapshots::Unlimited || head.timestamp >= newest + INTERVAL {
                contracts.snapshot(head.number, head.timestamp);
            }
        }
    }

    /// Waits until so many further blocks are mined.
    async fn pass(&self, blocks: u32) {
        let newest = Duration::from_secs(self.block().timestamp);
        self.clock.until(newest + BLOCK * blocks).await;
    }

    /// Returns the newest block.
    fn block(&self) -> Block {
        let mined = (self.clock.time() - START).as_secs() / BLOCK.as_secs();
        block_at(FIRST + mined)
    }
}

/// Returns the block with this number.
fn block_at(number: u64) -> Block {
    let hash = |number: u64| {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&number.to_be_bytes());
        bytes.into()
    };
    Block {
        number,
        hash: hash(number),
        parent: hash(number - 1),
        timestamp: START.as_secs() + number * BLOCK.as_secs() - FIRST * BLOCK.as_secs(),
    }
}

/// Returns the L1 transaction of a batch.
fn transaction(index: u64) -> [u8; 32] {
    let mut tx = [0xaa; 32];
    tx[24..].copy_from_slice(&index.to_be_bytes());
    tx
}

impl Contracts {
    /// Records a snapshot.
    fn snapshot(&mut self, block: u64, time: u64) {
        let previous = self.snapshots.last().map_or(0, |(_, taken)| *taken);
        let mut prices = [Price::default(); MARKETS];
        prices[0] = Price::flat(u128::from(1_000_000 + time % 1_000));
        let snapshot = PriceSnapshot {
            time,
            previous: if self.snapshots.len() > 1 {
                previous
            } else {
                0
            },
            markets: self.markets,
            prices,
        };
        let digest = snapshot.digest();
        let change = OracleChange::Snapshot {
            digest,
            time,
            previous: snapshot.previous,
            market_root: snapshot.markets.root(),
            prices: snapshot.price_words(),
        };
        self.oracle.push(OracleEvent { block, change });
        self.snapshots.push((digest, time));
    }

    /// Returns the place of a snapshot and when it was the newest.
    fn validity(&self, digest: &Fr) -> Option<(usize, Validity)> {
        let place = self
            .snapshots
            .iter()
            .rposition(|known| known.0 == *digest)?;
        let next = self.snapshots.get(place + 1);
        let validity = Validity {
            taken: self.snapshots[place].1,
            superseded: next.map(|(_, taken)| *taken),
        };
        Some((place, validity))
    }

    /// Takes a batch in a block of this time. The error is the name of the contract's.
    fn submit(&mut self, batch: &Settlement, timestamp: u64) -> Result<(), &'static str> {
        let header = &batch.published.header;
        let last = self.settled.last();
        let last = last.map_or(0, |last| last.published.header.time);
        if batch.old_state != self.state {
            return Err("OldState");
        }
        if header.time > timestamp || header.time + 3_600 < timestamp || header.time < last {
            return Err("Time");
        }
        let Some((place, validity)) = self.validity(&header.oracle) else {
            return Err("UnknownSnapshot");
        };
        if !validity.admits(header.time) {
            return Err("SnapshotSuperseded");
        }
        if place < self.last {
            return Err("SnapshotBeforeLast");
        }
        self.last = place;
        self.state = batch.new_state;
        self.settled.push(batch.clone());
        Ok(())
    }
}

impl SettlementLayer for Chain {
    fn chain_id(&self) -> Answer<'_, u64> {
        answer(CHAIN_ID)
    }

    fn head(&self) -> Answer<'_, Head> {
        let Block {
            number, timestamp, ..
        } = self.block();
        answer(Head { number, timestamp })
    }

    fn rollup(&self) -> Answer<'_, RollupView> {
        let contracts = self.contracts();
        let last = contracts.settled.last();
        answer(RollupView {
            block: self.block(),
            state: contracts.state,
            batch_index: contracts.settled.len() as u64 + 1,
            deposit_count: 0,
            queued_deposits: 0,
            assets_root: self.assets_root,
            context: self.context,
            fee_asset: AssetId(0),
            last_time: last.map_or(0, |last| last.published.header.time),
            data_chain: [0; 32],
            shapes: Shape::ALL.to_vec(),
        })
    }

    fn block(&self, number: u64) -> Answer<'_, Option<Block>> {
        let known = (1..=self.block().number).contains(&number);
        answer(known.then(|| block_at(number)))
    }

    fn final_batches(&self) -> Answer<'_, Option<u64>> {
        answer(None)
    }

    fn deposits_mined(&self, _: u64) -> Answer<'_, u64> {
        answer(0)
    }

    fn take_backs(&self, _: u64, _: u64) -> Answer<'_, Vec<TakeBack>> {
        answer(Vec::new())
    }

    fn deposits(&self, _: u64, _: u64) -> Answer<'_, Vec<QueuedDeposit>> {
        answer(Vec::new())
    }

    fn assets(&self) -> Answer<'_, Vec<AssetInfo>> {
        answer(self.assets.clone())
    }

    fn auditors(&self) -> Answer<'_, AuditorKeys> {
        let keys = self.assets.iter().map(|info| (info.id, info.auditor));
        answer(keys.collect())
    }

    fn oracle_log(&self, from: u64) -> Answer<'_, OracleLog> {
        let Block {
            number, timestamp, ..
        } = self.block();
        let contracts = self.contracts();
        let events = contracts.oracle.iter().filter(|event| event.block >= from);
        answer(OracleLog {
            head: Head { number, timestamp },
            events: events.copied().collect(),
        })
    }

    fn snapshot_validity<'a>(&'a self, digest: &'a Fr) -> Answer<'a, Option<Validity>> {
        let found = self.contracts().validity(digest);
        answer(found.map(|(_, validity)| validity))
    }

    fn settle<'a>(&'a self, batch: &'a Settlement) -> Answer<'a, Receipt> {
        Box::pin(async move {
            let next = Duration::from_secs(self.block().timestamp) + BLOCK;
            let missed = self.clock.time() + CLOSING > next;
            self.pass(if missed { 2 } else { 1 }).await;
            let block = self.block();
            let taken = self.contracts().submit(batch, block.timestamp);
            taken.map_err(|name| SettlementError::Rejected {
                reason: name.to_owned(),
            })?;
            Ok(Receipt {
                tx: transaction(batch.published.header.batch_index),
                block: block.number,
                gas_used: 0,
                calldata_bytes: 0,
            })
        })
    }

    fn cancel<'a>(&'a self, _: u64, _: &'a Fr) -> Answer<'a, bool> {
        answer(true)
    }

    fn forget(&self, _: u64) {}

    fn accepted(&self, index: u64) -> Answer<'_, Option<Accepted>> {
        let contracts = self.contracts();
        let place = index.checked_sub(1);
        let batch = place.and_then(|place| contracts.settled.get(place as usize));
        answer(batch.map(|batch| Accepted {
            new_state: batch.new_state,
            data_commitment: batch.commitment,
            tx: transaction(index),
        }))
    }

    fn settled_batch(&self, index: u64) -> Answer<'_, Option<SettledBatch>> {
        let contracts = self.contracts();
        let place = index.checked_sub(1);
        let batch = place.and_then(|place| contracts.settled.get(place as usize));
        answer(batch.map(|batch| SettledBatch {
            published: batch.published.clone(),
            deposits: batch.published.deposits.clone(),
            new_state: batch.new_state,
            tx: transaction(index),
        }))
    }
}
