//! A chain in this process: revm over an in-memory database, one block for each transaction.
//!
//! It runs the real contracts with the real gas schedule (Prague); a development machine needs no
//! node. Its blocks have the time of a [`Clock`]. It checks no signatures: a holder of the chain
//! can send as any [`Account`](crate::Account). Therefore it has a development chain id only.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::eip2718::Decodable2718 as _,
};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use revm::{
    Context, DatabaseCommit, DatabaseRef, ExecuteEvm, MainBuilder, MainContext,
    context::{
        BlockEnv, CfgEnv, TxEnv,
        result::{ExecutionResult, Output},
    },
    database::{CacheDB, EmptyDB},
    primitives::hardfork::SpecId,
    state::{AccountInfo, EvmState},
};
use subrosa_clock::{Clock, SystemClock};

use crate::{
    contracts::error_text,
    error::L1Error,
    transactions::{
        Accounts,
        node::{Call, Found, Identity, Market, Node, Refusal},
    },
    transport::{At, Block, FoundLog, Head, LogQuery, Mined, Tag, Transport},
};

/// Chain id of the embedded chain: the development id that anvil uses as well.
pub const CHAIN_ID: u64 = 31337;
/// Gas limit of a block, and of each transaction.
const GAS_LIMIT: u64 = 36_000_000;

/// Values that a block replaced. They restore the state before it.
struct Replaced {
    /// Time of the previous block.
    timestamp: u64,
    accounts: Vec<(Address, AccountInfo)>,
    slots: Vec<(Address, U256, U256)>,
}

struct Chain {
    clock: Arc<dyn Clock>,
    db: CacheDB<EmptyDB>,
    number: u64,
    timestamp: u64,
    /// One entry for each block, from block 1 on.
    replaced: Vec<Replaced>,
    /// Hash of each block, from block 0 on.
    hashes: Vec<B256>,
    /// Blocks by which the newest final block is behind the newest one.
    finality: u64,
    logs: Vec<FoundLog>,
    mined: HashMap<B256, (Found, Bytes)>,
}

/// The embedded chain.
pub struct EmbeddedTransport {
    chain: Shared,
    accounts: Accounts,
}

/// The chain, as transport and transaction managers share it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Chain>>);

impl std::fmt::Debug for EmbeddedTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedTransport").finish_non_exhaustive()
    }
}

impl EmbeddedTransport {
    /// Starts a chain on the system's clock, on which each of `funded` holds 10,000 ether.
    #[must_use]
    pub fn new(funded: &[Address]) -> Self {
        Self::with_clock(funded, SystemClock::shared())
    }

    /// Starts a chain whose blocks have the time of `clock`.
    #[must_use]
    pub fn with_clock(funded: &[Address], clock: Arc<dyn Clock>) -> Self {
        let mut db = CacheDB::new(EmptyDB::default());
        for address in funded {
            let balance = U256::from(10_000u64) * U256::from(10u64).pow(U256::from(18u64));
            db.insert_account_info(
                *address,
                AccountInfo {
                    balance,
                    ..AccountInfo::default()
                },
            );
        }
        let timestamp = clock.unix();
        Self {
            chain: Shared(Arc::new(Mutex::new(Chain {
                db,
                number: 0,
                timestamp,
                clock,
                replaced: Vec::new(),
                hashes: vec![block_hash(B256::ZERO, 0, timestamp)],
                finality: 0,
                logs: Vec::new(),
                mined: HashMap::new(),
            }))),
            accounts: Accounts::volatile(),
        }
    }

    /// Makes a block safe and final once so many blocks follow it. The default is 0: this chain
    /// never goes back, and it mines only when somebody sends a transaction.
    #[must_use]
    pub fn with_finality(self, blocks: u64) -> Self {
        self.with(|chain| chain.finality = blocks);
        self
    }

    fn with<T>(&self, f: impl FnOnce(&mut Chain) -> T) -> T {
        self.chain.with(f)
    }
}

impl Shared {
    fn with<T>(&self, f: impl FnOnce(&mut Chain) -> T) -> T {
        // A panic under the lock can leave incomplete logs. The database stays sound, because revm
        // commits a transaction in one step.
        let mut chain = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        f(&mut chain)
    }
}

/// Returns the hash of a block. It depends on the hash of the block before it.
fn block_hash(parent: B256, number: u64, timestamp: u64) -> B256 {
    keccak256(
        [
            parent.as_slice(),
            &number.to_be_bytes(),
            &timestamp.to_be_bytes(),
        ]
        .concat(),
    )
}

impl Chain {
    /// Returns the time of a block that is mined now. It is never before the newest block.
    fn now(&self) -> u64 {
        self.timestamp.max(self.clock.unix())
    }

    fn cfg() -> CfgEnv {
        let mut cfg = CfgEnv::new_with_spec(SpecId::PRAGUE).with_chain_id(CHAIN_ID);
        // Read-only calls have no nonce.
        cfg.disable_nonce_check = true;
        cfg
    }

    fn block(number: u64, timestamp: u64) -> BlockEnv {
        BlockEnv {
            number: U256::from(number),
            timestamp: U256::from(timestamp),
            gas_limit: GAS_LIMIT,
            basefee: 0,
            prevrandao: Some(keccak256(number.to_be_bytes())),
            ..BlockEnv::default()
        }
    }

    fn environment(
        caller: Address,
        to: Option<Address>,
        data: Bytes,
        value: U256,
        nonce: u64,
    ) -> TxEnv {
        TxEnv {
            caller,
            kind: to.map_or(TxKind::Create, TxKind::Call),
            data,
            value,
            gas_limit: GAS_LIMIT,
            gas_price: 0,
            nonce,
            chain_id: Some(CHAIN_ID),
            ..TxEnv::default()
        }
    }

    fn nonce(&mut self, address: Address) -> u64 {
        self.db
            .load_account(address)
            .ok()
            .and_then(|account| account.info())
            .map_or(0, |info| info.nonce)
    }

    fn balance(&mut self, owner: Address) -> Result<U256, L1Error> {
        let account = self
            .db
            .load_account(owner)
            .map_err(|e| L1Error::Protocol(e.to_string()))?;
        Ok(account.info().map_or(U256::ZERO, |info| info.balance))
    }

    fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error> {
        let number = match at {
            At::Latest => self.number,
            At::Block(number) if number <= self.number => number,
            At::Block(number) => {
                return Err(L1Error::Unavailable(format!(
                    "block {number} is not mined yet"
                )));
            }
            // Readers name recent blocks.
            At::Hash(hash) => {
                let place = self.hashes.iter().rposition(|known| *known == hash);
                place.ok_or_else(|| L1Error::Unavailable("no block has this hash".into()))? as u64
            }
        };
        let (db, timestamp) = self.state_after(number)?;
        let env = Self::environment(Address::ZERO, Some(to), data, U256::ZERO, 0);
        let mut evm = Context::mainnet()
            .with_db(db)
            .with_cfg(Self::cfg())
            .with_block(Self::block(number, timestamp))
            .build_mainnet();
        let result = evm
            .transact(env)
            .map_err(|e| L1Error::Protocol(e.to_string()))?
            .result;
        match result {
            ExecutionResult::Success { output, .. } => Ok(output.into_data()),
            other => Err(rejected(operation, &other)),
        }
    }

    fn block_of(&self, tag: Tag) -> Option<Block> {
        let number = match tag {
            Tag::Latest => self.number,
            Tag::Safe | Tag::Finalized => self.number.saturating_sub(self.finality),
            Tag::Number(number) => number,
        };
        let place = usize::try_from(number).ok()?;
        let hash = *self.hashes.get(place)?;
        let parent = place.checked_sub(1).map(|before| self.hashes[before]);
        // The entry of the next block holds this one's time.
        let timestamp = self
            .replaced
            .get(place)
            .map_or(self.timestamp, |replaced| replaced.timestamp);
        Some(Block {
            number,
            hash,
            parent: parent.unwrap_or_default(),
            timestamp,
        })
    }

    /// Returns the state after the block `number`, and its time. The newest block's time is now.
    fn state_after(&self, number: u64) -> Result<(CacheDB<&CacheDB<EmptyDB>>, u64), L1Error> {
        let mut db = CacheDB::new(&self.db);
        let mut timestamp = self.now();
        let first = usize::try_from(number).unwrap_or(usize::MAX);
        for replaced in self.replaced.iter().skip(first).rev() {
            timestamp = replaced.timestamp;
            for (address, info) in &replaced.accounts {
                db.insert_account_info(*address, info.clone());
            }
            for (address, slot, value) in &replaced.slots {
                db.insert_account_storage(*address, *slot, *value)
                    .map_err(|e| L1Error::Protocol(e.to_string()))?;
            }
        }
        Ok((db, timestamp))
    }

    /// Commits a block's changes and keeps the values that they replace.
    fn mine(&mut self, changes: EvmState, timestamp: u64) -> Result<(), L1Error> {
        let mut replaced = Replaced {
            timestamp: self.timestamp,
            accounts: Vec::new(),
            slots: Vec::new(),
        };
        let failed = |e: std::convert::Infallible| L1Error::Protocol(e.to_string());
        for (address, account) in &changes {
            let info = self.db.basic_ref(*address).map_err(failed)?;
            replaced.accounts.push((*address, info.unwrap_or_default()));
            for (slot, _) in account.changed_storage_slots() {
                let value = self.db.storage_ref(*address, *slot).map_err(failed)?;
                replaced.slots.push((*address, *slot, value));
            }
        }
        self.db.commit(changes);
        self.replaced.push(replaced);
        self.number += 1;
        self.timestamp = timestamp;
        let parent = self.hashes.last().copied().unwrap_or_default();
        self.hashes.push(block_hash(parent, self.number, timestamp));
        Ok(())
    }

    /// Executes a call of `from` on the present state without mining it.
    fn execute(&self, from: Address, call: &Call) -> Result<ExecutionResult, L1Error> {
        let (db, timestamp) = self.state_after(self.number)?;
        let env = Self::environment(from, call.to, call.data.clone(), call.value, 0);
        let mut evm = Context::mainnet()
            .with_db(db)
            .with_cfg(Self::cfg())
            .with_block(Self::block(self.number + 1, timestamp))
            .build_mainnet();
        match evm.transact(env) {
            Ok(executed) => Ok(executed.result),
            Err(e) => Err(L1Error::Rejected {
                operation: "estimate",
                reason: e.to_string(),
            }),
        }
    }

    /// Mines a block with a transaction of `from`, whether it succeeds or reverts.
    fn send(&mut self, from: Address, transaction: &TxEnvelope) -> Result<(), Refusal> {
        let nonce = self.nonce(from);
        if transaction.nonce() < nonce {
            return Err(Refusal::NonceTooLow);
        }
        if transaction.nonce() > nonce {
            return Err(Refusal::Other("the nonce is too high".into()));
        }
        let data = transaction.input().clone();
        let env = Self::environment(
            from,
            transaction.to(),
            data.clone(),
            transaction.value(),
            nonce,
        );
        let number = self.number + 1;
        let timestamp = self.now();
        let failed = |e: String| Refusal::Other(e);
        let executed = {
            let mut evm = Context::mainnet()
                .with_db(&mut self.db)
                .with_cfg(Self::cfg())
                .with_block(Self::block(number, timestamp))
                .build_mainnet();
            evm.transact(env).map_err(|e| failed(e.to_string()))?
        };
        self.mine(executed.state, timestamp)
            .map_err(|e| failed(e.to_string()))?;
        let hash = *transaction.tx_hash();
        let gas_used = executed.result.tx_gas_used();
        let mut mined = Mined {
            hash,
            block: number,
            gas_used,
            created: None,
            logs: Vec::new(),
        };
        let success = executed.result.is_success();
        if let ExecutionResult::Success { logs, output, .. } = executed.result {
            if let Output::Create(_, address) = output {
                mined.created = address;
            }
            let block_hash = self.hashes.last().copied().unwrap_or_default();
            self.logs.extend(logs.iter().map(|log: &Log| FoundLog {
                log: log.clone(),
                block: number,
                block_hash,
                transaction: hash,
            }));
            mined.logs = logs;
        }
        self.mined.insert(hash, (Found { mined, success }, data));
        Ok(())
    }
}

fn rejected(operation: &'static str, result: &ExecutionResult) -> L1Error {
    let reason = match result {
        ExecutionResult::Revert { output, .. } => error_text(output),
        ExecutionResult::Halt { reason, .. } => format!("halted: {reason:?}"),
        ExecutionResult::Success { .. } => "succeeded".into(),
    };
    L1Error::Rejected { operation, reason }
}

#[async_trait::async_trait]
impl Transport for EmbeddedTransport {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        Ok(CHAIN_ID)
    }

    async fn head(&self) -> Result<Head, L1Error> {
        Ok(self.with(|chain| Head {
            number: chain.number,
            timestamp: chain.now(),
        }))
    }

    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        Ok(self.with(|chain| chain.block_of(tag)))
    }

    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error> {
        self.with(|chain| chain.call(operation, to, data, at))
    }

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    fn node(&self) -> Arc<dyn Node> {
        Arc::new(self.chain.clone())
    }

    async fn logs(&self, query: LogQuery) -> Result<Vec<FoundLog>, L1Error> {
        Ok(self.with(|chain| {
            let first = chain.logs.partition_point(|found| found.block < query.from);
            let end = chain.logs.partition_point(|found| found.block <= query.to);
            chain.logs[first..end.max(first)]
                .iter()
                .filter(|found| {
                    query.addresses.contains(&found.log.address)
                        && found.log.topics().starts_with(&query.topics)
                })
                .cloned()
                .collect()
        }))
    }

    async fn calldata(&self, transaction: B256, _: Option<B256>) -> Result<Option<Bytes>, L1Error> {
        Ok(self.with(|chain| {
            let found = chain.mined.get(&transaction);
            found.map(|(_, calldata)| calldata.clone())
        }))
    }

    async fn ether(&self, owner: Address) -> Result<U256, L1Error> {
        self.with(|chain| chain.balance(owner))
    }

    /// Its transactions cost nothing.
    async fn gas_price(&self) -> Result<u128, L1Error> {
        Ok(0)
    }
}

/// Gas is free here, and every transaction is mined when it arrives.
#[async_trait::async_trait]
impl Node for Shared {
    async fn identity(&self) -> Result<Identity, L1Error> {
        Ok(Identity {
            chain_id: CHAIN_ID,
            genesis: B256::ZERO,
        })
    }

    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        Ok(self.with(|chain| chain.block_of(tag)))
    }

    async fn market(&self) -> Result<Market, L1Error> {
        Ok(Market {
            base_fee: None,
            tip: 0,
            block_gas: GAS_LIMIT,
        })
    }

    async fn mined_nonce(&self, account: Address) -> Result<u64, L1Error> {
        Ok(self.with(|chain| chain.nonce(account)))
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, L1Error> {
        self.mined_nonce(account).await
    }

    async fn balance(&self, account: Address) -> Result<U256, L1Error> {
        self.with(|chain| chain.balance(account))
    }

    async fn estimate(&self, from: Address, call: &Call) -> Result<u64, L1Error> {
        match self.with(|chain| chain.execute(from, call))? {
            // Every transaction may use up a block.
            ExecutionResult::Success { .. } => Ok(GAS_LIMIT),
            other => Err(rejected("estimate", &other)),
        }
    }

    async fn broadcast(&self, from: Address, raw: &Bytes) -> Result<(), Refusal> {
        let transaction = TxEnvelope::decode_2718(&mut raw.as_ref())
            .map_err(|e| Refusal::Other(e.to_string()))?;
        self.with(|chain| chain.send(from, &transaction))
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Found>, L1Error> {
        Ok(self.with(|chain| chain.mined.get(&hash).map(|(found, _)| found.clone())))
    }

    async fn replay(&self, from: Address, call: &Call, _: u64) -> Result<Option<String>, L1Error> {
        let result = self.with(|chain| chain.execute(from, call))?;
        Ok(match rejected("replay", &result) {
            L1Error::Rejected { reason, .. } if !result.is_success() => Some(reason),
            _ => None,
        })
    }
}
