//! The batch circuit of four slots, with client proofs made from trapdoors.

use std::sync::Arc;

use ark_bn254::{Fr as Scalar, G1Projective, G2Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{Field, UniformRand};
use halo2_proofs::plonk::keygen_pk2;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use subrosa_batch::{BatchCircuit, ClientKey, ClientProof, Statement, instances};
use subrosa_protocol::asset::AssetId;
use subrosa_protocol::batch::Shape;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::ledger::{BatchInput, Config, Ledger};

use super::compare;

/// Returns an empty batch. Each slot has a proof under a key with a known trapdoor.
fn statement(shape: Shape, slots: usize) -> (Arc<ClientKey>, Statement) {
    let mut rng = ChaCha20Rng::seed_from_u64(31);
    let [alpha, beta, gamma, delta, i0, i1] = [(); 6].map(|()| Scalar::rand(&mut rng));
    let g1 = |scalar: Scalar| (G1Projective::generator() * scalar).into_affine();
    let g2 = |scalar: Scalar| (G2Projective::generator() * scalar).into_affine();
    let key = Arc::new(ClientKey {
        alpha: g1(alpha),
        beta: g2(beta),
        gamma: g2(gamma),
        delta: g2(delta),
        inputs: [g1(i0), g1(i1)],
        padding: TransactionDigest::new(Scalar::rand(&mut rng)),
    });
    let proofs = (0..slots)
        .map(|_| {
            let [a, b] = [(); 2].map(|()| Scalar::rand(&mut rng));
            let inputs = (i0 + i1 * key.padding.element()) * gamma;
            let c = (a * b - alpha * beta - inputs) * delta.inverse().unwrap();
            ClientProof {
                a: g1(a),
                b: g2(b),
                c: g1(c),
            }
        })
        .collect();
    let zero = Scalar::from(0u64);
    let input = BatchInput {
        shape,
        time: 5,
        fee_recipient: [7; 20],
        assets_root: zero,
        prices: zero,
        transactions: vec![],
        deposits: vec![],
    };
    let config = Config {
        context: zero,
        fee_asset: AssetId(1),
        min_fee: 0,
    };
    let witness = Ledger::new().execute(input, &config).unwrap();
    (key, Statement { witness, proofs })
}

#[test]
#[ignore = "two minutes on two cores: parameters, keys and halo2's proof of 2^16 rows"]
fn same_bytes() {
    let shape = Shape::S4;
    let (key, statement) = statement(shape, 4);
    let mut public = instances(&statement.witness);
    let circuit = BatchCircuit::new(key.clone(), Arc::new(statement));
    let challenge = Fr::from(77);
    public.push(challenge);
    let advice = circuit.record().unwrap().advice(challenge).unwrap();
    let rng = ChaCha20Rng::seed_from_u64(1);
    let params = ParamsKZG::<Bn256>::setup(BatchCircuit::k(shape), rng);
    let pk = keygen_pk2(&params, &BatchCircuit::blank(shape, key), false).unwrap();
    compare(&params, &pk, &public, &advice);
}
