//! `subrosa govern`: the actions of governance, printed for a multisig or sent to the timelock.

mod action;

use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256, hex};
use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use subrosa_l1::{
    Account,
    governance::{Action, Governance, Operation, Pending, State, decode, decode_timelock},
};
use subrosa_node::{
    Deployment, Keys, Rollup,
    accounts::{DEPLOYER, GUARDIAN, account},
};

use self::action::ActionCommand;

/// Arguments of `subrosa govern`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// File that says where L1 and its contracts are (TOML; `subrosa setup deploy` prints it).
    #[arg(long, env = "SUBROSA_DEPLOYMENT", global = true)]
    deployment: Option<PathBuf>,
    /// Print the operation, for a multisig to send. The default.
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
    /// Number that distinguishes operations that are otherwise equal: each is executed once.
    #[arg(long, global = true, default_value_t = 0)]
    salt: u64,
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
    #[command(subcommand)]
    command: Command,
}

/// `subrosa govern …`
#[derive(clap::Subcommand)]
enum Command {
    #[command(flatten)]
    Action(ActionCommand),
    /// Pause deposits, at once, as the guardian. The pause ends by itself after three days.
    Pause,
    /// Allow deposits again, at once, as the guardian.
    Resume,
    /// Stop seizures of assets that are collateral, at once, as the guardian of seizures: at most
    /// to a day from now, each asset once in three days, and one call in six hours.
    StopSeizures {
        /// Id of an asset with its markets, 0 to 15, as `4:0,7`. Repeat it for each asset.
        #[arg(long = "asset", required = true, value_name = "ID:MARKETS")]
        assets: Vec<String>,
        /// First second of the snapshots whose prices seize nothing, at most 25 hours ago.
        #[arg(long)]
        from: u64,
        /// Minutes from that second to the last one.
        #[arg(long)]
        minutes: u16,
    },
    /// Allow seizures of an asset at prices from now on, as the guardian of seizures.
    ResumeSeizures {
        /// Id of the asset.
        #[arg(long)]
        asset: u16,
    },
    /// Create the data contract of this machine's verifying key for a shape, which `register-shape`
    /// names. Any account may.
    CreateKey {
        /// Number of slots.
        #[arg(long)]
        slots: usize,
    },
    /// List the operations that wait in the timelock.
    List {
        /// First block to read.
        #[arg(long, default_value_t = 0)]
        from: u64,
    },
    /// Say what a call does: of a contract, or of the timelock. Needs no L1.
    Decode {
        /// Calldata, 0x hex.
        calldata: String,
    },
}

/// Runs a command of governance.
pub(crate) async fn run(keys: &Keys, arguments: Arguments) -> anyhow::Result<()> {
    if let Command::Decode { calldata } = &arguments.command {
        println!(
            "{}",
            meaning(&hex::decode(calldata).context("0x hex is needed")?)?
        );
        return Ok(());
    }
    let file = arguments
        .deployment
        .as_ref()
        .context("name the deployment file with --deployment or SUBROSA_DEPLOYMENT")?;
    let rollup = Deployment::read(file)?.connect().await?;
    let governance = Governance::of(&**rollup.transport(), &rollup.contracts()).await?;
    match &arguments.command {
        Command::Action(command) => {
            let action = command.action(&governance).await?;
            act(&arguments, &rollup, &governance, &action).await
        }
        Command::Pause | Command::Resume => {
            let paused = matches!(arguments.command, Command::Pause);
            let guardian = sender(&arguments, &rollup, GUARDIAN)?;
            let mined = governance.pause(&guardian, paused).await?;
            let what = match governance.paused_until().await? {
                Some(until) => format!("paused until {until} (Unix seconds)"),
                None => {
                    let from = governance.pause_allowed_from().await?;
                    format!("resumed; a pause is allowed from {from} (Unix seconds) on")
                }
            };
            println!("{}", sent(&mined.hash, &what));
            Ok(())
        }
        Command::StopSeizures {
            assets,
            from,
            minutes,
        } => {
            let stops = assets.iter().map(|text| stop(text));
            let (ids, markets) = stops
                .collect::<anyhow::Result<Vec<_>>>()?
                .into_iter()
                .unzip();
            let guardian = sender(&arguments, &rollup, GUARDIAN)?;
            let mined = governance
                .stop_seizures(&guardian, ids, markets, *from, *minutes)
                .await?;
            let what = format!("seizures stopped at prices from {from} for {minutes} minutes");
            println!("{}", sent(&mined.hash, &what));
            Ok(())
        }
        Command::ResumeSeizures { asset } => {
            let guardian = sender(&arguments, &rollup, GUARDIAN)?;
            let mined = governance.resume_seizures(&guardian, *asset).await?;
            println!("{}", sent(&mined.hash, "seizures resumed"));
            Ok(())
        }
        Command::CreateKey { slots } => {
            let shape = subrosa_protocol::batch::Shape::from_slots(*slots)
                .context("a shape has 4, 16 or 64 slots")?;
            let bars = indicatif::MultiProgress::new();
            let keys = keys.clone();
            let batch = tokio::task::spawn_blocking(move || keys.batch(&[shape], &bars)).await??;
            let key = batch.first().context("a shape has keys")?;
            subrosa_node::keys::refuse_unsafe(key.is_unsafe_development(), &rollup)?;
            let account = sender(&arguments, &rollup, DEPLOYER)?;
            println!("{}", governance.create_key(&account, key.vk_data()).await?);
            Ok(())
        }
        Command::List { from } => {
            let pending = governance.pending(*from).await?;
            let lines: Vec<Value> = pending.iter().map(listed).collect();
            println!("{}", serde_json::to_string_pretty(&lines)?);
            Ok(())
        }
        Command::Decode { .. } => Ok(()),
    }
}

/// Parses an asset and its markets. Returns the asset's id and one bit for each market.
fn stop(text: &str) -> anyhow::Result<(u16, u16)> {
    let form = || format!("--asset needs an id and markets, as 4:0,7, and says {text}");
    let (asset, markets) = text.split_once(':').with_context(form)?;
    let bits = markets.split(',').try_fold(0, |bits, id| {
        let id: u8 = id.parse().with_context(form)?;
        ensure!(id < 16, "market numbers are 0 to 15, and --asset says {id}");
        Ok(bits | 1 << id)
    })?;
    Ok((asset.parse().with_context(form)?, bits))
}

/// Returns the account that sends.
fn sender(arguments: &Arguments, rollup: &Rollup, number: usize) -> anyhow::Result<Account> {
    account(
        arguments.key_file.as_deref(),
        "SUBROSA_GOVERNANCE_KEY",
        arguments.development.then_some(number),
        rollup.chain_id(),
    )
}

/// Prints, schedules, executes or cancels the operation of an action.
async fn act(
    arguments: &Arguments,
    rollup: &Rollup,
    governance: &Governance<'_>,
    action: &Action,
) -> anyhow::Result<()> {
    let (target, data) = action.call(governance.targets())?;
    let operation = Operation {
        target,
        data,
        predecessor: arguments.predecessor.unwrap_or_default(),
        salt: B256::from(U256::from(arguments.salt)),
    };
    let minimum = governance.minimum_delay().await?;
    let delay = arguments.delay.unwrap_or(minimum);
    ensure!(
        delay >= minimum,
        "the timelock's minimum delay is {minimum} s, and --delay says {delay} s"
    );
    let id = operation.id();
    let state = governance.state(id).await?;
    if !(arguments.schedule || arguments.execute || arguments.cancel) {
        let shown = shown(governance.timelock(), &operation, delay, state)?;
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    let account = sender(arguments, rollup, DEPLOYER)?;
    let (mined, what) = if arguments.schedule {
        match state {
            State::Unset => {}
            State::Done => bail!("the operation {id} was executed; choose another --salt"),
            State::Waiting(_) | State::Ready(_) => bail!("the operation {id} is scheduled already"),
        }
        let mined = governance.schedule(&account, &operation, delay).await?;
        (mined, "scheduled")
    } else if arguments.execute {
        match state {
            State::Ready(_) => {}
            State::Unset => bail!("the operation {id} is not scheduled"),
            State::Done => bail!("the operation {id} was executed already"),
            State::Waiting(time) => bail!("the operation {id} is ready at {time} (Unix seconds)"),
        }
        (governance.execute(&account, &operation).await?, "executed")
    } else {
        (governance.cancel(&account, id).await?, "cancelled")
    };
    println!("{}", sent(&mined.hash, &format!("{what} {id}")));
    Ok(())
}

fn sent(transaction: &B256, what: &str) -> String {
    format!("{what}, transaction {transaction}")
}

/// Describes an operation with the two calls of the timelock that carry it.
fn shown(
    timelock: Address,
    operation: &Operation,
    delay: u64,
    state: State,
) -> anyhow::Result<Value> {
    let call = |data: Vec<u8>| {
        json!({
            "to": timelock,
            "value": "0",
            "calldata": hex::encode_prefixed(data),
        })
    };
    Ok(json!({
        "meaning": meaning(&operation.data)?,
        "operation": operation.id(),
        "target": operation.target,
        "value": "0",
        "calldata": hex::encode_prefixed(&operation.data),
        "predecessor": operation.predecessor,
        "salt": operation.salt,
        "delay": delay,
        "state": state_text(state),
        "schedule": call(operation.schedule_call(delay)),
        "execute": call(operation.execute_call()),
    }))
}

/// Describes a pending operation.
fn listed(pending: &Pending) -> Value {
    let calls = pending.calls.iter().map(|(target, value, data)| {
        json!({
            "target": target,
            "value": value.to_string(),
            "calldata": hex::encode_prefixed(data),
            "meaning": decode(data).unwrap_or_else(|| "unknown call".into()),
        })
    });
    json!({
        "operation": pending.id,
        "state": state_text(pending.state),
        "predecessor": pending.predecessor,
        "salt": pending.salt,
        "calls": calls.collect::<Vec<_>>(),
    })
}

fn state_text(state: State) -> String {
    match state {
        State::Unset => "not scheduled".into(),
        State::Waiting(time) => format!("ready at {time} (Unix seconds)"),
        State::Ready(time) => format!("ready since {time} (Unix seconds)"),
        State::Done => "executed".into(),
    }
}

/// Says what a call does.
fn meaning(data: &[u8]) -> anyhow::Result<String> {
    if let Some((what, operation)) = decode_timelock(data) {
        return Ok(match operation {
            Some(operation) => {
                let inner = decode(&operation.data).unwrap_or_else(|| "an unknown call".into());
                format!("{what}: {inner} (operation {})", operation.id())
            }
            None => what,
        });
    }
    decode(data).context("no action of governance or of the guardian has this calldata")
}
