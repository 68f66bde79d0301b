//! Subtrees of new leaves, natively and in the circuit (rules B6, B8).

use ark_bn254::Fr;
use subrosa_protocol::batch::BatchWitness;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::tree::{empty_root, fold, node};

use crate::layout::{Layout, Wire};

/// Returns the root over the nodes.
pub(super) fn root(mut nodes: Vec<Fr>) -> Fr {
    while nodes.len() > 1 {
        nodes = nodes
            .chunks(4)
            .map(|chunk| node(&[chunk[0], chunk[1], chunk[2], chunk[3]]))
            .collect();
    }
    nodes[0]
}

/// Returns the root of the tree after the subtree at `start` becomes `subtree`, or `None` if that
/// subtree was not empty under `before`.
pub(super) fn replace(
    witness: &BatchWitness,
    subtree: Fr,
    siblings: &[[Fr; 3]],
    before: &Fr,
) -> Option<Fr> {
    let index = witness.header.start / witness.shape.leaves() as u64;
    let empty = empty_root(witness.shape.subtree_level());
    (fold(index, empty, siblings) == *before).then(|| fold(index, subtree, siblings))
}

/// Returns the wire of the root over the leaves.
pub(super) fn constrain_root(layout: &mut Layout<'_>, leaves: Vec<Wire>) -> Wire {
    let mut nodes = leaves;
    while nodes.len() > 1 {
        nodes = nodes
            .chunks(4)
            .map(|children| layout.hash_wires(Domain::Node, children))
            .collect();
    }
    nodes[0]
}
