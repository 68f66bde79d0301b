//! Steps on the positions of loans: T17 and T22 to T33 (spec: *Collateral*).
//!
//! A position enters as input 0 and leaves as output 0. Its value takes part in the conservation of its asset like
//! that of cash (T10); what is here says who may change it, and how. Where there is no step everything here is zero, or
//! computed from zeros.

mod opening;
mod price;
mod rules;
mod state;

use crate::Rule;
use crate::gadgets::{Builder, Num, Synthesis};
use crate::parts::header::HeaderWires;
use crate::parts::notes::NotesWires;
use crate::parts::swap::CounterWires;
use crate::raw::RawWitness;
use crate::witness::Witness;
use crate::words::{Fields, Words};
use ark_bn254::Fr;

pub(crate) use state::{LoanWires, constrain as constrain_state};

/// The native rules; `owner` is that of the sender.
pub(crate) fn check(
    witness: &Witness,
    words: &Words,
    fields: &Fields,
    owner: Fr,
) -> Result<(), Rule> {
    let Some(step) = state::check(witness, fields)? else {
        return Ok(());
    };
    let market = price::check(step, witness, words, fields)?;
    rules::check(step, witness, fields, owner, market)?;
    opening::check(step, witness, words)
}

/// The constraints that need the notes.
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    words: &[Num],
    header: &HeaderWires,
    notes: &NotesWires,
    counter: &CounterWires,
    loan: &LoanWires,
) -> Synthesis<()> {
    state::constrain_notes(b, notes, loan)?;
    let market = price::constrain(b, raw, words, header, loan)?;
    rules::constrain(b, raw, header, notes, counter, loan, &market)?;
    opening::constrain(b, raw, words, notes, loan)
}
