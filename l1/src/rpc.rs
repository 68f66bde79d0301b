//! An L1 behind JSON-RPC, through alloy.

mod http;
mod logs;
mod multicall;
mod reads;

use std::{
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use alloy::{
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::client::RpcClient,
    transports::{RpcError, TransportErrorKind, utils::guess_local_url},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use tokio::sync::OnceCell;

use crate::{
    contracts::error_text,
    error::L1Error,
    transactions::{Accounts, Node},
    transport::{At, Block, Call, FoundLog, Head, LogQuery, Tag, Transport},
};
use http::BoundedHttp;
use logs::Windows;

/// Bounds on what a node may take and give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RpcOptions {
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for a request and its whole answer.
    pub timeout: Duration,
    /// Largest answer, in bytes.
    pub largest_answer: usize,
}

impl Default for RpcOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            largest_answer: 64 << 20,
        }
    }
}

/// A chain behind a JSON-RPC node.
#[derive(Clone)]
pub struct RpcTransport {
    client: RpcClient,
    provider: DynProvider,
    host: Option<String>,
    /// Whether the chain has the contract that makes many calls in one.
    multicall: OnceCell<bool>,
    /// Whether the node refused several requests in one.
    single: Arc<AtomicBool>,
    windows: Arc<Mutex<Windows>>,
    accounts: Accounts,
}

impl std::fmt::Debug for RpcTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may carry an access token.
        f.debug_struct("RpcTransport")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl RpcTransport {
    /// Builds a transport with the default bounds. It connects to `url` with the first request.
    ///
    /// # Errors
    /// [`L1Error::Protocol`] if `url` is malformed.
    pub fn new(url: &str) -> Result<Self, L1Error> {
        Self::with_options(url, RpcOptions::default())
    }

    /// Builds a transport. It connects to `url` with the first request.
    ///
    /// # Errors
    /// [`L1Error::Protocol`] if `url` is malformed.
    pub fn with_options(url: &str, options: RpcOptions) -> Result<Self, L1Error> {
        Self::build(url, options, None)
    }

    /// Builds a transport whose connections all go through a proxy, with time for a slow one. It
    /// connects to `url` with the first request.
    ///
    /// # Errors
    /// [`L1Error::Protocol`] if `url` is malformed.
    pub fn through(url: &str, proxy: reqwest::Proxy) -> Result<Self, L1Error> {
        let options = RpcOptions {
            connect_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(40),
            ..RpcOptions::default()
        };
        Self::build(url, options, Some(proxy))
    }

    fn build(
        url: &str,
        options: RpcOptions,
        proxy: Option<reqwest::Proxy>,
    ) -> Result<Self, L1Error> {
        let url: reqwest::Url = url
            .parse()
            .map_err(|_| L1Error::Protocol("the L1 endpoint is not a valid URL".into()))?;
        let host = url.host_str().map(str::to_owned);
        let local = guess_local_url(url.as_str());
        let client = RpcClient::new(BoundedHttp::new(url, options, proxy)?, local);
        let provider = ProviderBuilder::new()
            .connect_client(client.clone())
            .erased();
        Ok(Self {
            client,
            provider,
            host,
            multicall: OnceCell::new(),
            single: Arc::default(),
            windows: Arc::default(),
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

/// Returns the error as the client's. An endpoint's URL may carry an access token, so that no error
/// text may hold one.
fn failure(operation: &'static str, error: RpcError<TransportErrorKind>) -> L1Error {
    match error {
        RpcError::ErrorResp(payload) => match payload.as_revert_data() {
            Some(data) => L1Error::Rejected {
                operation,
                reason: error_text(&data),
            },
            None if payload.message.contains("revert") => L1Error::Rejected {
                operation,
                reason: without_urls(&payload.message),
            },
            None => L1Error::Unavailable(without_urls(&payload.message)),
        },
        RpcError::DeserError { err, .. } => L1Error::Odd(format!("{operation}: {err}")),
        RpcError::NullResp => L1Error::Odd(format!("{operation}: the answer is null")),
        RpcError::SerError(err) => L1Error::Protocol(err.to_string()),
        RpcError::Transport(TransportErrorKind::HttpError(error)) => {
            L1Error::Unavailable(format!("{operation}: HTTP status {}", error.status))
        }
        RpcError::Transport(kind @ TransportErrorKind::MissingBatchResponse(_)) => {
            L1Error::Odd(format!("{operation}: {kind}"))
        }
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
        let block = self.read_block(Tag::Latest).await?;
        let block = block.ok_or_else(|| L1Error::Odd("the node has no latest block".into()))?;
        Ok(Head {
            number: block.number,
            timestamp: block.timestamp,
        })
    }

    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        self.read_block(tag).await
    }

    async fn call(
        &self,
        operation: &'static str,
        to: Address,
        data: Bytes,
        at: At,
    ) -> Result<Bytes, L1Error> {
        self.read_call(
            &Call {
                operation,
                to,
                data,
            },
            at,
        )
        .await
    }

    async fn calls(
        &self,
        calls: Vec<Call>,
        at: At,
    ) -> Result<Vec<Result<Bytes, L1Error>>, L1Error> {
        self.read_calls(&calls, at).await
    }

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    fn node(&self) -> Arc<dyn Node> {
        // It holds no managers: a manager's node would keep the manager alive.
        Arc::new(Self {
            accounts: Accounts::default(),
            ..self.clone()
        })
    }

    async fn logs(&self, query: LogQuery) -> Result<Vec<FoundLog>, L1Error> {
        self.read_logs(query).await
    }

    async fn calldata(
        &self,
        transaction: B256,
        block: Option<B256>,
    ) -> Result<Option<Bytes>, L1Error> {
        self.read_calldata(transaction, block).await
    }

    async fn ether(&self, owner: Address) -> Result<U256, L1Error> {
        self.provider
            .get_balance(owner)
            .latest()
            .await
            .map_err(|e| failure("balance", e))
    }

    async fn gas_price(&self) -> Result<u128, L1Error> {
        self.provider
            .get_gas_price()
            .await
            .map_err(|e| failure("gasPrice", e))
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
