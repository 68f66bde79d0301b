//! The demonstration: a whole deployment, driven only through the wallets' HTTP interface by a file
//! of payment instructions, of trades, or of loans on a path of prices.
//!
//! The services start through the crate `subrosa-node`, as the commands start them: inside this
//! process, or with `--processes` as separate processes of the running binary.
//!
//! | Module | Content |
//! |---|---|
//! | `world` | chain, contracts, sequencer and wallets |
//! | `account` | payment instructions, and the accounts at the end |
//! | `desk` | trades |
//! | `collateral` | loans |
//! | `summary` | tables, and the line of JSON |

mod account;
mod chain;
mod collateral;
mod desk;
mod instructions;
mod process;
mod progress;
mod requests;
mod summary;
mod time;
mod trades;
mod world;

use std::{
    path::{Path, PathBuf},
    pin::pin,
};

use subrosa_node::{Keys, interrupt::interrupted};
use subrosa_prover::device::DeviceChoice;

use self::{
    chain::ChainKind,
    collateral::Portfolio,
    instructions::Instruction,
    progress::Bars,
    trades::Trade,
    world::{Cast, Setting, Token, World},
};

/// The committed instructions, so that the binary demonstrates from anywhere.
const PAYMENTS: &str = include_str!("../scenarios/payments.csv");
/// The committed deposits before the trades.
const HOLDINGS: &str = include_str!("../scenarios/holdings.csv");
/// The committed trades.
const TRADES: &str = include_str!("../scenarios/trades.csv");
/// The committed deposits before the loans.
const RESERVES: &str = include_str!("../scenarios/reserves.csv");
/// The committed path of prices.
const PRICES: &str = include_str!("../scenarios/prices.csv");
/// The committed markets.
const MARKETS: &str = include_str!("../scenarios/markets.csv");
/// The committed loans.
const LOANS: &str = include_str!("../scenarios/loans.csv");

/// The tokens of all scenarios; the fee token first.
const TOKENS: [Token; 5] = [
    token("Development dollar", world::FEE_SYMBOL, 6, true),
    token("Development gold", "dXAU", 18, false),
    token("Development euro", "dEUR", 6, true),
    token("Development yen", "dJPY", 0, false),
    token("Development treasury bill", "dTBL", 8, true),
];

const fn token(name: &'static str, symbol: &'static str, decimals: u8, audited: bool) -> Token {
    Token {
        name,
        symbol,
        decimals,
        audited,
    }
}

/// Scenario of a demonstration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Scenario {
    /// Deposits, confidential payments and withdrawals.
    Transfer,
    /// Requests, quotes and private swaps between four institutions.
    Swap,
    /// Secured loans between four institutions on a path of prices: margin calls, releases,
    /// repayments, liquidations. Its time is virtual.
    Collateral,
}

impl Scenario {
    const fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Swap => "swap",
            Self::Collateral => "collateral",
        }
    }
}

/// Arguments of `subrosa demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Scenario to play.
    #[arg(long, value_enum, default_value = "transfer")]
    scenario: Scenario,
    /// Chain to settle on [default: embedded, or anvil with --processes].
    #[arg(long, value_enum)]
    l1: Option<ChainKind>,
    /// Run each service as its own process of this binary, with its own directory, on anvil. Each
    /// process logs to a file in the data directory.
    #[arg(long)]
    processes: bool,
    /// Play on a virtual clock that runs fast while the system is quiet. Only in one process, on
    /// the embedded chain.
    #[arg(long, conflicts_with = "processes")]
    fast: bool,
    /// Payment instructions (CSV: kind,from,to,asset,amount,memo) instead of the committed ones.
    /// The other scenarios carry them out before the trades or the loans.
    #[arg(long)]
    payments: Option<PathBuf>,
    /// Trades (CSV: requester,quoter,rival,give,give_amount,want,want_amount,fixed,course) instead
    /// of the committed ones.
    #[arg(long)]
    trades: Option<PathBuf>,
    /// Path of prices (CSV: day,phase and a column for each asset) instead of the committed one.
    #[arg(long)]
    prices: Option<PathBuf>,
    /// Markets (CSV: collateral,debt,haircut,initial,maintenance,bonus,max_age) instead of the
    /// committed ones.
    #[arg(long)]
    markets: Option<PathBuf>,
    /// Loans (CSV, with the columns of the committed file) instead of the committed ones.
    #[arg(long)]
    loans: Option<PathBuf>,
    /// Directory for the state of wallets and sequencer [default: a temporary one].
    #[arg(long)]
    data: Option<PathBuf>,
    /// Keep wallets, sequencer and chain running after the scenario until interrupted, and print
    /// their addresses. Does so also if something did not settle in time.
    #[arg(long)]
    stay: bool,
}

/// Content of a scenario, read from its files.
enum Play {
    /// Instructions alone.
    Transfer,
    /// Trades, after the instructions.
    Swap(Vec<Trade>),
    /// Loans, after the instructions.
    Collateral(Portfolio),
}

impl Play {
    fn read(arguments: &Arguments) -> anyhow::Result<(Vec<Instruction>, Self)> {
        let read = |path: &Option<PathBuf>, committed: &str| match path {
            Some(path) => std::fs::read_to_string(path),
            None => Ok(committed.to_owned()),
        };
        let (committed, play) = match arguments.scenario {
            Scenario::Transfer => (PAYMENTS, Self::Transfer),
            Scenario::Swap => {
                let trades = read(&arguments.trades, TRADES)?;
                (HOLDINGS, Self::Swap(trades::parse(&trades)?))
            }
            Scenario::Collateral => {
                let portfolio = Portfolio::parse(
                    &read(&arguments.prices, PRICES)?,
                    &read(&arguments.markets, MARKETS)?,
                    &read(&arguments.loans, LOANS)?,
                )?;
                (RESERVES, Self::Collateral(portfolio))
            }
        };
        let instructions = read(&arguments.payments, committed)?;
        Ok((instructions::parse(&instructions)?, play))
    }

    /// Returns what the scenario needs of a deployment. The transfers need the first two tokens
    /// only. Trades come a few at a time from each desk, so their batches wait longer: one larger
    /// batch is proven in less time than several small ones.
    fn cast<'a>(&self, instructions: &'a [Instruction]) -> Cast<'a> {
        let (tokens, seal_ms, watching): (_, _, &[&str]) = match self {
            Self::Transfer => (&TOKENS[..2], 1_500, &[]),
            Self::Swap(_) => (&TOKENS[..], 5_000, &[]),
            Self::Collateral(_) => (&TOKENS[..], 4_000, &collateral::WATCHING),
        };
        Cast {
            tokens,
            seal_ms,
            instructions,
            watching,
        }
    }
}

/// Runs the demonstration and prints its line of JSON on standard output.
///
/// # Errors
/// If a service does not start, an action is refused, something does not settle in time, or the
/// accounts do not add up.
pub async fn run(keys: &Keys, arguments: Arguments) -> anyhow::Result<()> {
    let (instructions, play) = Play::read(&arguments)?;
    let scratch = tempfile::tempdir()?;
    let data = match &arguments.data {
        Some(data) => std::path::absolute(data)?,
        None => scratch.path().to_owned(),
    };
    std::fs::create_dir_all(&data)?;
    let bars = Bars::new();
    let default = if arguments.processes {
        ChainKind::Anvil
    } else {
        ChainKind::Embedded
    };
    let setting = Setting {
        kind: arguments.l1.unwrap_or(default),
        processes: arguments.processes,
        // Weeks pass in the loans' scenario.
        fast: arguments.fast || matches!(play, Play::Collateral(_)),
    };
    let cast = play.cast(&instructions);
    // A signal drops what is under way, and with it the processes that were started.
    let mut signal = pin!(interrupted());
    let world = tokio::select! {
        world = World::start(keys, &data, setting, &cast, &bars) => world,
        signal = &mut signal => Err(interruption(signal)),
    };
    let played = match &world {
        Ok(world) => tokio::select! {
            played = perform(world, &arguments, &play, &instructions, &bars) => played,
            signal = &mut signal => return Err(interruption(signal)),
        },
        Err(_) => Ok(String::new()),
    };
    if arguments.processes && arguments.data.is_none() && (world.is_err() || played.is_err()) {
        eprintln!("logs are in {}", scratch.keep().display());
    }
    let world = world?;
    match &played {
        Ok(line) => println!("{line}"),
        Err(error) if arguments.stay => {
            eprintln!("the demonstration did not complete: {error:#}");
        }
        Err(_) => {}
    }
    if arguments.stay {
        eprintln!("{}", world.directions());
        signal.await?;
    }
    world.stop().await;
    played.map(|_| ())
}

/// Turns the outcome of waiting for a signal into an error.
fn interruption(signal: std::io::Result<()>) -> anyhow::Error {
    match signal {
        Ok(()) => anyhow::anyhow!("interrupted"),
        Err(error) => error.into(),
    }
}

/// Plays the scenario and returns the line of JSON.
async fn perform(
    world: &World,
    arguments: &Arguments,
    play: &Play,
    instructions: &[Instruction],
    bars: &Bars,
) -> anyhow::Result<String> {
    let before = account::take(world).await?;
    let settled = account::carry_out(world, instructions, bars).await;
    let figures = match settled {
        Ok(()) => carry_out(world, play, instructions, &before, bars).await,
        Err(error) => Err(error),
    };
    let figures = match figures {
        Ok(figures) => figures,
        Err(error) if arguments.stay => {
            // The balances show how far the scenario came.
            bars.clear()?;
            eprintln!("{}", summary::table(&before, &account::take(world).await?));
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    summary::line(world, arguments.scenario.name(), figures).await
}

/// Plays the part after the instructions, checks the accounts and prints them. Returns the figures
/// of this scenario alone.
async fn carry_out(
    world: &World,
    play: &Play,
    instructions: &[Instruction],
    before: &account::Snapshot,
    bars: &Bars,
) -> anyhow::Result<serde_json::Value> {
    let (after, checked, figures);
    match play {
        Play::Transfer => {
            after = account::take(world).await?;
            checked = account::reconcile(world, instructions, &[], before, &after).await?;
            bars.clear()?;
            figures = serde_json::json!({});
        }
        Play::Swap(trades) => {
            let outcomes = desk::carry_out(world, trades, bars).await?;
            after = account::take(world).await?;
            let deliveries = desk::deliveries(&outcomes);
            checked = account::reconcile(world, instructions, &deliveries, before, &after).await?;
            bars.clear()?;
            eprintln!("{}", summary::trades(&outcomes));
            figures = summary::swaps(&outcomes);
        }
        Play::Collateral(portfolio) => {
            let outcomes = collateral::carry_out(world, portfolio, bars).await?;
            bars.clear()?;
            eprintln!("{}", collateral::table(&outcomes));
            eprintln!("{}", collateral::explain_time());
            collateral::check(&outcomes)?;
            world.settle_all().await?;
            after = account::take(world).await?;
            checked = account::conserve(world, before, &after).await?;
            figures = collateral::figures(&outcomes);
        }
    }
    eprintln!("{}", summary::table(before, &after));
    eprintln!("{checked}");
    Ok(figures)
}

/// Returns the flags with which a process of this binary uses the same keys.
fn key_flags(keys: &Keys) -> anyhow::Result<Vec<String>> {
    let engine = match keys.device {
        DeviceChoice::Auto => "auto",
        DeviceChoice::Cpu => "cpu",
        DeviceChoice::Cuda => "cuda",
    };
    let directory = text(&std::path::absolute(&keys.directory)?)?;
    Ok(vec![
        "--keys".into(),
        directory,
        "--engine".into(),
        engine.into(),
    ])
}

/// Returns a path as text.
fn text(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str();
    let text = text.ok_or_else(|| anyhow::anyhow!("{} is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}
