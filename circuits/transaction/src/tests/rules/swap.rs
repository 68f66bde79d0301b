//! The legs of swaps: T19 to T21.

use super::{Forger, next};
use crate::Rule;
use crate::parts::digest::digest;
use crate::raw::RawWitness;
use crate::samples::{self, LoanCase, SAMPLE_ASSETS};
use crate::tests::{broken, rng};
use crate::words::{HEADER, TERMS, power_of_two};
use ark_bn254::Fr;
use ark_ff::{One, Zero};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::OwnerId;
use subrosa_protocol::encryption::{EphemeralKey, Memo};
use subrosa_protocol::keys::ViewingKey;
use subrosa_protocol::layout::{header, note, target};
use subrosa_protocol::poseidon::{hash, hash3};
use subrosa_protocol::swap::Side;
use subrosa_protocol::transaction::{Header, Kind};

/// Returns the words that are hashed into the terms of a forger's leg as it now is.
pub(super) fn terms_words(forger: &Forger, side: Side) -> [Fr; 8] {
    let delivery = &forger.witness.outputs[0].note;
    let counter = forger.witness.counter_leg.as_ref().unwrap();
    let own = [delivery.packed(), delivery.owner.into(), delivery.aux];
    let other = [counter.packed, counter.owner.into(), counter.aux];
    let (a, b) = match side {
        Side::A => (own, other),
        Side::B => (other, own),
    };
    let expiry = Header::unpack(&forger.words[HEADER]).unwrap().expiry;
    [
        a[0],
        a[1],
        a[2],
        b[0],
        b[1],
        b[2],
        Fr::from(expiry),
        counter.salt,
    ]
}

/// Recomputes the terms from the leg as it now is.
pub(super) fn agree(forger: &mut Forger, side: Side) -> &mut Forger {
    forger.words[TERMS] = hash(Domain::Terms, &terms_words(forger, side));
    forger
}

/// Blinds the delivery as the leg, as it now is, requires.
pub(super) fn blind(forger: &mut Forger, side: Side) -> &mut Forger {
    let [a, _, _, b, _, _, _, salt] = terms_words(forger, side);
    let blindings = hash3(Domain::Delivery, &[salt, a, b]);
    forger.witness.outputs[0].note.rcm = blindings[side.index()];
    forger
}

#[test]
fn t19_delivery_of_another_amount_asset_or_receiver() {
    for side in Side::BOTH {
        // Less than agreed, blinded as if it had been agreed; the sender keeps the rest.
        let mut forger = Forger::leg(side);
        forger.witness.outputs[0].note.value -= 1;
        forger.witness.outputs[1].note.value += 1;
        blind(&mut forger, side).reseal().breaks_only(Rule::T19);

        // A less valuable asset: the contents of both notes change places.
        let mut forger = Forger::leg(side);
        let [fee_asset, ..] = SAMPLE_ASSETS;
        let outputs = &mut forger.witness.outputs;
        let (delivered, own) = (outputs[0].note, outputs[2].note);
        (outputs[0].note.asset, outputs[0].note.value) = (own.asset, own.value);
        (outputs[2].note.asset, outputs[2].note.value) = (delivered.asset, delivered.value);
        assert_eq!(own.asset, fee_asset);
        forger.witness.output_slots.swap(0, 2);
        blind(&mut forger, side).reseal().breaks_only(Rule::T19);

        // To the sender.
        let mut forger = Forger::leg(side);
        forger.witness.outputs[0].note.owner = forger.witness.outputs[1].note.owner;
        forger.reseal().breaks_only(Rule::T19);
    }
}

#[test]
fn t19_terms_of_another_swap() {
    for side in Side::BOTH {
        Forger::leg(side).add(TERMS, 1, 0).breaks_only(Rule::T19);
        let mut forger = Forger::leg(side);
        forger.words[TERMS] = Fr::zero();
        forger.breaks_only(Rule::T19);
        // Another expiry than the terms': one party could outlive the other's leg.
        Forger::leg(side)
            .add(HEADER, 1, header::EXPIRY.offset)
            .breaks_only(Rule::T19);
        Forger::leg(side)
            .add(HEADER, -1, header::EXPIRY.offset)
            .breaks_only(Rule::T19);
        // Another amount, receiver or salt of the other leg, blinded to match, so that only the
        // terms differ.
        let edits: [fn(&mut crate::CounterLeg); 4] = [
            |counter| counter.aux += Fr::one(),
            |counter| counter.packed += power_of_two(note::VALUE.offset),
            |counter| counter.owner = next(counter.owner),
            |counter| counter.salt += Fr::one(),
        ];
        for edit in edits {
            let mut forger = Forger::leg(side);
            edit(forger.witness.counter_leg.as_mut().unwrap());
            blind(&mut forger, side).reseal().breaks_only(Rule::T19);
        }
    }
}

#[test]
fn t19_side_of_the_other_party() {
    for side in Side::BOTH {
        let mut forger = Forger::leg(side);
        let (own, other) = (Kind::leg(side) as i64, Kind::leg(side.other()) as i64);
        forger.add(HEADER, other - own, 0);
        // Blinded for the other side, it still has the terms of its own side.
        blind(&mut forger, side.other());
        forger.reseal().breaks_only(Rule::T19);
        // With terms of its own it is an honest leg of another swap.
        let mut forger = Forger::leg(side);
        forger.add(HEADER, other - own, 0);
        blind(&mut forger, side.other());
        agree(&mut forger, side.other()).reseal();
        let digest = forger.sign();
        assert_eq!(crate::check(&forger.witness, &forger.words), Ok(digest));
    }
}

#[test]
fn t19_hints_stand_in_legs_alone() {
    // Only on the wires: a witness of another kind never puts them there.
    let changes: [fn(&mut RawWitness); 4] = [
        |raw| raw.salt = Fr::one(),
        |raw| raw.counter_aux = Fr::one(),
        |raw| raw.counter_packed = power_of_two(note::ASSET.offset),
        |raw| raw.counter_owner = Fr::one(),
    ];
    for change in changes {
        Forger::transfer().breaks_on_wires(change, &[Rule::T19]);
    }
    let mut forger = Forger::leg(Side::A);
    forger.witness.counter_leg = None;
    forger.breaks_first(Rule::T19);
}

#[test]
fn t20_delivery_that_its_owner_cannot_open() {
    for side in Side::BOTH {
        // Any blinding, the other side's, and the blinding of another salt.
        let mut forger = Forger::leg(side);
        forger.witness.outputs[0].note.rcm += Fr::one();
        forger.reseal().breaks_only(Rule::T20);

        let mut forger = Forger::leg(side);
        let [a, _, _, b, _, _, _, salt] = terms_words(&forger, side);
        let blindings = hash3(Domain::Delivery, &[salt, a, b]);
        forger.witness.outputs[0].note.rcm = blindings[side.other().index()];
        forger.reseal().breaks_only(Rule::T20);

        let mut forger = Forger::leg(side);
        forger.witness.outputs[0].note.rcm =
            hash3(Domain::Delivery, &[salt + Fr::one(), a, b])[side.index()];
        forger.reseal().breaks_only(Rule::T20);
    }
}

/// The blinding of any other payment from this sender to this recipient. The recipient would know
/// it only from the ciphertext, whose content nothing proves.
#[test]
fn t20_ordinary_blinding() {
    for side in Side::BOTH {
        let sample = samples::swap_leg(side, &mut rng(16));
        let sender = ViewingKey::from_seed(&sample.seed);
        let recipient = ViewingKey::from_seed(&sample.recipient).owner;
        let nullifiers = &sample.transaction.nullifiers;
        let ephemeral = EphemeralKey::new(&sender.ovk, nullifiers);
        let mut forger = Forger::new(sample.clone());
        let note = &mut forger.witness.outputs[0].note;
        let (asset, value) = (note.asset, note.value);
        let ordinary = ephemeral.payment(recipient, asset, value, &Memo::default());
        assert_eq!(
            (ordinary.packed(), ordinary.owner),
            (note.packed(), note.owner)
        );
        assert_ne!(ordinary.rcm, note.rcm);
        *note = ordinary;
        forger.reseal().breaks_only(Rule::T20);
    }
}

/// Gives an output to somebody else.
fn given(mut forger: Forger, output: usize) -> Forger {
    let note = &mut forger.witness.outputs[output].note;
    note.owner = next(note.owner);
    forger.reseal();
    forger
}

#[test]
fn t21_third_output_to_somebody_else() {
    // Its audit words name no owner.
    let kinds = [
        Forger::padding(),
        Forger::transfer(),
        Forger::of_three(),
        Forger::withdraw(),
        Forger::leg(Side::A),
        Forger::leg(Side::B),
    ];
    let steps = LoanCase::ALL.map(|case| Forger::new(samples::loan_step(case, &mut rng(18))));
    for forger in kinds.into_iter().chain(steps) {
        given(forger, 2).breaks_only(Rule::T21);
    }
}

#[test]
fn t21_change_of_a_leg_to_somebody_else() {
    for side in Side::BOTH {
        given(Forger::leg(side), 1).breaks_only(Rule::T21);
    }
}

#[test]
fn t21_first_output_of_a_withdrawal_to_somebody_else() {
    given(Forger::withdraw(), 0).breaks_only(Rule::T21);
}

#[test]
fn a_transfer_may_pay_by_outputs_0_and_1() {
    for output in [0, 1] {
        given(Forger::of_three(), output).holds();
    }
}

/// Any prices may stand in the anchor, so that the anchor does not tell who uses one.
#[test]
fn any_prices_stand_where_none_is_used() {
    for mut forger in [
        Forger::transfer(),
        Forger::withdraw(),
        Forger::leg(Side::A),
        Forger::leg(Side::B),
    ] {
        forger.witness.prices = Fr::from(77u64);
        forger.anchor();
        forger.holds();
    }
}

/// Outside a swap the wallet uses the word to blind the digest.
#[test]
fn any_terms_stand_in_other_kinds() {
    for mut forger in [Forger::transfer(), Forger::withdraw(), Forger::padding()] {
        forger.add(TERMS, 77, 0);
        let digest = forger.sign();
        assert_eq!(crate::check(&forger.witness, &forger.words), Ok(digest));
        let raw = RawWitness::new(&forger.words, digest, &forger.witness);
        assert_eq!(broken(raw), []);
    }
}

#[test]
fn t12_a_leg_withdraws_nothing() {
    use crate::words::{AMOUNT, TARGET};
    for side in Side::BOTH {
        let mut forger = Forger::leg(side);
        forger.add(AMOUNT, 1, 0);
        forger.breaks_first(Rule::T12);
        let mut forger = Forger::leg(side);
        forger.add(TARGET, 1, target::RECIPIENT.offset);
        forger.breaks_first(Rule::T12);
    }
}

#[test]
fn both_legs_of_one_swap_say_the_same_terms() {
    // The words that side A hashes with its own delivery first, side B hashes with it second.
    let mut a = Forger::leg(Side::A);
    let words = terms_words(&a, Side::A);
    let digest_a = a.words[TERMS];
    let b = {
        let mut b = Forger::leg(Side::B);
        let counter = b.witness.counter_leg.as_mut().unwrap();
        (counter.packed, counter.owner) = (words[0], OwnerId::new(words[1]));
        counter.salt = words[7];
        let delivery = &mut b.witness.outputs[0].note;
        let (_, asset, value) = subrosa_protocol::note::unpack(&words[3]).unwrap();
        (delivery.asset, delivery.value, delivery.owner) = (asset, value, OwnerId::new(words[4]));
        hash(Domain::Terms, &terms_words(&b, Side::B))
    };
    assert_eq!(digest_a, b);
    let digest = digest(&a.words);
    a.sign();
    assert_eq!(broken(RawWitness::new(&a.words, digest, &a.witness)), []);
}
