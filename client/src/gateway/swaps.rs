//! Requests for quotes, quotes and swaps.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AssetView, Empty, Failure, GatewayClient};
use crate::error::ClientError;

/// Seconds that a request for quotes stays open unless it says otherwise.
const EXPIRES_IN: u64 = 120;
/// Seconds that an offer may be accepted unless it says otherwise.
pub const VALID_FOR: u64 = 60;
/// Seconds that the legs may settle after that unless the offer says otherwise.
pub const SETTLE_WITHIN: u64 = 600;

/// Asset with an amount.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AmountRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub asset: String,
    /// In display units, exact.
    #[schema(example = "27105925.00")]
    pub amount: String,
}

/// Asset, with an amount if this side of the request is the fixed one.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenAmountRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub asset: String,
    /// In display units, exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "27105925.00")]
    pub amount: Option<String>,
}

/// Request for quotes.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "counterparties": ["subdev1…"],
    "give": { "asset": "dUSD", "amount": "27105925" },
    "want": { "asset": "dEUR" },
    "expires_in": 120
}))]
pub struct RfqRequest {
    /// Recipients: 1 to 32 addresses. None learns who the others are.
    pub counterparties: Vec<String>,
    /// Asset that the institution would give.
    pub give: OpenAmountRequest,
    /// Asset that it would receive. Exactly one of the two has an amount.
    pub want: OpenAmountRequest,
    /// Seconds.
    #[serde(default = "expires_in")]
    pub expires_in: u64,
}

/// Firm offer, to a request or to an address.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "rfq": "3a7bd3e2360a3d29eea436fcfb7e44c7",
    "give": { "asset": "dEUR", "amount": "25000000" },
    "want": { "asset": "dUSD", "amount": "27105925" },
    "valid_for": 60,
    "settle_within": 600
}))]
pub struct QuoteRequest {
    /// The request that is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rfq: Option<String>,
    /// Or an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Asset and amount that the institution delivers.
    pub give: AmountRequest,
    /// Asset and amount that it receives.
    pub want: AmountRequest,
    /// Seconds that it may be accepted.
    #[serde(default = "valid_for")]
    pub valid_for: u64,
    /// Seconds that the legs may settle after that.
    #[serde(default = "settle_within")]
    pub settle_within: u64,
}

/// Firm offer without a request before it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "with": "subdev1…",
    "give": { "asset": "dXAU", "amount": "3" },
    "want": { "asset": "dUSD", "amount": "10" },
    "valid_for": 60,
    "settle_within": 600
}))]
pub struct SwapRequest {
    /// The counterparty's address.
    pub with: String,
    /// Asset and amount that the institution delivers.
    pub give: AmountRequest,
    /// Asset and amount that it receives.
    pub want: AmountRequest,
    /// Seconds that it may be accepted.
    #[serde(default = "valid_for")]
    pub valid_for: u64,
    /// Seconds that the legs may settle after that.
    #[serde(default = "settle_within")]
    pub settle_within: u64,
}

/// Makes the quote to an address that a proposed swap stands for.
impl From<SwapRequest> for QuoteRequest {
    fn from(request: SwapRequest) -> Self {
        Self {
            rfq: None,
            to: Some(request.with),
            give: request.give,
            want: request.want,
            valid_for: request.valid_for,
            settle_within: request.settle_within,
        }
    }
}

const fn expires_in() -> u64 {
    EXPIRES_IN
}

pub(super) const fn valid_for() -> u64 {
    VALID_FOR
}

pub(super) const fn settle_within() -> u64 {
    SETTLE_WITHIN
}

/// Asset with an amount, in display units.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AmountView {
    /// The asset.
    pub asset: AssetView,
    /// Absent where a request leaves it open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "27105925")]
    pub amount: Option<String>,
}

/// Request for quotes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "3a7bd3e2360a3d29eea436fcfb7e44c7", "direction": "outgoing",
    "counterparties": ["subdev1…"],
    "give": { "asset": { "id": 0, "symbol": "dUSD", "decimals": 6 }, "amount": "27105925" },
    "want": { "asset": { "id": 2, "symbol": "dEUR", "decimals": 6 } },
    "expires": 1_800_000_120u64, "quotes": ["9f86d081884c7d659a2feaa0c55ad015"],
    "status": "open", "created": 1_800_000_000u64
}))]
pub struct RfqView {
    /// Id under which the request can be read again.
    pub id: String,
    /// `outgoing` or `incoming`.
    pub direction: String,
    /// Recipients of an outgoing request, sender of an incoming one.
    pub counterparties: Vec<String>,
    /// Asset that the institution would give.
    pub give: AmountView,
    /// Asset that it would receive.
    pub want: AmountView,
    /// Last second, Unix time.
    pub expires: u64,
    /// Ids of quotes to it.
    pub quotes: Vec<String>,
    /// `open`, `declined`, `cancelled`, `expired` or `closed` (a quote was accepted).
    pub status: String,
    /// Unix seconds.
    pub created: u64,
}

/// Quote.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "9f86d081884c7d659a2feaa0c55ad015", "rfq": "3a7bd3e2360a3d29eea436fcfb7e44c7",
    "direction": "incoming",
    "counterparty": "0x2a4f…", "counterparty_address": "subdev1…",
    "give": { "asset": { "id": 0, "symbol": "dUSD", "decimals": 6 }, "amount": "27105925" },
    "want": { "asset": { "id": 2, "symbol": "dEUR", "decimals": 6 }, "amount": "25000000" },
    "valid_until": 1_800_000_060u64, "expiry": 1_800_000_660u64, "status": "offered",
    "created": 1_800_000_000u64
}))]
pub struct QuoteView {
    /// Id under which the quote can be read again.
    pub id: String,
    /// The request that it answers.
    pub rfq: Option<String>,
    /// `outgoing` or `incoming`.
    pub direction: String,
    /// Owner id of the other party, 0x hex.
    pub counterparty: String,
    /// Address of the other party.
    pub counterparty_address: String,
    /// Asset and amount that the institution delivers.
    pub give: AmountView,
    /// Asset and amount that it receives.
    pub want: AmountView,
    /// Last second at which it may be accepted, Unix time. Not final while it is prepared.
    pub valid_until: u64,
    /// Last second at which the legs may settle. Not final while it is prepared.
    pub expiry: u64,
    /// `preparing`, `offered`, `accepted`, `declined`, `cancelled` or `expired`.
    pub status: String,
    /// Unix seconds.
    pub created: u64,
}

/// Swap.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "9f86d081884c7d659a2feaa0c55ad015",
    "counterparty": "0x2a4f…", "counterparty_address": "subdev1…",
    "give": { "asset": { "id": 0, "symbol": "dUSD", "decimals": 6 }, "amount": "27105925" },
    "want": { "asset": { "id": 2, "symbol": "dEUR", "decimals": 6 }, "amount": "25000000" },
    "expiry": 1_800_000_660u64, "operation": "60303ae22b998861bce3b28f33eec1be", "batch": 17,
    "status": "settled", "failure": null, "created": 1_800_000_000u64
}))]
pub struct SwapView {
    /// Id of the quote.
    pub id: String,
    /// Owner id of the other party, 0x hex.
    pub counterparty: String,
    /// Address of the other party.
    pub counterparty_address: String,
    /// Asset and amount that the institution delivers.
    pub give: AmountView,
    /// Asset and amount that it receives.
    pub want: AmountView,
    /// Last second at which it may settle, Unix time.
    pub expiry: u64,
    /// The operation of the institution's own leg.
    pub operation: Option<String>,
    /// The batch that holds both legs.
    pub batch: Option<u64>,
    /// `offered`, `agreed`, `submitted`, `included`, `settled`, `declined`, `cancelled`, `expired`
    /// or `failed`.
    pub status: String,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Unix seconds.
    pub created: u64,
}

impl GatewayClient {
    /// Asks counterparties for quotes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn request_quotes(
        &self,
        request: &RfqRequest,
        key: Option<&str>,
    ) -> Result<RfqView, ClientError> {
        self.service.post_json("/v1/rfqs", key, request).await
    }

    /// Returns all requests for quotes, made and received, oldest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn rfqs(&self) -> Result<Vec<RfqView>, ClientError> {
        self.service.get("/v1/rfqs").await
    }

    /// Returns a request for quotes, or `None` if it does not exist or has not arrived yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn rfq(&self, id: &str) -> Result<Option<RfqView>, ClientError> {
        self.service.find(&format!("/v1/rfqs/{id}")).await
    }

    /// Declines a request that was received.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn decline_rfq(&self, id: &str, key: Option<&str>) -> Result<RfqView, ClientError> {
        let path = format!("/v1/rfqs/{id}/decline");
        self.service.post_json(&path, key, &Empty {}).await
    }

    /// Cancels a request that was sent. The wallet declines the quotes to it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cancel_rfq(&self, id: &str, key: Option<&str>) -> Result<RfqView, ClientError> {
        let path = format!("/v1/rfqs/{id}/cancel");
        self.service.post_json(&path, key, &Empty {}).await
    }

    /// Makes a firm offer. The wallet keeps its notes for the offer until it ends.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn quote(
        &self,
        request: &QuoteRequest,
        key: Option<&str>,
    ) -> Result<QuoteView, ClientError> {
        self.service.post_json("/v1/quotes", key, request).await
    }

    /// Returns all quotes, made and received, oldest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn quotes(&self) -> Result<Vec<QuoteView>, ClientError> {
        self.service.get("/v1/quotes").await
    }

    /// Returns a quote, or `None` if it does not exist or has not arrived yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn find_quote(&self, id: &str) -> Result<Option<QuoteView>, ClientError> {
        self.service.find(&format!("/v1/quotes/{id}")).await
    }

    /// Accepts a quote that was received. The wallet makes its own leg at once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn accept_quote(&self, id: &str, key: Option<&str>) -> Result<SwapView, ClientError> {
        let path = format!("/v1/quotes/{id}/accept");
        self.service.post_json(&path, key, &Empty {}).await
    }

    /// Declines a quote that was received.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn decline_quote(
        &self,
        id: &str,
        key: Option<&str>,
    ) -> Result<QuoteView, ClientError> {
        let path = format!("/v1/quotes/{id}/decline");
        self.service.post_json(&path, key, &Empty {}).await
    }

    /// Cancels a quote that was made and is not accepted yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cancel_quote(
        &self,
        id: &str,
        key: Option<&str>,
    ) -> Result<QuoteView, ClientError> {
        let path = format!("/v1/quotes/{id}/cancel");
        self.service.post_json(&path, key, &Empty {}).await
    }

    /// Makes a firm offer without a request before it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn propose_swap(
        &self,
        request: &SwapRequest,
        key: Option<&str>,
    ) -> Result<SwapView, ClientError> {
        self.service.post_json("/v1/swaps", key, request).await
    }

    /// Returns all swaps, oldest first: accepted quotes, and firm offers without a request.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn swaps(&self) -> Result<Vec<SwapView>, ClientError> {
        self.service.get("/v1/swaps").await
    }

    /// Returns a swap; its id is the quote's.
    ///
    /// # Errors
    /// [`ClientError`], with the code `not_found` if there is no such swap.
    pub async fn swap(&self, id: &str) -> Result<SwapView, ClientError> {
        self.service.get(&format!("/v1/swaps/{id}")).await
    }
}
