//! The nullifier tree: rules B6 and B7 (spec: *Trees and state*, nullifier tree).
//!
//! First the subtree of all new leaves (nf, hint) is appended. Then each nullifier is linked: its
//! low leaf (v, n), with v < nf < n and n = hint, becomes (v, nf).
//!
//! **Comparison.** nf, d₁ = nf − v − 1 and d₂ = n − nf − 1 are each looked up as integers below
//! 2¹⁹². So is v, because every value in a leaf is 0 or a nullifier that some batch looked up.
//! Therefore nf − v − 1 lies between −2¹⁹² and 2¹⁹² as an integer. A negative one would be an
//! element above 2¹⁹², so v < nf. And n = nf + 1 + d₂ < 2¹⁹³ is the canonical integer of n, so nf <
//! n. In an inactive slot all three are 0.

use ark_ff::{BigInteger, PrimeField, Zero};
use halo2curves::bn256::Fr;
use subrosa_protocol::batch::{BatchWitness, LinkWitness};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::layout::{NULLIFIER_BITS, word};
use subrosa_protocol::poseidon;
use subrosa_protocol::tree::empty_root;

use super::native::{active, require};
use super::subtree;
use crate::chips::merkle::{Level, hinted, hinted_path, same_path, siblings};
use crate::convert::to_halo2;
use crate::layout::{Hint, Input, Layout, Wire};
use crate::parts::slot::SlotWires;
use crate::parts::state::StateWires;
use crate::rules::Rule;

/// Checks B6 and B7 natively: the new leaves, then the links in order.
pub(crate) fn check(witness: &BatchWitness) -> Result<(), Rule> {
    let mut root = appended(witness).ok_or(Rule::B6)?;
    for slot in active(witness) {
        for (i, link) in slot.links.iter().enumerate() {
            root = linked(link, &slot.words[word::NULLIFIERS.start + i], &root).ok_or(Rule::B7)?;
        }
    }
    require(root == witness.new.nullifier_root, Rule::B7)
}

/// Returns the root with the new nullifier leaves, or `None` if they do not replace an empty
/// subtree.
fn appended(witness: &BatchWitness) -> Option<ark_bn254::Fr> {
    let zero = ark_bn254::Fr::zero();
    let leaves = witness.slots.iter().flat_map(|slot| {
        let leaf = |i: usize| {
            if slot.active {
                let message = [slot.words[word::NULLIFIERS.start + i], slot.links[i].hint];
                poseidon::hash(Domain::NullifierLeaf, &message)
            } else {
                zero
            }
        };
        [leaf(0), leaf(1), leaf(2), zero]
    });
    let root = subtree::root(leaves.collect());
    let path = &witness.nullifier_subtree_path;
    subtree::replace(witness, root, path, &witness.old.nullifier_root)
}

/// Returns the root after a link, or `None` if the link is not valid under `root`.
fn linked(
    link: &LinkWitness,
    nullifier: &ark_bn254::Fr,
    root: &ark_bn254::Fr,
) -> Option<ark_bn254::Fr> {
    let leaf = |next: &ark_bn254::Fr| {
        let message = [link.low_value, *next];
        poseidon::hash(Domain::NullifierLeaf, &message)
    };
    let holds = link.path.root(leaf(&link.low_next)) == *root
        && between(&link.low_value, nullifier, &link.low_next)
        && link.low_next == link.hint;
    holds.then(|| link.path.root(leaf(nullifier)))
}

/// Whether low < nullifier < next, all three no wider than the circuit admits. The circuit relies
/// on the width of `low`, which the tree has.
fn between(low: &ark_bn254::Fr, nullifier: &ark_bn254::Fr, next: &ark_bn254::Fr) -> bool {
    let fits =
        |difference: ark_bn254::Fr| difference.into_bigint().num_bits() as usize <= NULLIFIER_BITS;
    let one = ark_bn254::Fr::from(1u64);
    fits(*nullifier) && fits(*nullifier - low - one) && fits(*next - nullifier - one)
}

/// Returns the new leaf of a nullifier, H(NULLIFIER_LEAF; nf, hint) or 0 in an inactive slot, and
/// the hint.
fn leaf(layout: &mut Layout<'_>, slot: &SlotWires, nullifier: Wire, hint: Fr) -> (Wire, Wire) {
    let message = [nullifier.into(), Input::Hint(hint, Hint::Hashed)];
    let hashed = layout.hash(Domain::NullifierLeaf, &message);
    let leaf = layout.mul(slot.active, hashed.output);
    (leaf, hashed.message[1])
}

/// B6: appends the new leaves. Returns the new root, the hints, and the path to the subtree.
fn append(
    layout: &mut Layout<'_>,
    witness: &BatchWitness,
    slots: &[SlotWires],
    old: &StateWires,
) -> (Wire, Vec<[Wire; 3]>, Vec<Level>) {
    layout.rule(Rule::B6);
    let zero = layout.zero();
    let mut leaves = Vec::with_capacity(4 * slots.len());
    let mut hints = Vec::with_capacity(slots.len());
    for (slot, values) in slots.iter().zip(&witness.slots) {
        let pairs: [(Wire, Wire); 3] = std::array::from_fn(|i| {
            let hint = to_halo2(&values.links[i].hint);
            leaf(layout, slot, slot.nullifiers()[i], hint)
        });
        leaves.extend(pairs.map(|(leaf, _)| leaf));
        leaves.push(zero);
        hints.push(pairs.map(|(_, hint)| hint));
    }
    let root = subtree::constrain_root(layout, leaves);
    let level = witness.shape.subtree_level();
    let empty = layout.constant(to_halo2(&empty_root(level)));
    let index = witness.header.start / witness.shape.leaves() as u64;
    let path = hinted_path(index, &siblings(&witness.nullifier_subtree_path));
    let (before, place) = layout.climb(empty, &path);
    layout.assert_equal(before, old.nullifier_root);
    let (after, _) = layout.climb(root, &same_path(&place));
    (after, hints, place)
}

/// Constrains low < nullifier < next if the slot is active. `low` must be below 2¹⁹². In an
/// inactive slot the nullifier must be 0.
pub(crate) fn compare(
    layout: &mut Layout<'_>,
    active: Wire,
    low: Wire,
    nullifier: Wire,
    next: Wire,
) {
    layout.range(nullifier.into(), NULLIFIER_BITS);
    for (greater, less) in [(nullifier, low), (next, nullifier)] {
        let between = layout.between_if(active, greater, less);
        layout.range(between.into(), NULLIFIER_BITS);
    }
}

/// Links one nullifier under `root` and returns the next root.
fn link(
    layout: &mut Layout<'_>,
    active: Wire,
    nullifier: Wire,
    hint: Wire,
    witness: &LinkWitness,
    root: Wire,
) -> Wire {
    let message = [&witness.low_value, &witness.low_next]
        .map(|word| Input::Hint(to_halo2(word), Hint::Hashed));
    let low_leaf = layout.hash(Domain::NullifierLeaf, &message);
    let [low, next] = [low_leaf.message[0], low_leaf.message[1]];
    let (before, path) = layout.climb(low_leaf.output, &hinted(&witness.path));
    layout.assert_equal_if(active, before, root);
    layout.assert_equal_if(active, next, hint);
    compare(layout, active, low, nullifier, next);
    let linked = layout.hash_wires(Domain::NullifierLeaf, &[low, nullifier]);
    let (after, _) = layout.climb(linked, &same_path(&path));
    layout.choose(active, after, root)
}

/// B6 and B7: appends and links all nullifiers. Returns the path to the subtree; the note tree
/// shares its bits.
pub(crate) fn nullifiers(
    layout: &mut Layout<'_>,
    witness: &BatchWitness,
    slots: &[SlotWires],
    old: &StateWires,
    new: &StateWires,
) -> Vec<Level> {
    let (mut root, hints, place) = append(layout, witness, slots, old);
    layout.rule(Rule::B7);
    for ((slot, values), hints) in slots.iter().zip(&witness.slots).zip(&hints) {
        for (i, values) in values.links.iter().enumerate() {
            let nullifier = slot.nullifiers()[i];
            root = link(layout, slot.active, nullifier, hints[i], values, root);
        }
    }
    layout.assert_equal(root, new.nullifier_root);
    place
}
