//! The encoding of a proof: A ‖ B ‖ C, arkworks compressed, 32 + 64 + 32 bytes (spec: *Transaction*,
//! wire form).
//!
//! Bytes are only a claim. [`ProofBytes::decode`] gives a proof whose points lie on their curves, in
//! the prime-order subgroups, and are not the identity; the encoding of each is the only one there is.
//! Proof bytes identify nothing: anyone can re-randomise a Groth16 proof.

use std::fmt;

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_groth16::Proof;
use ark_serialize::CanonicalSerialize;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Length of an encoded proof.
pub const PROOF_LEN: usize = 128;

/// An encoded proof, not yet checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProofBytes([u8; PROOF_LEN]);

/// Which point of a proof, for errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofPoint {
    /// A, in G1.
    A,
    /// B, in G2.
    B,
    /// C, in G1.
    C,
}

/// Why bytes are not a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not exactly [`PROOF_LEN`] bytes.
    #[error("a proof has {PROOF_LEN} bytes, not {0}")]
    Length(usize),
    /// Not the canonical encoding of a point of the prime-order subgroup.
    #[error("{0:?} is not the canonical encoding of a point of its group")]
    Point(ProofPoint),
    /// The identity, which no honest proof contains.
    #[error("{0:?} is the identity")]
    Identity(ProofPoint),
}

impl ProofBytes {
    /// Takes bytes as they are.
    pub const fn new(bytes: [u8; PROOF_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; PROOF_LEN] {
        &self.0
    }

    /// Encodes a proof.
    pub fn encode(proof: &Proof<Bn254>) -> Self {
        let mut bytes = [0; PROOF_LEN];
        let mut rest = &mut bytes[..];
        let written = proof
            .a
            .serialize_compressed(&mut rest)
            .and_then(|()| proof.b.serialize_compressed(&mut rest))
            .and_then(|()| proof.c.serialize_compressed(&mut rest));
        written.expect("three compressed points have exactly this length");
        Self(bytes)
    }

    /// Decodes and checks.
    ///
    /// # Errors
    /// [`DecodeError::Point`] and [`DecodeError::Identity`] name the first point that is wrong.
    pub fn decode(&self) -> Result<Proof<Bn254>, DecodeError> {
        Ok(Proof {
            a: point::<G1Affine>(&self.0[..32], ProofPoint::A)?,
            b: point::<G2Affine>(&self.0[32..96], ProofPoint::B)?,
            c: point::<G1Affine>(&self.0[96..], ProofPoint::C)?,
        })
    }
}

fn point<G: AffineRepr>(bytes: &[u8], which: ProofPoint) -> Result<G, DecodeError> {
    let point = G::deserialize_compressed(bytes).map_err(|_| DecodeError::Point(which))?;
    // arkworks reads several encodings as the identity. That a point has one encoding only is
    // checked here, for all points alike.
    let mut canonical = Vec::with_capacity(bytes.len());
    point
        .serialize_compressed(&mut canonical)
        .map_err(|_| DecodeError::Point(which))?;
    if canonical != bytes {
        return Err(DecodeError::Point(which));
    }
    if point.is_zero() {
        return Err(DecodeError::Identity(which));
    }
    Ok(point)
}

impl TryFrom<&[u8]> for ProofBytes {
    type Error = DecodeError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        <[u8; PROOF_LEN]>::try_from(bytes)
            .map(Self)
            .map_err(|_| DecodeError::Length(bytes.len()))
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

/// As 0x-prefixed hexadecimal.
impl Serialize for ProofBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(self.0)))
    }
}

impl<'de> Deserialize<'de> for ProofBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = String::deserialize(deserializer)?;
        let digits = text
            .strip_prefix("0x")
            .ok_or_else(|| D::Error::custom("a proof begins with 0x"))?;
        let bytes = hex::decode(digits).map_err(D::Error::custom)?;
        Self::try_from(&bytes[..]).map_err(D::Error::custom)
    }
}
