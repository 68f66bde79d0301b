//! Client proofs of real statements: honest proofs verify, altered ones do not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, OnceLock};

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{Field, PrimeField};
use ark_groth16::{Groth16, Proof};
use ark_serialize::CanonicalSerialize;
use ark_snark::SNARK;
use rand::SeedableRng;
use rand::rngs::StdRng;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::layout::word;
use subrosa_protocol::proof::{PROOF_LEN, ProofBytes, ProofLengthError};
use subrosa_protocol::swap::Side;
use subrosa_prover::groth16::{
    DecodeError, KeyError, ProofPoint, ProveError, TransactionKeys, TransactionVerifier,
    VerifyError, decode_proof, encode_proof, export_snarkjs,
};
use subrosa_prover::progress::Silent;
use subrosa_transaction::samples::LoanCase;
use subrosa_transaction::{Rule, samples};

fn keys() -> &'static Arc<TransactionKeys> {
    static KEYS: OnceLock<Arc<TransactionKeys>> = OnceLock::new();
    KEYS.get_or_init(|| support::keys().transaction(&Silent).unwrap())
}

fn proven(seed: u64) -> (TransactionDigest, ProofBytes) {
    let mut rng = StdRng::seed_from_u64(seed);
    let sample = match seed % 5 {
        0 => samples::transfer(&mut rng),
        1 => samples::transfer_of_three(&mut rng),
        2 => samples::withdraw(&mut rng),
        3 => samples::swap_leg(Side::A, &mut rng),
        _ => samples::swap_leg(Side::B, &mut rng),
    };
    let proof = keys().prove(&sample.words, &sample.witness).unwrap();
    (sample.transaction.digest(&samples::context()), proof)
}

/// Returns proofs that most tests share, because proving is slow.
fn shared() -> &'static [(TransactionDigest, ProofBytes)] {
    static PROOFS: OnceLock<Vec<(TransactionDigest, ProofBytes)>> = OnceLock::new();
    PROOFS.get_or_init(|| (0..5).map(proven).collect())
}

#[test]
fn samples_of_every_kind_prove_and_verify() {
    let mut rng = StdRng::seed_from_u64(100);
    for sample in [
        samples::transfer(&mut rng),
        samples::transfer_of_three(&mut rng),
        samples::withdraw(&mut rng),
        samples::padding(&mut rng),
        samples::swap_leg(Side::A, &mut rng),
        samples::swap_leg(Side::B, &mut rng),
        samples::loan_step(LoanCase::Open, &mut rng),
        samples::loan_step(LoanCase::Repay, &mut rng),
        samples::loan_step(LoanCase::Liquidate, &mut rng),
    ] {
        let digest = sample.transaction.digest(&samples::context());
        let proof = keys().prove(&sample.words, &sample.witness).unwrap();
        assert_eq!(keys().verify(&digest, &proof), Ok(()));
        // ark-groth16's own verifier agrees.
        let vk = keys().verifier().key();
        let decoded = decode_proof(&proof).unwrap();
        assert!(Groth16::<Bn254>::verify(vk, &[digest.into()], &decoded).unwrap());
        // Proofs are blinded: the same statement has another proof each time.
        assert_ne!(keys().prove(&sample.words, &sample.witness).unwrap(), proof);
    }
}

#[test]
fn a_false_witness_yields_the_rule_it_breaks_and_no_proof() {
    let mut rng = StdRng::seed_from_u64(101);
    let sample = samples::transfer(&mut rng);

    let mut words = sample.words;
    words[word::EPHEMERAL] += Fr::ONE;
    assert!(matches!(
        keys().prove(&words, &sample.witness),
        Err(ProveError::Rule(Rule::T14))
    ));
    let step = samples::loan_step(LoanCase::Liquidate, &mut rng);
    let mut witness = step.witness.clone();
    witness.loan.as_mut().unwrap().snapshot = None;
    assert!(matches!(
        keys().prove(&step.words, &witness),
        Err(ProveError::Rule(Rule::T17))
    ));
    let mut words = sample.words;
    words[word::NULLIFIERS.start] += Fr::ONE;
    assert!(matches!(
        keys().prove(&words, &sample.witness),
        Err(ProveError::Rule(Rule::T4))
    ));
    let mut witness = sample.witness.clone();
    witness.nk += Fr::ONE;
    assert!(matches!(
        keys().prove(&sample.words, &witness),
        Err(ProveError::Rule(_))
    ));
}

#[test]
fn a_leg_other_than_the_terms_yields_its_rule_and_no_proof() {
    let mut rng = StdRng::seed_from_u64(102);
    for side in Side::BOTH {
        let sample = samples::swap_leg(side, &mut rng);
        let refused = |words: &_, witness: &_| keys().prove(words, witness).unwrap_err();

        let mut words = sample.words;
        words[word::TERMS] += Fr::ONE;
        let error = refused(&words, &sample.witness);
        assert!(matches!(error, ProveError::Rule(Rule::T19)), "{error}");

        // Change the kind to that of the other side, and nothing else.
        let mut words = sample.words;
        words[word::HEADER] += match side {
            Side::A => Fr::ONE,
            Side::B => -Fr::ONE,
        };
        let error = refused(&words, &sample.witness);
        assert!(matches!(error, ProveError::Rule(Rule::T19)), "{error}");

        let mut witness = sample.witness.clone();
        witness.counter_leg = None;
        let error = refused(&sample.words, &witness);
        assert!(matches!(error, ProveError::Rule(Rule::T19)), "{error}");
    }
}

#[test]
fn proofs_hold_for_their_own_digest_only() {
    let proofs = shared();
    for (i, (digest, _)) in proofs.iter().enumerate() {
        for (j, (_, proof)) in proofs.iter().enumerate() {
            let expected = if i == j {
                Ok(())
            } else {
                Err(VerifyError::Invalid)
            };
            assert_eq!(keys().verify(digest, proof), expected);
        }
    }
    let (digest, proof) = proofs[0];
    let element = Fr::from(digest);
    for wrong in [element + Fr::ONE, -element, Fr::from(0u64)] {
        let wrong = TransactionDigest::new(wrong);
        assert_eq!(keys().verify(&wrong, &proof), Err(VerifyError::Invalid));
    }
}

#[test]
fn every_flipped_bit_is_rejected() {
    let (digest, proof) = shared()[0];
    for bit in 0..PROOF_LEN * 8 {
        // All bits of the last bytes, which contain flags; every third bit elsewhere.
        if bit % 3 != 0 && ![31, 95, 127].contains(&(bit / 8)) {
            continue;
        }
        let mut bytes = *proof.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(
            keys().verify(&digest, &ProofBytes::new(bytes)).is_err(),
            "bit {bit}"
        );
    }
}

#[test]
fn malformed_proofs_are_named() {
    let (digest, proof) = shared()[0];
    let decoded = decode_proof(&proof).unwrap();
    let verify = |bytes: [u8; PROOF_LEN]| keys().verify(&digest, &ProofBytes::new(bytes));
    let malformed = |error| Err(VerifyError::Malformed(error));

    // The identity.
    for (point, proof) in [
        (
            ProofPoint::A,
            Proof {
                a: G1Affine::zero(),
                ..decoded.clone()
            },
        ),
        (
            ProofPoint::B,
            Proof {
                b: G2Affine::zero(),
                ..decoded.clone()
            },
        ),
        (
            ProofPoint::C,
            Proof {
                c: G1Affine::zero(),
                ..decoded.clone()
            },
        ),
    ] {
        assert_eq!(
            verify(*encode_proof(&proof).as_bytes()),
            malformed(DecodeError::Identity(point))
        );
    }

    // x + q instead of x, if it fits in 254 bits.
    let mut bytes = *proof.as_bytes();
    let q = ark_bn254::Fq::MODULUS.0;
    let mut carry = 0u128;
    for (limb, chunk) in q.iter().zip(bytes[..32].chunks_exact_mut(8)) {
        let sum =
            u128::from(u64::from_le_bytes(chunk.try_into().unwrap())) + u128::from(*limb) + carry;
        chunk.copy_from_slice(&(sum as u64).to_le_bytes());
        carry = sum >> 64;
    }
    assert_eq!(verify(bytes), malformed(DecodeError::Point(ProofPoint::A)));

    // Both flags at once.
    let mut bytes = *proof.as_bytes();
    bytes[31] |= 0xc0;
    assert_eq!(verify(bytes), malformed(DecodeError::Point(ProofPoint::A)));
    // The identity's flag on a point that is not the identity.
    let mut bytes = *proof.as_bytes();
    bytes[127] = (bytes[127] & 0x3f) | 0x40;
    assert_eq!(verify(bytes), malformed(DecodeError::Point(ProofPoint::C)));

    // On the twist, but outside the subgroup.
    let outside = (1u64..)
        .find_map(|x| {
            let point = G2Affine::get_point_from_x_unchecked(ark_bn254::Fq2::from(x), false)?;
            (!point.is_in_correct_subgroup_assuming_on_curve()).then_some(point)
        })
        .unwrap();
    let mut bytes = *proof.as_bytes();
    outside.serialize_compressed(&mut bytes[32..96]).unwrap();
    assert_eq!(verify(bytes), malformed(DecodeError::Point(ProofPoint::B)));

    // Off the curve: x without a y.
    let x = (0u64..)
        .map(ark_bn254::Fq::from)
        .find(|x| G1Affine::get_point_from_x_unchecked(*x, false).is_none())
        .unwrap();
    let mut bytes = *proof.as_bytes();
    x.serialize_compressed(&mut bytes[96..]).unwrap();
    assert_eq!(verify(bytes), malformed(DecodeError::Point(ProofPoint::C)));

    // Lengths.
    for length in [0, PROOF_LEN - 1, PROOF_LEN + 1] {
        assert_eq!(
            ProofBytes::try_from(&vec![0; length][..]),
            Err(ProofLengthError(length))
        );
    }
}

#[test]
fn json_form_is_hexadecimal() {
    let (_, proof) = shared()[1];
    let text = serde_json::to_string(&proof).unwrap();
    assert!(text.starts_with("\"0x"));
    assert_eq!(serde_json::from_str::<ProofBytes>(&text).unwrap(), proof);
    assert!(serde_json::from_str::<ProofBytes>(&text.replace("0x", "")).is_err());
    assert!(serde_json::from_str::<ProofBytes>("\"0x00\"").is_err());
}

#[test]
fn a_batch_names_the_bad_ones() {
    let good = shared();
    assert_eq!(keys().verify_batch(good), vec![Ok(()); good.len()]);
    assert_eq!(keys().verify_batch(&good[..1]), vec![Ok(())]);
    assert!(keys().verify_batch(&[]).is_empty());

    // Exchange the digests of two valid proofs.
    let mut swapped = good.to_vec();
    let digest = swapped[1].0;
    swapped[1].0 = swapped[3].0;
    swapped[3].0 = digest;
    // Bytes that do not encode a proof.
    swapped[4].1 = ProofBytes::new([7; PROOF_LEN]);
    let results = keys().verify_batch(&swapped);
    assert_eq!(results[0], Ok(()));
    assert_eq!(results[1], Err(VerifyError::Invalid));
    assert_eq!(results[2], Ok(()));
    assert_eq!(results[3], Err(VerifyError::Invalid));
    assert!(matches!(results[4], Err(VerifyError::Malformed(_))));

    // The same statement may occur twice.
    let twice = [good[0], good[0]];
    assert_eq!(keys().verify_batch(&twice), vec![Ok(()); 2]);

    // Errors that cancel in a plain sum: C₀ + D and C₁ − D.
    let mut cancelling = good.to_vec();
    let shift = G1Affine::generator();
    for (place, shift) in [(0, shift), (1, -shift)] {
        let mut proof = decode_proof(&cancelling[place].1).unwrap();
        proof.c = (proof.c + shift).into();
        cancelling[place].1 = encode_proof(&proof);
    }
    let results = keys().verify_batch(&cancelling);
    assert_eq!(results[0], Err(VerifyError::Invalid));
    assert_eq!(results[1], Err(VerifyError::Invalid));
    assert_eq!(results[2..], vec![Ok(()); 3]);
}

#[test]
fn keys_of_another_setup_reject() {
    let dir = tempfile::tempdir().unwrap();
    let store = subrosa_prover::setup::KeyStore::open(dir.path()).unwrap();
    let other = store.transaction_verifier(&Silent).unwrap();
    assert_ne!(other.vk_hash(), keys().vk_hash());
    assert!(other.is_unsafe_development());
    let (digest, proof) = shared()[0];
    assert_eq!(other.verify(&digest, &proof), Err(VerifyError::Invalid));
    // Reading only the verifying key returns the same key.
    let again = store.transaction_verifier(&Silent).unwrap();
    assert_eq!(again.vk_hash(), other.vk_hash());
}

#[test]
fn unreliable_verifying_keys_are_refused() {
    let key = keys().verifier().key().clone();
    let refused = |change: &dyn Fn(&mut ark_groth16::VerifyingKey<Bn254>)| {
        let mut key = key.clone();
        change(&mut key);
        TransactionVerifier::new(key, false).unwrap_err()
    };
    assert_eq!(
        refused(&|key| key.delta_g2 = key.gamma_g2),
        KeyError::GammaEqualsDelta
    );
    assert_eq!(
        refused(&|key| key.delta_g2 = -key.gamma_g2),
        KeyError::GammaEqualsDelta
    );
    type Change = fn(&mut ark_groth16::VerifyingKey<Bn254>);
    let changes: [Change; 6] = [
        |key| key.alpha_g1 = G1Affine::zero(),
        |key| key.beta_g2 = G2Affine::zero(),
        |key| key.gamma_g2 = G2Affine::zero(),
        |key| key.delta_g2 = G2Affine::zero(),
        |key| key.gamma_abc_g1[0] = G1Affine::zero(),
        |key| key.gamma_abc_g1[1] = G1Affine::zero(),
    ];
    for change in changes {
        assert_eq!(refused(&change), KeyError::Identity);
    }
    assert_eq!(
        refused(&|key| {
            key.gamma_abc_g1.pop();
        }),
        KeyError::PublicInputs(0)
    );
    assert_eq!(
        refused(&|key| key.gamma_abc_g1.push(key.alpha_g1)),
        KeyError::PublicInputs(2)
    );

    let bytes = keys().verifier().to_bytes();
    let read = TransactionVerifier::from_bytes(&bytes, true).unwrap();
    assert_eq!(read.vk_hash(), keys().vk_hash());
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(
        TransactionVerifier::from_bytes(&longer, true).unwrap_err(),
        KeyError::Encoding
    );
    assert_eq!(
        TransactionVerifier::from_bytes(&bytes[1..], true).unwrap_err(),
        KeyError::Encoding
    );
}

#[test]
fn snarkjs_files_have_its_layout() {
    let (digest, proof) = shared()[2];
    let proof = decode_proof(&proof).unwrap();
    let files = export_snarkjs(keys().verifier().key(), &proof, &digest);
    assert_eq!(files.verification_key["nPublic"], 1);
    assert_eq!(files.verification_key["IC"].as_array().unwrap().len(), 2);
    assert_eq!(files.public[0], digest.element().to_string());
    assert_eq!(files.proof["pi_b"][0][1], proof.b.x.c1.to_string());
    assert_eq!(files.proof["pi_a"][2], "1");
}
