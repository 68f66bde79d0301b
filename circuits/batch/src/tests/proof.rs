//! A real proof of a batch of 4, under parameters made for this test.

use halo2_proofs::plonk::{create_proof, keygen_pk, keygen_vk, verify_proof};
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{
    Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2curves::ff::Field;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use subrosa_protocol::batch::Shape;

use super::clients::Clients;
use super::scenario::witness;
use crate::{BatchCircuit, instances};

#[test]
fn prove_and_verify() {
    let mut rng = ChaCha20Rng::seed_from_u64(31);
    let start = std::time::Instant::now();
    let params = ParamsKZG::<Bn256>::setup(BatchCircuit::k(Shape::S4), &mut rng);
    println!("parameters: {:?}", start.elapsed());
    let clients = Clients::get();
    let blank = BatchCircuit::blank(Shape::S4, clients.key.clone());
    let start = std::time::Instant::now();
    let vk = keygen_vk(&params, &blank).unwrap();
    let pk = keygen_pk(&params, vk, &blank).unwrap();
    println!("keys: {:?}", start.elapsed());

    let witness = witness(Shape::S4, 3, 2, 31);
    let mut public = instances(&witness);
    let circuit = clients.circuit(witness, 32);
    public.push(circuit.challenge);
    let start = std::time::Instant::now();
    let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(vec![]);
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
        &params,
        &pk,
        &[circuit],
        &[&[&public]],
        &mut rng,
        &mut transcript,
    )
    .unwrap();
    let proof = transcript.finalize();
    println!("proof: {:?}, {} bytes", start.elapsed(), proof.len());

    let verify = |public: &[Fr], proof: &[u8]| {
        let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof);
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            params.verifier_params(),
            pk.get_vk(),
            SingleStrategy::new(&params),
            &[&[public]],
            &mut transcript,
        )
        .is_ok()
    };
    assert!(verify(&public, &proof));
    for i in 0..public.len() {
        let mut other = public.clone();
        other[i] += Fr::ONE;
        assert!(!verify(&other, &proof));
    }
    let mut broken = proof.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert!(!verify(&public, &broken));
}
