//! `subrosa`: the one binary. It composes the crates below and holds no rules of its own.

mod bench;
mod chain;
mod config;
mod demo;
mod keys;
mod progress;
mod proofs;
mod run;
mod setup;
mod system;

use clap::{Parser, Subcommand};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Confidential transfers between institutions, settled on an EVM chain with zero-knowledge proofs.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    keys: keys::Keys,
    /// What to log, as in `info,subrosa_sequencer=debug`; logs go to standard error.
    #[arg(long, global = true, env = "SUBROSA_LOG", default_value = "warn")]
    log: String,
    /// Logs as JSON lines.
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a whole deployment in this process on a file of payment instructions.
    Demo(demo::Arguments),
    /// Order, batch and settle transactions.
    Sequencer(run::SequencerArguments),
    /// Keys and gateway of one institution.
    #[command(subcommand)]
    Wallet(run::WalletCommand),
    /// Prove and verify batches from files.
    #[command(subcommand)]
    Prover(run::ProverCommand),
    /// Make or import keys and parameters, deploy contracts on a development chain.
    #[command(subcommand)]
    Setup(setup::Command),
    /// Measure this machine.
    #[command(subcommand)]
    Bench(bench::Command),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let filter = EnvFilter::try_new(&cli.log)?;
    let text =
        (!cli.log_json).then(|| tracing_subscriber::fmt::layer().with_writer(std::io::stderr));
    let json = cli.log_json.then(|| {
        tracing_subscriber::fmt::layer()
            .json()
            .with_writer(std::io::stderr)
    });
    tracing_subscriber::registry()
        .with(filter)
        .with(text)
        .with(json)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Demo(arguments) => demo::run(&cli.keys, arguments).await,
            Command::Sequencer(arguments) => run::sequencer(&cli.keys, arguments).await,
            Command::Wallet(command) => run::wallet(&cli.keys, command).await,
            Command::Prover(command) => run::prover(&cli.keys, command),
            Command::Setup(command) => setup::run(&cli.keys, command).await,
            Command::Bench(command) => bench::run(&cli.keys, command).await,
        }
    })
}
