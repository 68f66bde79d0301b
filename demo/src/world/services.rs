//! Sequencer and wallets of a deployment: in this process, or each in a process of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use secrecy::SecretString;
use serde_json::{Value, json};
use subrosa_client::{GatewayClient, OperationsClient, SequencerClient};
use subrosa_clock::Clock;
use subrosa_l1::{TransactionSettings, development};
use subrosa_node::{
    Deployment, Keys, Rollup,
    accounts::OPERATOR,
    proofs::TimedProver,
    sequencer::{SequencerKeys, configure, keep_transactions, ports},
    system::median,
    wallet::{self, Home, StartedWallet, WalletSettings},
};
use subrosa_protocol::keys::Network;
use subrosa_prover::{batch::BatchKeys, groth16::TransactionKeys};
use subrosa_sequencer::{RunningSequencer, adapters::RecordingProver};
use subrosa_wallet::Watch;

use super::{Cast, FEE, metric};
use crate::{key_flags, process, process::Process, progress::Bars, text};

/// **Unsafe**: opens the key files of a demonstration.
const PASSPHRASE: &str = "development";
/// Variable that holds the passphrase of a wallet's key file.
const PASSPHRASE_VARIABLE: &str = "SUBROSA_PASSPHRASE";
/// Metric with the times of the proving stage.
const PROVING: &str = "subrosa_sequencer_stage_seconds";

/// Facts that sequencer and wallets are started from.
pub(super) struct Plan<'a> {
    pub(super) keys: &'a Keys,
    pub(super) data: &'a Path,
    pub(super) rollup: &'a Rollup,
    pub(super) cast: &'a Cast<'a>,
    /// Clock of the services in this process.
    pub(super) clock: Arc<dyn Clock>,
    /// Whether that clock can run fast.
    pub(super) fast: bool,
    /// Endpoint of L1, if each service is a process of its own.
    pub(super) url: Option<&'a str>,
}

impl Plan<'_> {
    fn deployment_file(&self) -> PathBuf {
        self.data.join("deployment.toml")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.data.join(format!("{name}.log"))
    }

    /// Returns the sequencer's settings beyond the defaults.
    fn settings(&self) -> Value {
        let mut settings = json!({
            "listen": "127.0.0.1:0",
            "store": self.data.join("sequencer"),
            "min_fee": FEE.to_string(),
            "seal": { "max_wait_ms": self.cast.seal_ms, "deposit_wait_ms": 1_500 },
            "settle": { "poll_ms": 200 },
            // All institutions are one peer here.
            "mailbox": { "rate": 0 },
        });
        if self.fast {
            // Rates are a second of the clock, which stands almost still while clients prove.
            let off = json!({ "rate": 0, "peer_rate": 0 });
            settings["http"] = json!({ "reads": off, "submissions": off });
            // As often as otherwise by the system's clock.
            settings["settle"]["poll_ms"] = json!(800);
        }
        settings
    }
}

/// Running sequencer and wallets.
pub(super) enum Services {
    /// In this process.
    Here(Box<Here>),
    /// Each in a process of its own: the sequencer, then the wallets.
    Processes(Vec<Process>),
}

/// Services in this process.
pub(super) struct Here {
    sequencer: RunningSequencer,
    wallets: Vec<StartedWallet>,
    batch_prover: Arc<RecordingProver>,
    client_prover: Arc<TimedProver<TransactionKeys>>,
}

/// Times of proofs, as far as they can be seen from here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    /// Median of the client proofs, milliseconds.
    pub(crate) client_ms_median: Option<f64>,
    /// Median of the batch proofs, seconds.
    pub(crate) batch_s_median: Option<f64>,
    /// Mean of the batch proofs, seconds.
    pub(crate) batch_s_mean: Option<f64>,
}

impl Services {
    /// Starts the sequencer and returns a client of it, and one of its listener for operators.
    pub(super) async fn start(
        plan: &Plan<'_>,
        client_keys: Arc<TransactionKeys>,
        batch_keys: Vec<Arc<BatchKeys>>,
        bars: &Bars,
    ) -> anyhow::Result<(Self, SequencerClient, OperationsClient)> {
        let (services, base, operations) = match plan.url {
            None => Here::start(plan, client_keys, batch_keys, bars).await?,
            Some(url) => {
                // The processes load keys of their own.
                drop((client_keys, batch_keys));
                let contracts = plan.rollup.contracts();
                let deployment = Deployment {
                    l1: url.into(),
                    chain_id: plan.rollup.chain_id(),
                    rollup: contracts.rollup,
                    vault: contracts.vault,
                    registry: contracts.registry,
                    deployed_at: contracts.deployed_at,
                };
                std::fs::write(plan.deployment_file(), deployment.to_toml()?)?;
                let config = plan.data.join("sequencer.toml");
                std::fs::write(&config, toml::to_string(&plan.settings())?)?;
                let mut arguments = key_flags(plan.keys)?;
                arguments.extend([
                    "--log".into(),
                    "info".into(),
                    "sequencer".into(),
                    "--development".into(),
                    "--deployment".into(),
                    text(&plan.deployment_file())?,
                    "--config".into(),
                    text(&config)?,
                ]);
                let log = plan.log("sequencer");
                let mut process = Process::start("the sequencer", &arguments, &[], &log)?;
                let base = process.base("sequencer on ").await?;
                let operations = process.base("operations on ").await?;
                (Self::Processes(vec![process]), base, operations)
            }
        };
        Ok((
            services,
            SequencerClient::new(&base)?,
            OperationsClient::new(&operations)?,
        ))
    }

    /// Opens an institution's wallet, makes it first where there is none, and returns a client of
    /// its gateway. `account` is the number of its development account.
    pub(super) async fn open_wallet(
        &mut self,
        plan: &Plan<'_>,
        name: &str,
        account: usize,
        sequencer: &str,
    ) -> anyhow::Result<GatewayClient> {
        let home = Home::new(plan.data.join(name));
        let watching = plan.cast.watching.contains(&name);
        match self {
            Self::Here(here) => {
                here.open_wallet(plan, &home, account, sequencer, watching)
                    .await
            }
            Self::Processes(processes) => {
                let environment = [(PASSPHRASE_VARIABLE, PASSPHRASE)];
                let directory = text(home.directory())?;
                if !home.is_initialised() {
                    let init = ["wallet", "init", "--development", "--directory"];
                    let mut arguments = init.map(String::from).to_vec();
                    arguments.push(directory.clone());
                    tokio::task::spawn_blocking(move || process::run(&arguments, &environment))
                        .await??;
                }
                let mut arguments = key_flags(plan.keys)?;
                arguments.extend([
                    "--log".into(),
                    "info".into(),
                    "wallet".into(),
                    "run".into(),
                    "--directory".into(),
                    directory,
                    "--deployment".into(),
                    text(&plan.deployment_file())?,
                    "--sequencer".into(),
                    sequencer.to_owned(),
                    "--listen".into(),
                    "127.0.0.1:0".into(),
                    "--fee".into(),
                    FEE.to_string(),
                    "--development-account".into(),
                    account.to_string(),
                ]);
                if watching {
                    arguments.push("--watch-liquidate".into());
                }
                let called = format!("the wallet of {name}");
                let log = plan.log(name);
                let mut process = Process::start(&called, &arguments, &environment, &log)?;
                let base = process.base("gateway on ").await?;
                processes.push(process);
                let token = std::fs::read_to_string(home.token_file())?;
                Ok(GatewayClient::new(&base, token.trim())?)
            }
        }
    }

    /// Returns the times of proofs: of this process by its own record, of another sequencer by its
    /// metrics.
    pub(super) async fn times(&self, operations: &OperationsClient) -> anyhow::Result<Times> {
        match self {
            Self::Here(here) => {
                let batches = here.batch_prover.times();
                let batches: Vec<f64> = batches.iter().map(|t| t.elapsed.as_secs_f64()).collect();
                Ok(Times {
                    client_ms_median: Some(median(&here.client_prover.milliseconds())),
                    batch_s_median: Some(median(&batches)),
                    batch_s_mean: None,
                })
            }
            Self::Processes(_) => {
                let text = operations.metrics().await?;
                let of =
                    |part: &str| metric(&text, &format!("{PROVING}_{part}{{stage=\"proven\"}}"));
                Ok(Times {
                    batch_s_mean: Some(of("sum")? / of("count")?),
                    ..Times::default()
                })
            }
        }
    }

    /// Returns a probe that tells whether a client proof is being made in this process, if clients
    /// prove here.
    pub(super) fn is_proving(&self) -> Option<impl Fn() -> bool + Send + use<>> {
        match self {
            Self::Here(here) => {
                let prover = here.client_prover.clone();
                Some(move || prover.is_proving())
            }
            Self::Processes(_) => None,
        }
    }

    /// Returns the log files of services with a process of their own.
    pub(super) fn logs(&self) -> impl Iterator<Item = &Path> {
        let processes = match self {
            Self::Here(_) => &[][..],
            Self::Processes(processes) => processes,
        };
        processes.iter().map(Process::log)
    }

    /// Ends the wallets, then the sequencer.
    pub(super) async fn stop(self) {
        match self {
            Self::Here(here) => {
                for wallet in here.wallets {
                    wallet.gateway.stop().await;
                }
                here.sequencer.stop().await;
            }
            Self::Processes(processes) => {
                for process in processes.into_iter().rev() {
                    process.stop().await;
                }
            }
        }
    }
}

impl Here {
    async fn start(
        plan: &Plan<'_>,
        client_keys: Arc<TransactionKeys>,
        batch_keys: Vec<Arc<BatchKeys>>,
        bars: &Bars,
    ) -> anyhow::Result<(Services, String, String)> {
        let operator = development::accounts()
            .into_iter()
            .nth(OPERATOR)
            .context("there is no development account for the operator")?;
        let directory = &plan.keys.directory;
        let config = configure(
            plan.rollup,
            operator.address(),
            directory,
            None,
            plan.settings(),
        )
        .await?;
        let keys = SequencerKeys {
            verifier: client_keys.verifier().clone(),
            batch: batch_keys,
        };
        keep_transactions(plan.rollup, &operator, &config).await?;
        let mut ports = ports(plan.rollup, operator, keys, bars.inner())?;
        let batch_prover = Arc::new(RecordingProver::new(ports.prover));
        ports.prover = batch_prover.clone();
        ports.clock = plan.clock.clone();
        let sequencer = subrosa_sequencer::start(config, ports).await?;
        let base = format!("http://{}", sequencer.addr());
        let operations = format!("http://{}", sequencer.operations_addr());
        let here = Self {
            sequencer,
            wallets: Vec::new(),
            batch_prover,
            client_prover: Arc::new(TimedProver::new(client_keys)),
        };
        Ok((Services::Here(Box::new(here)), base, operations))
    }

    async fn open_wallet(
        &mut self,
        plan: &Plan<'_>,
        home: &Home,
        account: usize,
        sequencer: &str,
        liquidate: bool,
    ) -> anyhow::Result<GatewayClient> {
        let unlocked = {
            let home = home.clone();
            tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
                let passphrase = SecretString::from(PASSPHRASE);
                if !home.is_initialised() {
                    home.init(None, Network::Development, &passphrase)?;
                }
                home.unlock(&passphrase)
            })
            .await??
        };
        let account = development::accounts()
            .into_iter()
            .nth(account)
            .with_context(|| format!("there is no development account {account}"))?;
        let settings = WalletSettings {
            proxy: None,
            sequencer: sequencer.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            fee: FEE,
            watch: Watch { liquidate },
            transactions: TransactionSettings::default(),
        };
        let prover = self.client_prover.clone();
        let clock = plan.clock.clone();
        let started = wallet::start(
            home,
            &unlocked,
            plan.rollup,
            account,
            prover,
            settings,
            clock,
        );
        let wallet = started.await?;
        let base = format!("http://{}", wallet.gateway.address);
        let client = GatewayClient::new(&base, wallet.token.expose())?;
        self.wallets.push(wallet);
        Ok(client)
    }
}
