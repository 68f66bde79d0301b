//! The contract and its keys for the test circuit.

use std::path::{Path, PathBuf};

use halo2_proofs::dev::MockProver;
use halo2_proofs::plonk::{
    Circuit, ConstraintSystem, FirstPhase, ProvingKey, VerifyingKey, keygen_pk, keygen_vk,
    keygen_vk_custom,
};
use halo2_proofs::poly::Rotation;
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use revm::primitives::hardfork::SpecId;
use subrosa_verifier_generator::encoding::{point_bytes, scalar_bytes};
use subrosa_verifier_generator::transcript::column_challenge;
use subrosa_verifier_generator::{ExpressionError, Gates, KeyError, key_hash, vk_data};

use crate::circuit::{COMMITTED, K, Toy};
use crate::evm::{Evm, Outcome};
use crate::proving::{
    commit, parameters, prove, prove_under, refuse_all, refuse_keys, verify, verify_under, words,
};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/verifier")
        .join(name)
}

struct Fixture {
    params: ParamsKZG<Bn256>,
    pk: ProvingKey<G1Affine>,
    circuit: Toy,
    instances: [Fr; 5],
    proof: Vec<u8>,
    data: Vec<u8>,
}

fn fixture(k: u32) -> Fixture {
    let params = parameters(k);
    let circuit = Toy {
        start: Some([5, 6, 7].map(Fr::from)),
        words: [[8, 9, 10, 11].map(Fr::from); COMMITTED],
        challenge: Fr::from(12),
        low_degree: false,
    };
    let instances = circuit.instances();
    MockProver::run(k, &circuit, vec![circuit.all_instances()])
        .unwrap()
        .assert_satisfied();
    let vk = keygen_vk_custom(&params, &Toy::default(), true).unwrap();
    let pk = keygen_pk(&params, vk, &Toy::default()).unwrap();
    let proof = honest(&params, &pk, &circuit, COMMITTED);
    let data = vk_data(&params, pk.get_vk(), COMMITTED).unwrap();
    Fixture {
        params,
        pk,
        circuit,
        instances,
        proof,
        data,
    }
}

/// Returns the circuit with another challenge and the same words.
fn under(circuit: &Toy, challenge: Fr) -> Toy {
    Toy {
        challenge,
        ..circuit.clone()
    }
}

fn honest(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    circuit: &Toy,
    committed: usize,
) -> Vec<u8> {
    let advice = |challenge| under(circuit, challenge).advice(params.k());
    let mut columns = advice(Fr::zero());
    columns.truncate(committed);
    prove(params, pk, &circuit.instances(), columns, advice)
}

/// The committed Solidity equals the generator's output. `SUBROSA_WRITE_GENERATED=1` writes it
/// again; compile it afterwards with `compile.js`.
#[test]
fn generated_gates_are_current() {
    let Fixture { pk, .. } = fixture(K);
    let gates = Gates::new(pk.get_vk().cs()).unwrap();
    let source = gates.solidity("ToyGates", "../../../src/Halo2Verifier.sol");
    let path = file("ToyGates.sol");
    if std::env::var_os("SUBROSA_WRITE_GENERATED").is_some() {
        std::fs::write(&path, &source).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        source,
        "if the change is meant, SUBROSA_WRITE_GENERATED=1 writes ToyGates.sol again; then run \
         compile.js"
    );
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
                ..
            } = fixture(k);
            verify(&params, pk.get_vk(), &instances, COMMITTED, &proof).unwrap();
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
        ..
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
    assert!(verify(&params, pk.get_vk(), &instances, COMMITTED, &proof).is_err());
}

/// A prover who chooses the challenge can prove a false statement. For halo2 the challenge is an
/// ordinary instance; the contract computes it.
#[test]
fn a_freely_chosen_challenge_is_refused() {
    let Fixture {
        params,
        pk,
        circuit,
        instances,
        data,
        ..
    } = fixture(K);
    let mut evm = Evm::new(&file("ToyVerifier.json"), SpecId::PRAGUE);
    let (key, _) = evm.deploy_key(&data);

    let chosen = Fr::from(1_234);
    let mut lie = under(&circuit, chosen);
    lie.disagree(chosen);
    let forged = prove_under(&params, &pk, &instances, chosen, lie.advice(K));
    verify_under(&params, pk.get_vk(), &instances, chosen, &forged).unwrap();
    assert!(verify(&params, pk.get_vk(), &instances, COMMITTED, &forged).is_err());
    let outcome = evm.verify(key, &words(&instances), &forged);
    assert!(outcome.is_error("InvalidProof()"), "{outcome:?}");

    // A chosen challenge is refused for a true statement as well, be it zero or the hash of
    // slightly different data.
    let vk = pk.get_vk();
    let [first, second] = committed(&params, vk, &circuit);
    let representation = vk.transcript_repr();
    let mut others = instances;
    others.swap(0, 1);
    for challenge in [
        Fr::zero(),
        column_challenge(&(representation + Fr::one()), &instances, &[first, second]),
        column_challenge(&representation, &others, &[first, second]),
        column_challenge(&representation, &instances, &[second, first]),
        column_challenge(&representation, &instances, &[first]),
        column_challenge(&representation, &instances, &[]),
    ] {
        let advice = under(&circuit, challenge).advice(K);
        let other = prove_under(&params, &pk, &instances, challenge, advice);
        verify_under(&params, vk, &instances, challenge, &other).unwrap();
        let outcome = evm.verify(key, &words(&instances), &other);
        assert!(outcome.is_error("InvalidProof()"), "{outcome:?}");
    }
    let challenge = column_challenge(&representation, &instances, &[first, second]);
    let advice = under(&circuit, challenge).advice(K);
    let right = prove_under(&params, &pk, &instances, challenge, advice);
    assert_eq!(
        evm.verify(key, &words(&instances), &right),
        Outcome::Accepted
    );

    // The interface has no argument for a challenge.
    let mut six = words(&instances).to_vec();
    six.push(scalar_bytes(&challenge));
    let outcome = evm.call("verify(address,uint256[6],bytes)", key, &six, &right);
    assert_eq!(outcome, Outcome::Refused([0; 4], Vec::new()));
}

/// The committed columns are fixed before the challenge: other columns have another challenge.
#[test]
fn columns_changed_after_the_challenge_are_refused() {
    let Fixture {
        params,
        pk,
        circuit,
        instances,
        data,
        ..
    } = fixture(K);
    let mut evm = Evm::new(&file("ToyVerifier.json"), SpecId::PRAGUE);
    let (key, _) = evm.deploy_key(&data);
    let vk = pk.get_vk();
    let commitments = committed(&params, vk, &circuit);
    let challenge = column_challenge(&vk.transcript_repr(), &instances, &commitments);
    let mut changed = under(&circuit, challenge);
    changed.disagree(challenge);
    let proof = prove_under(&params, &pk, &instances, challenge, changed.advice(K));
    verify_under(&params, vk, &instances, challenge, &proof).unwrap();
    let outcome = evm.verify(key, &words(&instances), &proof);
    assert!(outcome.is_error("InvalidProof()"), "{outcome:?}");

    // Their own challenge distinguishes the columns.
    let proof = honest(&params, &pk, &changed, COMMITTED);
    assert!(verify(&params, vk, &instances, COMMITTED, &proof).is_err());
    let outcome = evm.verify(key, &words(&instances), &proof);
    assert!(outcome.is_error("InvalidProof()"), "{outcome:?}");

    // The commitments of that challenge, put at the start of a proof for the other columns.
    let mut swapped = prove_under(&params, &pk, &instances, challenge, changed.advice(K));
    for (place, commitment) in swapped.chunks_exact_mut(64).zip(&commitments) {
        place.copy_from_slice(&point_bytes(commitment));
    }
    let outcome = evm.verify(key, &words(&instances), &swapped);
    assert!(outcome.is_error("InvalidProof()"), "{outcome:?}");
}

/// The key determines the number of committed columns, from none to all.
#[test]
fn keys_commit_to_as_many_columns_as_they_say() {
    let Fixture {
        params,
        pk,
        circuit,
        instances,
        proof,
        data,
    } = fixture(K);
    let vk = pk.get_vk();
    let mut evm = Evm::new(&file("ToyVerifier.json"), SpecId::PRAGUE);
    for committed in [0, 1] {
        let key = vk_data(&params, vk, committed).unwrap();
        assert_eq!(key.len(), data.len());
        let (key, _) = evm.deploy_key(&key);
        let other = honest(&params, &pk, &circuit, committed);
        verify(&params, vk, &instances, committed, &other).unwrap();
        assert_eq!(
            evm.verify(key, &words(&instances), &other),
            Outcome::Accepted
        );
        let outcome = evm.verify(key, &words(&instances), &proof);
        assert!(outcome.is_error("InvalidProof()"), "{outcome:?}");
    }
    let advice = vk.cs().num_advice_columns();
    assert!(vk_data(&params, vk, advice).is_ok());
    let committed = advice + 1;
    assert_eq!(
        vk_data(&params, vk, committed),
        Err(KeyError::Committed { committed, advice })
    );
}

/// Returns the commitments to the committed columns.
fn committed(
    params: &ParamsKZG<Bn256>,
    vk: &VerifyingKey<G1Affine>,
    circuit: &Toy,
) -> [G1Affine; COMMITTED] {
    let mut columns = circuit.advice(params.k());
    columns.truncate(COMMITTED);
    commit(params, vk, columns).try_into().unwrap()
}

/// Unsupported circuits are refused when code and key are written, not on L1.
#[test]
fn unsupported_circuits_are_refused() {
    // Before key generation, selectors are not columns yet.
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

    // The key would have halo2-axiom's own limit on the degree.
    let params = parameters(K);
    let vk = keygen_vk(
        &params,
        &Toy {
            low_degree: true,
            ..Toy::default()
        },
    )
    .unwrap();
    assert_eq!(vk_data(&params, &vk, COMMITTED), Err(KeyError::Degree(6)));
}
