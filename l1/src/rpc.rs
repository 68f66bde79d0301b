//! An L1 behind JSON-RPC, through alloy.

use std::sync::Arc;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    network::TransactionBuilder,
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{Filter, TransactionRequest},
    transports::{RpcError, TransportErrorKind},
};
use alloy_primitives::{Address, B256, Bytes, U256};

use crate::{
    account::Account,
    contracts::error_name,
    error::L1Error,
    transactions::{Accounts, Manager},
    transport::{At, FoundLog, Head, Transport},
};

/// A chain behind a JSON-RPC node.
#[derive(Clone)]
pub struct RpcTransport {
    url: reqwest::Url,
    provider: DynProvider,
    accounts: Accounts,
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
        Ok(Self {
            url,
            provider,
            accounts: Accounts::default(),
        })
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
}

fn block_id(at: At) -> BlockId {
    match at {
        At::Latest => BlockId::latest(),
        At::Block(number) => BlockId::number(number),
    }
}

/// Returns the error as the client's. An endpoint's URL may carry an access token, so that no error
/// text may hold one.
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
        other => L1Error::Unavailable(without_urls(&other.to_string())),
    }
}

/// Replaces every URL in a text.
fn without_urls(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let scheme = rest[..start].rfind(|c: char| !c.is_ascii_alphanumeric());
        kept.push_str(&rest[..scheme.map_or(0, |place| place + 1)]);
        kept.push_str("the L1 endpoint");
        let after = &rest[start + 3..];
        let end = after.find(|c: char| c.is_whitespace() || "()\"'<>".contains(c));
        rest = &after[end.unwrap_or(after.len())..];
    }
    kept.push_str(rest);
    kept
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
            .ok_or_else(|| L1Error::Unavailable("the node has no latest block".into()))?;
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

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    async fn manager(&self, account: &Account) -> Result<Manager, L1Error> {
        // The manager's node holds no managers: it would keep itself alive.
        let node = || {
            Arc::new(Self {
                accounts: Accounts::default(),
                ..self.clone()
            }) as _
        };
        self.accounts.manager(account, node).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_names_the_endpoint() {
        let text = "error sending request for url (https://node.example/v3/SECRET?key=1): refused";
        assert_eq!(
            without_urls(text),
            "error sending request for url (the L1 endpoint): refused"
        );
        assert_eq!(without_urls("no url: 5 // 3"), "no url: 5 // 3");
    }

    #[tokio::test]
    async fn an_unreachable_endpoint_is_not_named() {
        // Nothing listens on the discard port of the loopback interface.
        let transport = RpcTransport::new("http://127.0.0.1:9/v3/SECRET").unwrap();
        let error = transport.head().await.unwrap_err().to_string();
        assert!(!error.contains("SECRET"), "{error}");
    }
}
