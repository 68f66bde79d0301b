//! A node that does everything that nodes do to senders, on request.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::eip2718::Decodable2718 as _,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use subrosa_clock::{Clock as _, VirtualClock};

use super::super::{
    Journal, JournalError, MemoryJournal, Repeat, Settings,
    engine::{Engine, Tools},
    journal::Book,
    node::{Call, Found, Identity, Market, Node, Refusal},
};
use crate::{
    account::Account,
    development,
    error::L1Error,
    transport::{Block, Mined, Outgoing, Tag},
};

pub(super) const CHAIN_ID: u64 = 31337;
pub(super) const DEPTH: u64 = 4;
pub(super) const GWEI: u64 = 1_000_000_000;

#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) hash: B256,
    pub(super) nonce: u64,
    pub(super) max_fee: u64,
    pub(super) tip: u64,
    pub(super) gas: u64,
    pub(super) data: Bytes,
    pub(super) to_self: bool,
}

#[derive(Debug)]
pub(super) struct State {
    /// Transactions of each block; block numbers start at 1.
    pub(super) blocks: Vec<Vec<Sent>>,
    /// Height at which each reorganisation began.
    pub(super) forks: Vec<u64>,
    pub(super) pool: BTreeMap<u64, Sent>,
    /// Every transaction that was ever handed over, in order.
    pub(super) handed: Vec<Sent>,
    pub(super) base_fee: u64,
    pub(super) balance: U256,
    /// Calldata that reverts, in simulation and when mined.
    pub(super) reverting: BTreeSet<Bytes>,
    /// Calldata that reverts when mined only.
    pub(super) reverting_when_mined: BTreeSet<Bytes>,
    /// Acknowledges transactions and forgets them.
    pub(super) forgets: bool,
    /// The gas that it estimates for a call.
    pub(super) estimate: u64,
    /// The gas that a transaction needs to be in a block. One with less is forgotten.
    pub(super) least_gas: u64,
    /// Whether a transaction with less gas is refused instead.
    pub(super) refuses_little_gas: bool,
    pub(super) unavailable: bool,
    pub(super) hangs: bool,
    /// Counts so many more transactions of the account than there are.
    pub(super) lead: u64,
    /// Shows so many blocks fewer than there are.
    pub(super) lag: usize,
    /// States blocks so much higher than they are in receipts.
    pub(super) misplaced: u64,
    /// Counts mined transactions, and has no receipts of them yet.
    pub(super) lacks_receipts: bool,
    pub(super) refuses: Option<Refusal>,
    /// Actions until the process is killed: stores and broadcasts.
    pub(super) fuse: Option<u32>,
    pub(super) dead: bool,
}

impl State {
    pub(super) fn nonce(&self) -> u64 {
        self.blocks.iter().map(|block| block.len() as u64).sum()
    }

    /// Number of blocks that the node shows.
    fn shown(&self) -> usize {
        self.blocks.len().saturating_sub(self.lag)
    }

    /// Number of the account's transactions in them.
    fn shown_nonce(&self) -> u64 {
        let shown = self.blocks.iter().take(self.shown());
        shown.map(|block| block.len() as u64).sum()
    }

    /// Returns the hash of a block: of its number and of everything that was mined until it.
    fn hash_at(&self, number: u64) -> B256 {
        let mut bytes = number.to_be_bytes().to_vec();
        let forks = self.forks.iter().filter(|from| **from < number);
        bytes.push(forks.count() as u8);
        let until = self.blocks.iter().take(number as usize).flatten();
        bytes.extend(until.flat_map(|sent| sent.hash));
        keccak256(bytes)
    }

    /// Mines a block with what the pool holds and can pay for.
    pub(super) fn mine(&mut self) {
        let mut block = Vec::new();
        let mut nonce = self.nonce();
        while let Some(sent) = self.pool.get(&nonce).cloned() {
            if sent.max_fee < self.base_fee {
                break;
            }
            self.pool.remove(&nonce);
            block.push(sent);
            nonce += 1;
        }
        self.pool.retain(|at, _| *at >= nonce);
        self.blocks.push(block);
    }

    /// Takes blocks back. Their transactions return to the pool, or are lost.
    pub(super) fn reorganise(&mut self, depth: usize, lose: bool) {
        let depth = depth.min(self.blocks.len());
        self.forks.push((self.blocks.len() - depth) as u64);
        for _ in 0..depth {
            for sent in self.blocks.pop().unwrap_or_default() {
                if !lose {
                    self.pool.entry(sent.nonce).or_insert(sent);
                }
            }
        }
    }

    pub(super) fn is_reverted(&self, sent: &Sent) -> bool {
        self.reverting.contains(&sent.data) || self.reverting_when_mined.contains(&sent.data)
    }

    /// Mined transactions with this calldata that took effect.
    pub(super) fn effects(&self, data: &Bytes) -> usize {
        let mined = self.blocks.iter().flatten();
        mined
            .filter(|sent| sent.data == *data && !sent.to_self && !self.is_reverted(sent))
            .count()
    }

    /// Somebody else uses the account.
    pub(super) fn foreign(&mut self) {
        let nonce = self.nonce();
        self.pool.remove(&nonce);
        self.blocks.push(vec![Sent {
            hash: B256::repeat_byte(nonce as u8),
            nonce,
            max_fee: GWEI,
            tip: GWEI,
            gas: 21_000,
            data: Bytes::from_static(b"foreign"),
            to_self: false,
        }]);
    }

    /// Burns a step of the fuse. Whether the process is dead.
    fn burn(&mut self) -> bool {
        if let Some(fuse) = &mut self.fuse {
            if *fuse == 0 {
                self.dead = true;
            }
            *fuse = fuse.saturating_sub(1);
        }
        self.dead
    }
}

/// World, journal and clock of one account.
#[derive(Clone)]
pub(super) struct World {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) journal: Arc<MemoryJournal>,
    pub(super) clock: VirtualClock,
    pub(super) settings: Settings,
    pub(super) account: Account,
}

impl World {
    pub(super) fn new() -> Self {
        let state = State {
            blocks: Vec::new(),
            forks: Vec::new(),
            pool: BTreeMap::new(),
            handed: Vec::new(),
            base_fee: GWEI,
            balance: U256::from(10u64).pow(U256::from(20u64)),
            reverting: BTreeSet::new(),
            reverting_when_mined: BTreeSet::new(),
            forgets: false,
            misplaced: 0,
            estimate: 100_000,
            least_gas: 0,
            refuses_little_gas: false,
            unavailable: false,
            hangs: false,
            lead: 0,
            lag: 0,
            lacks_receipts: false,
            refuses: None,
            fuse: None,
            dead: false,
        };
        let settings = Settings {
            confirmations: Some(DEPTH),
            max_fee_wei: 100 * GWEI,
            request_ms: 200,
            ..Settings::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            journal: Arc::default(),
            clock: VirtualClock::new(1_800_000_000),
            settings,
            account: development::accounts().remove(3),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn tools(&self) -> Tools {
        Tools {
            account: self.account.clone(),
            chain_id: CHAIN_ID,
            node: Arc::new(self.clone()),
            journal: Arc::new(self.clone()),
            settings: self.settings.clone(),
            clock: Arc::new(self.clock.clone()),
        }
    }

    /// Starts the process, or starts it again.
    pub(super) fn engine(&self) -> Engine {
        let mut state = self.state();
        state.fuse = None;
        state.dead = false;
        drop(state);
        Engine::new(self.tools()).unwrap()
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(super) fn mine(&self, blocks: usize) {
        for _ in 0..blocks {
            self.state().mine();
        }
    }

    /// Waits for an attempt's time and takes a step.
    pub(super) async fn patience(&self, engine: &mut Engine) {
        self.pass(self.settings.attempt_s);
        engine.step().await.unwrap();
    }

    fn check(&self) -> Result<(), L1Error> {
        let state = self.state();
        if state.unavailable || state.dead {
            return Err(L1Error::Unavailable("down".into()));
        }
        Ok(())
    }

    async fn reached(&self) -> Result<(), L1Error> {
        let hangs = self.state().hangs;
        if hangs {
            std::future::pending::<()>().await;
        }
        self.check()
    }
}

/// A call that only its calldata distinguishes, with a purpose.
pub(super) fn request(purpose: &str, repeat: Repeat) -> Outgoing {
    let data = Bytes::copy_from_slice(purpose.as_bytes());
    Outgoing::new("test", Some(Address::repeat_byte(7)), data, U256::ZERO)
        .for_purpose(purpose.into(), repeat)
}

pub(super) fn data(purpose: &str) -> Bytes {
    Bytes::copy_from_slice(purpose.as_bytes())
}

impl Journal for World {
    fn load(&self) -> Result<Book, JournalError> {
        self.journal.load()
    }

    fn save(&self, book: &Book) -> Result<(), JournalError> {
        let full = |at| JournalError::Io {
            path: at,
            source: std::io::Error::other("killed"),
        };
        // Killed before the write, or after it and before anybody knew.
        if self.state().burn() {
            return Err(full("before".into()));
        }
        self.journal.save(book)?;
        if self.state().burn() {
            return Err(full("after".into()));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Node for World {
    async fn identity(&self) -> Result<Identity, L1Error> {
        self.reached().await?;
        Ok(Identity {
            chain_id: CHAIN_ID,
            genesis: B256::ZERO,
        })
    }

    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        self.reached().await?;
        let state = self.state();
        let newest = state.shown() as u64;
        let number = match tag {
            Tag::Latest => newest,
            Tag::Safe | Tag::Finalized => return Ok(None),
            Tag::Number(number) => number,
        };
        Ok((number <= newest).then(|| Block {
            number,
            hash: state.hash_at(number),
            parent: state.hash_at(number.saturating_sub(1)),
            timestamp: number,
        }))
    }

    async fn market(&self) -> Result<Market, L1Error> {
        self.reached().await?;
        Ok(Market {
            base_fee: Some(self.state().base_fee),
            tip: 0,
            block_gas: 30_000_000,
        })
    }

    async fn mined_nonce(&self, _: Address) -> Result<u64, L1Error> {
        self.reached().await?;
        let state = self.state();
        Ok(state.shown_nonce() + state.lead)
    }

    async fn pending_nonce(&self, _: Address) -> Result<u64, L1Error> {
        self.reached().await?;
        let state = self.state();
        let mut nonce = state.shown_nonce();
        while state.pool.contains_key(&nonce) {
            nonce += 1;
        }
        Ok(nonce + state.lead)
    }

    async fn balance(&self, _: Address) -> Result<U256, L1Error> {
        self.reached().await?;
        Ok(self.state().balance)
    }

    async fn estimate(&self, _: Address, call: &Call) -> Result<u64, L1Error> {
        self.reached().await?;
        if self.state().reverting.contains(&call.data) {
            return Err(L1Error::Rejected {
                operation: "estimate",
                reason: "Paused".into(),
            });
        }
        Ok(self.state().estimate)
    }

    async fn broadcast(&self, from: Address, raw: &Bytes) -> Result<(), Refusal> {
        let unreachable = |e: L1Error| Refusal::Other(e.to_string());
        self.reached().await.map_err(unreachable)?;
        let transaction = TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap();
        let sent = Sent {
            hash: *transaction.tx_hash(),
            nonce: transaction.nonce(),
            max_fee: transaction.max_fee_per_gas() as u64,
            tip: transaction.max_priority_fee_per_gas().unwrap() as u64,
            gas: transaction.gas_limit(),
            data: transaction.input().clone(),
            to_self: transaction.to() == Some(from),
        };
        // Stored before it is sent, always.
        let book = self.journal.load().unwrap();
        let mut stored = book.open.iter().filter(|open| open.nonce == sent.nonce);
        let is_stored = stored.any(|o| o.attempts.iter().any(|a| a.hash == sent.hash));
        assert!(is_stored, "sent before it was stored: {sent:?}");
        let mut state = self.state();
        if state.burn() {
            return Err(Refusal::Other("killed".into()));
        }
        state.handed.push(sent.clone());
        if let Some(refusal) = state.refuses.clone() {
            return Err(refusal);
        }
        if sent.nonce < state.nonce() {
            return Err(Refusal::NonceTooLow);
        }
        if let Some(old) = state.pool.get(&sent.nonce) {
            if old.hash == sent.hash {
                return Err(Refusal::Known);
            }
            let enough = |new: u64, old: u64| u128::from(new) * 1_000 >= u128::from(old) * 1_125;
            if !enough(sent.max_fee, old.max_fee) || !enough(sent.tip, old.tip) {
                return Err(Refusal::Underpriced);
            }
        }
        if U256::from(sent.gas) * U256::from(sent.max_fee) > state.balance {
            return Err(Refusal::LacksEther);
        }
        if state.refuses_little_gas && sent.gas < state.least_gas {
            return Err(Refusal::Other("intrinsic gas too low".into()));
        }
        if !state.forgets && sent.gas >= state.least_gas {
            state.pool.insert(sent.nonce, sent);
        }
        Ok(())
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Found>, L1Error> {
        self.reached().await?;
        let state = self.state();
        if state.lacks_receipts {
            return Ok(None);
        }
        let mut blocks = (1u64..).zip(&state.blocks);
        let found = blocks.find_map(|(number, block)| {
            let sent = block.iter().find(|sent| sent.hash == hash)?;
            Some((number, sent))
        });
        Ok(found.map(|(block, sent)| Found {
            success: sent.to_self || !state.is_reverted(sent),
            mined: Mined {
                hash,
                block: block + state.misplaced,
                gas_used: 90_000,
                created: None,
                logs: Vec::new(),
            },
        }))
    }

    async fn replay(&self, _: Address, call: &Call, _: u64) -> Result<Option<String>, L1Error> {
        self.reached().await?;
        let state = self.state();
        let reverts = state.reverting_when_mined.contains(&call.data);
        Ok(reverts.then(|| "WrongOldState".into()))
    }
}

/// The virtual clock, for managers.
pub(super) fn unix(world: &World) -> u64 {
    world.clock.unix()
}
