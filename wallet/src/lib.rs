//! The institution's side: keys encrypted at rest, a view of the chain by trial decryption, note
//! selection, proving, and a loopback HTTP gateway.
//!
//! A payment takes this way: [`gateway`] parses and checks the request, [`service`] stores it as
//! an [`operation`], a turn of the worker has [`compose`] build the transaction from notes of the
//! [`chain`], the prover of [`ports`] proves it, [`sequencer`] sends it, and the chain shows when
//! a batch includes it and L1 accepts the batch.
//!
//! | module | holds |
//! |---|---|
//! | [`keystore`] | the key file |
//! | [`chain`] | published batches replayed, own notes found, history |
//! | [`negotiation`] | requests, quotes and swaps, and proposals of loans |
//! | [`loans`] | loans as their parties follow them |
//! | [`compose`] | building a transaction with its witness from an intent |
//! | [`times`] | first and last second of transactions |
//! | [`service`] | the wallet and its worker |
//! | [`gateway`] | the HTTP interface |
//!
//! # Example
//!
//! Opens a wallet and serves its gateway:
//!
//! ```no_run
//! use std::{net::SocketAddr, path::Path, sync::Arc};
//!
//! use subrosa_clock::SystemClock;
//! use subrosa_l1::{Account, L1};
//! use subrosa_protocol::keys::{Network, Seed};
//! use subrosa_wallet::{
//!     Gateway, Token, Wallet, WalletConfig, Watch, ports::TransactionProver,
//! };
//!
//! async fn serve(
//!     seed: Seed,
//!     l1: Arc<dyn L1>,
//!     account: Account,
//!     prover: Arc<dyn TransactionProver>,
//! ) -> Result<Gateway, Box<dyn std::error::Error>> {
//!     let config = WalletConfig {
//!         directory: "wallet".into(),
//!         network: Network::Development,
//!         sequencer: "http://127.0.0.1:7300".into(),
//!         proxy: None,
//!         fee: 50_000,
//!         watch: Watch { liquidate: true },
//!     };
//!     let clock = SystemClock::shared();
//!     let wallet = Wallet::open(config, &seed, l1, account, prover, clock).await?;
//!     let token = Token::load_or_create(Path::new("wallet/token"))?;
//!     let listen = SocketAddr::from(([127, 0, 0, 1], 7301));
//!     Ok(Gateway::start(wallet, listen, token).await?)
//! }
//! ```

pub mod amount;
pub mod chain;
pub mod compose;
mod decimal;
pub mod error;
mod failure;
pub mod gateway;
mod id;
pub mod keystore;
pub mod loans;
pub mod negotiation;
pub mod operation;
pub mod ports;
pub mod select;
pub mod sequencer;
pub mod service;
mod store;
pub mod times;

pub use error::WalletError;
pub use failure::Failure;
pub use gateway::{Gateway, Token};
pub use service::{Wallet, WalletConfig, Watch};
pub use store::StoreError;
