//! Clients of the HTTP interfaces, and the request and response types of all.
//!
//! | Module | Interface | Client |
//! |---|---|---|
//! | [`sequencer`] | the sequencer: submissions, batches, messages, prices | [`SequencerClient`] |
//! | [`sequencer`] | its operator's: liveness, readiness, metrics | [`OperationsClient`] |
//! | [`gateway`] | a wallet gateway: payments, swaps, loans | [`GatewayClient`] |
//!
//! The services build their answers from the same types, and describe them in their OpenAPI
//! documents (`/openapi.json`). Amounts of the gateway are decimal strings in the asset's display
//! unit. Field elements, hashes and bytes are `0x` and lower-case hex digits. Times are Unix
//! seconds.
//!
//! A failed call is a [`ClientError`]: the service refused the request with an RFC 9457 problem,
//! could not be reached, or answered something that the interface does not describe.
//!
//! Types that hold an amount, an address or a memo have no `Debug` form, so that none of these ends
//! up in a log by accident.
//!
//! # Example
//!
//! A bank pays through its gateway and waits until L1 has settled the payment:
//!
//! ```no_run
//! use subrosa_client::{ClientError, GatewayClient, gateway::TransferRequest};
//!
//! async fn pay(gateway: &GatewayClient) -> Result<(), ClientError> {
//!     let payment = TransferRequest {
//!         asset: "dUSD".into(),
//!         amount: "182340119.37".into(),
//!         to: "subdev1…".into(),
//!         memo: "INV-2026-104417".into(),
//!     };
//!     // The key makes it safe to send the same request again.
//!     let mut operation = gateway.transfer(&payment, Some("INV-2026-104417")).await?;
//!     while !operation.is_final() {
//!         operation = gateway.operation(&operation.id).await?;
//!     }
//!     assert_eq!(operation.status, "settled");
//!     Ok(())
//! }
//! ```
//!
//! Requests and answers are plain serde types:
//!
//! ```
//! use subrosa_client::gateway::BalanceView;
//!
//! let text = r#"{
//!     "asset": { "id": 0, "symbol": "dUSD", "decimals": 6 },
//!     "spendable": "1250000.5", "pending": "0", "on_l1": "44", "claimable": "0",
//!     "deposit_minimum": "5", "deposit_fee": "0.25", "deposit_is_named": false
//! }"#;
//! let balance: BalanceView = serde_json::from_str(text)?;
//! assert_eq!(balance.spendable, "1250000.5");
//! # Ok::<(), serde_json::Error>(())
//! ```

mod error;
pub mod gateway;
mod http;
mod proxy;
pub mod sequencer;
mod sse;
pub mod work;

pub use error::ClientError;
pub use gateway::GatewayClient;
pub use proxy::{Proxy, ProxyError};
pub use reqwest::{Method, RequestBuilder, Response, StatusCode};
pub use sequencer::{OperationsClient, SequencerClient};
