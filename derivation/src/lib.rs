//! State of the rollup from L1 alone.
//!
//! Batches, deposits, price snapshots and acts of governance are read from the contracts' events
//! and from calldata, in windows of blocks. Every root, commitment and cursor is derived again
//! through [`subrosa_protocol::ledger`] and compared with what L1 recorded. Nothing else is
//! trusted: not the sequencer, and of an L1 endpoint only that its blocks exist.
//!
//! | module | contents |
//! |---|---|
//! | [`source`] | where the events and the calldata come from: the trait [`Source`] |
//! | [`derivation`] | the state after some block, and the step to a later one |
//! | [`difference`] | what differs from L1, and where |
//! | [`deriver`] | the way to a target block: reading ahead, checkpoints, delivery to a [`Sink`] |
//! | [`checkpoint`], [`store`] | a state as bytes, and a folder of them |
//! | [`synthetic`] | histories in memory, for tests and measurements |
//!
//! # Example
//!
//! Follows a deployment to its newest block.
//!
//! ```
//! # use subrosa_l1::{EmbeddedTransport, deploy::{DeployConfig, NewAsset, deploy}};
//! use std::sync::Arc;
//! use subrosa_derivation::{Deployment, Deriver, Ignore, Options, Outcome};
//! use subrosa_l1::{Client, L1, Tag, development};
//! # use subrosa_protocol::asset::AssetId;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let accounts = development::accounts();
//! # let chain = EmbeddedTransport::new(&[accounts[0].address()]);
//! # let config = DeployConfig {
//! #     sequencer: accounts[1].address(),
//! #     guardian: accounts[2].address(),
//! #     fee_asset: AssetId(0),
//! #     assets: vec![NewAsset { token: Default::default(), auditor: None, flags: 0 }],
//! #     shapes: Vec::new(),
//! # };
//! # let contracts = deploy(&chain, &accounts[0], &config).await?.contracts;
//! let l1: Arc<dyn L1> = Arc::new(Client::new(chain, contracts, None));
//! let deployment = Deployment::of(&*l1).await?;
//! let mut deriver = Deriver::start(l1.clone(), deployment, Options::default());
//!
//! // A service derives up to the finalized block, or follows the newest one and rewinds when a
//! // reorganisation replaces it.
//! let target = l1.block(Tag::Latest).await?.ok_or("L1 has no block")?;
//! let outcome = deriver.run(&target, &mut Ignore).await?;
//! assert_eq!(outcome, Outcome::Reached);
//!
//! let derivation = deriver.derivation().ok_or("the run was interrupted")?;
//! assert_eq!(derivation.ledger().state().commitment(), l1.rollup().await?.state);
//! assert_eq!(derivation.surroundings().assets().len(), 1);
//! # Ok(())
//! # }
//! ```

pub mod checkpoint;
pub mod derivation;
pub mod deriver;
pub mod difference;
mod fetch;
pub mod source;
pub mod store;
pub mod surroundings;
pub mod synthetic;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use derivation::{Deployment, Derivation, Derived, Window};
pub use deriver::{DeriveError, Deriver, Ignore, Options, Outcome, Progress, Sink, SinkError};
pub use difference::{Difference, What};
pub use source::Source;
pub use store::{Checkpoints, StoreError};
pub use surroundings::Surroundings;
