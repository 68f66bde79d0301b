//! Old and new state (rules B1, B9, B11, B12, B13).

use ark_ff::Zero;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::BatchWitness;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::ledger::State;
use subrosa_protocol::tree::{DEPTH, MerklePath};

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

/// Returns the root of the history tree with the batch's first anchor, as the witness states it.
pub(crate) fn opened_root(witness: &BatchWitness) -> ark_bn254::Fr {
    let first = witness.old.anchor(&witness.header.oracle);
    witness.history_paths[0].root(first.into())
}

/// Checks B12 natively.
pub(crate) fn check_history(witness: &BatchWitness) -> Result<(), Rule> {
    let [first, last] = &witness.history_paths;
    let empty = ark_bn254::Fr::zero();
    let place = witness.old.batch_index.checked_mul(2);
    let anchor = witness.new.anchor(&witness.header.oracle);
    let holds = Some(first.index) == place
        && Some(last.index) == place.map(|place| place + 1)
        && first.root(empty) == witness.old.history_root
        && last.root(empty) == opened_root(witness)
        && last.root(anchor.into()) == witness.new.history_root
        && witness.header.batch_index == witness.old.batch_index
        && witness.old.batch_index.checked_add(1) == Some(witness.new.batch_index);
    require(holds, Rule::B12)
}

/// B12: the batch's two anchors replace 0 at the history indices from twice the batch index on, and
/// the batch index grows by one. Returns the root with the first anchor, under which the slots'
/// anchors are.
pub(crate) fn history(
    layout: &mut Layout<'_>,
    witness: &BatchWitness,
    header: &HeaderWires,
    old: &StateWires,
    new: &StateWires,
) -> Wire {
    layout.rule(Rule::B12);
    let [first, last] = [old, new].map(|state| {
        let message = [state.note_root, header.oracle()];
        layout.hash_wires(Domain::Anchor, &message)
    });
    let [first_path, last_path] = &witness.history_paths;
    let opened = write(
        layout,
        first,
        first_path,
        0,
        old.history_root,
        old.batch_index,
    );
    let closed = write(layout, last, last_path, 1, opened, old.batch_index);
    layout.assert_equal(closed, new.history_root);
    layout.assert_equal(old.batch_index, header.batch_index());
    layout.assert_linear(&[(Fr::ONE, old.batch_index)], Fr::ONE, new.batch_index);
    opened
}

/// Constrains that 0 stands in the tree of `root` at index 2·`pair` + `place`. Returns the root of
/// the tree with `leaf` there.
fn write(
    layout: &mut Layout<'_>,
    leaf: Wire,
    path: &MerklePath<DEPTH>,
    place: u64,
    root: Wire,
    pair: Wire,
) -> Wire {
    let empty = layout.zero();
    let (before, levels) = layout.climb(empty, &hinted(path));
    layout.assert_equal(before, root);
    // Both sides are below 2³⁴: the sum does not wrap.
    let mut terms = index_terms(&levels);
    terms.push((-Fr::from(2), pair));
    let expected = if place == 0 {
        layout.zero()
    } else {
        layout.one()
    };
    layout.assert_linear(&terms, Fr::ZERO, expected);
    let (after, _) = layout.climb(leaf, &same_path(&levels));
    after
}
