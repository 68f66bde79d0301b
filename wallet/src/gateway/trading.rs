//! Handlers of requests for quotes, quotes and swaps, one for each path.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use subrosa_protocol::swap::Leg;

use super::{
    body::{Accepted, Answer, Command, Keyed, accepted},
    problem::Problem,
    trading_views::{
        AmountRequest, QuoteRequest, QuoteView, RfqRequest, RfqView, SwapRequest, SwapView,
    },
};
use crate::{
    amount,
    error::WalletError,
    negotiation::{Fixed, Id},
    service::{Inquiry, Occasion, Order, Wallet},
};

/// Parses an id in a path. A text that is not an id names nothing.
pub(super) fn id(text: &str) -> Answer<Id> {
    text.parse().map_err(|_| WalletError::NotFound)
}

async fn leg(wallet: &Wallet, request: &AmountRequest) -> Answer<Leg> {
    let asset = wallet.asset(&request.asset).await?;
    Ok(Leg::cash(
        asset.id,
        amount::parse(&request.amount, asset.token.decimals)?,
    ))
}

/// Asks counterparties for quotes, with the amount to give or the amount to receive fixed.
#[utoipa::path(
    post,
    path = "/v1/rfqs",
    request_body = RfqRequest,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses(
        (status = 202, body = RfqView),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn request(
    State(wallet): State<Arc<Wallet>>,
    Command { body: request, key }: Command<RfqRequest>,
) -> Answer<Accepted<RfqView>> {
    let give = wallet.asset(&request.give.asset).await?;
    let want = wallet.asset(&request.want.asset).await?;
    let (fixed, amount) = match (&request.give.amount, &request.want.amount) {
        (Some(given), None) => (Fixed::Given, amount::parse(given, give.token.decimals)?),
        (None, Some(wanted)) => (Fixed::Wanted, amount::parse(wanted, want.token.decimals)?),
        _ => {
            let exactly = "state the amount of either give or want, not of both";
            return Err(WalletError::Malformed(exactly.into()));
        }
    };
    let inquiry = Inquiry {
        counterparties: request.counterparties,
        give: give.id,
        want: want.id,
        fixed,
        amount,
        expires_in: request.expires_in,
    };
    let line = wallet.inquire(inquiry, key).await?;
    accepted(line)
}

/// Returns requests for quotes, made and received, oldest first.
#[utoipa::path(get, path = "/v1/rfqs", responses((status = 200, body = [RfqView])))]
pub(super) async fn rfqs(State(wallet): State<Arc<Wallet>>) -> Json<Vec<RfqView>> {
    Json(wallet.rfqs().await.into_iter().map(Into::into).collect())
}

/// Returns a request for quotes.
#[utoipa::path(
    get,
    path = "/v1/rfqs/{id}",
    params(("id" = String, Path, example = "3a7bd3e2360a3d29eea436fcfb7e44c7")),
    responses((status = 200, body = RfqView), (status = 404, body = Problem))
)]
pub(super) async fn rfq(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
) -> Answer<Json<RfqView>> {
    Ok(Json(wallet.rfq(&id(&name)?).await?.into()))
}

/// Declines a request that was received.
#[utoipa::path(
    post,
    path = "/v1/rfqs/{id}/decline",
    params(
        ("id" = String, Path, example = "3a7bd3e2360a3d29eea436fcfb7e44c7"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 200, body = RfqView),
        (status = 404, body = Problem),
        (status = 409, body = Problem)
    )
)]
pub(super) async fn decline_rfq(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Keyed(key): Keyed,
) -> Answer<Json<RfqView>> {
    Ok(Json(wallet.decline_rfq(&id(&name)?, key).await?.into()))
}

/// Cancels a request of the institution. Quotes to it are declined.
#[utoipa::path(
    post,
    path = "/v1/rfqs/{id}/cancel",
    params(
        ("id" = String, Path, example = "3a7bd3e2360a3d29eea436fcfb7e44c7"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 200, body = RfqView),
        (status = 404, body = Problem),
        (status = 409, body = Problem)
    )
)]
pub(super) async fn cancel_rfq(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Keyed(key): Keyed,
) -> Answer<Json<RfqView>> {
    Ok(Json(wallet.cancel_rfq(&id(&name)?, key).await?.into()))
}

/// Makes a firm offer of a swap. Its notes are reserved until it ends.
#[utoipa::path(
    post,
    path = "/v1/quotes",
    request_body = QuoteRequest,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses(
        (status = 202, body = QuoteView),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn quote(
    State(wallet): State<Arc<Wallet>>,
    Command { body: request, key }: Command<QuoteRequest>,
) -> Answer<Accepted<QuoteView>> {
    let line = wallet.quote(order(&wallet, request).await?, key).await?;
    accepted(line)
}

/// Builds the order that a firm offer's body asks for.
async fn order(wallet: &Wallet, request: QuoteRequest) -> Answer<Order> {
    let occasion = match (request.rfq, request.to) {
        (Some(rfq), None) => Occasion::Rfq(id(&rfq)?),
        (None, Some(to)) => Occasion::To(to),
        _ => {
            return Err(WalletError::Malformed(
                "state either rfq or to, not both".into(),
            ));
        }
    };
    Ok(Order {
        occasion,
        give: leg(wallet, &request.give).await?,
        want: leg(wallet, &request.want).await?,
        valid_for: request.valid_for,
        settle_within: request.settle_within,
    })
}

/// Returns quotes, made and received, oldest first.
#[utoipa::path(get, path = "/v1/quotes", responses((status = 200, body = [QuoteView])))]
pub(super) async fn quotes(State(wallet): State<Arc<Wallet>>) -> Json<Vec<QuoteView>> {
    let lines = wallet.quotes(false).await;
    Json(lines.into_iter().map(Into::into).collect())
}

/// Returns a quote.
#[utoipa::path(
    get,
    path = "/v1/quotes/{id}",
    params(("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015")),
    responses((status = 200, body = QuoteView), (status = 404, body = Problem))
)]
pub(super) async fn quote_by_id(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
) -> Answer<Json<QuoteView>> {
    Ok(Json(wallet.quote_by_id(&id(&name)?).await?.into()))
}

/// Accepts a quote that was received. The institution's own leg of the swap starts at once.
#[utoipa::path(
    post,
    path = "/v1/quotes/{id}/accept",
    params(
        ("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 202, body = SwapView),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn accept(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Keyed(key): Keyed,
) -> Answer<Accepted<SwapView>> {
    let line = wallet.accept(&id(&name)?, key).await?;
    accepted(line)
}

/// Declines a quote that was received.
#[utoipa::path(
    post,
    path = "/v1/quotes/{id}/decline",
    params(
        ("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 200, body = QuoteView),
        (status = 404, body = Problem),
        (status = 409, body = Problem)
    )
)]
pub(super) async fn decline_quote(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Keyed(key): Keyed,
) -> Answer<Json<QuoteView>> {
    Ok(Json(wallet.decline_quote(&id(&name)?, key).await?.into()))
}

/// Cancels a quote of the institution that is not accepted yet.
#[utoipa::path(
    post,
    path = "/v1/quotes/{id}/cancel",
    params(
        ("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 200, body = QuoteView),
        (status = 404, body = Problem),
        (status = 409, body = Problem)
    )
)]
pub(super) async fn cancel_quote(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Keyed(key): Keyed,
) -> Answer<Json<QuoteView>> {
    Ok(Json(wallet.cancel_quote(&id(&name)?, key).await?.into()))
}

/// Makes a firm offer of a swap without a request. The answer shows it as a swap.
#[utoipa::path(
    post,
    path = "/v1/swaps",
    request_body = SwapRequest,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses(
        (status = 202, body = SwapView),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn propose(
    State(wallet): State<Arc<Wallet>>,
    Command { body: request, key }: Command<SwapRequest>,
) -> Answer<Accepted<SwapView>> {
    let line = wallet
        .quote(order(&wallet, request.into()).await?, key)
        .await?;
    accepted(line)
}

/// Returns swaps, oldest first: accepted quotes, and firm offers without a request.
#[utoipa::path(get, path = "/v1/swaps", responses((status = 200, body = [SwapView])))]
pub(super) async fn swaps(State(wallet): State<Arc<Wallet>>) -> Json<Vec<SwapView>> {
    let lines = wallet.quotes(true).await;
    Json(lines.into_iter().map(Into::into).collect())
}

/// Returns a swap. Its id is the quote's.
#[utoipa::path(
    get,
    path = "/v1/swaps/{id}",
    params(("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015")),
    responses((status = 200, body = SwapView), (status = 404, body = Problem))
)]
pub(super) async fn swap(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
) -> Answer<Json<SwapView>> {
    Ok(Json(wallet.quote_by_id(&id(&name)?).await?.into()))
}
