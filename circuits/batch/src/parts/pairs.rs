//! B20: the legs of a swap stand side by side.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

use crate::layout::{Layout, Wire};
use crate::rules::Rule;
use crate::slot::SlotWires;

/// Side A in a slot if and only if side B in the next one, and then of the same terms: the very words that both
/// digests absorb. Before the first slot there is no side A, behind the last one no side B.
pub fn pairs(layout: &mut Layout<'_>, slots: &[SlotWires]) {
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
