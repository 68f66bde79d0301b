//! `subrosa sequencer`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use indicatif::MultiProgress;
use serde::Serialize;
use subrosa_node::{
    Deployment, Keys,
    accounts::{OPERATOR, account},
    interrupt::until_interrupted,
    sequencer::{SequencerKeys, configure, keep_transactions, ports},
};

/// Arguments of `subrosa sequencer`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// File that says where L1 and its contracts are (TOML; `subrosa setup deploy` prints it).
    #[arg(long, env = "SUBROSA_DEPLOYMENT")]
    deployment: PathBuf,
    /// File with settings beyond the defaults (TOML); `SUBROSA_SEQUENCER_…` variables override it.
    /// Without one, batches have the shapes that L1 has registered.
    #[arg(long, env = "SUBROSA_SEQUENCER_CONFIG")]
    config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:7300].
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Directory of the store [default: .subrosa/sequencer].
    #[arg(long)]
    store: Option<PathBuf>,
    /// L1 account that is credited with the fees, 0x hex [default: the operator].
    #[arg(long)]
    fee_recipient: Option<String>,
    /// Settle as the well-known operator of a development chain. Without this flag, --key-file,
    /// SUBROSA_OPERATOR_KEY_FILE or SUBROSA_OPERATOR_KEY must give the operator's private key.
    #[arg(long)]
    development: bool,
    /// File with the operator's private key, 64 hex digits.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Seconds within which the service ends after a signal. A second signal ends it at once.
    #[arg(long, env = "SUBROSA_DRAIN_TIMEOUT", default_value_t = 30)]
    drain_timeout: u64,
}

/// Settings that flags override; an absent flag leaves the file's or the default.
#[derive(Serialize)]
struct Flags {
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_recipient: Option<String>,
}

/// Runs the sequencer until a signal ends it.
pub(crate) async fn run(keys: &Keys, arguments: Arguments) -> anyhow::Result<()> {
    let rollup = Deployment::read(&arguments.deployment)?.connect().await?;
    let development = arguments.development.then_some(OPERATOR);
    let operator = account(
        arguments.key_file.as_deref(),
        "SUBROSA_OPERATOR_KEY",
        development,
        rollup.chain_id(),
    )?;
    let flags = Flags {
        listen: arguments.listen,
        store: arguments.store,
        fee_recipient: arguments.fee_recipient,
    };
    let file = arguments.config.as_deref();
    let config = configure(&rollup, operator.address(), &keys.directory, file, flags).await?;
    keep_transactions(&rollup, &operator, &config).await?;
    let bars = MultiProgress::new();
    let keys = {
        let (keys, config, bars) = (keys.clone(), config.clone(), bars.clone());
        tokio::task::spawn_blocking(move || SequencerKeys::load(&keys, &config, &bars)).await??
    };
    let running = subrosa_sequencer::start(config, ports(&rollup, operator, keys, &bars)?).await?;
    eprintln!("sequencer on http://{}/docs", running.addr());
    let within = Duration::from_secs(arguments.drain_timeout);
    until_interrupted(within, running.drain(within)).await?;
    Ok(())
}
