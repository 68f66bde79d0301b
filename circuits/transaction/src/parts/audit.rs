//! The ephemeral key, T14, and the auditor ciphertexts, T15 (spec: *Notes*, Auditor ciphertext).

use crate::Rule;
use crate::gadgets::edwards::{Digits, SCALAR_BITS, mul, mul_generator, on_curve};
use crate::gadgets::range::{bit_wires, canonical_bits, recompose};
use crate::gadgets::{Builder, Num, Synthesis, poseidon};
use crate::parts::slots::{Choices, SlotWires};
use crate::parts::wires::NotesWires;
use crate::raw::RawWitness;
use crate::witness::{ARITY, Witness};
use crate::words::{AUDIT, COMMITMENTS, EPHEMERAL, Words, power_of_two};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::PrimeField;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::OwnerId;
use subrosa_protocol::encryption::{AuditWords, audit_packed};
use subrosa_protocol::layout::audit;
use subrosa_protocol::poseidon::hash3;

/// Checks T14 and T15 natively.
pub(crate) fn check(witness: &Witness, words: &Words, sender: OwnerId) -> Result<(), Rule> {
    let esk = witness.esk.into_bigint();
    let ephemeral = EdwardsAffine::generator().mul_bigint(esk).into_affine();
    if ephemeral.y != words[EPHEMERAL] {
        return Err(Rule::T14);
    }
    if witness
        .slots
        .iter()
        .any(|slot| !slot.info.auditor.is_on_curve())
    {
        return Err(Rule::T15);
    }
    for (i, output) in witness.outputs.iter().enumerate() {
        let slot = witness
            .slots
            .get(usize::from(witness.output_slots[i]))
            .ok_or(Rule::T9)?;
        let shared = slot.info.auditor.mul_bigint(esk).into_affine();
        let pads = hash3(Domain::Audit, &[shared.y, words[COMMITMENTS.start + i]]);
        let plain = [
            audit_packed(&output.note, sender.tag()),
            output.note.owner.into(),
        ];
        for (place, (plain, pad)) in AuditWords::places(i).zip(plain.iter().zip(pads)) {
            if words[AUDIT.start + place] != *plain + pad {
                return Err(Rule::T15);
            }
        }
    }
    Ok(())
}

/// Constrains T14 and T15. One shared secret a slot serves all outputs of its asset.
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    words: &[Num],
    slots: &[SlotWires; ARITY],
    notes: &NotesWires,
    choices: &Choices,
) -> Synthesis<()> {
    b.enter(Rule::T14);
    debug_assert_eq!(raw.esk.len(), SCALAR_BITS);
    let esk = bit_wires(b, &raw.esk)?;
    let ephemeral = mul_generator(b, &esk)?;
    b.equal(&ephemeral.y, &words[EPHEMERAL])?;

    b.enter(Rule::T15);
    let digits = Digits::new(b, &esk)?;
    let mut shared = Vec::with_capacity(ARITY);
    for slot in slots {
        on_curve(b, &slot.auditor)?;
        shared.push(mul(b, &digits, &slot.auditor)?.y);
    }
    // The lowest bits of the canonical integer: those of owner + r would name another sender.
    let bits = canonical_bits(b, &notes.owner)?;
    let tag = recompose(b, &bits[..audit::SENDER.width]);
    let sender = tag.times(power_of_two(audit::SENDER.offset));
    for (i, (output, choice)) in notes.outputs.iter().zip(&choices.outputs).enumerate() {
        let secret = choice.pick(b, [&shared[0], &shared[1], &shared[2]])?;
        let pads = poseidon::hash3(
            b,
            Domain::Audit,
            &[secret, words[COMMITMENTS.start + i].clone()],
        )?;
        let plain = [output.packed.plus(&sender), output.owner.clone()];
        for (place, (plain, pad)) in AuditWords::places(i).zip(plain.iter().zip(&pads)) {
            b.equal(&plain.plus(pad), &words[AUDIT.start + place])?;
        }
    }
    Ok(())
}
