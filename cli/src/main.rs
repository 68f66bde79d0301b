//! `subrosa`: the one binary. It composes the crates below and holds no rules of its own.

mod bench;
mod claim;
mod deployment;
mod deposit;
mod govern;
mod keeper;
mod keys;
mod output;
mod prover;
mod sequencer;
mod setup;
mod wallet;

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::{Parser, Subcommand};
use subrosa_node::Keys;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Confidential transfers between institutions, settled on an EVM chain with zero-knowledge proofs.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    keys: keys::KeyFlags,
    /// Log filter, such as `info,subrosa_sequencer=debug`. Logs go to standard error.
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
    /// Run a whole deployment and play a file of payments, of trades or of loans on it.
    Demo(subrosa_demo::Arguments),
    /// Order, batch and settle transactions.
    Sequencer(sequencer::Arguments),
    /// Keys and gateway of one institution.
    #[command(subcommand)]
    Wallet(wallet::Command),
    /// Take price snapshots on a schedule, or when prices move.
    Keeper(keeper::Arguments),
    /// List the deposits that wait, and take one back that no batch consumes.
    Deposit(deposit::Arguments),
    /// List what the vault owes to an account, and have it paid.
    Claim(claim::Arguments),
    /// Print or send the actions of governance and of the guardians.
    Govern(govern::Arguments),
    /// Prove and verify batches from files.
    #[command(subcommand)]
    Prover(prover::Command),
    /// Make or import keys and parameters, deploy contracts on a development chain.
    #[command(subcommand)]
    Setup(setup::Command),
    /// Measure this machine.
    #[command(subcommand)]
    Bench(bench::Command),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    // Each failed connection repeats this line, and the error of whoever connects has the reason.
    let quiet = "rustls_platform_verifier::verification=off".parse()?;
    let filter = EnvFilter::try_new(&cli.log)?.add_directive(quiet);
    let text = (!cli.log_json).then(|| {
        tracing_subscriber::fmt::layer()
            // Colours would be noise in a file.
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
    });
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
    let keys = Keys::from(cli.keys);
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Demo(arguments) => subrosa_demo::run(&keys, arguments).await,
            Command::Sequencer(arguments) => sequencer::run(&keys, arguments).await,
            Command::Wallet(command) => wallet::run(&keys, command).await,
            Command::Keeper(arguments) => keeper::run(arguments).await,
            Command::Deposit(arguments) => deposit::run(arguments).await,
            Command::Claim(arguments) => claim::run(arguments).await,
            Command::Govern(arguments) => govern::run(&keys, arguments).await,
            Command::Prover(command) => prover::run(&keys, command),
            Command::Setup(command) => setup::run(&keys, command).await,
            Command::Bench(command) => bench::run(&keys, command).await,
        }
    });
    // Work on a blocking thread, such as a proof, must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, path::PathBuf};

    use clap::CommandFactory as _;

    use super::*;

    /// Visits a command and those below it.
    fn visit(command: &clap::Command, seen: &mut dyn FnMut(&clap::Command)) {
        seen(command);
        for below in command.get_subcommands() {
            visit(below, seen);
        }
    }

    #[test]
    fn no_argument_of_a_command_has_the_id_of_a_global_flag() {
        let root = Cli::command();
        let globals: HashSet<String> = root
            .get_arguments()
            .filter(|argument| argument.is_global_set())
            .map(|argument| argument.get_id().to_string())
            .collect();
        assert!(globals.contains("keys") && globals.contains("engine"));
        for below in root.get_subcommands() {
            visit(below, &mut |command| {
                for argument in command.get_arguments() {
                    assert!(
                        !globals.contains(argument.get_id().as_str()),
                        "{}: --{}",
                        command.get_name(),
                        argument.get_id()
                    );
                }
            });
        }
    }

    #[test]
    fn the_directory_of_a_wallet_is_not_the_directory_of_the_keys() {
        let run = ["wallet", "run", "--directory", "w", "--deployment", "d"];
        for line in [
            [&["subrosa", "--keys", "k"], &run[..]].concat(),
            [&["subrosa"], &run[..], &["--keys", "k"]].concat(),
        ] {
            let cli = Cli::try_parse_from(line).expect("the flags parse");
            assert_eq!(Keys::from(cli.keys).directory, PathBuf::from("k"));
        }
    }
}
