//! Handlers of markets and loans, one for each path.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};

use super::{
    body::{Accepted, Answer, Command, Keyed, accepted},
    lending_views::{CollateralRequest, LoanRequest, LoanView, MarketView, RepayRequest, RoleName},
    problem::Problem,
    trading::id,
};
use crate::{
    amount,
    error::WalletError,
    loans::{Action, Role},
    service::{LoanOrder, Wallet},
};

/// Returns the markets of the latest price snapshot.
#[utoipa::path(get, path = "/v1/markets", responses((status = 200, body = [MarketView])))]
pub(super) async fn markets(State(wallet): State<Arc<Wallet>>) -> Json<Vec<MarketView>> {
    let lines = wallet.markets().await;
    Json(lines.into_iter().map(Into::into).collect())
}

/// Makes a firm proposal of a loan. Its notes are reserved until it ends.
#[utoipa::path(
    post,
    path = "/v1/loans",
    request_body = LoanRequest,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses(
        (status = 202, body = LoanView),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn propose(
    State(wallet): State<Arc<Wallet>>,
    Command { body: request, key }: Command<LoanRequest>,
) -> Answer<Accepted<LoanView>> {
    let collateral = wallet.asset(&request.collateral.asset).await?;
    let debt = wallet.asset(&request.debt.asset).await?;
    let secured = amount::parse(&request.collateral.amount, collateral.token.decimals)?;
    let principal = amount::parse(&request.debt.amount, debt.token.decimals)?;
    let order = LoanOrder {
        role: match request.role {
            RoleName::Borrower => Role::Borrower,
            RoleName::Lender => Role::Lender,
        },
        with: request.with,
        collateral: (collateral.id, secured),
        debt: (debt.id, principal),
        rate: request.rate_ppm,
        maturity: request.maturity,
        market: request.market,
        valid_for: request.valid_for,
        settle_within: request.settle_within,
    };
    let line = wallet.propose_loan(order, key).await?;
    accepted(line)
}

/// Returns loans and proposals, oldest first.
#[utoipa::path(get, path = "/v1/loans", responses((status = 200, body = [LoanView])))]
pub(super) async fn loans(State(wallet): State<Arc<Wallet>>) -> Json<Vec<LoanView>> {
    Json(wallet.loans().await.into_iter().map(Into::into).collect())
}

/// Returns a loan, or a proposal.
#[utoipa::path(
    get,
    path = "/v1/loans/{id}",
    params(("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015")),
    responses((status = 200, body = LoanView), (status = 404, body = Problem))
)]
pub(super) async fn loan(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
) -> Answer<Json<LoanView>> {
    Ok(Json(wallet.loan(&id(&name)?).await?.into()))
}

/// Accepts a proposal that was received. The institution's own leg of the opening starts at once.
#[utoipa::path(
    post,
    path = "/v1/loans/{id}/accept",
    params(
        ("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 202, body = LoanView),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn accept(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Keyed(key): Keyed,
) -> Answer<Accepted<LoanView>> {
    let line = wallet.accept_loan(&id(&name)?, key).await?;
    accepted(line)
}

/// Declines a proposal that was received.
#[utoipa::path(
    post,
    path = "/v1/loans/{id}/decline",
    params(
        ("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 200, body = LoanView),
        (status = 404, body = Problem),
        (status = 409, body = Problem)
    )
)]
pub(super) async fn decline(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Keyed(key): Keyed,
) -> Answer<Json<LoanView>> {
    Ok(Json(wallet.decline_loan(&id(&name)?, key).await?.into()))
}

/// Cancels a proposal of the institution that is not accepted yet.
#[utoipa::path(
    post,
    path = "/v1/loans/{id}/cancel",
    params(
        ("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 200, body = LoanView),
        (status = 404, body = Problem),
        (status = 409, body = Problem)
    )
)]
pub(super) async fn cancel(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Keyed(key): Keyed,
) -> Answer<Json<LoanView>> {
    Ok(Json(wallet.cancel_loan(&id(&name)?, key).await?.into()))
}

/// Adds collateral to a loan, or releases some. Only the borrower can.
#[utoipa::path(
    post,
    path = "/v1/loans/{id}/collateral",
    request_body = CollateralRequest,
    params(
        ("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 202, body = LoanView),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn collateral(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Command { body: request, key }: Command<CollateralRequest>,
) -> Answer<Accepted<LoanView>> {
    let id = id(&name)?;
    let decimals = wallet.loan(&id).await?.collateral.asset.token.decimals;
    let action = match (&request.add, &request.release) {
        (Some(text), None) => Action::Add {
            amount: amount::parse(text, decimals)?,
        },
        (None, Some(text)) => Action::Release {
            amount: amount::parse(text, decimals)?,
        },
        _ => {
            let exactly = "state either add or release, not both";
            return Err(WalletError::Malformed(exactly.into()));
        }
    };
    let line = wallet.step(&id, action, key).await?;
    accepted(line)
}

/// Pays part of the debt. Only the borrower can.
#[utoipa::path(
    post,
    path = "/v1/loans/{id}/repay",
    request_body = RepayRequest,
    params(
        ("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 202, body = LoanView),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn repay(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Command { body: request, key }: Command<RepayRequest>,
) -> Answer<Accepted<LoanView>> {
    let id = id(&name)?;
    let decimals = wallet.loan(&id).await?.debt.asset.token.decimals;
    let action = Action::Repay {
        amount: amount::parse(&request.amount, decimals)?,
    };
    let line = wallet.step(&id, action, key).await?;
    accepted(line)
}

/// Pays the whole debt and takes the collateral back. Only the borrower can.
#[utoipa::path(
    post,
    path = "/v1/loans/{id}/close",
    params(
        ("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 202, body = LoanView),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn close(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Keyed(key): Keyed,
) -> Answer<Accepted<LoanView>> {
    let line = wallet.step(&id(&name)?, Action::Close, key).await?;
    accepted(line)
}

/// Takes the debt out of the collateral, below the maintenance margin or after maturity. Only the
/// lender can.
#[utoipa::path(
    post,
    path = "/v1/loans/{id}/liquidate",
    params(
        ("id" = String, Path, example = "9f86d081884c7d659a2feaa0c55ad015"),
        ("Idempotency-Key" = Option<String>, Header)
    ),
    responses(
        (status = 202, body = LoanView),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn liquidate(
    State(wallet): State<Arc<Wallet>>,
    Path(name): Path<String>,
    Keyed(key): Keyed,
) -> Answer<Accepted<LoanView>> {
    let line = wallet.step(&id(&name)?, Action::Liquidate, key).await?;
    accepted(line)
}
