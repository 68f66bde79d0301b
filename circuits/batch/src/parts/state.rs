//! Old and new state (rules B1, B9, B11, B12, B13).

use ark_ff::Zero;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::BatchWitness;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::ledger::State;
use subrosa_protocol::tree::DEPTH;

use super::native::require;
use crate::chips::merkle::{Level, hinted, index_terms, same_path};
use crate::convert::{power_of_two, to_halo2};
use crate::layout::{Hint, Input, Layout, Wire};
use crate::parts::header::HeaderWires;
use crate::rules::Rule;

/// Checks that the instance is the commitment of the state, natively: B1 for the old state, B13 for
/// the new one.
pub(crate) fn check(state: &State, instance: &ark_bn254::Fr, rule: Rule) -> Result<(), Rule> {
    require(state.commitment() == *instance, rule)
}

/// Bits of a leaf index of the note tree.
const LEAF_INDEX_BITS: usize = 2 * DEPTH;

/// A state on wires.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateWires {
    /// Root of the note tree.
    pub(crate) note_root: Wire,
    /// Root of the nullifier tree.
    pub(crate) nullifier_root: Wire,
    /// Root of the history tree.
    pub(crate) history_root: Wire,
    /// Number of leaf indices used in the note tree.
    pub(crate) leaf_count: Wire,
    /// Index of the next history leaf.
    pub(crate) batch_index: Wire,
    /// Number of deposits consumed.
    pub(crate) deposit_count: Wire,
    /// H(STATE; the six words).
    pub(crate) commitment: Wire,
}

/// Writes the six words of a state and their hash, under the current rule.
pub(crate) fn state(layout: &mut Layout<'_>, state: &State) -> StateWires {
    let words = state
        .words()
        .map(|word| Input::Hint(to_halo2(&word), Hint::Hashed));
    let hashed = layout.hash(Domain::State, &words);
    let [
        note_root,
        nullifier_root,
        history_root,
        leaf_count,
        batch_index,
        deposit_count,
    ] = std::array::from_fn(|i| hashed.message[i]);
    StateWires {
        note_root,
        nullifier_root,
        history_root,
        leaf_count,
        batch_index,
        deposit_count,
        commitment: hashed.output,
    }
}

/// Checks B9 natively: placement of `start`, and the leaf counts.
pub(crate) fn check_leaf_counts(witness: &BatchWitness) -> Result<(), Rule> {
    let leaves = witness.shape.leaves() as u64;
    let start = witness.header.start;
    let holds = start.is_multiple_of(leaves)
        && start >> LEAF_INDEX_BITS == 0
        && start >= witness.old.leaf_count
        && start - witness.old.leaf_count < leaves
        && witness.new.leaf_count == start + leaves;
    require(holds, Rule::B9)
}

/// B9: constrains `start` to be the multiple of 4N that `place`, the digits of the subtree's index,
/// gives. It is less than 4N above the old leaf count, and the new leaf count is `start` + 4N.
pub(crate) fn leaf_counts(
    layout: &mut Layout<'_>,
    witness: &BatchWitness,
    header: &HeaderWires,
    old: &StateWires,
    new: &StateWires,
    place: &[Level],
) {
    layout.rule(Rule::B9);
    let leaves = witness.shape.leaves();
    let width = 2 * witness.shape.subtree_level();
    let terms: Vec<(Fr, Wire)> = index_terms(place)
        .into_iter()
        .map(|(weight, bit)| (weight * power_of_two(width), bit))
        .collect();
    layout.assert_linear(&terms, Fr::ZERO, header.start());
    let gap = layout.linear(
        &[(Fr::ONE, header.start()), (-Fr::ONE, old.leaf_count)],
        Fr::ZERO,
    );
    layout.range(gap.into(), width);
    layout.assert_linear(
        &[(Fr::ONE, header.start())],
        Fr::from(leaves as u64),
        new.leaf_count,
    );
}

/// Checks B11 natively.
pub(crate) fn check_deposit_counts(witness: &BatchWitness) -> Result<(), Rule> {
    let old = witness.old.deposit_count;
    let new = old.checked_add(witness.header.deposits.into());
    let holds = witness.header.first_deposit == old && new == Some(witness.new.deposit_count);
    require(holds, Rule::B11)
}

/// B11: constrains the first deposit to be the old count, and the new count to be the old one plus
/// the deposits.
pub(crate) fn deposit_counts(
    layout: &mut Layout<'_>,
    header: &HeaderWires,
    old: &StateWires,
    new: &StateWires,
    deposits: Wire,
) {
    layout.rule(Rule::B11);
    layout.assert_equal(old.deposit_count, header.first_deposit());
    layout.assert_linear(
        &[(Fr::ONE, old.deposit_count), (Fr::ONE, deposits)],
        Fr::ZERO,
        new.deposit_count,
    );
}

/// Checks B12 natively.
pub(crate) fn check_history(witness: &BatchWitness) -> Result<(), Rule> {
    let path = &witness.history_append_path;
    let holds = path.index == witness.old.batch_index
        && path.root(ark_bn254::Fr::zero()) == witness.old.history_root
        && path.root(witness.new.note_root) == witness.new.history_root
        && witness.header.batch_index == witness.old.batch_index
        && witness.old.batch_index.checked_add(1) == Some(witness.new.batch_index);
    require(holds, Rule::B12)
}

/// B12: at the history index equal to the batch index, the new note root replaces 0, and the batch
/// index grows by one.
pub(crate) fn history(
    layout: &mut Layout<'_>,
    witness: &BatchWitness,
    header: &HeaderWires,
    old: &StateWires,
    new: &StateWires,
) {
    layout.rule(Rule::B12);
    let empty = layout.zero();
    let (before, levels) = layout.climb(empty, &hinted(&witness.history_append_path));
    layout.assert_equal(before, old.history_root);
    layout.assert_linear(&index_terms(&levels), Fr::ZERO, old.batch_index);
    let (after, _) = layout.climb(new.note_root, &same_path(&levels));
    layout.assert_equal(after, new.history_root);
    layout.assert_equal(old.batch_index, header.batch_index());
    layout.assert_linear(&[(Fr::ONE, old.batch_index)], Fr::ONE, new.batch_index);
}
