//! B8: new commitments and deposits replace an empty subtree of the note tree.

use subrosa_protocol::batch::BatchWitness;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::tree::empty_root;

use crate::convert::to_halo2;
use crate::layout::{Hint, Input, Layout, Wire};
use crate::merkle_chip::{Level, same_path};
use crate::nullifiers::{note_path, subtree};
use crate::rules::Rule;
use crate::slot::SlotWires;
use crate::state::StateWires;

/// A deposit slot on wires.
pub struct DepositWires {
    /// 1 if the slot holds a deposit, else 0.
    pub active: Wire,
    /// Packed word and inner hash of the deposited note; 0 in an empty slot.
    pub words: [Wire; 2],
    /// H(NOTE; packed, inner), or 0 in an empty slot.
    commitment: Wire,
}

/// Writes the deposit slots (rules B2, B8). Filled slots come first.
pub fn deposits(layout: &mut Layout<'_>, witness: &BatchWitness) -> Vec<DepositWires> {
    let mut previous = None;
    let mut deposits = Vec::with_capacity(witness.deposits.len());
    for (index, words) in witness.deposits.iter().enumerate() {
        layout.rule(Rule::B2);
        let active = layout.free_flag(index < usize::from(witness.header.deposits));
        layout.assert_flag(active, previous);
        previous = Some(active);
        layout.rule(Rule::B8);
        let message = words
            .each_ref()
            .map(|word| Input::Hint(to_halo2(word), Hint::Hashed));
        let hashed = layout.hash(Domain::Note, &message);
        let words = [hashed.message[0], hashed.message[1]];
        for word in words {
            layout.assert_zero_unless(active, word);
        }
        let commitment = layout.mul(active, hashed.output);
        deposits.push(DepositWires {
            active,
            words,
            commitment,
        });
    }
    deposits
}

/// Constrains three commitments and one deposit a slot to be appended at `place`.
pub fn commitments(
    layout: &mut Layout<'_>,
    witness: &BatchWitness,
    slots: &[SlotWires],
    deposits: &[DepositWires],
    place: &[Level],
    old: &StateWires,
    new: &StateWires,
) {
    layout.rule(Rule::B8);
    let mut leaves = Vec::with_capacity(4 * slots.len());
    for (slot, deposit) in slots.iter().zip(deposits) {
        leaves.extend_from_slice(slot.commitments());
        leaves.push(deposit.commitment);
    }
    let root = subtree(layout, leaves);
    let empty = layout.constant(to_halo2(&empty_root(witness.shape.subtree_level())));
    let (before, path) = layout.climb(empty, &note_path(witness, place));
    layout.assert_equal(before, old.note_root);
    let (after, _) = layout.climb(root, &same_path(&path));
    layout.assert_equal(after, new.note_root);
}
