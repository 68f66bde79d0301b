//! The deployment file, and the rollup on L1 that it names.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy_primitives::Address;
use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use subrosa_l1::{
    Account, Client, Contracts, L1, RpcTransport, TransactionSettings, Transport, development,
};

use crate::config::layered;

/// The deployment file: L1 endpoint, chain and contracts, as `subrosa setup deploy` prints them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// JSON-RPC endpoint of L1.
    pub l1: String,
    /// Chain id that the endpoint must serve.
    pub chain_id: u64,
    /// The contract `Rollup`.
    pub rollup: Address,
    /// The contract `Vault`.
    pub vault: Address,
    /// The contract `AssetRegistry`.
    pub registry: Address,
}

impl Deployment {
    /// Reads the file. Environment variables `SUBROSA_DEPLOYMENT_…` override its fields.
    ///
    /// # Errors
    /// If the file is missing or a field is missing or malformed.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        layered(Some(file), "SUBROSA_DEPLOYMENT_", serde_json::json!({})).with_context(|| {
            format!(
                "{} is not a deployment file (`subrosa setup deploy` prints one)",
                file.display()
            )
        })
    }

    /// Connects to the L1 endpoint and checks that it serves the deployment's chain.
    ///
    /// # Errors
    /// If the endpoint does not answer or serves another chain.
    pub async fn connect(&self) -> anyhow::Result<Rollup> {
        let contracts = Contracts {
            rollup: self.rollup,
            vault: self.vault,
            registry: self.registry,
        };
        let rollup = Rollup::new(Arc::new(RpcTransport::new(&self.l1)?), contracts)
            .await
            .context("the L1 endpoint of the deployment file does not answer")?;
        ensure!(
            rollup.chain_id == self.chain_id,
            "the L1 endpoint serves chain {}, and the deployment file names chain {}",
            rollup.chain_id,
            self.chain_id
        );
        Ok(rollup)
    }

    /// Returns the file's text.
    ///
    /// # Errors
    /// If a value cannot be written as TOML.
    pub fn to_toml(&self) -> anyhow::Result<String> {
        Ok(toml::to_string(self)?)
    }
}

/// A rollup on an L1 that answers.
#[derive(Clone)]
pub struct Rollup {
    transport: Arc<dyn Transport>,
    contracts: Contracts,
    chain_id: u64,
}

impl Rollup {
    /// Takes the rollup with these contracts on the chain behind `transport`.
    ///
    /// # Errors
    /// If the chain does not answer.
    pub async fn new(transport: Arc<dyn Transport>, contracts: Contracts) -> anyhow::Result<Self> {
        let chain_id = transport.chain_id().await?;
        Ok(Self {
            transport,
            contracts,
            chain_id,
        })
    }

    /// Returns the addresses of its contracts.
    #[must_use]
    pub fn contracts(&self) -> Contracts {
        self.contracts
    }

    /// Returns the chain id of its L1.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Whether everybody knows the accounts of its L1, so that unsafe keys do no harm there.
    #[must_use]
    pub fn is_development(&self) -> bool {
        development::is_development_chain(self.chain_id)
    }

    /// Chooses how an account sends on L1, and the directory in which its transactions are kept
    /// from their sending until they are final. Call it before the account sends.
    ///
    /// # Errors
    /// If the account sends already, in another way.
    pub async fn keep_transactions(
        &self,
        account: Address,
        settings: TransactionSettings,
        directory: PathBuf,
    ) -> anyhow::Result<()> {
        let accounts = self.transport.accounts();
        Ok(accounts.keep(account, settings, Some(directory)).await?)
    }

    /// Returns a client. Only one with an `operator` can settle batches.
    #[must_use]
    pub fn client(&self, operator: Option<Account>) -> Arc<dyn L1> {
        Arc::new(Client::new(
            self.transport.clone(),
            self.contracts,
            operator,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_file_is_read_as_it_was_written() -> anyhow::Result<()> {
        let deployment = Deployment {
            l1: "http://127.0.0.1:8545".into(),
            chain_id: 31_337,
            rollup: Address::repeat_byte(0xa1),
            vault: Address::repeat_byte(0xb2),
            registry: Address::repeat_byte(0xc3),
        };
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("deployment.toml");
        std::fs::write(&file, deployment.to_toml()?)?;
        assert_eq!(Deployment::read(&file)?, deployment);
        Ok(())
    }
}
