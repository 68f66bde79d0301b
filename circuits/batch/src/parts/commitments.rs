//! B8: new commitments and deposits replace an empty subtree of the note tree.

use ark_ff::Zero;
use subrosa_protocol::batch::BatchWitness;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::layout::word;
use subrosa_protocol::poseidon::hash;
use subrosa_protocol::tree::empty_root;

use super::native::require;
use super::subtree;
use crate::chips::merkle::{Level, path_at, same_path, siblings};
use crate::convert::to_halo2;
use crate::layout::{Hint, Input, Layout, Wire};
use crate::parts::slot::SlotWires;
use crate::parts::state::StateWires;
use crate::rules::Rule;

/// Checks B8 natively: the deposit words, and the note root with the new commitments.
pub(crate) fn check(witness: &BatchWitness) -> Result<(), Rule> {
    let zero = ark_bn254::Fr::zero();
    let deposits = usize::from(witness.header.deposits);
    for words in &witness.deposits[deposits..] {
        require(*words == [zero; 2], Rule::B8)?;
    }
    let slots = witness.slots.iter().zip(&witness.deposits).enumerate();
    let leaves = slots.flat_map(|(index, (slot, words))| {
        let deposit = if index < deposits {
            hash(Domain::Note, words)
        } else {
            zero
        };
        let [a, b, c] = std::array::from_fn(|i| slot.words[word::COMMITMENTS.start + i]);
        [a, b, c, deposit]
    });
    let root = subtree::root(leaves.collect());
    let path = &witness.note_subtree_path;
    let root = subtree::replace(witness, root, path, &witness.old.note_root);
    require(root == Some(witness.new.note_root), Rule::B8)
}

/// A deposit slot on wires.
pub(crate) struct DepositWires {
    /// 1 if the slot holds a deposit, else 0.
    pub(crate) active: Wire,
    /// Packed word and inner hash of the deposited note; 0 in an empty slot.
    pub(crate) words: [Wire; 2],
    /// H(NOTE; packed, inner), or 0 in an empty slot.
    commitment: Wire,
}

/// Writes the deposit slots (rules B2, B8). Filled slots come first.
pub(crate) fn deposits(layout: &mut Layout<'_>, witness: &BatchWitness) -> Vec<DepositWires> {
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
pub(crate) fn commitments(
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
    let root = subtree::constrain_root(layout, leaves);
    let empty = layout.constant(to_halo2(&empty_root(witness.shape.subtree_level())));
    let path = path_at(place, &siblings(&witness.note_subtree_path));
    let (before, path) = layout.climb(empty, &path);
    layout.assert_equal(before, old.note_root);
    let (after, _) = layout.climb(root, &same_path(&path));
    layout.assert_equal(after, new.note_root);
}
