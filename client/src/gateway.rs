//! The wallet gateway's interface: one institution's payments, swaps and loans.
//!
//! Every request carries the gateway's bearer token. A POST may carry an idempotency key: the same
//! key answers with the first result, so that a request can be sent again after a lost answer.

mod events;
mod loans;
mod payments;
mod problem;
mod swaps;

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::Serialize;

pub use self::{
    events::{EventView, Events, NumberedEvent},
    loans::{
        CollateralRequest, HealthView, LoanRequest, LoanView, MarketView, PriceView, RepayRequest,
        RoleName,
    },
    payments::{
        AddressView, AssetView, BalanceView, ClaimRequest, ClaimView, DepositRequest, Failure,
        HistoryView, OperationView, TransferRequest, WithdrawalRequest,
    },
    problem::Problem,
    swaps::{
        AmountRequest, AmountView, OpenAmountRequest, QuoteRequest, QuoteView, RfqRequest, RfqView,
        SETTLE_WITHIN, SwapRequest, SwapView, VALID_FOR,
    },
};
use crate::{error::ClientError, http::Service};

/// Longest time that a call may take. The gateway itself gives up after 180 seconds.
const TIMEOUT: Duration = Duration::from_secs(200);

/// Body of a POST whose path says everything: `{}`.
#[derive(Serialize)]
struct Empty {}

/// Client of one institution's gateway.
#[derive(Clone, Debug)]
pub struct GatewayClient {
    service: Service,
}

impl GatewayClient {
    /// Makes a client of the gateway at `base`, such as `http://127.0.0.1:7400`, with its bearer
    /// token.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if the HTTP client cannot be built.
    pub fn new(base: &str, token: &str) -> Result<Self, ClientError> {
        Ok(Self {
            service: Service::new(base, Some(token), TIMEOUT, None)?,
        })
    }

    /// Returns the base address.
    #[must_use]
    pub fn base(&self) -> &str {
        self.service.base()
    }

    /// Prepares a request with the token to a path such as `/v1/address`, for whatever the other
    /// methods do not cover.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.service.request(method, path)
    }
}
