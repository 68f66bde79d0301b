//! Spot prices: what the feeds say now, computed as the contract computes it (spec: *Collateral*).
//! The prices of a snapshot follow them.

use alloy_primitives::{Address, I256, U256, U512};
use alloy_sol_types::sol;
use subrosa_protocol::market::{MARKETS, Markets};

use crate::{
    contracts::{PriceOracle, Rollup},
    error::L1Error,
    transport::{At, Transport, read},
    words::from_words,
};

sol! {
    /// The part of a price feed that the oracle reads.
    interface Aggregator {
        function decimals() external view returns (uint8);
        function latestRoundData() external view returns (
            uint80 roundId,
            int256 answer,
            uint256 startedAt,
            uint256 updatedAt,
            uint80 answeredInRound
        );
    }
}

/// Decimals of the collateral's amount for which a price is stated.
const UNIT_DECIMALS: usize = 18;
/// Number of bits of a price.
const PRICE_BITS: usize = 120;

/// Markets and prices as of the newest mined block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentPrices {
    /// Time at which a snapshot would be taken at the earliest, Unix seconds.
    pub time: u64,
    /// Markets.
    pub markets: Markets,
    /// Spot prices by market number; 0 means no price.
    pub prices: [u128; MARKETS],
}

/// Answer of a feed with the decimals of token and feed together.
type Answer = Option<(U256, usize)>;

/// Reads the markets of a rollup's oracle and the feeds of their assets.
///
/// # Errors
/// [`L1Error`]. A feed that fails gives no price and is no error.
pub async fn current_prices(
    transport: &dyn Transport,
    rollup: Address,
) -> Result<CurrentPrices, L1Error> {
    let head = transport.head().await?;
    let at = At::Block(head.number);
    let oracle = read(transport, at, "oracle", rollup, Rollup::oracleCall {}).await?;
    let call = PriceOracle::marketWordsCall {};
    let words = read(transport, at, "marketWords", oracle, call).await?;
    let markets = Markets::from_words(&from_words(&words)?)
        .map_err(|e| L1Error::Protocol(format!("a market: {e}")))?;
    let mut known: Vec<(u16, Answer)> = Vec::new();
    let mut prices = [0; MARKETS];
    for (id, price) in (0u8..).zip(&mut prices) {
        let Some(market) = markets.get(id) else {
            continue;
        };
        let mut answers = [None; 2];
        for (answer, asset) in answers.iter_mut().zip([market.collateral.0, market.debt.0]) {
            *answer = match known.iter().find(|(found, _)| *found == asset) {
                Some((_, found)) => *found,
                None => {
                    let found = feed(transport, at, oracle, asset, head.timestamp).await?;
                    known.push((asset, found));
                    found
                }
            };
        }
        if let [Some(collateral), Some(debt)] = answers {
            *price = quotient(collateral, debt);
        }
    }
    Ok(CurrentPrices {
        time: head.timestamp,
        markets,
        prices,
    })
}

/// Reads an asset's feed. Returns `None` if it has no usable answer.
async fn feed(
    transport: &dyn Transport,
    at: At,
    oracle: Address,
    asset: u16,
    now: u64,
) -> Result<Answer, L1Error> {
    let call = PriceOracle::feedOfCall { asset };
    let feed = read(transport, at, "feedOf", oracle, call).await?;
    if feed.feed.is_zero() {
        return Ok(None);
    }
    let decimals = usable(
        read(
            transport,
            at,
            "decimals",
            feed.feed,
            Aggregator::decimalsCall {},
        )
        .await,
    )?;
    let round = usable(
        read(
            transport,
            at,
            "latestRoundData",
            feed.feed,
            Aggregator::latestRoundDataCall {},
        )
        .await,
    )?;
    let (Some(decimals), Some(round)) = (decimals, round) else {
        return Ok(None);
    };
    let updated = u64::try_from(round.updatedAt).unwrap_or(u64::MAX);
    let fresh = updated != 0
        && updated <= now
        && now - updated <= feed.heartbeat.to::<u64>()
        && round.answeredInRound >= round.roundId
        && decimals == feed.feedDecimals
        && round.answer > I256::ZERO;
    let total = usize::from(feed.tokenDecimals) + usize::from(feed.feedDecimals);
    Ok(fresh.then(|| (round.answer.into_raw(), total)))
}

/// Keeps the failures of L1; a feed's own failure means that it has no answer.
fn usable<T>(answer: Result<T, L1Error>) -> Result<Option<T>, L1Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error @ (L1Error::Unavailable(_) | L1Error::Odd(_))) => Err(error),
        Err(L1Error::Rejected { .. } | L1Error::Protocol(_) | L1Error::FlagsOutOfRange(_)) => {
            Ok(None)
        }
    }
}

/// Returns the base units of the debt asset for 10¹⁸ base units of the collateral asset, rounded
/// down; 0 if that is not below 2¹²⁰.
fn quotient(collateral: (U256, usize), debt: (U256, usize)) -> u128 {
    let ten = |exponent: usize| U512::from(10u64).pow(U512::from(exponent));
    let raised = UNIT_DECIMALS + debt.1;
    let (over, under) = (U512::from(collateral.0), U512::from(debt.0));
    let quotient = match raised.checked_sub(collateral.1) {
        Some(more) => over * ten(more) / under,
        None => over / (under * ten(collateral.1 - raised)),
    };
    if quotient >> PRICE_BITS != U512::ZERO {
        return 0;
    }
    u128::try_from(quotient).unwrap_or(0)
}
