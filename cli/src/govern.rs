//! `subrosa govern`: the actions of governance and of the guardians, printed for a multisig or
//! sent.

mod action;
mod guardian;
mod timelock;

use std::path::PathBuf;

use alloy_primitives::{B256, hex};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use subrosa_l1::{
    Account,
    governance::{Governance, market_numbers},
};
use subrosa_node::{
    Keys, Rollup,
    accounts::{DEPLOYER, account},
};

use self::{action::ActionCommand, guardian::GuardianCommand};
use crate::{deployment, output};

/// Arguments of `subrosa govern`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

/// How an action is done.
#[derive(clap::Args)]
struct Flags {
    /// File that says where L1 and its contracts are (TOML; `subrosa setup deploy` prints it).
    #[arg(long, env = "SUBROSA_DEPLOYMENT", global = true)]
    deployment: Option<PathBuf>,
    /// Print the operation, or a guardian's call, for a multisig to send. The default, except for
    /// what a guardian does.
    #[arg(long, global = true, conflicts_with_all = ["schedule", "execute", "cancel"])]
    print: bool,
    /// Schedule the operation, as a proposer.
    #[arg(long, global = true, conflicts_with_all = ["execute", "cancel"])]
    schedule: bool,
    /// Execute the operation, as an executor, once its delay has passed. The same arguments as for
    /// --schedule name the same operation.
    #[arg(long, global = true, conflicts_with = "cancel")]
    execute: bool,
    /// Cancel the scheduled operation, as a canceller.
    #[arg(long, global = true)]
    cancel: bool,
    /// Seconds between scheduling and execution [default: the timelock's minimum].
    #[arg(long, global = true)]
    delay: Option<u64>,
    /// Number that distinguishes operations that are otherwise equal: each is executed once
    /// [default: 0].
    #[arg(long, global = true)]
    salt: Option<u64>,
    /// Id of an operation that must be executed before.
    #[arg(long, global = true)]
    predecessor: Option<B256>,
    /// Act as the well-known governor (or guardian) of a development chain. Without this flag,
    /// --key-file, SUBROSA_GOVERNANCE_KEY_FILE or SUBROSA_GOVERNANCE_KEY must give the private key
    /// of the account that sends.
    #[arg(long, global = true)]
    development: bool,
    /// File with the account's private key, 64 hex digits.
    #[arg(long, global = true)]
    key_file: Option<PathBuf>,
}

impl Flags {
    /// Returns the account that sends.
    fn sender(&self, rollup: &Rollup, number: usize) -> anyhow::Result<Account> {
        account(
            self.key_file.as_deref(),
            "SUBROSA_GOVERNANCE_KEY",
            self.development.then_some(number),
            rollup.chain_id(),
        )
    }

    /// Refuses the flags of the timelock where they would do nothing.
    fn refuse_timelock(&self, why: &str) -> anyhow::Result<()> {
        match self.timelock() {
            Some(flag) => bail!("leave out {flag}: {why}"),
            None => Ok(()),
        }
    }

    /// Returns the first flag of the timelock that is given.
    fn timelock(&self) -> Option<&'static str> {
        let given = [
            ("--schedule", self.schedule),
            ("--execute", self.execute),
            ("--cancel", self.cancel),
            ("--delay", self.delay.is_some()),
            ("--salt", self.salt.is_some()),
            ("--predecessor", self.predecessor.is_some()),
        ];
        let first = given.iter().find(|(_, given)| *given);
        first.map(|(flag, _)| *flag)
    }
}

/// `subrosa govern …`
#[derive(clap::Subcommand)]
enum Command {
    #[command(flatten)]
    Action(ActionCommand),
    #[command(flatten)]
    Guardian(GuardianCommand),
    /// Create the data contract of this machine's verifying key for a shape, which `register-shape`
    /// names. Any account may.
    CreateKey {
        /// Number of slots.
        #[arg(long)]
        slots: usize,
    },
    /// Say who may act, from when on, what is paused or stopped, and the markets.
    Status,
    /// List the operations that wait in the timelock.
    List {
        /// First block to read [default: that of the deployment].
        #[arg(long)]
        from: Option<u64>,
    },
    /// Say what a call does: of a contract, or of the timelock. Needs no L1.
    Decode {
        /// Calldata, 0x hex.
        calldata: String,
    },
}

/// Runs a command of governance.
pub(crate) async fn run(keys: &Keys, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { flags, command } = arguments;
    if let Command::Decode { calldata } = &command {
        let calldata = hex::decode(calldata).context("0x hex is needed")?;
        return output::line(timelock::meaning(&calldata)?);
    }
    let rollup = deployment::connect(flags.deployment.as_deref()).await?;
    let contracts = rollup.contracts();
    let governance = Governance::of(&**rollup.transport(), &contracts).await?;
    match command {
        Command::Action(command) => {
            let action = command.action(&governance).await?;
            timelock::act(&flags, &rollup, &governance, &action).await
        }
        Command::Guardian(command) => command.run(&flags, &rollup, &governance).await,
        Command::CreateKey { slots } => create_key(keys, &flags, &rollup, &governance, slots).await,
        Command::Status | Command::List { .. } if flags.timelock().is_some() => {
            flags.refuse_timelock("nothing is sent")
        }
        Command::Status => output::json(&status(&rollup, &governance).await?),
        Command::List { from } => {
            let pending = governance
                .pending(from.unwrap_or(contracts.deployed_at))
                .await?;
            output::json(&pending.iter().map(timelock::listed).collect())
        }
        Command::Decode { .. } => Ok(()),
    }
}

/// Creates the data contract of a shape's verifying key and prints its address.
async fn create_key(
    keys: &Keys,
    flags: &Flags,
    rollup: &Rollup,
    governance: &Governance<'_>,
    slots: usize,
) -> anyhow::Result<()> {
    flags.refuse_timelock("any account creates a key, without the timelock")?;
    if flags.print {
        bail!("leave out --print: any account creates a key, without the timelock");
    }
    let shape = subrosa_protocol::batch::Shape::from_slots(slots)
        .context("a shape has 4, 16 or 64 slots")?;
    let bars = indicatif::MultiProgress::new();
    let keys = keys.clone();
    let batch = tokio::task::spawn_blocking(move || keys.batch(&[shape], &bars)).await??;
    let key = batch.first().context("a shape has keys")?;
    subrosa_node::keys::refuse_unsafe(key.is_unsafe_development(), rollup)?;
    let account = flags.sender(rollup, DEPLOYER)?;
    output::line(governance.create_key(&account, key.vk_data()).await?)
}

/// Describes who may act and what is in force. Times are Unix seconds.
async fn status(rollup: &Rollup, governance: &Governance<'_>) -> anyhow::Result<Value> {
    let markets = governance.markets().await?;
    let markets = (0u8..).zip(&markets).filter_map(|(id, market)| {
        let market = market.as_ref()?;
        Some(json!({
            "id": id,
            "collateral": market.collateral.0,
            "debt": market.debt.0,
            "haircut_bp": market.haircut,
            "initial_margin_bp": market.initial,
            "maintenance_margin_bp": market.maintenance,
            "bonus_bp": market.bonus,
            "maximum_age_s": market.max_age,
        }))
    });
    let markets: Vec<Value> = markets.collect();
    let assets = rollup.client(None).assets().await?;
    let stops = assets.iter().filter(|asset| asset.stop.markets != 0);
    let stops: Vec<Value> = stops
        .map(|asset| {
            json!({
                "asset": asset.id.0,
                "markets": market_numbers(asset.stop.markets).collect::<Vec<_>>(),
                "from": asset.stop.begin(),
                "minutes": asset.stop.minutes,
            })
        })
        .collect();
    Ok(json!({
        "time": governance.time().await?,
        "timelock": governance.timelock(),
        "minimum_delay_s": governance.minimum_delay().await?,
        "sequencer": governance.sequencer().await?,
        "guardian": governance.guardian().await?,
        "deposits_paused_until": governance.paused_until().await?,
        "pause_allowed_from": governance.pause_allowed_from().await?,
        "seizure_guardian": governance.seizure_guardian().await?,
        "stops_allowed_from": governance.stops_allowed_from().await?,
        "stops": stops,
        "markets": markets,
    }))
}

/// Says what a mined transaction has done.
fn sent(transaction: &B256, what: &str) -> String {
    format!("{what}, transaction {transaction}")
}
