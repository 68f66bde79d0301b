//! Chains and the contracts on them.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::Address;
use anyhow::{Context as _, bail};
use subrosa_l1::{
    Account, Client, Contracts, EmbeddedTransport, L1, RpcTransport, Transport,
    deploy::{DeployConfig, Deployment, NewAsset, NewShape, deploy, development_token, mint},
    development,
};
use subrosa_protocol::{
    asset::AssetId,
    batch::Shape,
    keys::{AuditorKey, Seed},
};

use subrosa_wallet::amount;

use crate::keys::{keys, workspace};

/// The asset in which fees are paid, with six decimals; audited.
pub const DOLLAR: AssetId = AssetId(0);
/// Another asset, with eighteen decimals; nobody audits it.
pub const GOLD: AssetId = AssetId(1);
/// Symbols in the order of the ids.
pub const SYMBOLS: [&str; 2] = ["dUSD", "dXAU"];
/// Decimals in the order of the ids.
pub const DECIMALS: [u8; 2] = [6, 18];
/// Development accounts: the deployer, the sequencer's operator, the guardian; institutions follow.
pub const DEPLOYER: usize = 0;
/// See [`DEPLOYER`].
pub const OPERATOR: usize = 1;
/// See [`DEPLOYER`].
pub const GUARDIAN: usize = 2;
/// First account of an institution.
pub const FIRST_INSTITUTION: usize = 3;

/// Display units of an asset, by its id, as base units.
///
/// # Panics
/// If the text is no amount of it.
#[must_use]
pub fn units(asset: usize, text: &str) -> u128 {
    amount::parse(text, DECIMALS[asset]).expect("an amount of a test")
}

/// A development account.
#[must_use]
pub fn account(index: usize) -> Account {
    development::accounts().swap_remove(index)
}

/// A running chain.
#[derive(Clone)]
pub struct Chain {
    /// Calls and transactions.
    pub transport: Arc<dyn Transport>,
    /// JSON-RPC endpoint, where there is one.
    pub url: Option<String>,
    _node: Option<Arc<Node>>,
}

/// Ends the node when dropped.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A loopback port that was free a moment ago.
///
/// # Errors
/// The operating system's error.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Chain {
    /// revm in this process.
    #[must_use]
    pub fn embedded() -> Self {
        let funded: Vec<Address> = development::accounts()
            .iter()
            .map(Account::address)
            .collect();
        Self {
            transport: Arc::new(EmbeddedTransport::new(&funded)),
            url: None,
            _node: None,
        }
    }

    /// An anvil on the loopback interface, or `None`, said on standard error, where none is installed.
    ///
    /// # Errors
    /// If it is installed and does not start.
    pub async fn anvil() -> anyhow::Result<Option<Self>> {
        let Some(program) = find_anvil() else {
            eprintln!("SKIPPED: anvil is not installed (`scripts/prepare --contracts` does it)");
            return Ok(None);
        };
        let port = free_port()?;
        let child = Command::new(&program)
            .args([
                "--host",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--silent",
                "--hardfork",
                "prague",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let node = Arc::new(Node(child));
        let url = format!("http://127.0.0.1:{port}");
        let transport = RpcTransport::new(&url)?;
        let started = Instant::now();
        while transport.chain_id().await.is_err() {
            if started.elapsed() > Duration::from_secs(30) {
                bail!("anvil did not answer within 30 s");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Some(Self {
            transport: Arc::new(transport),
            url: Some(url),
            _node: Some(node),
        }))
    }

    /// A client of the contracts.
    #[must_use]
    pub fn client(&self, contracts: Contracts, operator: Option<Account>) -> Arc<dyn L1> {
        Arc::new(Client::new(self.transport.clone(), contracts, operator))
    }

    /// Deploys both tokens.
    ///
    /// # Errors
    /// The chain's.
    pub async fn tokens(&self) -> anyhow::Result<[Address; 2]> {
        let mut tokens = [Address::ZERO; 2];
        for ((token, symbol), decimals) in tokens.iter_mut().zip(SYMBOLS).zip(DECIMALS) {
            *token = development_token(
                &*self.transport,
                &account(DEPLOYER),
                symbol,
                symbol,
                decimals,
            )
            .await?;
        }
        Ok(tokens)
    }

    /// Deploys a rollup over the tokens, with the real verifier and keys.
    ///
    /// # Errors
    /// The chain's.
    pub async fn rollup(&self, tokens: [Address; 2]) -> anyhow::Result<Deployed> {
        let batch = &keys().batch;
        let auditor = AuditorKey::from_seed(&Seed::from_bytes([0xa7; 32])).public();
        let config = DeployConfig {
            sequencer: account(OPERATOR).address(),
            guardian: account(GUARDIAN).address(),
            fee_asset: DOLLAR,
            assets: vec![
                NewAsset {
                    token: tokens[0],
                    auditor: Some(auditor),
                    flags: 0,
                },
                NewAsset {
                    token: tokens[1],
                    auditor: None,
                    flags: 0,
                },
            ],
            shapes: vec![NewShape {
                shape: Shape::S4,
                vk_data: batch.vk_data().to_vec(),
                unsafe_development: batch.is_unsafe_development(),
            }],
        };
        let deployment = deploy(&*self.transport, &account(DEPLOYER), &config).await?;
        Ok(Deployed {
            contracts: deployment.contracts,
            deployment: Some(deployment),
            tokens,
        })
    }

    /// Mints base units of an asset's token to an account.
    ///
    /// # Errors
    /// The chain's.
    pub async fn mint(
        &self,
        deployed: &Deployed,
        asset: AssetId,
        to: Address,
        amount: u128,
    ) -> anyhow::Result<()> {
        let token = deployed.tokens[usize::from(asset.0)];
        Ok(mint(&*self.transport, &account(DEPLOYER), token, to, amount).await?)
    }
}

/// What was deployed.
#[derive(Clone, Copy, Debug)]
pub struct Deployed {
    /// Rollup, vault and registry.
    pub contracts: Contracts,
    /// All of the contracts, if this process deployed them.
    pub deployment: Option<Deployment>,
    /// Tokens in the order of the asset ids.
    pub tokens: [Address; 2],
}

/// anvil from `SUBROSA_ANVIL`, the contracts' npm packages, or the path.
#[must_use]
pub fn find_anvil() -> Option<PathBuf> {
    let named = std::env::var_os("SUBROSA_ANVIL").map(PathBuf::from);
    let packaged =
        workspace().join("verifier-contract/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let from_path = std::env::split_paths(&path)
        .map(|directory| directory.join("anvil"))
        .collect::<Vec<_>>();
    named
        .into_iter()
        .chain([packaged])
        .chain(from_path)
        .find(|candidate| candidate.is_file())
}
