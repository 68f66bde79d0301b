//! The sequencer: takes transactions, orders them into batches, has the batches proven and settles
//! them.
//!
//! ```text
//! api → admission (decode, rules, proofs; own threads) → mempool → seal (ledger, one synced write)
//!     → prove (stored, resumable job) → settle (in order) → L1 → watch
//! ```
//!
//! The legs of a swap are paired in the mempool, and wait there for each other; a batch has one price snapshot
//! of those that the chain's oracle has taken. Beside all that stands the mailbox, in which wallets negotiate.
//!
//! The core knows the outside only through [`ports`]; [`adapters`] connects the real prover and the
//! real chain. Every step is stored before the next begins ([`store`]), so that a crash between any
//! two loses and doubles nothing. The state transition itself is `subrosa_protocol::ledger`: nothing
//! here decides what is valid.
//!
//! What rests on the sequencer: liveness (book: *Introduction*). That each included transaction has a
//! valid proof is part of what the batch circuit proves; a transaction's proof therefore stays with it
//! from admission until its batch is proven.

pub mod adapters;
mod admission;
mod api;
pub mod config;
mod node;
mod health;
mod mailbox;
mod mempool;
mod oracle;
mod pipeline;
pub mod ports;
mod service;
mod status;
pub mod store;
mod submission;
mod telemetry;
mod wire;

pub use admission::{FinalRejection, Refusal};
pub use config::Config;
pub use node::{BatchEvent, BatchEventKind};
pub use health::{Halt, Health};
pub use mailbox::MESSAGE_LEN;
pub use ports::Ports;
pub use service::{RunningSequencer, Sequencer, StartError};
pub use status::TransactionStatus;
pub use submission::{ParsedSubmission, SUBMISSION_LEN};
pub use wire::Word;
