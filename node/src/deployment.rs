//! The deployment file, and the rollup on L1 that it names.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::Address;
use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use subrosa_client::Proxy;
use subrosa_l1::{
    Account, Client, Contracts, Endpoints, L1, RpcTransport, TransactionSettings, Transport,
    development,
};

use crate::config::layered;

/// Times that the rollup is asked for at start.
const START_TRIES: u32 = 5;
/// Pause between two of them.
const START_PAUSE: Duration = Duration::from_secs(1);

/// The deployment file: L1 endpoint, chain and contracts, as `subrosa setup deploy` prints them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// JSON-RPC endpoints of L1, one (a string) or several (a list). The first that serves its
    /// chain and is not behind the others is used.
    pub l1: EndpointUrls,
    /// Chain id that the endpoint must serve.
    pub chain_id: u64,
    /// The contract `Rollup`.
    pub rollup: Address,
    /// The contract `Vault`.
    pub vault: Address,
    /// The contract `AssetRegistry`.
    pub registry: Address,
    /// Number of a block before which none of the contracts existed, from which on their logs are
    /// read. Absent in old files, which means block 0.
    #[serde(default)]
    pub deployed_at: u64,
}

/// URLs of L1's endpoints. `Debug` hides them: they may carry access tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EndpointUrls {
    /// One endpoint.
    One(String),
    /// Several endpoints, the preferred one first.
    Several(Vec<String>),
}

impl EndpointUrls {
    /// Returns the URLs, the preferred one first.
    #[must_use]
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(url) => std::slice::from_ref(url),
            Self::Several(urls) => urls,
        }
    }
}

impl From<&str> for EndpointUrls {
    fn from(url: &str) -> Self {
        Self::One(url.to_owned())
    }
}

impl std::fmt::Debug for EndpointUrls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} endpoints", self.all().len())
    }
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
        self.connect_through(None).await
    }

    /// Connects through a proxy, and in no other way. Each endpoint has connections of its own.
    ///
    /// # Errors
    /// As [`Deployment::connect`].
    pub async fn connect_through(&self, proxy: Option<&Proxy>) -> anyhow::Result<Rollup> {
        let contracts = Contracts {
            rollup: self.rollup,
            vault: self.vault,
            registry: self.registry,
            deployed_at: self.deployed_at,
        };
        let transport = |url: &String| -> anyhow::Result<RpcTransport> {
            Ok(match proxy {
                Some(proxy) => RpcTransport::through(url, proxy.apart().transport()?)?,
                None => RpcTransport::new(url)?,
            })
        };
        let transports = self.l1.all().iter().map(transport);
        let transports = transports.collect::<Result<Vec<_>, _>>()?;
        ensure!(
            !transports.is_empty(),
            "the deployment file names no L1 endpoint"
        );
        // With one endpoint its own answer says more than "no endpoint serves the chain".
        let chain_id = (transports.len() > 1).then_some(self.chain_id);
        let endpoints = Endpoints::new(transports, chain_id);
        let rollup = Rollup::new(Arc::new(endpoints), contracts)
            .await
            .context("no L1 endpoint of the deployment file answers")?;
        ensure!(
            rollup.chain_id == self.chain_id,
            "the L1 endpoint serves chain {}, and the deployment file names chain {}",
            rollup.chain_id,
            self.chain_id
        );
        rollup.check().await?;
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

    /// Checks that the rollup is at its address. At start, after several tries, a wrong answer is
    /// the deployment file's fault; later it is the endpoint's, and passes.
    async fn check(&self) -> anyhow::Result<()> {
        let client = self.client(None);
        let mut tries = 1;
        let view = loop {
            match client.rollup().await {
                Err(error) if error.is_transient() && tries < START_TRIES => {
                    tries += 1;
                    tokio::time::sleep(START_PAUSE).await;
                }
                answer => break answer,
            }
        };
        let view = view.context(
            "no rollup answers at the address in the deployment file, or its endpoint is out of \
             order",
        )?;
        let context = subrosa_protocol::transaction::Context {
            chain_id: self.chain_id,
            rollup: self.contracts.rollup.into_array(),
        };
        ensure!(
            view.context == context.word(),
            "the contract at the rollup's address in the deployment file belongs to another \
             deployment"
        );
        Ok(())
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

    /// Returns the transport to its L1.
    #[must_use]
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
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
            deployed_at: 7,
        };
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("deployment.toml");
        std::fs::write(&file, deployment.to_toml()?)?;
        assert_eq!(Deployment::read(&file)?, deployment);
        Ok(())
    }

    #[test]
    fn old_files_and_several_endpoints_are_read() -> anyhow::Result<()> {
        let contracts = "chain_id = 31337\n\
            rollup = \"0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\"\n\
            vault = \"0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\"\n\
            registry = \"0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\"\n";
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("deployment.toml");
        let l1 = "l1 = \"http://one/TOKEN\"\n";
        std::fs::write(&file, [l1, contracts].concat())?;
        let old = Deployment::read(&file)?;
        assert_eq!(old.l1.all(), ["http://one/TOKEN"]);
        assert_eq!(old.deployed_at, 0);
        assert!(!format!("{old:?}").contains("TOKEN"));

        let l1 = "l1 = [\"http://one\", \"http://two\"]\n";
        std::fs::write(&file, [l1, contracts].concat())?;
        let several = Deployment::read(&file)?;
        assert_eq!(several.l1.all(), ["http://one", "http://two"]);
        assert_eq!(
            several.to_toml()?.parse::<toml::Table>()?["l1"]
                .as_array()
                .map(Vec::len),
            Some(2)
        );
        Ok(())
    }
}
