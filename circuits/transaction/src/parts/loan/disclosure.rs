//! Blinding of the successor, and disclosure of its state to both parties: T33 (spec: *Collateral*,
//! Position).

use crate::Rule;
use crate::gadgets::range::{canonical_bits, cut, range, recompose};
use crate::gadgets::{Builder, Num, Synthesis, poseidon};
use crate::parts::wires::{LoanWires, NotesWires};
use crate::raw::RawWitness;
use crate::witness::{LoanWitness, Witness};
use crate::words::{COMMITMENTS, DISCLOSURE, Words, from_field, pack, power_of_two};
use ark_bn254::Fr;
use ark_ff::{PrimeField, Zero};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::NoteCommitment;
use subrosa_protocol::layout::disclosure_word::{FILLER, SUM};
use subrosa_protocol::layout::{disclosure_collateral, disclosure_debt};
use subrosa_protocol::loan::step_keys;

/// Checks T33 natively.
pub(super) fn check(step: &LoanWitness, witness: &Witness, words: &Words) -> Result<(), Rule> {
    let loan = &step.loan;
    let keys = step_keys(&loan.salt, step.after.sequence);
    let made = &witness.outputs[0].note;
    // T20 determines the blinding of a leg's delivery.
    if !step.step.makes_loan() && made.rcm != keys.rcm {
        return Err(Rule::T33);
    }
    let mut filler = [0; 2];
    for (filler, word) in filler.iter_mut().zip(&words[DISCLOSURE]) {
        let above = from_field(*word, FILLER).into_bigint();
        *filler = u32::try_from(above.0[0]).map_err(|_| Rule::T33)?;
    }
    let disclosure = loan.disclosure(made.value, &step.after);
    let cm0 = NoteCommitment::new(words[COMMITMENTS.start]);
    if disclosure.seal(&keys, &cm0, filler) != words[DISCLOSURE] {
        return Err(Rule::T33);
    }
    Ok(())
}

/// Constrains T33.
pub(super) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    words: &[Num],
    notes: &NotesWires,
    loan: &LoanWires,
) -> Synthesis<()> {
    b.enter(Rule::T33);
    let zero = b.constant(Fr::zero());
    let active = loan.active();
    let [made, ..] = &notes.outputs;
    let succeeds = loan.spends.minus(&loan.renews);
    b.enforce(&succeeds, &made.rcm.minus(&loan.keys.rcm), &zero)?;

    let mut message = vec![loan.keys.key.clone(), words[COMMITMENTS.start].clone()];
    for filler in &raw.loan.filler {
        let filler = b.witness(*filler)?;
        range(b, &filler, FILLER.width)?;
        message.push(filler);
    }
    let [first, second, _] = poseidon::hash3(b, Domain::Opening, &message)?;
    let plain = [
        pack([
            (disclosure_collateral::VALUE, &made.value),
            (disclosure_collateral::ACCRUED, &loan.after.accrued),
            (disclosure_collateral::MATURITY, &loan.maturity),
        ]),
        pack([
            (disclosure_debt::DEBT, &loan.after.amount),
            (disclosure_debt::START, &loan.start),
            (disclosure_debt::RATE, &loan.rate),
            (disclosure_debt::MARKET, &loan.market),
        ]),
    ];
    for (i, (plain, mask)) in plain.iter().zip([first, second]).enumerate() {
        let bits = canonical_bits(b, &mask)?;
        let sum = plain.plus(&recompose(b, &bits[..SUM.width]));
        // Plaintext and mask are each below 2^216, so the carry is one bit.
        let masked = b.witness(cut(sum.value(), 0, SUM.width))?;
        range(b, &masked, SUM.width)?;
        let carry = b.witness(cut(sum.value(), SUM.width, 1))?;
        b.boolean(&carry)?;
        b.equal(&masked.plus(&carry.times(power_of_two(SUM.width))), &sum)?;
        let word = pack([(SUM, &masked), (FILLER, &message[2 + i])]);
        b.enforce(&active, &words[DISCLOSURE.start + i].minus(&word), &zero)?;
    }
    Ok(())
}
