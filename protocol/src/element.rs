//! Elements of 𝔽 that cannot be confused: each meaning has its own type.
//!
//! The types have the canonical encodings of an element: 32 bytes, big-endian, and `0x` with 64
//! digits as text and in serde. A [`Nullifier`] is shorter: 24 bytes, 48 digits. `Fr::from` gives
//! the element for hashing; constructors are explicit, so that one meaning never turns into another
//! unnoticed.

use std::fmt;
use std::str::FromStr;

use ark_bn254::Fr;
use ark_ff::PrimeField;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

use crate::encoding::{
    DecodeError, bytes_from_hex, bytes_to_hex, fr_from_bytes, fr_from_hex, fr_to_bytes, fr_to_hex,
    serde_fr,
};
use crate::layout::audit;
use crate::layout::calldata::NULLIFIER_LEN;

/// Declares types of one element each.
macro_rules! elements {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Zeroize)]
        pub struct $name(Fr);

        impl $name {
            /// Gives an element this meaning.
            #[must_use]
            pub const fn new(element: Fr) -> Self {
                Self(element)
            }

            /// Returns the element.
            #[must_use]
            pub const fn element(&self) -> &Fr {
                &self.0
            }

            /// Encodes the element as 32 bytes, big-endian.
            #[must_use]
            pub fn to_bytes(&self) -> [u8; 32] {
                fr_to_bytes(&self.0)
            }

            /// Reads 32 big-endian bytes.
            ///
            /// # Errors
            /// [`DecodeError::NotCanonical`] if the integer is ≥ r.
            pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, DecodeError> {
                fr_from_bytes(bytes).map(Self)
            }
        }

        impl From<$name> for Fr {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&fr_to_hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = DecodeError;

            fn from_str(text: &str) -> Result<Self, DecodeError> {
                fr_from_hex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde_fr::serialize(&self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                serde_fr::deserialize(deserializer).map(Self)
            }
        }
    )+};
}

elements! {
    /// Owner of notes: H(OWNER; ak.x, ak.y, nk).
    OwnerId,
    /// Commitment of a note: H(NOTE; packed, inner).
    NoteCommitment,
    /// A note root and a price snapshot, to which a transaction refers: H(ANCHOR; note root,
    /// digest of the snapshot). See [`Anchor::of`].
    Anchor,
    /// Digest of a transaction: H(TRANSACTION; words).
    TransactionDigest,
}

/// Nullifier of a spent note or of a dummy input: the lowest 192 bits of a hash, as an element.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Zeroize)]
pub struct Nullifier(Fr);

impl Nullifier {
    /// Returns the nullifier with the lowest 192 bits of this hash.
    #[must_use]
    pub fn of(hash: Fr) -> Self {
        let bytes = fr_to_bytes(&hash);
        let mut low = [0; NULLIFIER_LEN];
        low.copy_from_slice(&bytes[32 - NULLIFIER_LEN..]);
        Self::from_bytes(&low)
    }

    /// Returns the element, which is below 2¹⁹².
    #[must_use]
    pub const fn element(&self) -> &Fr {
        &self.0
    }

    /// Encodes the nullifier as 24 bytes, big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; NULLIFIER_LEN] {
        let bytes = fr_to_bytes(&self.0);
        std::array::from_fn(|i| bytes[32 - NULLIFIER_LEN + i])
    }

    /// Reads 24 big-endian bytes. All of them are a nullifier's.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; NULLIFIER_LEN]) -> Self {
        Self(Fr::from_be_bytes_mod_order(bytes))
    }
}

impl TryFrom<Fr> for Nullifier {
    type Error = DecodeError;

    /// Gives an element this meaning.
    ///
    /// # Errors
    /// [`DecodeError::TooWide`] if the integer is ≥ 2¹⁹².
    fn try_from(element: Fr) -> Result<Self, DecodeError> {
        let nullifier = Self::of(element);
        if nullifier.0 == element {
            Ok(nullifier)
        } else {
            Err(DecodeError::TooWide)
        }
    }
}

impl From<Nullifier> for Fr {
    fn from(value: Nullifier) -> Self {
        value.0
    }
}

impl fmt::Display for Nullifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bytes_to_hex(&self.to_bytes()))
    }
}

impl fmt::Debug for Nullifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nullifier({self})")
    }
}

impl FromStr for Nullifier {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        bytes_from_hex(text).map(|bytes| Self::from_bytes(&bytes))
    }
}

impl Serialize for Nullifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Nullifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl OwnerId {
    /// Returns the lowest 101 bits, by which an auditor's word names the sender.
    #[must_use]
    pub fn tag(&self) -> SenderTag {
        let [low, high, ..] = self.0.into_bigint().0;
        let low = u128::from(low) | u128::from(high) << 64;
        SenderTag(low & ((1 << audit::SENDER.width) - 1))
    }
}

/// The lowest 101 bits of a sender's [`OwnerId`], which is what an auditor's word has room for.
///
/// To find an owner with the tag of one out of n given ones takes 2¹⁰¹/n hashes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SenderTag(u128);

impl SenderTag {
    /// Wraps an integer below 2¹⁰¹.
    #[must_use]
    pub const fn new(bits: u128) -> Self {
        Self(bits)
    }

    /// Returns the integer.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }
}

/// Shows 26 digits.
impl fmt::Display for SenderTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:026x}", self.0)
    }
}

impl fmt::Debug for SenderTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SenderTag({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nullifier_is_the_low_bits_of_its_hash() {
        let hash = -Fr::from(5u64);
        let nullifier = Nullifier::of(hash);
        assert_eq!(nullifier.to_bytes()[..], fr_to_bytes(&hash)[8..]);
        assert_eq!(Nullifier::from_bytes(&nullifier.to_bytes()), nullifier);
        assert_eq!(Nullifier::try_from(hash), Err(DecodeError::TooWide));
        assert_eq!(Nullifier::try_from(*nullifier.element()), Ok(nullifier));
        let widest = Nullifier::from_bytes(&[0xff; NULLIFIER_LEN]);
        let next = *widest.element() + Fr::from(1u64);
        assert_eq!(Nullifier::try_from(next), Err(DecodeError::TooWide));
        assert_eq!(Nullifier::of(next), Nullifier::of(Fr::from(0u64)));
        let text = nullifier.to_string();
        assert_eq!((text.len(), text.parse()), (50, Ok(nullifier)));
        assert!(fr_to_hex(nullifier.element()).parse::<Nullifier>().is_err());
    }

    #[test]
    fn a_tag_is_the_low_bits_of_its_owner() {
        let owner = OwnerId::new(-Fr::from(5u64));
        let low = u128::from_be_bytes(owner.to_bytes()[16..].try_into().unwrap());
        assert_eq!(owner.tag().bits(), low & ((1 << 101) - 1));
    }
}
