//! Merkle trees of arity 4 (spec: *Trees and state*).
//!
//! A node is H(NODE; c₀, c₁, c₂, c₃), an empty leaf is 0, and empty subtrees hash upwards from it.
//! Trees keep every node up to the last leaf in memory, one vector for each level. The gaps left by
//! aligned starts hold the empty roots.

use std::collections::HashMap;
use std::sync::OnceLock;

use ark_bn254::Fr;
use rayon::prelude::*;

use crate::domain::Domain;
use crate::element::Anchor;
use crate::poseidon::hash;

/// Number of children of a node.
pub const ARITY: usize = 4;

/// Depth of the note, nullifier and history trees.
pub const DEPTH: usize = 16;

/// Reason why a tree cannot take leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The number of leaves is not a power of four, or the start is not a multiple of it.
    #[error("{leaves} leaves at index {start} do not form a subtree")]
    NotASubtree {
        /// Index of the first leaf.
        start: u64,
        /// Number of leaves.
        leaves: usize,
    },
    /// The leaves would overwrite places in use.
    #[error("leaf {start} is before the end of the tree, {len}")]
    Occupied {
        /// Index of the first leaf.
        start: u64,
        /// Length of the tree.
        len: u64,
    },
    /// The capacity of the tree is too small for the leaves.
    #[error("the tree is full")]
    Full,
}

/// Returns the node H(NODE; children).
#[must_use]
pub fn node(children: &[Fr; ARITY]) -> Fr {
    hash(Domain::Node, children)
}

/// Returns the root of an empty subtree of height `level` (0: the empty leaf).
///
/// # Panics
/// If `level` exceeds [`DEPTH`].
#[must_use]
pub fn empty_root(level: usize) -> Fr {
    static ROOTS: OnceLock<[Fr; DEPTH + 1]> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = [Fr::from(0u64); DEPTH + 1];
        for level in 0..DEPTH {
            roots[level + 1] = node(&[roots[level]; ARITY]);
        }
        roots
    })[level]
}

/// Folds a node at `index` of its level up along `siblings`, lowest level first. Siblings are in
/// child order without the node's own place.
#[must_use]
pub fn fold(mut index: u64, mut hash: Fr, siblings: &[[Fr; ARITY - 1]]) -> Fr {
    for level in siblings {
        hash = node(&children(index, hash, level));
        index /= ARITY as u64;
    }
    hash
}

/// Returns the four children of a parent: `own` at `index`, and the others from `siblings`.
#[must_use]
pub fn children(index: u64, own: Fr, siblings: &[Fr; ARITY - 1]) -> [Fr; ARITY] {
    let place = (index % ARITY as u64) as usize;
    let mut children = [own; ARITY];
    children[..place].copy_from_slice(&siblings[..place]);
    children[place + 1..].copy_from_slice(&siblings[place..]);
    children
}

/// Path of a leaf in a tree of depth `D`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerklePath<const D: usize> {
    /// Index of the leaf.
    pub index: u64,
    /// Siblings, leaf level first, each level in child order without the leaf's own place.
    pub siblings: [[Fr; ARITY - 1]; D],
}

impl<const D: usize> MerklePath<D> {
    /// Returns the root of the tree in which `leaf` stands at this place.
    #[must_use]
    pub fn root(&self, leaf: Fr) -> Fr {
        fold(self.index, leaf, &self.siblings)
    }
}

/// A tree of depth `D` that grows to the right and keeps all its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendTree<const D: usize> {
    /// `levels[0]` holds the leaves up to the last one, `levels[k]` their ancestors.
    levels: Vec<Vec<Fr>>,
}

/// The tree of note commitments.
pub type NoteTree = AppendTree<DEPTH>;

impl<const D: usize> Default for AppendTree<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const D: usize> AppendTree<D> {
    /// Number of places.
    pub const CAPACITY: u64 = (ARITY as u64).pow(D as u32);

    /// Creates a tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self {
            levels: vec![Vec::new(); D + 1],
        }
    }

    /// Builds the tree with these leaves, gaps included as zeros. Hashes in parallel.
    ///
    /// # Errors
    /// [`TreeError::Full`] if there are more leaves than places.
    pub fn from_leaves(leaves: Vec<Fr>) -> Result<Self, TreeError> {
        if leaves.len() as u64 > Self::CAPACITY {
            return Err(TreeError::Full);
        }
        let mut levels = vec![leaves];
        for level in 0..D {
            let below = &levels[level];
            let parents = below
                .par_chunks(ARITY)
                .map(|chunk| {
                    let mut children = [empty_root(level); ARITY];
                    children[..chunk.len()].copy_from_slice(chunk);
                    if children == [empty_root(level); ARITY] {
                        empty_root(level + 1)
                    } else {
                        node(&children)
                    }
                })
                .collect();
            levels.push(parents);
        }
        Ok(Self { levels })
    }

    /// Returns the index after the last place that was ever appended or written.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.levels[0].len() as u64
    }

    /// Whether no place was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.levels[0].is_empty()
    }

    /// Returns the root of the tree.
    #[must_use]
    pub fn root(&self) -> Fr {
        self.node_at(D, 0)
    }

    /// Returns all leaves up to the last, gaps included as zeros: the input of
    /// [`AppendTree::from_leaves`].
    #[must_use]
    pub fn leaves(&self) -> &[Fr] {
        &self.levels[0]
    }

    /// Returns the leaf at `index`; 0 if nothing was written there.
    #[must_use]
    pub fn leaf(&self, index: u64) -> Fr {
        self.node_at(0, index)
    }

    /// Returns the node at `index` of `level` (0: leaves, `D`: root).
    ///
    /// # Panics
    /// If `level` exceeds `D`.
    #[must_use]
    pub fn node_at(&self, level: usize, index: u64) -> Fr {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.levels[level].get(index).copied())
            .unwrap_or_else(|| empty_root(level))
    }

    /// Returns the path of the place `index`, written or not. `None` beyond the capacity.
    #[must_use]
    pub fn path(&self, index: u64) -> Option<MerklePath<D>> {
        if index >= Self::CAPACITY {
            return None;
        }
        let mut siblings = [[Fr::from(0u64); ARITY - 1]; D];
        for (level, siblings) in siblings.iter_mut().enumerate() {
            *siblings = self.siblings(level, index >> (2 * level));
        }
        Some(MerklePath { index, siblings })
    }

    /// Returns the `D − level` siblings from the root of a subtree upwards. The subtree is the
    /// `index`-th of height `level`.
    ///
    /// # Panics
    /// If `level` exceeds `D`.
    #[must_use]
    pub fn subtree_path(&self, index: u64, level: usize) -> Vec<[Fr; ARITY - 1]> {
        (level..D)
            .map(|at| self.siblings(at, index >> (2 * (at - level))))
            .collect()
    }

    /// Appends a subtree at `start`. The number of leaves must be a power of four, and `start` a
    /// multiple of it at or after [`AppendTree::len`]. Places in between stay empty.
    ///
    /// # Errors
    /// [`TreeError`]; the tree is then unchanged.
    pub fn append_subtree(&mut self, start: u64, leaves: &[Fr]) -> Result<(), TreeError> {
        self.check_append(start, leaves.len())?;
        let updates: Vec<_> = (start..).zip(leaves.iter().copied()).collect();
        self.write(&updates);
        Ok(())
    }

    /// Checks that [`AppendTree::append_subtree`] of this many leaves would succeed.
    ///
    /// # Errors
    /// The [`TreeError`] that it would return.
    pub fn check_append(&self, start: u64, leaves: usize) -> Result<(), TreeError> {
        let width = leaves as u64;
        let power_of_four = width.is_power_of_two() && width.trailing_zeros().is_multiple_of(2);
        if !power_of_four || !start.is_multiple_of(width) {
            return Err(TreeError::NotASubtree { start, leaves });
        }
        if start < self.len() {
            return Err(TreeError::Occupied {
                start,
                len: self.len(),
            });
        }
        if start > Self::CAPACITY || Self::CAPACITY - start < width {
            return Err(TreeError::Full);
        }
        Ok(())
    }

    /// Sets leaves and recomputes their ancestors, each once, level by level in parallel. If two
    /// updates have the same place, the last one counts.
    ///
    /// # Panics
    /// If an index is beyond the tree's capacity.
    pub fn write(&mut self, updates: &[(u64, Fr)]) {
        let Some(last) = updates.iter().map(|(index, _)| *index).max() else {
            return;
        };
        assert!(last < Self::CAPACITY, "leaf {last} is beyond the tree");
        self.grow(0, last);
        for (index, leaf) in updates {
            self.levels[0][*index as usize] = *leaf;
        }
        let mut touched: Vec<u64> = updates.iter().map(|(index, _)| index / 4).collect();
        touched.sort_unstable();
        touched.dedup();
        for level in 0..D {
            let parents: Vec<Fr> = touched
                .par_iter()
                .map(|parent| node(&self.group(level, *parent)))
                .collect();
            self.grow(level + 1, last >> (2 * (level + 1)));
            for (index, hash) in touched.iter().zip(parents) {
                self.levels[level + 1][*index as usize] = hash;
            }
            for index in &mut touched {
                *index /= ARITY as u64;
            }
            touched.dedup();
        }
    }

    /// Applies changes of single leaves one after another. Returns, for each change, the path of
    /// its place just before it, which is also the path just after. `None` changes nothing and only
    /// reads the path.
    ///
    /// The changes depend on each other only through shared nodes. Therefore each level is replayed
    /// in order but hashed in parallel.
    ///
    /// # Panics
    /// If an index is not below [`AppendTree::len`].
    pub fn trace(&mut self, changes: &[(u64, Option<Fr>)]) -> Vec<MerklePath<D>> {
        assert!(changes.iter().all(|(index, _)| *index < self.len()));
        let mut paths: Vec<MerklePath<D>> = changes
            .iter()
            .map(|(index, _)| MerklePath {
                index: *index,
                siblings: [[Fr::from(0u64); ARITY - 1]; D],
            })
            .collect();
        let mut current = changes.to_vec();
        for level in 0..D {
            let mut groups = Vec::with_capacity(current.len());
            for ((index, value), path) in current.iter().zip(&mut paths) {
                path.siblings[level] = self.siblings(level, *index);
                if let Some(value) = value {
                    self.levels[level][*index as usize] = *value;
                }
                groups.push(value.map(|_| self.group(level, index / ARITY as u64)));
            }
            let hashes: Vec<Option<Fr>> = groups
                .par_iter()
                .map(|group| group.as_ref().map(node))
                .collect();
            for ((index, value), hash) in current.iter_mut().zip(hashes) {
                *index /= ARITY as u64;
                *value = hash;
            }
        }
        if let Some((_, Some(root))) = current.iter().rev().find(|(_, value)| value.is_some()) {
            self.levels[D][0] = *root;
        }
        paths
    }

    fn grow(&mut self, level: usize, last: u64) {
        let len = last as usize + 1;
        if self.levels[level].len() < len {
            self.levels[level].resize(len, empty_root(level));
        }
    }

    /// Returns the children, at `level`, of the node `parent` one level up.
    fn group(&self, level: usize, parent: u64) -> [Fr; ARITY] {
        std::array::from_fn(|i| self.node_at(level, parent * ARITY as u64 + i as u64))
    }

    fn siblings(&self, level: usize, index: u64) -> [Fr; ARITY - 1] {
        let group = self.group(level, index / ARITY as u64);
        let place = (index % ARITY as u64) as usize;
        std::array::from_fn(|i| group[if i < place { i } else { i + 1 }])
    }
}

impl Anchor {
    /// Returns H(ANCHOR; note root, prices). `prices` is the digest of a price snapshot
    /// ([`crate::market::PriceSnapshot::digest`]), or 0 if there is none.
    #[must_use]
    pub fn of(note_root: &Fr, prices: &Fr) -> Self {
        Self::new(hash(Domain::Anchor, &[*note_root, *prices]))
    }
}

/// The anchors that transactions may use, two for each batch.
///
/// Batch b writes its *first* anchor at index 2b, before its transactions: the note root before the
/// batch, with the batch's price snapshot. It writes its *last* anchor at index 2b + 1, after them:
/// the note root after the batch, with the same snapshot. Indices 0 and 1 hold the anchor of the
/// empty note tree without prices.
#[derive(Clone, Debug)]
pub struct HistoryTree {
    tree: AppendTree<DEPTH>,
    /// First index of each anchor.
    index: HashMap<Anchor, u64>,
}

impl Default for HistoryTree {
    fn default() -> Self {
        Self::new()
    }
}

impl HistoryTree {
    /// Creates the history before the first batch.
    #[must_use]
    pub fn new() -> Self {
        let mut history = Self {
            tree: AppendTree::new(),
            index: HashMap::new(),
        };
        let anchor = Anchor::of(&empty_root(DEPTH), &Fr::from(0u64));
        history.append(anchor);
        history.append(anchor);
        history
    }

    /// Builds the history with these leaves, the first two of which are those of
    /// [`HistoryTree::new`].
    ///
    /// # Errors
    /// [`TreeError::Full`] if there are more leaves than places.
    pub fn from_leaves(leaves: Vec<Fr>) -> Result<Self, TreeError> {
        let mut index = HashMap::with_capacity(leaves.len());
        for (i, leaf) in leaves.iter().enumerate() {
            index.entry(Anchor::new(*leaf)).or_insert(i as u64);
        }
        Ok(Self {
            tree: AppendTree::from_leaves(leaves)?,
            index,
        })
    }

    /// Writes the next anchor. Returns its index.
    ///
    /// # Panics
    /// If all 4¹⁶ places are written.
    pub fn append(&mut self, anchor: Anchor) -> u64 {
        let index = self.tree.len();
        self.tree.write(&[(index, anchor.into())]);
        self.index.entry(anchor).or_insert(index);
        index
    }

    /// Returns the number of places in use: twice the index of the next batch.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Always false: the history starts with the anchor of the empty note tree.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Returns the root of the history tree.
    #[must_use]
    pub fn root(&self) -> Fr {
        self.tree.root()
    }

    /// Whether a batch wrote this anchor, so that transactions may use it.
    #[must_use]
    pub fn contains(&self, anchor: &Anchor) -> bool {
        self.index.contains_key(anchor)
    }

    /// Returns the path of the first place that holds this anchor.
    #[must_use]
    pub fn path_of(&self, anchor: &Anchor) -> Option<MerklePath<DEPTH>> {
        self.tree.path(*self.index.get(anchor)?)
    }

    /// Returns the path of the place `index`, written or not.
    #[must_use]
    pub fn path(&self, index: u64) -> Option<MerklePath<DEPTH>> {
        self.tree.path(index)
    }

    /// Returns all leaves in order.
    #[must_use]
    pub fn leaves(&self) -> &[Fr] {
        self.tree.leaves()
    }
}

#[cfg(test)]
mod tests;
