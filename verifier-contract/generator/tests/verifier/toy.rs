//! The test circuit.

use std::path::{Path, PathBuf};

use halo2_proofs::dev::MockProver;
use halo2_proofs::plonk::{
    Circuit, ConstraintSystem, FirstPhase, ProvingKey, keygen_pk, keygen_vk, keygen_vk_custom,
};
use halo2_proofs::poly::Rotation;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use revm::primitives::hardfork::SpecId;
use subrosa_verifier::{ExpressionError, Gates, KeyError, key_hash, vk_data};

use crate::circuit::{K, Toy};
use crate::evm::{Evm, Outcome};
use crate::proving::{parameters, prove, refuse_all, refuse_keys, verify, words};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/verifier")
        .join(name)
}

struct Fixture {
    params: ParamsKZG<Bn256>,
    pk: ProvingKey<G1Affine>,
    instances: [Fr; 5],
    proof: Vec<u8>,
    data: Vec<u8>,
}

fn fixture(k: u32) -> Fixture {
    let params = parameters(k);
    let circuit = Toy {
        start: Some([5, 6, 7].map(Fr::from)),
        low_degree: false,
    };
    let instances = circuit.instances();
    MockProver::run(k, &circuit, vec![instances.to_vec()])
        .unwrap()
        .assert_satisfied();
    let vk = keygen_vk_custom(&params, &Toy::default(), true).unwrap();
    let pk = keygen_pk(&params, vk, &Toy::default()).unwrap();
    let proof = prove(&params, &pk, circuit, &instances);
    let data = vk_data(&params, pk.get_vk(), 0).unwrap();
    Fixture {
        params,
        pk,
        instances,
        proof,
        data,
    }
}

/// The committed Solidity is what the generator writes.
/// `SUBROSA_WRITE_GENERATED=1` writes it anew; compile it then with `compile.js`.
#[test]
fn generated_gates_are_current() {
    let Fixture { pk, .. } = fixture(K);
    let gates = Gates::new(pk.get_vk().cs()).unwrap();
    let source = gates.solidity("ToyGates", "../../../src/Halo2Verifier.sol");
    let path = file("ToyGates.sol");
    if std::env::var_os("SUBROSA_WRITE_GENERATED").is_some() {
        std::fs::write(&path, &source).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), source);
    assert!(gates.operations() > 20);
}

#[test]
fn proofs_are_accepted_for_every_size_by_the_same_code() {
    for spec in [SpecId::PRAGUE, SpecId::OSAKA] {
        let mut evm = Evm::new(&file("ToyVerifier.json"), spec);
        println!("{spec:?}: code {} bytes", evm.code_size);
        assert!(evm.code_size <= 24_576);
        let mut hashes = Vec::new();
        for k in [K, K + 2] {
            let Fixture {
                params,
                pk,
                instances,
                proof,
                data,
            } = fixture(k);
            verify(&params, pk.get_vk(), &instances, &proof).unwrap();
            let (key, deployment) = evm.deploy_key(&data);
            assert_eq!(
                evm.verify(key, &words(&instances), &proof),
                Outcome::Accepted
            );
            let gas = evm.measure(key, &words(&instances), &proof);
            println!(
                "k = {k}: key {} bytes ({deployment} gas), proof {} bytes, {gas:?}",
                data.len(),
                proof.len()
            );
            hashes.push(key_hash(&data));
        }
        assert_ne!(hashes[0], hashes[1]);
    }
}

#[test]
fn everything_else_is_refused() {
    let Fixture {
        params,
        pk,
        mut instances,
        proof,
        data,
    } = fixture(K);
    let mut evm = Evm::new(&file("ToyVerifier.json"), SpecId::PRAGUE);
    let (key, _) = evm.deploy_key(&data);
    refuse_all(&mut evm, &data, key, &instances, &proof);
    refuse_keys(&mut evm, &data, &instances, &proof);
    // A key of another size.
    let (other, _) = evm.deploy_key(&fixture(K + 1).data);
    assert!(
        evm.verify(other, &words(&instances), &proof)
            .is_error("InvalidProof()")
    );

    instances[0] += Fr::one();
    assert!(verify(&params, pk.get_vk(), &instances, &proof).is_err());
}

/// What the contract would not follow is refused when code and key are written, not on L1.
#[test]
fn unsupported_circuits_are_refused() {
    // Before key generation the selectors are no columns yet.
    let mut cs = ConstraintSystem::default();
    Toy::configure(&mut cs);
    assert_eq!(Gates::new(&cs), Err(ExpressionError::Selector));

    let refusal = |change: &dyn Fn(&mut ConstraintSystem<Fr>)| {
        let mut cs = ConstraintSystem::default();
        change(&mut cs);
        Gates::new(&cs).unwrap_err()
    };
    let instance_of_the_next_row = |cs: &mut ConstraintSystem<Fr>| {
        let column = cs.instance_column();
        cs.create_gate("", |meta| {
            vec![meta.query_instance(column, Rotation::next())]
        });
    };
    assert_eq!(
        refusal(&instance_of_the_next_row),
        ExpressionError::InstanceQuery
    );
    let challenge = |cs: &mut ConstraintSystem<Fr>| {
        let _first_phase = cs.advice_column();
        let challenge = cs.challenge_usable_after(FirstPhase);
        cs.create_gate("", |meta| vec![meta.query_challenge(challenge)]);
    };
    assert_eq!(refusal(&challenge), ExpressionError::Challenge);

    // halo2-axiom's own limit on the degree, which the key would carry.
    let params = parameters(K);
    let vk = keygen_vk(
        &params,
        &Toy {
            low_degree: true,
            ..Toy::default()
        },
    )
    .unwrap();
    assert_eq!(vk_data(&params, &vk, 0), Err(KeyError::Degree(6)));
}
