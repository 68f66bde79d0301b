//! The sequencer's interface for operators: liveness, readiness and metrics.

use std::time::Duration;

use reqwest::Method;

use super::HealthBody;
use crate::{error::ClientError, http::Service};

/// Longest time that a call may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Client of a sequencer's listener for operators.
#[derive(Clone, Debug)]
pub struct OperationsClient {
    service: Service,
}

impl OperationsClient {
    /// Makes a client of the listener at `base`, such as `http://127.0.0.1:7301`.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if the HTTP client cannot be built.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        Ok(Self {
            service: Service::new(base, None, TIMEOUT, None)?,
        })
    }

    /// Returns the base address.
    #[must_use]
    pub fn base(&self) -> &str {
        self.service.base()
    }

    /// Returns `ok` as long as the process lives.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn health(&self) -> Result<HealthBody, ClientError> {
        self.service.get("/health").await
    }

    /// Returns `ok` if the sequencer works, `degraded` with the reasons if parts of it do not.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `unavailable` if it has halted.
    pub async fn ready(&self) -> Result<HealthBody, ClientError> {
        self.service.get("/ready").await
    }

    /// Returns the metrics in the text form of Prometheus.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let response = Service::send(self.service.request(Method::GET, "/metrics")).await?;
        Ok(response.text().await?)
    }
}
