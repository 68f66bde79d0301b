//! Loans, as an institution's own systems ask its gateway for them.

use serde::Deserialize;
use serde_json::json;

use super::{Amount, GatewayClient, Problem};

/// How much of an asset, as the gateway states it.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::demo) struct Held {
    pub(in crate::demo) amount: String,
}

/// How a loan stands at the latest price, as the gateway states it.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::demo) struct Health {
    /// When the price was taken.
    pub(in crate::demo) time: u64,
    pub(in crate::demo) margin_call: bool,
    pub(in crate::demo) liquidatable: bool,
    /// `None` if no collateral would do.
    pub(in crate::demo) required_top_up: Option<String>,
    pub(in crate::demo) releasable: String,
}

/// A loan, as the gateway states it.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::demo) struct Loan {
    pub(in crate::demo) id: String,
    pub(in crate::demo) collateral: Held,
    /// `None` before it is opened.
    pub(in crate::demo) owed: Option<String>,
    pub(in crate::demo) status: String,
    pub(in crate::demo) health: Option<Health>,
    /// Why it was not opened.
    pub(in crate::demo) failure: Option<serde_json::Value>,
}

/// A market, as the gateway states it.
#[derive(Deserialize)]
struct Market {
    time: u64,
}

/// A firm proposal.
pub(in crate::demo) struct Proposal<'a> {
    /// `borrower` or `lender`: the proposer's.
    pub(in crate::demo) role: &'static str,
    /// Address of the other party.
    pub(in crate::demo) with: &'a str,
    pub(in crate::demo) collateral: Amount<'a>,
    pub(in crate::demo) debt: Amount<'a>,
    pub(in crate::demo) rate_ppm: u32,
    pub(in crate::demo) maturity: u64,
    /// Seconds that it may be accepted, and that it may settle after that.
    pub(in crate::demo) times: (u64, u64),
}

impl GatewayClient {
    pub(in crate::demo) async fn propose_loan(
        &self,
        key: &str,
        proposal: &Proposal<'_>,
    ) -> anyhow::Result<Result<Loan, Problem>> {
        let body = json!({
            "role": proposal.role, "with": proposal.with,
            "collateral": proposal.collateral, "debt": proposal.debt,
            "rate_ppm": proposal.rate_ppm, "maturity": proposal.maturity,
            "valid_for": proposal.times.0, "settle_within": proposal.times.1,
        });
        self.submit("/v1/loans", key, body).await
    }

    /// When the latest price that the wallet knows was taken, if it knows one.
    pub(in crate::demo) async fn priced(&self) -> anyhow::Result<Option<u64>> {
        let markets: Vec<Market> = self.get("/v1/markets").await?;
        Ok(markets.first().map(|market| market.time))
    }

    /// `None` if there is no such loan, or not yet.
    pub(in crate::demo) async fn loan(&self, id: &str) -> anyhow::Result<Option<Loan>> {
        self.find(&format!("/v1/loans/{id}")).await
    }

    /// Asks for a step of a loan: `accept`, `close` or `liquidate`.
    pub(in crate::demo) async fn step(
        &self,
        key: &str,
        id: &str,
        verb: &str,
    ) -> anyhow::Result<Result<Loan, Problem>> {
        self.submit(&format!("/v1/loans/{id}/{verb}"), key, json!({}))
            .await
    }

    /// Changes the collateral: `add` or `release`.
    pub(in crate::demo) async fn adjust(
        &self,
        key: &str,
        id: &str,
        verb: &str,
        amount: &str,
    ) -> anyhow::Result<Result<Loan, Problem>> {
        let path = format!("/v1/loans/{id}/collateral");
        self.submit(&path, key, json!({ verb: amount })).await
    }

    pub(in crate::demo) async fn repay(
        &self,
        key: &str,
        id: &str,
        amount: &str,
    ) -> anyhow::Result<Result<Loan, Problem>> {
        let path = format!("/v1/loans/{id}/repay");
        self.submit(&path, key, json!({ "amount": amount })).await
    }
}
