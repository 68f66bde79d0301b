//! `subrosa setup`: keys, parameters, development deployments.

use std::path::PathBuf;

use alloy_primitives::Address;
use anyhow::{Context as _, ensure};
use indicatif::MultiProgress;
use subrosa_l1::{
    RpcTransport, Transport as _,
    deploy::{DeployConfig, NewAsset, NewShape, deploy, development_token, mint},
    development,
};
use subrosa_protocol::{asset::AssetId, batch::Shape};

use crate::keys::Keys;
use crate::progress::Phases;

/// What to set up.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make (unsafe, for development) or load the keys of both circuits.
    Keys {
        /// Shapes of the batch circuit, by slots.
        #[arg(long, value_delimiter = ',', default_value = "4,16")]
        slots: Vec<usize>,
    },
    /// Check a file of public KZG parameters and use it for batch keys from now on.
    ImportSrs {
        /// The file, `kzg_bn254_K.srs`.
        file: PathBuf,
    },
    /// Deploy contracts with two development tokens on a development chain, and print where as TOML.
    Deploy {
        /// JSON-RPC endpoint.
        #[arg(long, default_value = "http://127.0.0.1:8545")]
        l1: String,
        /// Shapes to register, by slots.
        #[arg(long, value_delimiter = ',', default_value = "4,16")]
        slots: Vec<usize>,
        /// Mint so many display units of each token to each development account from the fourth on.
        #[arg(long, default_value_t = 1_000_000_000)]
        mint: u64,
    },
}

fn shapes(slots: &[usize]) -> anyhow::Result<Vec<Shape>> {
    slots
        .iter()
        .map(|n| Shape::from_slots(*n).context("a shape has 4, 16 or 64 slots"))
        .collect()
}

/// Runs the command.
pub(crate) async fn run(keys: &Keys, command: Command) -> anyhow::Result<()> {
    let bars = MultiProgress::new();
    match command {
        Command::Keys { slots } => {
            let store = keys.open()?;
            let phases = Phases::new(&bars, "transaction circuit");
            let transaction = store.transaction(&phases)?;
            phases.clear();
            println!(
                "transaction: verifying key {}, unsafe development: {}",
                hex::encode(transaction.vk_hash()),
                transaction.is_unsafe_development()
            );
            for shape in shapes(&slots)? {
                let phases = Phases::new(&bars, format!("batch circuit, {} slots", shape.slots()));
                let batch = store.batch(shape, &phases)?;
                phases.clear();
                println!(
                    "batch of {}: k = {}, unsafe development: {}",
                    shape.slots(),
                    batch.k(),
                    batch.is_unsafe_development()
                );
            }
            Ok(())
        }
        Command::ImportSrs { file } => {
            let k = keys.open()?.import_srs(&file)?;
            println!("parameters for circuits up to 2^{k} rows");
            Ok(())
        }
        Command::Deploy { l1, slots, mint } => {
            development_deployment(keys, &l1, &shapes(&slots)?, mint, &bars).await
        }
    }
}

async fn development_deployment(
    keys: &Keys,
    l1: &str,
    shapes: &[Shape],
    units: u64,
    bars: &MultiProgress,
) -> anyhow::Result<()> {
    let transport = RpcTransport::new(l1)?;
    let chain_id = transport.chain_id().await?;
    ensure!(
        development::is_development_chain(chain_id),
        "chain {chain_id} is not a development chain; deploy there through governance"
    );
    let accounts = development::accounts();
    let mut new_shapes = Vec::new();
    for shape in shapes {
        let phases = Phases::new(bars, format!("batch circuit, {} slots", shape.slots()));
        let batch = keys.open()?.batch(*shape, &phases)?;
        phases.clear();
        new_shapes.push(NewShape {
            shape: *shape,
            vk_data: batch.vk_data().to_vec(),
            unsafe_development: batch.is_unsafe_development(),
        });
    }
    let mut tokens: Vec<Address> = Vec::new();
    for (name, symbol, decimals) in [
        ("Development dollar", "dUSD", 6u8),
        ("Development gold", "dXAU", 18),
    ] {
        let token = development_token(&transport, &accounts[0], name, symbol, decimals).await?;
        for account in &accounts[3..] {
            let amount = u128::from(units) * 10u128.pow(u32::from(decimals));
            self::mint(&transport, &accounts[0], token, account.address(), amount).await?;
        }
        tokens.push(token);
    }
    let config = DeployConfig {
        sequencer: accounts[1].address(),
        guardian: accounts[2].address(),
        fee_asset: AssetId(0),
        assets: tokens
            .iter()
            .map(|token| NewAsset {
                token: *token,
                auditor: None,
                flags: 0,
            })
            .collect(),
        shapes: new_shapes,
    };
    let deployment = deploy(&transport, &accounts[0], &config).await?;
    println!("l1 = {l1:?}\nchain_id = {chain_id}");
    println!(
        "rollup = {:?}",
        deployment.contracts.rollup.to_string().to_lowercase()
    );
    println!(
        "vault = {:?}",
        deployment.contracts.vault.to_string().to_lowercase()
    );
    println!(
        "registry = {:?}",
        deployment.contracts.registry.to_string().to_lowercase()
    );
    Ok(())
}
