//! Helpers of the native checks.

use subrosa_protocol::batch::{BatchWitness, SlotWitness};
use subrosa_protocol::layout::{header, word};

use crate::rules::Rule;

/// Returns `rule` as the error unless the condition holds.
pub(super) fn require(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

/// Returns the active slots, in order.
pub(super) fn active(witness: &BatchWitness) -> impl Iterator<Item = &SlotWitness> {
    witness.slots.iter().filter(|slot| slot.active)
}

/// Returns the number of the kind that a slot's header word states.
pub(super) fn kind(slot: &SlotWitness) -> u128 {
    header::KIND.of(&slot.words[word::HEADER])
}
