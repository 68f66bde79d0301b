//! The specification's economics in exact rational numbers, written apart from the code.

use num_bigint::BigUint;
use std::cmp::Ordering;

/// A fraction of integers without bounds; the lower one is not 0.
#[derive(Clone, Debug)]
pub(super) struct Ratio {
    above: BigUint,
    below: BigUint,
}

impl Ratio {
    pub(super) fn new(above: impl Into<BigUint>, below: impl Into<BigUint>) -> Self {
        Self {
            above: above.into(),
            below: below.into(),
        }
    }

    pub(super) fn whole(value: u128) -> Self {
        Self::new(value, 1u8)
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        Self::new(
            &self.above * &other.below + &other.above * &self.below,
            &self.below * &other.below,
        )
    }

    /// Returns the difference, or 0 if it is negative.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let (from, less) = (&self.above * &other.below, &other.above * &self.below);
        let above = if from > less {
            from - less
        } else {
            BigUint::ZERO
        };
        Self::new(above, &self.below * &other.below)
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        Self::new(&self.above * &other.above, &self.below * &other.below)
    }

    pub(super) fn over(&self, other: &Self) -> Self {
        Self::new(&self.above * &other.below, &self.below * &other.above)
    }

    pub(super) fn floor(&self) -> u128 {
        (&self.above / &self.below).try_into().unwrap_or(u128::MAX)
    }

    pub(super) fn ceil(&self) -> u128 {
        let up = &self.above + &self.below - 1u8;
        (up / &self.below).try_into().unwrap_or(u128::MAX)
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ratio {}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.above * &other.below).cmp(&(&other.above * &self.below))
    }
}

/// Seconds of a day.
pub(super) const DAY: u64 = 86_400;

/// Parameters of a market and terms of a loan in it. Margins are in basis points, times in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    pub(super) haircut: u16,
    pub(super) initial: u32,
    pub(super) maintenance: u32,
    pub(super) bonus: u16,
    pub(super) max_age: u64,
    /// Millionths a year.
    pub(super) rate: u32,
    pub(super) start: u64,
    pub(super) maturity: u64,
}

/// Returns a factor of so many basis points.
fn basis(points: u32) -> Ratio {
    Ratio::new(points, 10_000u32)
}

impl Model {
    /// Returns the factor by which a debt grows in some seconds.
    fn growth(&self, seconds: u64) -> Ratio {
        let year = 1_000_000u64 * 365 * DAY;
        let interest = Ratio::new(BigUint::from(self.rate) * seconds, year);
        Ratio::whole(1).plus(&interest)
    }

    /// Returns a debt with simple interest from one time to another, not rounded.
    pub(super) fn grown(&self, debt: &Ratio, from: u64, to: u64) -> Ratio {
        debt.times(&self.growth(to.saturating_sub(from)))
    }

    /// Returns what the borrower owes at a time in whole base units.
    pub(super) fn owed(&self, debt: u128, from: u64, to: u64) -> u128 {
        self.grown(&Ratio::whole(debt), from, to).ceil()
    }

    /// Returns what the lender may count on at a time in whole base units.
    pub(super) fn claimed(&self, debt: u128, from: u64, to: u64) -> u128 {
        self.grown(&Ratio::whole(debt), from, to).floor()
    }

    /// Returns the value of collateral in base units of the debt asset.
    pub(super) fn worth(collateral: u128, price: u128) -> Ratio {
        Ratio::whole(collateral).times(&Ratio::new(price, 10u128.pow(18)))
    }

    /// Whether the collateral's value less the haircut is a margin's part of the debt.
    pub(super) fn covers(&self, collateral: u128, price: u128, debt: u128, margin: u32) -> bool {
        let counted =
            Self::worth(collateral, price).times(&basis(10_000 - u32::from(self.haircut)));
        counted >= Ratio::whole(debt).times(&basis(margin))
    }

    /// Returns the least collateral that covers a debt.
    pub(super) fn needed(&self, price: u128, debt: u128, margin: u32) -> u128 {
        let counted = basis(10_000 - u32::from(self.haircut));
        let unit = Ratio::new(price, 10u128.pow(18)).times(&counted);
        Ratio::whole(debt).times(&basis(margin)).over(&unit).ceil()
    }

    /// Returns the collateral that is worth a debt with a bonus.
    pub(super) fn claim(price: u128, debt: &Ratio, bonus: u16) -> Ratio {
        debt.times(&basis(10_000 + u32::from(bonus)))
            .over(&Ratio::new(price, 10u128.pow(18)))
    }

    /// Returns the bonus for clearing a debt at a time, or `None` if the lender must leave the
    /// position alone.
    pub(super) fn bonus(&self, healthy: bool, time: u64) -> Option<u16> {
        if !healthy {
            return Some(self.bonus);
        }
        // The first second after the day has no bonus.
        let overdue = time.checked_sub(self.maturity + DAY + 1)?;
        let risen = Ratio::new(u64::from(self.bonus) * overdue, 524_288u32).floor();
        Some(risen.min(self.bonus.into()) as u16)
    }
}
