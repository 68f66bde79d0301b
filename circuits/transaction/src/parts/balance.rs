//! Conservation of value, T10, and the emptiness of padding, T16.

use crate::Rule;
use crate::gadgets::{Builder, Num, Synthesis};
use crate::parts::slots::Choices;
use crate::parts::wires::{HeaderWires, NotesWires};
use crate::witness::{ARITY, Witness};
use crate::words::{AMOUNT, Fields, Words};
use ark_bn254::Fr;
use ark_ff::Zero;
use subrosa_protocol::encoding::fr_from_u128;

/// Checks T10 and T16 natively. A sum has fewer than 2³ values below 2¹²⁸ and cannot wrap in the
/// field.
pub(crate) fn check(witness: &Witness, words: &Words, fields: &Fields) -> Result<(), Rule> {
    let withdraws = fields.kind == Fr::from(2u64);
    for slot in 0..ARITY as u8 {
        let mut inputs = Fr::zero();
        let mut outputs = Fr::zero();
        for (input, of) in witness.inputs.iter().zip(&witness.input_slots) {
            if *of == slot {
                inputs += fr_from_u128(input.note.value);
            }
        }
        for (output, of) in witness.outputs.iter().zip(&witness.output_slots) {
            if *of == slot {
                outputs += fr_from_u128(output.note.value);
            }
        }
        if witness.fee_slot == slot {
            outputs += fields.fee;
        }
        if withdraws && witness.withdraw_slot == slot {
            outputs += words[AMOUNT];
        }
        if inputs != outputs {
            return Err(Rule::T10);
        }
    }
    let idle = witness.inputs.iter().all(|input| input.dummy)
        && witness.outputs.iter().all(|output| output.note.value == 0)
        && fields.fee.is_zero();
    if fields.kind.is_zero() && !idle {
        return Err(Rule::T16);
    }
    Ok(())
}

/// Constrains T10 and T16.
pub(crate) fn constrain(
    b: &mut Builder,
    header: &HeaderWires,
    notes: &NotesWires,
    choices: &Choices,
) -> Synthesis<()> {
    b.enter(Rule::T10);
    let zero = b.constant(Fr::zero());
    let mut surplus: [Num; ARITY] = std::array::from_fn(|_| zero.clone());
    for (note, choice) in notes.inputs.iter().zip(&choices.inputs) {
        let shares = choice.place(b, &note.value)?;
        surplus = std::array::from_fn(|j| surplus[j].plus(&shares[j]));
    }
    let outgoing = notes
        .outputs
        .iter()
        .map(|note| &note.value)
        .zip(&choices.outputs);
    let public = [
        (&header.fee, &choices.fee),
        (&header.amount, &choices.withdrawal),
    ];
    for (value, choice) in outgoing.chain(public) {
        let shares = choice.place(b, value)?;
        surplus = std::array::from_fn(|j| surplus[j].minus(&shares[j]));
    }
    for slot in &surplus {
        b.zero(slot)?;
    }

    b.enter(Rule::T16);
    let mut real = b.constant(Fr::from(ARITY as u64));
    for dummy in &notes.dummies {
        real = real.minus(dummy);
    }
    let [first, second, third] = &notes.outputs;
    // Three values below 2¹²⁸ add up to zero only if each is zero.
    let moved = first.value.plus(&second.value).plus(&third.value);
    for amount in [&real, &moved, &header.fee] {
        b.enforce(&header.no_op, amount, &zero)?;
    }
    Ok(())
}
