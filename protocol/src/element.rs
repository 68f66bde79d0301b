//! Elements of 𝔽 that cannot be confused: each meaning has its own type.
//!
//! All types have the canonical encodings of an element: 32 bytes, big-endian, and `0x` with 64
//! digits as text and in serde. `Fr::from` gives the element for hashing; the constructor `new` is
//! explicit, so that one meaning never turns into another unnoticed.

use std::fmt;
use std::str::FromStr;

use ark_bn254::Fr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

use crate::encoding::{DecodeError, fr_from_bytes, fr_from_hex, fr_to_bytes, fr_to_hex, serde_fr};

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
    /// Nullifier of a spent note or of a dummy input.
    Nullifier,
    /// A note root and a price snapshot, to which a transaction refers: H(ANCHOR; note root,
    /// digest of the snapshot). See [`Anchor::of`].
    Anchor,
    /// Digest of a transaction: H(TRANSACTION; words).
    TransactionDigest,
}
