use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ark_ff::UniformRand;
use proptest::prelude::*;

use super::*;
use crate::tree::fold;

fn fr(x: u64) -> Fr {
    Fr::from(x)
}

fn slots(values: &[Option<[u64; 3]>]) -> Vec<Option<[Nullifier; 3]>> {
    values
        .iter()
        .map(|slot| slot.map(|v| v.map(|x| Nullifier::of(fr(x)))))
        .collect()
}

/// The definition of the root: leaves in the order of their places, each `next` the next greater
/// member.
fn naive_root(members: &BTreeMap<BigInt<4>, u64>, len: u64) -> Fr {
    let values: Vec<Fr> = members.keys().map(from_key).collect();
    let mut leaves = vec![fr(0); len as usize];
    for (i, index) in members.values().enumerate() {
        let next = values.get(i + 1).copied().unwrap_or_else(maximum);
        leaves[*index as usize] = leaf(&values[i], &next);
    }
    AppendTree::<DEPTH>::from_leaves(leaves).unwrap().root()
}

/// Applies the rules of the circuit (B6, B7) to a witness.
fn follow(start: u64, slots: &[Option<[Nullifier; 3]>], insertion: &NullifierInsertion) {
    let width = 4 * slots.len() as u64;
    let level = (width.trailing_zeros() / 2) as usize;
    let path = &insertion.subtree_path;
    assert_eq!(path.len(), DEPTH - level);
    let empty = crate::tree::empty_root(level);
    assert_eq!(fold(start / width, empty, path), insertion.root_before);
    let mut expected = Vec::new();
    for (slot, links) in slots.iter().zip(&insertion.links) {
        for input in 0..3 {
            expected.push(slot.map_or(fr(0), |nf| leaf(nf[input].element(), &links[input].hint)));
        }
        expected.push(fr(0));
    }
    assert_eq!(insertion.leaves, expected);
    let mut nodes = expected;
    while nodes.len() > 1 {
        nodes = nodes
            .chunks_exact(4)
            .map(|c| hash(Domain::Node, c))
            .collect();
    }
    let mut root = fold(start / width, nodes[0], path);
    assert_eq!(root, insertion.root_appended);
    for (slot, links) in slots.iter().zip(&insertion.links) {
        for (input, link) in links.iter().enumerate() {
            assert_eq!(link.path.root(leaf(&link.low_value, &link.low_next)), root);
            match slot {
                Some(nf) => {
                    let nf = Fr::from(nf[input]);
                    assert!(link.low_value < nf && nf < link.low_next);
                    assert_eq!(link.hint, link.low_next);
                    root = link.path.root(leaf(&link.low_value, &nf));
                }
                None => {
                    assert_eq!(
                        (link.path.index, link.low_value, link.hint),
                        (0, fr(0), fr(0))
                    );
                }
            }
        }
    }
    assert_eq!(root, insertion.root_after);
}

#[test]
fn genesis_is_leaf_zero_alone() {
    let tree = NullifierTree::new();
    assert_eq!(tree.len(), 4);
    let mut expected = AppendTree::<DEPTH>::new();
    expected.write(&[(0, leaf(&fr(0), &maximum()))]);
    assert_eq!(tree.root(), expected.root());
    assert!(tree.contains(&Nullifier::of(fr(0))));
    assert!(!tree.contains(&Nullifier::of(fr(1))));
}

#[test]
fn later_links_lower_earlier_ones() {
    // 5, then 7 above it, then 6 between: the low leaves of 7 and 6 are leaves of this batch.
    let mut tree = NullifierTree::new();
    let batch = slots(&[Some([5, 7, 6]), None, None, None]);
    let insertion = tree.append_and_link(16, &batch).unwrap();
    follow(16, &batch, &insertion);
    let lows = insertion.links[0]
        .clone()
        .map(|link| (link.path.index, link.low_value, link.hint));
    assert_eq!(
        lows,
        [
            (0, fr(0), maximum()),
            (16, fr(5), maximum()),
            (16, fr(5), fr(7))
        ]
    );
    // In inactive slots leaf 0 stands as it is after all links.
    assert_eq!(insertion.links[3][2].low_next, fr(5));
    assert_eq!(
        tree.members().collect::<Vec<_>>(),
        [(0, fr(0)), (16, fr(5)), (18, fr(6)), (17, fr(7))]
    );
}

#[test]
fn a_gap_in_the_slots_is_allowed() {
    let mut tree = NullifierTree::new();
    let batch = slots(&[None, Some([3, 1, 2]), None, Some([9, 8, 7])]);
    let insertion = tree.append_and_link(16, &batch).unwrap();
    follow(16, &batch, &insertion);
}

#[test]
fn refusals_name_the_slot_and_change_nothing() {
    let mut tree = NullifierTree::new();
    tree.append_and_link(16, &slots(&[Some([5, 6, 7]), None, None, None]))
        .unwrap();
    let before = (tree.root(), tree.members().collect::<Vec<_>>(), tree.len());
    let cases = [
        (
            [Some([1, 2, 3]), Some([4, 6, 8])],
            NullifierError::Known { slot: 1, input: 1 },
        ),
        (
            [Some([1, 2, 3]), Some([4, 8, 0])],
            NullifierError::Reserved { slot: 1, input: 2 },
        ),
        (
            [Some([1, 2, 3]), Some([4, 8, 2])],
            NullifierError::Repeated {
                slot: 1,
                input: 2,
                first_slot: 0,
            },
        ),
        (
            [Some([1, 2, 1]), None],
            NullifierError::Repeated {
                slot: 0,
                input: 2,
                first_slot: 0,
            },
        ),
    ];
    for ([a, b], error) in cases {
        let batch = slots(&[a, b, None, None]);
        assert_eq!(tree.append_and_link(32, &batch), Err(error));
        assert_eq!(tree.insert(32, &batch), Err(error));
    }
    let mut batch = slots(&[Some([1, 2, 3]), None, None, None]);
    for start in [16, 33] {
        assert!(matches!(
            tree.append_and_link(start, &batch),
            Err(NullifierError::Tree(_))
        ));
    }
    batch[0] = Some([fr(0), fr(1), fr(2)].map(Nullifier::of));
    assert_eq!(
        tree.append_and_link(32, &batch),
        Err(NullifierError::Reserved { slot: 0, input: 0 })
    );
    assert_eq!(
        (tree.root(), tree.members().collect::<Vec<_>>(), tree.len()),
        before
    );
}

#[test]
fn members_restore_and_disorder_is_refused() {
    let mut tree = NullifierTree::new();
    tree.insert(16, &slots(&[Some([5, 9, 7]), None, None, None]))
        .unwrap();
    let members: Vec<_> = tree.members().collect();
    let restored = NullifierTree::from_members(tree.len(), &members).unwrap();
    assert_eq!(restored.root(), tree.root());

    type Edit = dyn Fn(&mut Vec<(u64, Fr)>);
    let refused = |len: u64, edit: &Edit| {
        let mut members = members.clone();
        edit(&mut members);
        NullifierTree::from_members(len, &members).is_none()
    };
    assert!(!refused(32, &|_| ()));
    assert!(refused(17, &|_| ()), "index beyond the length");
    assert!(refused(32, &|m| m.swap(1, 2)), "values out of order");
    assert!(refused(32, &|m| m[2].1 = m[1].1), "value twice");
    assert!(refused(32, &|m| m[2].0 = m[1].0), "place twice");
    assert!(
        refused(32, &|m| m.push((20, maximum()))),
        "2¹⁹² as a member"
    );
    assert!(
        refused(32, &|m| m.retain(|entry| entry.0 != 0)),
        "no leaf 0"
    );
    assert!(refused(32, &|m| m[0].0 = 1), "leaf 0 elsewhere");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Random batches of all shapes: both insertions agree with the definition, and the witness
    /// satisfies the circuit's rules.
    #[test]
    fn insertion_matches_the_definition(
        batches in prop::collection::vec((0usize..2, 0usize..17, any::<bool>()), 1..5),
    ) {
        let mut rng = ark_std::test_rng();
        let mut one = NullifierTree::new();
        let mut two = NullifierTree::new();
        let mut members = BTreeMap::from([(BigInt::from(0u64), 0u64)]);
        for (shape, active, small) in batches {
            let count = [4usize, 16][shape];
            let batch: Vec<_> = (0..count)
                .map(|slot| {
                    (slot < active).then(|| {
                        [(); 3].map(|()| loop {
                            // Small values make neighbours within one batch likely.
                            let value = if small {
                                fr(rand::Rng::gen_range(&mut rng, 1..1u64 << 20))
                            } else {
                                Fr::rand(&mut rng)
                            };
                            let nullifier = Nullifier::of(value);
                            let key = nullifier.element().into_bigint();
                            if let Entry::Vacant(entry) = members.entry(key) {
                                entry.insert(0);
                                break nullifier;
                            }
                        })
                    })
                })
                .collect();
            let start = one.len().next_multiple_of(4 * count as u64);
            for (slot, nullifiers) in batch.iter().enumerate() {
                for (input, nf) in nullifiers.iter().flatten().enumerate() {
                    members.insert(nf.element().into_bigint(), start + (4 * slot + input) as u64);
                }
            }
            let insertion = one.append_and_link(start, &batch).unwrap();
            follow(start, &batch, &insertion);
            two.insert(start, &batch).unwrap();
            prop_assert_eq!(one.root(), insertion.root_after);
            prop_assert_eq!(one.root(), two.root());
            prop_assert_eq!(one.root(), naive_root(&members, one.len()));
            for nf in batch.iter().flatten().flatten() {
                prop_assert!(one.contains(nf));
            }
        }
    }
}
