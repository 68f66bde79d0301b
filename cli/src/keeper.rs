//! `subrosa keeper`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::ensure;
use subrosa_clock::SystemClock;
use subrosa_l1::TransactionSettings;
use subrosa_node::{
    Deployment,
    accounts::account,
    interrupt::Interrupts,
    keeper::{GAS, Keeper, KeeperSettings, metrics},
};

/// Seconds within which a keeper ends: a snapshot that is on its way is waited for.
const DRAIN: Duration = Duration::from_secs(5);

/// Arguments of `subrosa keeper`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// File that says where L1 and its contracts are (TOML; `subrosa setup deploy` prints it).
    #[arg(long, env = "SUBROSA_DEPLOYMENT")]
    deployment: PathBuf,
    /// Replace the newest snapshot at this age, seconds.
    #[arg(long)]
    every: Option<u64>,
    /// Replace the newest snapshot when a feed's price leaves its range by this many basis points.
    #[arg(long)]
    deviation: Option<u32>,
    /// Seconds between two looks at L1.
    #[arg(long, default_value_t = 12)]
    poll: u64,
    /// Most wei that a snapshot may cost [default: no limit].
    #[arg(long)]
    max_fee: Option<u128>,
    /// Most wei to spend in a day (UTC) [default: no limit].
    #[arg(long)]
    daily_budget: Option<u128>,
    /// File in which the day's spending is kept over restarts. The transactions that are not final
    /// are kept beside it.
    #[arg(long, default_value = ".subrosa/keeper.json")]
    state: PathBuf,
    /// Serve metrics on this address.
    #[arg(long)]
    metrics: Option<SocketAddr>,
    /// Pay from this well-known account of a development chain. Without this flag, --key-file,
    /// SUBROSA_KEEPER_KEY_FILE or SUBROSA_KEEPER_KEY must give the account's private key.
    #[arg(long)]
    development_account: Option<usize>,
    /// File with the account's private key, 64 hex digits.
    #[arg(long)]
    key_file: Option<PathBuf>,
}

/// Keeps prices fresh until a signal ends it.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let rollup = Deployment::read(&arguments.deployment)?.connect().await?;
    let account = account(
        arguments.key_file.as_deref(),
        "SUBROSA_KEEPER_KEY",
        arguments.development_account,
        rollup.chain_id(),
    )?;
    ensure!(arguments.poll > 0, "--poll must be at least a second");
    if let Some(parent) = arguments.state.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let journal = arguments.state.with_extension("transactions");
    let mut sending = TransactionSettings::default();
    if let Some(most) = arguments.max_fee {
        // No variant offers more, however dear gas becomes while it waits.
        let price = most / u128::from(GAS);
        sending.max_fee_wei = u64::try_from(price)
            .unwrap_or(u64::MAX)
            .min(sending.max_fee_wei);
    }
    rollup
        .keep_transactions(account.address(), sending, journal)
        .await?;
    let settings = KeeperSettings {
        every: arguments.every.map(Duration::from_secs),
        deviation: arguments.deviation,
        poll: Duration::from_secs(arguments.poll),
        max_fee: arguments.max_fee,
        daily: arguments.daily_budget,
        state: Some(arguments.state),
    };
    if settings.daily.is_none() {
        tracing::warn!("no --daily-budget: only --max-fee limits what the keeper spends");
    }
    eprintln!("keeper: snapshots are paid by {}", account.address());
    let transport = rollup.transport().clone();
    let clock = SystemClock::shared();
    let keeper = Keeper::new(rollup.client(None), transport, account, clock, settings)?;
    if let Some(listen) = arguments.metrics {
        eprintln!(
            "metrics on http://{}/metrics",
            metrics::serve(listen).await?
        );
    }
    let mut interrupts = Interrupts::watch()?;
    subrosa_node::interrupt::ready();
    tokio::select! {
        () = keeper.run() => {}
        () = interrupts.next() => {}
    }
    // A snapshot that was sent is mined without us; its cost was stored before.
    interrupts.drain(DRAIN, async {}).await;
    Ok(())
}
