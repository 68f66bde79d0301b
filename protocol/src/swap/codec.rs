//! Wire form of terms, in which parties exchange them (spec: *Swaps*, Terms).

use super::{Exchange, Leg, Salt, Terms, TermsError};
use crate::asset::AssetId;
use crate::encoding::{CodecError, Reader, Writer};
use crate::keys::{ADDRESS_LEN, Address, AddressError};

/// First byte of encoded terms.
const VERSION: u8 = 1;

/// Reason why bytes do not decode to terms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsDecodeError {
    /// The bytes are not a canonical encoding.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A receiver's address does not decode.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The encoding is valid, but the terms are not.
    #[error(transparent)]
    Terms(#[from] TermsError),
}

impl Terms {
    /// Length of the wire form in bytes.
    pub const ENCODED_LEN: usize = 1 + 2 * (2 + 16 + ADDRESS_LEN) + 5 + super::SALT_LEN;

    /// Encodes terms of cash against cash: version 1; for leg A and for leg B asset 2, amount 16,
    /// receiver's address 64; expiry 5; salt 16. Integers are big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(Self::ENCODED_LEN);
        out.bytes(&[VERSION]);
        for (leg, receiver) in self.exchange.legs.iter().zip(&self.receivers) {
            out.integer(leg.asset.0.into(), 2);
            out.integer(leg.value, 16);
            out.bytes(&receiver.to_bytes());
        }
        out.integer(self.expiry.into(), 5);
        out.bytes(self.exchange.salt.as_bytes());
        out.finish()
    }

    /// Decodes terms; inverse of [`Terms::to_bytes`]. Accepts no other encoding, and only terms
    /// that make sense ([`Terms::new`]).
    ///
    /// # Errors
    /// [`TermsDecodeError`] naming the first violation.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TermsDecodeError> {
        if bytes.len() != Self::ENCODED_LEN {
            return Err(TermsDecodeError::Codec(CodecError::Length {
                expected: Self::ENCODED_LEN,
                found: bytes.len(),
            }));
        }
        let mut input = Reader::new(bytes);
        let version = input.u8()?;
        if version != VERSION {
            return Err(TermsDecodeError::Codec(CodecError::Version(version)));
        }
        let mut leg = || -> Result<(Leg, Address), TermsDecodeError> {
            let leg = Leg::cash(AssetId(input.u16()?), input.integer(16)?);
            Ok((leg, Address::from_bytes(&input.array()?)?))
        };
        let (a, b) = (leg()?, leg()?);
        let expiry = input.integer(5)? as u64;
        let exchange = Exchange {
            legs: [a.0, b.0],
            salt: Salt::from_bytes(input.array()?),
        };
        input.finish()?;
        Ok(Self::new(exchange, [a.1, b.1], expiry)?)
    }
}
