//! The clients' verifying key, a constant of the circuit, and their Groth16 proofs, one a slot
//! (spec: *Aggregation*).

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_groth16::{Proof, VerifyingKey};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::poseidon::hash;

use crate::aggregation::foreign::limbs::{Limbs, limbs_of, pack};

/// Verifying key of the transaction circuit. The batch circuit fixes it: another key means another
/// batch circuit, with other keys on L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey {
    /// α.
    pub alpha: G1Affine,
    /// β.
    pub beta: G2Affine,
    /// γ.
    pub gamma: G2Affine,
    /// δ.
    pub delta: G2Affine,
    /// IC₀ and IC₁; the statement's only input is the digest.
    pub inputs: [G1Affine; 2],
    /// Digest proven in empty slots. It belongs to a statement of kind 0, which anyone can prove.
    pub padding: TransactionDigest,
}

impl ClientKey {
    /// Takes the points of a key; returns `None` unless the key has exactly one public input.
    pub fn new(key: &VerifyingKey<Bn254>, padding: TransactionDigest) -> Option<ClientKey> {
        let inputs = key.gamma_abc_g1[..].try_into().ok()?;
        Some(ClientKey {
            alpha: key.alpha_g1,
            beta: key.beta_g2,
            gamma: key.gamma_g2,
            delta: key.delta_g2,
            inputs,
            padding,
        })
    }

    /// Returns a hash of the whole key. The transcript begins with it.
    pub(crate) fn identity(&self) -> Fr {
        let g1 = [self.alpha, self.inputs[0], self.inputs[1]];
        let g2 = [self.beta, self.gamma, self.delta];
        let mut coordinates = Vec::new();
        for (x, y) in g1.iter().filter_map(AffineRepr::xy) {
            coordinates.extend([x, y]);
        }
        for (x, y) in g2.iter().filter_map(AffineRepr::xy) {
            coordinates.extend([x.c0, x.c1, y.c0, y.c1]);
        }
        let limbs: Vec<Limbs> = coordinates.iter().map(limbs_of).collect();
        let mut words = pack(&limbs);
        words.push(self.padding.into());
        hash(Domain::Transcript, &words)
    }
}

/// A client's proof. Its points are unchecked: the circuit constrains them to their curves, and B
/// to its subgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientProof {
    /// A.
    pub a: G1Affine,
    /// B.
    pub b: G2Affine,
    /// C.
    pub c: G1Affine,
}

impl From<&Proof<Bn254>> for ClientProof {
    fn from(proof: &Proof<Bn254>) -> ClientProof {
        ClientProof {
            a: proof.a,
            b: proof.b,
            c: proof.c,
        }
    }
}
