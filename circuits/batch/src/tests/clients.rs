//! Clients' keys and proofs with a known trapdoor: valid proofs of any digest, at no cost.

use std::sync::{Arc, OnceLock};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{Field, UniformRand};
use halo2curves::bn256;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::transaction::digest;

use crate::{BatchCircuit, ClientKey, ClientProof, Statement};

/// A key with its trapdoor.
pub(crate) struct Clients {
    pub(crate) key: Arc<ClientKey>,
    alpha: Fr,
    beta: Fr,
    gamma: Fr,
    delta: Fr,
    inputs: [Fr; 2],
}

pub(crate) fn g1(scalar: Fr) -> G1Affine {
    (G1Projective::generator() * scalar).into_affine()
}

pub(crate) fn g2(scalar: Fr) -> G2Affine {
    (G2Projective::generator() * scalar).into_affine()
}

impl Clients {
    /// Creates a key.
    pub(crate) fn new(seed: u64) -> Clients {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        let [alpha, beta, gamma, delta, input0, input1] = [(); 6].map(|()| Fr::rand(rng));
        Clients {
            key: Arc::new(ClientKey {
                alpha: g1(alpha),
                beta: g2(beta),
                gamma: g2(gamma),
                delta: g2(delta),
                inputs: [g1(input0), g1(input1)],
                padding: TransactionDigest::new(Fr::rand(rng)),
            }),
            alpha,
            beta,
            gamma,
            delta,
            inputs: [input0, input1],
        }
    }

    /// Returns the key of most tests.
    pub(crate) fn get() -> &'static Clients {
        static CLIENTS: OnceLock<Clients> = OnceLock::new();
        CLIENTS.get_or_init(|| Clients::new(71))
    }

    /// Creates a proof of a digest.
    pub(crate) fn prove(&self, x: &Fr, rng: &mut ChaCha20Rng) -> ClientProof {
        let (a, b) = (Fr::rand(rng), Fr::rand(rng));
        let inputs = self.inputs[0] + self.inputs[1] * x;
        let c =
            (a * b - self.alpha * self.beta - inputs * self.gamma) * self.delta.inverse().unwrap();
        ClientProof {
            a: g1(a),
            b: g2(b),
            c: g1(c),
        }
    }

    /// Returns the digests that the slots of a batch are proven for.
    pub(crate) fn digests(&self, witness: &BatchWitness) -> Vec<Fr> {
        let digest = |slot: &subrosa_protocol::batch::SlotWitness| {
            if slot.active {
                digest(&slot.words)
            } else {
                self.key.padding
            }
        };
        witness.slots.iter().map(digest).map(Fr::from).collect()
    }

    /// Returns the whole circuit with a valid proof in every slot.
    pub(crate) fn circuit(&self, witness: BatchWitness, seed: u64) -> BatchCircuit {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        let proofs = self
            .digests(&witness)
            .iter()
            .map(|digest| self.prove(digest, rng))
            .collect();
        let statement = Statement { witness, proofs };
        let mut circuit = BatchCircuit::new(self.key.clone(), Arc::new(statement));
        circuit.challenge = bn256::Fr::from(0x005e_ed0f_c01c);
        circuit
    }
}

/// Returns the circuit of the state transition alone.
pub(crate) fn bare(witness: BatchWitness) -> BatchCircuit {
    let proofs = Vec::new();
    let statement = Statement { witness, proofs };
    let mut circuit = BatchCircuit::new(Clients::get().key.clone(), Arc::new(statement));
    circuit.bare = true;
    circuit.challenge = bn256::Fr::from(7);
    circuit
}

/// Returns the circuit of the state transition alone, without a witness.
pub(crate) fn bare_blank(shape: Shape) -> BatchCircuit {
    let mut circuit = BatchCircuit::blank(shape, Clients::get().key.clone());
    circuit.bare = true;
    circuit
}
