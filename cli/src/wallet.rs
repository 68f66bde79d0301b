//! `subrosa wallet`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, ensure};
use indicatif::MultiProgress;
use secrecy::SecretString;
use subrosa_clock::SystemClock;
use subrosa_node::{
    Deployment, Keys,
    accounts::account,
    config::layered,
    interrupt::interrupted,
    proofs::TimedProver,
    wallet::{Home, WalletSettings, start},
};
use subrosa_protocol::keys::{Network, Seed, ViewingKey};
use subrosa_wallet::Watch;
use zeroize::Zeroizing;

/// `subrosa wallet …`. SUBROSA_PASSPHRASE must hold the passphrase of the key file.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key file, from a fresh seed or from one that you kept, and print the address.
    Init {
        /// Directory of the wallet.
        #[arg(long)]
        directory: PathBuf,
        /// Make a wallet for development chains: its addresses start with `subdev`.
        #[arg(long)]
        development: bool,
        /// Restore: read the seed (64 hex digits) from standard input.
        #[arg(long)]
        restore: bool,
    },
    /// Print the address.
    Address {
        /// Directory of the wallet.
        #[arg(long)]
        directory: PathBuf,
    },
    /// Print the seed. Keep it where it is safe: it restores the wallet, and spends its notes.
    Backup {
        /// Directory of the wallet.
        #[arg(long)]
        directory: PathBuf,
    },
    /// Serve the gateway until a signal ends it.
    Run(RunArguments),
}

/// Arguments of `subrosa wallet run`.
#[derive(clap::Args)]
pub(crate) struct RunArguments {
    /// Directory of the wallet.
    #[arg(long)]
    directory: PathBuf,
    /// File that says where L1 and its contracts are (TOML; `subrosa setup deploy` prints it).
    #[arg(long, env = "SUBROSA_DEPLOYMENT")]
    deployment: PathBuf,
    /// Base URL of the sequencer.
    #[arg(long, default_value = "http://127.0.0.1:7300")]
    sequencer: String,
    /// Address to listen on. Anything but loopback needs --expose.
    #[arg(long, default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    /// Allow an address that others can reach.
    #[arg(long)]
    expose: bool,
    /// Fee to offer, base units of the fee asset; at least the sequencer's minimum is paid.
    #[arg(long, default_value_t = 0)]
    fee: u128,
    /// Liquidate loans that this institution has given, as soon as the rules allow it.
    #[arg(long)]
    watch_liquidate: bool,
    /// Use this well-known account of a development chain on L1 (3 to 9 hold tokens). Without this
    /// flag, SUBROSA_ACCOUNT_KEY must hold the account's private key.
    #[arg(long)]
    development_account: Option<usize>,
}

/// Reads the passphrase of a key file from the environment: others can read a command line.
fn passphrase() -> anyhow::Result<SecretString> {
    let text = std::env::var("SUBROSA_PASSPHRASE").context(
        "no passphrase: set the environment variable SUBROSA_PASSPHRASE to the passphrase of the \
         wallet's key file",
    )?;
    ensure!(!text.is_empty(), "SUBROSA_PASSPHRASE is empty");
    Ok(SecretString::from(text))
}

/// Runs a wallet command.
pub(crate) async fn run(keys: &Keys, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Init {
            directory,
            development,
            restore,
        } => {
            let network = if development {
                Network::Development
            } else {
                Network::Production
            };
            let passphrase = passphrase()?;
            let seed = restore.then(read_seed).transpose()?;
            println!("{}", Home::new(directory).init(seed, network, &passphrase)?);
            Ok(())
        }
        Command::Address { directory } => {
            let (seed, network) = Home::new(directory).unlock(&passphrase()?)?;
            println!("{}", ViewingKey::from_seed(&seed).address().encode(network));
            Ok(())
        }
        Command::Backup { directory } => {
            let (seed, _) = Home::new(directory).unlock(&passphrase()?)?;
            println!("{}", hex::encode(seed.as_bytes()));
            Ok(())
        }
        Command::Run(arguments) => serve(keys, arguments).await,
    }
}

/// Reads a seed from standard input.
fn read_seed() -> anyhow::Result<Seed> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().read_line(&mut line)?;
    let mut bytes = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(line.trim(), bytes.as_mut_slice()).context("a seed is 64 hex digits")?;
    Ok(Seed::from_bytes(*bytes))
}

async fn serve(keys: &Keys, arguments: RunArguments) -> anyhow::Result<()> {
    ensure!(
        arguments.expose || arguments.listen.ip().is_loopback(),
        "{} is not a loopback address: add --expose if others shall reach the gateway",
        arguments.listen
    );
    let rollup = Deployment::read(&arguments.deployment)?.connect().await?;
    let account = account(
        "SUBROSA_ACCOUNT_KEY",
        arguments.development_account,
        rollup.chain_id(),
    )?;
    let home = Home::new(arguments.directory);
    let passphrase = passphrase()?;
    let (unlocked, transaction) = {
        let (keys, home) = (keys.clone(), home.clone());
        tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
            Ok((
                home.unlock(&passphrase)?,
                keys.transaction(&MultiProgress::new())?,
            ))
        })
        .await??
    };
    let settings = WalletSettings {
        sequencer: arguments.sequencer,
        listen: arguments.listen,
        fee: arguments.fee,
        watch: Watch {
            liquidate: arguments.watch_liquidate,
        },
        transactions: layered(None, "SUBROSA_TRANSACTIONS_", serde_json::json!({}))?,
    };
    let prover = Arc::new(TimedProver::new(transaction));
    let clock = SystemClock::shared();
    let wallet = start(&home, &unlocked, &rollup, account, prover, settings, clock).await?;
    eprintln!(
        "gateway on http://{}/docs, bearer token in {}",
        wallet.gateway.address,
        home.token_file().display()
    );
    interrupted().await?;
    wallet.gateway.stop().await;
    Ok(())
}
