//! `subrosa wallet`.

use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use console::Term;
use indicatif::MultiProgress;
use secrecy::SecretString;
use subrosa_clock::SystemClock;
use subrosa_node::{
    Deployment, Keys, Proxy,
    accounts::account,
    config::{layered, secret_variable},
    fetch::ensure_transaction_keys,
    interrupt::until_interrupted,
    proofs::TimedProver,
    wallet::{Home, WalletSettings, start},
};
use subrosa_protocol::keys::{Network, Seed, ViewingKey};
use subrosa_wallet::Watch;
use zeroize::Zeroizing;

use crate::output;

/// `subrosa wallet …`. The passphrase of the key file comes from SUBROSA_PASSPHRASE, from the file
/// that SUBROSA_PASSPHRASE_FILE names, or from the terminal.
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
        /// Fetch the keys of the transaction circuit from the sequencer with this base URL, if the
        /// key directory has none.
        #[arg(long)]
        sequencer: Option<String>,
        /// Reach the sequencer through this SOCKS5 proxy, as with `wallet run`.
        #[arg(long)]
        proxy: Option<String>,
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
    /// Reach the sequencer and L1 through this SOCKS5 proxy, and in no other way, such as
    /// `socks5h://127.0.0.1:9050` for Tor. Without this flag, SUBROSA_PROXY or SUBROSA_PROXY_FILE
    /// may give it: give an address with a password there, since others can read a command line.
    #[arg(long)]
    proxy: Option<String>,
    /// Reach L1 without the proxy: its endpoints are nodes of your own.
    #[arg(long)]
    direct_l1: bool,
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
    /// flag, --key-file, SUBROSA_ACCOUNT_KEY_FILE or SUBROSA_ACCOUNT_KEY must give the account's
    /// private key.
    #[arg(long)]
    development_account: Option<usize>,
    /// File with the account's private key, 64 hex digits.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Fetch the keys of the transaction circuit from the sequencer, if the key directory has none.
    /// On development chains this flag is not needed.
    #[arg(long)]
    fetch_keys: bool,
    /// Seconds within which the service ends after a signal. A second signal ends it at once.
    #[arg(long, env = "SUBROSA_DRAIN_TIMEOUT", default_value_t = 30)]
    drain_timeout: u64,
}

/// Reads the passphrase of a key file from the environment, from a file or from the terminal:
/// others can read a command line. A new passphrase is asked for twice.
fn passphrase(is_new: bool) -> anyhow::Result<SecretString> {
    let text = match secret_variable("SUBROSA_PASSPHRASE")? {
        Some(text) => text,
        None => asked(is_new)?,
    };
    ensure!(!text.is_empty(), "the passphrase is empty");
    Ok(SecretString::from(text.as_str()))
}

fn asked(is_new: bool) -> anyhow::Result<Zeroizing<String>> {
    ensure!(
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        "no passphrase: set SUBROSA_PASSPHRASE, or name a file that holds it with \
         SUBROSA_PASSPHRASE_FILE"
    );
    let terminal = Term::stderr();
    let ask = |prompt: &str| -> anyhow::Result<Zeroizing<String>> {
        terminal.write_str(prompt)?;
        Ok(Zeroizing::new(terminal.read_secure_line()?))
    };
    let text = ask("passphrase of the wallet: ")?;
    if is_new {
        ensure!(
            *ask("the same again: ")? == *text,
            "the two passphrases differ"
        );
    }
    Ok(text)
}

/// Runs a wallet command.
pub(crate) async fn run(keys: &Keys, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Init {
            directory,
            development,
            restore,
            sequencer,
            proxy: named,
        } => {
            let proxy = reached(proxy(named)?).await;
            if let Some(url) = sequencer {
                let bars = MultiProgress::new();
                ensure_transaction_keys(keys, &url, proxy.as_ref(), true, &bars).await?;
            }
            let network = if development {
                Network::Development
            } else {
                Network::Production
            };
            let passphrase = passphrase(true)?;
            let seed = restore.then(read_seed).transpose()?;
            output::line(Home::new(directory).init(seed, network, &passphrase)?)?;
            Ok(())
        }
        Command::Address { directory } => {
            let (seed, network) = Home::new(directory).unlock(&passphrase(false)?)?;
            output::line(ViewingKey::from_seed(&seed).address().encode(network))?;
            Ok(())
        }
        Command::Backup { directory } => {
            let (seed, _) = Home::new(directory).unlock(&passphrase(false)?)?;
            output::line(hex::encode(seed.as_bytes()))?;
            Ok(())
        }
        Command::Run(arguments) => serve(keys, arguments).await,
    }
}

/// Parses the address of the proxy: the one that a flag names, or the environment's.
fn proxy(named: Option<String>) -> anyhow::Result<Option<Proxy>> {
    let text = match named {
        Some(text) => Some(Zeroizing::new(text)),
        None => secret_variable("SUBROSA_PROXY")?,
    };
    let text = text.filter(|text| !text.is_empty());
    Ok(text.map(|text| text.parse()).transpose()?)
}

/// Warns if the proxy cannot be reached: what fails through it names other causes.
async fn reached(proxy: Option<Proxy>) -> Option<Proxy> {
    if let Some(proxy) = &proxy
        && let Err(error) = proxy.reach().await
    {
        tracing::warn!("{error}");
    }
    proxy
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
    let proxy = proxy(arguments.proxy)?;
    ensure!(
        proxy.is_some() || !arguments.direct_l1,
        "--direct-l1 leaves L1 out of a proxy, and none is named: add --proxy"
    );
    let proxy = reached(proxy).await;
    let to_l1 = proxy.as_ref().filter(|_| !arguments.direct_l1);
    let deployment = Deployment::read(&arguments.deployment)?;
    let rollup = deployment.connect_through(to_l1).await?;
    let account = account(
        arguments.key_file.as_deref(),
        "SUBROSA_ACCOUNT_KEY",
        arguments.development_account,
        rollup.chain_id(),
    )?;
    let home = Home::new(arguments.directory);
    let passphrase = passphrase(false)?;
    let bars = MultiProgress::new();
    let allowed = arguments.fetch_keys || rollup.is_development();
    let sequencer = &arguments.sequencer;
    ensure_transaction_keys(keys, sequencer, proxy.as_ref(), allowed, &bars).await?;
    let (unlocked, transaction) = {
        let (keys, home) = (keys.clone(), home.clone());
        tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
            Ok((home.unlock(&passphrase)?, keys.transaction(&bars)?))
        })
        .await??
    };
    let settings = WalletSettings {
        sequencer: arguments.sequencer,
        proxy,
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
    // The wallet's state is stored at each step: whatever L1 delays can be cut off.
    let within = Duration::from_secs(arguments.drain_timeout);
    let stop = async {
        if tokio::time::timeout(within, wallet.gateway.stop())
            .await
            .is_err()
        {
            tracing::warn!("work under way was cut off; the next start takes it up again");
        }
    };
    until_interrupted(within, stop).await?;
    Ok(())
}
