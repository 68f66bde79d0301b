//! The sequencer: accepts transactions, orders them into batches, has the batches proven and
//! settles them.
//!
//! # Flow
//!
//! ```text
//!  HTTP ──▶ api ──▶ admission ──▶ mempool ──▶ seal ──▶ prove ──▶ settle ──▶ L1
//!                  (decode,      (order,     (ledger,  (stored,   (in order)  │
//!                   rules,        pairs)      one       resumable             │
//!                   proofs)                   synced    job)                  │
//!                                             write)                          │
//!                                               ▲                             │
//!                                               └── watch ◀───────────────────┘
//!                                                   (deposits, assets, prices)
//! ```
//!
//! - `api` is the HTTP interface (spec: *Interfaces*, sequencer). `admission` checks submissions on
//!   threads of its own and stores the valid ones.
//! - `mempool` orders the accepted transactions. It pairs the legs of swaps, and gives each batch
//!   one price snapshot of those that the chain's oracle has recorded.
//! - `pipeline` watches L1, seals, proves and settles. Each step is stored before the next begins
//!   ([`store`]), so that a crash between two steps loses nothing and doubles nothing.
//! - `mailbox` stands beside all this: wallets negotiate through it.
//! - `serve` bounds connections and whatever one peer may hold; `operations` answers operators on a
//!   listener of its own.
//!
//! The state transition is `subrosa_protocol::ledger`. No other rule of validity is decided here.
//!
//! # Assumptions
//!
//! - Liveness rests on the sequencer (spec: *Introduction*), safety does not: the batch proof
//!   covers the proof of each included transaction. A transaction's proof is therefore kept from
//!   admission until its batch is proven.
//! - One process holds the store. At start it is checked against itself and against the deployment;
//!   a store that disagrees is refused, never repaired.
//! - L1 may be slow, behind or reorganised. A deposit is sealed only after a configurable number of
//!   confirmations. The pipeline halts, and an operator must act, if L1 contradicts the store or
//!   refuses a batch for good; [`Halt`] lists all reasons.
//! - The outside is reached only through [`ports`]; [`adapters`] implements them with the real
//!   prover and the real chain. All waiting and expiry follow the clock in [`Ports`].
//!
//! # Example
//!
//! ```no_run
//! use std::sync::Arc;
//! use subrosa_clock::SystemClock;
//! use subrosa_sequencer::{
//!     Config, Ports, StartError,
//!     ports::{BatchProver, ProofVerifier, SettlementLayer},
//! };
//!
//! # async fn example(
//! #     verifier: Arc<dyn ProofVerifier>,
//! #     prover: Arc<dyn BatchProver>,
//! #     settlement: Arc<dyn SettlementLayer>,
//! # ) -> Result<(), StartError> {
//! let config = Config::new("store".into(), 31337, [0x11; 20], [0x22; 20]);
//! let ports = Ports {
//!     verifier,
//!     prover,
//!     settlement,
//!     clock: SystemClock::shared(),
//! };
//! let sequencer = subrosa_sequencer::start(config, ports).await?;
//! println!("listening on http://{}", sequencer.addr());
//! sequencer.stop().await;
//! # Ok(())
//! # }
//! ```

pub mod adapters;
mod admission;
mod api;
mod chain;
mod comparisons;
pub mod config;
mod cursor;
mod deposits;
mod event;
mod health;
mod mailbox;
mod mempool;
mod node;
mod operations;
mod oracle;
mod peer;
mod pipeline;
pub mod ports;
mod purge;
mod record;
mod recovery;
mod refusal;
mod removal;
mod serve;
mod service;
mod startup;
mod status;
pub mod store;
mod submission;
mod telemetry;
mod wire;

pub use config::Config;
pub use event::{BatchEvent, BatchEventKind};
pub use health::{Halt, Health};
pub use mailbox::MESSAGE_LEN;
pub use ports::Ports;
pub use recovery::{RecoveryError, check_rollup};
pub use refusal::{FinalRejection, Refusal};
pub use serve::TlsError;
pub use service::{RunningSequencer, start};
pub use startup::{START_ATTEMPTS, StartError};
pub use status::TransactionStatus;
pub use submission::{ParsedSubmission, SUBMISSION_LEN};
pub use telemetry::report_transactions;
pub use wire::Word;
