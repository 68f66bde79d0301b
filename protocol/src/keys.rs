//! Keys and addresses (spec: *Keys and addresses*).
//!
//! ```text
//! seed ─┬─ ask ── ak = ask·G ─┬─ ivk ── pk = ivk·G ─┐
//!       └─ nk ────────────────┼─ ovk                ├─ address
//!                             └─ owner = H(ak, nk) ─┘
//! ```
//!
//! Types that hold secrets wipe them when dropped and print nothing of them.

use std::fmt;
use std::sync::OnceLock;

use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ed_on_bn254::{EdwardsAffine, Fr as Scalar};
use ark_ff::Zero;
use rand::{CryptoRng, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::domain::Domain;
use crate::element::{OwnerId, TransactionDigest};
use crate::encoding::{
    DecodeError, fr_to_bytes, lift_y, point_to_bytes, scalar_from_bytes, scalar_to_bytes,
};
use crate::{derive, poseidon};

mod address;
mod signature;
#[cfg(test)]
mod tests;

pub use address::{ADDRESS_LEN, Address, AddressError, Network};
pub use signature::{SIGNATURE_LEN, Signature};

/// Reason why derived scalars are used unchecked: "nonzero" in the specification's table of keys.
const NEVER_ZERO: &str = "a hash is 0 modulo ℓ with probability 2⁻²⁵¹";

/// Secret from which an institution's keys derive: 32 random bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Generates a seed.
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Wraps the bytes of a seed, which must have been random when they were made.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes, for storage under encryption.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// Derives a nonzero scalar from the hash.
///
/// # Panics
/// If the hash is 0 modulo ℓ, which has probability 2⁻²⁵¹.
pub(crate) fn derive_nonzero(label: &str, parts: &[&[u8]]) -> Scalar {
    let scalar = derive::scalar(label, parts);
    assert!(!scalar.is_zero(), "{NEVER_ZERO}");
    scalar
}

fn times_generator(scalar: &Scalar) -> EdwardsAffine {
    (EdwardsAffine::generator() * scalar).into_affine()
}

/// Spending key ask, which authorises payments. It can be kept apart from all other keys.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SpendKey {
    ask: Scalar,
    #[zeroize(skip)]
    ak: EdwardsAffine,
}

impl SpendKey {
    /// Derives ask = B("ask"; seed).
    #[must_use]
    pub fn from_seed(seed: &Seed) -> Self {
        let ask = derive_nonzero("ask", &[&seed.0]);
        Self {
            ak: times_generator(&ask),
            ask,
        }
    }

    /// Returns ak = ask·G, the key that verifies signatures.
    pub fn public(&self) -> EdwardsAffine {
        self.ak
    }

    /// Signs a transaction digest.
    ///
    /// The nonce depends on the key, on the digest and on 32 fresh bytes, so that neither a
    /// repeated nor a predictable generator reveals the key.
    pub fn sign(
        &self,
        digest: &TransactionDigest,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Signature {
        signature::sign(&self.ask, &self.ak, digest, rng)
    }
}

impl fmt::Debug for SpendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpendKey(..)")
    }
}

/// Full viewing key. It opens all notes received and sent, and can prove, but not sign.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ViewingKey {
    /// ask·G, the key that verifies signatures.
    #[zeroize(skip)]
    pub ak: EdwardsAffine,
    /// Nullifier key.
    pub nk: Fr,
    /// Incoming viewing key: decrypts outputs sent to this address.
    pub ivk: Scalar,
    /// Outgoing viewing key: reopens outputs that this key sent.
    pub ovk: [u8; 32],
    /// Owner of this key's notes: H(OWNER; ak.x, ak.y, nk).
    pub owner: OwnerId,
    /// Encryption key ivk·G.
    #[zeroize(skip)]
    pub pk: EdwardsAffine,
}

impl ViewingKey {
    /// Derives the viewing key of a seed: nk = B("nk"; seed), and ak of [`SpendKey::from_seed`].
    #[must_use]
    pub fn from_seed(seed: &Seed) -> Self {
        Self::from_parts(
            SpendKey::from_seed(seed).public(),
            derive::field("nk", &[&seed.0]),
        )
    }

    /// Derives the viewing key of nk and ak, a point that the decoder accepts.
    #[must_use]
    pub fn from_parts(ak: EdwardsAffine, nk: Fr) -> Self {
        let ak_bytes = point_to_bytes(&ak);
        let mut nk_bytes = fr_to_bytes(&nk);
        let ivk = derive_nonzero("ivk", &[&ak_bytes, &nk_bytes]);
        let ovk = derive::bytes32("ovk", &[&ak_bytes, &nk_bytes]);
        nk_bytes.zeroize();
        Self {
            ak,
            nk,
            ivk,
            ovk,
            owner: owner(&ak, &nk),
            pk: times_generator(&ivk),
        }
    }

    /// Returns the address at which this key is paid.
    #[must_use]
    pub fn address(&self) -> Address {
        Address {
            owner: self.owner,
            pk: self.pk,
        }
    }

    /// Returns the rcm of this key's deposit to itself with the given index: B("deposit"; ovk,
    /// index).
    #[must_use]
    pub fn deposit_rcm(&self, index: u64) -> Fr {
        derive::field("deposit", &[&self.ovk, &index.to_be_bytes()])
    }
}

impl fmt::Debug for ViewingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ViewingKey(..)")
    }
}

/// Returns owner = H(OWNER; ak.x, ak.y, nk).
#[must_use]
pub fn owner(ak: &EdwardsAffine, nk: &Fr) -> OwnerId {
    OwnerId::new(poseidon::hash(Domain::Owner, &[ak.x, ak.y, *nk]))
}

/// Secret key of an asset's auditor.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct AuditorKey(Scalar);

impl AuditorKey {
    /// Derives the auditor key of a seed: B("auditor"; seed) → 𝔽ℓ.
    #[must_use]
    pub fn from_seed(seed: &Seed) -> Self {
        Self(derive_nonzero("auditor", &[&seed.0]))
    }

    /// Reads the scalar from 32 bytes, big-endian.
    ///
    /// # Errors
    /// [`DecodeError::NotCanonical`] if it is ≥ ℓ, [`DecodeError::Identity`] if it is zero.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, DecodeError> {
        let scalar = scalar_from_bytes(bytes)?;
        if scalar.is_zero() {
            return Err(DecodeError::Identity);
        }
        Ok(Self(scalar))
    }

    /// Returns the scalar as 32 bytes, big-endian, for storage under encryption.
    #[must_use]
    pub fn to_bytes(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(scalar_to_bytes(&self.0))
    }

    /// Returns the public key A, which the asset's leaf carries.
    pub fn public(&self) -> EdwardsAffine {
        times_generator(&self.0)
    }

    /// Returns the secret scalar, for the shared secret with an ephemeral key.
    pub(crate) fn scalar(&self) -> &Scalar {
        &self.0
    }
}

impl fmt::Debug for AuditorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditorKey(..)")
    }
}

/// Returns N, the auditor key of an asset without an auditor: a point whose discrete logarithm
/// nobody knows, found by hashing to the curve (spec: *Notes*, *Auditor ciphertext*).
pub fn unaudited() -> EdwardsAffine {
    static POINT: OnceLock<EdwardsAffine> = OnceLock::new();
    *POINT.get_or_init(|| {
        (0u32..)
            .filter_map(|counter| {
                let y = derive::field("unaudited", &[&counter.to_be_bytes()]);
                Some(lift_y(y, false)?.mul_by_cofactor())
            })
            .find(|point| !point.is_zero())
            .expect("half of all y have an x")
    })
}
