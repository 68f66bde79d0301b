//! L1 of a demonstration: in this process, or an anvil that the demonstration starts and ends.

use std::sync::Arc;

use alloy_primitives::Address;
use subrosa_clock::Clock;
use subrosa_l1::{
    EmbeddedTransport, Transport, development,
    development::{Anvil, AnvilOptions},
};

/// Kind of chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ChainKind {
    /// revm in this process.
    Embedded,
    /// An anvil on the loopback interface.
    Anvil,
}

/// Running chain.
pub(crate) struct Chain {
    /// Calls and transactions.
    pub(crate) transport: Arc<dyn Transport>,
    /// Ends with the demonstration.
    anvil: Option<Anvil>,
}

impl Chain {
    /// Starts the chain with the development accounts funded. The embedded chain follows `clock`.
    pub(crate) async fn start(kind: ChainKind, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        match kind {
            ChainKind::Embedded => {
                let accounts = development::accounts();
                let funded: Vec<Address> = accounts.iter().map(|a| a.address()).collect();
                Ok(Self {
                    transport: Arc::new(EmbeddedTransport::with_clock(&funded, clock)),
                    anvil: None,
                })
            }
            ChainKind::Anvil => {
                let anvil = Anvil::start(AnvilOptions::default()).await?;
                Ok(Self {
                    transport: Arc::new(anvil.transport()),
                    anvil: Some(anvil),
                })
            }
        }
    }

    /// Returns the JSON-RPC endpoint, if other processes can reach the chain.
    pub(crate) fn url(&self) -> Option<&str> {
        self.anvil.as_ref().map(|anvil| anvil.url.as_str())
    }
}
