//! The state that L1 commits to, and the deposits that enter it (spec: *Trees and state*).

use ark_bn254::Fr;
use ark_ff::AdditiveGroup as _;
use serde::{Deserialize, Serialize};

use crate::asset::AssetId;
use crate::domain::Domain;
use crate::element::{Anchor, NoteCommitment};
use crate::encoding::{CodecError, Reader, Writer};
use crate::note::{NoteClass, UnpackError, commit, pack, unpack};
use crate::nullifier_tree::NullifierTree;
use crate::poseidon::hash;
use crate::tree::{DEPTH, HistoryTree, empty_root};

/// Leaf count before the first batch.
pub const GENESIS_LEAVES: u64 = 4;

/// State of the rollup: the six words to which L1 holds a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Root of the note tree.
    #[serde(with = "crate::encoding::serde_fr")]
    pub note_root: Fr,
    /// Root of the nullifier tree.
    #[serde(with = "crate::encoding::serde_fr")]
    pub nullifier_root: Fr,
    /// Root of the history tree.
    #[serde(with = "crate::encoding::serde_fr")]
    pub history_root: Fr,
    /// Places used in the note tree and in the nullifier tree, gaps included.
    pub leaf_count: u64,
    /// Index of the next batch. Its anchors are the history leaves from twice the index on.
    pub batch_index: u64,
    /// Number of consumed deposits.
    pub deposit_count: u64,
}

impl State {
    /// Returns the state before the first batch.
    #[must_use]
    pub fn genesis() -> Self {
        Self {
            note_root: empty_root(DEPTH),
            nullifier_root: NullifierTree::new().root(),
            history_root: HistoryTree::new().root(),
            leaf_count: GENESIS_LEAVES,
            batch_index: 1,
            deposit_count: 0,
        }
    }

    /// Returns the six words, in the order of the specification.
    #[must_use]
    pub fn words(&self) -> [Fr; 6] {
        [
            self.note_root,
            self.nullifier_root,
            self.history_root,
            Fr::from(self.leaf_count),
            Fr::from(self.batch_index),
            Fr::from(self.deposit_count),
        ]
    }

    /// Returns the first anchor of a batch that continues this state, with the digest of its price
    /// snapshot.
    #[must_use]
    pub fn anchor(&self, prices: &Fr) -> Anchor {
        Anchor::of(&self.note_root, prices)
    }

    /// Returns H(STATE; words).
    #[must_use]
    pub fn commitment(&self) -> Fr {
        hash(Domain::State, &self.words())
    }
}

/// A deposit in the vault's queue. Its asset and credited amount are public, its owner is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// Asset deposited.
    pub asset: AssetId,
    /// Credited amount in base units; 0 only in [`Deposit::TAKEN_BACK`].
    pub value: u128,
    /// H(NOTE_INNER; owner, aux, rcm), as the depositor states it.
    #[serde(with = "crate::encoding::serde_fr")]
    pub inner: Fr,
}

impl Deposit {
    /// Stands in a batch's data for a deposit that its depositor has taken back: the batch passes
    /// over it. Its words are 0, and nobody can open the commitment that it becomes.
    pub const TAKEN_BACK: Self = Self {
        asset: AssetId(0),
        value: 0,
        inner: Fr::ZERO,
    };

    /// Returns the data words (packed, inner); the class is cash.
    #[must_use]
    pub fn words(&self) -> [Fr; 2] {
        [pack(NoteClass::Cash, self.asset, self.value), self.inner]
    }

    /// Reads a deposit from its data words; inverse of [`Deposit::words`].
    ///
    /// # Errors
    /// [`CodecError::Overflow`] if packed has bits beyond its fields, [`CodecError::Impossible`] if
    /// the class is not cash.
    pub fn from_words(words: &[Fr; 2]) -> Result<Self, CodecError> {
        let [packed, inner] = words;
        let (class, asset, value) = unpack(packed).map_err(|error| match error {
            UnpackError::TooWide => CodecError::Overflow { field: "deposit" },
            UnpackError::Class(_) => CodecError::Impossible { field: "deposit" },
        })?;
        if class != NoteClass::Cash {
            return Err(CodecError::Impossible { field: "deposit" });
        }
        Ok(Self {
            asset,
            value,
            inner: *inner,
        })
    }

    /// Writes 50 bytes: asset 2, value 16, inner 32.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.integer(self.asset.0.into(), 2);
        out.integer(self.value, 16);
        out.element(&self.inner);
    }

    /// Reads what [`Deposit::write`] writes.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            asset: AssetId(input.u16()?),
            value: input.integer(16)?,
            inner: input.element("deposit")?,
        })
    }

    /// Returns the commitment H(NOTE; packed, inner) of the note that the deposit becomes.
    #[must_use]
    pub fn commitment(&self) -> NoteCommitment {
        let [packed, inner] = self.words();
        commit(&packed, &inner)
    }
}
