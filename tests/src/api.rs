//! A bare client of the sequencer's HTTP interface.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use crate::eventually;

/// The client.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    http: reqwest::Client,
}

/// An answer to a POST.
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
    /// The problem's code, or "" in a success.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The accepted transaction's digest.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.body["digest"].as_str().unwrap_or_default()
    }

    /// Whether it was accepted.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.status == 202
    }
}

impl Api {
    /// A client of the sequencer at `base`.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self {
            base: base.to_owned(),
            http,
        })
    }

    /// A successful GET's body.
    ///
    /// # Errors
    /// If it is not successful.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        let response = self.http.get(format!("{}{path}", self.base)).send().await?;
        ensure!(
            response.status().is_success(),
            "GET {path}: {}",
            response.status()
        );
        Ok(response.text().await?)
    }

    /// A successful GET's body as JSON.
    ///
    /// # Errors
    /// As [`Api::text`].
    pub async fn json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.text(path).await?)?)
    }

    /// Status of a GET.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn status(&self, path: &str) -> anyhow::Result<u16> {
        Ok(self
            .http
            .get(format!("{}{path}", self.base))
            .send()
            .await?
            .status()
            .as_u16())
    }

    /// Submits bytes.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn submit(&self, bytes: Vec<u8>) -> anyhow::Result<Answer> {
        self.post(bytes, "application/octet-stream").await
    }

    /// Posts a body to the transactions.
    ///
    /// # Errors
    /// If there is no answer, or one without a JSON body.
    pub async fn post(&self, body: Vec<u8>, kind: &str) -> anyhow::Result<Answer> {
        let request = self
            .http
            .post(format!("{}/v1/transactions", self.base))
            .header(CONTENT_TYPE, kind);
        let response = request.body(body).send().await?;
        let status = response.status().as_u16();
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Ok(Answer {
            status,
            kind,
            body: response.json().await?,
        })
    }

    /// What became of a transaction; `None` if the sequencer does not know it. `digest` is 0x hex.
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

    /// All batches in order.
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

    /// The value of a metric without labels.
    ///
    /// # Errors
    /// If it is not there.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.text("/metrics").await?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line
            .with_context(|| format!("no metric {name}"))?
            .trim()
            .parse()?)
    }

    /// Waits until a transaction has one of the statuses, and says which.
    ///
    /// # Errors
    /// If it never has.
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
    /// If they never do.
    pub async fn settled_below(&self, index: u64) -> anyhow::Result<()> {
        eventually("settlement", || async {
            let info = self.json("/v1/info").await?;
            Ok((info["settled_below"].as_u64() >= Some(index)).then_some(()))
        })
        .await
    }
}
