//! Encoding and decoding of a proof: A ‖ B ‖ C, arkworks compressed, 32 + 64 + 32 bytes (spec:
//! *Transaction*, wire form).
//!
//! [`ProofBytes`] are only a claim. [`decode_proof`] returns a proof whose points lie on their
//! curves and in the prime-order subgroups, and are not the identity. It accepts one encoding of
//! each point.

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_groth16::Proof;
use ark_serialize::CanonicalSerialize;
use subrosa_protocol::proof::{PROOF_LEN, ProofBytes};

/// A point of a proof, as errors name it.
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
    /// Not the canonical encoding of a point of the prime-order subgroup.
    #[error("{0:?} is not the canonical encoding of a point of its group")]
    Point(ProofPoint),
    /// The identity, which no honest proof contains.
    #[error("{0:?} is the identity")]
    Identity(ProofPoint),
}

/// Encodes a proof.
#[must_use]
pub fn encode_proof(proof: &Proof<Bn254>) -> ProofBytes {
    let mut bytes = [0; PROOF_LEN];
    let mut rest = &mut bytes[..];
    let written = proof
        .a
        .serialize_compressed(&mut rest)
        .and_then(|()| proof.b.serialize_compressed(&mut rest))
        .and_then(|()| proof.c.serialize_compressed(&mut rest));
    written.expect("three compressed points have exactly this length");
    ProofBytes::new(bytes)
}

/// Decodes a proof and checks its points.
///
/// # Errors
/// [`DecodeError::Point`] and [`DecodeError::Identity`] name the first invalid point.
pub fn decode_proof(proof: &ProofBytes) -> Result<Proof<Bn254>, DecodeError> {
    let bytes = proof.as_bytes();
    Ok(Proof {
        a: point::<G1Affine>(&bytes[..32], ProofPoint::A)?,
        b: point::<G2Affine>(&bytes[32..96], ProofPoint::B)?,
        c: point::<G1Affine>(&bytes[96..], ProofPoint::C)?,
    })
}

fn point<G: AffineRepr>(bytes: &[u8], which: ProofPoint) -> Result<G, DecodeError> {
    let point = G::deserialize_compressed(bytes).map_err(|_| DecodeError::Point(which))?;
    // arkworks reads several encodings as the identity. Comparing with the encoding that it writes
    // admits one encoding of each point.
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
