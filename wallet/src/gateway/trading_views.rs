//! Bodies of requests and answers about swaps.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::AssetView;
use crate::{
    amount::format,
    error::Failure,
    service::{Priced, QuoteLine, RfqLine},
};

/// An asset with an amount.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AmountRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub(super) asset: String,
    /// In display units, exact.
    #[schema(example = "27105925.00")]
    pub(super) amount: String,
}

/// An asset, and an amount where it is the one that is fixed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenAmountRequest {
    /// Symbol or id.
    #[schema(example = "dUSD")]
    pub(super) asset: String,
    /// In display units, exact.
    #[schema(example = "27105925.00")]
    pub(super) amount: Option<String>,
}

/// A request for quotes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "counterparties": ["subdev1…"],
    "give": { "asset": "dUSD", "amount": "27105925" },
    "want": { "asset": "dEUR" },
    "expires_in": 120
}))]
pub(super) struct RfqRequest {
    /// Whom to ask: 1 to 32 addresses. Each learns of the request only.
    pub(super) counterparties: Vec<String>,
    /// What the institution would give.
    pub(super) give: OpenAmountRequest,
    /// What it would receive. One of the two has an amount.
    pub(super) want: OpenAmountRequest,
    /// Seconds.
    #[serde(default = "expires_in")]
    pub(super) expires_in: u64,
}

/// A firm offer, to a request or to an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "rfq": "3a7bd3e2360a3d29eea436fcfb7e44c7",
    "give": { "asset": "dEUR", "amount": "25000000" },
    "want": { "asset": "dUSD", "amount": "27105925" },
    "valid_for": 60,
    "settle_within": 600
}))]
pub(super) struct QuoteRequest {
    /// The request that is answered.
    pub(super) rfq: Option<String>,
    /// Or an address.
    pub(super) to: Option<String>,
    /// What the institution delivers.
    pub(super) give: AmountRequest,
    /// What it receives.
    pub(super) want: AmountRequest,
    /// Seconds that it may be accepted.
    #[serde(default = "valid_for")]
    pub(super) valid_for: u64,
    /// Seconds that the legs may settle after that.
    #[serde(default = "settle_within")]
    pub(super) settle_within: u64,
}

/// A firm offer without a request before it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "with": "subdev1…",
    "give": { "asset": "dXAU", "amount": "3" },
    "want": { "asset": "dUSD", "amount": "10" },
    "valid_for": 60,
    "settle_within": 600
}))]
pub(super) struct SwapRequest {
    /// The counterparty's address.
    pub(super) with: String,
    /// What the institution delivers.
    pub(super) give: AmountRequest,
    /// What it receives.
    pub(super) want: AmountRequest,
    /// Seconds that it may be accepted.
    #[serde(default = "valid_for")]
    pub(super) valid_for: u64,
    /// Seconds that the legs may settle after that.
    #[serde(default = "settle_within")]
    pub(super) settle_within: u64,
}

/// The quote to an address that it is.
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
    120
}

pub(super) const fn valid_for() -> u64 {
    60
}

pub(super) const fn settle_within() -> u64 {
    600
}

/// An asset with an amount, in display units.
#[derive(Serialize, ToSchema)]
pub(super) struct AmountView {
    /// The asset.
    asset: AssetView,
    /// Absent where a request leaves it open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "27105925")]
    amount: Option<String>,
}

impl From<Priced> for AmountView {
    fn from(priced: Priced) -> Self {
        let decimals = priced.asset.token.decimals;
        Self {
            amount: priced.amount.map(|amount| format(amount, decimals)),
            asset: priced.asset.into(),
        }
    }
}

/// A request for quotes.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "3a7bd3e2360a3d29eea436fcfb7e44c7", "direction": "outgoing", "counterparties": ["subdev1…"],
    "give": { "asset": { "id": 0, "symbol": "dUSD", "decimals": 6 }, "amount": "27105925" },
    "want": { "asset": { "id": 2, "symbol": "dEUR", "decimals": 6 } },
    "expires": 1_800_000_120u64, "quotes": ["9f86d081884c7d659a2feaa0c55ad015"], "status": "open", "created": 1_800_000_000u64
}))]
pub(super) struct RfqView {
    /// Ask again with this.
    id: String,
    /// `outgoing` or `incoming`.
    direction: &'static str,
    /// Whom it was sent to; the sender, if it was received.
    counterparties: Vec<String>,
    /// What the institution would give.
    give: AmountView,
    /// What it would receive.
    want: AmountView,
    /// Last second, Unix time.
    expires: u64,
    /// Ids of quotes to it.
    quotes: Vec<String>,
    /// `open`, `declined`, `cancelled`, `expired` or `closed` (a quote was accepted).
    status: &'static str,
    /// Unix seconds.
    created: u64,
}

impl From<RfqLine> for RfqView {
    fn from(line: RfqLine) -> Self {
        Self {
            id: line.rfq.id.to_string(),
            direction: line.rfq.direction.name(),
            counterparties: line.counterparties,
            give: line.give.into(),
            want: line.want.into(),
            expires: line.rfq.expires,
            quotes: line.rfq.quotes.iter().map(ToString::to_string).collect(),
            status: line.rfq.status.name(),
            created: line.rfq.created,
        }
    }
}

/// A quote.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "9f86d081884c7d659a2feaa0c55ad015", "rfq": "3a7bd3e2360a3d29eea436fcfb7e44c7", "direction": "incoming",
    "counterparty": "subdev1…",
    "give": { "asset": { "id": 0, "symbol": "dUSD", "decimals": 6 }, "amount": "27105925" },
    "want": { "asset": { "id": 2, "symbol": "dEUR", "decimals": 6 }, "amount": "25000000" },
    "valid_until": 1_800_000_060u64, "expiry": 1_800_000_660u64, "status": "offered", "created": 1_800_000_000u64
}))]
pub(super) struct QuoteView {
    /// Ask again with this.
    id: String,
    /// The request that it answers.
    rfq: Option<String>,
    /// `outgoing` or `incoming`.
    direction: &'static str,
    /// The other party's address.
    counterparty: String,
    /// What the institution delivers.
    give: AmountView,
    /// What it receives.
    want: AmountView,
    /// Last second at which it may be accepted, Unix time. Not final while it is prepared.
    valid_until: u64,
    /// Last second at which the legs may settle. Not final while it is prepared.
    expiry: u64,
    /// `preparing`, `offered`, `accepted`, `declined`, `cancelled` or `expired`.
    status: &'static str,
    /// Unix seconds.
    created: u64,
}

impl From<QuoteLine> for QuoteView {
    fn from(line: QuoteLine) -> Self {
        Self {
            id: line.quote.id.to_string(),
            rfq: line.quote.rfq.map(|id| id.to_string()),
            direction: line.quote.direction.name(),
            counterparty: line.counterparty,
            give: line.give.into(),
            want: line.want.into(),
            valid_until: line.quote.valid_until,
            expiry: line.quote.deal.terms().expiry,
            status: line.quote.status.name(),
            created: line.quote.created,
        }
    }
}

/// A swap.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "9f86d081884c7d659a2feaa0c55ad015", "counterparty": "subdev1…",
    "give": { "asset": { "id": 0, "symbol": "dUSD", "decimals": 6 }, "amount": "27105925" },
    "want": { "asset": { "id": 2, "symbol": "dEUR", "decimals": 6 }, "amount": "25000000" },
    "expiry": 1_800_000_660u64, "operation": "60303ae22b998861bce3b28f33eec1be", "batch": 17,
    "status": "settled", "failure": null, "created": 1_800_000_000u64
}))]
pub(super) struct SwapView {
    /// That of the quote.
    id: String,
    /// The other party's address.
    counterparty: String,
    /// What the institution delivers.
    give: AmountView,
    /// What it receives.
    want: AmountView,
    /// Last second at which it may settle, Unix time.
    expiry: u64,
    /// The operation of the institution's own leg.
    operation: Option<String>,
    /// The batch that holds both legs.
    batch: Option<u64>,
    /// `offered`, `agreed`, `submitted`, `included`, `settled`, `declined`, `cancelled`, `expired` or `failed`.
    status: &'static str,
    /// Why it failed.
    failure: Option<Failure>,
    /// Unix seconds.
    created: u64,
}

impl From<QuoteLine> for SwapView {
    fn from(line: QuoteLine) -> Self {
        Self {
            id: line.quote.id.to_string(),
            counterparty: line.counterparty,
            give: line.give.into(),
            want: line.want.into(),
            expiry: line.quote.deal.terms().expiry,
            operation: line.quote.operation,
            batch: line.standing.batch,
            status: line.standing.status.name(),
            failure: line.standing.failure,
            created: line.quote.created,
        }
    }
}
