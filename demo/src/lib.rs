//! The demonstration: a whole deployment in one process, driven only through the wallets' HTTP
//! interface by a file of payment instructions, of trades, or of loans on a path of prices.

mod account;
mod collateral;
mod desk;
mod gateway;
mod instructions;
mod measured;
mod summary;
mod trades;
mod world;

use std::path::PathBuf;

use indicatif::MultiProgress;

use self::{
    collateral::Portfolio,
    instructions::Instruction,
    trades::Trade,
    world::{Cast, Token, World},
};
use crate::chain::ChainKind;
use subrosa_node::Keys;

/// The committed instructions, so that the binary demonstrates from anywhere.
const PAYMENTS: &str = include_str!("../demo/payments.csv");
/// The committed deposits before the trades.
const HOLDINGS: &str = include_str!("../demo/holdings.csv");
/// The committed trades.
const TRADES: &str = include_str!("../demo/trades.csv");
/// The committed deposits before the loans.
const RESERVES: &str = include_str!("../demo/reserves.csv");
/// The committed path of prices.
const PRICES: &str = include_str!("../demo/prices.csv");
/// The committed markets.
const MARKETS: &str = include_str!("../demo/markets.csv");
/// The committed loans.
const LOANS: &str = include_str!("../demo/loans.csv");

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

/// What to demonstrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Scenario {
    /// Deposits, confidential payments and withdrawals.
    Transfer,
    /// Requests, quotes and private swaps between four institutions.
    Swap,
    /// Secured loans between four institutions on a path of prices: margin calls, releases, repayments,
    /// liquidations.
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
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to demonstrate.
    #[arg(long, value_enum, default_value = "transfer")]
    scenario: Scenario,
    /// Which chain to settle on.
    #[arg(long, value_enum, default_value = "embedded")]
    l1: ChainKind,
    /// Payment instructions (CSV: kind,from,to,asset,amount,memo), in the other scenarios those before the
    /// trades or the loans; the committed ones if absent.
    #[arg(long)]
    payments: Option<PathBuf>,
    /// Trades (CSV: requester,quoter,rival,give,give_amount,want,want_amount,fixed,course); the committed
    /// ones if absent.
    #[arg(long)]
    trades: Option<PathBuf>,
    /// Path of prices (CSV: day,phase and a column for each asset); the committed one if absent.
    #[arg(long)]
    prices: Option<PathBuf>,
    /// Markets (CSV: collateral,debt,haircut,initial,maintenance,bonus,max_age); the committed ones if absent.
    #[arg(long)]
    markets: Option<PathBuf>,
    /// Loans (CSV, the columns of the committed ones); the committed ones if absent.
    #[arg(long)]
    loans: Option<PathBuf>,
    /// Where wallets and sequencer keep their state; a fresh temporary directory if absent.
    #[arg(long)]
    data: Option<PathBuf>,
    /// After the run, stay up (wallets, sequencer and chain) until interrupted, and say where everything is.
    #[arg(long)]
    stay: bool,
}

/// What a scenario plays, read from its files.
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

    /// The first two tokens are all that the transfers need. Trades come a few at a time from each desk, and a larger
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

/// Runs the demonstration and prints its one line of JSON on standard output.
pub(crate) async fn run(keys: &Keys, arguments: Arguments) -> anyhow::Result<()> {
    let (instructions, play) = Play::read(&arguments)?;
    let scratch = tempfile::tempdir()?;
    let data = arguments
        .data
        .clone()
        .unwrap_or_else(|| scratch.path().to_owned());
    let bars = MultiProgress::new();
    let cast = play.cast(&instructions);
    let world = World::start(keys, &data, arguments.l1, &cast, &bars).await?;
    let before = account::take(&world).await?;
    account::carry_out(&world, &instructions, &bars).await?;
    let figures = carry_out(&world, &play, &instructions, &before, &bars).await?;
    let name = arguments.scenario.name();
    println!("{}", summary::line(&world, name, figures).await?);
    if arguments.stay {
        eprintln!("{}", world.directions());
        tokio::signal::ctrl_c().await?;
    }
    world.stop().await;
    Ok(())
}

/// Plays what comes after the instructions, checks the books and shows them. Answers the figures of the scenario alone.
async fn carry_out(
    world: &World,
    play: &Play,
    instructions: &[Instruction],
    before: &account::Snapshot,
    bars: &MultiProgress,
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
            eprintln!("{}", collateral::clock());
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
