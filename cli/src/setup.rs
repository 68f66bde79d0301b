//! `subrosa setup`: keys, parameters, development deployments.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use indicatif::MultiProgress;
use subrosa_l1::{DepositTerms, RpcTransport, Transport, development};
use subrosa_node::{
    Deployment, Keys,
    accounts::FIRST_INSTITUTION,
    progress::Phases,
    setup::{Token, deploy, mint, set_deposit_terms},
};
use subrosa_protocol::{asset::AssetId, batch::Shape};
use subrosa_prover::setup::bundle::OtherKeys;

use crate::output;

/// The tokens that `subrosa setup deploy` makes, in the order of the asset ids.
const TOKENS: [Token; 2] = [
    Token {
        name: "Development dollar",
        symbol: "dUSD",
        decimals: 6,
        auditor: None,
    },
    Token {
        name: "Development gold",
        symbol: "dXAU",
        decimals: 18,
        auditor: None,
    },
];

/// `subrosa setup …`
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Load the keys of both circuits, or make (unsafe, for development) those that are missing; or
    /// carry keys to another machine.
    #[command(args_conflicts_with_subcommands = true)]
    Keys {
        /// Shapes of the batch circuit, by slots.
        #[arg(long, value_delimiter = ',', default_value = "4,16")]
        slots: Vec<usize>,
        #[command(subcommand)]
        action: Option<KeysCommand>,
    },
    /// Check a file of public KZG parameters and use it for batch keys from now on.
    ImportSrs {
        /// File to read, `kzg_bn254_K.srs`.
        file: PathBuf,
    },
    /// Deploy the contracts with two development tokens on a development chain, and print the
    /// deployment file (TOML).
    Deploy {
        /// JSON-RPC endpoint of a development chain; `anvil` serves one at the default.
        #[arg(long, default_value = "http://127.0.0.1:8545")]
        l1: String,
        /// Shapes to register, by slots.
        #[arg(long, value_delimiter = ',', default_value = "4,16")]
        slots: Vec<usize>,
        /// Display units of each token to mint to each development account from the fourth on.
        #[arg(long, default_value_t = 1_000_000_000)]
        mint: u64,
        /// Minimum and fee of an asset's deposits, in base units, as `asset:minimum:fee`; may be
        /// given for each asset [default: 0, none].
        #[arg(long, value_parser = deposit_terms)]
        deposit_terms: Vec<(AssetId, DepositTerms)>,
    },
}

/// `subrosa setup keys …`
#[derive(clap::Subcommand)]
pub(crate) enum KeysCommand {
    /// Write a bundle: a directory with the keys and a manifest of their hashes. Prints its hash.
    Export {
        /// Directory to make.
        bundle: PathBuf,
        /// Export all keys and parameters, not only those of the transaction circuit.
        #[arg(long)]
        all: bool,
    },
    /// Check a bundle and put its keys into the key directory.
    Import {
        /// Directory that `export` made.
        bundle: PathBuf,
        /// Hash that `export` printed, to be sure of the sender.
        #[arg(long)]
        hash: Option<String>,
        /// Replace other keys of the same name.
        #[arg(long)]
        replace: bool,
    },
}

/// Exports or imports a bundle.
fn carry(keys: &Keys, command: KeysCommand, bars: &MultiProgress) -> anyhow::Result<()> {
    let store = keys.open()?;
    let bundle = match command {
        KeysCommand::Export { bundle, all } => store.export(&bundle, all)?,
        KeysCommand::Import {
            bundle,
            hash,
            replace,
        } => {
            let others = if replace {
                OtherKeys::Replace
            } else {
                OtherKeys::Keep
            };
            let phases = Phases::new(bars, "bundle");
            let imported = store.import(&bundle, hash.as_deref(), others, &phases);
            phases.clear();
            imported?
        }
    };
    output::line(format_args!(
        "bundle {}: {}",
        bundle.hash,
        bundle.names.join(", ")
    ))?;
    if let Some(files) = store.transaction_files()? {
        output::line(format_args!(
            "transaction: verifying key {}, unsafe development: {}",
            hex::encode(files.key_hash),
            files.unsafe_development
        ))?;
    }
    Ok(())
}

/// Parses `asset:minimum:fee`.
fn deposit_terms(text: &str) -> Result<(AssetId, DepositTerms), String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [asset, minimum, fee] = parts[..] else {
        return Err("the form is asset:minimum:fee, such as 0:1000000:50000".to_owned());
    };
    let amount = |text: &str| {
        let parsed = text.parse::<u128>();
        parsed.map_err(|_| format!("{text} is no amount in base units"))
    };
    let id = asset.parse::<u16>();
    let terms = DepositTerms {
        minimum: amount(minimum)?,
        fee: amount(fee)?,
    };
    let id = id.map_err(|_| format!("{asset} is no asset id"))?;
    Ok((AssetId(id), terms))
}

fn shapes(slots: &[usize]) -> anyhow::Result<Vec<Shape>> {
    slots
        .iter()
        .map(|n| Shape::from_slots(*n).context("a shape has 4, 16 or 64 slots"))
        .collect()
}

/// Runs a setup command.
pub(crate) async fn run(keys: &Keys, command: Command) -> anyhow::Result<()> {
    let bars = MultiProgress::new();
    match command {
        Command::Keys {
            action: Some(command),
            ..
        } => carry(keys, command, &bars),
        Command::Keys {
            slots,
            action: None,
        } => {
            let transaction = keys.transaction(&bars)?;
            output::line(format_args!(
                "transaction: verifying key {}, unsafe development: {}",
                hex::encode(transaction.vk_hash()),
                transaction.is_unsafe_development()
            ))?;
            for batch in keys.batch(&shapes(&slots)?, &bars)? {
                output::line(format_args!(
                    "batch of {}: k = {}, unsafe development: {}",
                    batch.shape().slots(),
                    batch.k(),
                    batch.is_unsafe_development()
                ))?;
            }
            Ok(())
        }
        Command::ImportSrs { file } => {
            let k = keys.open()?.import_srs(&file)?;
            output::line(format_args!("parameters for circuits up to 2^{k} rows"))?;
            Ok(())
        }
        Command::Deploy {
            l1,
            slots,
            mint,
            deposit_terms,
        } => {
            let shapes = shapes(&slots)?;
            let deployment = deploy_on(keys, l1, &shapes, mint, &deposit_terms, &bars).await?;
            output::line(deployment.to_toml()?.trim_end())?;
            Ok(())
        }
    }
}

async fn deploy_on(
    keys: &Keys,
    l1: String,
    shapes: &[Shape],
    units: u64,
    deposit_terms: &[(AssetId, DepositTerms)],
    bars: &MultiProgress,
) -> anyhow::Result<Deployment> {
    let transport: Arc<dyn Transport> = Arc::new(RpcTransport::new(&l1)?);
    let chain_id = transport.chain_id().await.with_context(|| {
        format!(
            "no chain answers at {l1}: start one first, such as anvil (after `scripts/prepare \
             --contracts`: verifier-contract/node_modules/.bin/anvil), or name it with --l1"
        )
    })?;
    let batch = keys.batch(shapes, bars)?;
    let deployed = deploy(&transport, &TOKENS, &batch).await?;
    for (token, address) in TOKENS.iter().zip(&deployed.tokens) {
        let amount = u128::from(units) * 10u128.pow(u32::from(token.decimals));
        for account in &development::accounts()[FIRST_INSTITUTION..] {
            mint(&transport, *address, account.address(), amount).await?;
        }
    }
    for (asset, terms) in deposit_terms {
        set_deposit_terms(&transport, &deployed.contracts, *asset, *terms).await?;
    }
    let contracts = deployed.contracts.contracts;
    Ok(Deployment {
        l1: l1.as_str().into(),
        chain_id,
        rollup: contracts.rollup,
        vault: contracts.vault,
        registry: contracts.registry,
        deployed_at: contracts.deployed_at,
    })
}
