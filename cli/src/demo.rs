//! The demonstration: a whole deployment in one process, driven only through the wallets' HTTP
//! interface by a file of payment instructions, or of trades.

mod account;
mod desk;
mod gateway;
mod instructions;
mod measured;
mod summary;
mod trades;
mod world;

use std::path::PathBuf;

use indicatif::MultiProgress;

use self::world::{Token, World};
use crate::chain::ChainKind;
use crate::keys::Keys;

/// The committed instructions, so that the binary demonstrates from anywhere.
const PAYMENTS: &str = include_str!("../demo/payments.csv");
/// The committed deposits before the trades.
const HOLDINGS: &str = include_str!("../demo/holdings.csv");
/// The committed trades.
const TRADES: &str = include_str!("../demo/trades.csv");

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
}

impl Scenario {
    const fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Swap => "swap",
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
    /// Payment instructions (CSV: kind,from,to,asset,amount,memo), in the swap scenario those before the
    /// trades; the committed ones if absent.
    #[arg(long)]
    payments: Option<PathBuf>,
    /// Trades (CSV: requester,quoter,rival,give,give_amount,want,want_amount,fixed,course); the committed
    /// ones if absent.
    #[arg(long)]
    trades: Option<PathBuf>,
    /// Where wallets and sequencer keep their state; a fresh temporary directory if absent.
    #[arg(long)]
    data: Option<PathBuf>,
    /// After the run, stay up (wallets, sequencer and chain) until interrupted, and say where everything is.
    #[arg(long)]
    stay: bool,
}

/// Runs the demonstration and prints its one line of JSON on standard output.
pub(crate) async fn run(keys: &Keys, arguments: Arguments) -> anyhow::Result<()> {
    let read = |path: &Option<PathBuf>, committed: &str| match path {
        Some(path) => std::fs::read_to_string(path),
        None => Ok(committed.to_owned()),
    };
    let (payments, trades) = match arguments.scenario {
        Scenario::Transfer => (read(&arguments.payments, PAYMENTS)?, Vec::new()),
        Scenario::Swap => (
            read(&arguments.payments, HOLDINGS)?,
            trades::parse(&read(&arguments.trades, TRADES)?)?,
        ),
    };
    let instructions = instructions::parse(&payments)?;
    let scratch = tempfile::tempdir()?;
    let data = arguments
        .data
        .clone()
        .unwrap_or_else(|| scratch.path().to_owned());
    let bars = MultiProgress::new();
    // The first two tokens are all that the transfers need. Trades come a few at a time from each desk, and a
    // larger batch is proven in less time than several small ones.
    let (tokens, seal_ms) = match arguments.scenario {
        Scenario::Transfer => (&TOKENS[..2], 1_500),
        Scenario::Swap => (&TOKENS[..], 5_000),
    };
    let world = World::start(
        keys,
        &data,
        arguments.l1,
        tokens,
        seal_ms,
        &instructions,
        &bars,
    )
    .await?;
    let before = account::take(&world).await?;
    account::carry_out(&world, &instructions, &bars).await?;
    let outcomes = if trades.is_empty() {
        Vec::new()
    } else {
        desk::carry_out(&world, &trades, &bars).await?
    };
    let after = account::take(&world).await?;
    let deliveries = desk::deliveries(&outcomes);
    let checked = account::reconcile(&world, &instructions, &deliveries, &before, &after).await?;
    bars.clear()?;
    let mut more = serde_json::json!({});
    if arguments.scenario == Scenario::Swap {
        eprintln!("{}", summary::trades(&outcomes));
        more = summary::swaps(&outcomes);
    }
    eprintln!("{}", summary::table(&before, &after));
    eprintln!("{checked}");
    println!(
        "{}",
        summary::line(&world, arguments.scenario.name(), more).await?
    );
    if arguments.stay {
        eprintln!("{}", world.directions());
        tokio::signal::ctrl_c().await?;
    }
    world.stop().await;
    Ok(())
}
