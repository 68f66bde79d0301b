//! An L1 behind JSON-RPC, through alloy.

use std::time::Duration;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    network::{EthereumWallet, TransactionBuilder},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{Filter, TransactionRequest},
    transports::{RpcError, TransportErrorKind},
};
use alloy_primitives::{Address, B256, Bytes, U256};

use crate::{
    account::Account,
    contracts::error_name,
    error::L1Error,
    transport::{At, FoundLog, Head, Mined, Outgoing, Transport},
};

/// Time within which a sent transaction must be mined.
const MINING_TIMEOUT: Duration = Duration::from_secs(120);

/// A chain behind a JSON-RPC node.
#[derive(Clone)]
pub struct RpcTransport {
    url: reqwest::Url,
    provider: DynProvider,
}

impl std::fmt::Debug for RpcTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may carry an access token.
        f.debug_struct("RpcTransport")
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}

impl RpcTransport {
    /// Builds a transport. It connects to `url` with the first request.
    ///
    /// # Errors
    /// [`L1Error::Protocol`] if `url` is malformed.
    pub fn new(url: &str) -> Result<Self, L1Error> {
        let url: reqwest::Url = url
            .parse()
            .map_err(|_| L1Error::Protocol("the L1 endpoint is not a valid URL".into()))?;
        let provider = ProviderBuilder::new().connect_http(url.clone()).erased();
        Ok(Self { url, provider })
    }

    /// Sends a request that the typed calls do not cover, such as those of development nodes.
    pub(crate) async fn request(
        &self,
        method: &'static str,
        params: serde_json::Value,
    ) -> Result<serde_json::Value, L1Error> {
        self.provider
            .raw_request(method.into(), params)
            .await
            .map_err(|e| failure(method, e))
    }

    fn with_wallet(&self, account: &Account) -> DynProvider {
        ProviderBuilder::new()
            .wallet(EthereumWallet::from(account.signer().clone()))
            .connect_http(self.url.clone())
            .erased()
    }
}

fn block_id(at: At) -> BlockId {
    match at {
        At::Latest => BlockId::latest(),
        At::Block(number) => BlockId::number(number),
    }
}

fn failure(operation: &'static str, error: RpcError<TransportErrorKind>) -> L1Error {
    match error {
        RpcError::ErrorResp(payload) => match payload.as_revert_data() {
            Some(data) => L1Error::Rejected {
                operation,
                reason: error_name(&data),
            },
            None if payload.message.contains("revert") => L1Error::Rejected {
                operation,
                reason: payload.message.to_string(),
            },
            None => L1Error::Unavailable(payload.message.to_string()),
        },
        RpcError::DeserError { err, .. } => L1Error::Protocol(err.to_string()),
        RpcError::SerError(err) => L1Error::Protocol(err.to_string()),
        other => L1Error::Unavailable(other.to_string()),
    }
}

#[async_trait::async_trait]
impl Transport for RpcTransport {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.provider
            .get_chain_id()
            .await
            .map_err(|e| failure("chainId", e))
    }

    async fn head(&self) -> Result<Head, L1Error> {
        let block = self
            .provider
            .get_block_by_number(BlockNumberOrTag::Latest)
            .await
            .map_err(|e| failure("head", e))?
            .ok_or_else(|| L1Error::Protocol("the node has no latest block".into()))?;
        Ok(Head {
            number: block.header.number,
            timestamp: block.header.timestamp,
        })
    }

    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error> {
        let request = TransactionRequest::default().with_to(to).with_input(data);
        // Without a block, alloy asks for the pending one.
        self.provider
            .call(request)
            .block(block_id(at))
            .await
            .map_err(|e| failure(operation, e))
    }

    async fn send(&self, from: &Account, outgoing: Outgoing) -> Result<Mined, L1Error> {
        let operation = outgoing.operation;
        let mut request = TransactionRequest::default()
            .with_from(from.address())
            .with_value(outgoing.value)
            .with_input(outgoing.data);
        request = match outgoing.to {
            Some(to) => request.with_to(to),
            None => request.with_kind(alloy_primitives::TxKind::Create),
        };
        // Estimated here because alloy estimates on the pending block.
        let gas = self
            .provider
            .estimate_gas(request.clone())
            .block(block_id(At::Latest))
            .await
            .map_err(|e| failure(operation, e))?;
        let receipt = self
            .with_wallet(from)
            .send_transaction(request.with_gas_limit(gas))
            .await
            .map_err(|e| failure(operation, e))?
            .with_timeout(Some(MINING_TIMEOUT))
            .get_receipt()
            .await
            .map_err(|e| L1Error::Unavailable(e.to_string()))?;
        if !receipt.status() {
            return Err(L1Error::Rejected {
                operation,
                reason: "it reverted when it was mined".into(),
            });
        }
        Ok(Mined {
            hash: receipt.transaction_hash,
            block: receipt.block_number.unwrap_or_default(),
            gas_used: receipt.gas_used,
            created: receipt.contract_address,
            logs: receipt
                .inner
                .logs()
                .iter()
                .map(|log| log.inner.clone())
                .collect(),
        })
    }

    async fn logs(
        &self,
        address: Address,
        topics: Vec<B256>,
        from: u64,
    ) -> Result<Vec<FoundLog>, L1Error> {
        let mut filter = Filter::new()
            .address(address)
            .from_block(from)
            .to_block(BlockNumberOrTag::Latest);
        for (place, topic) in topics.into_iter().enumerate().take(4) {
            filter.topics[place] = topic.into();
        }
        let logs = self
            .provider
            .get_logs(&filter)
            .await
            .map_err(|e| failure("logs", e))?;
        let pending = || L1Error::Protocol("the node returned a pending transaction's log".into());
        logs.into_iter()
            .map(|log| {
                let mined = log.transaction_hash.zip(log.block_number);
                let (transaction, block) = mined.ok_or_else(pending)?;
                Ok(FoundLog {
                    log: log.inner,
                    block,
                    transaction,
                })
            })
            .collect()
    }

    async fn calldata(&self, transaction: B256) -> Result<Option<Bytes>, L1Error> {
        use alloy::consensus::Transaction as _;
        let found = self
            .provider
            .get_transaction_by_hash(transaction)
            .await
            .map_err(|e| failure("calldata", e))?;
        Ok(found
            .filter(|t| t.block_number.is_some())
            .map(|t| t.input().clone()))
    }

    async fn ether(&self, owner: Address) -> Result<U256, L1Error> {
        self.provider
            .get_balance(owner)
            .latest()
            .await
            .map_err(|e| failure("balance", e))
    }
}
