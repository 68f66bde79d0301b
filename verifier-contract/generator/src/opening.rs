//! The SHPLONK opening sets, which the contract reads from the key.
//!
//! halo2 groups the commitments by the set of points at which they are opened, in the order in
//! which they are first queried. The points are rotations of x, so the grouping does not depend on
//! x.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// A query: a commitment, a rotation of x, an evaluation. Commitment and evaluation are offsets in
/// memory from the key's first byte. A commitment's place identifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) commitment: usize,
    pub(crate) rotation: i32,
    pub(crate) evaluation: usize,
}

/// Commitments that are opened at the same rotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    /// Indices into [`Opening::rotations`], ascending.
    pub(crate) rotations: Vec<usize>,
    /// Place of each commitment, with the places of its evaluations in the order of `rotations`.
    pub(crate) commitments: Vec<(usize, Vec<usize>)>,
}

/// The sets of an opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    /// Every rotation that occurs, in order of occurrence.
    pub(crate) rotations: Vec<i32>,
    /// Opening sets in halo2's order.
    pub(crate) sets: Vec<Set>,
}

impl Opening {
    /// Groups `queries` like halo2's `construct_intermediate_sets`.
    pub(crate) fn new(queries: &[Query]) -> Self {
        let mut rotations: Vec<i32> = Vec::new();
        let mut commitments: Vec<(usize, Vec<(usize, usize)>)> = Vec::new();
        for query in queries {
            let rotation = index_or_push(&mut rotations, query.rotation);
            let opened = (rotation, query.evaluation);
            match commitments
                .iter_mut()
                .find(|(place, _)| *place == query.commitment)
            {
                Some((_, openings)) => openings.push(opened),
                None => commitments.push((query.commitment, vec![opened])),
            }
        }
        let mut sets: Vec<Set> = Vec::new();
        for (place, mut openings) in commitments {
            openings.sort_unstable();
            let (rotations, evaluations): (Vec<_>, Vec<_>) = openings.into_iter().unzip();
            match sets.iter_mut().find(|set| set.rotations == rotations) {
                Some(set) => set.commitments.push((place, evaluations)),
                None => sets.push(Set {
                    rotations,
                    commitments: vec![(place, evaluations)],
                }),
            }
        }
        Self { rotations, sets }
    }

    /// Returns the largest number of rotations in a set.
    pub(crate) fn widest(&self) -> usize {
        self.sets
            .iter()
            .map(|set| set.rotations.len())
            .max()
            .unwrap_or(0)
    }

    /// Returns ω^rotation for every rotation.
    pub(crate) fn powers(&self, omega: Fr) -> Vec<Fr> {
        self.rotations
            .iter()
            .map(|rotation| rotate(omega, *rotation))
            .collect()
    }
}

impl Set {
    /// Returns, for each rotation of the set, ∏ 1/(ω^rotation − ω^other) over its other rotations.
    /// Returns `None` if two rotations are the same point.
    pub(crate) fn weights(&self, powers: &[Fr]) -> Option<Vec<Fr>> {
        let weight = |rotation: &usize| {
            let product = self
                .rotations
                .iter()
                .filter(|other| *other != rotation)
                .fold(Fr::ONE, |product, other| {
                    product * (powers[*rotation] - powers[*other])
                });
            Option::from(product.invert())
        };
        self.rotations.iter().map(weight).collect()
    }
}

/// Returns ω^rotation, also for negative rotations. `omega` is a root of unity, hence not zero.
pub(crate) fn rotate(omega: Fr, rotation: i32) -> Fr {
    let power = omega.pow_vartime([u64::from(rotation.unsigned_abs())]);
    if rotation < 0 {
        power.invert().unwrap_or(Fr::ZERO)
    } else {
        power
    }
}

fn index_or_push(items: &mut Vec<i32>, item: i32) -> usize {
    match items.iter().position(|known| *known == item) {
        Some(index) => index,
        None => {
            items.push(item);
            items.len() - 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_in_order_of_first_query() {
        let query = |commitment, rotation, evaluation| Query {
            commitment,
            rotation,
            evaluation,
        };
        let opening = Opening::new(&[
            query(10, 0, 1),
            query(20, 0, 2),
            query(10, 1, 3),
            query(30, 1, 4),
            query(30, 0, 5),
            query(40, -1, 6),
        ]);
        assert_eq!(opening.rotations, [0, 1, -1]);
        assert_eq!(
            opening.sets,
            [
                Set {
                    rotations: vec![0, 1],
                    commitments: vec![(10, vec![1, 3]), (30, vec![5, 4])]
                },
                Set {
                    rotations: vec![0],
                    commitments: vec![(20, vec![2])]
                },
                Set {
                    rotations: vec![2],
                    commitments: vec![(40, vec![6])]
                },
            ]
        );
        assert_eq!(opening.widest(), 2);
    }
}
