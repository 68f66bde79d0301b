//! Blinding of the successor, and disclosure of its state to both parties: T33 (spec: *Collateral*,
//! Position).

use crate::Rule;
use crate::gadgets::range::{canonical_bits, cut, range, recompose};
use crate::gadgets::{Builder, Num, Synthesis, poseidon};
use crate::parts::wires::{LoanWires, NotesWires};
use crate::raw::RawWitness;
use crate::witness::{LoanWitness, Step, Witness};
use crate::words::{COMMITMENTS, DISCLOSURE, EXPIRY_BITS, VALUE_BITS, Words, power_of_two};
use ark_bn254::Fr;
use ark_ff::{PrimeField, Zero};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::loan::{Loan, MASK_BITS, step_keys};

/// Bits above a mask, which the sender chooses freely.
const FILLER_BITS: usize = 32;

/// Checks T33 natively.
pub(super) fn check(step: &LoanWitness, witness: &Witness, words: &Words) -> Result<(), Rule> {
    let loan = &step.loan;
    let keys = step_keys(&loan.salt, step.after.sequence);
    let made = &witness.outputs[0].note;
    // T20 determines the blinding of a leg's delivery.
    if step.step != Step::Open && made.rcm != keys.rcm {
        return Err(Rule::T33);
    }
    let mut filler = [0; 2];
    for (filler, word) in filler.iter_mut().zip(&words[DISCLOSURE..]) {
        let above = cut(*word, MASK_BITS, 256).into_bigint();
        *filler = u32::try_from(above.0[0]).map_err(|_| Rule::T33)?;
    }
    let disclosure = loan.opening(made.value, &step.after);
    if disclosure.seal(&keys, &words[COMMITMENTS], filler) != words[DISCLOSURE..DISCLOSURE + 2] {
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
    let active = loan.is_opening.plus(&loan.spends);
    let [made, ..] = &notes.outputs;
    b.enforce(&loan.spends, &made.rcm.minus(&loan.keys.rcm), &zero)?;

    let mut message = vec![loan.keys.key.clone(), words[COMMITMENTS].clone()];
    for filler in &raw.loan.filler {
        let filler = b.witness(*filler)?;
        range(b, &filler, FILLER_BITS)?;
        message.push(filler);
    }
    let [first, second, _] = poseidon::hash3(b, Domain::Opening, &message)?;
    let at = |number: &Num, bit: usize| number.times(power_of_two(bit));
    let next = VALUE_BITS + EXPIRY_BITS;
    let plain = [
        made.value
            .plus(&at(&loan.after.accrued, VALUE_BITS))
            .plus(&at(&loan.maturity, next)),
        loan.after
            .amount
            .plus(&at(&loan.start, VALUE_BITS))
            .plus(&at(&loan.rate, next))
            .plus(&at(&loan.market, next + Loan::RATE_BITS as usize)),
    ];
    for (i, (plain, mask)) in plain.iter().zip([first, second]).enumerate() {
        let bits = canonical_bits(b, &mask)?;
        let sum = plain.plus(&recompose(b, &bits[..MASK_BITS]));
        // Plaintext and mask are each below 2^216, so the carry is one bit.
        let masked = b.witness(cut(sum.value(), 0, MASK_BITS))?;
        range(b, &masked, MASK_BITS)?;
        let carry = b.witness(cut(sum.value(), MASK_BITS, 1))?;
        b.boolean(&carry)?;
        b.equal(&masked.plus(&at(&carry, MASK_BITS)), &sum)?;
        let word = masked.plus(&at(&message[2 + i], MASK_BITS));
        b.enforce(&active, &words[DISCLOSURE + i].minus(&word), &zero)?;
    }
    Ok(())
}
