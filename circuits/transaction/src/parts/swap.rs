//! The leg of a swap: T19, T20 and T35 (spec: *Swaps*, Legs), and whose the change is: T21.
//!
//! The leg delivers output 0 itself. Its packed part, owner and aux enter the digest of the terms
//! as they enter the commitment, so no other amount, asset or receiver can stand in the terms.
//!
//! The other side's packed part, receiver and aux, and the salt, are hints that only the digest
//! binds. They need no range check. The other leg carries the same digest (B20) and proves the same
//! of *its* output 0, whose parts are in range; a digest that no other leg can match never settles.
//! The salt is shared by both legs as well. It needs no range check: no wallet accepts terms whose
//! salt exceeds 128 bits.
//!
//! Terms name the receivers of both deliveries and no sender: anybody may send a leg of cash. Who
//! receives a position must have agreed to it, above all if it renews a loan. So the leg against a
//! position is its receiver's (T35), and its signature is the consent.

use crate::Rule;
use crate::gadgets::range::{range, recompose};
use crate::gadgets::{Builder, Num, Synthesis, poseidon};
use crate::parts::wires::{CounterWires, HeaderWires, LoanWires, NotesWires};
use crate::raw::RawWitness;
use crate::witness::Witness;
use crate::words::{Fields, TERMS, Words, field, fits, from_field, power_of_two};
use ark_bn254::Fr;
use ark_ff::Zero;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::OwnerId;
use subrosa_protocol::layout::note;
use subrosa_protocol::note::Note;
use subrosa_protocol::poseidon::{hash, hash3};
use subrosa_protocol::swap::Side;
use subrosa_protocol::transaction::Kind;

/// Bits of asset and value, above the class in a note's packed part.
const REST_BITS: usize = note::ASSET.width + note::VALUE.width;

/// Checks T19 to T21 and T35 natively; `owner` is the owner of the inputs.
pub(crate) fn check(
    witness: &Witness,
    words: &Words,
    fields: &Fields,
    owner: OwnerId,
) -> Result<(), Rule> {
    let [first, second, third] = witness.outputs.each_ref().map(|output| &output.note);
    let side = fields.side();
    let withdraws = fields.kind == Fr::from(Kind::Withdraw as u64);
    let own = |note: &Note| note.owner == owner;
    if !own(third) || (side.is_some() && !own(second)) || (withdraws && !own(first)) {
        return Err(Rule::T21);
    }
    let Some(side) = side else {
        return Ok(());
    };
    let [delivery, ..] = &witness.outputs;
    let Some(counter) = &witness.counter_leg else {
        return Err(Rule::T19);
    };
    let mut packed = [delivery.note.packed(), counter.packed];
    let mut owners = [delivery.note.owner, counter.owner].map(Fr::from);
    let mut aux = [delivery.note.aux, counter.aux];
    if side == Side::B {
        packed.reverse();
        owners.reverse();
        aux.reverse();
    }
    let terms = [
        packed[0],
        owners[0],
        aux[0],
        packed[1],
        owners[1],
        aux[1],
        fields.expiry,
        counter.salt,
    ];
    if hash(Domain::Terms, &terms) != words[TERMS] {
        return Err(Rule::T19);
    }
    let [a, b, _] = hash3(Domain::Delivery, &[counter.salt, packed[0], packed[1]]);
    if delivery.note.rcm != [a, b][side.index()] {
        return Err(Rule::T20);
    }
    let class = field(counter.packed, note::CLASS);
    let is_word = fits(from_field(counter.packed, note::ASSET), REST_BITS);
    if !is_word || !fits(class, 1) || (!class.is_zero() && counter.owner != owner) {
        return Err(Rule::T35);
    }
    Ok(())
}

/// Constrains T19 to T21 and T35.
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    words: &[Num],
    header: &HeaderWires,
    notes: &NotesWires,
    loan: &LoanWires,
) -> Synthesis<CounterWires> {
    b.enter(Rule::T19);
    let zero = b.constant(Fr::zero());
    let leg = header.swap_a.plus(&header.swap_b);
    let other = b.one().minus(&leg);
    let [delivery, second, third] = &notes.outputs;
    let counter_packed = b.witness(raw.counter_packed)?;
    let counter_owner = b.witness(raw.counter_owner)?;
    let counter_aux = b.witness(raw.counter_aux)?;
    let salt = loan.salt.clone();
    // Outside a swap nothing reads these hints; holding them at zero leaves the prover no choice.
    // Steps on a loan also use the salt.
    for hint in [&counter_packed, &counter_owner, &counter_aux] {
        b.enforce(&other, hint, &zero)?;
    }
    let steps = loan.spends.minus(&loan.renews);
    b.enforce(&other.minus(&steps), &salt, &zero)?;
    let [packed_a, packed_b] = in_order(b, &header.swap_b, &delivery.packed, &counter_packed)?;
    let [owner_a, owner_b] = in_order(b, &header.swap_b, &delivery.owner, &counter_owner)?;
    let [aux_a, aux_b] = in_order(b, &header.swap_b, &delivery.aux, &counter_aux)?;
    let message = [
        packed_a.clone(),
        owner_a,
        aux_a,
        packed_b.clone(),
        owner_b,
        aux_b,
        header.expiry.clone(),
        salt.clone(),
    ];
    let terms = poseidon::hash(b, Domain::Terms, &message)?;
    b.enforce(&leg, &terms.minus(&words[TERMS]), &zero)?;

    b.enter(Rule::T20);
    let [rcm_a, rcm_b, _] = poseidon::hash3(b, Domain::Delivery, &[salt, packed_a, packed_b])?;
    let rcm = b.select(&header.swap_b, &rcm_b, &rcm_a)?;
    b.enforce(&leg, &rcm.minus(&delivery.rcm), &zero)?;

    b.enter(Rule::T21);
    b.equal(&third.owner, &notes.owner)?;
    b.enforce(&leg, &second.owner.minus(&notes.owner), &zero)?;
    b.enforce(
        &header.withdraws,
        &delivery.owner.minus(&notes.owner),
        &zero,
    )?;

    b.enter(Rule::T35);
    let class = b.witness(field(counter_packed.value(), note::CLASS))?;
    b.boolean(&class)?;
    let rest = b.witness(from_field(counter_packed.value(), note::ASSET))?;
    let bits = range(b, &rest, REST_BITS)?;
    let asset = recompose(b, &bits[..note::ASSET.width]);
    let sum = class.plus(&rest.times(power_of_two(note::ASSET.offset)));
    b.equal(&sum, &counter_packed)?;
    b.enforce(&class, &counter_owner.minus(&notes.owner), &zero)?;
    Ok(CounterWires {
        packed: counter_packed,
        asset,
        owner: counter_owner,
        aux: counter_aux,
    })
}

/// Reorders (own, counterparty) as (side A, side B).
fn in_order(b: &mut Builder, is_b: &Num, own: &Num, counter: &Num) -> Synthesis<[Num; 2]> {
    let first = b.select(is_b, counter, own)?;
    let second = own.plus(counter).minus(&first);
    Ok([first, second])
}
