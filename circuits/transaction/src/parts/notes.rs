//! Owner, inputs and outputs: T2 to T6, and the ranges of values among T7.

use crate::Rule;
use crate::gadgets::edwards::{Point, on_curve};
use crate::gadgets::range::{bit_wires, canonical_bits, low_bits, range, recompose};
use crate::gadgets::{Builder, Num, Synthesis, merkle, poseidon};
use crate::parts::slots::three;
use crate::parts::wires::{LoanWires, NoteWires, NotesWires};
use crate::raw::RawWitness;
use crate::witness::{ARITY, NOTE_DEPTH, Witness};
use crate::words::{ANCHOR, COMMITMENTS, NULLIFIERS, VALUE_BITS, Words};
use ark_bn254::Fr;
use ark_ff::Zero;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::{Anchor, OwnerId};
use subrosa_protocol::layout::NULLIFIER_BITS;
use subrosa_protocol::loan::Loan;
use subrosa_protocol::note::{Note, NoteClass, dummy_nullifier, nullifier};
use subrosa_protocol::poseidon::hash;

/// Bits of a leaf index.
const LEAF_INDEX_BITS: usize = 2 * NOTE_DEPTH;

/// Checks the rules natively. Returns the owner.
pub(crate) fn check(witness: &Witness, words: &Words) -> Result<OwnerId, Rule> {
    let cash = |note: &Note| note.class == NoteClass::Cash && note.aux.is_zero();
    let position = spent_position(witness);
    if !witness.ak.is_on_curve() {
        return Err(Rule::T2);
    }
    let owner = OwnerId::new(hash(
        Domain::Owner,
        &[witness.ak.x, witness.ak.y, witness.nk],
    ));
    for (i, input) in witness.inputs.iter().enumerate() {
        // T22 and T23 determine class and aux of input 0.
        let expected = match position {
            Some(loan) if i == 0 => loan.lender,
            _ => owner,
        };
        if input.note.owner != expected || (i != 0 && !cash(&input.note)) {
            return Err(Rule::T2);
        }
    }
    if words[ANCHOR] != Anchor::of(&witness.note_root, &witness.prices).into() {
        return Err(Rule::T3);
    }
    for (i, input) in witness.inputs.iter().enumerate() {
        let commitment = input.note.commitment();
        if input.leaf_index >> LEAF_INDEX_BITS != 0 || input.path.index != input.leaf_index {
            return Err(Rule::T3);
        }
        if !input.dummy && input.path.root(commitment.into()) != witness.note_root {
            return Err(Rule::T3);
        }
        let nk = match position {
            Some(loan) if i == 0 => loan.keys().nk,
            _ => witness.nk,
        };
        let expected = if input.dummy {
            dummy_nullifier(&nk, &commitment, input.leaf_index)
        } else {
            nullifier(&nk, &commitment, input.leaf_index)
        };
        if words[NULLIFIERS.start + i] != *expected.element() {
            return Err(Rule::T4);
        }
        if input.dummy && input.note.value != 0 {
            return Err(Rule::T5);
        }
    }
    for (i, output) in witness.outputs.iter().enumerate() {
        if (i != 0 && !cash(&output.note))
            || words[COMMITMENTS.start + i] != Fr::from(output.note.commitment())
        {
            return Err(Rule::T6);
        }
    }
    Ok(owner)
}

/// Returns the loan whose position input 0 claims to be.
fn spent_position(witness: &Witness) -> Option<&Loan> {
    witness.loan.as_ref()?.spent()
}

/// Constrains T2 to T6, and the ranges of values in T7.
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    words: &[Num],
    loan: &LoanWires,
) -> Synthesis<NotesWires> {
    b.enter(Rule::T2);
    let zero = b.constant(Fr::zero());
    let ak = Point {
        x: b.witness(raw.ak[0])?,
        y: b.witness(raw.ak[1])?,
    };
    on_curve(b, &ak)?;
    let nk = b.witness(raw.nk)?;
    let owner = poseidon::hash(b, Domain::Owner, &[ak.x.clone(), ak.y.clone(), nk.clone()])?;

    b.enter(Rule::T3);
    let note_root = b.witness(raw.note_root)?;
    let prices = b.witness(raw.prices)?;
    let anchor = poseidon::hash(b, Domain::Anchor, &[note_root.clone(), prices.clone()])?;
    b.equal(&anchor, &words[ANCHOR])?;

    let mut inputs = Vec::with_capacity(ARITY);
    let mut dummies = Vec::with_capacity(ARITY);
    for (i, input) in raw.inputs.iter().enumerate() {
        b.enter(Rule::T2);
        let note = NoteWires::new(b, &input.note)?;
        // Input 0 may be a position. Its owner and key are then the lender's and the pair's; T22
        // and T23 determine its class and aux.
        let (expected, key) = if i == 0 {
            let expected = b.select(&loan.spends, &loan.lender, &owner)?;
            (expected, b.select(&loan.spends, &loan.nk, &nk)?)
        } else {
            b.zero(&note.class)?;
            b.zero(&note.aux)?;
            (owner.clone(), nk.clone())
        };
        b.equal(&note.owner, &expected)?;

        b.enter(Rule::T7);
        range(b, &note.value, VALUE_BITS)?;

        b.enter(Rule::T3);
        let commitment = note.commitment(b)?;
        let leaf_index = b.witness(input.leaf_index)?;
        let index_bits = bit_wires(
            b,
            &low_bits(input.leaf_index, LEAF_INDEX_BITS)[..LEAF_INDEX_BITS],
        )?;
        let sum = recompose(b, &index_bits);
        b.equal(&sum, &leaf_index)?;
        let dummy = b.witness(input.dummy)?;
        b.boolean(&dummy)?;
        let root = merkle::root(b, &commitment, &index_bits, &input.siblings)?;
        let real = b.one().minus(&dummy);
        b.enforce(&real, &root.minus(&note_root), &zero)?;

        b.enter(Rule::T4);
        let message = [key, commitment, leaf_index];
        let domains = [Domain::Nullifier, Domain::NullifierDummy];
        let hash = poseidon::hash_under(b, &dummy, domains, &message)?;
        // Takes the canonical integer: the lowest bits of hash + r would be a second nullifier.
        let bits = canonical_bits(b, &hash)?;
        let nullifier = recompose(b, &bits[..NULLIFIER_BITS]);
        b.equal(&nullifier, &words[NULLIFIERS.start + i])?;

        b.enter(Rule::T5);
        b.enforce(&dummy, &note.value, &zero)?;

        inputs.push(note);
        dummies.push(dummy);
    }

    let mut outputs = Vec::with_capacity(ARITY);
    for (i, output) in raw.outputs.iter().enumerate() {
        b.enter(Rule::T6);
        let note = NoteWires::new(b, &output.note)?;
        if i != 0 {
            b.zero(&note.class)?;
            b.zero(&note.aux)?;
        }
        let commitment = note.commitment(b)?;
        b.equal(&commitment, &words[COMMITMENTS.start + i])?;

        b.enter(Rule::T7);
        range(b, &note.value, VALUE_BITS)?;
        outputs.push(note);
    }
    Ok(NotesWires {
        ak,
        owner,
        prices,
        inputs: three(inputs),
        outputs: three(outputs),
        dummies: three(dummies),
    })
}
