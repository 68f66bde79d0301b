//! Chains and the contracts on them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::Address;
use subrosa_clock::{Clock, SystemClock, VirtualClock};
use subrosa_l1::{
    Account, Client, Contracts, EmbeddedTransport, L1, Transport,
    deploy::{DeployConfig, Deployment, NewAsset, NewShape, deploy, development_token, mint},
    development::{self, Anvil, AnvilError, AnvilOptions},
};
use subrosa_protocol::{
    asset::AssetId,
    batch::Shape,
    keys::{AuditorKey, Seed},
};
use subrosa_wallet::amount;

pub use subrosa_l1::development::free_port;
pub use subrosa_node::accounts::{DEPLOYER, FIRST_INSTITUTION, GUARDIAN, OPERATOR};

use crate::keys::keys;

/// Asset in which fees are paid, with six decimals; audited.
pub const DOLLAR: AssetId = AssetId(0);
/// Second asset, with eighteen decimals; nobody audits it.
pub const GOLD: AssetId = AssetId(1);
/// Symbols in the order of the ids.
pub const SYMBOLS: [&str; 2] = ["dUSD", "dXAU"];
/// Decimals in the order of the ids.
pub const DECIMALS: [u8; 2] = [6, 18];
/// Reads display units of the asset with this id as base units.
///
/// # Panics
/// If the text is not an amount of the asset.
#[must_use]
pub fn units(asset: usize, text: &str) -> u128 {
    amount::parse(text, DECIMALS[asset]).expect("an amount of a test")
}

/// Returns the development account with this number.
#[must_use]
pub fn account(index: usize) -> Account {
    development::accounts().swap_remove(index)
}

/// Virtual time that passes as fast as the system's.
struct Time {
    clock: VirtualClock,
    driver: tokio::task::JoinHandle<()>,
}

impl Time {
    fn start() -> Self {
        let clock = VirtualClock::new(SystemClock.unix());
        let moved = clock.clone();
        let driver = tokio::spawn(async move {
            let mut last = Instant::now();
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let now = Instant::now();
                moved.advance(now - last);
                last = now;
            }
        });
        Self { clock, driver }
    }
}

impl Drop for Time {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Running chain.
#[derive(Clone)]
pub struct Chain {
    /// Calls and transactions.
    pub transport: Arc<dyn Transport>,
    /// Clock of the chain and of all services.
    pub clock: Arc<dyn Clock>,
    /// Moves the clock, if the time can be moved.
    time: Option<Arc<Time>>,
    /// Ends with the last clone.
    anvil: Option<Arc<Anvil>>,
}

impl Chain {
    /// Starts revm in this process.
    #[must_use]
    pub fn embedded() -> Self {
        Self::with_clock(SystemClock::shared(), None)
    }

    /// Starts revm in this process, in a time that passes as usual and that [`Chain::pass`] moves.
    #[must_use]
    pub fn timed() -> Self {
        let time = Arc::new(Time::start());
        Self::with_clock(Arc::new(time.clock.clone()), Some(time))
    }

    fn with_clock(clock: Arc<dyn Clock>, time: Option<Arc<Time>>) -> Self {
        let funded: Vec<Address> = development::accounts()
            .iter()
            .map(Account::address)
            .collect();
        Self {
            transport: Arc::new(EmbeddedTransport::with_clock(&funded, clock.clone())),
            clock,
            time,
            anvil: None,
        }
    }

    /// Starts an anvil on the loopback interface. Returns `None`, and says so on standard error,
    /// where none is installed.
    ///
    /// # Errors
    /// If it is installed and does not start.
    pub async fn anvil() -> anyhow::Result<Option<Self>> {
        let anvil = match Anvil::start(AnvilOptions::default()).await {
            Err(error @ AnvilError::NotFound) => {
                eprintln!("SKIPPED: {error}");
                return Ok(None);
            }
            started => started?,
        };
        Ok(Some(Self {
            transport: Arc::new(anvil.transport()),
            clock: SystemClock::shared(),
            time: None,
            anvil: Some(Arc::new(anvil)),
        }))
    }

    /// Moves the time of a chain that [`Chain::timed`] started. On any other chain, does nothing.
    pub fn pass(&self, seconds: u64) {
        if let Some(time) = &self.time {
            time.clock.advance(Duration::from_secs(seconds));
        }
    }

    /// Returns the JSON-RPC endpoint, if other processes can reach the chain.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.anvil.as_ref().map(|anvil| anvil.url.as_str())
    }

    /// Returns a client of the contracts.
    #[must_use]
    pub fn client(&self, contracts: Contracts, operator: Option<Account>) -> Arc<dyn L1> {
        Arc::new(Client::new(self.transport.clone(), contracts, operator))
    }

    /// Deploys both tokens.
    ///
    /// # Errors
    /// If the chain refuses a transaction.
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
    /// If the chain refuses a transaction.
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
    /// If the chain refuses a transaction.
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

/// Deployed contracts.
#[derive(Clone, Copy, Debug)]
pub struct Deployed {
    /// Rollup, vault and registry.
    pub contracts: Contracts,
    /// All contracts, if this process deployed them.
    pub deployment: Option<Deployment>,
    /// Tokens in the order of the asset ids.
    pub tokens: [Address; 2],
}
