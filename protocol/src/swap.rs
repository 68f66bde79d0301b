//! Swaps: two deliveries that settle together (spec: *Swaps*).
//!
//! Each party proves its own leg. Both legs carry the digest of the terms, which binds them
//! together. The terms contain a salt from which the blindings of both deliveries derive. Therefore
//! each party can spend what it receives: a leg whose delivery its new owner could not open is not
//! provable.

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
use crate::element::OwnerId;
use crate::encoding::fr_from_u128;
use crate::keys::Address;
use crate::layout::header;
use crate::note::{Note, NoteClass, pack};
use crate::poseidon::{hash, hash3};

pub use codec::TermsDecodeError;
pub use delivery::Delivery;

/// Bytes of a salt.
pub const SALT_LEN: usize = 16;

/// One of the two legs of a swap. Either party can take either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Leg that stands first in a batch.
    A,
    /// Leg that stands directly after it.
    B,
}

impl Side {
    /// Both sides, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// Returns the other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Returns the place in a pair, 0 or 1.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Salt that blinds a swap: 16 bytes that only the two parties know, fresh for every offer.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Salt([u8; SALT_LEN]);

impl Salt {
    /// Generates a salt.
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = [0; SALT_LEN];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Wraps the bytes of a salt.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SALT_LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SALT_LEN] {
        &self.0
    }

    /// Returns the bytes as an integer, read big-endian.
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

/// Delivery of one side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Class of the note: cash, or the position that originates a loan.
    pub class: NoteClass,
    /// Asset of the note.
    pub asset: AssetId,
    /// Amount in base units.
    pub value: u128,
}

impl Leg {
    /// Returns a delivery of cash.
    #[must_use]
    pub const fn cash(asset: AssetId, value: u128) -> Self {
        Self {
            class: NoteClass::Cash,
            asset,
            value,
        }
    }

    /// Returns the packed part of the delivered note.
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

/// Both deliveries and the salt: everything on which the blindings depend. Its `Debug` form shows
/// nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Deliveries of side A and of side B.
    pub legs: [Leg; 2],
    /// Shared secret of the two parties.
    pub salt: Salt,
}

impl Exchange {
    /// Returns the delivery of a side.
    #[must_use]
    pub fn leg(&self, side: Side) -> &Leg {
        &self.legs[side.index()]
    }

    /// Returns the blindings of both deliveries: the first two outputs of H(DELIVERY; salt, packed
    /// A, packed B).
    #[must_use]
    pub fn blindings(&self) -> [Fr; 2] {
        let [a, b] = self.legs.map(|leg| leg.packed());
        let [first, second, _] = hash3(Domain::Delivery, &[self.salt.element(), a, b]);
        [first, second]
    }

    /// Returns the note that a side delivers to the owner `receiver`, if the delivery is cash.
    #[must_use]
    pub fn delivery(&self, side: Side, receiver: &OwnerId) -> Note {
        self.delivery_with(side, receiver, &Fr::zero())
    }

    /// Returns the note that a side delivers to the owner `receiver`; `aux` is 0 for cash.
    #[must_use]
    pub fn delivery_with(&self, side: Side, receiver: &OwnerId, aux: &Fr) -> Note {
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

/// Reason why terms do not make a sensible swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// A side delivers nothing.
    #[error("side {0:?} delivers nothing")]
    Nothing(Side),
    /// Both sides deliver the same asset.
    #[error("both sides deliver the same asset")]
    SameAsset,
    /// The same owner receives both deliveries.
    #[error("the same owner receives both deliveries")]
    SameOwner,
    /// The expiry does not fit its field.
    #[error("expiry must be below 2^40")]
    Expiry,
    /// Both sides deliver a position.
    #[error("both sides deliver a position")]
    Positions,
    /// The aux of a delivery does not fit its class: it must be 0 for cash and nonzero for a
    /// position.
    #[error("aux of side {0:?} must be 0 for cash and nonzero for a position")]
    Aux(Side),
}

/// Terms agreed by two parties. Its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Terms {
    /// Deliveries and salt.
    pub exchange: Exchange,
    /// Receivers of the deliveries of side A and of side B.
    pub receivers: [Address; 2],
    /// aux of the deliveries of side A and of side B: 0 for cash.
    pub aux: [Fr; 2],
    /// Last second of Unix time, inclusive, at which the swap may settle. Both legs have this
    /// expiry.
    pub expiry: u64,
}

impl Terms {
    /// Makes terms of cash against cash and checks that they make sense.
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

    /// Makes terms with the aux of each delivery and checks that they make sense.
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

    /// Returns the hashed words: packed, receiving owner and aux of leg A, the same of leg B,
    /// expiry, salt.
    #[must_use]
    pub fn words(&self) -> [Fr; 8] {
        let [a, b] = self.exchange.legs.map(|leg| leg.packed());
        [
            a,
            self.receivers[0].owner.into(),
            self.aux[0],
            b,
            self.receivers[1].owner.into(),
            self.aux[1],
            Fr::from(self.expiry),
            self.exchange.salt.element(),
        ]
    }

    /// Returns H(TERMS; words): word 6 of both legs.
    #[must_use]
    pub fn digest(&self) -> Fr {
        hash(Domain::Terms, &self.words())
    }

    /// Returns the receiver of a side's delivery.
    #[must_use]
    pub fn receiver(&self, side: Side) -> &Address {
        &self.receivers[side.index()]
    }

    /// Returns the side whose delivery an owner receives, if it receives one.
    #[must_use]
    pub fn received_by(&self, owner: &OwnerId) -> Option<Side> {
        Side::BOTH
            .into_iter()
            .find(|side| self.receiver(*side).owner == *owner)
    }

    /// Returns the note that a side delivers.
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
