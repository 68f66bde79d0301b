//! B4: the anchor of each active slot is a leaf of the old history tree.

use halo2curves::bn256::Fr;
use subrosa_protocol::tree::{DEPTH, MerklePath};

use crate::convert::to_halo2;
use crate::layout::{Layout, Wire};
use crate::merkle_chip::{LevelInput, hinted_path};
use crate::rules::Rule;
use crate::slot::SlotWires;

/// A protocol path as fresh hints.
pub(crate) fn hinted(path: &MerklePath<DEPTH>) -> Vec<LevelInput> {
    hinted_path(path.index, &siblings(&path.siblings))
}

/// Siblings in the circuit's field.
pub(crate) fn siblings(levels: &[[ark_bn254::Fr; 3]]) -> Vec<[Fr; 3]> {
    levels
        .iter()
        .map(|level| level.map(|sibling| to_halo2(&sibling)))
        .collect()
}

/// Constrains the slot's anchor to be a leaf under `history_root` if the slot is active.
pub fn anchor(
    layout: &mut Layout<'_>,
    slot: &SlotWires,
    path: &MerklePath<DEPTH>,
    history_root: Wire,
) {
    layout.rule(Rule::B4);
    let (root, _) = layout.climb(slot.anchor(), &hinted(path));
    layout.assert_equal_if(slot.active, root, history_root);
}
