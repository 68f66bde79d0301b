use ark_ff::UniformRand;
use proptest::prelude::*;

use super::*;

fn random(count: usize) -> Vec<Fr> {
    let mut rng = ark_std::test_rng();
    (0..count).map(|_| Fr::rand(&mut rng)).collect()
}

/// The definition of the root: pads the leaves to the full width of each level.
fn naive_root(leaves: &[Fr], depth: usize) -> Fr {
    let mut nodes = leaves.to_vec();
    for level in 0..depth {
        nodes.resize(nodes.len().next_multiple_of(4).max(4), empty_root(level));
        nodes = nodes
            .chunks_exact(4)
            .map(|c| hash(Domain::Node, c))
            .collect();
    }
    nodes[0]
}

#[test]
fn empty_roots_follow_the_definition() {
    assert_eq!(empty_root(0), Fr::from(0u64));
    for level in 0..DEPTH {
        assert_eq!(
            empty_root(level + 1),
            hash(Domain::Node, &[empty_root(level); 4])
        );
    }
    assert_eq!(NoteTree::new().root(), empty_root(DEPTH));
}

#[test]
fn own_place_is_left_out_in_child_order() {
    let [a, b, c, d] = [1u64, 2, 3, 4].map(Fr::from);
    assert_eq!(children(0, a, &[b, c, d]), [a, b, c, d]);
    assert_eq!(children(1, b, &[a, c, d]), [a, b, c, d]);
    assert_eq!(children(6, c, &[a, b, d]), [a, b, c, d]);
    assert_eq!(children(7, d, &[a, b, c]), [a, b, c, d]);
}

#[test]
fn append_refuses_what_is_no_free_aligned_subtree() {
    let mut tree = AppendTree::<3>::new();
    let leaves = random(16);
    assert_eq!(
        tree.append_subtree(4, &leaves),
        Err(TreeError::NotASubtree {
            start: 4,
            leaves: 16
        })
    );
    for count in [0, 2, 3, 8] {
        assert_eq!(
            tree.append_subtree(0, &leaves[..count]),
            Err(TreeError::NotASubtree {
                start: 0,
                leaves: count
            })
        );
    }
    assert_eq!(tree.append_subtree(64, &leaves), Err(TreeError::Full));
    assert_eq!(tree.append_subtree(1 << 40, &leaves), Err(TreeError::Full));
    assert!(tree.is_empty());
    tree.append_subtree(16, &leaves).unwrap();
    assert_eq!(
        tree.append_subtree(0, &leaves),
        Err(TreeError::Occupied { start: 0, len: 32 })
    );
    tree.append_subtree(48, &leaves).unwrap();
    assert_eq!(tree.len(), 64);
    assert_eq!(tree.append_subtree(64, &leaves[..1]), Err(TreeError::Full));
    assert_eq!(
        AppendTree::<1>::from_leaves(random(5)).err(),
        Some(TreeError::Full)
    );
}

#[test]
fn subtree_path_folds_the_subtrees_root() {
    let mut tree = NoteTree::new();
    tree.append_subtree(0, &random(16)).unwrap();
    let siblings = tree.subtree_path(1, 3);
    assert_eq!(siblings.len(), DEPTH - 3);
    assert_eq!(fold(1, empty_root(3), &siblings), tree.root());
    let leaves = random(64);
    tree.append_subtree(64, &leaves).unwrap();
    assert_eq!(fold(1, naive_root(&leaves, 3), &siblings), tree.root());
}

#[test]
fn paths_open_every_leaf_and_only_it() {
    let mut tree = NoteTree::new();
    tree.append_subtree(0, &random(4)).unwrap();
    tree.append_subtree(16, &random(16)).unwrap();
    for index in 0..40 {
        let path = tree.path(index).unwrap();
        assert_eq!(path.index, index);
        assert_eq!(path.root(tree.leaf(index)), tree.root());
        assert_ne!(path.root(Fr::from(99u64)), tree.root());
    }
    assert!(tree.path(NoteTree::CAPACITY - 1).is_some());
    assert!(tree.path(NoteTree::CAPACITY).is_none());
}

#[test]
fn history_starts_with_the_empty_tree_and_finds_each_first_place() {
    let mut history = HistoryTree::new();
    assert_eq!(history.len(), 2);
    let zero = Fr::from(0u64);
    assert!(history.contains(&Anchor::of(&empty_root(DEPTH), &zero)));
    assert!(!history.contains(&Anchor::new(empty_root(DEPTH))));
    assert!(!history.contains(&Anchor::new(zero)));
    let roots = random(6);
    for (i, root) in roots.iter().enumerate() {
        assert!(!history.contains(&Anchor::new(*root)));
        assert_eq!(history.path_of(&Anchor::new(*root)), None);
        let append_path = history.path(history.len()).unwrap();
        assert_eq!(append_path.root(Fr::from(0u64)), history.root());
        assert_eq!(history.append(Anchor::new(*root)), i as u64 + 2);
        assert_eq!(append_path.root(*root), history.root());
    }
    history.append(Anchor::new(roots[2]));
    for (i, root) in roots.iter().enumerate() {
        let path = history.path_of(&Anchor::new(*root)).unwrap();
        assert_eq!(path.index, i as u64 + 2);
        assert_eq!(path.root(*root), history.root());
    }
    let restored = HistoryTree::from_leaves(history.leaves().to_vec()).unwrap();
    assert_eq!(restored.root(), history.root());
    let anchor = Anchor::new(roots[2]);
    assert_eq!(restored.path_of(&anchor), history.path_of(&anchor));
    assert_eq!(restored.len(), 9);
    assert!(!restored.contains(&Anchor::new(zero)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn growth_matches_the_definition(levels in prop::collection::vec(0usize..=3, 1..6)) {
        let mut tree = AppendTree::<5>::new();
        let mut leaves = Vec::new();
        let mut rng = ark_std::test_rng();
        for level in levels {
            let width = 4usize.pow(level as u32);
            let start = leaves.len().next_multiple_of(width);
            let new: Vec<Fr> = (0..width).map(|_| Fr::rand(&mut rng)).collect();
            leaves.resize(start, Fr::from(0u64));
            leaves.extend(&new);
            tree.append_subtree(start as u64, &new).unwrap();
            prop_assert_eq!(tree.leaves(), &leaves[..]);
            prop_assert_eq!(tree.root(), naive_root(&leaves, 5));
        }
        prop_assert_eq!(AppendTree::<5>::from_leaves(leaves).unwrap(), tree);
    }

    #[test]
    fn trace_equals_single_writes(
        changes in prop::collection::vec((0u64..20, prop::option::of(any::<u64>())), 0..30),
    ) {
        let mut one = AppendTree::<4>::from_leaves(random(20)).unwrap();
        let mut two = one.clone();
        let changes: Vec<_> = changes.into_iter().map(|(i, v)| (i, v.map(Fr::from))).collect();
        let paths = one.trace(&changes);
        prop_assert_eq!(paths.len(), changes.len());
        for ((index, value), path) in changes.iter().zip(&paths) {
            prop_assert_eq!(path, &two.path(*index).unwrap());
            if let Some(value) = value {
                two.write(&[(*index, *value)]);
                prop_assert_eq!(path.root(*value), two.root());
            }
        }
        prop_assert_eq!(one, two);
    }

    #[test]
    fn one_write_equals_many(updates in prop::collection::vec((0u64..200, any::<u64>()), 0..30)) {
        let updates: Vec<_> = updates.into_iter().map(|(i, v)| (i, Fr::from(v))).collect();
        let mut one = AppendTree::<4>::new();
        one.write(&updates);
        let mut leaves = vec![Fr::from(0u64); one.len() as usize];
        for (index, value) in &updates {
            leaves[*index as usize] = *value;
        }
        prop_assert_eq!(one.root(), naive_root(&leaves, 4));
    }
}
