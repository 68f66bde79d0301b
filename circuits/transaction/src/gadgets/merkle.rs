//! Membership in a tree of arity 4: five constraints a level besides the hash.

use super::{Builder, Num, Synthesis, poseidon};
use ark_bn254::Fr;
use subrosa_protocol::domain::Domain;

/// Witnesses the siblings of a path and returns the root to which it leads from `leaf`.
///
/// `index_bits` are booleans, two a level from the leaf up, least significant first. At each level
/// the four children are wires, and the child that the two bits select is the node below.
pub(crate) fn root(
    b: &mut Builder,
    leaf: &Num,
    index_bits: &[Num],
    siblings: &[[Fr; 3]],
) -> Synthesis<Num> {
    debug_assert_eq!(index_bits.len(), 2 * siblings.len());
    let mut node = leaf.clone();
    for (bits, siblings) in index_bits.chunks_exact(2).zip(siblings) {
        let place = [&bits[0], &bits[1]]
            .iter()
            .zip([1usize, 2])
            .map(|(bit, weight)| {
                if bit.value() == Fr::from(1u64) {
                    weight
                } else {
                    0
                }
            })
            .sum::<usize>();
        let mut values = siblings.to_vec();
        values.insert(place, node.value());
        let mut children = Vec::with_capacity(4);
        for value in values {
            children.push(b.witness(value)?);
        }
        let low = b.select(&bits[0], &children[1], &children[0])?;
        let high = b.select(&bits[0], &children[3], &children[2])?;
        b.enforce(&bits[1], &high.minus(&low), &node.minus(&low))?;
        node = poseidon::hash(b, Domain::Node, &children)?;
    }
    Ok(node)
}
