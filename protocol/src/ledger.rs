//! The state transition (spec: *Trees and state*, *Transaction*, *Batch*).
//!
//! [`Ledger::execute`] is the transition: the sequencer runs it, and it makes the batch witness.
//! [`Ledger::replay`] follows the batches that L1 published, for wallets, auditors and recovery.

mod checkpoint;
mod execute;
mod rules;

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};

use crate::asset::AssetId;
use crate::nullifier_tree::NullifierTree;
use crate::tree::{HistoryTree, NoteTree};

pub use crate::state::{Deposit, GENESIS_LEAVES, State};

pub use checkpoint::CheckpointError;
pub use execute::{BatchInput, ExecuteError, ReplayError};
pub use rules::{
    HistoricalError, MAX_EXPIRY_AHEAD, StatelessError, UnpairedLeg, completes, paired, stateless,
    well_formed,
};

/// Parameters that a deployment fixes for the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Context word ([`crate::transaction::Context::word`]).
    #[serde(with = "crate::encoding::serde_fr")]
    pub context: Fr,
    /// Asset in which fees are paid.
    pub fee_asset: AssetId,
    /// Minimum fee in base units.
    pub min_fee: u128,
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
    /// Creates the ledger before the first batch.
    #[must_use]
    pub fn new() -> Self {
        Self {
            notes: NoteTree::new(),
            nullifiers: NullifierTree::new(),
            history: HistoryTree::new(),
            state: State::genesis(),
        }
    }

    /// Returns the current state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the note tree.
    #[must_use]
    pub fn notes(&self) -> &NoteTree {
        &self.notes
    }

    /// Returns the nullifier tree.
    #[must_use]
    pub fn nullifiers(&self) -> &NullifierTree {
        &self.nullifiers
    }

    /// Returns the anchors that transactions may use.
    #[must_use]
    pub fn history(&self) -> &HistoryTree {
        &self.history
    }
}

#[cfg(test)]
pub(crate) mod tests;
