//! The sequencer's interface: submissions, published batches, messages and prices.

mod events;
mod keys;
mod operations;
mod types;

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use subrosa_protocol::element::TransactionDigest;

pub use self::{
    events::{BatchEvent, BatchEvents},
    keys::{KeyFileBody, KeysBody},
    operations::OperationsClient,
    types::{
        AssetBody, AssetsBody, BatchBody, BatchDetailBody, BatchesBody, FINAL_PAGE,
        FinalBatchesBody, HealthBody, InfoBody, MarketBody, MessageBody, MessagesBody, NewsBody,
        OracleBody, PostBody, PostedBody, Problem, StateBody, StopBody, SubmissionBody,
        TransactionBody,
    },
};
use crate::{
    error::{ClientError, body},
    http::Service,
    proxy::Proxy,
    sse::Frames,
    work::{self, Work},
};

/// Longest time that a call may take.
const TIMEOUT: Duration = Duration::from_secs(60);

const TRANSACTIONS: &str = "/v1/transactions";

/// Client of a sequencer.
#[derive(Clone, Debug)]
pub struct SequencerClient {
    service: Service,
}

impl SequencerClient {
    /// Makes a client of the sequencer at `base`, such as `http://127.0.0.1:7300`.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if the HTTP client cannot be built.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        Ok(Self {
            service: Service::new(base, None, TIMEOUT, None)?,
        })
    }

    /// Makes a client that reaches the sequencer through a proxy, and in no other way.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if the HTTP client cannot be built.
    pub fn through(base: &str, proxy: &Proxy) -> Result<Self, ClientError> {
        Ok(Self {
            service: Service::new(base, None, TIMEOUT, Some(proxy))?,
        })
    }

    /// Returns the base address.
    #[must_use]
    pub fn base(&self) -> &str {
        self.service.base()
    }

    /// Prepares a request to a path such as `/v1/info`, for whatever the other methods do not
    /// cover.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.service.request(method, path)
    }

    /// Returns the deployment, the limits and the state.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn info(&self) -> Result<InfoBody, ClientError> {
        self.service.get("/v1/info").await
    }

    /// Submits a transaction with its proof. The same bytes again are the same transaction.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submit(&self, submission: Vec<u8>) -> Result<TransactionBody, ClientError> {
        body(self.service.post_bytes(TRANSACTIONS, submission).await?).await
    }

    /// Submits a transaction and returns its state, or `None` if only the first part of the answer
    /// arrives: accepted is accepted, even if the rest is lost.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn hand_over(
        &self,
        submission: Vec<u8>,
    ) -> Result<Option<TransactionBody>, ClientError> {
        let answer = self.service.post_bytes(TRANSACTIONS, submission).await?;
        Ok(body(answer).await.ok())
    }

    /// Returns the state of a transaction, or `None` if the sequencer does not know it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn transaction(
        &self,
        digest: &TransactionDigest,
    ) -> Result<Option<TransactionBody>, ClientError> {
        self.service
            .find(&format!("/v1/transactions/{digest}"))
            .await
    }

    /// Returns a page of batches from index `from` on. The sequencer chooses the length of the
    /// page.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn batches(&self, from: u64) -> Result<BatchesBody, ClientError> {
        self.service.get(&format!("/v1/batches?from={from}")).await
    }

    /// Returns the page of final batches with this number, or `None` if not all of them are final
    /// yet: batches `number`·16 + 1 to `number`·16 + 16.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn final_batches(
        &self,
        number: u64,
    ) -> Result<Option<FinalBatchesBody>, ClientError> {
        let path = format!("/v1/batches/pages/{number}");
        self.service.find(&path).await
    }

    /// Waits up to `wait` seconds until the sequencer has something newer than the version `known`.
    /// Returns `None` if it tells no news. Everybody asks for the same, so the question tells the
    /// sequencer nothing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn news(
        &self,
        known: Option<&str>,
        wait: u64,
    ) -> Result<Option<NewsBody>, ClientError> {
        let since = known.map(|known| format!("&since={known}"));
        let since = since.unwrap_or_default();
        self.service
            .find(&format!("/v1/news?wait={wait}{since}"))
            .await
    }

    /// Returns a batch with its proof, or `None` if the sequencer does not have it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn batch(&self, index: u64) -> Result<Option<BatchDetailBody>, ClientError> {
        self.service.find(&format!("/v1/batches/{index}")).await
    }

    /// Opens the stream of events about batches and messages.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn events(&self) -> Result<BatchEvents, ClientError> {
        let response = self.service.stream("/v1/batches/stream").await?;
        Ok(BatchEvents::new(Frames::new(response)))
    }

    /// Returns the registered assets.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn assets(&self) -> Result<AssetsBody, ClientError> {
        self.service.get("/v1/assets").await
    }

    /// Returns the price snapshot of the next batch, or `None` if there is none. Every
    /// client asks for the same, so the question tells the sequencer nothing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn oracle(&self) -> Result<Option<OracleBody>, ClientError> {
        self.service.find("/v1/oracle").await
    }

    /// Leaves a sealed message in the mailbox, with its work ([`NewsBody::work`] says how much it
    /// needs). The same bytes again are the same message.
    ///
    /// # Errors
    /// [`ClientError`]: refused with `work_too_low` if the work is too little or too old.
    pub async fn post_message(
        &self,
        message: Vec<u8>,
        work: Option<Work>,
    ) -> Result<PostedBody, ClientError> {
        let mut request = self.service.octets("/v1/messages", message);
        if let Some(work) = work {
            request = request.header(work::HEADER, work.to_string());
        }
        body(Service::send(request).await?).await
    }

    /// Returns at most `limit` messages of the mailbox from number `from` on. Everybody reads all
    /// of them, so the question tells the sequencer nothing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn messages(&self, from: u64, limit: u64) -> Result<MessagesBody, ClientError> {
        let path = format!("/v1/messages?from={from}&limit={limit}");
        self.service.get(&path).await
    }

    /// Returns `ok` if the sequencer works, `degraded` with their names if parts of it do not.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `unavailable` if it has halted.
    pub async fn ready(&self) -> Result<HealthBody, ClientError> {
        self.service.get("/ready").await
    }
}
