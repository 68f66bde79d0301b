//! Swaps: two deliveries that settle together (spec: *Swaps*).
//!
//! Each party proves its own leg. What binds the legs is the digest of the terms, which both carry, and
//! what lets a party spend what it receives is the salt in them: the blindings of both deliveries come
//! from it, so that a leg that delivers a note its owner cannot open is not provable.

mod codec;
mod delivery;
mod memo;
#[cfg(test)]
mod tests;

use std::fmt;

use ark_bn254::Fr;
use ark_ff::Zero;
use rand::{CryptoRng, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::asset::AssetId;
use crate::domain::Domain;
use crate::encoding::fr_from_u128;
use crate::keys::Address;
use crate::layout::header;
use crate::note::{Note, NoteClass, pack};
use crate::poseidon::{hash, hash3};

pub use codec::TermsDecodeError;
pub use delivery::Delivery;

/// Bytes of a salt.
pub const SALT_LEN: usize = 16;

/// One of the two legs of a swap. Which party takes which side means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The leg that stands first in a batch.
    A,
    /// The leg that stands directly after it.
    B,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// 0 or 1: the place in a pair.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What blinds a swap: 16 bytes that nobody but the two parties knows. Fresh for every offer.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Salt([u8; SALT_LEN]);

impl Salt {
    /// A fresh salt.
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = [0; SALT_LEN];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The salt with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SALT_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SALT_LEN] {
        &self.0
    }

    /// The bytes read as an integer, big-endian.
    #[must_use]
    pub fn element(&self) -> Fr {
        fr_from_u128(u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// What one side delivers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Cash, or the position that opens a loan.
    pub class: NoteClass,
    /// Asset.
    pub asset: AssetId,
    /// Amount in base units.
    pub value: u128,
}

impl Leg {
    /// Cash.
    #[must_use]
    pub const fn cash(asset: AssetId, value: u128) -> Self {
        Self {
            class: NoteClass::Cash,
            asset,
            value,
        }
    }

    /// The packed part of the note that is delivered.
    #[must_use]
    pub fn packed(&self) -> Fr {
        pack(self.class, self.asset, self.value)
    }
}

/// Shows nothing.
impl fmt::Debug for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leg(..)")
    }
}

/// What is exchanged for what, under which salt: all that the blindings depend on. Its `Debug` form shows
/// nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What side A and side B deliver.
    pub legs: [Leg; 2],
    /// The secret of the two parties.
    pub salt: Salt,
}

impl Exchange {
    /// What a side delivers.
    #[must_use]
    pub fn leg(&self, side: Side) -> &Leg {
        &self.legs[side.index()]
    }

    /// The blindings of both deliveries: the first two outputs of H(DELIVERY; salt, packed A, packed B).
    #[must_use]
    pub fn blindings(&self) -> [Fr; 2] {
        let [a, b] = self.legs.map(|leg| leg.packed());
        let [first, second, _] = hash3(Domain::Delivery, &[self.salt.element(), a, b]);
        [first, second]
    }

    /// The note that a side delivers to `receiver`, an owner, if it is cash.
    #[must_use]
    pub fn delivery(&self, side: Side, receiver: &Fr) -> Note {
        self.delivery_with(side, receiver, &Fr::zero())
    }

    /// The note that a side delivers to `receiver`, an owner; `aux` is 0 for cash.
    #[must_use]
    pub fn delivery_with(&self, side: Side, receiver: &Fr, aux: &Fr) -> Note {
        let leg = self.leg(side);
        Note {
            class: leg.class,
            asset: leg.asset,
            value: leg.value,
            owner: *receiver,
            aux: *aux,
            rcm: self.blindings()[side.index()],
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange(..)")
    }
}

/// Why terms are no swap that anybody should agree to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// A side delivers nothing.
    #[error("side {0:?} delivers nothing")]
    Nothing(Side),
    /// Both sides deliver one asset.
    #[error("both sides deliver the same asset")]
    SameAsset,
    /// Both deliveries go to one owner.
    #[error("both deliveries go to the same owner")]
    SameOwner,
    /// The expiry does not fit its field.
    #[error("expiry is out of range")]
    Expiry,
    /// Both sides deliver a position.
    #[error("both sides deliver a position")]
    Positions,
    /// Cash has an aux, or a position has none.
    #[error("aux of side {0:?} is not of what it delivers")]
    Aux(Side),
}

/// Terms that two parties agree on. Its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Terms {
    /// What is exchanged.
    pub exchange: Exchange,
    /// Who receives what side A and side B deliver.
    pub receivers: [Address; 2],
    /// aux of what side A and side B deliver: 0 for cash.
    pub aux: [Fr; 2],
    /// Last second of Unix time, inclusive, at which the swap may settle; also the expiry of both legs.
    pub expiry: u64,
}

impl Terms {
    /// Terms of cash against cash that make sense.
    ///
    /// # Errors
    /// The first [`TermsError`].
    pub fn new(
        exchange: Exchange,
        receivers: [Address; 2],
        expiry: u64,
    ) -> Result<Self, TermsError> {
        Self::with_aux(exchange, receivers, [Fr::from(0u64); 2], expiry)
    }

    /// Terms that make sense, with the aux of what each side delivers.
    ///
    /// # Errors
    /// The first [`TermsError`].
    pub fn with_aux(
        exchange: Exchange,
        receivers: [Address; 2],
        aux: [Fr; 2],
        expiry: u64,
    ) -> Result<Self, TermsError> {
        if let Some(side) = Side::BOTH
            .into_iter()
            .find(|side| exchange.leg(*side).value == 0)
        {
            return Err(TermsError::Nothing(side));
        }
        if exchange.legs[0].asset == exchange.legs[1].asset {
            return Err(TermsError::SameAsset);
        }
        if receivers[0].owner == receivers[1].owner {
            return Err(TermsError::SameOwner);
        }
        if !header::EXPIRY.holds(expiry.into()) {
            return Err(TermsError::Expiry);
        }
        let cash = |side: Side| exchange.leg(side).class == NoteClass::Cash;
        if !Side::BOTH.into_iter().any(cash) {
            return Err(TermsError::Positions);
        }
        if let Some(side) = Side::BOTH
            .into_iter()
            .find(|side| aux[side.index()].is_zero() != cash(*side))
        {
            return Err(TermsError::Aux(side));
        }
        Ok(Self {
            exchange,
            receivers,
            aux,
            expiry,
        })
    }

    /// What is hashed: packed, receiving owner and aux of leg A, of leg B, expiry, salt.
    #[must_use]
    pub fn words(&self) -> [Fr; 8] {
        let [a, b] = self.exchange.legs.map(|leg| leg.packed());
        [
            a,
            self.receivers[0].owner,
            self.aux[0],
            b,
            self.receivers[1].owner,
            self.aux[1],
            Fr::from(self.expiry),
            self.exchange.salt.element(),
        ]
    }

    /// H(TERMS; words): word 6 of both legs.
    #[must_use]
    pub fn digest(&self) -> Fr {
        hash(Domain::Terms, &self.words())
    }

    /// Who receives what a side delivers.
    #[must_use]
    pub fn receiver(&self, side: Side) -> &Address {
        &self.receivers[side.index()]
    }

    /// The side whose delivery an owner receives, if it receives one.
    #[must_use]
    pub fn received_by(&self, owner: &Fr) -> Option<Side> {
        Side::BOTH
            .into_iter()
            .find(|side| self.receiver(*side).owner == *owner)
    }

    /// The note that a side delivers.
    #[must_use]
    pub fn delivery(&self, side: Side) -> Note {
        self.exchange
            .delivery_with(side, &self.receiver(side).owner, &self.aux[side.index()])
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terms(..)")
    }
}
