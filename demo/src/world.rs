//! The deployment of a demonstration: chain, contracts, sequencer, and a wallet for each
//! institution.

mod oracle;
mod services;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, ensure};
use subrosa_client::{GatewayClient, OperationsClient, SequencerClient, gateway::AssetView};
use subrosa_l1::{
    Account, At, L1, Transport as _, contracts::Rollup as RollupContract, deploy::Deployment,
    development,
};
use subrosa_node::{
    Keys, Rollup,
    accounts::{DEPLOYER, FIRST_INSTITUTION},
    proofs::verification_gas,
    setup,
};
use subrosa_protocol::{
    Fr,
    asset::AssetId,
    batch::{PublishedBatch, Shape, challenge, data_commitment, evaluate},
    encoding::{fr_from_hex, fr_to_hex},
    keys::{AuditorKey, Seed},
};
use subrosa_prover::{
    batch::{BatchKeys, BatchProof},
    groth16::TransactionKeys,
};
use subrosa_wallet::amount;

use self::services::Services;
pub(crate) use self::services::Times;
use crate::{
    chain::{Chain, ChainKind},
    instructions::{Instruction, Kind, institutions},
    progress::Bars,
    time::Time,
};

/// Fee of a transaction, base units of the fee asset: 0.05 dUSD.
pub(crate) const FEE: u128 = 50_000;
/// Token in which fees are paid; asset 0.
pub(crate) const FEE_SYMBOL: &str = "dUSD";
/// Longest wait for the last batches to settle on L1.
const SETTLEMENT: Duration = Duration::from_secs(240);
/// Shapes that are sealed.
const SHAPES: [Shape; 2] = [Shape::S4, Shape::S16];
/// **Unsafe**: the auditor of development assets.
const AUDITOR_SEED: [u8; 32] = *b"unsafe development auditor seed!";
/// Metric with the gas that settlement used.
const SETTLEMENT_GAS: &str = "subrosa_sequencer_settlement_gas_total";

/// Token of a scenario. The order of tokens is the order of the asset ids.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    pub(crate) name: &'static str,
    pub(crate) symbol: &'static str,
    pub(crate) decimals: u8,
    /// Whether an auditor reads its movements.
    pub(crate) audited: bool,
}

/// How a deployment runs.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// Kind of chain.
    pub(crate) kind: ChainKind,
    /// Whether each service is a process of its own.
    pub(crate) processes: bool,
    /// Whether time is virtual.
    pub(crate) fast: bool,
}

/// Requirements of a scenario.
#[derive(Clone, Copy)]
pub(crate) struct Cast<'a> {
    /// Its tokens, in the order of their ids.
    pub(crate) tokens: &'a [Token],
    /// Time that a batch waits for more transactions.
    pub(crate) seal_ms: u64,
    /// Instructions that name the institutions and their deposits.
    pub(crate) instructions: &'a [Instruction],
    /// Institutions whose wallets liquidate by themselves.
    pub(crate) watching: &'a [&'a str],
}

/// Running deployment.
pub(crate) struct World {
    // Services are dropped, and their processes ended, before the chain that they use.
    services: Services,
    chain: Chain,
    deployer: Account,
    deployment: Deployment,
    l1: Arc<dyn L1>,
    sequencer: SequencerClient,
    operations: OperationsClient,
    gateways: Vec<(String, GatewayClient)>,
    assets: Vec<AssetView>,
    time: Time,
}

/// Last batch that L1 has accepted, with its proof.
struct LastBatch {
    shape: Shape,
    proof: BatchProof,
    /// State commitment on L1 at the same moment.
    settled: Fr,
}

impl World {
    /// Starts chain, contracts, sequencer and wallets. Their state is under `data`.
    pub(crate) async fn start(
        keys: &Keys,
        data: &Path,
        setting: Setting,
        cast: &Cast<'_>,
        bars: &Bars,
    ) -> anyhow::Result<Self> {
        ensure!(
            !setting.processes || setting.kind == ChainKind::Anvil,
            "separate processes cannot reach a chain inside this one: use --l1 anvil"
        );
        ensure!(
            !setting.fast || (setting.kind == ChainKind::Embedded && !setting.processes),
            "virtual time, which --fast and the collateral scenario have, needs all services in \
             one process, on the embedded chain"
        );
        let (client_keys, batch_keys) = load_keys(keys, bars).await?;
        let bar = bars.spinner("deploying the contracts");
        let mut time = Time::new(setting.fast);
        time.start();
        let chain = Chain::start(setting.kind, time.clock()).await?;
        let setup::Deployed {
            contracts: deployment,
            tokens,
        } = deploy(&chain, cast.tokens, &batch_keys).await?;
        bar.finish("contracts deployed");

        let rollup = Rollup::new(chain.transport.clone(), deployment.contracts).await?;
        let bar = bars.spinner("starting the sequencer");
        let url = chain.url().filter(|_| setting.processes);
        let url = url.map(ToOwned::to_owned);
        let plan = services::Plan {
            keys,
            data,
            rollup: &rollup,
            cast,
            clock: time.clock(),
            fast: setting.fast,
            url: url.as_deref(),
        };
        let (services, sequencer, operations) =
            Services::start(&plan, client_keys, batch_keys, bars).await?;
        bar.finish("the sequencer is up");

        let accounts = development::accounts();
        let mut world = Self {
            services,
            deployer: accounts[DEPLOYER].clone(),
            deployment,
            l1: rollup.client(None),
            sequencer,
            operations,
            gateways: Vec::new(),
            assets: cast
                .tokens
                .iter()
                .zip(0u16..)
                .map(|(token, id)| AssetView {
                    id,
                    symbol: token.symbol.to_owned(),
                    decimals: token.decimals,
                })
                .collect(),
            chain,
            time,
        };
        let bar = bars.spinner("starting the wallets");
        for (number, name) in institutions(cast.instructions).iter().enumerate() {
            let number = FIRST_INSTITUTION + number;
            let account = accounts
                .get(number)
                .with_context(|| format!("there is no development account left for {name}"))?;
            world
                .fund(name, account, &tokens, cast.instructions)
                .await?;
            let sequencer = world.sequencer.base().to_owned();
            let opened = world.services.open_wallet(&plan, name, number, &sequencer);
            let gateway = opened.await.with_context(|| format!("wallet of {name}"))?;
            world.gateways.push((name.clone(), gateway));
        }
        bar.finish("wallets and sequencer are up");
        if let Some(is_proving) = world.services.is_proving() {
            let operations = world.operations.clone();
            world.time.follow(operations, is_proving);
        }
        Ok(world)
    }

    /// Mints on L1 the total that the institution is going to deposit.
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

    /// Returns all institutions with their gateways.
    pub(crate) fn gateways(&self) -> &[(String, GatewayClient)] {
        &self.gateways
    }

    /// Returns the time of all services.
    pub(crate) fn time(&self) -> &Time {
        &self.time
    }

    /// Returns an institution's gateway.
    pub(crate) fn gateway(&self, name: &str) -> anyhow::Result<&GatewayClient> {
        let found = self.gateways.iter().find(|(of, _)| of == name);
        found
            .map(|(_, gateway)| gateway)
            .with_context(|| format!("no institution is called {name}"))
    }

    /// Returns the assets in order of id.
    pub(crate) fn assets(&self) -> &[AssetView] {
        &self.assets
    }

    /// Returns the asset with this symbol.
    pub(crate) fn asset(&self, symbol: &str) -> anyhow::Result<&AssetView> {
        let found = self.assets.iter().find(|asset| asset.symbol == symbol);
        found.with_context(|| format!("no asset is called {symbol}"))
    }

    /// Returns the vault's balance of an asset.
    pub(crate) async fn vault_balance(&self, asset: AssetId) -> anyhow::Result<u128> {
        Ok(self
            .l1
            .token_balance(self.deployment.contracts.vault.into_array(), asset)
            .await?)
    }

    /// Reads the batches that L1 has accepted from its calldata, in order.
    pub(crate) async fn settled(&self) -> anyhow::Result<Vec<PublishedBatch>> {
        let next = self.l1.rollup().await?.batch_index;
        let mut batches = Vec::new();
        for index in 1..next {
            let batch = self.l1.settled_batch(index).await?;
            let batch = batch.with_context(|| format!("L1 does not show batch {index}"))?;
            batches.push(batch.published);
        }
        Ok(batches)
    }

    /// Returns the gas that settlement used so far, as the sequencer counts it.
    pub(crate) async fn settlement_gas(&self) -> anyhow::Result<f64> {
        metric(&self.operations.metrics().await?, SETTLEMENT_GAS)
    }

    /// Returns the times of proofs, as far as they can be seen.
    pub(crate) async fn times(&self) -> anyhow::Result<Times> {
        self.services.times(&self.operations).await
    }

    /// Waits until L1 has settled every batch that is published.
    pub(crate) async fn settle_all(&self) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            // Both are the index of the next batch.
            let next = self.l1.rollup().await?.batch_index;
            let head = self.sequencer.batches(next).await?.head;
            if next >= head {
                return Ok(());
            }
            ensure!(
                since.elapsed() < SETTLEMENT,
                "batches {next} to {} did not settle within {} s",
                head - 1,
                SETTLEMENT.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Returns the state commitment in the contract, `0x` hex.
    pub(crate) async fn l1_state_root(&self) -> anyhow::Result<String> {
        Ok(fr_to_hex(&self.l1.rollup().await?.state))
    }

    /// Checks that L1 holds the state after its last batch, as the sequencer computed it.
    pub(crate) async fn check_root(&self) -> anyhow::Result<()> {
        let last = self.last_batch().await?;
        ensure!(
            last.proof.new_state == last.settled,
            "L1 holds another state than the last batch that was proven"
        );
        Ok(())
    }

    /// Reads the last batch that L1 has accepted, with its proof, from the sequencer.
    async fn last_batch(&self) -> anyhow::Result<LastBatch> {
        let view = self.l1.rollup().await?;
        let index = view.batch_index.checked_sub(1).filter(|index| *index > 0);
        let index = index.context("no batch has settled")?;
        let detail = self.sequencer.batch(index).await?;
        let detail = detail.with_context(|| format!("the sequencer lacks batch {index}"))?;
        let published = PublishedBatch::from_bytes(&detail.batch.data()?)?;
        let proof = detail.proof.context("a settled batch has no proof")?;
        let words = published.words();
        let commitment = data_commitment(&words);
        let z = challenge(&commitment, &words);
        let new_state = fr_from_hex(&detail.batch.new_state)?;
        Ok(LastBatch {
            settled: view.state,
            shape: published.shape,
            proof: BatchProof {
                proof: alloy_primitives::hex::decode(proof)?,
                commitment,
                new_state,
                instances: [
                    fr_from_hex(&detail.batch.old_state)?,
                    new_state,
                    commitment,
                    z,
                    evaluate(&words, &z),
                ],
            },
        })
    }

    /// Measures the gas of verifying the last proof in a transaction straight to the verifier,
    /// without the gas that every transaction pays for itself and its calldata.
    pub(crate) async fn verify_gas(&self) -> anyhow::Result<u64> {
        let last = self.last_batch().await?;
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

    /// Lists the addresses of all services, for `--stay`.
    pub(crate) fn directions(&self) -> String {
        let mut text = format!("sequencer {}/docs\n", self.sequencer.base());
        for (name, gateway) in &self.gateways {
            text.push_str(&format!("wallet of {name} {}/docs\n", gateway.base()));
        }
        if let Some(url) = self.chain.url() {
            text.push_str(&format!(
                "L1 {url}\ncast call {} 'state()(uint256)' --rpc-url {url}\n",
                self.deployment.contracts.rollup
            ));
        }
        for log in self.services.logs() {
            text.push_str(&format!("log {}\n", log.display()));
        }
        text.push_str("interrupt (Ctrl-C) to end");
        text
    }

    /// Ends everything that was started, wallets first.
    pub(crate) async fn stop(self) {
        self.services.stop().await;
    }
}

/// Reads a metric without labels from the text form of Prometheus.
pub(crate) fn metric(text: &str, name: &str) -> anyhow::Result<f64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = value.with_context(|| format!("the sequencer has no metric {name}"))?;
    Ok(value.trim().parse()?)
}

async fn load_keys(
    keys: &Keys,
    bars: &Bars,
) -> anyhow::Result<(Arc<TransactionKeys>, Vec<Arc<BatchKeys>>)> {
    let bar = bars.spinner("loading or making the keys");
    let (keys, shown) = (keys.clone(), bars.inner().clone());
    let loaded = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        Ok((keys.transaction(&shown)?, keys.batch(&SHAPES, &shown)?))
    })
    .await??;
    bar.finish("keys are ready");
    Ok(loaded)
}

async fn deploy(
    chain: &Chain,
    tokens: &[Token],
    shapes: &[Arc<BatchKeys>],
) -> anyhow::Result<setup::Deployed> {
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
    setup::deploy(&chain.transport, &deployable, shapes).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let text = "# TYPE a counter\na_b 3\na{c=\"d\"} 4\na 5.5\n";
        assert!((metric(text, "a").unwrap() - 5.5).abs() < 1e-9);
        assert!((metric(text, "a_b").unwrap() - 3.0).abs() < 1e-9);
        assert!(metric(text, "b").is_err());
    }
}
