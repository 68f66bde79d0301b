//! Steps on the positions of loans: T17 and T22 to T34 (spec: *Collateral*).
//!
//! A position enters as input 0 and leaves as output 0. Its value counts in the conservation of its
//! asset like the value of cash (T10). The rules here say who may change it, and how. Without a
//! step every wire here is zero, or computed from zeros.

mod disclosure;
mod price;
mod rules;
mod state;
mod stop;

use crate::Rule;
use crate::gadgets::{Builder, Num, Synthesis};
use crate::parts::wires::{CounterWires, HeaderWires, LoanWires, MarketWires, NotesWires};
use crate::raw::RawWitness;
use crate::witness::{LoanWitness, Witness};
use crate::words::{Fields, Words};
use subrosa_protocol::element::OwnerId;

pub(crate) use state::constrain as constrain_state;
pub(crate) use stop::constrain as constrain_stop;

/// Checks the rules natively; `owner` is the sender's.
pub(crate) fn check(
    witness: &Witness,
    words: &Words,
    fields: &Fields,
    owner: OwnerId,
) -> Result<(), Rule> {
    let Some(step) = check_step(witness, fields, owner)? else {
        return Ok(());
    };
    disclosure::check(step, witness, words)
}

/// Checks natively whether the step is legal: all rules but T33, which needs the words. Returns the
/// step, if there is one.
pub(crate) fn check_step<'a>(
    witness: &'a Witness,
    fields: &Fields,
    owner: OwnerId,
) -> Result<Option<&'a LoanWitness>, Rule> {
    let Some(step) = state::check(witness, fields)? else {
        return Ok(None);
    };
    let market = price::check(step, witness, fields)?;
    rules::check(step, witness, fields, owner, market)?;
    stop::check(step, witness)?;
    Ok(Some(step))
}

/// Constrains the rules that need the notes. Returns the market and its price.
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    words: &[Num],
    header: &HeaderWires,
    notes: &NotesWires,
    counter: &CounterWires,
    loan: &LoanWires,
) -> Synthesis<MarketWires> {
    state::constrain_notes(b, notes, loan)?;
    let market = price::constrain(b, raw, header, &notes.prices, loan)?;
    rules::constrain(b, raw, header, notes, counter, loan, &market)?;
    disclosure::constrain(b, raw, words, notes, loan)?;
    Ok(market)
}
