//! Handlers of deposits, payments, balances and history, one for each path.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use subrosa_protocol::encryption::Memo;
use utoipa::IntoParams;

use super::{
    body::{Accepted, Answer, Command, accepted},
    problem::Problem,
    views::{
        AddressView, BalanceView, ClaimRequest, ClaimView, DepositRequest, HistoryView,
        OperationView, TransferRequest, WithdrawalRequest,
    },
};
use crate::{
    amount,
    error::WalletError,
    operation::Request,
    service::{Wallet, parse_account},
};

/// Returns the institution's address and L1 account.
#[utoipa::path(get, path = "/v1/address", responses((status = 200, body = AddressView)))]
pub(super) async fn address(State(wallet): State<Arc<Wallet>>) -> Json<AddressView> {
    Json(AddressView {
        address: wallet.address(),
        account: format!("0x{}", hex::encode(wallet.account())),
    })
}

/// Deposits from the institution's L1 account. Answers when L1 has queued the deposit.
#[utoipa::path(
    post,
    path = "/v1/deposits",
    request_body = DepositRequest,
    responses(
        (status = 202, body = OperationView),
        (status = 422, body = Problem),
        (status = 502, body = Problem)
    )
)]
pub(super) async fn deposit(
    State(wallet): State<Arc<Wallet>>,
    Command { body: request, key }: Command<DepositRequest>,
) -> Answer<Accepted<OperationView>> {
    let asset = wallet.asset(&request.asset).await?;
    let amount = amount::parse(&request.amount, asset.token.decimals)?;
    let (operation, _) = wallet.deposit(asset.id, amount, key).await?;
    accepted(operation)
}

/// Starts a confidential payment.
#[utoipa::path(
    post,
    path = "/v1/transfers",
    request_body = TransferRequest,
    responses(
        (status = 202, body = OperationView),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn transfer(
    State(wallet): State<Arc<Wallet>>,
    Command { body: request, key }: Command<TransferRequest>,
) -> Answer<Accepted<OperationView>> {
    let asset = wallet.asset(&request.asset).await?;
    let amount = amount::parse(&request.amount, asset.token.decimals)?;
    request
        .memo
        .parse::<Memo>()
        .map_err(|e| WalletError::MemoTooLong(e.to_string()))?;
    let intent = Request::Transfer {
        to: request.to,
        memo: request.memo,
    };
    let operation = wallet.start(intent, asset.id, amount, key).await?;
    accepted(operation)
}

/// Starts a payment out to L1.
#[utoipa::path(
    post,
    path = "/v1/withdrawals",
    request_body = WithdrawalRequest,
    responses(
        (status = 202, body = OperationView),
        (status = 409, body = Problem),
        (status = 422, body = Problem)
    )
)]
pub(super) async fn withdraw(
    State(wallet): State<Arc<Wallet>>,
    Command { body: request, key }: Command<WithdrawalRequest>,
) -> Answer<Accepted<OperationView>> {
    let asset = wallet.asset(&request.asset).await?;
    let amount = amount::parse(&request.amount, asset.token.decimals)?;
    let recipient = match &request.to {
        Some(text) => parse_account(text)
            .ok()
            .filter(|account| *account != [0; 20])
            .ok_or_else(|| {
                WalletError::BadAddress(
                    "write an L1 account as 0x and 40 hex digits, not all zero".into(),
                )
            })?,
        None => wallet.account(),
    };
    let intent = Request::Withdrawal {
        to: format!("0x{}", hex::encode(recipient)),
    };
    let operation = wallet.start(intent, asset.id, amount, key).await?;
    accepted(operation)
}

/// Claims the institution's credit in the vault.
#[utoipa::path(
    post,
    path = "/v1/claims",
    request_body = ClaimRequest,
    responses(
        (status = 200, body = ClaimView),
        (status = 422, body = Problem),
        (status = 502, body = Problem)
    )
)]
pub(super) async fn claim(
    State(wallet): State<Arc<Wallet>>,
    Command { body: request, key }: Command<ClaimRequest>,
) -> Answer<Json<ClaimView>> {
    let asset = wallet.asset(&request.asset).await?;
    let (transaction, paid) = wallet.claim(asset.id, key).await?;
    Ok(Json(ClaimView {
        l1_transaction: format!("0x{}", hex::encode(transaction)),
        amount: amount::format(paid, asset.token.decimals),
    }))
}

/// Returns the balances of all assets.
#[utoipa::path(get, path = "/v1/balances", responses((status = 200, body = [BalanceView])))]
pub(super) async fn balances(State(wallet): State<Arc<Wallet>>) -> Answer<Json<Vec<BalanceView>>> {
    Ok(Json(
        wallet
            .balances()
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// First batch to show.
    #[serde(default)]
    from: u64,
}

/// Returns the movements, oldest first.
#[utoipa::path(
    get,
    path = "/v1/history",
    params(Since),
    responses((status = 200, body = [HistoryView]))
)]
pub(super) async fn history(
    State(wallet): State<Arc<Wallet>>,
    Query(since): Query<Since>,
) -> Json<Vec<HistoryView>> {
    Json(
        wallet
            .history(since.from)
            .await
            .into_iter()
            .map(Into::into)
            .collect(),
    )
}

/// Returns an operation.
#[utoipa::path(
    get,
    path = "/v1/operations/{id}",
    params(("id" = String, Path, description = "as answered by the POST")),
    responses((status = 200, body = OperationView), (status = 404, body = Problem))
)]
pub(super) async fn operation(
    State(wallet): State<Arc<Wallet>>,
    Path(id): Path<String>,
) -> Answer<Json<OperationView>> {
    Ok(Json(wallet.operation(&id).await?.into()))
}
