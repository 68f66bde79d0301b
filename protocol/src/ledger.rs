//! The state transition (spec: *Trees and state*, *Transaction*, *Batch*).
//!
//! [`Ledger::execute`] is the transition: the sequencer runs it and the batch witness comes from it.
//! [`Ledger::replay`] follows what L1 published, for wallets, auditors and recovery.

mod execute;
mod rules;
mod snapshot;

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};

use crate::asset::AssetId;
use crate::domain::Domain;
use crate::note::{NoteClass, pack};
use crate::nullifier_tree::NullifierTree;
use crate::poseidon::hash;
use crate::transaction::CodecError;
use crate::transaction::packing::Unpacker;
use crate::tree::{DEPTH, HistoryTree, NoteTree, empty_root};

pub use execute::{BatchInput, ExecuteError, ReplayError};
pub use rules::{
    HistoricalError, MAX_EXPIRY_AHEAD, MixedSnapshots, StatelessError, UnpairedLeg, completes,
    paired, snapshot_of, stateless, well_formed,
};
pub use snapshot::SnapshotError;

/// Leaf count before the first batch.
pub const GENESIS_LEAVES: u64 = 4;

/// The six words that L1 holds a commitment to.
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
    /// Index of the next history leaf.
    pub batch_index: u64,
    /// Deposits consumed.
    pub deposit_count: u64,
}

impl State {
    /// The state before the first batch.
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

    /// The six words, in the order of the specification.
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

    /// H(STATE; words).
    #[must_use]
    pub fn commitment(&self) -> Fr {
        hash(Domain::State, &self.words())
    }
}

/// What a deployment fixes for the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Context word, [`crate::transaction::Context::word`].
    #[serde(with = "crate::encoding::serde_fr")]
    pub context: Fr,
    /// Asset in which fees are paid.
    pub fee_asset: AssetId,
    /// Least fee in base units.
    pub min_fee: u128,
}

/// A deposit of the vault's queue: asset and credited amount are public, the owner is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// Asset deposited.
    pub asset: AssetId,
    /// Credited amount in base units; not 0.
    pub value: u128,
    /// H(NOTE_INNER; owner, aux, rcm), as the depositor states it.
    #[serde(with = "crate::encoding::serde_fr")]
    pub inner: Fr,
}

impl Deposit {
    /// The data words (packed, inner); the class is cash.
    #[must_use]
    pub fn words(&self) -> [Fr; 2] {
        [pack(NoteClass::Cash, self.asset, self.value), self.inner]
    }

    /// Inverse of [`Deposit::words`].
    ///
    /// # Errors
    /// [`CodecError::Overflow`] if packed has bits beyond its fields, [`CodecError::Impossible`] if
    /// the class is not cash.
    pub fn from_words(words: &[Fr; 2]) -> Result<Self, CodecError> {
        let mut unpacker = Unpacker::new(&words[0]);
        let class = unpacker.field(8);
        let asset = AssetId(unpacker.field(16) as u16);
        let value = unpacker.field(128);
        if !unpacker.is_exhausted() {
            return Err(CodecError::Overflow { field: "deposit" });
        }
        if class != NoteClass::Cash as u128 {
            return Err(CodecError::Impossible { field: "deposit" });
        }
        Ok(Self {
            asset,
            value,
            inner: words[1],
        })
    }

    /// Commitment H(NOTE; packed, inner) of the note that the deposit becomes.
    #[must_use]
    pub fn commitment(&self) -> Fr {
        hash(Domain::Note, &self.words())
    }
}

/// The state with the trees behind it.
#[derive(Clone, Debug)]
pub struct Ledger {
    notes: NoteTree,
    nullifiers: NullifierTree,
    history: HistoryTree,
    state: State,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

impl Ledger {
    /// The ledger before the first batch.
    #[must_use]
    pub fn new() -> Self {
        Self {
            notes: NoteTree::new(),
            nullifiers: NullifierTree::new(),
            history: HistoryTree::new(),
            state: State::genesis(),
        }
    }

    /// The current state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The note tree.
    #[must_use]
    pub fn notes(&self) -> &NoteTree {
        &self.notes
    }

    /// The nullifier tree.
    #[must_use]
    pub fn nullifiers(&self) -> &NullifierTree {
        &self.nullifiers
    }

    /// The note roots that transactions may use as anchors.
    #[must_use]
    pub fn history(&self) -> &HistoryTree {
        &self.history
    }
}

#[cfg(test)]
pub(crate) mod tests;
