//! The sequencer's HTTP interface as tests use it: the client of the crate `subrosa-client`, and
//! raw JSON for answers that a test compares field by field.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use subrosa_client::{Method, OperationsClient, SequencerClient};

use crate::eventually;

/// Client of a sequencer.
#[derive(Clone, Debug)]
pub struct Api {
    client: SequencerClient,
    operations: Option<OperationsClient>,
}

/// Answer to a POST, successful or not.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub kind: String,
    /// Body.
    pub body: Value,
}

impl Answer {
    /// Returns the code of the problem, or "" for a success.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Returns the digest of the accepted transaction.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.body["digest"].as_str().unwrap_or_default()
    }

    /// Whether the sequencer accepted the transaction.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.status == 202
    }
}

impl Api {
    /// Makes a client of the sequencer at `base`.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        Ok(Self {
            client: SequencerClient::new(base)?,
            operations: None,
        })
    }

    /// Names the sequencer's listener for operators.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn operated(mut self, base: &str) -> anyhow::Result<Self> {
        self.operations = Some(OperationsClient::new(base)?);
        Ok(self)
    }

    /// Returns all metrics.
    ///
    /// # Errors
    /// If the listener for operators is not known or does not answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let operations = self.operations.as_ref();
        let operations = operations.context("the listener for operators is not known")?;
        Ok(operations.metrics().await?)
    }

    /// Returns the typed client.
    #[must_use]
    pub fn client(&self) -> &SequencerClient {
        &self.client
    }

    /// Returns the body of a successful GET.
    ///
    /// # Errors
    /// If the request is not successful.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        let response = self.client.request(Method::GET, path).send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "GET {path}: {status} {text}");
        Ok(text)
    }

    /// Returns the body of a successful GET as JSON.
    ///
    /// # Errors
    /// As [`Api::text`].
    pub async fn json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.text(path).await?)?)
    }

    /// Returns the status of a GET.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn status(&self, path: &str) -> anyhow::Result<u16> {
        let response = self.client.request(Method::GET, path).send().await?;
        Ok(response.status().as_u16())
    }

    /// Submits bytes.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn submit(&self, bytes: Vec<u8>) -> anyhow::Result<Answer> {
        self.post(bytes, "application/octet-stream").await
    }

    /// Posts a body of a content type to `/v1/transactions`.
    ///
    /// # Errors
    /// If there is no answer, or its body is not JSON.
    pub async fn post(&self, body: Vec<u8>, kind: &str) -> anyhow::Result<Answer> {
        let request = self.client.request(Method::POST, "/v1/transactions");
        let request = request.header("content-type", kind).body(body);
        let response = request.send().await?;
        let status = response.status().as_u16();
        let kind = response
            .headers()
            .get("content-type")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Ok(Answer {
            status,
            kind,
            body: response.json().await?,
        })
    }

    /// Returns the state of a transaction, or `None` if the sequencer does not know it. `digest` is
    /// `0x` hex.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn transaction(&self, digest: &str) -> anyhow::Result<Option<Value>> {
        let path = format!("/v1/transactions/{digest}");
        if self.status(&path).await? == 404 {
            return Ok(None);
        }
        Ok(Some(self.json(&path).await?))
    }

    /// Returns all batches in order.
    ///
    /// # Errors
    /// As [`Api::text`].
    pub async fn batches(&self) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        loop {
            let page = self
                .json(&format!("/v1/batches?from={}", all.len() + 1))
                .await?;
            let batches = page["batches"].as_array().context("a page of batches")?;
            if batches.is_empty() {
                return Ok(all);
            }
            all.extend(batches.iter().cloned());
        }
    }

    /// Returns the value of a metric without labels.
    ///
    /// # Errors
    /// If there is no such metric.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.metrics().await?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line
            .with_context(|| format!("no metric {name}"))?
            .trim()
            .parse()?)
    }

    /// Waits until a transaction has one of the statuses, and returns its state.
    ///
    /// # Errors
    /// If it does not get there in time.
    pub async fn reached(&self, digest: &str, wanted: &[&str]) -> anyhow::Result<Value> {
        eventually(&format!("transaction to become {wanted:?}"), || async {
            let found = self.transaction(digest).await?;
            Ok(found.filter(|body| {
                body["status"]
                    .as_str()
                    .is_some_and(|status| wanted.contains(&status))
            }))
        })
        .await
    }

    /// Waits until all batches below `index` have settled.
    ///
    /// # Errors
    /// If they do not settle in time.
    pub async fn settled_below(&self, index: u64) -> anyhow::Result<()> {
        eventually("settlement", || async {
            let info = self.client.info().await?;
            Ok((info.settled_below >= index).then_some(()))
        })
        .await
    }
}
