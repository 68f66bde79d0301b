//! Verification of client proofs, singly and in batches.

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::{MillerLoopOutput, Pairing};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, Zero};
use ark_groth16::{PreparedVerifyingKey, Proof, VerifyingKey, prepare_verifying_key};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::RngCore;
use rand::rngs::OsRng;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use subrosa_batch::ClientKey;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::proof::ProofBytes;

use super::proof::{DecodeError, decode_proof};
use crate::backend;

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The bytes do not encode a proof.
    #[error("malformed proof: {0}")]
    Malformed(#[from] DecodeError),
    /// The proof does not hold for this digest under this key.
    #[error("the proof does not verify for this digest")]
    Invalid,
}

/// Why a verifying key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes do not encode a key, or a point is outside its group.
    #[error("not the canonical encoding of a verifying key")]
    Encoding,
    /// The statement of the key does not have exactly one public input.
    #[error("the key is for {0} public inputs, a transaction has exactly one")]
    PublicInputs(usize),
    /// A point of the key is the identity.
    #[error("a point of the key is the identity")]
    Identity,
    /// γ = ±δ: the second phase of the setup was skipped, and proofs can be forged.
    #[error("γ equals δ: anyone could forge proofs under this key")]
    GammaEqualsDelta,
}

type Target = <Bn254 as Pairing>::TargetField;

/// A verifying key for transactions: statements with exactly one public input, the digest.
#[derive(Clone, Debug)]
pub struct TransactionVerifier {
    key: PreparedVerifyingKey<Bn254>,
    gamma: <Bn254 as Pairing>::G2Prepared,
    delta: <Bn254 as Pairing>::G2Prepared,
    beta: <Bn254 as Pairing>::G2Prepared,
    hash: [u8; 32],
    unsafe_development: bool,
}

impl TransactionVerifier {
    /// Checks a key and prepares it for verification.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn new(key: VerifyingKey<Bn254>, unsafe_development: bool) -> Result<Self, KeyError> {
        let inputs = key.gamma_abc_g1.len();
        if inputs != 2 {
            return Err(KeyError::PublicInputs(inputs.saturating_sub(1)));
        }
        let g2 = [key.beta_g2, key.gamma_g2, key.delta_g2];
        let g1 = [key.alpha_g1, key.gamma_abc_g1[0], key.gamma_abc_g1[1]];
        if g1.iter().any(AffineRepr::is_zero) || g2.iter().any(AffineRepr::is_zero) {
            return Err(KeyError::Identity);
        }
        if key.gamma_g2 == key.delta_g2 || key.gamma_g2 == -key.delta_g2 {
            return Err(KeyError::GammaEqualsDelta);
        }
        let mut bytes = Vec::new();
        key.serialize_compressed(&mut bytes)
            .map_err(|_| KeyError::Encoding)?;
        let prepared = |point: G2Affine| <Bn254 as Pairing>::G2Prepared::from(point);
        Ok(Self {
            gamma: prepared(key.gamma_g2),
            delta: prepared(key.delta_g2),
            beta: prepared(key.beta_g2),
            key: prepare_verifying_key(&key),
            hash: Sha256::digest(&bytes).into(),
            unsafe_development,
        })
    }

    /// Decodes a key from arkworks' compressed form, and checks every point. The bytes can be
    /// untrusted.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn from_bytes(bytes: &[u8], unsafe_development: bool) -> Result<Self, KeyError> {
        let mut rest = bytes;
        let key = VerifyingKey::deserialize_compressed(&mut rest)
            .ok()
            .filter(|_| rest.is_empty())
            .ok_or(KeyError::Encoding)?;
        Self::new(key, unsafe_development)
    }

    /// Returns the key in arkworks' compressed form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.key
            .vk
            .serialize_compressed(&mut bytes)
            .expect("writing to memory does not fail");
        bytes
    }

    /// Returns the key itself.
    pub fn key(&self) -> &VerifyingKey<Bn254> {
        &self.key.vk
    }

    /// Returns the key as the constant of a batch circuit. `padding` is the digest in empty slots.
    pub fn client_key(&self, padding: TransactionDigest) -> ClientKey {
        ClientKey::new(&self.key.vk, padding).expect("a key for exactly one public input")
    }

    /// Returns SHA-256 of the key's compressed form, which deployments pin.
    pub fn vk_hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Whether the key was made for development. Its maker can forge proofs.
    pub fn is_unsafe_development(&self) -> bool {
        self.unsafe_development
    }

    /// Verifies a proof of the transaction with this digest.
    ///
    /// # Errors
    /// [`VerifyError::Malformed`] if the bytes do not encode a proof, [`VerifyError::Invalid`] if
    /// the proof does not hold.
    pub fn verify(
        &self,
        digest: &TransactionDigest,
        proof: &ProofBytes,
    ) -> Result<(), VerifyError> {
        let proof = decode_proof(proof)?;
        if self.holds(digest, &proof) {
            Ok(())
        } else {
            Err(VerifyError::Invalid)
        }
    }

    /// Verifies many proofs, on all threads of the surrounding rayon pool. The cost is little more
    /// than one Miller loop for each proof. The results are in the order of the proofs.
    ///
    /// Verifies a random combination of the proofs first. If it fails, verifies each proof alone to
    /// find the invalid ones. A false proof passes with probability at most 2⁻¹²⁷: the coefficients
    /// come from the operating system after the proofs are fixed.
    pub fn verify_batch(
        &self,
        proofs: &[(TransactionDigest, ProofBytes)],
    ) -> Vec<Result<(), VerifyError>> {
        let decoded: Vec<Result<Proof<Bn254>, DecodeError>> = proofs
            .par_iter()
            .map(|(_, proof)| decode_proof(proof))
            .collect();
        let sound: Vec<(&TransactionDigest, &Proof<Bn254>)> = proofs
            .iter()
            .zip(&decoded)
            .filter_map(|((digest, _), proof)| Some((digest, proof.as_ref().ok()?)))
            .collect();
        let all_hold = sound.len() > 1 && self.all_hold(&sound);
        proofs
            .par_iter()
            .zip(&decoded)
            .map(|((digest, _), proof)| match proof {
                Err(error) => Err(VerifyError::Malformed(*error)),
                Ok(proof) if all_hold || self.holds(digest, proof) => Ok(()),
                Ok(_) => Err(VerifyError::Invalid),
            })
            .collect()
    }

    /// Returns IC₀ + x·IC₁ for the public input x.
    fn input_point(&self, digest: &TransactionDigest) -> G1Projective {
        self.key.vk.gamma_abc_g1[1] * digest.element() + self.key.vk.gamma_abc_g1[0]
    }

    /// Whether e(A, B) = e(α, β)·e(IC, γ)·e(C, δ).
    pub(super) fn holds(&self, digest: &TransactionDigest, proof: &Proof<Bn254>) -> bool {
        let loops = Bn254::multi_miller_loop(
            [proof.a, self.input_point(digest).into_affine(), proof.c],
            [
                proof.b.into(),
                self.key.gamma_g2_neg_pc.clone(),
                self.key.delta_g2_neg_pc.clone(),
            ],
        );
        Bn254::final_exponentiation(loops)
            .is_some_and(|product| product.0 == self.key.alpha_g1_beta_g2)
    }

    /// Whether ∏ e(ρᵢ·Aᵢ, Bᵢ) = e(Σρᵢ·α, β)·e(Σρᵢ·ICᵢ, γ)·e(Σρᵢ·Cᵢ, δ) for random 128-bit ρᵢ.
    fn all_hold(&self, proofs: &[(&TransactionDigest, &Proof<Bn254>)]) -> bool {
        let coefficients: Vec<Fr> = proofs.iter().map(|_| random_coefficient()).collect();
        let sum: Fr = coefficients.iter().sum();
        let input: Fr = coefficients
            .iter()
            .zip(proofs)
            .map(|(coefficient, (digest, _))| *coefficient * digest.element())
            .sum();
        let c_points: Vec<G1Affine> = proofs.iter().map(|(_, proof)| proof.c).collect();

        // The pairs of a chunk share the squarings of their Miller loop.
        let chunk = proofs
            .len()
            .div_ceil(rayon::current_num_threads())
            .clamp(1, 64);
        let (left, c) = rayon::join(
            || {
                proofs
                    .par_chunks(chunk)
                    .zip(coefficients.par_chunks(chunk))
                    .map(|(proofs, coefficients)| {
                        let a: Vec<G1Projective> = proofs
                            .iter()
                            .zip(coefficients)
                            .map(|((_, proof), coefficient)| proof.a * coefficient)
                            .collect();
                        let a = G1Projective::normalize_batch(&a);
                        Bn254::multi_miller_loop(a, proofs.iter().map(|(_, proof)| proof.b)).0
                    })
                    .reduce(|| Target::ONE, |x, y| x * y)
            },
            || backend::msm_g1(&c_points, &coefficients),
        );
        let vk = &self.key.vk;
        let ic = vk.gamma_abc_g1[0] * sum + vk.gamma_abc_g1[1] * input;
        let right = [-(vk.alpha_g1 * sum), -ic, -c];
        let right = Bn254::multi_miller_loop(
            G1Projective::normalize_batch(&right),
            [self.beta.clone(), self.gamma.clone(), self.delta.clone()],
        );
        Bn254::final_exponentiation(MillerLoopOutput(left * right.0))
            .is_some_and(|product| product.is_zero())
    }
}

/// Returns 128 random bits, not all zero.
fn random_coefficient() -> Fr {
    loop {
        let value = (u128::from(OsRng.next_u64()) << 64) | u128::from(OsRng.next_u64());
        if value != 0 {
            return Fr::from(value);
        }
    }
}
