//! Helpers of the native checks.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use subrosa_protocol::batch::{BatchWitness, SlotWitness};

use crate::rules::Rule;

/// Returns `rule` as the error unless the condition holds.
pub(super) fn require(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

/// Returns the active slots, in order.
pub(super) fn active(witness: &BatchWitness) -> impl Iterator<Item = &SlotWitness> {
    witness.slots.iter().filter(|slot| slot.active)
}

/// Returns `width` ≤ 128 bits of the integer of `word`, from bit `from` on.
pub(super) fn field(word: &Fr, from: usize, width: usize) -> u128 {
    let limbs = word.into_bigint().0;
    (0..width).fold(0, |value, i| {
        let at = from + i;
        value | (u128::from((limbs[at / 64] >> (at % 64)) & 1) << i)
    })
}
