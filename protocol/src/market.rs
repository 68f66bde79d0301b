//! Markets and price snapshots (spec: *Collateral*, Markets and prices).

use ark_bn254::Fr;
use ark_ff::Zero;
use serde::{Deserialize, Serialize};

use crate::asset::AssetId;
use crate::domain::Domain;
use crate::encoding::CodecError;
use crate::layout::{self, market as fields, snapshot_word};
use crate::poseidon::hash;
use crate::tree::{ARITY, MerklePath, node};

/// Number of markets.
pub const MARKETS: usize = 16;

/// Depth of the tree of markets.
pub const MARKET_DEPTH: usize = 2;

/// Bits of a price.
pub const PRICE_BITS: u32 = layout::PRICE_BITS as u32;

/// Amount of collateral to which a price refers, in base units: 10¹⁸.
pub const PRICE_SCALE: u64 = 1_000_000_000_000_000_000;

/// One in basis points.
pub const BASIS: u32 = 10_000;

/// Parameters of loans of one asset against another. Factors are in basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    /// Asset of the collateral.
    pub collateral: AssetId,
    /// Asset of the debt.
    pub debt: AssetId,
    /// Part of the collateral's value that does not count; below [`BASIS`].
    pub haircut: u16,
    /// Margin required to originate a loan and to release collateral; below 2²⁴.
    pub initial: u32,
    /// Margin below which a lender may liquidate; from [`BASIS`] to `initial`.
    pub maintenance: u32,
    /// Part of the debt that a liquidating lender takes in addition; at most [`BASIS`].
    pub bonus: u16,
    /// Maximum age of a price snapshot, in seconds; below 2²⁴.
    pub max_age: u32,
}

/// Reason why parameters do not make a market.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// Collateral and debt are the same asset.
    #[error("collateral and debt are the same asset")]
    SameAsset,
    /// The haircut is the whole value.
    #[error("haircut must be below 10000")]
    Haircut,
    /// The margins violate 10000 ≤ maintenance ≤ initial < 2²⁴.
    #[error("margins must satisfy 10000 <= maintenance <= initial < 2^24")]
    Margins,
    /// The bonus exceeds the debt.
    #[error("bonus must be at most 10000")]
    Bonus,
    /// The maximum age is 0 or exceeds its width.
    #[error("maximum age must be from 1 to 2^24 - 1")]
    MaxAge,
    /// The word does not encode a market.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl Market {
    /// Checks that the parameters make sense.
    ///
    /// # Errors
    /// The first [`MarketError`].
    pub fn check(&self) -> Result<(), MarketError> {
        if self.collateral == self.debt {
            return Err(MarketError::SameAsset);
        }
        if u32::from(self.haircut) >= BASIS {
            return Err(MarketError::Haircut);
        }
        let ordered = BASIS <= self.maintenance && self.maintenance <= self.initial;
        if !ordered || !fields::INITIAL.holds(self.initial.into()) {
            return Err(MarketError::Margins);
        }
        if u32::from(self.bonus) > BASIS {
            return Err(MarketError::Bonus);
        }
        if self.max_age == 0 || !fields::MAX_AGE.holds(self.max_age.into()) {
            return Err(MarketError::MaxAge);
        }
        Ok(())
    }

    /// Returns pack(collateral 16, debt 16, haircut 16, initial 24, maintenance 24, bonus 16,
    /// maximum age 24).
    #[must_use]
    pub fn word(&self) -> Fr {
        fields::COLLATERAL.place(self.collateral.0.into())
            + fields::DEBT.place(self.debt.0.into())
            + fields::HAIRCUT.place(self.haircut.into())
            + fields::INITIAL.place(self.initial.into())
            + fields::MAINTENANCE.place(self.maintenance.into())
            + fields::BONUS.place(self.bonus.into())
            + fields::MAX_AGE.place(self.max_age.into())
    }

    /// Reads a market from its word; inverse of [`Market::word`].
    ///
    /// # Errors
    /// [`MarketError`] if no market has this word.
    pub fn from_word(word: &Fr) -> Result<Self, MarketError> {
        if !fields::LAYOUT.fits(word) {
            return Err(CodecError::Overflow { field: "market" }.into());
        }
        let market = Self {
            collateral: AssetId(fields::COLLATERAL.of(word) as u16),
            debt: AssetId(fields::DEBT.of(word) as u16),
            haircut: fields::HAIRCUT.of(word) as u16,
            initial: fields::INITIAL.of(word) as u32,
            maintenance: fields::MAINTENANCE.of(word) as u32,
            bonus: fields::BONUS.of(word) as u16,
            max_age: fields::MAX_AGE.of(word) as u32,
        };
        market.check()?;
        Ok(market)
    }
}

/// All markets, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Markets(pub [Option<Market>; MARKETS]);

impl Markets {
    /// Returns the words, 0 for numbers without a market.
    #[must_use]
    pub fn words(&self) -> [Fr; MARKETS] {
        self.0
            .map(|market| market.map_or(Fr::zero(), |market| market.word()))
    }

    /// Reads the markets from their words; inverse of [`Markets::words`].
    ///
    /// # Errors
    /// [`MarketError`] if a word is neither 0 nor the word of a market.
    pub fn from_words(words: &[Fr; MARKETS]) -> Result<Self, MarketError> {
        let mut markets = Self::default();
        for (market, word) in markets.0.iter_mut().zip(words) {
            if !word.is_zero() {
                *market = Some(Market::from_word(word)?);
            }
        }
        Ok(markets)
    }

    /// Returns the market with this number.
    #[must_use]
    pub fn get(&self, id: u8) -> Option<&Market> {
        self.0.get(usize::from(id))?.as_ref()
    }

    /// Iterates over the numbers of the markets in which `collateral` secures a debt in `debt`.
    pub fn between(&self, collateral: AssetId, debt: AssetId) -> impl Iterator<Item = u8> + '_ {
        (0u8..).zip(&self.0).filter_map(move |(id, market)| {
            let market = market.as_ref()?;
            (market.collateral == collateral && market.debt == debt).then_some(id)
        })
    }

    /// Returns the root of the tree of the words.
    #[must_use]
    pub fn root(&self) -> Fr {
        node(&self.parents())
    }

    /// Returns the path of the word with this number. `None` from [`MARKETS`] up.
    #[must_use]
    pub fn path(&self, id: u8) -> Option<MerklePath<MARKET_DEPTH>> {
        let index = usize::from(id);
        let words = self.words();
        let leaves = words.chunks_exact(ARITY).nth(index / ARITY)?;
        let others = |children: &[Fr], own: usize| {
            let mut siblings = children.iter().enumerate().filter(|(i, _)| *i != own);
            std::array::from_fn(|_| siblings.next().map_or(Fr::zero(), |(_, child)| *child))
        };
        Some(MerklePath {
            index: u64::from(id),
            siblings: [
                others(leaves, index % ARITY),
                others(&self.parents(), index / ARITY),
            ],
        })
    }

    fn parents(&self) -> [Fr; ARITY] {
        let words = self.words();
        std::array::from_fn(|i| node(&std::array::from_fn(|j| words[ARITY * i + j])))
    }
}

/// The two prices of a market at one time.
///
/// A price is in base units of the debt asset for 10¹⁸ base units of the collateral asset, rounded
/// down, below 2¹²⁰. Both prices are 0 if the market has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Price at which collateral counts when a loan is opened and when collateral is released.
    pub low: u128,
    /// Price at which collateral counts when a lender seizes it; at least the low price.
    pub high: u128,
}

impl Price {
    /// Returns a price that is the same for all uses.
    #[must_use]
    pub const fn flat(price: u128) -> Self {
        Self {
            low: price,
            high: price,
        }
    }

    /// Returns pack(low 120, high 120).
    #[must_use]
    pub fn word(&self) -> Fr {
        layout::prices::LOW.place(self.low) + layout::prices::HIGH.place(self.high)
    }

    /// Reads the prices of a market from their word; inverse of [`Price::word`].
    ///
    /// # Errors
    /// [`CodecError::Overflow`] if the word exceeds its width, [`CodecError::Impossible`] if the
    /// low price is above the high one, or if only one of them is 0.
    pub fn from_word(word: &Fr) -> Result<Self, CodecError> {
        let field = "price";
        if !layout::prices::LAYOUT.fits(word) {
            return Err(CodecError::Overflow { field });
        }
        let price = Self {
            low: layout::prices::LOW.of(word),
            high: layout::prices::HIGH.of(word),
        };
        if price.low > price.high || (price.low == 0) != (price.high == 0) {
            return Err(CodecError::Impossible { field });
        }
        Ok(price)
    }
}

/// Prices of all markets at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceSnapshot {
    /// Unix time in seconds at which L1 took the snapshot; below 2⁴⁰.
    pub time: u64,
    /// Time of the snapshot before it; 0 for the first. The two times say that no snapshot was
    /// taken between them.
    pub previous: u64,
    /// Markets at that time.
    pub markets: Markets,
    /// Prices by market number.
    pub prices: [Price; MARKETS],
}

impl PriceSnapshot {
    /// Returns the price words, by market number.
    #[must_use]
    pub fn price_words(&self) -> [Fr; MARKETS] {
        self.prices.map(|price| price.word())
    }

    /// Reads the prices from their words; inverse of [`PriceSnapshot::price_words`].
    ///
    /// # Errors
    /// As [`Price::from_word`].
    pub fn prices_from_words(words: &[Fr; MARKETS]) -> Result<[Price; MARKETS], CodecError> {
        let mut prices = [Price::default(); MARKETS];
        for (price, word) in prices.iter_mut().zip(words) {
            *price = Price::from_word(word)?;
        }
        Ok(prices)
    }

    /// Returns the hashed words: times, market root, price words.
    #[must_use]
    pub fn words(&self) -> [Fr; snapshot_word::COUNT] {
        let mut words = [Fr::zero(); snapshot_word::COUNT];
        words[snapshot_word::TIMES] = layout::snapshot_times::TIME.place(self.time.into())
            + layout::snapshot_times::PREVIOUS.place(self.previous.into());
        words[snapshot_word::MARKET_ROOT] = self.markets.root();
        words[snapshot_word::PRICES].copy_from_slice(&self.price_words());
        words
    }

    /// Returns H(SNAPSHOT; words), which anchors contain ([`crate::element::Anchor::of`]).
    #[must_use]
    pub fn digest(&self) -> Fr {
        hash(Domain::Snapshot, &self.words())
    }

    /// Returns the market with this number and its prices. `None` if it has none.
    #[must_use]
    pub fn market_with_price(&self, id: u8) -> Option<(&Market, Price)> {
        let price = *self.prices.get(usize::from(id))?;
        (price.low != 0).then_some((self.markets.get(id)?, price))
    }
}

#[cfg(test)]
mod tests;
