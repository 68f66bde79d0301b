//! The narrow waist between the typed client and a chain: calls, transactions, logs.

use alloy_primitives::{Address, B256, Bytes, Log, U256};

use crate::{account::Account, error::L1Error};

/// The newest block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Height.
    pub number: u64,
    /// Unix seconds.
    pub timestamp: u64,
}

/// Block whose state a call reads.
///
/// Every choice names a mined block. The pending block is not among them: it holds transactions that
/// their senders can still replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest mined block.
    Latest,
    /// The block of this height. The calls of one view name the same block, so that they agree.
    Block(u64),
}

/// A transaction to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What it does, for error messages.
    pub operation: &'static str,
    /// Callee; `None` creates a contract.
    pub to: Option<Address>,
    /// Calldata, or init code.
    pub data: Bytes,
    /// Wei sent along.
    pub value: U256,
}

/// A mined, successful transaction.
#[derive(Debug, Clone)]
pub struct Mined {
    /// Transaction hash.
    pub hash: B256,
    /// Block number.
    pub block: u64,
    /// Gas used, refunds included.
    pub gas_used: u64,
    /// The contract created, if it created one.
    pub created: Option<Address>,
    /// Logs of the transaction.
    pub logs: Vec<Log>,
}

/// A log and the transaction that emitted it.
#[derive(Debug, Clone)]
pub struct FoundLog {
    /// The log.
    pub log: Log,
    /// Its block.
    pub block: u64,
    /// Hash of its transaction.
    pub transaction: B256,
}

/// A chain: embedded or behind JSON-RPC. Everything typed is built on these six calls.
#[async_trait::async_trait]
pub trait Transport: Send + Sync + 'static {
    /// EIP-155 chain id.
    async fn chain_id(&self) -> Result<u64, L1Error>;
    /// The newest block.
    async fn head(&self) -> Result<Head, L1Error>;
    /// Executes a read-only call on the state after the block `at`.
    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error>;
    /// Sends a transaction and waits until it is mined; a revert is [`L1Error::Rejected`].
    async fn send(&self, from: &Account, outgoing: Outgoing) -> Result<Mined, L1Error>;
    /// Logs of `address` whose first topics are `topics`, from block `from` to the newest mined
    /// block, oldest first.
    async fn logs(
        &self,
        address: Address,
        topics: Vec<B256>,
        from: u64,
    ) -> Result<Vec<FoundLog>, L1Error>;
    /// Calldata of a mined transaction; `None` if it is unknown or not mined.
    async fn calldata(&self, transaction: B256) -> Result<Option<Bytes>, L1Error>;
    /// Wei held by an account in the newest mined block.
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
