//! Header, notes and ranges: T1 to T7.

use super::{Forger, cut, next, other_representation};
use crate::Rule;
use crate::gadgets::range::FIELD_BITS;
use crate::samples::{self, LoanCase, SAMPLE_ASSETS};
use crate::tests::rng;
use crate::witness::LoanWitness;
use crate::words::{AMOUNT, ANCHOR, COMMITMENTS, HEADER, NULLIFIERS, TARGET, power_of_two};
use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, One, PrimeField, Zero};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::OwnerId;
use subrosa_protocol::encryption::audit_packed;
use subrosa_protocol::layout::{NULLIFIER_BITS, header, note as packed_note, target};
use subrosa_protocol::note::{NoteClass, dummy_nullifier, nullifier};
use subrosa_protocol::poseidon::hash;

#[test]
fn t1_reserved_kind() {
    for more in [4, 5, 253] {
        Forger::transfer()
            .add(HEADER, more, 0)
            .breaks_first(Rule::T1);
    }
}

#[test]
fn t2_key_off_the_curve() {
    let mut forger = Forger::transfer();
    forger.witness.ak.x += Fr::one();
    forger.breaks_first(Rule::T2);
}

#[test]
fn t2_another_owners_note() {
    for input in 0..3 {
        let mut forger = Forger::of_three();
        let note = &mut forger.witness.inputs[input].note;
        note.owner = next(note.owner);
        forger.plant().reseal().breaks_only(Rule::T2);
    }
    // A dummy has the owner too.
    let mut forger = Forger::transfer();
    forger.witness.inputs[2].note.owner = OwnerId::new(Fr::one());
    forger.reseal().breaks_only(Rule::T2);
}

#[test]
fn t2_another_nullifier_key_is_another_owner() {
    let mut forger = Forger::transfer();
    forger.witness.nk += Fr::one();
    forger.witness.outputs[2].note.owner = forger.sender();
    forger.reseal().breaks_only(Rule::T2);
}

#[test]
fn t2_input_that_is_not_cash() {
    for input in [1, 2] {
        let mut forger = Forger::of_three();
        forger.witness.inputs[input].note.class = NoteClass::Position;
        forger.plant().reseal().breaks_only(Rule::T2);
        let mut forger = Forger::of_three();
        forger.witness.inputs[input].note.aux = Fr::one();
        forger.plant().reseal().breaks_only(Rule::T2);
    }
}

#[test]
fn t3_note_that_is_not_in_the_tree() {
    for input in 0..3 {
        let mut forger = Forger::of_three();
        forger.witness.inputs[input].note.rcm += Fr::one();
        forger.reseal().breaks_only(Rule::T3);
    }
}

#[test]
fn t3_inflated_note() {
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].note.value += 1;
    forger.witness.outputs[1].note.value += 1;
    forger.reseal().breaks_only(Rule::T3);
}

#[test]
fn t3_another_anchor_sibling_or_leaf_index() {
    for mut forger in [Forger::transfer(), Forger::padding()] {
        forger.add(ANCHOR, 1, 0).breaks_only(Rule::T3);
    }
    let mut forger = Forger::transfer();
    forger.witness.note_root += Fr::one();
    forger.breaks_only(Rule::T3);
    // Opened, but with another root than the path's.
    forger.anchor().breaks_only(Rule::T3);
    // Prices that the anchor does not contain.
    let mut forger = Forger::transfer();
    forger.witness.prices += Fr::one();
    forger.breaks_only(Rule::T3);

    let mut forger = Forger::transfer();
    forger.witness.inputs[0].path.siblings[15][2] += Fr::one();
    forger.breaks_only(Rule::T3);

    // The same note under another leaf index would have a second nullifier.
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].leaf_index += 1;
    forger.witness.inputs[0].path.index += 1;
    forger.reseal().breaks_only(Rule::T3);
}

#[test]
fn t3_leaf_index_out_of_range() {
    for (mut forger, input) in [(Forger::transfer(), 0), (Forger::transfer(), 1)] {
        forger.witness.inputs[input].leaf_index += 1 << 32;
        forger.witness.inputs[input].path.index += 1 << 32;
        forger.reseal().breaks_only(Rule::T3);
    }
}

#[test]
fn t3_dummy_flag_is_a_boolean() {
    // Neither real nor dummy: the nullifier would have a third tag.
    Forger::transfer().breaks_on_wires(
        |raw| raw.inputs[1].dummy = Fr::from(2u64),
        &[Rule::T3, Rule::T4],
    );
}

#[test]
fn t4_wrong_nullifiers() {
    for input in 0..3 {
        Forger::transfer()
            .add(NULLIFIERS.start + input, 1, 0)
            .audit()
            .breaks_only(Rule::T4);
    }
    // A spent note with the nullifier of a dummy could be spent again.
    let mut forger = Forger::transfer();
    let input = forger.witness.inputs[0].clone();
    let (nk, commitment) = (forger.witness.nk, input.note.commitment());
    forger.words[NULLIFIERS.start] = dummy_nullifier(&nk, &commitment, input.leaf_index).into();
    forger.breaks_only(Rule::T4);
    // A dummy with a real nullifier could block another owner's note.
    let mut forger = Forger::transfer();
    let input = forger.witness.inputs[1].clone();
    let commitment = input.note.commitment();
    forger.words[NULLIFIERS.start + 1] = nullifier(&nk, &commitment, input.leaf_index).into();
    forger.breaks_only(Rule::T4);
    // So could the nullifier of another leaf index.
    let mut forger = Forger::transfer();
    let input = forger.witness.inputs[0].clone();
    let commitment = input.note.commitment();
    forger.words[NULLIFIERS.start] = nullifier(&nk, &commitment, input.leaf_index + 1).into();
    forger.breaks_only(Rule::T4);
}

/// Returns the hash of an input whose nullifier the forger publishes in full.
fn hash_of(forger: &Forger, input: usize) -> Fr {
    let pair = forger.witness.loan.as_ref().and_then(LoanWitness::spent);
    let pair = pair.map(|loan| loan.keys().nk).filter(|_| input == 0);
    let nk = pair.unwrap_or(forger.witness.nk);
    let input = &forger.witness.inputs[input];
    let domain = match input.dummy {
        true => Domain::NullifierDummy,
        false => Domain::Nullifier,
    };
    let message = [
        nk,
        input.note.commitment().into(),
        Fr::from(input.leaf_index),
    ];
    hash(domain, &message)
}

/// A nullifier is the lowest 192 bits of one integer. Any other word for an input would be a second
/// nullifier of its note.
#[test]
fn t4_other_bits_of_the_hash() {
    let steps = [LoanCase::Repay, LoanCase::Renew]
        .map(|case| Forger::new(samples::loan_step(case, &mut rng(17))));
    for mut forger in [Forger::transfer(), Forger::of_three()]
        .into_iter()
        .chain(steps)
    {
        for input in 0..3 {
            let (at, hash) = (NULLIFIERS.start + input, hash_of(&forger, input));
            let honest = forger.words[at];
            let integer = hash.into_bigint();
            assert_eq!(honest, cut(&integer, NULLIFIER_BITS));
            let top = BigInt::from_bits_le(&integer.to_bits_le()[FIELD_BITS - NULLIFIER_BITS..]);
            let forged = [
                hash,
                honest + power_of_two(NULLIFIER_BITS),
                Fr::from_bigint(top).unwrap(),
            ];
            for word in forged.into_iter().filter(|word| *word != honest) {
                forger.words[at] = word;
                forger.breaks_only(Rule::T4);
            }
            forger.words[at] = honest;
        }
    }
}

/// hash + r has other low bits than the hash, and is the same element.
#[test]
fn t4_nullifier_of_the_other_representation() {
    let mut seen = [false; 3];
    for seed in 0.. {
        let mut forger = Forger::new(samples::transfer(&mut rng(seed)));
        for (input, seen) in seen.iter_mut().enumerate() {
            let Some(other) = other_representation(hash_of(&forger, input)) else {
                continue;
            };
            let at = NULLIFIERS.start + input;
            let honest = forger.words[at];
            forger.words[at] = cut(&other, NULLIFIER_BITS);
            forger.breaks_only(Rule::T4);
            forger.words[at] = honest;
            *seen = true;
        }
        if seen == [true; 3] {
            return;
        }
    }
}

#[test]
fn t5_dummy_of_value() {
    let mut forger = Forger::transfer();
    forger.witness.inputs[2].note.value = 5;
    forger.witness.outputs[2].note.value += 5;
    forger.reseal().breaks_only(Rule::T5);
}

#[test]
fn t6_wrong_commitments() {
    for output in 0..3 {
        Forger::transfer()
            .add(COMMITMENTS.start + output, 1, 0)
            .audit()
            .breaks_only(Rule::T6);
    }
}

#[test]
fn t6_output_that_is_not_cash() {
    for output in 1..3 {
        let mut forger = Forger::transfer();
        forger.witness.outputs[output].note.class = NoteClass::Position;
        forger.reseal().breaks_only(Rule::T6);
        let mut forger = Forger::transfer();
        forger.witness.outputs[output].note.aux = Fr::one();
        forger.reseal().breaks_only(Rule::T6);
    }
}

#[test]
fn t7_fields_out_of_range() {
    Forger::transfer()
        .add(HEADER, 1, header::NOT_BEFORE.offset)
        .holds();
    for beyond in [header::LAYOUT.bits(), header::LAYOUT.bits() + 1] {
        Forger::transfer()
            .add(HEADER, 1, beyond)
            .breaks_only(Rule::T7);
    }
    let beyond = target::LAYOUT.bits();
    Forger::withdraw()
        .add(TARGET, 1, beyond)
        .breaks_only(Rule::T7);
    Forger::withdraw()
        .add(AMOUNT, 1, 128)
        .breaks_first(Rule::T7);
}

#[test]
fn t7_negative_output() {
    // One output gains the value by which another is negative.
    let one = Fr::one();
    let mut forger = Forger::transfer();
    forger.witness.outputs[1].note.value += 1;
    forger.witness.outputs[2].note.value = 0;
    forger.reseal();
    let mut note = forger.witness.outputs[2].note;
    note.value = 0;
    let packed = note.packed() - power_of_two(packed_note::VALUE.offset);
    let commitment = Fr::from(subrosa_protocol::note::commit(&packed, &note.inner()));
    forger.words[COMMITMENTS.start + 2] = commitment;
    let sender = audit_packed(&note, forger.sender().tag()) - note.packed();
    forger.audit_as(2, 0, [packed + sender, note.owner.into()]);
    forger.breaks_on_wires(|raw| raw.outputs[2].note.value = -one, &[Rule::T7]);
}

#[test]
fn t7_input_unpacked_otherwise() {
    // class + asset·2⁸ + value·2²⁴ is the same element for another asset and a huge value.
    Forger::transfer().breaks_on_wires(
        |raw| {
            let asset = Fr::from(SAMPLE_ASSETS[1].0);
            let note = &mut raw.inputs[0].note;
            note.value += (note.asset - asset) / power_of_two(packed_note::ASSET.width);
            note.asset = asset;
            raw.inputs[0].selector = [Fr::zero(), Fr::one(), Fr::zero()];
        },
        &[Rule::T7, Rule::T10],
    );
}

#[test]
fn t7_header_unpacked_otherwise() {
    // A fee higher by 2⁹⁶ and an expiry lower by one give the same word.
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].note.value += 1 << 96;
    forger.plant().reseal();
    forger.breaks_on_wires(
        |raw| {
            raw.fields.fee += power_of_two(header::FEE.width);
            raw.fields.expiry -= Fr::one();
        },
        &[Rule::T7],
    );
}
