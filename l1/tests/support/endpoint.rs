//! An endpoint of the embedded chain that can lie about logs.

use std::sync::{Arc, Mutex};

use alloy_primitives::{Address, B256, Bytes, U256};
use subrosa_clock::VirtualClock;
use subrosa_l1::{
    At, Block, EmbeddedTransport, FoundLog, Head, L1Error, LogQuery, Tag, Transport,
    transactions::{Accounts, Node},
};

/// Makes a false answer of a true one for logs.
pub(crate) type Alter = fn(Vec<FoundLog>) -> Vec<FoundLog>;

/// An endpoint whose answers for logs can be false.
pub(crate) struct Endpoint {
    chain: EmbeddedTransport,
    pub(crate) alter: Mutex<Alter>,
}

impl Endpoint {
    /// Makes an honest endpoint of a new chain.
    pub(crate) fn new(funded: &[Address], clock: &VirtualClock) -> Arc<Self> {
        Arc::new(Self {
            chain: EmbeddedTransport::with_clock(funded, Arc::new(clock.clone())),
            alter: Mutex::new(|logs| logs),
        })
    }
}

#[async_trait::async_trait]
impl Transport for Endpoint {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.chain.chain_id().await
    }
    async fn head(&self) -> Result<Head, L1Error> {
        self.chain.head().await
    }
    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        self.chain.block(tag).await
    }
    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error> {
        self.chain.call(operation, to, data, at).await
    }
    fn accounts(&self) -> &Accounts {
        self.chain.accounts()
    }
    fn node(&self) -> Arc<dyn Node> {
        self.chain.node()
    }
    async fn logs(&self, query: LogQuery) -> Result<Vec<FoundLog>, L1Error> {
        let alter = *self.alter.lock().unwrap();
        Ok(alter(self.chain.logs(query).await?))
    }
    async fn calldata(
        &self,
        transaction: B256,
        block: Option<B256>,
    ) -> Result<Option<Bytes>, L1Error> {
        self.chain.calldata(transaction, block).await
    }
    async fn ether(&self, owner: Address) -> Result<U256, L1Error> {
        self.chain.ether(owner).await
    }
    async fn gas_price(&self) -> Result<u128, L1Error> {
        self.chain.gas_price().await
    }
}
