//! Keys, proofs and public inputs as the JSON files of snarkjs. `snarkjs groth16 verify` checks
//! them with an implementation that shares no code with this one.

use ark_bn254::{Bn254, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_groth16::{Proof, VerifyingKey};
use serde_json::{Value, json};
use subrosa_protocol::element::TransactionDigest;

/// The three files that `snarkjs groth16 verify` reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnarkjsFiles {
    /// `verification_key.json`.
    pub verification_key: Value,
    /// `public.json`, which contains the digest.
    pub public: Value,
    /// `proof.json`.
    pub proof: Value,
}

/// Converts a key, a proof and the public input. Numbers become decimal strings; a coordinate of G2
/// is [c₀, c₁].
pub fn export_snarkjs(
    vk: &VerifyingKey<Bn254>,
    proof: &Proof<Bn254>,
    digest: &TransactionDigest,
) -> SnarkjsFiles {
    SnarkjsFiles {
        verification_key: json!({
            "protocol": "groth16",
            "curve": "bn128",
            "nPublic": vk.gamma_abc_g1.len().saturating_sub(1),
            "vk_alpha_1": g1(&vk.alpha_g1),
            "vk_beta_2": g2(&vk.beta_g2),
            "vk_gamma_2": g2(&vk.gamma_g2),
            "vk_delta_2": g2(&vk.delta_g2),
            "IC": vk.gamma_abc_g1.iter().map(g1).collect::<Vec<_>>(),
        }),
        public: json!([digest.element().to_string()]),
        proof: json!({
            "pi_a": g1(&proof.a),
            "pi_b": g2(&proof.b),
            "pi_c": g1(&proof.c),
            "protocol": "groth16",
            "curve": "bn128",
        }),
    }
}

/// Converts a point to snarkjs' projective coordinates; the identity is (0 : 1 : 0).
fn g1(point: &G1Affine) -> Value {
    match point.xy() {
        Some((x, y)) => json!([x.to_string(), y.to_string(), "1"]),
        None => json!(["0", "1", "0"]),
    }
}

fn g2(point: &G2Affine) -> Value {
    let pair = |value: Fq2| json!([value.c0.to_string(), value.c1.to_string()]);
    let (zero, one) = (Fq2::from(0u64), Fq2::from(1u64));
    match point.xy() {
        Some((x, y)) => json!([pair(x), pair(y), pair(one)]),
        None => json!([pair(zero), pair(one), pair(zero)]),
    }
}
