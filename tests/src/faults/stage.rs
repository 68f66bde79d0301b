//! The sequencer with its real store and its real L1 client behind the proxy.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use futures::future::BoxFuture;
use subrosa_clock::{Clock, SystemClock};
use subrosa_l1::{
    Client, Contracts, L1, RpcOptions, RpcTransport, Transport as _, transactions::Settings,
};
use subrosa_protocol::batch::Shape;
use subrosa_sequencer::{
    Config, Health, Ports, RunningSequencer, StartError, adapters::L1Settlement, config::RateConfig,
};

use super::{
    Node, Proxy,
    doubles::{Digests, Statements},
};
use crate::{
    Api,
    chain::{OPERATOR, account},
};

/// Chain id of anvil.
pub const CHAIN_ID: u64 = 31337;

/// Time within which a sequencer must start on an L1 without faults.
const START: Duration = Duration::from_secs(30);

/// Time within which the endpoint must answer a request.
const REQUEST: Duration = Duration::from_millis(1_500);

/// A sequencer, its L1 and the faults between them.
pub struct Stage {
    /// The node behind the proxy.
    pub node: Node,
    /// The proxy between sequencer and node.
    pub proxy: Proxy,
    /// Configuration of the sequencer.
    pub config: Config,
    /// The clock of the sequencer.
    pub clock: Arc<dyn Clock>,
    directory: tempfile::TempDir,
    running: Option<(RunningSequencer, Api)>,
}

/// A clock that is ahead of the machine's, or behind it.
#[derive(Clone, Copy, Debug)]
pub struct Skewed {
    /// Seconds by which it is ahead; negative if it is behind.
    pub by: i64,
}

impl Clock for Skewed {
    fn now(&self) -> Duration {
        SystemClock.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(duration)
    }

    fn unix(&self) -> u64 {
        SystemClock.unix().saturating_add_signed(self.by)
    }
}

/// Returns a client of the contracts at an endpoint, for reading.
///
/// # Errors
/// If the endpoint's URL is malformed.
pub fn reader(url: &str, contracts: Contracts) -> anyhow::Result<Arc<dyn L1>> {
    let transport = RpcTransport::new(url)?;
    Ok(Arc::new(Client::new(transport, contracts, None)))
}

/// Returns a client of the contracts for an impatient operator, whose transactions are kept beside
/// the store.
async fn operator(url: &str, contracts: Contracts, store: &Path) -> anyhow::Result<Arc<dyn L1>> {
    let options = RpcOptions {
        connect_timeout: REQUEST,
        timeout: REQUEST,
        ..RpcOptions::default()
    };
    let transport = RpcTransport::with_options(url, options)?;
    let account = account(OPERATOR);
    let settings = Settings {
        attempt_s: 1,
        wait_s: 2,
        poll_ms: 40,
        request_ms: 1_500,
        ..Settings::default()
    };
    let journal = store.with_extension("transactions");
    let accounts = transport.accounts();
    accounts
        .keep(account.address(), settings, Some(journal))
        .await?;
    Ok(Arc::new(Client::new(transport, contracts, Some(account))))
}

/// Returns the configuration of a quick sequencer.
#[must_use]
pub fn config(store: &Path, contracts: Contracts) -> Config {
    let mut config = Config::new(
        store.to_owned(),
        CHAIN_ID,
        contracts.rollup.into_array(),
        contracts.vault.into_array(),
    );
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.fee_recipient = account(OPERATOR).address().into_array();
    config.seal.shapes = vec![Shape::S4, Shape::S16];
    config.seal.max_wait_ms = 30;
    config.seal.patience_ms = 60;
    config.seal.deposit_wait_ms = 30;
    config.settle.poll_ms = 40;
    config.settle.backoff_ms = 10;
    config.settle.backoff_max_ms = 160;
    config.settle.snapshot_every = 3;
    config.admission.threads = 1;
    config.http.reads = RateConfig::OFF;
    config.http.submissions = RateConfig::OFF;
    config.mailbox.rate = 0;
    config
}

/// Returns the ports of a sequencer whose L1 is at an endpoint.
///
/// # Errors
/// If the endpoint's URL is malformed.
pub async fn ports(
    url: &str,
    contracts: Contracts,
    store: &Path,
    clock: Arc<dyn Clock>,
    pause: Duration,
) -> anyhow::Result<Ports> {
    Ok(Ports {
        verifier: Arc::new(Digests),
        prover: Arc::new(Statements { pause }),
        settlement: Arc::new(L1Settlement::new(operator(url, contracts, store).await?)),
        clock,
    })
}

impl Stage {
    /// Prepares node and proxy; the sequencer is not started yet. Returns `None` where anvil is not
    /// installed.
    ///
    /// # Errors
    /// If the node does not start.
    pub async fn prepare(seed: u64) -> anyhow::Result<Option<Self>> {
        let Some(node) = Node::start(Duration::from_millis(40)).await? else {
            return Ok(None);
        };
        let proxy = Proxy::start(node.url(), seed).await?;
        let directory = tempfile::tempdir()?;
        let config = config(&directory.path().join("store"), node.contracts);
        Ok(Some(Self {
            node,
            proxy,
            config,
            clock: SystemClock::shared(),
            directory,
            running: None,
        }))
    }

    /// Prepares a stage and starts its sequencer.
    ///
    /// # Errors
    /// If one of the two does not start.
    pub async fn start(seed: u64) -> anyhow::Result<Option<Self>> {
        let Some(mut stage) = Self::prepare(seed).await? else {
            return Ok(None);
        };
        stage.begin().await?;
        Ok(Some(stage))
    }

    /// Returns the directory of the store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.config.store.clone()
    }

    /// Returns a directory for files of a test, which goes with the stage.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.directory.path()
    }

    /// Returns a client of the node itself, past the proxy.
    ///
    /// # Errors
    /// Never, for the node's own URL.
    pub fn l1(&self) -> anyhow::Result<Arc<dyn L1>> {
        reader(self.node.url(), self.node.contracts)
    }

    /// Tries to start the sequencer once.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn attempt(&mut self) -> Result<(), StartError> {
        let pause = Duration::from_millis(5);
        let ports = ports(
            &self.proxy.url,
            self.node.contracts,
            &self.config.store,
            self.clock.clone(),
            pause,
        );
        let ports = ports.await.expect("the proxy's URL is well-formed");
        let running = subrosa_sequencer::start(self.config.clone(), ports).await?;
        let api = Api::new(&format!("http://{}", running.addr()));
        self.running = Some((running, api.expect("the sequencer's URL is well-formed")));
        Ok(())
    }

    /// Starts the sequencer. An L1 that does not answer as it should may refuse a start, as often
    /// as it likes: a supervisor starts the process again. The store must never refuse one.
    ///
    /// # Errors
    /// If the store refuses the start, or if it does not succeed in time.
    pub async fn begin(&mut self) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            match self.attempt().await {
                Ok(()) => return Ok(()),
                Err(
                    error @ (StartError::Store(_)
                    | StartError::Recovery(_)
                    | StartError::Proof { .. }
                    | StartError::Config(_)),
                ) => return Err(error).context("the store refuses the start"),
                Err(error) if since.elapsed() > START => {
                    return Err(error).context("the start does not succeed");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Stops the sequencer, if it runs.
    pub async fn stop(&mut self) {
        if let Some((running, _)) = self.running.take() {
            running.stop().await;
        }
    }

    /// Returns the interface of the running sequencer.
    #[must_use]
    pub fn api(&self) -> Option<&Api> {
        self.running.as_ref().map(|(_, api)| api)
    }

    /// Returns the health of the running sequencer.
    #[must_use]
    pub fn health(&self) -> Option<Health> {
        self.running.as_ref().map(|(running, _)| running.health())
    }

    /// Fails if the sequencer has halted.
    ///
    /// # Errors
    /// If it has; the error names the reason.
    pub fn goes_on(&self) -> anyhow::Result<()> {
        match self.health() {
            Some(Health::Halted(halt)) => bail!("halted: {}: {halt}", halt.code()),
            _ => Ok(()),
        }
    }
}
