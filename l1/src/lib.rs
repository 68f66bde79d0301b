//! Subrosa's contracts seen from Rust: committed artifacts, typed bindings, deployment, and the L1
//! clients.
//!
//! [`transport::Transport`] is a chain (embedded revm, or a JSON-RPC node); [`Client`] speaks to the
//! contracts over any transport; [`L1`] is the object-safe face that the services hold.

pub mod account;
pub mod client;
pub mod contracts;
pub mod deploy;
pub mod development;
pub mod embedded;
pub mod error;
pub mod rpc;
pub mod transport;
pub mod view;
mod words;

pub use account::Account;
pub use client::{Client, Contracts, L1};
pub use embedded::EmbeddedTransport;
pub use error::L1Error;
pub use rpc::RpcTransport;
pub use transport::{At, Head, Transport};
pub use view::{
    Accepted, DepositReceipt, OracleChange, OracleEvent, OracleLog, QueuedDeposit, Receipt,
    RollupView, SettledBatch, Settlement, TokenMetadata,
};

/// The L1 in process.
pub type EmbeddedL1 = Client<EmbeddedTransport>;
/// An L1 behind JSON-RPC.
pub type RpcL1 = Client<RpcTransport>;
