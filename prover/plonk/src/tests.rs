//! Compares proofs with those of halo2, byte by byte.

mod batch;
mod collapse;
mod recording;
mod small;
mod transform;

use halo2_proofs::plonk::{ProvingKey, verify_proof};
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{
    Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::prove::{Choices, prove_with};
use crate::{EngineError, KeyCosets, Progress, Silent};

/// Makes a proof with the engine.
fn engine(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    instances: &[Fr],
    advice: Vec<Vec<Fr>>,
    seed: u64,
    progress: &dyn Progress,
    choices: &Choices<'_>,
) -> Result<Vec<u8>, EngineError> {
    let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(vec![]);
    let rng = ChaCha20Rng::seed_from_u64(seed);
    prove_with(
        params,
        pk,
        instances,
        advice,
        rng,
        &mut transcript,
        progress,
        choices,
    )?;
    Ok(transcript.finalize())
}

fn verifies(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    instances: &[Fr],
    proof: &[u8],
) -> bool {
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof);
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params.verifier_params(),
        pk.get_vk(),
        SingleStrategy::new(params),
        &[&[instances]],
        &mut transcript,
    )
    .is_ok()
}

/// Compares a proof with that of halo2 for halo2's random choices, and verifies one with the
/// engine's own choices.
fn compare(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    instances: &[Fr],
    advice: &[Vec<Fr>],
) {
    let start = std::time::Instant::now();
    let (expected, choices) = recording::halo2(params, pk, instances, advice.to_vec(), 9);
    println!("halo2: {:?}", start.elapsed());
    let start = std::time::Instant::now();
    let prove = |choices: &Choices<'_>| {
        engine(params, pk, instances, advice.to_vec(), 9, &Silent, choices).unwrap()
    };
    let same = prove(&choices);
    println!("engine: {:?}", start.elapsed());
    assert_eq!(same.len(), expected.len());
    let difference = same.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(difference, None, "of {} bytes", expected.len());
    assert!(verifies(params, pk, instances, &expected));

    let own = prove(&Choices::default());
    assert_eq!(
        own,
        prove(&Choices::default()),
        "same generator, same proof"
    );
    assert_ne!(own, same);
    let cosets = KeyCosets::new(pk);
    let kept = Choices {
        key: Some(&cosets),
        ..choices
    };
    let start = std::time::Instant::now();
    assert_eq!(prove(&kept), same);
    println!("engine with the key's cosets: {:?}", start.elapsed());
    assert!(verifies(params, pk, instances, &own));
    let mut other = instances.to_vec();
    other[0] += Fr::one();
    assert!(!verifies(params, pk, &other, &own));
}
