//! The demonstration's client of a wallet gateway: plain HTTP, as an institution's own systems use it.

mod events;
mod loans;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use self::loans::{Loan, Proposal};

/// One institution's gateway.
#[derive(Clone)]
pub(super) struct GatewayClient {
    base: String,
    token: String,
    http: reqwest::Client,
}

/// A refusal, as the gateway states it.
#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    pub(super) code: String,
    pub(super) retryable: bool,
    pub(super) detail: String,
}

/// Started, or refused.
pub(super) type Outcome = Result<Operation, Problem>;

/// An operation, as the gateway states it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) failure: Option<Value>,
}

/// A balance, as the gateway states it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Balance {
    pub(super) asset: Asset,
    pub(super) spendable: String,
    pub(super) pending: String,
    pub(super) on_l1: String,
    pub(super) claimable: String,
}

/// An asset, as the gateway states it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Asset {
    pub(super) id: u16,
    pub(super) symbol: String,
    pub(super) decimals: u8,
}

/// An asset and, unless it is what a request asks for, an amount in display units.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Amount<'a> {
    pub(super) asset: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) amount: Option<&'a str>,
}

/// A request for quotes, as the gateway states it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rfq {
    pub(super) id: String,
}

/// A quote, as the gateway states it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Quote {
    pub(super) id: String,
}

/// A swap, as the gateway states it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Swap {
    pub(super) id: String,
    pub(super) status: String,
}

/// A line of history, as the gateway states it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct HistoryLine {
    pub(super) kind: String,
    pub(super) asset: Asset,
    pub(super) amount: String,
}

impl GatewayClient {
    pub(super) fn new(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(200))
            .build()?;
        Ok(Self {
            base: format!("http://{address}"),
            token: token.to_owned(),
            http,
        })
    }

    /// Base URL.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> anyhow::Result<T> {
        let response = self
            .http
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .send()
            .await?;
        let status = response.status();
        if !status.is_success() {
            bail!("GET {path}: {status}");
        }
        Ok(response.json().await?)
    }

    async fn post(
        &self,
        path: &str,
        key: &str,
        body: Value,
    ) -> anyhow::Result<Result<Value, Problem>> {
        let response = self
            .http
            .post(format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .header("Idempotency-Key", key)
            .json(&body)
            .send()
            .await?;
        if response.status().is_success() {
            return Ok(Ok(response.json().await?));
        }
        Ok(Err(response
            .json()
            .await
            .context("a refusal that is not a problem detail")?))
    }

    /// `None` if there is no such thing, or not yet.
    async fn find<T: for<'de> Deserialize<'de>>(&self, path: &str) -> anyhow::Result<Option<T>> {
        let request = self.http.get(format!("{}{path}", self.base));
        let response = request.bearer_auth(&self.token).send().await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(response.json().await?)),
            status => bail!("GET {path}: {status}"),
        }
    }

    /// Posts, and reads what the gateway answers.
    async fn submit<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        key: &str,
        body: Value,
    ) -> anyhow::Result<Result<T, Problem>> {
        match self.post(path, key, body).await? {
            Ok(value) => Ok(Ok(serde_json::from_value(value)?)),
            Err(problem) => Ok(Err(problem)),
        }
    }

    pub(super) async fn address(&self) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Answer {
            address: String,
        }
        Ok(self.get::<Answer>("/v1/address").await?.address)
    }

    pub(super) async fn deposit(
        &self,
        key: &str,
        asset: &str,
        amount: &str,
    ) -> anyhow::Result<Outcome> {
        self.submit(
            "/v1/deposits",
            key,
            json!({ "asset": asset, "amount": amount }),
        )
        .await
    }

    pub(super) async fn transfer(
        &self,
        key: &str,
        asset: &str,
        amount: &str,
        to: &str,
        memo: &str,
    ) -> anyhow::Result<Outcome> {
        let body = json!({ "asset": asset, "amount": amount, "to": to, "memo": memo });
        self.submit("/v1/transfers", key, body).await
    }

    pub(super) async fn withdraw(
        &self,
        key: &str,
        asset: &str,
        amount: &str,
    ) -> anyhow::Result<Outcome> {
        self.submit(
            "/v1/withdrawals",
            key,
            json!({ "asset": asset, "amount": amount }),
        )
        .await
    }

    pub(super) async fn claim(&self, asset: &str) -> anyhow::Result<()> {
        match self
            .post(
                "/v1/claims",
                &format!("claim-{asset}"),
                json!({ "asset": asset }),
            )
            .await?
        {
            Ok(_) => Ok(()),
            Err(problem) => bail!("claim: {} ({})", problem.code, problem.detail),
        }
    }

    pub(super) async fn request(
        &self,
        key: &str,
        counterparties: &[String],
        give: Amount<'_>,
        want: Amount<'_>,
        expires_in: u64,
    ) -> anyhow::Result<Result<Rfq, Problem>> {
        let body = json!({
            "counterparties": counterparties, "give": give, "want": want, "expires_in": expires_in,
        });
        self.submit("/v1/rfqs", key, body).await
    }

    /// `times`: seconds that the quote may be accepted, and that its legs may settle after that.
    pub(super) async fn quote(
        &self,
        key: &str,
        rfq: &str,
        give: Amount<'_>,
        want: Amount<'_>,
        times: (u64, u64),
    ) -> anyhow::Result<Result<Quote, Problem>> {
        let body = json!({
            "rfq": rfq, "give": give, "want": want, "valid_for": times.0, "settle_within": times.1,
        });
        self.submit("/v1/quotes", key, body).await
    }

    pub(super) async fn propose(
        &self,
        key: &str,
        with: &str,
        give: Amount<'_>,
        want: Amount<'_>,
        times: (u64, u64),
    ) -> anyhow::Result<Result<Swap, Problem>> {
        let body = json!({
            "with": with, "give": give, "want": want, "valid_for": times.0, "settle_within": times.1,
        });
        self.submit("/v1/swaps", key, body).await
    }

    pub(super) async fn accept(
        &self,
        key: &str,
        quote: &str,
    ) -> anyhow::Result<Result<Swap, Problem>> {
        self.submit(&format!("/v1/quotes/{quote}/accept"), key, json!({}))
            .await
    }

    /// Declines or cancels a request or a quote.
    pub(super) async fn decide(
        &self,
        of: &str,
        id: &str,
        verb: &str,
    ) -> anyhow::Result<Result<(), Problem>> {
        let path = format!("/v1/{of}/{id}/{verb}");
        let answer = self.post(&path, &format!("{verb}-{id}"), json!({})).await?;
        Ok(answer.map(|_| ()))
    }

    pub(super) async fn rfq_status(&self, id: &str) -> anyhow::Result<Option<String>> {
        self.status(&format!("/v1/rfqs/{id}")).await
    }

    pub(super) async fn quote_status(&self, id: &str) -> anyhow::Result<Option<String>> {
        self.status(&format!("/v1/quotes/{id}")).await
    }

    async fn status(&self, path: &str) -> anyhow::Result<Option<String>> {
        #[derive(Deserialize)]
        struct Answer {
            status: String,
        }
        Ok(self.find::<Answer>(path).await?.map(|answer| answer.status))
    }

    pub(super) async fn swap(&self, id: &str) -> anyhow::Result<Swap> {
        self.get(&format!("/v1/swaps/{id}")).await
    }

    pub(super) async fn operation(&self, id: &str) -> anyhow::Result<Operation> {
        self.get(&format!("/v1/operations/{id}")).await
    }

    pub(super) async fn balances(&self) -> anyhow::Result<Vec<Balance>> {
        self.get("/v1/balances").await
    }

    pub(super) async fn history(&self) -> anyhow::Result<Vec<HistoryLine>> {
        self.get("/v1/history").await
    }
}
