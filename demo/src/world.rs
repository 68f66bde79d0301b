//! The deployment that a demonstration runs: chain, contracts, sequencer, one wallet an institution.

mod oracle;

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, ensure};
use indicatif::MultiProgress;
use rand::rngs::OsRng;
use secrecy::SecretString;
use serde::Deserialize;
use subrosa_l1::{
    Account, Client, L1,
    contracts::Rollup,
    deploy::{DeployConfig, Deployment, NewAsset, NewShape, deploy, development_token, mint},
    development,
    transport::Transport,
};
use subrosa_protocol::{
    asset::AssetId,
    batch::Shape,
    encoding::fr_to_bytes,
    keys::{AuditorKey, Network, Seed},
};
use subrosa_prover::groth16::TransactionKeys;
use subrosa_sequencer::{
    Config, Ports, RunningSequencer, Sequencer,
    adapters::{Groth16Verifier, L1Settlement},
};
use subrosa_wallet::{Gateway, Token as Bearer, Wallet, WalletConfig, Watch, amount, keystore};

use super::{
    gateway::{Asset, GatewayClient},
    instructions::{Instruction, Kind, institutions},
    measured::{Measured, Settled},
};
use crate::{
    chain::{Chain, ChainKind},
    keys::Keys,
    progress::{Phases, spinner},
    proofs::{Made, ShownProver, TimedProver, verification_gas},
};

/// The fee of a transaction, base units of the fee asset: 0.05 dUSD.
pub(super) const FEE: u128 = 50_000;
/// The token in which fees are paid; asset 0.
pub(super) const FEE_SYMBOL: &str = "dUSD";
/// A token of a scenario. Their order is that of the asset ids.
pub(super) struct Token {
    pub(super) name: &'static str,
    pub(super) symbol: &'static str,
    pub(super) decimals: u8,
    /// Whether an auditor reads its movements.
    pub(super) audited: bool,
}
/// How long the last batches may take to L1.
const SETTLEMENT: Duration = Duration::from_secs(240);
/// The shapes that are sealed.
const SHAPES: [Shape; 2] = [Shape::S4, Shape::S16];
/// **Unsafe**: the auditor of development assets.
const AUDITOR_SEED: [u8; 32] = *b"unsafe development auditor seed!";
/// **Unsafe**: opens the key files of a demonstration.
const PASSPHRASE: &str = "development";
/// First development account of the institutions; those before are deployer, sequencer and guardian.
const FIRST_INSTITUTION: usize = 3;

/// What a scenario wants of its deployment.
pub(super) struct Cast<'a> {
    /// Its tokens, in the order of their ids.
    pub(super) tokens: &'a [Token],
    /// How long a batch waits for more transactions.
    pub(super) seal_ms: u64,
    /// Name the institutions, and what each is going to deposit.
    pub(super) instructions: &'a [Instruction],
    /// Institutions whose wallets liquidate by themselves.
    pub(super) watching: &'a [&'a str],
}

/// A running deployment.
pub(super) struct World {
    chain: Chain,
    deployer: Account,
    deployment: Deployment,
    l1: Arc<dyn L1>,
    sequencer: RunningSequencer,
    measured: Arc<Measured>,
    batch_prover: Arc<ShownProver>,
    client_prover: Arc<TimedProver<TransactionKeys>>,
    gateways: Vec<(String, GatewayClient)>,
    served: Vec<Gateway>,
    assets: Vec<Asset>,
}

impl World {
    /// Starts everything. See the module's description.
    pub(super) async fn start(
        keys: &Keys,
        data: &Path,
        kind: ChainKind,
        cast: &Cast<'_>,
        bars: &MultiProgress,
    ) -> anyhow::Result<Self> {
        let Cast {
            tokens,
            seal_ms,
            instructions,
            watching,
        } = *cast;
        let (client_keys, batch_keys) = load_keys(keys, bars).await?;
        let bar = spinner(bars, "deploying the contracts");
        let chain = Chain::start(kind).await?;
        let accounts = development::accounts();
        let deployer = accounts[0].clone();
        let contracts = deploy_tokens(&chain, &deployer, tokens).await?;
        let auditor = AuditorKey::from_seed(&Seed::from_bytes(AUDITOR_SEED)).public();
        let config = DeployConfig {
            sequencer: accounts[1].address(),
            guardian: accounts[2].address(),
            fee_asset: AssetId(0),
            assets: tokens
                .iter()
                .zip(&contracts)
                .map(|(token, address)| NewAsset {
                    token: *address,
                    auditor: token.audited.then_some(auditor),
                    flags: 0,
                })
                .collect(),
            shapes: batch_keys
                .iter()
                .map(|keys| NewShape {
                    shape: keys.shape(),
                    vk_data: keys.vk_data().to_vec(),
                    unsafe_development: keys.is_unsafe_development(),
                })
                .collect(),
        };
        let deployment = deploy(&chain.transport, &deployer, &config).await?;
        bar.finish_with_message("contracts deployed");

        let client = |operator| -> Arc<dyn L1> {
            Arc::new(Client::new(
                chain.transport.clone(),
                deployment.contracts,
                operator,
            ))
        };
        let l1 = client(Some(accounts[1].clone()));
        let measured = Arc::new(Measured::new(L1Settlement::new(l1.clone())));
        let batch_prover = Arc::new(ShownProver::new(batch_keys, bars.clone()));
        let mut config = Config::new(
            data.join("sequencer"),
            l1.chain_id().await?,
            deployment.contracts.rollup.into_array(),
            deployment.contracts.vault.into_array(),
        );
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.fee_recipient = accounts[1].address().into_array();
        config.min_fee = FEE;
        config.seal.shapes = SHAPES.to_vec();
        config.seal.max_wait_ms = seal_ms;
        config.seal.deposit_wait_ms = 1_500;
        config.settle.poll_ms = 200;
        // All institutions are one peer here.
        config.mailbox.rate = 0;
        std::fs::create_dir_all(data)?;
        let ports = Ports {
            verifier: Arc::new(Groth16Verifier::new(client_keys.verifier().clone())),
            prover: batch_prover.clone(),
            settlement: measured.clone(),
        };
        let sequencer = Sequencer::start(config, ports).await?;

        let mut world = Self {
            client_prover: Arc::new(TimedProver::new(client_keys)),
            deployer,
            deployment,
            l1,
            sequencer,
            measured,
            batch_prover,
            gateways: Vec::new(),
            served: Vec::new(),
            assets: tokens
                .iter()
                .zip(0u16..)
                .map(|(token, id)| Asset {
                    id,
                    symbol: token.symbol.to_owned(),
                    decimals: token.decimals,
                })
                .collect(),
            chain,
        };
        let bar = spinner(bars, "starting the wallets");
        for (number, name) in institutions(instructions).iter().enumerate() {
            let account = accounts
                .get(FIRST_INSTITUTION + number)
                .context("too many institutions")?
                .clone();
            world.fund(name, &account, &contracts, instructions).await?;
            world
                .open_wallet(name, account, data, watching.contains(&name.as_str()))
                .await?;
        }
        bar.finish_with_message("wallets and sequencer are up");
        Ok(world)
    }

    /// Mints on L1 what the institution is going to deposit.
    async fn fund(
        &self,
        name: &str,
        account: &Account,
        tokens: &[Address],
        instructions: &[Instruction],
    ) -> anyhow::Result<()> {
        for (asset, token) in self.assets.iter().zip(tokens) {
            let mut total = 0u128;
            for i in instructions {
                if i.kind == Kind::Deposit && i.from == name && i.asset == asset.symbol {
                    total += amount::parse(&i.amount, asset.decimals)?;
                }
            }
            if total > 0 {
                mint(
                    &self.chain.transport,
                    &self.deployer,
                    *token,
                    account.address(),
                    total,
                )
                .await?;
            }
        }
        Ok(())
    }

    async fn open_wallet(
        &mut self,
        name: &str,
        account: Account,
        data: &Path,
        watching: bool,
    ) -> anyhow::Result<()> {
        let directory = data.join(name);
        std::fs::create_dir_all(&directory)?;
        let key_file = directory.join("key.json");
        let seed = tokio::task::spawn_blocking(move || -> anyhow::Result<Seed> {
            let passphrase = SecretString::from(PASSPHRASE);
            if key_file.exists() {
                return Ok(keystore::open(&key_file, &passphrase)?.0);
            }
            let seed = Seed::random(&mut OsRng);
            keystore::create(&key_file, &seed, Network::Development, &passphrase)?;
            Ok(seed)
        })
        .await??;
        let config = WalletConfig {
            directory: directory.clone(),
            network: Network::Development,
            sequencer: format!("http://{}", self.sequencer.addr()),
            fee: FEE,
            watch: Watch {
                liquidate: watching,
            },
        };
        let l1: Arc<dyn L1> = Arc::new(Client::new(
            self.chain.transport.clone(),
            self.deployment.contracts,
            None,
        ));
        let wallet = Wallet::open(config, &seed, l1, account, self.client_prover.clone()).await?;
        let token = Bearer::load_or_create(&directory.join("token"))?;
        let gateway =
            Gateway::start(wallet, SocketAddr::from(([127, 0, 0, 1], 0)), token.clone()).await?;
        self.gateways.push((
            name.to_owned(),
            GatewayClient::new(gateway.address, token.expose())?,
        ));
        self.served.push(gateway);
        Ok(())
    }

    /// All institutions with their gateways.
    pub(super) fn gateways(&self) -> &[(String, GatewayClient)] {
        &self.gateways
    }

    /// An institution's gateway.
    pub(super) fn gateway(&self, name: &str) -> anyhow::Result<&GatewayClient> {
        let found = self.gateways.iter().find(|(of, _)| of == name);
        found
            .map(|(_, gateway)| gateway)
            .with_context(|| format!("no institution is called {name}"))
    }

    /// The assets in order of id.
    pub(super) fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The asset with this symbol.
    pub(super) fn asset(&self, symbol: &str) -> anyhow::Result<&Asset> {
        let found = self.assets.iter().find(|asset| asset.symbol == symbol);
        found.with_context(|| format!("no asset is called {symbol}"))
    }

    /// What the vault holds of an asset.
    pub(super) async fn vault_balance(&self, asset: AssetId) -> anyhow::Result<u128> {
        Ok(self
            .l1
            .token_balance(self.deployment.contracts.vault.into_array(), asset)
            .await?)
    }

    /// Batches that L1 accepted, in order.
    pub(super) fn settled(&self) -> Vec<Settled> {
        self.measured.settled()
    }

    /// Batch proofs that were made.
    pub(super) fn batch_proofs(&self) -> Vec<Made> {
        self.batch_prover.made()
    }

    /// Wall time of each client proof.
    pub(super) fn client_proof_ms(&self) -> Vec<f64> {
        self.client_prover.milliseconds()
    }

    /// Waits until L1 has settled every batch that is published.
    pub(super) async fn settle_all(&self) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Published {
            head: u64,
        }
        let since = Instant::now();
        let base = format!("http://{}/v1/batches", self.sequencer.addr());
        loop {
            let answer = reqwest::get(format!("{base}?limit=1")).await?;
            let Published { head } = answer.error_for_status()?.json().await?;
            // Both are the index of the batch that is next.
            let next = self.l1.rollup().await?.batch_index;
            if next >= head {
                return Ok(());
            }
            ensure!(
                since.elapsed() < SETTLEMENT,
                "L1 waits for batch {next}, and the sequencer is at {head}"
            );
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// The state commitment that the contract holds.
    pub(super) async fn l1_state_root(&self) -> anyhow::Result<String> {
        let state = self.l1.rollup().await?.state;
        Ok(format!(
            "0x{}",
            alloy_primitives::hex::encode(fr_to_bytes(&state))
        ))
    }

    /// That the last proven state is the one that L1 holds.
    pub(super) async fn check_root(&self) -> anyhow::Result<()> {
        let made = self.batch_proofs();
        let last = made.last().context("no batch was proven")?;
        let state = self.l1.rollup().await?.state;
        ensure!(
            last.proof.new_state == state,
            "L1 holds another state than the last batch proven"
        );
        Ok(())
    }

    /// Gas of verifying the last proof: a transaction straight to the verifier, without what every
    /// transaction pays for itself and its calldata.
    pub(super) async fn verify_gas(&self) -> anyhow::Result<u64> {
        let made = self.batch_proofs();
        let last = made.last().context("no batch was proven")?;
        let call = Rollup::shapeOfCall {
            shape: U256::from(last.shape.slots()),
        };
        let answer = self
            .chain
            .transport
            .call(
                "shapeOf",
                self.deployment.contracts.rollup,
                call.abi_encode().into(),
            )
            .await?;
        let shape = Rollup::shapeOfCall::abi_decode_returns(&answer)?;
        let (execution, _) = verification_gas(
            &self.chain.transport,
            &self.deployer,
            shape.verifier,
            shape.vkData,
            &last.proof,
        )
        .await?;
        Ok(execution)
    }

    /// Where everything listens, for `--stay`.
    pub(super) fn directions(&self) -> String {
        let mut text = format!("sequencer http://{}/docs\n", self.sequencer.addr());
        for (name, gateway) in &self.gateways {
            text.push_str(&format!("wallet of {name} {}/docs\n", gateway.base()));
        }
        if let Some(url) = &self.chain.url {
            text.push_str(&format!(
                "L1 {url}\ncast call {} 'state()(uint256)' --rpc-url {url}\n",
                self.deployment.contracts.rollup
            ));
        }
        text.push_str("interrupt to end");
        text
    }

    /// Ends everything that was started.
    pub(super) async fn stop(self) {
        for gateway in self.served {
            gateway.stop().await;
        }
        self.sequencer.stop().await;
    }
}

async fn load_keys(
    keys: &Keys,
    bars: &MultiProgress,
) -> anyhow::Result<(
    Arc<TransactionKeys>,
    Vec<Arc<subrosa_prover::batch::BatchKeys>>,
)> {
    let keys = keys.clone();
    let bars = bars.clone();
    tokio::task::spawn_blocking(move || {
        let store = keys.open_to_prove()?;
        let phases = Phases::new(&bars, "keys of the transaction circuit");
        let transaction = store.transaction(&phases)?;
        phases.finish(if transaction.is_unsafe_development() {
            "ready (unsafe development keys)"
        } else {
            "ready"
        });
        let mut batch = Vec::new();
        for shape in SHAPES {
            let phases = Phases::new(
                &bars,
                format!("keys of the batch circuit, {} slots", shape.slots()),
            );
            let keys = store.batch(shape, &phases)?;
            phases.finish(if keys.is_unsafe_development() {
                "ready (unsafe development keys)"
            } else {
                "ready"
            });
            batch.push(keys);
        }
        Ok((transaction, batch))
    })
    .await?
}

async fn deploy_tokens(
    chain: &Chain,
    deployer: &Account,
    tokens: &[Token],
) -> anyhow::Result<Vec<Address>> {
    let transport: &dyn Transport = &chain.transport;
    let mut contracts = Vec::new();
    for token in tokens {
        let Token {
            name,
            symbol,
            decimals,
            ..
        } = *token;
        contracts.push(development_token(transport, deployer, name, symbol, decimals).await?);
    }
    Ok(contracts)
}
