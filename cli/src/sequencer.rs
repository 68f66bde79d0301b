//! `subrosa sequencer`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy_primitives::Address;
use anyhow::ensure;
use indicatif::{MultiProgress, ProgressBar};
use serde::Serialize;
use subrosa_l1::{Account, L1Error, governance::Governance};
use subrosa_node::{
    Deployment, Keys, Rollup,
    accounts::{OPERATOR, account},
    interrupt::{interrupted, until_interrupted},
    sequencer::{SequencerKeys, configure, follower_ports, keep_transactions, ports, store_path},
};
use subrosa_sequencer::{
    Config, Health, Ports, START_ATTEMPTS, check_rollup,
    store::{self, Store, carry, copy},
};

use crate::output;

/// Actions other than running. The options of `subrosa sequencer` go before the action.
#[derive(clap::Subcommand)]
enum Action {
    /// Make an empty or outdated store whole from L1, then end.
    Rebuild {
        /// Rename the present store first, and begin with one that holds only what L1 does not:
        /// transactions that wait, and the mailbox.
        #[arg(long)]
        set_aside: bool,
    },
    /// Write a consistent copy of the store into a new directory. The sequencer may run.
    Backup {
        /// Directory to make.
        #[arg(long)]
        to: PathBuf,
    },
    /// Put a copy in the place of a missing store. What it lacks is read from L1 at the next start.
    Restore {
        /// Directory with the copy.
        #[arg(long)]
        from: PathBuf,
    },
}

/// Arguments of `subrosa sequencer`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only follow L1: seal, prove and settle nothing, take no transactions, need no operator's
    /// key, and answer all reads about settled batches. Start without this flag to take over.
    #[arg(long)]
    follow: bool,
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
    /// Address for operators: metrics and readiness [default: the port after the other, on a
    /// loopback address].
    #[arg(long)]
    operations: Option<SocketAddr>,
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
    operations: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_recipient: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    follow: bool,
}

/// Runs the sequencer until a signal ends it, or does what the action says.
pub(crate) async fn run(keys: &Keys, arguments: Arguments) -> anyhow::Result<()> {
    let deployment = Deployment::read(&arguments.deployment)?;
    // Copies need neither L1 nor keys.
    let store = || store_path(arguments.config.as_deref(), arguments.store.as_deref());
    match &arguments.action {
        Some(Action::Backup { to }) => return backup(&store()?, to),
        Some(Action::Restore { from }) => return restore(from, &store()?),
        Some(Action::Rebuild { .. }) | None => {}
    }
    let rollup = deployment.connect().await?;
    let follow = arguments.follow || arguments.action.is_some();
    let operator = if follow {
        None
    } else {
        let development = arguments.development.then_some(OPERATOR);
        Some(account(
            arguments.key_file.as_deref(),
            "SUBROSA_OPERATOR_KEY",
            development,
            rollup.chain_id(),
        )?)
    };
    let flags = Flags {
        listen: arguments.listen,
        operations: arguments.operations,
        store: arguments.store,
        fee_recipient: arguments.fee_recipient,
        follow,
    };
    let file = arguments.config.as_deref();
    let address = operator.as_ref().map(Account::address).unwrap_or_default();
    let config = configure(&rollup, address, &keys.directory, file, flags).await?;
    if let Some(operator) = &operator {
        check_operator(&rollup, operator.address(), &config).await?;
    }
    // A rebuild sends nothing.
    if let (Some(operator), None) = (&operator, &arguments.action) {
        keep_transactions(&rollup, operator, &config).await?;
    }
    finish_anew(&config.store)?;
    let bars = MultiProgress::new();
    let ports = {
        let (keys, config, bars) = (keys.clone(), config.clone(), bars.clone());
        tokio::task::spawn_blocking(move || match operator {
            Some(operator) => {
                let loaded = SequencerKeys::load(&keys, &config, &bars)?;
                ports(&rollup, operator, loaded, &bars)
            }
            None => follower_ports(&rollup, keys.transaction_verifier(&bars)?),
        })
        .await??
    };
    if let Some(Action::Rebuild { set_aside }) = arguments.action {
        return rebuild(config, ports, set_aside).await;
    }
    let scheme = if config.http.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let running = subrosa_sequencer::start(config, ports).await?;
    eprintln!("sequencer on {scheme}://{}/docs", running.addr());
    eprintln!(
        "operations on http://{}/openapi.json",
        running.operations_addr()
    );
    let within = Duration::from_secs(arguments.drain_timeout);
    until_interrupted(within, running.drain(within)).await?;
    Ok(())
}

/// Checks that L1 takes batches of this account. An L1 that does not answer is asked as often as by
/// the other checks at start.
async fn check_operator(rollup: &Rollup, address: Address, config: &Config) -> anyhow::Result<()> {
    let mut pause = Duration::from_millis(config.settle.backoff_ms);
    let mut attempt = 1;
    let appointed = loop {
        match appointed(rollup).await {
            Err(error) if error.is_transient() && attempt < START_ATTEMPTS => {
                tracing::warn!(attempt, "the chain does not answer as it should: {error}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(config.settle.backoff_max_ms));
                attempt += 1;
            }
            appointed => break appointed?,
        }
    };
    ensure!(
        address == appointed,
        "{address} is not the rollup's sequencer; give the key of {appointed}, or have governance \
         appoint this account (`subrosa govern set-sequencer`)"
    );
    Ok(())
}

/// Returns the account whose batches L1 takes.
async fn appointed(rollup: &Rollup) -> Result<Address, L1Error> {
    let governance = Governance::of(&**rollup.transport(), &rollup.contracts()).await?;
    governance.sequencer().await
}

/// Follows L1 until the store has all its batches.
async fn rebuild(mut config: Config, ports: Ports, set_aside: bool) -> anyhow::Result<()> {
    let store = config.store.clone();
    if set_aside {
        begin_anew(&store, &config, &ports.verifier.key_hash())?;
    }
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.operations = None;
    let settlement = ports.settlement.clone();
    let began = Instant::now();
    let running = subrosa_sequencer::start(config, ports).await?;
    let bar = ProgressBar::new(0).with_message("batches from L1");
    loop {
        if let Health::Halted(halt) = running.health() {
            running.stop().await;
            anyhow::bail!("the store contradicts L1: {halt}");
        }
        let have = running.next_batch();
        if running.is_level() {
            break;
        }
        if let Ok(view) = settlement.rollup().await {
            bar.set_length(view.batch_index);
        }
        bar.set_position(have);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
            signal = interrupted() => {
                signal?;
                running.stop().await;
                anyhow::bail!("interrupted; run the command again to go on from batch {have}");
            }
        }
    }
    let batches = running.next_batch() - 1;
    running.stop().await;
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    output::line(format_args!(
        "{} holds {batches} batches, read in {seconds:.1} s",
        store.display()
    ))?;
    Ok(())
}

/// Puts a store in the place of the present one that holds only what L1 does not. The new one is
/// complete before the old one is renamed, so that the command can be repeated after a crash.
fn begin_anew(store: &Path, config: &Config, key_hash: &[u8; 32]) -> anyhow::Result<()> {
    let new = store.with_extension("new");
    if store.exists() {
        if new.exists() {
            std::fs::remove_dir_all(&new)?;
        }
        let (carried, left) = {
            let old = Store::open(store)?;
            check_rollup(&old, config.chain_id, &config.rollup)?;
            carry(&old, &Store::open(&new)?, &config.context(), key_hash)?
        };
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let aside = store.with_extension(format!("set-aside-{}", time.as_secs()));
        std::fs::rename(store, &aside)?;
        eprintln!("the old store is in {}", aside.display());
        eprintln!("took over {carried} transactions that are not final, and the mailbox");
        if left > 0 {
            eprintln!(
                "left {left} transactions behind: their proofs are for another transaction \
                 circuit; wallets send them again"
            );
        }
    }
    finish_anew(store)
}

/// Puts a complete new store in its place, if a crash left it beside it.
fn finish_anew(store: &Path) -> anyhow::Result<()> {
    let new = store.with_extension("new");
    if !store.exists() && new.exists() {
        std::fs::rename(&new, store)?;
    }
    Ok(())
}

/// Copies the store, whether or not a sequencer runs on it.
fn backup(store: &Path, to: &Path) -> anyhow::Result<()> {
    ensure!(
        store.exists(),
        "{} does not exist; name the store with --store, before `backup`",
        store.display()
    );
    let bar = ProgressBar::new_spinner().with_message("entries");
    let entries = copy(store, to, |entries| bar.set_position(entries))?;
    bar.finish_and_clear();
    output::line(format_args!(
        "{} holds a copy of {} ({entries} entries)",
        to.display(),
        store.display()
    ))?;
    Ok(())
}

/// Puts a copy in the place of a missing store.
fn restore(from: &Path, to: &Path) -> anyhow::Result<()> {
    let entries = store::restore(from, to)?;
    output::line(format_args!(
        "{} is restored ({entries} entries); start the sequencer",
        to.display()
    ))?;
    Ok(())
}
