//! The wire form of a client proof (spec: *Transaction*, wire form).
//!
//! This crate treats the bytes as opaque. The prover crate decodes the points and checks them
//! where it verifies the proof.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Length of a client proof in bytes: A (32), B (64), C (32), compressed.
pub const PROOF_LEN: usize = 128;

/// A client proof as it arrived: no point of it has been checked.
///
/// These bytes identify nothing. Anyone who saw a Groth16 proof can re-randomise it into another
/// valid proof of the same statement.
///
/// ```
/// use subrosa_protocol::proof::{PROOF_LEN, ProofBytes};
///
/// let proof = ProofBytes::new([7; PROOF_LEN]);
/// assert_eq!(ProofBytes::try_from(&proof.as_bytes()[..]), Ok(proof));
/// assert!(ProofBytes::try_from(&[7; 127][..]).is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProofBytes([u8; PROOF_LEN]);

/// The bytes given for a proof do not number [`PROOF_LEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a proof has {PROOF_LEN} bytes, not {0}")]
pub struct ProofLengthError(pub usize);

impl ProofBytes {
    /// Wraps the bytes without checking them.
    #[must_use]
    pub const fn new(bytes: [u8; PROOF_LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PROOF_LEN] {
        &self.0
    }
}

impl TryFrom<&[u8]> for ProofBytes {
    type Error = ProofLengthError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        <[u8; PROOF_LEN]>::try_from(bytes)
            .map(Self)
            .map_err(|_| ProofLengthError(bytes.len()))
    }
}

impl AsRef<[u8]> for ProofBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ProofBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProofBytes({}…)", hex::encode(&self.0[..8]))
    }
}

/// Writes 0x-prefixed hexadecimal.
impl Serialize for ProofBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(self.0)))
    }
}

/// Reads 0x-prefixed hexadecimal.
impl<'de> Deserialize<'de> for ProofBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text
            .strip_prefix("0x")
            .ok_or_else(|| D::Error::custom("a proof begins with 0x"))?;
        let bytes = hex::decode(digits).map_err(D::Error::custom)?;
        Self::try_from(&bytes[..]).map_err(D::Error::custom)
    }
}
