//! B4: the anchor of each active slot is a leaf of the history tree with the batch's first anchor.

use subrosa_protocol::batch::BatchWitness;
use subrosa_protocol::layout::word;
use subrosa_protocol::tree::{DEPTH, MerklePath};

use super::native::{active, require};
use super::state::opened_root;
use crate::chips::merkle::hinted;
use crate::layout::{Layout, Wire};
use crate::parts::slot::SlotWires;
use crate::rules::Rule;

/// Checks B4 natively.
pub(crate) fn check(witness: &BatchWitness) -> Result<(), Rule> {
    let opened = opened_root(witness);
    for slot in active(witness) {
        let root = slot.anchor_path.root(slot.words[word::ANCHOR]);
        require(root == opened, Rule::B4)?;
    }
    Ok(())
}

/// Constrains the slot's anchor to be a leaf under `history_root` if the slot is active.
pub(crate) fn anchor(
    layout: &mut Layout<'_>,
    slot: &SlotWires,
    path: &MerklePath<DEPTH>,
    history_root: Wire,
) {
    layout.rule(Rule::B4);
    let (root, _) = layout.climb(slot.anchor(), &hinted(path));
    layout.assert_equal_if(slot.active, root, history_root);
}
