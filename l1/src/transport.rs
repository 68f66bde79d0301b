//! The interface between the typed client and a chain: calls, transactions, logs.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{Address, B256, Bytes, Log, U256};

use crate::{
    account::Account,
    error::L1Error,
    transactions::{Accounts, Call, Manager, Repeat},
};

/// Newest mined block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Block number.
    pub number: u64,
    /// Its time, in Unix seconds.
    pub timestamp: u64,
}

/// Block whose state a call reads.
///
/// Both variants name a mined block. The pending block has no variant: it holds transactions that
/// their senders can still replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Newest mined block.
    Latest,
    /// Block with this number. Calls whose answers must agree name the same block.
    Block(u64),
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
    pub(crate) fn call(&self) -> Call {
        Call {
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

/// A log, with the transaction that emitted it.
#[derive(Debug, Clone)]
pub struct FoundLog {
    /// The log.
    pub log: Log,
    /// Number of its block.
    pub block: u64,
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
    /// Executes a read-only call on the state after the block `at`.
    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error>;
    /// Returns the managers of the accounts that send here.
    fn accounts(&self) -> &Accounts;
    /// Returns the transaction manager of an account. Everything that the account sends goes
    /// through it.
    async fn manager(&self, account: &Account) -> Result<Manager, L1Error>;
    /// Sends a transaction and waits until it is mined, for a bounded time. A revert is
    /// [`L1Error::Rejected`].
    async fn send(&self, from: &Account, outgoing: Outgoing) -> Result<Mined, L1Error> {
        self.manager(from).await?.send(outgoing).await
    }
    /// Returns the logs of `address` whose first topics are `topics`, from block `from` to the
    /// newest mined block, oldest first.
    async fn logs(
        &self,
        address: Address,
        topics: Vec<B256>,
        from: u64,
    ) -> Result<Vec<FoundLog>, L1Error>;
    /// Returns the calldata of a mined transaction; `None` if it is unknown or not mined.
    async fn calldata(&self, transaction: B256) -> Result<Option<Bytes>, L1Error>;
    /// Returns the wei that an account holds in the newest mined block.
    async fn ether(&self, owner: Address) -> Result<U256, L1Error>;
}

#[async_trait::async_trait]
impl<T: Transport + ?Sized> Transport for std::sync::Arc<T> {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        (**self).chain_id().await
    }

    async fn head(&self) -> Result<Head, L1Error> {
        (**self).head().await
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

    fn accounts(&self) -> &Accounts {
        (**self).accounts()
    }

    async fn manager(&self, account: &Account) -> Result<Manager, L1Error> {
        (**self).manager(account).await
    }

    async fn send(&self, from: &Account, outgoing: Outgoing) -> Result<Mined, L1Error> {
        (**self).send(from, outgoing).await
    }

    async fn logs(
        &self,
        address: Address,
        topics: Vec<B256>,
        from: u64,
    ) -> Result<Vec<FoundLog>, L1Error> {
        (**self).logs(address, topics, from).await
    }

    async fn calldata(&self, transaction: B256) -> Result<Option<Bytes>, L1Error> {
        (**self).calldata(transaction).await
    }

    async fn ether(&self, owner: Address) -> Result<U256, L1Error> {
        (**self).ether(owner).await
    }
}
