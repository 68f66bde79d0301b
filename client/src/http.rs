//! Connection to a service, shared by both clients.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::{ClientError, body, refusal},
    proxy::Proxy,
};

/// Longest silence on a stream of events. Both services send a comment every 15 seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// Base address of a service, with the connections to it.
#[derive(Clone)]
pub(crate) struct Service {
    base: String,
    token: Option<String>,
    http: reqwest::Client,
    /// Connections without a limit on the length of an answer: a stream of events does not end.
    streams: reqwest::Client,
}

impl Service {
    /// Prepares calls to the service at `base`; each takes at most `timeout`. With a proxy, all
    /// connections go through it.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if the HTTP client cannot be built.
    pub(crate) fn new(
        base: &str,
        token: Option<&str>,
        timeout: Duration,
        proxy: Option<&Proxy>,
    ) -> Result<Self, ClientError> {
        let built = |builder: reqwest::ClientBuilder| {
            let builder = match proxy {
                Some(proxy) => builder.proxy(proxy.transport()?),
                None => builder,
            };
            builder
                .build()
                .map_err(|error| ClientError::protocol(error.to_string()))
        };
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            token: token.map(ToOwned::to_owned),
            http: built(reqwest::Client::builder().timeout(timeout))?,
            streams: built(
                reqwest::Client::builder()
                    .connect_timeout(timeout)
                    .read_timeout(SILENCE),
            )?,
        })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    fn prepared(&self, http: &reqwest::Client, method: Method, path: &str) -> RequestBuilder {
        let request = http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Prepares a request to a path, with the token if the service wants one.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.prepared(&self.http, method, path)
    }

    /// Sends a request and returns the answer if it is successful.
    pub(crate) async fn send(request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(refusal(response).await)
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        body(Self::send(self.request(Method::GET, path)).await?).await
    }

    /// Reads an object, or `None` if the service does not know it.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<T>, ClientError> {
        let response = self.request(Method::GET, path).send().await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(body(response).await?)),
            _ => Err(refusal(response).await),
        }
    }

    pub(crate) async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        key: Option<&str>,
        content: &impl Serialize,
    ) -> Result<T, ClientError> {
        let mut request = self.request(Method::POST, path).json(content);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        body(Self::send(request).await?).await
    }

    /// Posts bytes and returns the answer if it is successful.
    pub(crate) async fn post_bytes(
        &self,
        path: &str,
        content: Vec<u8>,
    ) -> Result<Response, ClientError> {
        Self::send(self.octets(path, content)).await
    }

    /// Prepares a post of bytes.
    pub(crate) fn octets(&self, path: &str, content: Vec<u8>) -> RequestBuilder {
        self.request(Method::POST, path)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(content)
    }

    /// Prepares a request whose answer may take any time, as long as it goes on arriving.
    pub(crate) fn endless(&self, method: Method, path: &str) -> RequestBuilder {
        self.prepared(&self.streams, method, path)
    }

    /// Opens a stream of server-sent events.
    pub(crate) async fn stream(&self, path: &str) -> Result<Response, ClientError> {
        Self::send(self.endless(Method::GET, path)).await
    }
}

/// Without the token.
impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}
