//! Schnorr signatures of transaction digests over the embedded curve.

use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ed_on_bn254::{EdwardsAffine, Fr as Scalar};
use ark_ff::PrimeField;
use rand::{CryptoRng, RngCore};
use zeroize::Zeroize;

use super::{derive_nonzero, times_generator};
use crate::domain::Domain;
use crate::element::TransactionDigest;
use crate::encoding::{
    DecodeError, fr_to_bytes, point_from_bytes, point_to_bytes, scalar_from_bytes, scalar_to_bytes,
};
use crate::poseidon;

/// Bytes of a signature: R ‖ s.
pub const SIGNATURE_LEN: usize = 64;

/// A signature (R, s).
///
/// Once the transaction is proven, the signature needs no secrecy. It is part of the witness and is
/// never published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// R = k·G.
    pub r: EdwardsAffine,
    /// s = k + e·ask.
    pub s: Scalar,
}

/// Returns e = H(SIGNATURE; R.x, R.y, ak.x, ak.y, digest), an integer in [0, r).
fn challenge(r: &EdwardsAffine, ak: &EdwardsAffine, digest: &TransactionDigest) -> Fr {
    let message = [r.x, r.y, ak.x, ak.y, Fr::from(*digest)];
    poseidon::hash(Domain::Signature, &message)
}

pub(super) fn sign(
    ask: &Scalar,
    ak: &EdwardsAffine,
    digest: &TransactionDigest,
    rng: &mut (impl RngCore + CryptoRng),
) -> Signature {
    let mut fresh = [0; 32];
    rng.fill_bytes(&mut fresh);
    let mut ask_bytes = scalar_to_bytes(ask);
    let mut k = derive_nonzero("nonce", &[&ask_bytes, &digest.to_bytes(), &fresh]);
    ask_bytes.zeroize();
    fresh.zeroize();
    let r = times_generator(&k);
    let e = Scalar::from_le_bytes_mod_order(&le_bytes(&challenge(&r, ak, digest)));
    let s = k + e * ask;
    k.zeroize();
    Signature { r, s }
}

fn le_bytes(x: &Fr) -> [u8; 32] {
    let mut bytes = fr_to_bytes(x);
    bytes.reverse();
    bytes
}

impl Signature {
    /// Whether this signs `digest` under `ak`: both points are on the curve and s·G = R + e·ak.
    ///
    /// As in the circuit, e multiplies as the integer it is, so both agree for every ak on the
    /// curve.
    #[must_use]
    pub fn verify(&self, ak: &EdwardsAffine, digest: &TransactionDigest) -> bool {
        if !self.r.is_on_curve() || !ak.is_on_curve() {
            return false;
        }
        let e = challenge(&self.r, ak, digest);
        let right = ak.mul_bigint(e.into_bigint()) + self.r;
        times_generator(&self.s) == right.into_affine()
    }

    /// Encodes R (32) ‖ s (32).
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SIGNATURE_LEN] {
        let mut out = [0; SIGNATURE_LEN];
        out[..32].copy_from_slice(&point_to_bytes(&self.r));
        out[32..].copy_from_slice(&scalar_to_bytes(&self.s));
        out
    }

    /// Reads R (32) ‖ s (32).
    ///
    /// # Errors
    /// A [`DecodeError`] if the decoder does not accept R, or s is ≥ ℓ.
    pub fn from_bytes(bytes: &[u8; SIGNATURE_LEN]) -> Result<Self, DecodeError> {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&bytes[..32]);
        s.copy_from_slice(&bytes[32..]);
        Ok(Self {
            r: point_from_bytes(&r)?,
            s: scalar_from_bytes(&s)?,
        })
    }
}
