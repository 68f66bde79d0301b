//! Real proofs.

use super::{SHAPE, all_samples, rng};
use crate::circuit::TransactionCircuit;
use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{One, UniformRand};
use ark_groth16::r1cs_to_qap::LibsnarkReduction;
use ark_groth16::{Groth16, Proof, ProvingKey, prepare_verifying_key};
use ark_snark::SNARK;
use std::sync::LazyLock;
use std::time::Instant;
use subrosa_protocol::element::TransactionDigest;

static KEY: LazyLock<ProvingKey<Bn254>> = LazyLock::new(|| {
    let started = Instant::now();
    let blank = TransactionCircuit::blank();
    let (key, _) = Groth16::<Bn254>::circuit_specific_setup(blank, &mut rng(1000)).unwrap();
    println!("setup: {:?}", started.elapsed());
    key
});

fn verifies(digest: TransactionDigest, proof: &Proof<Bn254>) -> bool {
    let key = prepare_verifying_key(&KEY.vk);
    Groth16::<Bn254>::verify_proof(&key, proof, &[digest.into()]).unwrap()
}

#[test]
fn proofs_of_all_kinds_verify_for_their_digest_only() {
    let mut rng = rng(1001);
    assert_eq!(KEY.vk.gamma_abc_g1.len(), 2);
    for sample in all_samples(31) {
        let digest = sample.transaction.digest(&crate::samples::context());
        let circuit = TransactionCircuit::new(&sample.words, &sample.witness);
        let started = Instant::now();
        let proof = Groth16::<Bn254>::prove(&KEY, circuit.clone(), &mut rng).unwrap();
        println!("prove: {:?}", started.elapsed());
        assert!(verifies(digest, &proof));
        for other in [Fr::from(digest) + Fr::one(), Fr::rand(&mut rng)] {
            assert!(!verifies(TransactionDigest::new(other), &proof));
        }
        for tampered in [
            Proof {
                a: G1Affine::generator(),
                ..proof.clone()
            },
            Proof {
                c: G1Affine::generator(),
                ..proof.clone()
            },
            Proof {
                a: -proof.a,
                ..proof.clone()
            },
            Proof {
                a: proof.c,
                c: proof.a,
                ..proof.clone()
            },
        ] {
            assert!(!verifies(digest, &tampered));
        }

        // The same, from stored rows and an assignment alone.
        let started = Instant::now();
        let columns = circuit.assignment().unwrap();
        let assigned = started.elapsed();
        let proof = Groth16::<Bn254, LibsnarkReduction>::create_proof_with_reduction_and_matrices(
            &KEY,
            Fr::rand(&mut rng),
            Fr::rand(&mut rng),
            &SHAPE.matrices,
            SHAPE.instances,
            SHAPE.matrices[0].len(),
            &columns,
        )
        .unwrap();
        println!(
            "prove with kept rows: {:?}, assignment {assigned:?}",
            started.elapsed()
        );
        assert!(verifies(digest, &proof));
    }
}

#[test]
fn no_proof_of_a_false_statement_verifies() {
    let mut rng = rng(1002);
    let mut sample = all_samples(32).remove(0);
    sample.witness.outputs[0].note.value += 1;
    let columns = TransactionCircuit::new(&sample.words, &sample.witness)
        .assignment()
        .unwrap();
    let proof = Groth16::<Bn254, LibsnarkReduction>::create_proof_with_reduction_and_matrices(
        &KEY,
        Fr::rand(&mut rng),
        Fr::rand(&mut rng),
        &SHAPE.matrices,
        SHAPE.instances,
        SHAPE.matrices[0].len(),
        &columns,
    )
    .unwrap();
    assert!(!verifies(TransactionDigest::new(columns[1]), &proof));
}
