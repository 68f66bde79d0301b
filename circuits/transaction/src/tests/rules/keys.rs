//! Signature, ciphertexts, reserved words and digest: T13 to T15, T17, T18.

use super::Forger;
use crate::gadgets::edwards::SCALAR_BITS;
use crate::parts::digest::digest;
use crate::raw::RawWitness;
use crate::tests::rules::{cut, other_representation};
use crate::tests::{broken, rng};
use crate::words::{AUDIT, EPHEMERAL, power_of_two};
use crate::{Rule, check, check_digest, samples};
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::{BigInteger, One, PrimeField, UniformRand, Zero};
use subrosa_protocol::Scalar;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::encryption::audit_packed;
use subrosa_protocol::keys::{Seed, Signature, SpendKey, ViewingKey, owner};
use subrosa_protocol::layout::audit;
use subrosa_protocol::poseidon::hash;

/// Returns the digest whose element is one more.
fn next(digest: TransactionDigest) -> TransactionDigest {
    TransactionDigest::new(Fr::from(digest) + Fr::one())
}

#[test]
fn t13_signatures() {
    let mut forger = Forger::transfer();
    let digest = forger.sign();
    let valid = forger.witness.signature;
    let other = SpendKey::from_seed(&Seed::from_bytes([7; 32]));
    let r = EdwardsAffine::generator();
    let forgeries = [
        // By another key; over another digest; of another transaction; each half changed.
        other.sign(&digest, &mut forger.rng),
        forger.spend.sign(&next(digest), &mut forger.rng),
        Forger::of_three().witness.signature,
        Signature {
            s: valid.s + Scalar::one(),
            ..valid
        },
        Signature { r, ..valid },
    ];
    for forgery in forgeries {
        forger.witness.signature = forgery;
        assert_eq!(check(&forger.witness, &forger.words), Err(Rule::T13));
        let raw = RawWitness::new(&forger.words, digest, &forger.witness);
        assert_eq!(broken(raw), [Rule::T13]);
    }
}

#[test]
fn t14_ephemeral_word() {
    Forger::transfer()
        .add(EPHEMERAL, 1, 0)
        .breaks_only(Rule::T14);
    let mut forger = Forger::transfer();
    let key = ViewingKey::from_seed(&Seed::from_bytes([3; 32]));
    forger.words[EPHEMERAL] = key.pk.y;
    forger.breaks_only(Rule::T14);
}

#[test]
fn t15_each_audit_word() {
    for word in AUDIT {
        Forger::of_three().add(word, 1, 0).breaks_only(Rule::T15);
    }
}

/// Returns what an output's audit words must hold, and the slot of its asset.
fn plain(forger: &Forger, output: usize) -> ([Fr; 2], usize) {
    let note = &forger.witness.outputs[output].note;
    let plain = [audit_packed(note, forger.sender().tag()), note.owner.into()];
    (plain, usize::from(forger.witness.output_slots[output]))
}

#[test]
fn t15_auditor_of_another_asset() {
    for output in 0..3 {
        let mut forger = Forger::of_three();
        let (plain, slot) = plain(&forger, output);
        forger
            .audit_as(output, (slot + 1) % 3, plain)
            .breaks_only(Rule::T15);
        forger.audit_as(output, slot, plain).holds();
    }
}

#[test]
fn t15_another_sender() {
    let at = audit::SENDER.offset;
    for output in 0..3 {
        for (bit, amount) in [(0, 1), (0, -1), (audit::SENDER.width, 1)] {
            let mut forger = Forger::of_three();
            let ([packed, owner], slot) = plain(&forger, output);
            let forged = packed + Fr::from(amount) * power_of_two(at + bit);
            forger
                .audit_as(output, slot, [forged, owner])
                .breaks_only(Rule::T15);
        }
        // The whole owner above the amount, which wraps around the modulus; and no sender at all.
        let mut forger = Forger::of_three();
        let ([_, owner], slot) = plain(&forger, output);
        let packed = forger.witness.outputs[output].note.packed();
        let sender = Fr::from(forger.sender());
        forger
            .audit_as(output, slot, [packed + sender * power_of_two(at), owner])
            .breaks_only(Rule::T15);
        forger
            .audit_as(output, slot, [packed, owner])
            .breaks_only(Rule::T15);
    }
}

/// owner + r has other low bits than owner, and is the same element.
#[test]
fn t15_sender_of_the_other_representation() {
    let fits = |forger: &Forger| other_representation(forger.sender().into()).is_some();
    let mut forger = (0..)
        .map(|seed| Forger::new(samples::transfer(&mut rng(seed))))
        .find(fits)
        .unwrap();
    let other = other_representation(forger.sender().into()).unwrap();
    let tag = cut(&other, audit::SENDER.width);
    for output in 0..3 {
        let ([_, owner], slot) = plain(&forger, output);
        let packed = forger.witness.outputs[output].note.packed();
        let forged = packed + tag * power_of_two(audit::SENDER.offset);
        forger
            .audit_as(output, slot, [forged, owner])
            .breaks_only(Rule::T15);
        forger.audit();
    }
}

#[test]
fn t15_owner_and_amount_exchanged() {
    for output in 0..2 {
        let mut forger = Forger::of_three();
        let ([packed, owner], slot) = plain(&forger, output);
        forger
            .audit_as(output, slot, [owner, packed])
            .breaks_only(Rule::T15);
    }
}

#[test]
fn t15_auditor_off_the_curve() {
    let mut forger = Forger::transfer();
    // The leaf is registered with this key: only the circuit prevents a meaningless ciphertext.
    let mut rng = rng(8);
    forger.witness.slots[0].info.auditor =
        EdwardsAffine::new_unchecked(Fr::rand(&mut rng), Fr::rand(&mut rng));
    forger.register().breaks_first(Rule::T15);
}

#[test]
fn t18_another_digest() {
    let mut forger = Forger::transfer();
    let digest = next(forger.sign());
    // Signed correctly, but not the digest of these words.
    forger.witness.signature = forger.spend.sign(&digest, &mut forger.rng);
    assert_eq!(
        check_digest(&forger.witness, &forger.words, digest),
        Err(Rule::T18)
    );
    let raw = RawWitness::new(&forger.words, digest, &forger.witness);
    assert_eq!(broken(raw), [Rule::T18]);
}

#[test]
fn t18_every_word_is_in_the_digest() {
    // The digest stays the original's; whichever word changes, T18 breaks.
    let mut forger = Forger::transfer();
    let digest = forger.sign();
    for word in 0..forger.words.len() {
        let mut words = forger.words;
        words[word] += Fr::one();
        let raw = RawWitness::new(&words, digest, &forger.witness);
        assert!(broken(raw).contains(&Rule::T18), "word {word}");
    }
}

#[test]
fn scalars_are_integers_on_the_wires() {
    // s + ℓ and esk + ℓ, if they fit 251 bits, are the same multiples of G. Whoever knows them
    // knows the reduced scalars, so they prove nothing more. One more bit is too many.
    let plus_order = |bits: &mut [bool; SCALAR_BITS]| {
        let mut sum = <Scalar as PrimeField>::BigInt::from_bits_le(&bits[..]);
        sum.add_with_carry(&Scalar::MODULUS);
        let sum = sum.to_bits_le();
        let fits = sum[SCALAR_BITS..].iter().all(|bit| !bit);
        bits.copy_from_slice(&sum[..SCALAR_BITS]);
        fits
    };
    let mut forger = Forger::transfer();
    let mut seen = [false; 4];
    while seen.contains(&false) {
        let digest = forger.sign();
        let mut raw = RawWitness::new(&forger.words, digest, &forger.witness);
        let fits = plus_order(&mut raw.signature_s);
        assert_eq!(broken(raw), if fits { &[][..] } else { &[Rule::T13] });
        seen[usize::from(fits)] = true;

        forger.witness.esk = Scalar::rand(&mut forger.rng);
        forger.audit();
        let digest = forger.sign();
        let mut raw = RawWitness::new(&forger.words, digest, &forger.witness);
        let fits = plus_order(&mut raw.esk);
        assert_eq!(
            broken(raw),
            if fits {
                &[][..]
            } else {
                &[Rule::T14, Rule::T15]
            }
        );
        seen[2 + usize::from(fits)] = true;
    }
}

#[test]
fn t13_key_outside_the_subgroup() {
    // Both natively and in the circuit, e multiplies ak as an integer. If ak has a part of small
    // order the verdicts still agree, and the equation holds exactly if e·(that part) vanishes.
    let mut rng = rng(41);
    let small = loop {
        let y = Fr::rand(&mut rng);
        let Some(any) = EdwardsAffine::get_point_from_y_unchecked(y, true) else {
            continue;
        };
        let small = any.mul_bigint(Scalar::MODULUS).into_affine();
        if !small.is_zero() {
            break small;
        }
    };
    let mut forger = Forger::transfer();
    let ask = Scalar::rand(&mut rng);
    let ak = (EdwardsAffine::generator() * ask + small).into_affine();
    forger.witness.ak = ak;
    let owned = owner(&ak, &forger.witness.nk);
    for input in &mut forger.witness.inputs {
        input.note.owner = owned;
    }
    forger.witness.outputs[2].note.owner = owned;
    forger.plant().reseal();
    let digest = digest(&forger.words);
    let mut verdicts = [0; 2];
    while verdicts.contains(&0) {
        let k = Scalar::rand(&mut rng);
        let r = (EdwardsAffine::generator() * k).into_affine();
        let e = hash(Domain::Signature, &[r.x, r.y, ak.x, ak.y, digest.into()]);
        let s = k + ask * Scalar::from_le_bytes_mod_order(&e.into_bigint().to_bytes_le());
        forger.witness.signature = Signature { r, s };
        let native = check(&forger.witness, &forger.words);
        let circuit = broken(RawWitness::new(&forger.words, digest, &forger.witness));
        assert_eq!(native.is_ok(), small.mul_bigint(e.into_bigint()).is_zero());
        assert_eq!(circuit, native.err().into_iter().collect::<Vec<_>>());
        verdicts[usize::from(native.is_ok())] += 1;
    }
}
