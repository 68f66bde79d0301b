//! `subrosa claim`: what the vault owes to an account, such as the fees of an operator.

use std::path::PathBuf;

use alloy_primitives::{Address, hex};
use anyhow::ensure;
use serde_json::json;
use subrosa_l1::{Client, L1 as _, Transport as _};
use subrosa_node::accounts::account;
use subrosa_protocol::asset::AssetId;

use crate::{deployment, output};

/// Time for which a signed claim is valid, seconds.
const VALID: u64 = 60 * 60;

/// Arguments of `subrosa claim`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// File that says where L1 and its contracts are (TOML; `subrosa setup deploy` prints it).
    #[arg(long, env = "SUBROSA_DEPLOYMENT", global = true)]
    deployment: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List what the vault owes to an account: asset and base units, as lines of JSON.
    List {
        /// The account.
        account: Address,
    },
    /// Have the vault pay all that it owes to an account in an asset. The account signs; another
    /// one can send the transaction, so that the first one's nonces stay as they are.
    Pay(Payment),
}

#[derive(clap::Args)]
struct Payment {
    /// Id of the asset.
    #[arg(long)]
    asset: u16,
    /// Account to pay [default: the account with the credit].
    #[arg(long)]
    to: Option<Address>,
    /// Claim for this well-known account of a development chain (1 is the operator). Without this
    /// flag, --key-file, SUBROSA_CLAIM_KEY_FILE or SUBROSA_CLAIM_KEY must give the private key of
    /// the account with the credit.
    #[arg(long)]
    development_account: Option<usize>,
    /// File with the private key of the account with the credit, 64 hex digits.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Send from this well-known account of a development chain.
    #[arg(long)]
    development_carrier: Option<usize>,
    /// File with the private key of the account that sends. SUBROSA_CARRIER_KEY_FILE and
    /// SUBROSA_CARRIER_KEY can give it too [default: the account with the credit sends].
    #[arg(long)]
    carrier_key_file: Option<PathBuf>,
}

/// Executes the command and prints its outcome as JSON.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let rollup = deployment::connect(arguments.deployment.as_deref()).await?;
    let client = Client::new(rollup.transport().clone(), rollup.contracts(), None);
    match arguments.command {
        Command::List { account } => {
            for asset in client.assets().await? {
                let owed = client.claimable(account.into_array(), asset.id).await?;
                if owed > 0 {
                    let base_units = owed.to_string();
                    output::line(json!({ "asset": asset.id.0, "claimable": base_units }))?;
                }
            }
            Ok(())
        }
        Command::Pay(payment) => {
            let chain = rollup.chain_id();
            let owner = account(
                payment.key_file.as_deref(),
                "SUBROSA_CLAIM_KEY",
                payment.development_account,
                chain,
            )?;
            let carried = payment.carrier_key_file.is_some()
                || payment.development_carrier.is_some()
                || ["SUBROSA_CARRIER_KEY", "SUBROSA_CARRIER_KEY_FILE"]
                    .iter()
                    .any(|name| std::env::var_os(name).is_some());
            let carrier = if carried {
                account(
                    payment.carrier_key_file.as_deref(),
                    "SUBROSA_CARRIER_KEY",
                    payment.development_carrier,
                    chain,
                )?
            } else {
                owner.clone()
            };
            let asset = AssetId(payment.asset);
            let owed = client
                .claimable(owner.address().into_array(), asset)
                .await?;
            ensure!(
                owed > 0,
                "the vault owes nothing to {} in asset {}",
                owner.address(),
                asset.0
            );
            let deadline = rollup.transport().head().await?.timestamp + VALID;
            let to = payment.to.unwrap_or(owner.address());
            let claim = client.sign_claim(&owner, asset, to, deadline).await?;
            let receipt = client.carry_claim(&carrier, &claim).await?;
            output::line(json!({
                "asset": asset.0,
                "amount": receipt.amount.to_string(),
                "to": to,
                "l1_transaction": hex::encode_prefixed(receipt.tx),
            }))
        }
    }
}
