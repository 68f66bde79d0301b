//! Canonical byte encodings (spec: *Notation and hashing*).
//!
//! Elements of both fields take 32 bytes, big-endian. Points are encoded as y, with the parity of x
//! in bit 255. A decoder accepts exactly the outputs of its encoder.

use ark_bn254::Fr;
use ark_ec::AffineRepr;
use ark_ec::twisted_edwards::TECurveConfig;
use ark_ed_on_bn254::{EdwardsAffine, EdwardsConfig, Fr as Scalar};
use ark_ff::{BigInt, BigInteger, Field, One, PrimeField, Zero};
use thiserror::Error;

mod codec;
#[cfg(test)]
mod tests;
mod text;

pub use codec::CodecError;
pub(crate) use codec::{Reader, Writer};
pub(crate) use text::{bytes_from_hex, bytes_to_hex};
pub use text::{
    fr_from_hex, fr_to_hex, serde_bytes, serde_fr, serde_fr_array, serde_fr_vec, serde_point,
};

/// Reason why bytes do not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The integer is not below the modulus of the field.
    #[error("integer is not below the modulus")]
    NotCanonical,
    /// No point of the curve has this y coordinate, or the sign bit is set for x = 0.
    #[error("not a point of the curve")]
    NotOnCurve,
    /// The integer has more bits than its field.
    #[error("integer is wider than its field")]
    TooWide,
    /// The point has a component outside the prime subgroup.
    #[error("point is outside the prime subgroup")]
    NotInSubgroup,
    /// The point is the identity.
    #[error("point is the identity")]
    Identity,
    /// The text is not `0x` followed by the expected number of hexadecimal digits.
    #[error("text is not 0x followed by the expected number of hexadecimal digits")]
    NotHex,
}

fn limbs_to_bytes(limbs: BigInt<4>) -> [u8; 32] {
    let mut out = [0; 32];
    for (chunk, limb) in out.chunks_exact_mut(8).zip(limbs.0.iter().rev()) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    out
}

fn limbs_from_bytes(bytes: &[u8; 32]) -> BigInt<4> {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = chunk
            .iter()
            .fold(0u64, |limb, byte| (limb << 8) | u64::from(*byte));
    }
    BigInt(limbs)
}

/// Encodes an element of 𝔽 as 32 bytes, big-endian.
#[must_use]
pub fn fr_to_bytes(x: &Fr) -> [u8; 32] {
    limbs_to_bytes(x.into_bigint())
}

/// Reads 32 big-endian bytes as an element of 𝔽.
///
/// # Errors
/// [`DecodeError::NotCanonical`] if the integer is ≥ r.
pub fn fr_from_bytes(bytes: &[u8; 32]) -> Result<Fr, DecodeError> {
    Fr::from_bigint(limbs_from_bytes(bytes)).ok_or(DecodeError::NotCanonical)
}

/// Encodes an element of 𝔽ℓ as 32 bytes, big-endian.
#[must_use]
pub fn scalar_to_bytes(x: &Scalar) -> [u8; 32] {
    limbs_to_bytes(x.into_bigint())
}

/// Reads 32 big-endian bytes as an element of 𝔽ℓ.
///
/// # Errors
/// [`DecodeError::NotCanonical`] if the integer is ≥ ℓ.
pub fn scalar_from_bytes(bytes: &[u8; 32]) -> Result<Scalar, DecodeError> {
    Scalar::from_bigint(limbs_from_bytes(bytes)).ok_or(DecodeError::NotCanonical)
}

/// Returns the element whose integer is `x`.
#[must_use]
pub fn fr_from_u128(x: u128) -> Fr {
    Fr::from(x)
}

/// Returns the element whose integer is an L1 address, read big-endian.
#[must_use]
pub fn fr_from_address(address: &[u8; 20]) -> Fr {
    Fr::from_be_bytes_mod_order(address)
}

/// Returns the integer of `x` if it is below 2¹²⁸.
#[must_use]
pub fn fr_to_u128(x: &Fr) -> Option<u128> {
    match x.into_bigint().0 {
        [low, high, 0, 0] => Some(u128::from(low) | (u128::from(high) << 64)),
        _ => None,
    }
}

/// Returns x² of the points with this y coordinate: (1 − y²) / (1 − d·y²). The denominator is never
/// zero, because d is not a square.
pub(crate) fn x_squared(y: &Fr) -> Option<Fr> {
    let y2 = y.square();
    let denominator = Fr::one() - EdwardsConfig::COEFF_D * y2;
    Some((Fr::one() - y2) * denominator.inverse()?)
}

/// Returns the curve point with this y coordinate and this parity of x, in any subgroup.
pub(crate) fn lift_y(y: Fr, odd: bool) -> Option<EdwardsAffine> {
    let x = x_squared(&y)?.sqrt()?;
    if x.is_zero() && odd {
        return None;
    }
    let x = if x.into_bigint().is_odd() == odd {
        x
    } else {
        -x
    };
    Some(EdwardsAffine::new_unchecked(x, y))
}

/// Encodes a point as 32 bytes: y big-endian, bit 255 set if x is odd.
#[must_use]
pub fn point_to_bytes(point: &EdwardsAffine) -> [u8; 32] {
    let mut out = fr_to_bytes(&point.y);
    if point.x.into_bigint().is_odd() {
        out[0] |= 0x80;
    }
    out
}

/// Reads a point of the prime subgroup other than the identity.
///
/// # Errors
/// A [`DecodeError`] for y ≥ r, for a y without x, for a set sign bit at x = 0, for points outside
/// the prime subgroup and for the identity.
pub fn point_from_bytes(bytes: &[u8; 32]) -> Result<EdwardsAffine, DecodeError> {
    let mut y = *bytes;
    let odd = y[0] & 0x80 != 0;
    y[0] &= 0x7f;
    let point = lift_y(fr_from_bytes(&y)?, odd).ok_or(DecodeError::NotOnCurve)?;
    check_point(&point)?;
    Ok(point)
}

/// Checks that an untrusted point is on the curve, in the prime subgroup and not the identity.
///
/// # Errors
/// The [`DecodeError`] that names the failed check.
pub fn check_point(point: &EdwardsAffine) -> Result<(), DecodeError> {
    if !point.is_on_curve() {
        return Err(DecodeError::NotOnCurve);
    }
    if point.is_zero() {
        return Err(DecodeError::Identity);
    }
    if !point.is_in_correct_subgroup_assuming_on_curve() {
        return Err(DecodeError::NotInSubgroup);
    }
    Ok(())
}
