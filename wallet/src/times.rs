//! First and last second of transactions.
//!
//! Both are on a grid of a minute, and follow from what everybody knows: the clock, the last batch,
//! and the prices of the next one. A transaction of the usual validity therefore looks like every
//! other one that is made in the same minute, whatever it does.

use subrosa_protocol::{
    loan::{LAPSE_AGE, OPENING_AGE},
    market::{MARKETS, PriceSnapshot},
};

/// Distance of two points of the grid, seconds.
pub const GRID: u64 = 60;
/// Longest validity, seconds.
const LIFETIME: u64 = 3_600;
/// Shortest validity to which prices shorten that of all transactions, seconds.
const LEAST: u64 = 300;

/// Returns the last point of the grid that is not later than `time`.
#[must_use]
pub const fn down(time: u64) -> u64 {
    time - time % GRID
}

/// Returns the first point of the grid that is not earlier than `time`.
#[must_use]
pub const fn up(time: u64) -> u64 {
    down(time.saturating_add(GRID - 1))
}

/// Validity of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second at which a batch may include it.
    pub not_before: u64,
    /// Last second at which a batch may include it.
    pub expiry: u64,
}

impl Validity {
    /// Returns the validity of a transaction that is made `now`, after a batch of the time `last`
    /// and before one with the prices of `snapshot`.
    ///
    /// It ends within the hour, and while all prices of the snapshot are fresh: a step that relies
    /// on a price must end then. A price that is about to become stale shortens nothing.
    ///
    /// It begins at the time of the last batch or of the snapshot. No later batch is earlier.
    #[must_use]
    pub fn usual(now: u64, last: u64, snapshot: Option<&PriceSnapshot>) -> Self {
        let least = now.saturating_add(LEAST);
        let ends = snapshot.map(|snapshot| ends(snapshot).filter(|end| *end >= least).min());
        let longest = now.saturating_add(LIFETIME);
        let taken = snapshot.map_or(0, |snapshot| snapshot.time);
        Self {
            not_before: down(last.max(taken)),
            expiry: down(ends.flatten().map_or(longest, |end| longest.min(end))),
        }
    }
}

/// Returns the times at which the prices of a snapshot, or their absence, stop to be fresh.
fn ends(snapshot: &PriceSnapshot) -> impl Iterator<Item = u64> {
    let numbers = (0..MARKETS).filter_map(|number| u8::try_from(number).ok());
    let priced = numbers.filter_map(|number| snapshot.market_with_price(number));
    // Each price ends twice: for releases, and for liquidations.
    let ages = priced.flat_map(|(market, _)| [OPENING_AGE, market.max_age.into()]);
    ages.chain(std::iter::once(LAPSE_AGE))
        .map(|age: u64| snapshot.time.saturating_add(age))
}

#[cfg(test)]
mod tests {
    use subrosa_protocol::{
        asset::AssetId,
        market::{Market, Markets, Price},
    };

    use super::*;

    const NOW: u64 = 1_800_000_017;

    fn snapshot(time: u64, ages: [u32; 2]) -> PriceSnapshot {
        let mut snapshot = PriceSnapshot {
            time,
            previous: time - 60,
            markets: Markets::default(),
            prices: [Price::default(); MARKETS],
        };
        for (place, max_age) in ages.into_iter().enumerate() {
            snapshot.markets.0[place] = Some(Market {
                collateral: AssetId(1),
                debt: AssetId(0),
                haircut: 500,
                initial: 12_500,
                maintenance: 11_000,
                bonus: 500,
                max_age,
            });
            snapshot.prices[place] = Price::flat(5);
        }
        snapshot
    }

    #[test]
    fn points_of_the_grid() {
        assert_eq!(
            (down(119), down(120), up(120), up(121)),
            (60, 120, 120, 180)
        );
    }

    #[test]
    fn validity_ends_with_the_first_price_that_stays_fresh_for_a_while() {
        let expiry = |time, ages| {
            let validity = Validity::usual(NOW, NOW - 7, Some(&snapshot(time, ages)));
            assert_eq!(validity.not_before, down(time.max(NOW - 7)));
            assert_eq!(validity.expiry % GRID, 0);
            validity.expiry
        };
        let usual = Validity::usual(NOW, NOW - 7, None);
        assert_eq!(
            (usual.not_before, usual.expiry),
            (1_800_000_000, 1_800_003_600)
        );
        assert_eq!(expiry(NOW, [3_700, 80_000]), down(NOW + 900));
        assert_eq!(expiry(NOW - 100, [3_600, 900]), down(NOW + 800));
        assert_eq!(expiry(NOW - 100, [3_600, 399]), down(NOW + 800));
        assert_eq!(expiry(NOW - 100, [3_600, 400]), down(NOW + 300));
        assert_eq!(expiry(NOW - 600, [3_600, 400]), down(NOW + 300));
        assert_eq!(expiry(NOW - 601, [3_600, 400]), down(NOW + 2_999));
        assert_eq!(expiry(NOW - 9_000, [3_600, 900]), usual.expiry);
        assert_eq!(expiry(NOW - LAPSE_AGE + 600, [1, 1]), down(NOW + 600));
        let mut unpriced = snapshot(NOW - 100, [900, 900]);
        unpriced.prices = [Price::default(); MARKETS];
        let validity = Validity::usual(NOW, NOW - 7, Some(&unpriced));
        assert_eq!(validity, usual);
    }
}
