//! The gateway: the institution's HTTP interface to its wallet (spec: *Interfaces*).
//!
//! Timeouts of HTTP use the operating system's time, not the wallet's clock.

mod api;
mod body;
mod document;
mod events;
mod lending;
mod lending_views;
mod problem;
mod trading;
mod trading_views;
mod views;

use std::{net::SocketAddr, path::Path, sync::Arc};

use axum::{
    Extension, Router,
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use rand::RngCore as _;
use subtle::ConstantTimeEq as _;
use tokio_util::sync::CancellationToken;
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer,
};
use utoipa::OpenApi as _;
use utoipa_swagger_ui::SwaggerUi;

use crate::{error::WalletError, service::Wallet};

/// Longest request body, bytes.
const MAX_BODY: usize = 16 * 1024;
/// Longest duration of a request. A deposit waits for L1.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(180);

/// The bearer token of a gateway.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// Reads the token file, or creates it with a fresh token, readable by its owner only.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn load_or_create(path: &Path) -> std::io::Result<Self> {
        if let Ok(text) = std::fs::read_to_string(path) {
            return Ok(Self(text.trim().into()));
        }
        let mut bytes = [0u8; 32];
        rand::rngs::OsRng.fill_bytes(&mut bytes);
        let token = hex::encode(bytes);
        crate::keystore::write_private(path, token.as_bytes())?;
        Ok(Self(token.into()))
    }

    /// Returns the token, to be sent as `Authorization: Bearer …`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.strip_prefix("Bearer "));
        given.is_some_and(|given| given.as_bytes().ct_eq(self.0.as_bytes()).into())
    }
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Address on which it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Gateway {
    /// Serves `wallet` on `listen` (port 0 takes a free one) and runs its worker.
    ///
    /// # Errors
    /// The operating system's error if the address cannot be bound.
    pub async fn start(
        wallet: Arc<Wallet>,
        listen: SocketAddr,
        token: Token,
    ) -> std::io::Result<Self> {
        let bound = tokio::net::TcpListener::bind(listen).await;
        let listener = bound.map_err(|error| {
            let text = format!("{listen} cannot be listened on: {error}");
            std::io::Error::new(error.kind(), text)
        })?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let worker = tokio::spawn(Arc::clone(&wallet).run(stop.clone()));
        let serve_stop = stop.clone();
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, router(wallet, token, serve_stop.clone()))
                .with_graceful_shutdown(async move { serve_stop.cancelled().await })
                .await;
            if let Err(error) = served {
                tracing::error!("the gateway stopped serving: {error}");
            }
        });
        Ok(Self {
            address,
            stop,
            tasks: vec![worker, server],
        })
    }

    /// Stops serving and scanning, after the current proof.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// Returns the gateway's OpenAPI description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    document::Document::openapi()
}

fn router(wallet: Arc<Wallet>, token: Token, stop: CancellationToken) -> Router {
    let authorized = middleware::from_fn_with_state(token, authorize);
    // Without a timeout: a client reads the stream as long as it likes.
    let stream = Router::new()
        .route("/v1/events", get(events::events))
        .route_layer(authorized.clone())
        .layer(Extension(stop))
        .with_state(Arc::clone(&wallet));
    let private = Router::new()
        .route("/v1/address", get(api::address))
        .route("/v1/deposits", post(api::deposit))
        .route("/v1/transfers", post(api::transfer))
        .route("/v1/withdrawals", post(api::withdraw))
        .route("/v1/claims", post(api::claim))
        .route("/v1/balances", get(api::balances))
        .route("/v1/history", get(api::history))
        .route("/v1/operations/{id}", get(api::operation))
        .route("/v1/rfqs", get(trading::rfqs).post(trading::request))
        .route("/v1/rfqs/{id}", get(trading::rfq))
        .route("/v1/rfqs/{id}/decline", post(trading::decline_rfq))
        .route("/v1/rfqs/{id}/cancel", post(trading::cancel_rfq))
        .route("/v1/quotes", get(trading::quotes).post(trading::quote))
        .route("/v1/quotes/{id}", get(trading::quote_by_id))
        .route("/v1/quotes/{id}/accept", post(trading::accept))
        .route("/v1/quotes/{id}/decline", post(trading::decline_quote))
        .route("/v1/quotes/{id}/cancel", post(trading::cancel_quote))
        .route("/v1/swaps", get(trading::swaps).post(trading::propose))
        .route("/v1/swaps/{id}", get(trading::swap))
        .route("/v1/markets", get(lending::markets))
        .route("/v1/loans", get(lending::loans).post(lending::propose))
        .route("/v1/loans/{id}", get(lending::loan))
        .route("/v1/loans/{id}/accept", post(lending::accept))
        .route("/v1/loans/{id}/decline", post(lending::decline))
        .route("/v1/loans/{id}/cancel", post(lending::cancel))
        .route("/v1/loans/{id}/collateral", post(lending::collateral))
        .route("/v1/loans/{id}/repay", post(lending::repay))
        .route("/v1/loans/{id}/close", post(lending::close))
        .route("/v1/loans/{id}/liquidate", post(lending::liquidate))
        .route_layer(authorized)
        .with_state(wallet);
    Router::new()
        .merge(private)
        .route("/health", get(|| async { "ok" }))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi()))
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(
            axum::http::StatusCode::GATEWAY_TIMEOUT,
            TIMEOUT,
        ))
        .merge(stream)
        .layer(CatchPanicLayer::new())
}

async fn authorize(
    State(token): State<Token>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Result<Response, WalletError> {
    if token.admits(&headers) {
        Ok(next.run(request).await)
    } else {
        Err(WalletError::Unauthorized)
    }
}
