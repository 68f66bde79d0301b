//! `subrosa deposit`: deposits that wait for a batch, and the way back for those that none
//! consumes.

use std::path::PathBuf;

use serde_json::json;
use subrosa_l1::{Client, L1 as _, TakeBack};
use subrosa_node::accounts::account;

use crate::{deployment, output};

/// Deposits of one read.
const PAGE: u64 = 256;

/// Arguments of `subrosa deposit`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// File that says where L1 and its contracts are (TOML; `subrosa setup deploy` prints it).
    #[arg(long, env = "SUBROSA_DEPLOYMENT", global = true)]
    deployment: Option<PathBuf>,
    /// Act as this well-known account of a development chain. Without this flag, --key-file,
    /// SUBROSA_DEPOSITOR_KEY_FILE or SUBROSA_DEPOSITOR_KEY must give the account's private key.
    #[arg(long, global = true)]
    development_account: Option<usize>,
    /// File with the account's private key, 64 hex digits.
    #[arg(long, global = true)]
    key_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Lists the deposits that wait, as lines of JSON.
    List,
    /// Requests a waiting deposit back, from the account that made it. Batches consume it for
    /// another day.
    RequestBack {
        /// Index of the deposit in the vault's queue.
        index: u64,
    },
    /// Credits a deposit to its depositor, an hour after the request became effective or later.
    /// Any account may. Claim the credit afterwards, for example through a wallet.
    TakeBack {
        /// Index of the deposit in the vault's queue.
        index: u64,
    },
}

/// Executes the command and prints its outcome as JSON.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let rollup = deployment::connect(arguments.deployment.as_deref()).await?;
    let client = Client::new(rollup.transport().clone(), rollup.contracts(), None);
    let sender = || {
        account(
            arguments.key_file.as_deref(),
            "SUBROSA_DEPOSITOR_KEY",
            arguments.development_account,
            rollup.chain_id(),
        )
    };
    match arguments.command {
        Command::List => {
            let mut from = client.rollup().await?.deposit_count;
            loop {
                let page = client.deposits(from, PAGE).await?;
                let Some(last) = page.last() else { break };
                let requests = client.take_backs(from, PAGE).await?;
                from = last.index + 1;
                for queued in &page {
                    let request = requests.iter().find(|r| r.index == queued.index);
                    let line = json!({
                        "index": queued.index,
                        "asset": queued.deposit.asset.0,
                        "value": queued.deposit.value.to_string(),
                        "depositor": format!("0x{}", hex::encode(queued.depositor)),
                        "taken_back_from": request.map(|TakeBack { effective, .. }| effective),
                    });
                    output::line(line)?;
                }
            }
        }
        Command::RequestBack { index } => {
            let effective = client.request_take_back(&sender()?, index).await?;
            let line = json!({ "index": index, "taken_back_from": effective });
            output::line(line)?;
        }
        Command::TakeBack { index } => {
            let receipt = client.take_back(&sender()?, index).await?;
            let line = json!({ "index": index, "l1_transaction": hex::encode(receipt.tx) });
            output::line(line)?;
        }
    }
    Ok(())
}
