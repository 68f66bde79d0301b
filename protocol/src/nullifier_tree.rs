//! The indexed nullifier tree (spec: *Trees and state*, nullifier tree).
//!
//! A leaf (value, next) asserts that no member lies strictly between the two. The members are also
//! kept in order beside the tree, so that one look-up finds the low leaf of a new nullifier.

use std::collections::{BTreeMap, HashMap};

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField, Zero};
use rayon::prelude::*;

use crate::domain::Domain;
use crate::element::Nullifier;
use crate::layout::NULLIFIER_BITS;
use crate::poseidon::hash;
use crate::tree::{AppendTree, DEPTH, MerklePath, TreeError};

/// Reason why nullifiers cannot be inserted. Slots and inputs count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NullifierError {
    /// The value 0, which bounds the tree from below.
    #[error("slot {slot}, input {input}: nullifier is 0, a reserved value")]
    Reserved {
        /// Slot of the batch.
        slot: usize,
        /// Input of the transaction.
        input: usize,
    },
    /// The nullifier is already a member.
    #[error("slot {slot}, input {input}: nullifier is already spent")]
    Known {
        /// Slot of the batch.
        slot: usize,
        /// Input of the transaction.
        input: usize,
    },
    /// The nullifier occurs twice in the batch.
    #[error(
        "slot {slot}, input {input}: nullifier already occurs in slot {first_slot} of the batch"
    )]
    Repeated {
        /// Slot of the second occurrence.
        slot: usize,
        /// Input of the second occurrence.
        input: usize,
        /// Slot of the first occurrence.
        first_slot: usize,
    },
    /// The tree cannot take the leaves.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Returns the leaf H(NULLIFIER_LEAF; value, next).
#[must_use]
pub fn leaf(value: &Fr, next: &Fr) -> Fr {
    hash(Domain::NullifierLeaf, &[*value, *next])
}

/// Returns 2¹⁹², the `next` of the greatest member. Every nullifier is below.
#[must_use]
pub fn maximum() -> Fr {
    let mut limbs = [0; 4];
    limbs[NULLIFIER_BITS / 64] = 1 << (NULLIFIER_BITS % 64);
    Fr::new(BigInt(limbs))
}

/// Witness of the link of one nullifier: the low leaf before the link, and its path.
///
/// In a slot without an active transaction it is leaf 0 as it stands at that moment, unchanged,
/// with hint 0. A circuit can then treat all slots alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkWitness {
    /// Value v of the low leaf, below the nullifier.
    pub low_value: Fr,
    /// Next n of the low leaf before the link, above the nullifier.
    pub low_next: Fr,
    /// Path of the low leaf at the moment of the link, after all leaves of the batch are appended
    /// and the links of earlier inputs are made.
    pub path: MerklePath<DEPTH>,
    /// `next` in the nullifier's own leaf as appended; equals `low_next`. 0 in an inactive slot.
    pub hint: Fr,
}

/// Witness of one insertion into the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NullifierInsertion {
    /// Root before the insertion.
    pub root_before: Fr,
    /// Root with the new leaves appended, before any link.
    pub root_appended: Fr,
    /// Root after all links.
    pub root_after: Fr,
    /// Siblings of the appended subtree before it was appended, from its root upwards.
    pub subtree_path: Vec<[Fr; 3]>,
    /// Leaves of the appended subtree.
    pub leaves: Vec<Fr>,
    /// Links, slot by slot.
    pub links: Vec<[LinkWitness; 3]>,
}

/// Leaf of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    index: u64,
    next: Fr,
}

/// A planned link. `nullifier` is absent in an inactive slot.
struct Link {
    low_index: u64,
    low_value: Fr,
    low_next: Fr,
    nullifier: Option<Nullifier>,
}

/// The indexed tree of published nullifiers.
#[derive(Clone, Debug)]
pub struct NullifierTree {
    tree: AppendTree<DEPTH>,
    members: BTreeMap<BigInt<4>, Member>,
}

impl Default for NullifierTree {
    fn default() -> Self {
        Self::new()
    }
}

impl NullifierTree {
    /// Creates the tree with leaf 0, (0, 2¹⁹²), as its only member. Places 1–3 count as used.
    #[must_use]
    pub fn new() -> Self {
        Self::from_members(4, &[(0, Fr::from(0u64))]).expect("one member fits")
    }

    /// Builds the tree of `len` places that holds these members (index, value). The members must be
    /// in ascending order of values, the first being (0, 0). Each `next` follows from the order.
    ///
    /// Returns `None` if the members are out of order, an index is used twice or is not below
    /// `len`, or `len` exceeds the capacity.
    #[must_use]
    pub fn from_members(len: u64, entries: &[(u64, Fr)]) -> Option<Self> {
        if len > AppendTree::<DEPTH>::CAPACITY || entries.first()? != &(0, Fr::from(0u64)) {
            return None;
        }
        let mut members = BTreeMap::new();
        let mut occupied = vec![false; len as usize];
        for (i, (index, value)) in entries.iter().enumerate() {
            let next = entries.get(i + 1).map_or_else(maximum, |entry| entry.1);
            let place = occupied.get_mut(usize::try_from(*index).ok()?)?;
            if *value >= next || std::mem::replace(place, true) {
                return None;
            }
            let member = Member {
                index: *index,
                next,
            };
            members.insert(value.into_bigint(), member);
        }
        let hashes: Vec<(u64, Fr)> = members
            .par_iter()
            .map(|(value, member)| (member.index, leaf(&from_key(value), &member.next)))
            .collect();
        let mut leaves = vec![Fr::from(0u64); len as usize];
        for (index, hash) in hashes {
            leaves[index as usize] = hash;
        }
        Some(Self {
            tree: AppendTree::from_leaves(leaves).ok()?,
            members,
        })
    }

    /// Iterates over the members (index, value) in ascending order of values, the input of
    /// [`NullifierTree::from_members`].
    pub fn members(&self) -> impl Iterator<Item = (u64, Fr)> + '_ {
        self.members
            .iter()
            .map(|(value, member)| (member.index, from_key(value)))
    }

    /// Returns the root of the tree.
    #[must_use]
    pub fn root(&self) -> Fr {
        self.tree.root()
    }

    /// Returns the number of places in use, gaps included.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Always false: leaf 0 is always a member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Whether `nullifier` is a member. 0 is a member, as the value of leaf 0.
    #[must_use]
    pub fn contains(&self, nullifier: &Nullifier) -> bool {
        self.members
            .contains_key(&nullifier.element().into_bigint())
    }

    /// Appends the subtree of new leaves at `start`, four places for each slot, and links the
    /// nullifiers of all slots in order.
    ///
    /// The number of `slots` is a power of four. An entry is `None` in a slot without a
    /// transaction.
    ///
    /// # Errors
    /// [`NullifierError`]; the tree is then unchanged.
    pub fn append_and_link(
        &mut self,
        start: u64,
        slots: &[Option<[Nullifier; 3]>],
    ) -> Result<NullifierInsertion, NullifierError> {
        self.check(start, slots)?;
        let width = 4 * slots.len() as u64;
        let level = (width.trailing_zeros() / 2) as usize;
        let root_before = self.tree.root();
        let subtree_path = self.tree.subtree_path(start / width, level);
        let (leaves, links) = self.plan(start, slots);
        self.tree.append_subtree(start, &leaves)?;
        let root_appended = self.tree.root();
        let changes: Vec<(u64, Option<Fr>)> = links
            .par_iter()
            .map(|link| {
                let value = link.nullifier.map(|nf| leaf(&link.low_value, nf.element()));
                (link.low_index, value)
            })
            .collect();
        let paths = self.tree.trace(&changes);
        let mut witnesses = links
            .into_iter()
            .zip(paths)
            .map(|(link, path)| LinkWitness {
                low_value: link.low_value,
                low_next: link.low_next,
                path,
                hint: link.nullifier.map_or(Fr::from(0u64), |_| link.low_next),
            });
        let links = slots
            .iter()
            .map(|_| {
                std::array::from_fn(|_| witnesses.next().expect("three links are planned a slot"))
            })
            .collect();
        Ok(NullifierInsertion {
            root_before,
            root_appended,
            root_after: self.tree.root(),
            subtree_path,
            leaves,
            links,
        })
    }

    /// Inserts as [`NullifierTree::append_and_link`] does, without the witness, and hashes each
    /// node only once.
    ///
    /// # Errors
    /// [`NullifierError`]; the tree is then unchanged.
    pub fn insert(
        &mut self,
        start: u64,
        slots: &[Option<[Nullifier; 3]>],
    ) -> Result<(), NullifierError> {
        self.check(start, slots)?;
        let (_, links) = self.plan(start, slots);
        // The plan left the final contents of every leaf in `members`.
        let mut touched: HashMap<u64, (Fr, Fr)> = HashMap::new();
        for value in links
            .iter()
            .filter_map(|link| link.nullifier.map(|nf| [link.low_value, nf.into()]))
            .flatten()
        {
            if let Some(member) = self.members.get(&value.into_bigint()) {
                touched.insert(member.index, (value, member.next));
            }
        }
        let mut updates: Vec<(u64, Fr)> = (start..start + 4 * slots.len() as u64)
            .map(|index| (index, Fr::from(0u64)))
            .collect();
        updates.par_extend(
            touched
                .into_par_iter()
                .map(|(index, (value, next))| (index, leaf(&value, &next))),
        );
        self.tree.write(&updates);
        Ok(())
    }

    /// Checks everything that can fail in an insertion.
    pub(crate) fn check(
        &self,
        start: u64,
        slots: &[Option<[Nullifier; 3]>],
    ) -> Result<(), NullifierError> {
        self.tree.check_append(start, 4 * slots.len())?;
        let mut seen: HashMap<Nullifier, usize> = HashMap::new();
        for (slot, nullifiers) in slots.iter().enumerate() {
            for (input, nullifier) in nullifiers.iter().flatten().enumerate() {
                if nullifier.element().is_zero() {
                    return Err(NullifierError::Reserved { slot, input });
                }
                if self.contains(nullifier) {
                    return Err(NullifierError::Known { slot, input });
                }
                if let Some(first_slot) = seen.insert(*nullifier, slot) {
                    return Err(NullifierError::Repeated {
                        slot,
                        input,
                        first_slot,
                    });
                }
            }
        }
        Ok(())
    }

    /// Links all checked nullifiers among the members. Returns the leaves to append, which carry
    /// the `next` at the moment of their link, and the links in order.
    fn plan(&mut self, start: u64, slots: &[Option<[Nullifier; 3]>]) -> (Vec<Fr>, Vec<Link>) {
        let zero = Fr::from(0u64);
        let mut contents: Vec<Option<(Fr, Fr)>> = vec![None; 4 * slots.len()];
        let mut links = Vec::with_capacity(3 * slots.len());
        for (slot, nullifiers) in slots.iter().enumerate() {
            for input in 0..3 {
                let nullifier = nullifiers.map(|nullifiers| nullifiers[input]);
                let value = nullifier.map(Fr::from);
                let (low_key, low) = match value {
                    Some(value) => self.members.range_mut(..value.into_bigint()).next_back(),
                    None => self.members.iter_mut().next(),
                }
                .expect("leaf 0 is below every nullifier");
                let (low_index, low_next) = (low.index, low.next);
                let low_value = from_key(low_key);
                if let Some(value) = value {
                    low.next = value;
                    let place = 4 * slot + input;
                    contents[place] = Some((value, low_next));
                    let member = Member {
                        index: start + place as u64,
                        next: low_next,
                    };
                    self.members.insert(value.into_bigint(), member);
                }
                links.push(Link {
                    low_index,
                    low_value,
                    low_next,
                    nullifier,
                });
            }
        }
        let leaves = contents
            .par_iter()
            .map(|content| content.map_or(zero, |(value, hint)| leaf(&value, &hint)))
            .collect();
        (leaves, links)
    }
}

fn from_key(key: &BigInt<4>) -> Fr {
    Fr::from_bigint(*key).expect("keys come from elements")
}

#[cfg(test)]
mod tests;
