//! Markets and loans.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    AmountRequest, AmountView, AssetView, Empty, Failure, GatewayClient,
    swaps::{settle_within, valid_for},
};
use crate::error::ClientError;

/// Party of a loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    /// Owes.
    Borrower,
    /// Is owed.
    Lender,
}

/// Firm proposal of a loan.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "role": "borrower", "with": "subdev1…",
    "collateral": { "asset": "dXAU", "amount": "4075" },
    "debt": { "asset": "dUSD", "amount": "10000000" },
    "rate_ppm": 52_500, "maturity": 1_807_776_000u64
}))]
pub struct LoanRequest {
    /// Party that the institution is to be.
    pub role: RoleName,
    /// The counterparty's address.
    pub with: String,
    /// Asset and amount that secure the loan.
    pub collateral: AmountRequest,
    /// Asset and amount that are lent.
    pub debt: AmountRequest,
    /// Simple interest, in millionths a year.
    pub rate_ppm: u32,
    /// Last second at which the loan is not due, Unix time.
    pub maturity: u64,
    /// The market's number; the market of the two assets if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub market: Option<u8>,
    /// Seconds that it may be accepted.
    #[serde(default = "valid_for")]
    pub valid_for: u64,
    /// Seconds that the opening may settle after that.
    #[serde(default = "settle_within")]
    pub settle_within: u64,
}

/// Collateral that is added or released; one of the two.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "add": "12.5" }))]
pub struct CollateralRequest {
    /// In display units, exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<String>,
    /// In display units, exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
}

/// Part of the debt that is paid.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepayRequest {
    /// In display units, exact; less than is owed.
    #[schema(example = "2500000")]
    pub amount: String,
}

/// Units of debt that a unit of collateral is worth, in display units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceView {
    /// Price at which collateral counts when a loan is opened and when collateral is released.
    #[schema(example = "4116.25")]
    pub low: String,
    /// Price at which collateral counts when a lender seizes it.
    #[schema(example = "4119.5")]
    pub high: String,
}

/// Market; factors in basis points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarketView {
    /// Its number.
    pub market: u8,
    /// Asset that secures.
    pub collateral: AssetView,
    /// Asset that is owed.
    pub debt: AssetView,
    /// Part of the collateral's value that does not count.
    pub haircut: u16,
    /// Margin on opening and releasing.
    pub initial: u32,
    /// Margin below which a lender may liquidate.
    pub maintenance: u32,
    /// Part of the debt that a liquidating lender takes on top of it.
    pub bonus: u16,
    /// Greatest age of a price, seconds.
    pub max_age: u32,
    /// Its prices; null if there are none.
    pub price: Option<PriceView>,
    /// When the price was taken, Unix seconds.
    pub time: u64,
}

/// Security of a loan at the latest price.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// When the price was taken, Unix seconds.
    pub time: u64,
    /// Prices of the collateral.
    pub price: PriceView,
    /// Value of the collateral that counts at the low price, divided by the debt, rounded down to
    /// four decimals.
    #[schema(example = "1.5314")]
    pub ratio: String,
    /// Whether the initial margin covers the debt at the low price.
    pub covered: bool,
    /// The opposite.
    pub margin_call: bool,
    /// Below the maintenance margin at the high price, or more than a day after maturity.
    pub liquidatable: bool,
    /// The least collateral that makes it covered, in display units; null if none does.
    #[schema(example = "12.5")]
    pub required_top_up: Option<String>,
    /// The most collateral that may be released, in display units.
    #[schema(example = "0")]
    pub releasable: String,
}

/// Loan, or proposal of one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "9f86d081884c7d659a2feaa0c55ad015", "role": "borrower",
    "counterparty": "0x2a4f…", "counterparty_address": "subdev1…",
    "collateral": { "asset": { "id": 1, "symbol": "dXAU", "decimals": 18 }, "amount": "4075" },
    "debt": { "asset": { "id": 0, "symbol": "dUSD", "decimals": 6 }, "amount": "10000000" },
    "owed": "10001438.36", "rate_ppm": 52_500, "start": 1_800_000_660u64,
    "maturity": 1_807_776_000u64, "market": 0,
    "expiry": 1_800_000_660u64, "operation": null, "batch": 17,
    "health": {
        "time": 1_800_086_400u64, "price": { "low": "4116.25", "high": "4119.5" },
        "ratio": "1.5933", "covered": true,
        "margin_call": false, "liquidatable": false, "required_top_up": "0", "releasable": "238.1"
    },
    "status": "open", "failure": null, "created": 1_800_000_000u64
}))]
pub struct LoanView {
    /// Id under which the loan can be read again. Both parties have it, also after a restore.
    pub id: String,
    /// `borrower` or `lender`.
    pub role: String,
    /// Owner id of the other party, 0x hex. Part of the chain, so that a restored wallet shows the
    /// same.
    pub counterparty: String,
    /// Address of the other party, if the wallet has learnt it; null after a restore. No step
    /// needs it.
    pub counterparty_address: Option<String>,
    /// Collateral that secures it now.
    pub collateral: AmountView,
    /// The principal.
    pub debt: AmountView,
    /// Debt now, in display units of the debt's asset; null before the opening.
    pub owed: Option<String>,
    /// Simple interest, in millionths a year.
    pub rate_ppm: u32,
    /// Second from which interest runs, Unix time.
    pub start: u64,
    /// Last second at which it is not due, Unix time.
    pub maturity: u64,
    /// The market's number.
    pub market: u8,
    /// Last second at which it may be opened, Unix time; null after a restore. Not final while it
    /// is prepared.
    pub expiry: Option<u64>,
    /// The operation of the step that is on its way; before the opening, of the institution's own
    /// leg.
    pub operation: Option<String>,
    /// The batch of the last step.
    pub batch: Option<u64>,
    /// Null without a price, or unless it is open.
    pub health: Option<HealthView>,
    /// `preparing`, `proposed`, `agreed`, `submitted`, `open`, `closed`, `liquidated`, `declined`,
    /// `cancelled`, `expired` or `failed`.
    pub status: String,
    /// Why it was not opened.
    pub failure: Option<Failure>,
    /// Unix seconds.
    pub created: u64,
}

impl GatewayClient {
    /// Returns the markets of the latest price snapshot that the wallet knows.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn markets(&self) -> Result<Vec<MarketView>, ClientError> {
        self.service.get("/v1/markets").await
    }

    /// Makes a firm proposal of a loan. The wallet keeps its notes for the proposal until it ends.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn propose_loan(
        &self,
        request: &LoanRequest,
        key: Option<&str>,
    ) -> Result<LoanView, ClientError> {
        self.service.post_json("/v1/loans", key, request).await
    }

    /// Returns all loans and proposals, oldest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn loans(&self) -> Result<Vec<LoanView>, ClientError> {
        self.service.get("/v1/loans").await
    }

    /// Returns a loan or a proposal, or `None` if it does not exist or has not arrived yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn loan(&self, id: &str) -> Result<Option<LoanView>, ClientError> {
        self.service.find(&format!("/v1/loans/{id}")).await
    }

    /// Accepts a proposal that was received. The wallet makes its own leg of the opening at once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn accept_loan(&self, id: &str, key: Option<&str>) -> Result<LoanView, ClientError> {
        self.act(id, "accept", key).await
    }

    /// Declines a proposal that was received.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn decline_loan(&self, id: &str, key: Option<&str>) -> Result<LoanView, ClientError> {
        self.act(id, "decline", key).await
    }

    /// Cancels a proposal that was made and is not accepted yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cancel_loan(&self, id: &str, key: Option<&str>) -> Result<LoanView, ClientError> {
        self.act(id, "cancel", key).await
    }

    /// Adds collateral to a loan, or releases some of it. Only the borrower may.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn change_collateral(
        &self,
        id: &str,
        request: &CollateralRequest,
        key: Option<&str>,
    ) -> Result<LoanView, ClientError> {
        let path = format!("/v1/loans/{id}/collateral");
        self.service.post_json(&path, key, request).await
    }

    /// Pays part of the debt. Only the borrower may.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn repay(
        &self,
        id: &str,
        request: &RepayRequest,
        key: Option<&str>,
    ) -> Result<LoanView, ClientError> {
        let path = format!("/v1/loans/{id}/repay");
        self.service.post_json(&path, key, request).await
    }

    /// Pays the whole debt and takes the collateral back. Only the borrower may.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn close_loan(&self, id: &str, key: Option<&str>) -> Result<LoanView, ClientError> {
        self.act(id, "close", key).await
    }

    /// Takes the debt out of the collateral, below the maintenance margin or after maturity. Only
    /// the lender may.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn liquidate(&self, id: &str, key: Option<&str>) -> Result<LoanView, ClientError> {
        self.act(id, "liquidate", key).await
    }

    async fn act(&self, id: &str, verb: &str, key: Option<&str>) -> Result<LoanView, ClientError> {
        let path = format!("/v1/loans/{id}/{verb}");
        self.service.post_json(&path, key, &Empty {}).await
    }
}
