//! `subrosa sequencer`, `subrosa wallet`, `subrosa prover`: the services one by one.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy_primitives::Address;
use anyhow::{Context as _, bail, ensure};
use indicatif::MultiProgress;
use rand::rngs::OsRng;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use subrosa_l1::{Account, Client, Contracts, L1, RpcTransport, development};
use subrosa_protocol::{
    Fr,
    batch::BatchWitness,
    encoding::{fr_from_bytes, fr_to_bytes},
    keys::{Network, Seed, ViewingKey},
};
use subrosa_prover::{
    batch::BatchKeys,
    groth16::{PROOF_LEN, ProofBytes},
};
use subrosa_sequencer::{
    Config, Ports, Sequencer,
    adapters::{Groth16Verifier, L1Settlement},
};
use subrosa_wallet::{Gateway, Token, Wallet, WalletConfig, Watch, keystore};

use crate::{
    config::layered,
    keys::Keys,
    progress::Phases,
    proofs::{ShownProver, TimedProver},
};

/// Where L1 and its contracts are; the file that `subrosa setup deploy` prints.
#[derive(Debug, Serialize, Deserialize)]
struct Deployment {
    l1: String,
    chain_id: u64,
    rollup: Address,
    vault: Address,
    registry: Address,
}

impl Deployment {
    fn contracts(&self) -> Contracts {
        Contracts {
            rollup: self.rollup,
            vault: self.vault,
            registry: self.registry,
        }
    }

    async fn client(&self, operator: Option<Account>) -> anyhow::Result<Arc<dyn L1>> {
        let client = Client::new(RpcTransport::new(&self.l1)?, self.contracts(), operator);
        let found = client.chain_id().await?;
        ensure!(
            found == self.chain_id,
            "the L1 endpoint serves chain {found}, not {}",
            self.chain_id
        );
        Ok(Arc::new(client))
    }
}

/// Reads the deployment file, which the environment (`SUBROSA_DEPLOYMENT_…`) can override.
fn deployment(file: &Path) -> anyhow::Result<Deployment> {
    layered(Some(file), "SUBROSA_DEPLOYMENT_", serde_json::json!({}))
}

/// An L1 account from the environment, or a well-known one on a development chain.
fn account(variable: &str, development: Option<usize>, chain_id: u64) -> anyhow::Result<Account> {
    if let Ok(text) = std::env::var(variable) {
        let mut secret = [0u8; 32];
        hex::decode_to_slice(text.trim().trim_start_matches("0x"), &mut secret)
            .with_context(|| format!("{variable} is not 32 bytes of hex"))?;
        return Ok(Account::from_bytes(secret)?);
    }
    let Some(index) = development else {
        bail!("set {variable} to the account's key")
    };
    ensure!(
        development::is_development_chain(chain_id),
        "chain {chain_id} is not a development chain: its accounts' keys are public"
    );
    development::accounts()
        .into_iter()
        .nth(index)
        .context("there are ten development accounts")
}

/// Arguments of `subrosa sequencer`.
#[derive(clap::Args)]
pub(crate) struct SequencerArguments {
    /// Where L1 and its contracts are (TOML, as `subrosa setup deploy` prints).
    #[arg(long, env = "SUBROSA_DEPLOYMENT")]
    deployment: PathBuf,
    /// Settings beyond the defaults (TOML); `SUBROSA_SEQUENCER_…` variables override it.
    #[arg(long, env = "SUBROSA_SEQUENCER_CONFIG")]
    config: Option<PathBuf>,
    /// Address to listen on.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Directory of the store.
    #[arg(long)]
    store: Option<PathBuf>,
    /// Settle as the well-known development account; otherwise `SUBROSA_OPERATOR_KEY` is the key.
    #[arg(long)]
    development: bool,
}

/// What flags say of the sequencer's configuration; what is absent is left to file and defaults.
#[derive(Serialize)]
struct SequencerFlags {
    chain_id: u64,
    rollup: String,
    vault: String,
    fee_recipient: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<PathBuf>,
}

fn lower(address: Address) -> String {
    address.to_string().to_lowercase()
}

/// Runs the sequencer until interrupted.
pub(crate) async fn sequencer(keys: &Keys, arguments: SequencerArguments) -> anyhow::Result<()> {
    let deployment = deployment(&arguments.deployment)?;
    let development = arguments.development.then_some(1);
    let operator = account("SUBROSA_OPERATOR_KEY", development, deployment.chain_id)?;
    let flags = SequencerFlags {
        chain_id: deployment.chain_id,
        rollup: lower(deployment.rollup),
        vault: lower(deployment.vault),
        fee_recipient: lower(operator.address()),
        listen: arguments.listen,
        store: arguments.store,
    };
    let config: Config = layered(arguments.config.as_deref(), "SUBROSA_SEQUENCER_", flags)?;
    let l1 = deployment.client(Some(operator)).await?;
    let bars = MultiProgress::new();
    let (verifier, batch) = sequencer_keys(keys, &config, &bars)?;
    let allowed = development::is_development_chain(deployment.chain_id);
    ensure!(
        allowed
            || !(verifier.is_unsafe_development()
                || batch.iter().any(|k| k.is_unsafe_development())),
        "development keys are refused on chain {}: anyone could forge proofs",
        deployment.chain_id
    );
    let ports = Ports {
        verifier: Arc::new(Groth16Verifier::new(verifier)),
        prover: Arc::new(ShownProver::new(batch, bars)),
        settlement: Arc::new(L1Settlement::new(l1)),
    };
    let running = Sequencer::start(config, ports).await?;
    eprintln!("sequencer on http://{}/docs", running.addr());
    tokio::signal::ctrl_c().await?;
    running.stop().await;
    Ok(())
}

fn sequencer_keys(
    keys: &Keys,
    config: &Config,
    bars: &MultiProgress,
) -> anyhow::Result<(
    subrosa_prover::groth16::TransactionVerifier,
    Vec<Arc<BatchKeys>>,
)> {
    let store = keys.open_to_prove()?;
    let phases = Phases::new(bars, "keys");
    let verifier = store.transaction_verifier(&phases)?;
    let batch = config
        .seal
        .shapes
        .iter()
        .map(|shape| store.batch(*shape, &phases))
        .collect::<Result<Vec<_>, _>>()?;
    phases.clear();
    Ok((verifier, batch))
}

/// `subrosa wallet …`
#[derive(clap::Subcommand)]
pub(crate) enum WalletCommand {
    /// Make a key file, with a fresh seed or from one.
    Init {
        /// Where the wallet lives.
        #[arg(long)]
        directory: PathBuf,
        /// For development networks: addresses start with `subdev`.
        #[arg(long)]
        development: bool,
        /// Restore: read the seed (64 hex digits) from standard input.
        #[arg(long)]
        restore: bool,
    },
    /// Print the address.
    Address {
        /// Where the wallet lives.
        #[arg(long)]
        directory: PathBuf,
    },
    /// Print the seed, to be kept where it is safe: it restores everything.
    Backup {
        /// Where the wallet lives.
        #[arg(long)]
        directory: PathBuf,
    },
    /// Serve the gateway until interrupted.
    Run(WalletArguments),
}

/// Arguments of `subrosa wallet run`.
#[derive(clap::Args)]
pub(crate) struct WalletArguments {
    /// Where the wallet lives.
    #[arg(long)]
    directory: PathBuf,
    /// Where L1 and its contracts are (TOML, as `subrosa setup deploy` prints).
    #[arg(long, env = "SUBROSA_DEPLOYMENT")]
    deployment: PathBuf,
    /// The sequencer.
    #[arg(long, default_value = "http://127.0.0.1:7300")]
    sequencer: String,
    /// Address to listen on. Anything but loopback needs --expose.
    #[arg(long, default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    /// Allow an address that others can reach.
    #[arg(long)]
    expose: bool,
    /// The fee to offer, base units of the fee asset.
    #[arg(long, default_value_t = 0)]
    fee: u128,
    /// Liquidate loans that this institution has given by itself, as soon as they can be.
    #[arg(long)]
    watch_liquidate: bool,
    /// Use this well-known development account on L1; otherwise `SUBROSA_ACCOUNT_KEY` is the key.
    #[arg(long)]
    development_account: Option<usize>,
}

/// The passphrase of a key file, from the environment: never from the command line, which others can read.
fn passphrase() -> anyhow::Result<SecretString> {
    let text = std::env::var("SUBROSA_PASSPHRASE")
        .context("set SUBROSA_PASSPHRASE to the key file's passphrase")?;
    ensure!(!text.is_empty(), "SUBROSA_PASSPHRASE is empty");
    Ok(SecretString::from(text))
}

fn key_file(directory: &Path) -> PathBuf {
    directory.join("key.json")
}

/// Runs a wallet command.
pub(crate) async fn wallet(keys: &Keys, command: WalletCommand) -> anyhow::Result<()> {
    match command {
        WalletCommand::Init {
            directory,
            development,
            restore,
        } => {
            std::fs::create_dir_all(&directory)?;
            let seed = if restore {
                let mut line = zeroize_line()?;
                let mut bytes = [0u8; 32];
                hex::decode_to_slice(line.trim(), &mut bytes).context("a seed is 64 hex digits")?;
                line.clear();
                Seed::from_bytes(bytes)
            } else {
                Seed::random(&mut OsRng)
            };
            let network = if development {
                Network::Development
            } else {
                Network::Production
            };
            keystore::create(&key_file(&directory), &seed, network, &passphrase()?)?;
            println!("{}", ViewingKey::from_seed(&seed).address().encode(network));
            Ok(())
        }
        WalletCommand::Address { directory } => {
            let (seed, network) = keystore::open(&key_file(&directory), &passphrase()?)?;
            println!("{}", ViewingKey::from_seed(&seed).address().encode(network));
            Ok(())
        }
        WalletCommand::Backup { directory } => {
            let (seed, _) = keystore::open(&key_file(&directory), &passphrase()?)?;
            println!("{}", hex::encode(seed.as_bytes()));
            Ok(())
        }
        WalletCommand::Run(arguments) => run_wallet(keys, arguments).await,
    }
}

fn zeroize_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line)
}

async fn run_wallet(keys: &Keys, arguments: WalletArguments) -> anyhow::Result<()> {
    ensure!(
        arguments.expose || arguments.listen.ip().is_loopback(),
        "{} is not a loopback address; --expose allows it",
        arguments.listen
    );
    let deployment = deployment(&arguments.deployment)?;
    let account = account(
        "SUBROSA_ACCOUNT_KEY",
        arguments.development_account,
        deployment.chain_id,
    )?;
    let (seed, network) = keystore::open(&key_file(&arguments.directory), &passphrase()?)?;
    let phases = Phases::new(&MultiProgress::new(), "keys of the transaction circuit");
    let transaction = keys.open()?.transaction(&phases)?;
    phases.clear();
    ensure!(
        development::is_development_chain(deployment.chain_id)
            || !transaction.is_unsafe_development(),
        "development keys are refused on chain {}",
        deployment.chain_id
    );
    let config = WalletConfig {
        directory: arguments.directory.clone(),
        network,
        sequencer: arguments.sequencer,
        fee: arguments.fee,
        watch: Watch {
            liquidate: arguments.watch_liquidate,
        },
    };
    let l1 = deployment.client(None).await?;
    let prover = Arc::new(TimedProver::new(transaction));
    let wallet = Wallet::open(config, &seed, l1, account, prover).await?;
    let token_file = arguments.directory.join("token");
    let token = Token::load_or_create(&token_file)?;
    let gateway = Gateway::start(wallet, arguments.listen, token).await?;
    eprintln!(
        "gateway on http://{}/docs, bearer token in {}",
        gateway.address,
        token_file.display()
    );
    tokio::signal::ctrl_c().await?;
    gateway.stop().await;
    Ok(())
}

/// `subrosa prover …`
#[derive(clap::Subcommand)]
pub(crate) enum ProverCommand {
    /// Prove a batch and write the proof with its instances as JSON.
    Prove {
        /// The witness, as the sequencer stores it.
        witness: PathBuf,
        /// The proofs of its transactions in slot order, 128 bytes each.
        proofs: PathBuf,
        /// Where to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify a proof that `prove` wrote.
    Verify {
        /// The file.
        proof: PathBuf,
    },
}

/// A proof in a file.
#[derive(Serialize, Deserialize)]
struct ProofFile {
    slots: usize,
    /// 0x hex.
    instances: [String; 5],
    /// 0x hex.
    proof: String,
}

/// Runs a prover command.
pub(crate) fn prover(keys: &Keys, command: ProverCommand) -> anyhow::Result<()> {
    let bars = MultiProgress::new();
    match command {
        ProverCommand::Prove {
            witness,
            proofs,
            out,
        } => {
            let store = keys.open_to_prove()?;
            let witness = BatchWitness::from_bytes(&std::fs::read(&witness)?)?;
            let proofs = std::fs::read(&proofs)?
                .chunks(PROOF_LEN)
                .map(ProofBytes::try_from)
                .collect::<Result<Vec<_>, _>>()?;
            let phases = Phases::new(&bars, "keys");
            let keys = store.batch(witness.shape, &phases)?;
            phases.clear();
            let phases = Phases::new(&bars, "proving");
            let proof = keys.prove(&witness, &proofs, &phases)?;
            phases.finish("done");
            let file = ProofFile {
                slots: witness.shape.slots(),
                instances: proof
                    .instances
                    .map(|word| format!("0x{}", hex::encode(fr_to_bytes(&word)))),
                proof: format!("0x{}", hex::encode(&proof.proof)),
            };
            std::fs::write(out, serde_json::to_vec_pretty(&file)?)?;
            Ok(())
        }
        ProverCommand::Verify { proof } => {
            let file: ProofFile = serde_json::from_slice(&std::fs::read(&proof)?)?;
            let shape = subrosa_protocol::batch::Shape::from_slots(file.slots)
                .context("a shape has 4, 16 or 64 slots")?;
            let phases = Phases::new(&bars, "keys");
            let keys = keys.open()?.batch(shape, &phases)?;
            phases.clear();
            let mut instances = [Fr::from(0u64); 5];
            for (instance, text) in instances.iter_mut().zip(&file.instances) {
                let mut bytes = [0u8; 32];
                hex::decode_to_slice(text.trim_start_matches("0x"), &mut bytes)?;
                *instance = fr_from_bytes(&bytes)?;
            }
            keys.verify(
                &instances,
                &hex::decode(file.proof.trim_start_matches("0x"))?,
            )?;
            println!("valid");
            Ok(())
        }
    }
}
