//! The statement, computed natively: what the constraints enforce, rule by rule.

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{PrimeField, Zero};
use subrosa_protocol::batch::{BatchWitness, LinkWitness, SlotWitness};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::poseidon::hash;
use subrosa_protocol::transaction::{Header, digest};
use subrosa_protocol::tree::{empty_root, fold, node};

use crate::circuit::{Statement, well_formed};
use crate::client::{ClientKey, ClientProof};
use crate::rules::Rule;

/// B19 natively: the first slot whose proof does not verify under the key for the slot's digest, or for the
/// padding's where it is inactive. Points off their curves or outside their groups, and the identity,
/// do not verify.
///
/// # Errors
/// [`Rule::B19`]; [`Rule::B2`] if there is not one proof for every slot.
pub fn check_proofs(key: &ClientKey, statement: &Statement) -> Result<(), Rule> {
    let slots = &statement.witness.slots;
    require(slots.len() == statement.proofs.len(), Rule::B2)?;
    for (slot, proof) in slots.iter().zip(&statement.proofs) {
        let digest = if slot.active {
            digest(&slot.words)
        } else {
            key.padding
        };
        require(verifies(key, &digest, proof), Rule::B19)?;
    }
    Ok(())
}

/// e(A, B) = e(α, β)·e(IC₀ + x·IC₁, γ)·e(C, δ) for points of the groups.
pub(crate) fn verifies(key: &ClientKey, digest: &Fr, proof: &ClientProof) -> bool {
    let g1 = |point: &G1Affine| !point.is_zero() && point.is_on_curve();
    let g2 = !proof.b.is_zero()
        && proof.b.is_on_curve()
        && proof.b.is_in_correct_subgroup_assuming_on_curve();
    if !(g1(&proof.a) && g1(&proof.c) && g2) {
        return false;
    }
    let inputs = (key.inputs[0] + key.inputs[1] * digest).into_affine();
    let product = Bn254::multi_pairing(
        [-proof.a, key.alpha, inputs, proof.c],
        [proof.b, key.beta, key.gamma, key.delta],
    );
    product.is_zero()
}

fn require(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

fn zero() -> Fr {
    Fr::from(0u64)
}

/// Low `width` ≤ 128 bits of the integer of `word` from bit `from`.
fn field(word: &Fr, from: usize, width: usize) -> u128 {
    let limbs = word.into_bigint().0;
    (0..width).fold(0, |value, i| {
        let at = from + i;
        value | (u128::from((limbs[at / 64] >> (at % 64)) & 1) << i)
    })
}

/// The first rule that `witness` breaks against the public `instances`
/// `[old state, new state, c, z, y]`.
///
/// # Errors
/// That rule.
pub fn check(witness: &BatchWitness, instances: &[Fr; 5]) -> Result<(), Rule> {
    let header = &witness.header;
    let slots = witness.shape.slots();
    require(witness.old.commitment() == instances[0], Rule::B1)?;

    require(well_formed(witness), Rule::B2)?;
    let active = usize::from(header.transactions);
    let deposits = usize::from(header.deposits);
    require(active <= slots && deposits <= slots, Rule::B2)?;
    for (index, slot) in witness.slots.iter().enumerate() {
        require(slot.active == (index < active), Rule::B2)?;
        let kind = field(&slot.words[3], 0, 8);
        let expected = if slot.active {
            (1..=4).contains(&kind)
        } else {
            slot.words == [zero(); 30]
        };
        require(expected, Rule::B2)?;
    }

    let actives = || witness.slots.iter().filter(|slot| slot.active);
    for slot in actives() {
        words(witness, slot)?;
    }
    for slot in actives() {
        let root = slot.anchor_path.root(slot.words[1]);
        require(root == witness.old.history_root, Rule::B4)?;
    }
    require(header.time >> 40 == 0, Rule::B5)?;
    for slot in actives() {
        let expiry = field(&slot.words[3], 120, 40);
        require(u128::from(header.time) <= expiry, Rule::B5)?;
    }
    for slot in actives() {
        let not_before = field(&slot.words[3], 160, 40);
        require(not_before <= u128::from(header.time), Rule::B22)?;
    }

    pairs(witness)?;
    for slot in actives() {
        let oracle = slot.words[7];
        require(oracle == zero() || oracle == header.oracle, Rule::B21)?;
    }

    let appended = nullifier_subtree(witness)?;
    nullifier_links(witness, appended)?;
    commitments(witness, deposits)?;
    placement(witness)?;

    let fees: u128 = actives().map(|slot| field(&slot.words[3], 24, 96)).sum();
    require(header.fee_total == fees, Rule::B10)?;
    require(
        header.first_deposit == witness.old.deposit_count
            && witness.old.deposit_count.checked_add(deposits as u64)
                == Some(witness.new.deposit_count),
        Rule::B11,
    )?;
    let path = &witness.history_append_path;
    require(
        path.index == witness.old.batch_index
            && path.root(zero()) == witness.old.history_root
            && path.root(witness.new.note_root) == witness.new.history_root
            && header.batch_index == witness.old.batch_index
            && witness.old.batch_index.checked_add(1) == Some(witness.new.batch_index),
        Rule::B12,
    )?;
    require(witness.new.commitment() == instances[1], Rule::B13)?;
    let expected = witness.instances(&instances[3]);
    require(instances[2..] == expected[2..], Rule::B14)?;

    for slot in actives() {
        let withdraws = field(&slot.words[3], 0, 8) == 2;
        let stated = slot.words[5] != zero();
        require(
            withdraws == stated && (withdraws || slot.words[4] == zero()),
            Rule::B15,
        )?;
    }
    Ok(())
}

/// B20: what stands before a place is side A if and only if what stands in it is side B, also at the ends.
pub(crate) fn pairs(witness: &BatchWitness) -> Result<(), Rule> {
    let slots = &witness.slots;
    let is = |slot: Option<&SlotWitness>, kind: u128| {
        slot.is_some_and(|slot| field(&slot.words[3], 0, 8) == kind)
    };
    for place in 0..=slots.len() {
        let before = place.checked_sub(1).and_then(|place| slots.get(place));
        let here = slots.get(place);
        let side_a = is(before, 3);
        let agreed = before.map(|slot| slot.words[6]) == here.map(|slot| slot.words[6]);
        require(side_a == is(here, 4) && (!side_a || agreed), Rule::B20)?;
    }
    Ok(())
}

/// B3 of one active slot.
fn words(witness: &BatchWitness, slot: &SlotWitness) -> Result<(), Rule> {
    let header = &witness.header;
    let [context, _, assets_root, packed] = [0, 1, 2, 3].map(|i: usize| slot.words[i]);
    require(
        context == header.context && assets_root == header.assets_root,
        Rule::B3,
    )?;
    let stated = Header::unpack(&packed).map_err(|_| Rule::B3)?;
    require(stated.fee_asset == header.fee_asset, Rule::B3)
}

/// B6: the root with the new nullifier leaves.
fn nullifier_subtree(witness: &BatchWitness) -> Result<Fr, Rule> {
    let leaves = witness.slots.iter().flat_map(|slot| {
        let leaf = |i: usize| {
            if slot.active {
                hash(
                    Domain::NullifierLeaf,
                    &[slot.words[8 + i], slot.links[i].hint],
                )
            } else {
                zero()
            }
        };
        [leaf(0), leaf(1), leaf(2), zero()]
    });
    let root = subtree(leaves.collect());
    replace(
        witness,
        root,
        &witness.nullifier_subtree_path,
        &witness.old.nullifier_root,
    )
    .ok_or(Rule::B6)
}

/// B7: links in order.
fn nullifier_links(witness: &BatchWitness, appended: Fr) -> Result<(), Rule> {
    let mut root = appended;
    for slot in witness.slots.iter().filter(|slot| slot.active) {
        for (i, link) in slot.links.iter().enumerate() {
            root = linked(link, &slot.words[8 + i], &root).ok_or(Rule::B7)?;
        }
    }
    require(root == witness.new.nullifier_root, Rule::B7)
}

fn linked(link: &LinkWitness, nullifier: &Fr, root: &Fr) -> Option<Fr> {
    let leaf = |next: &Fr| hash(Domain::NullifierLeaf, &[link.low_value, *next]);
    let holds = link.path.root(leaf(&link.low_next)) == *root
        && link.low_value.into_bigint() < nullifier.into_bigint()
        && nullifier.into_bigint() < link.low_next.into_bigint()
        && link.low_next == link.hint;
    holds.then(|| link.path.root(leaf(nullifier)))
}

/// B8: deposits and the note root with the new commitments.
fn commitments(witness: &BatchWitness, deposits: usize) -> Result<(), Rule> {
    for words in &witness.deposits[deposits..] {
        require(*words == [zero(); 2], Rule::B8)?;
    }
    let slots = witness.slots.iter().zip(&witness.deposits).enumerate();
    let leaves = slots.flat_map(|(index, (slot, words))| {
        let deposit = if index < deposits {
            hash(Domain::Note, words)
        } else {
            zero()
        };
        [slot.words[11], slot.words[12], slot.words[13], deposit]
    });
    let root = subtree(leaves.collect());
    let root = replace(
        witness,
        root,
        &witness.note_subtree_path,
        &witness.old.note_root,
    );
    require(root == Some(witness.new.note_root), Rule::B8)
}

/// B9: start and leaf counts.
fn placement(witness: &BatchWitness) -> Result<(), Rule> {
    let leaves = witness.shape.leaves() as u64;
    let start = witness.header.start;
    let holds = start.is_multiple_of(leaves)
        && start >> 32 == 0
        && start >= witness.old.leaf_count
        && start - witness.old.leaf_count < leaves
        && witness.new.leaf_count == start + leaves;
    require(holds, Rule::B9)
}

fn subtree(mut nodes: Vec<Fr>) -> Fr {
    while nodes.len() > 1 {
        nodes = nodes
            .chunks(4)
            .map(|chunk| node(&[chunk[0], chunk[1], chunk[2], chunk[3]]))
            .collect();
    }
    nodes[0]
}

/// The root after the subtree at `start` becomes `subtree`, if it was empty under `before`.
fn replace(witness: &BatchWitness, subtree: Fr, siblings: &[[Fr; 3]], before: &Fr) -> Option<Fr> {
    let index = witness.header.start / witness.shape.leaves() as u64;
    let empty = empty_root(witness.shape.subtree_level());
    (fold(index, empty, siblings) == *before).then(|| fold(index, subtree, siblings))
}
