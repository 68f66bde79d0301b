//! The nullifier tree: rules B6 and B7 (spec: *Trees and state*, nullifier tree).
//!
//! First the subtree of all new leaves (nf, hint) is appended. Then each nullifier is linked: its
//! low leaf (v, n), with v < nf < n and n = hint, becomes (v, nf).
//!
//! **Comparison.** v, d₁ = nf − v − 1, d₂ = n − nf − 1 and d₃ = r − 1 − n are each cut into two
//! looked-up limbs of 130 bits. As integers, the limbs of all four add up to r − 3. Therefore v +
//! d₁ + 1 and v + d₁ + d₂ + 2, which equal nf and n in the field, are their canonical integers, and
//! v < nf < n ≤ r − 1. In an inactive slot the equations for nf and n do not apply.

use ark_ff::{PrimeField, Zero};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::{BatchWitness, LinkWitness};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::layout::word;
use subrosa_protocol::poseidon;
use subrosa_protocol::tree::empty_root;

use super::native::{active, require};
use super::subtree;
use crate::chips::merkle::{Level, hinted, hinted_path, same_path, siblings};
use crate::config::TABLE_BITS;
use crate::convert::{bits, power_of_two, to_halo2};
use crate::layout::{Hint, Input, Layout, Wire};
use crate::parts::slot::SlotWires;
use crate::parts::state::StateWires;
use crate::rules::Rule;

/// Bits of a limb.
const LIMB: usize = 10 * TABLE_BITS;

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
        && link.low_value.into_bigint() < nullifier.into_bigint()
        && nullifier.into_bigint() < link.low_next.into_bigint()
        && link.low_next == link.hint;
    holds.then(|| link.path.root(leaf(nullifier)))
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

/// Witnesses a value as two limbs of 130 bits.
fn limbs(layout: &mut Layout<'_>, value: Fr) -> [Wire; 2] {
    let low = layout.ranged_hint(bits(&value, 0, LIMB), LIMB);
    let high = layout.ranged_hint(bits(&value, LIMB, 254 - LIMB), LIMB);
    [low, high]
}

/// Constrains low < nullifier < next if the slot is active.
pub(crate) fn compare(
    layout: &mut Layout<'_>,
    active: Wire,
    low: Wire,
    nullifier: Wire,
    next: Wire,
) {
    let bound = -Fr::from(3);
    let (first, second, third) = if bool::from(active.value.is_zero()) {
        (Fr::ZERO, Fr::ZERO, bound - low.value)
    } else {
        (
            nullifier.value - low.value - Fr::ONE,
            next.value - nullifier.value - Fr::ONE,
            -Fr::ONE - next.value,
        )
    };
    let shift = power_of_two(LIMB);
    let v = limbs(layout, low.value);
    let d1 = limbs(layout, first);
    let d2 = limbs(layout, second);
    let d3 = limbs(layout, third);
    layout.assert_linear(&[(Fr::ONE, v[0]), (shift, v[1])], Fr::ZERO, low);
    let above_low = layout.linear(&[(Fr::ONE, low), (Fr::ONE, d1[0]), (shift, d1[1])], Fr::ONE);
    layout.assert_equal_if(active, above_low, nullifier);
    let above_nullifier = layout.linear(
        &[(Fr::ONE, nullifier), (Fr::ONE, d2[0]), (shift, d2[1])],
        Fr::ONE,
    );
    layout.assert_equal_if(active, above_nullifier, next);

    // Σ low limbs = (r − 3) mod 2^130 + carry·2^130, and Σ high limbs + carry = (r − 3) >> 130. All
    // terms are far below r, so both equations hold over the integers.
    let low_bound = bits(&bound, 0, LIMB);
    let high_bound = bits(&bound, LIMB, 254 - LIMB);
    let low_sum = v[0].value + d1[0].value + d2[0].value + d3[0].value;
    let carry = layout.ranged_hint(bits(&(low_sum - low_bound), LIMB, 254 - LIMB), TABLE_BITS);
    let minus = -Fr::ONE;
    layout.assert_linear(
        &[
            (minus, d1[0]),
            (minus, d2[0]),
            (minus, d3[0]),
            (shift, carry),
        ],
        low_bound,
        v[0],
    );
    layout.assert_linear(
        &[
            (minus, d1[1]),
            (minus, d2[1]),
            (minus, d3[1]),
            (minus, carry),
        ],
        high_bound,
        v[1],
    );
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
