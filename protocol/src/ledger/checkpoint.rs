//! Checkpoints of the ledger. They hold only leaves; the trees are hashed again on reading.

use super::{GENESIS_LEAVES, Ledger, State};
use crate::encoding::{CodecError, Reader, Writer};
use crate::nullifier_tree::NullifierTree;
use crate::tree::{HistoryTree, NoteTree};

/// First byte of a checkpoint.
const VERSION: u8 = 3;

/// Reason why a checkpoint does not restore a ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes are not canonical.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The leaves do not hash to the roots of the state.
    #[error("{0} does not match the state")]
    Mismatch(&'static str),
}

impl Ledger {
    /// Encodes the state and all leaves with a version; integers and elements are big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let leaves = self.notes.len() + 2 * self.nullifiers.len() + self.history.len();
        let mut out = Writer::with_capacity(256 + 40 * leaves as usize);
        out.bytes(&[VERSION]);
        for word in self.state.words() {
            out.element(&word);
        }
        out.integer(self.notes.len().into(), 8);
        out.elements(self.notes.leaves());
        out.integer(self.nullifiers.len().into(), 8);
        out.integer(self.nullifiers.members().count() as u128, 8);
        for (index, value) in self.nullifiers.members() {
            out.integer(index.into(), 8);
            out.element(&value);
        }
        out.integer(self.history.len().into(), 8);
        out.elements(self.history.leaves());
        out.finish()
    }

    /// Decodes a checkpoint; inverse of [`Ledger::to_bytes`]. Hashes all trees again, in parallel,
    /// and compares them with the state.
    ///
    /// # Errors
    /// [`CheckpointError`] naming the part that does not match.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut input = Reader::new(bytes);
        let version = input.u8()?;
        if version != VERSION {
            return Err(CodecError::Version(version).into());
        }
        let state = State {
            note_root: input.element("note root")?,
            nullifier_root: input.element("nullifier root")?,
            history_root: input.element("history root")?,
            leaf_count: counter(&mut input, "leaf count")?,
            batch_index: counter(&mut input, "batch index")?,
            deposit_count: counter(&mut input, "deposit count")?,
        };
        let notes = elements(&mut input, "note")?;
        let places = input.u64()?;
        let members = (0..input.u64()?)
            .map(|_| Ok((input.u64()?, input.element("nullifier")?)))
            .collect::<Result<Vec<_>, CodecError>>()?;
        let history = elements(&mut input, "history")?;
        input.finish()?;

        // Before the first batch the note tree is empty, although the leaf count is not 0.
        let used = notes.len() as u64;
        let genesis = state.batch_index == 1 && used == 0 && places == GENESIS_LEAVES;
        if places != state.leaf_count || (used != places && !genesis) {
            return Err(CheckpointError::Mismatch("leaf count"));
        }
        let notes = NoteTree::from_leaves(notes)
            .ok()
            .filter(|tree| tree.root() == state.note_root)
            .ok_or(CheckpointError::Mismatch("note tree"))?;
        let nullifiers = NullifierTree::from_members(places, &members)
            .filter(|tree| tree.root() == state.nullifier_root)
            .ok_or(CheckpointError::Mismatch("nullifier tree"))?;
        let history = HistoryTree::from_leaves(history)
            .ok()
            .filter(|tree| tree.root() == state.history_root && tree.len() == 2 * state.batch_index)
            .ok_or(CheckpointError::Mismatch("history tree"))?;
        Ok(Self {
            notes,
            nullifiers,
            history,
            state,
        })
    }
}

fn counter(input: &mut Reader<'_>, field: &'static str) -> Result<u64, CodecError> {
    let bytes: [u8; 32] = input.array()?;
    let (high, low) = bytes.split_at(24);
    if high.iter().any(|byte| *byte != 0) {
        return Err(CodecError::Overflow { field });
    }
    Ok(low
        .iter()
        .fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
}

fn elements(input: &mut Reader<'_>, field: &'static str) -> Result<Vec<ark_bn254::Fr>, CodecError> {
    (0..input.u64()?).map(|_| input.element(field)).collect()
}
