//! The institution's side: keys encrypted at rest, a view of the chain by trial decryption, note
//! selection, proving, and a loopback HTTP gateway.
//!
//! - [`keystore`]: the key file;
//! - [`chain`]: published batches replayed, own notes found, history;
//! - [`negotiation`]: requests, quotes and swaps, and proposals of loans;
//! - [`loans`]: loans as their parties follow them;
//! - [`compose`]: from an intent to a transaction with its witness;
//! - [`service`]: the wallet and its worker;
//! - [`gateway`]: the HTTP interface.

pub mod amount;
pub mod chain;
pub mod compose;
pub mod error;
pub mod gateway;
pub mod keystore;
pub mod loans;
pub mod negotiation;
pub mod operation;
pub mod ports;
pub mod select;
pub mod sequencer;
pub mod service;
mod store;

pub use error::WalletError;
pub use gateway::{Gateway, Token};
pub use service::{Wallet, WalletConfig, Watch};
pub use store::StoreError;
