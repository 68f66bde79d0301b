//! B20: the two legs of a swap occupy neighbouring slots.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::{BatchWitness, SlotWitness};
use subrosa_protocol::layout::word;
use subrosa_protocol::transaction::Kind;

use super::native::{kind, require};
use crate::layout::{Layout, Wire};
use crate::parts::slot::SlotWires;
use crate::rules::Rule;

/// Checks B20 natively: at every border between slots, the ends included, side A stands before it
/// if and only if side B of the same terms stands behind it.
pub(crate) fn check(witness: &BatchWitness) -> Result<(), Rule> {
    let slots = &witness.slots;
    let is = |slot: Option<&SlotWitness>, side: Kind| {
        slot.is_some_and(|slot| kind(slot) == side as u128)
    };
    let terms = |slot: &SlotWitness| slot.words[word::TERMS];
    for border in 0..=slots.len() {
        let before = border.checked_sub(1).and_then(|index| slots.get(index));
        let behind = slots.get(border);
        let side_a = is(before, Kind::SwapA);
        let agreed = before.map(terms) == behind.map(terms);
        require(
            side_a == is(behind, Kind::SwapB) && (!side_a || agreed),
            Rule::B20,
        )?;
    }
    Ok(())
}

/// Constrains side A in a slot to be followed by side B of the same terms, and side B to follow
/// side A. The terms are the words that both digests absorb. The first slot is not side B, and the
/// last slot is not side A.
pub(crate) fn pairs(layout: &mut Layout<'_>, slots: &[SlotWires]) {
    layout.rule(Rule::B20);
    let nothing = |layout: &mut Layout<'_>, flag: Wire| {
        layout.assert_linear(&[], Fr::ZERO, flag);
    };
    if let [first, .., last] = slots {
        nothing(layout, first.side_b);
        nothing(layout, last.side_a);
    }
    for neighbours in slots.windows(2) {
        let [first, second] = neighbours else {
            unreachable!("windows of two")
        };
        layout.assert_equal(first.side_a, second.side_b);
        layout.assert_equal_if(first.side_a, first.terms(), second.terms());
    }
}
