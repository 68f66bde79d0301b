//! The demonstration: a whole deployment in one process, driven only through the wallets' HTTP
//! interface by a file of payment instructions.

mod account;
mod gateway;
mod instructions;
mod summary;
mod world;

use std::path::PathBuf;

use indicatif::MultiProgress;

use crate::chain::ChainKind;
use crate::keys::Keys;

/// The committed instructions, so that the binary demonstrates from anywhere.
const PAYMENTS: &str = include_str!("../demo/payments.csv");

/// What to demonstrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Scenario {
    /// Deposits, confidential payments and withdrawals.
    Transfer,
}

/// Arguments of `subrosa demo`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to demonstrate.
    #[arg(long, value_enum, default_value = "transfer")]
    scenario: Scenario,
    /// Which chain to settle on.
    #[arg(long, value_enum, default_value = "embedded")]
    l1: ChainKind,
    /// Payment instructions (CSV: kind,from,to,asset,amount,memo); the committed ones if absent.
    #[arg(long)]
    payments: Option<PathBuf>,
    /// Where wallets and sequencer keep their state; a fresh temporary directory if absent.
    #[arg(long)]
    data: Option<PathBuf>,
    /// After the run, stay up (wallets, sequencer and chain) until interrupted, and say where everything is.
    #[arg(long)]
    stay: bool,
}

/// Runs the demonstration and prints its one line of JSON on standard output.
pub(crate) async fn run(keys: &Keys, arguments: Arguments) -> anyhow::Result<()> {
    let text = match &arguments.payments {
        Some(path) => std::fs::read_to_string(path)?,
        None => PAYMENTS.to_owned(),
    };
    let instructions = instructions::parse(&text)?;
    let scratch = tempfile::tempdir()?;
    let data = arguments
        .data
        .clone()
        .unwrap_or_else(|| scratch.path().to_owned());
    let bars = MultiProgress::new();
    let world = world::World::start(keys, &data, arguments.l1, &instructions, &bars).await?;
    let before = account::take(&world).await?;
    account::carry_out(&world, &instructions, &bars).await?;
    let after = account::take(&world).await?;
    let checked = account::reconcile(&world, &instructions, &before, &after).await?;
    bars.clear()?;
    eprintln!("{}", summary::table(&before, &after));
    eprintln!("{checked}");
    println!("{}", summary::line(&world).await?);
    if arguments.stay {
        eprintln!("{}", world.directions());
        tokio::signal::ctrl_c().await?;
    }
    world.stop().await;
    Ok(())
}
