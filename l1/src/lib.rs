//! L1 as Subrosa sees it: the contracts' bindings, their deployment, and clients for any chain.
//!
//! | module | contents |
//! |---|---|
//! | [`client`] | the trait [`L1`] that services hold, and [`Client`], which implements it |
//! | [`history`] | all that the contracts recorded, block by block |
//! | [`view`] | the contracts' state and events in the protocol's types |
//! | [`transport`] | the trait [`Transport`]: calls, transactions and logs of a chain |
//! | [`rpc`], [`embedded`] | its two implementations: a JSON-RPC node, and revm in this process |
//! | [`endpoints`], [`status`] | several endpoints of one chain, and the state of the connection |
//! | [`deploy`] | deployment of the contracts, and of tokens and price feeds for development |
//! | [`governance`] | the actions of governance, and the timelock's operations |
//! | [`prices`] | the prices that a snapshot would have now |
//! | [`development`] | well-known accounts, and the anvil node |
//! | [`contracts`] | typed bindings, generated from the committed artifacts |
//!
//! Three rules hold for every read. It names a mined block, never the pending one: the pending
//! block holds transactions that their senders can still replace. The calls behind one answer read
//! the same block, by its hash. And no failure of a read is final ([`L1Error::is_transient`]):
//! nothing that an endpoint says may end a service.
//!
//! # Example
//!
//! Deploys the contracts on an embedded chain, deposits a token, and reads the deposit queue.
//!
//! ```
//! use subrosa_l1::{
//!     Client, EmbeddedTransport, L1,
//!     deploy::{DeployConfig, NewAsset, deploy, development_token, mint},
//!     development,
//! };
//! use subrosa_protocol::{Fr, asset::AssetId};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), subrosa_l1::L1Error> {
//! let accounts = development::accounts();
//! let (owner, depositor) = (&accounts[0], &accounts[3]);
//! let chain = EmbeddedTransport::new(&[owner.address(), depositor.address()]);
//!
//! let token = development_token(&chain, owner, "Dollar", "dUSD", 6).await?;
//! mint(&chain, owner, token, depositor.address(), 1_000_000).await?;
//! let config = DeployConfig {
//!     sequencer: accounts[1].address(),
//!     guardian: accounts[2].address(),
//!     fee_asset: AssetId(0),
//!     assets: vec![NewAsset { token, auditor: None, flags: 0 }],
//!     shapes: Vec::new(),
//! };
//! let deployment = deploy(&chain, owner, &config).await?;
//!
//! let l1 = Client::new(chain, deployment.contracts, None);
//! // A wallet derives this commitment from the note that the deposit makes.
//! let inner = Fr::from(7u64);
//! let receipt = l1.deposit(depositor, AssetId(0), 250_000, &inner).await?;
//! assert_eq!((receipt.index, receipt.credited), (0, 250_000));
//!
//! // The newest mined block has one confirmation.
//! assert_eq!(l1.deposits_mined(1).await?, 1);
//! assert_eq!(l1.deposits_mined(2).await?, 0);
//! # Ok(())
//! # }
//! ```

pub mod account;
pub mod client;
pub mod contracts;
pub mod deploy;
pub mod development;
pub mod embedded;
pub mod endpoints;
pub mod error;
pub mod governance;
pub mod history;
pub mod prices;
pub mod rpc;
pub mod status;
pub mod transactions;
pub mod transport;
pub mod view;
mod words;

pub use account::Account;
pub use client::{Client, Contracts, L1, SignedClaim};
pub use embedded::EmbeddedTransport;
pub use endpoints::{EndpointOptions, Endpoints};
pub use error::L1Error;
pub use history::{Change, Recorded, RegisteredAsset, Submission};
pub use rpc::{RpcOptions, RpcTransport};
pub use status::{Failure, Status};
pub use transactions::{Cancellation, Manager, Settings as TransactionSettings};
pub use transport::{At, Block, Call, FoundLog, Head, LogQuery, Outgoing, Tag, Transport};
pub use view::{
    Accepted, ClaimReceipt, DepositName, DepositReceipt, DepositTerms, OracleChange, OracleEvent,
    OracleLog, QueuedDeposit, Receipt, RollupView, SettledBatch, Settlement, TakeBack,
    TokenMetadata, Validity,
};

/// Client of a chain in this process.
pub type EmbeddedL1 = Client<EmbeddedTransport>;
/// Client of a JSON-RPC node.
pub type RpcL1 = Client<RpcTransport>;
