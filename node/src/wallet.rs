//! Key file, configuration and start of a wallet behind its gateway.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use rand::rngs::OsRng;
use secrecy::SecretString;
use subrosa_client::Proxy;
use subrosa_clock::Clock;
use subrosa_l1::{Account, TransactionSettings};
use subrosa_protocol::keys::{Network, Seed, ViewingKey};
use subrosa_prover::groth16::TransactionKeys;
use subrosa_wallet::{Gateway, Token, Wallet, WalletConfig, Watch, keystore};

use crate::{Rollup, keys::refuse_unsafe, proofs::TimedProver};

/// The directory of a wallet: its key file, bearer token and state.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// Takes a directory as a wallet's home.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// Returns the directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// Returns the file with the gateway's bearer token.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.0.join("token")
    }

    fn key_file(&self) -> PathBuf {
        self.0.join("key.json")
    }

    /// Writes the key file of `seed`, or of a fresh seed, encrypted under `passphrase`, and returns
    /// the wallet's address. Blocks: the passphrase is stretched.
    ///
    /// # Errors
    /// If there is a key file already, or it cannot be written.
    pub fn init(
        &self,
        seed: Option<Seed>,
        network: Network,
        passphrase: &SecretString,
    ) -> anyhow::Result<String> {
        std::fs::create_dir_all(&self.0)?;
        let seed = seed.unwrap_or_else(|| Seed::random(&mut OsRng));
        keystore::create(&self.key_file(), &seed, network, passphrase)?;
        Ok(ViewingKey::from_seed(&seed).address().encode(network))
    }

    /// Whether the directory holds a key file.
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.key_file().exists()
    }

    /// Opens the key file. Blocks: the passphrase is stretched.
    ///
    /// # Errors
    /// If there is no key file, or the passphrase is wrong.
    pub fn unlock(&self, passphrase: &SecretString) -> anyhow::Result<(Seed, Network)> {
        ensure!(
            self.is_initialised(),
            "{} holds no wallet: make one with `subrosa wallet init --directory {}`",
            self.0.display(),
            self.0.display()
        );
        Ok(keystore::open(&self.key_file(), passphrase)?)
    }
}

/// Settings of a wallet beyond its keys.
#[derive(Clone, Debug)]
pub struct WalletSettings {
    /// Base URL of the sequencer.
    pub sequencer: String,
    /// Proxy through which the sequencer is reached, and in no other way.
    pub proxy: Option<Proxy>,
    /// Address on which the gateway listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Fee to offer, base units of the fee asset; at least the sequencer's minimum is paid.
    pub fee: u128,
    /// Actions that the wallet takes by itself.
    pub watch: Watch,
    /// How its L1 account sends.
    pub transactions: TransactionSettings,
}

/// A running wallet.
pub struct StartedWallet {
    /// The gateway, which owns the wallet.
    pub gateway: Gateway,
    /// Bearer token of the gateway.
    pub token: Token,
}

/// Opens the wallet in `home` and serves its gateway. `account` pays for deposits and claims on L1,
/// and `prover` makes the proofs: several wallets of one process may share it. The wallet waits and
/// expires by `clock`.
///
/// # Errors
/// If the wallet belongs to another network than the chain, development keys meet a chain that is
/// not a development chain, or wallet or gateway refuse to start.
pub async fn start(
    home: &Home,
    unlocked: &(Seed, Network),
    rollup: &Rollup,
    account: Account,
    prover: Arc<TimedProver<TransactionKeys>>,
    settings: WalletSettings,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<StartedWallet> {
    let (seed, network) = unlocked;
    refuse_unsafe(prover.inner().is_unsafe_development(), rollup)?;
    let expected = if rollup.is_development() {
        Network::Development
    } else {
        Network::Production
    };
    ensure!(
        *network == expected,
        "the wallet in {} is for {} networks, and chain {} is {}: make a wallet {} --development",
        home.directory().display(),
        name(*network),
        rollup.chain_id(),
        name(expected),
        if rollup.is_development() {
            "with"
        } else {
            "without"
        },
    );
    let config = WalletConfig {
        directory: home.directory().to_owned(),
        network: *network,
        sequencer: settings.sequencer,
        proxy: settings.proxy,
        fee: settings.fee,
        watch: settings.watch,
    };
    let journal = home.directory().join("transactions");
    rollup
        .keep_transactions(account.address(), settings.transactions, journal)
        .await?;
    let wallet = Wallet::open(config, seed, rollup.client(None), account, prover, clock).await?;
    let token = Token::load_or_create(&home.token_file())
        .with_context(|| format!("reading {}", home.token_file().display()))?;
    let gateway = Gateway::start(wallet, settings.listen, token.clone()).await?;
    Ok(StartedWallet { gateway, token })
}

fn name(network: Network) -> &'static str {
    match network {
        Network::Production => "production",
        Network::Development => "development",
    }
}
