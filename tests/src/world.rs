//! A deployment in this process: chain, contracts and sequencer.

use std::{net::SocketAddr, path::Path, sync::Arc};

use subrosa_l1::L1;
use subrosa_protocol::{batch::Shape, keys::Seed};
use subrosa_sequencer::{
    Config, Ports, RunningSequencer,
    adapters::{Groth16Verifier, L1Settlement, LocalProver},
    config::RateConfig,
};

use crate::{
    Api, Institution,
    chain::{Chain, Deployed, FIRST_INSTITUTION, OPERATOR, account},
    keys::keys,
};

/// Smallest fee, base units of the fee asset.
pub const FEE: u128 = 50_000;

/// Deployment without institutions.
pub struct World {
    /// The chain.
    pub chain: Chain,
    /// The contracts on it.
    pub deployed: Deployed,
    /// A client of L1 that may settle.
    pub l1: Arc<dyn L1>,
    /// The sequencer.
    pub sequencer: RunningSequencer,
    /// Its base URL.
    pub base: String,
    /// Its interface.
    pub api: Api,
}

impl World {
    /// Starts a sequencer over a fresh embedded chain. `adjust` changes its configuration.
    ///
    /// # Errors
    /// If the chain refuses a transaction or the sequencer does not start.
    pub async fn start(store: &Path, adjust: impl FnOnce(&mut Config)) -> anyhow::Result<Self> {
        Self::on(Chain::embedded(), store, adjust).await
    }

    /// Starts a sequencer over a fresh chain.
    ///
    /// # Errors
    /// If the chain refuses a transaction or the sequencer does not start.
    pub async fn on(
        chain: Chain,
        store: &Path,
        adjust: impl FnOnce(&mut Config),
    ) -> anyhow::Result<Self> {
        let tokens = chain.tokens().await?;
        let deployed = chain.rollup(tokens).await?;
        Self::over(chain, deployed, store, adjust).await
    }

    /// Opens the wallet of `seed` in `directory`. Its L1 account is the institution account number
    /// `place`.
    ///
    /// # Errors
    /// If the wallet cannot be opened.
    pub async fn institution(
        &self,
        directory: &Path,
        place: usize,
        seed: Seed,
    ) -> anyhow::Result<Institution> {
        let account = account(FIRST_INSTITUTION + place);
        Institution::open(
            &self.chain,
            &self.deployed,
            &self.base,
            directory,
            seed,
            account,
        )
        .await
    }

    /// Starts a sequencer for a rollup that is already deployed.
    ///
    /// # Errors
    /// If the chain refuses a transaction or the sequencer does not start.
    pub async fn over(
        chain: Chain,
        deployed: Deployed,
        store: &Path,
        adjust: impl FnOnce(&mut Config),
    ) -> anyhow::Result<Self> {
        let l1 = chain.client(deployed.contracts, Some(account(OPERATOR)));
        let mut config = Config::new(
            store.to_owned(),
            l1.chain_id().await?,
            deployed.contracts.rollup.into_array(),
            deployed.contracts.vault.into_array(),
        );
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.fee_recipient = account(OPERATOR).address().into_array();
        config.min_fee = FEE;
        config.seal.shapes = vec![Shape::S4];
        config.seal.max_wait_ms = 500;
        config.seal.deposit_wait_ms = 500;
        config.settle.poll_ms = 100;
        // A test is many clients behind one address.
        config.http.reads = RateConfig::OFF;
        config.http.submissions = RateConfig::OFF;
        adjust(&mut config);
        let ports = Ports {
            verifier: Arc::new(Groth16Verifier::new(keys().transaction.verifier().clone())),
            prover: Arc::new(LocalProver::new([keys().batch.clone()], None)?),
            settlement: Arc::new(L1Settlement::new(l1.clone())),
            clock: chain.clock.clone(),
        };
        let sequencer = subrosa_sequencer::start(config, ports).await?;
        let base = format!("http://{}", sequencer.addr());
        let operations = format!("http://{}", sequencer.operations_addr());
        let api = Api::new(&base)?.operated(&operations)?;
        Ok(Self {
            chain,
            deployed,
            l1,
            sequencer,
            base,
            api,
        })
    }
}
