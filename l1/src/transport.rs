//! The interface between the typed client and a chain: calls, transactions, logs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use alloy_sol_types::SolCall;

use crate::{
    account::Account,
    error::L1Error,
    status::Status,
    transactions::{self, Accounts, Manager, Node, Repeat},
};

/// Newest mined block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Block number.
    pub number: u64,
    /// Its time, in Unix seconds.
    pub timestamp: u64,
}

/// A mined block. Its hash identifies it: after a reorganisation another block has its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Block {
    /// Block number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Hash of the block before it.
    pub parent: B256,
    /// Its time, in Unix seconds.
    pub timestamp: u64,
}

/// Name of a block of the canonical chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Newest mined block.
    Latest,
    /// Newest block that only an attack on the consensus can replace.
    Safe,
    /// Newest block that nothing replaces any more.
    Finalized,
    /// Block with this number.
    Number(u64),
}

/// Block whose state a call reads.
///
/// All variants name a mined block. The pending block has no variant: it holds transactions that
/// their senders can still replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Newest mined block.
    Latest,
    /// Block with this number.
    Block(u64),
    /// Block with this hash. Calls whose answers must agree name the same hash: two blocks of one
    /// number can answer differently.
    Hash(B256),
}

/// A read-only call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Name of the operation, for error messages.
    pub operation: &'static str,
    /// Contract called.
    pub to: Address,
    /// Calldata.
    pub data: Bytes,
}

/// Logs to look for.
#[derive(Debug, Clone)]
pub struct LogQuery {
    /// Contracts that emitted them; any of these.
    pub addresses: Vec<Address>,
    /// Their first topics, in order; at most four.
    pub topics: Vec<B256>,
    /// First block, inclusive.
    pub from: u64,
    /// Last block, inclusive. It must be mined.
    pub to: u64,
}

/// A transaction to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Name of the operation, for error messages.
    pub operation: &'static str,
    /// Contract or account called; `None` creates a contract.
    pub to: Option<Address>,
    /// Calldata, or the init code of the contract to create.
    pub data: Bytes,
    /// Wei sent with it.
    pub value: U256,
    /// The caller's name for what it does, such as `settle/17/…`. While a transaction of this
    /// purpose can be mined, no second one is sent. The part before the first `/` is shown to
    /// operators.
    pub purpose: String,
    /// The meaning of another request for the purpose once its transaction is mined.
    pub repeat: Repeat,
    /// Gas to allow beyond the node's estimate and the configured margin.
    pub spare_gas: u64,
}

impl Outgoing {
    /// Makes a transaction with a purpose of its own, which no other request joins.
    #[must_use]
    pub fn new(operation: &'static str, to: Option<Address>, data: Bytes, value: U256) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // A purpose of an earlier process can be in the journal.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = now.map_or(0, |time| time.as_nanos());
        let process = std::process::id();
        Self {
            operation,
            to,
            data,
            value,
            purpose: format!("{operation}/{nanos}-{process}-{count}"),
            repeat: Repeat::Always,
            spare_gas: 0,
        }
    }

    /// Gives the transaction a purpose.
    #[must_use]
    pub fn for_purpose(mut self, purpose: String, repeat: Repeat) -> Self {
        self.purpose = purpose;
        self.repeat = repeat;
        self
    }

    /// Returns the call.
    pub(crate) fn call(&self) -> transactions::Call {
        transactions::Call {
            to: self.to,
            data: self.data.clone(),
            value: self.value,
        }
    }
}

/// A mined, successful transaction.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Mined {
    /// Transaction hash.
    pub hash: B256,
    /// Block number.
    pub block: u64,
    /// Gas used, refunds included.
    pub gas_used: u64,
    /// Address of the contract that it created, if it created one.
    pub created: Option<Address>,
    /// Logs that it emitted.
    pub logs: Vec<Log>,
}

/// A log, with its block and the transaction that emitted it.
#[derive(Debug, Clone)]
pub struct FoundLog {
    /// The log.
    pub log: Log,
    /// Number of its block.
    pub block: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// Hash of its transaction.
    pub transaction: B256,
}

/// A chain, embedded or behind JSON-RPC. The typed client needs nothing else of it.
#[async_trait::async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Returns the EIP-155 chain id.
    async fn chain_id(&self) -> Result<u64, L1Error>;
    /// Returns the newest mined block.
    async fn head(&self) -> Result<Head, L1Error>;
    /// Returns a block. `None` if no block has this number yet, or if the node does not know what
    /// is safe or finalized, as some development nodes do not.
    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error>;
    /// Executes a read-only call on the state after the block `at`.
    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error>;
    /// Executes several read-only calls on the state after the block `at`, in as few requests as
    /// the node allows. The inner errors are reverts, each of its own call.
    async fn calls(
        &self,
        calls: Vec<Call>,
        at: At,
    ) -> Result<Vec<Result<Bytes, L1Error>>, L1Error> {
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            match self.call(call.operation, call.to, call.data, at).await {
                Err(other) if !matches!(other, L1Error::Rejected { .. }) => return Err(other),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }
    /// Returns the managers of the accounts that send here.
    fn accounts(&self) -> &Accounts;
    /// Returns the part of the chain that a transaction manager needs. It holds no managers.
    fn node(&self) -> Arc<dyn Node>;
    /// Returns the transaction manager of an account. Everything that the account sends goes
    /// through it.
    async fn manager(&self, account: &Account) -> Result<Manager, L1Error> {
        self.accounts().manager(account, || self.node()).await
    }
    /// Sends a transaction and waits until it is mined, for a bounded time. A revert is
    /// [`L1Error::Rejected`].
    async fn send(&self, from: &Account, outgoing: Outgoing) -> Result<Mined, L1Error> {
        self.manager(from).await?.send(outgoing).await
    }
    /// Returns the logs that `query` asks for, oldest first.
    ///
    /// The work of one call is bounded: a range of too many requests is
    /// [`L1Error::Unavailable`], and the caller asks for parts of it.
    async fn logs(&self, query: LogQuery) -> Result<Vec<FoundLog>, L1Error>;
    /// Returns the calldata of a mined transaction; `None` if it is unknown or not mined.
    ///
    /// Nodes forget in which block an old transaction is. With the hash of its `block` they find it
    /// all the same.
    async fn calldata(
        &self,
        transaction: B256,
        block: Option<B256>,
    ) -> Result<Option<Bytes>, L1Error>;
    /// Returns the wei that an account holds in the newest mined block.
    async fn ether(&self, owner: Address) -> Result<U256, L1Error>;
    /// Returns the state of the connection; `None` for a chain without one.
    fn status(&self) -> Option<Status> {
        None
    }
    /// Returns the wei that a unit of gas costs at present.
    async fn gas_price(&self) -> Result<u128, L1Error>;
}

/// Calls a contract that may be absent or another one: an answer that does not decode means a wrong
/// address.
pub(crate) async fn read<C: SolCall>(
    transport: &dyn Transport,
    at: At,
    operation: &'static str,
    to: Address,
    call: C,
) -> Result<C::Return, L1Error> {
    let data = call.abi_encode().into();
    let answer = transport.call(operation, to, data, at).await?;
    C::abi_decode_returns(&answer).map_err(|e| L1Error::Protocol(format!("{operation}: {e}")))
}

#[async_trait::async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        (**self).chain_id().await
    }

    async fn head(&self) -> Result<Head, L1Error> {
        (**self).head().await
    }

    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        (**self).block(tag).await
    }

    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error> {
        (**self).call(operation, to, data, at).await
    }

    async fn calls(
        &self,
        calls: Vec<Call>,
        at: At,
    ) -> Result<Vec<Result<Bytes, L1Error>>, L1Error> {
        (**self).calls(calls, at).await
    }

    fn accounts(&self) -> &Accounts {
        (**self).accounts()
    }

    fn node(&self) -> Arc<dyn Node> {
        (**self).node()
    }

    async fn manager(&self, account: &Account) -> Result<Manager, L1Error> {
        (**self).manager(account).await
    }

    async fn send(&self, from: &Account, outgoing: Outgoing) -> Result<Mined, L1Error> {
        (**self).send(from, outgoing).await
    }

    async fn logs(&self, query: LogQuery) -> Result<Vec<FoundLog>, L1Error> {
        (**self).logs(query).await
    }

    async fn calldata(
        &self,
        transaction: B256,
        block: Option<B256>,
    ) -> Result<Option<Bytes>, L1Error> {
        (**self).calldata(transaction, block).await
    }

    async fn ether(&self, owner: Address) -> Result<U256, L1Error> {
        (**self).ether(owner).await
    }

    fn status(&self) -> Option<Status> {
        (**self).status()
    }

    async fn gas_price(&self) -> Result<u128, L1Error> {
        (**self).gas_price().await
    }
}
