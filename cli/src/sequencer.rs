//! `subrosa sequencer`.

use std::{net::SocketAddr, path::PathBuf};

use indicatif::MultiProgress;
use serde::Serialize;
use subrosa_node::{
    Deployment, Keys,
    accounts::{OPERATOR, account},
    interrupt::interrupted,
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
    /// Settle as the well-known operator of a development chain. Without this flag,
    /// SUBROSA_OPERATOR_KEY must hold the operator's private key.
    #[arg(long)]
    development: bool,
}

/// Settings that flags override; an absent flag leaves the file's or the default.
#[derive(Serialize)]
struct Flags {
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<PathBuf>,
}

/// Runs the sequencer until a signal ends it.
pub(crate) async fn run(keys: &Keys, arguments: Arguments) -> anyhow::Result<()> {
    let rollup = Deployment::read(&arguments.deployment)?.connect().await?;
    let development = arguments.development.then_some(OPERATOR);
    let operator = account("SUBROSA_OPERATOR_KEY", development, rollup.chain_id())?;
    let flags = Flags {
        listen: arguments.listen,
        store: arguments.store,
    };
    let file = arguments.config.as_deref();
    let config = configure(&rollup, operator.address(), file, flags).await?;
    keep_transactions(&rollup, &operator, &config).await?;
    let bars = MultiProgress::new();
    let keys = {
        let (keys, config, bars) = (keys.clone(), config.clone(), bars.clone());
        tokio::task::spawn_blocking(move || SequencerKeys::load(&keys, &config, &bars)).await??
    };
    let running = subrosa_sequencer::start(config, ports(&rollup, operator, keys, &bars)?).await?;
    eprintln!("sequencer on http://{}/docs", running.addr());
    interrupted().await?;
    running.stop().await;
    Ok(())
}
