//! Makes proofs for the contract, and alters them in every way that must be refused.

use halo2_proofs::plonk::{
    Error, ProvingKey, VerifyingKey, create_proof_from_advice, verify_proof,
};
use halo2_proofs::poly::commitment::{Blind, Params};
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2_proofs::transcript::{TranscriptReadBuffer, TranscriptWriterBuffer};
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2curves::ff::Field;
use halo2curves::group::Curve;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use subrosa_verifier_generator::encoding::scalar_bytes;
use subrosa_verifier_generator::transcript::{
    KeccakRead, KeccakWrite, column_challenge, column_challenge_of_proof,
};
use subrosa_verifier_generator::{HEADER, INSTANCES};

use crate::evm::{Evm, Outcome};
use revm::primitives::{Address, U256};

pub(crate) const R: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
pub(crate) const Q: &str = "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Returns the commitments to the first advice columns, with which a proof will begin. The prover
/// first draws the cells after the usable rows, column by column.
pub(crate) fn commit(
    params: &ParamsKZG<Bn256>,
    vk: &VerifyingKey<G1Affine>,
    columns: Vec<Vec<Fr>>,
) -> Vec<G1Affine> {
    let mut rng = rng(2);
    let blinding = vk.cs().blinding_factors() + 1;
    let commit = |mut column: Vec<Fr>| {
        let usable = column.len() - blinding;
        column[usable..].fill_with(|| Fr::random(&mut rng));
        let polynomial = vk.get_domain().lagrange_from_vec(column);
        params
            .commit_lagrange(&polynomial, Blind::default())
            .to_affine()
    };
    columns.into_iter().map(commit).collect()
}

/// Makes a proof under a given challenge.
pub(crate) fn prove_under(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    instances: &[Fr; 5],
    challenge: Fr,
    advice: Vec<Vec<Fr>>,
) -> Vec<u8> {
    let mut transcript = KeccakWrite::init(Vec::new());
    create_proof_from_advice::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _>(
        params,
        pk,
        &[&[&instances[..], &[challenge]].concat()],
        advice,
        rng(2),
        &mut transcript,
    )
    .unwrap();
    transcript.finalize()
}

/// Makes a proof in two steps: the committed columns determine the column challenge, from which the
/// other columns are made.
pub(crate) fn prove(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    instances: &[Fr; 5],
    committed: Vec<Vec<Fr>>,
    advice: impl FnOnce(Fr) -> Vec<Vec<Fr>>,
) -> Vec<u8> {
    let representation = pk.get_vk().transcript_repr();
    let count = committed.len();
    let commitments = commit(params, pk.get_vk(), committed);
    let challenge = column_challenge(&representation, instances, &commitments);
    let proof = prove_under(params, pk, instances, challenge, advice(challenge));
    // The proof contains the columns committed to before.
    assert_eq!(
        column_challenge_of_proof(&representation, instances, count, &proof),
        Some(challenge)
    );
    proof
}

/// Verifies with halo2's own verifier, under the challenge of the proof.
pub(crate) fn verify(
    params: &ParamsKZG<Bn256>,
    vk: &VerifyingKey<G1Affine>,
    instances: &[Fr; 5],
    committed: usize,
    proof: &[u8],
) -> Result<(), Error> {
    let challenge = column_challenge_of_proof(&vk.transcript_repr(), instances, committed, proof)
        .ok_or(Error::Opening)?;
    verify_under(params, vk, instances, challenge, proof)
}

/// Verifies with halo2's own verifier, under a given challenge.
pub(crate) fn verify_under(
    params: &ParamsKZG<Bn256>,
    vk: &VerifyingKey<G1Affine>,
    instances: &[Fr; 5],
    challenge: Fr,
    proof: &[u8],
) -> Result<(), Error> {
    let mut transcript = KeccakRead::init(proof);
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        vk,
        SingleStrategy::new(params),
        &[&[&[&instances[..], &[challenge]].concat()]],
        &mut transcript,
    )?;
    Ok(transcript.finish()?)
}

pub(crate) fn words(instances: &[Fr; 5]) -> [[u8; 32]; 5] {
    instances.map(|instance| scalar_bytes(&instance))
}

fn add(word: &mut [u8], summand: &str) {
    let summand = U256::from_str_radix(summand, 16).unwrap();
    let sum = U256::from_be_slice(word).checked_add(summand).unwrap();
    word.copy_from_slice(&sum.to_be_bytes::<32>());
}

/// Returns a number in the header of a key.
fn header(vk_data: &[u8], name: &str) -> usize {
    let at = 32 * HEADER.iter().position(|known| *known == name).unwrap();
    usize::try_from(U256::from_be_slice(&vk_data[at..at + 32])).unwrap()
}

/// Returns the range of the scalars of a proof; points precede and follow it.
fn scalars(vk_data: &[u8]) -> std::ops::Range<usize> {
    let proof = header(vk_data, "LENGTH") + 32 * (2 + INSTANCES);
    header(vk_data, "AT_X") - proof..header(vk_data, "AT_OPENING") - proof
}

/// Checks that the contract refuses every alteration of an accepted proof and its instances.
pub(crate) fn refuse_all(
    evm: &mut Evm,
    vk_data: &[u8],
    key: Address,
    instances: &[Fr; 5],
    proof: &[u8],
) {
    let scalars = scalars(vk_data);
    let valid = words(instances);
    assert_eq!(evm.verify(key, &valid, proof), Outcome::Accepted);

    for i in 0..5 {
        let mut altered = valid;
        add(&mut altered[i], R);
        let outcome = evm.verify(key, &altered, proof);
        assert!(
            outcome.is_error("InvalidInstance(uint256)"),
            "instance {i} + r: {outcome:?}"
        );
        let mut altered = *instances;
        altered[i] += Fr::one();
        let outcome = evm.verify(key, &words(&altered), proof);
        assert!(
            outcome.is_error("InvalidProof()"),
            "instance {i} + 1: {outcome:?}"
        );
    }

    for at in (0..proof.len()).step_by(32) {
        // A different bit in each word, low enough to keep a scalar canonical.
        let bit = (at / 32 * 37) % 240;
        let mut altered = proof.to_vec();
        altered[at + 31 - bit / 8] ^= 1 << (bit % 8);
        let outcome = evm.verify(key, &valid, &altered);
        let expected = if scalars.contains(&at) {
            "InvalidProof()"
        } else {
            "InvalidPoint(uint256)"
        };
        assert!(
            outcome.is_error(expected),
            "bit {bit} of word {}: {outcome:?}",
            at / 32
        );

        let mut altered = proof.to_vec();
        let (modulus, expected) = if scalars.contains(&at) {
            (R, "InvalidScalar(uint256)")
        } else {
            (Q, "InvalidPoint(uint256)")
        };
        add(&mut altered[at..at + 32], modulus);
        let outcome = evm.verify(key, &valid, &altered);
        assert!(
            outcome.is_error(expected),
            "modulus on word {}: {outcome:?}",
            at / 32
        );
    }

    // Invalid points, and valid points in the wrong place.
    let points = (0..scalars.start).chain(scalars.end..proof.len());
    for at in points.filter(|at| {
        (at % 64)
            == if *at < scalars.start {
                0
            } else {
                scalars.end % 64
            }
    }) {
        let mut altered = proof.to_vec();
        altered[at..at + 64].fill(0);
        let outcome = evm.verify(key, &valid, &altered);
        assert!(
            outcome.is_error("InvalidPoint(uint256)"),
            "identity at {at}: {outcome:?}"
        );
        altered[at + 31] = 1;
        altered[at + 63] = 2;
        let outcome = evm.verify(key, &valid, &altered);
        assert!(
            outcome.is_error("InvalidProof()"),
            "generator at {at}: {outcome:?}"
        );
        altered[at + 63] = 3;
        let outcome = evm.verify(key, &valid, &altered);
        assert!(
            outcome.is_error("InvalidPoint(uint256)"),
            "off the curve at {at}: {outcome:?}"
        );
    }

    let length = "InvalidProofLength(uint256,uint256)";
    for altered in [
        &proof[..proof.len() - 1],
        &proof[..proof.len() - 32],
        &[],
        &[proof, &[0]].concat(),
        &[proof, proof].concat(),
    ] {
        assert!(evm.verify(key, &valid, altered).is_error(length));
    }
}

/// Checks that altered keys are refused. `proof` belongs to `vk_data`.
pub(crate) fn refuse_keys(evm: &mut Evm, vk_data: &[u8], instances: &[Fr; 5], proof: &[u8]) {
    let valid = words(instances);
    let invalid = "InvalidKey()";
    assert!(
        evm.verify(Address::ZERO, &valid, proof).is_error(invalid),
        "no code"
    );
    // Magic, modulus, gates, length.
    for word in [0, 1, 2, 4] {
        let mut altered = vk_data.to_vec();
        altered[32 * word + 31] ^= 1;
        let (key, _) = evm.deploy_key(&altered);
        assert!(
            evm.verify(key, &valid, proof).is_error(invalid),
            "header word {word}"
        );
    }
    for altered in [
        &vk_data[..vk_data.len() - 32],
        &[vk_data, &[0; 32]].concat(),
        &vk_data[..64],
    ] {
        let (key, _) = evm.deploy_key(altered);
        assert!(
            evm.verify(key, &valid, proof).is_error(invalid),
            "length {}",
            altered.len()
        );
    }
    // The transcript absorbs the digest of the key first.
    let mut altered = vk_data.to_vec();
    altered[32 * 3 + 31] ^= 1;
    let (key, _) = evm.deploy_key(&altered);
    assert!(
        evm.verify(key, &valid, proof).is_error("InvalidProof()"),
        "representation"
    );
    // The column challenge is drawn from other commitments, or from no commitments.
    let at = 32 * HEADER.iter().position(|name| *name == "COMMITTED").unwrap();
    let committed = header(vk_data, "COMMITTED");
    for other in [0, committed - 1, committed + 1] {
        let mut altered = vk_data.to_vec();
        altered[at + 31] = u8::try_from(other).unwrap();
        let (key, _) = evm.deploy_key(&altered);
        assert!(
            evm.verify(key, &valid, proof).is_error("InvalidProof()"),
            "{other} committed columns"
        );
    }
    // Replace [s]₂ by another point of the group: by −[1]₂, which precedes it.
    let g2 = 32 * (HEADER.len() + 2);
    let mut altered = vk_data.to_vec();
    altered.copy_within(g2..g2 + 128, g2 + 128);
    let (key, _) = evm.deploy_key(&altered);
    assert!(
        evm.verify(key, &valid, proof).is_error("InvalidProof()"),
        "[s]₂"
    );
    // Any bit anywhere. The last word may be padding except its first byte.
    for at in (0..vk_data.len()).step_by(32) {
        let mut altered = vk_data.to_vec();
        altered[at] ^= 1;
        let (key, _) = evm.deploy_key(&altered);
        assert_ne!(
            evm.verify(key, &valid, proof),
            Outcome::Accepted,
            "word {}",
            at / 32
        );
    }
    // Replace every commitment by another point of the curve.
    let start = header(vk_data, "AT_ROTATIONS") + 32 * header(vk_data, "ROTATIONS");
    for at in (start..header(vk_data, "AT_COLUMNS")).step_by(64) {
        let mut altered = vk_data.to_vec();
        altered[at..at + 64].fill(0);
        altered[at + 31] = 1;
        altered[at + 63] = 2;
        let (key, _) = evm.deploy_key(&altered);
        let outcome = evm.verify(key, &valid, proof);
        assert!(
            outcome.is_error("InvalidProof()"),
            "commitment at {at}: {outcome:?}"
        );
    }
}

/// Makes development parameters. Anyone who reads the seed knows the secret.
pub(crate) fn parameters(k: u32) -> ParamsKZG<Bn256> {
    let params = ParamsKZG::<Bn256>::setup(k, rng(1));
    assert_eq!(params.k(), k);
    params
}
