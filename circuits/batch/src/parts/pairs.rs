//! B20: the two legs of a swap occupy neighbouring slots.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

use crate::layout::{Layout, Wire};
use crate::rules::Rule;
use crate::slot::SlotWires;

/// Constrains side A in a slot to be followed by side B of the same terms, and side B to follow
/// side A. The terms are the words that both digests absorb. The first slot is not side B, and the
/// last slot is not side A.
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
