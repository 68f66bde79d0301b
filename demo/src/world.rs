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
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use subrosa_l1::{
    Account, At, L1, Transport, contracts::Rollup as RollupContract, deploy::Deployment, development,
};
use subrosa_node::{
    Keys, Rollup,
    accounts::{DEPLOYER, FIRST_INSTITUTION, OPERATOR},
    progress::spinner,
    proofs::{TimedProver, verification_gas},
    sequencer::{self, SequencerKeys, configure},
    setup,
    wallet::{self, Home, StartedWallet, WalletSettings},
};
use subrosa_protocol::{
    asset::AssetId,
    batch::Shape,
    encoding::fr_to_bytes,
    keys::{AuditorKey, Network, Seed},
};
use subrosa_prover::{batch::BatchKeys, groth16::TransactionKeys};
use subrosa_sequencer::{
    RunningSequencer,
    adapters::{LatestProof, ProofTime, RecordingProver},
};
use subrosa_wallet::{Watch, amount};

use super::{
    gateway::{Asset, GatewayClient},
    instructions::{Instruction, Kind, institutions},
    measured::{Measured, Settled},
};
use crate::chain::{Chain, ChainKind};

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
    rollup: Rollup,
    deployment: Deployment,
    l1: Arc<dyn L1>,
    sequencer: RunningSequencer,
    measured: Arc<Measured>,
    batch_prover: Arc<RecordingProver>,
    client_prover: Arc<TimedProver<TransactionKeys>>,
    gateways: Vec<(String, GatewayClient)>,
    served: Vec<StartedWallet>,
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
        let deployer = accounts[DEPLOYER].clone();
        let auditor = AuditorKey::from_seed(&Seed::from_bytes(AUDITOR_SEED)).public();
        let deployable: Vec<setup::Token> = tokens
            .iter()
            .map(|token| setup::Token {
                name: token.name,
                symbol: token.symbol,
                decimals: token.decimals,
                auditor: token.audited.then_some(auditor),
            })
            .collect();
        let setup::Deployed {
            contracts: deployment,
            tokens: contracts,
        } = setup::deploy(&chain.transport, &deployable, &batch_keys).await?;
        bar.finish_with_message("contracts deployed");

        let rollup = Rollup::new(chain.transport.clone(), deployment.contracts).await?;
        let l1 = rollup.client(None);
        let operator = accounts[OPERATOR].clone();
        std::fs::create_dir_all(data)?;
        let settings = json!({
            "listen": "127.0.0.1:0",
            "store": data.join("sequencer"),
            "min_fee": FEE.to_string(),
            "seal": { "max_wait_ms": seal_ms, "deposit_wait_ms": 1_500 },
            "settle": { "poll_ms": 200 },
            // All institutions are one peer here.
            "mailbox": { "rate": 0 },
        });
        let config = configure(&rollup, operator.address(), None, settings).await?;
        let sequencer_keys = SequencerKeys {
            verifier: client_keys.verifier().clone(),
            batch: batch_keys,
        };
        let mut ports = sequencer::ports(&rollup, operator, sequencer_keys, bars)?;
        let batch_prover = Arc::new(RecordingProver::new(ports.prover));
        let measured = Arc::new(Measured::new(ports.settlement));
        ports.prover = batch_prover.clone();
        ports.settlement = measured.clone();
        let sequencer = subrosa_sequencer::start(config, ports).await?;

        let mut world = Self {
            client_prover: Arc::new(TimedProver::new(client_keys)),
            deployer,
            rollup,
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
                setup::mint(&self.chain.transport, *token, account.address(), total).await?;
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
        let home = Home::new(data.join(name));
        let unlocked = {
            let home = home.clone();
            tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
                let passphrase = SecretString::from(PASSPHRASE);
                if !home.is_initialised() {
                    home.init(None, Network::Development, &passphrase)?;
                }
                home.unlock(&passphrase)
            })
            .await??
        };
        let settings = WalletSettings {
            sequencer: format!("http://{}", self.sequencer.addr()),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            fee: FEE,
            watch: Watch {
                liquidate: watching,
            },
        };
        let prover = self.client_prover.clone();
        let wallet =
            wallet::start(&home, &unlocked, &self.rollup, account, prover, settings).await?;
        self.gateways.push((
            name.to_owned(),
            GatewayClient::new(wallet.gateway.address, wallet.token.expose())?,
        ));
        self.served.push(wallet);
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

    /// Returns the time that each batch proof took.
    pub(super) fn batch_proof_times(&self) -> Vec<ProofTime> {
        self.batch_prover.times()
    }

    fn latest_proof(&self) -> anyhow::Result<LatestProof> {
        self.batch_prover.latest().context("no batch was proven")
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
        let last = self.latest_proof()?;
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
        let last = self.latest_proof()?;
        let call = RollupContract::shapeOfCall {
            shape: U256::from(last.shape.slots()),
        };
        let answer = self
            .chain
            .transport
            .call(
                "shapeOf",
                self.deployment.contracts.rollup,
                call.abi_encode().into(),
                At::Latest,
            )
            .await?;
        let shape = RollupContract::shapeOfCall::abi_decode_returns(&answer)?;
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
        for wallet in self.served {
            wallet.gateway.stop().await;
        }
        self.sequencer.stop().await;
    }
}

async fn load_keys(
    keys: &Keys,
    bars: &MultiProgress,
) -> anyhow::Result<(Arc<TransactionKeys>, Vec<Arc<BatchKeys>>)> {
    let (keys, bars) = (keys.clone(), bars.clone());
    tokio::task::spawn_blocking(move || Ok((keys.transaction(&bars)?, keys.batch(&SHAPES, &bars)?)))
        .await?
}
