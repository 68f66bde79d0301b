//! Execution and replay of batches (spec: *Batch*).

use ark_bn254::Fr;
use rayon::prelude::*;

use super::rules::{in_time, paired, well_formed};
use super::{Config, Deposit, HistoricalError, Ledger, State, StatelessError, UnpairedLeg};
use crate::batch::{BatchHeader, BatchWitness, PublishedBatch, Shape, SlotWitness};
use crate::element::{Anchor, NoteCommitment, Nullifier};
use crate::nullifier_tree::NullifierError;
use crate::transaction::{Transaction, WORDS};
use crate::tree::{NoteTree, TreeError};

/// Input of a batch.
#[derive(Clone, Debug)]
pub struct BatchInput {
    /// Number of slots.
    pub shape: Shape,
    /// Unix time in seconds that the batch claims; L1 bounds it by its own clock.
    pub time: u64,
    /// L1 account credited with the fees.
    pub fee_recipient: [u8; 20],
    /// Current root of the asset tree.
    pub assets_root: Fr,
    /// Digest of the price snapshot in the batch's anchors; 0 before L1 has taken one.
    pub prices: Fr,
    /// Transactions in order, at most one for each slot.
    pub transactions: Vec<Transaction>,
    /// Deposits, at most one for each slot: the next ones of the vault's queue, in its order.
    pub deposits: Vec<Deposit>,
}

/// Reason why a batch cannot be executed. Slots count from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// More transactions than slots.
    #[error("batch has {found} transactions for {slots} slots")]
    TooManyTransactions {
        /// Slots of the shape.
        slots: usize,
        /// Number of transactions.
        found: usize,
    },
    /// More deposits than slots.
    #[error("batch has {found} deposits for {slots} slots")]
    TooManyDeposits {
        /// Slots of the shape.
        slots: usize,
        /// Number of deposits.
        found: usize,
    },
    /// The time does not fit 40 bits.
    #[error("time {0} does not fit 40 bits")]
    Time(u64),
    /// A deposit without value. The vault queues none.
    #[error("deposit {slot} has no value")]
    EmptyDeposit {
        /// Deposit slot.
        slot: usize,
    },
    /// A transaction is not valid at the batch's time.
    #[error("slot {slot}: {source}")]
    Stateless {
        /// Transaction slot.
        slot: usize,
        /// The broken rule.
        source: StatelessError,
    },
    /// A transaction is not valid against the state.
    #[error("slot {slot}: {source}")]
    Historical {
        /// Transaction slot.
        slot: usize,
        /// The broken rule.
        source: HistoricalError,
    },
    /// A swap's leg has no counterpart beside it.
    #[error(transparent)]
    Unpaired(#[from] UnpairedLeg),
    /// Two transactions of the batch spend one note.
    #[error(transparent)]
    Nullifier(NullifierError),
    /// The trees are full.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Reason why a published batch does not continue this ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The batch belongs to another deployment.
    #[error("batch belongs to another deployment (context differs)")]
    Context,
    /// The batch is not the next one.
    #[error("expected batch {expected}, found {found}")]
    BatchIndex {
        /// Batch index of the ledger.
        expected: u64,
        /// Batch index of the batch.
        found: u64,
    },
    /// The batch does not continue the deposit queue at the ledger's deposit count.
    #[error("expected first deposit {expected}, found {found}")]
    FirstDeposit {
        /// Deposit count of the ledger.
        expected: u64,
        /// First deposit of the batch.
        found: u64,
    },
    /// The batch appends its leaves at another index.
    #[error("expected start {expected}, found {found}")]
    Start {
        /// Index at which the ledger would append.
        expected: u64,
        /// Index at which the batch appends.
        found: u64,
    },
    /// Counts in the header and lengths of the lists disagree, or exceed the shape.
    #[error("header counts and list lengths disagree or exceed the shape")]
    Counts,
    /// The nullifiers cannot be inserted.
    #[error(transparent)]
    Nullifier(#[from] NullifierError),
    /// The trees are full.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl Ledger {
    /// Checks and applies a batch. Client proofs are not checked here.
    ///
    /// Transactions must satisfy the rules of admission at the batch's time, except for the upper
    /// bound on the expiry. That bound only protects the mempool, and the clock of L1 may be a
    /// little behind the clock that admitted.
    ///
    /// # Errors
    /// [`ExecuteError`]; the ledger is then unchanged.
    pub fn execute(
        &mut self,
        input: BatchInput,
        config: &Config,
    ) -> Result<BatchWitness, ExecuteError> {
        let shape = input.shape;
        self.check_batch(&input, config)?;
        let old = self.state;
        let start = shape.start(old.leaf_count);
        self.check_room(shape, start)?;

        let nullifiers = padded(shape, input.transactions.iter().map(|tx| tx.nullifiers));
        let note_subtree_path = self
            .notes
            .subtree_path(start / shape.leaves() as u64, shape.subtree_level());
        // The last step that can fail. On failure it leaves the tree unchanged.
        let insertion = self
            .nullifiers
            .append_and_link(start, &nullifiers)
            .map_err(ExecuteError::Nullifier)?;

        let zero = Fr::from(0u64);
        let first_path = self.history.path(2 * old.batch_index);
        self.history.append(old.anchor(&input.prices));
        let last_path = self.history.path(2 * old.batch_index + 1);
        let history_paths = [first_path, last_path].map(|path| path.expect("room was checked"));
        let slots = insertion
            .links
            .into_iter()
            .enumerate()
            .map(|(slot, links)| {
                let transaction = input.transactions.get(slot);
                let anchor_path = match transaction {
                    Some(transaction) => self.history.path_of(&transaction.anchor),
                    None => self.history.path(0),
                };
                SlotWitness {
                    active: transaction.is_some(),
                    words: transaction.map_or([zero; WORDS], |tx| tx.words(&config.context)),
                    anchor_path: anchor_path.expect("anchors were checked to be in the history"),
                    links,
                }
            })
            .collect();

        let commitments: Vec<_> = input.transactions.iter().map(|tx| tx.commitments).collect();
        self.finish(shape, start, &commitments, &input.deposits, &input.prices)?;

        let header = BatchHeader {
            context: config.context,
            assets_root: input.assets_root,
            time: input.time,
            transactions: input.transactions.len() as u16,
            deposits: input.deposits.len() as u16,
            fee_asset: config.fee_asset,
            fee_recipient: input.fee_recipient,
            // At most 64 fees below 2⁹⁶: the sum cannot overflow.
            fee_total: input.transactions.iter().map(|tx| tx.header.fee).sum(),
            first_deposit: old.deposit_count,
            oracle: input.prices,
            batch_index: old.batch_index,
            start,
        };
        let mut deposits: Vec<[Fr; 2]> = input.deposits.iter().map(Deposit::words).collect();
        deposits.resize(shape.slots(), [zero; 2]);
        Ok(BatchWitness {
            shape,
            old,
            new: self.state,
            header,
            deposits,
            slots,
            nullifier_subtree_path: insertion.subtree_path,
            note_subtree_path,
            history_paths,
        })
    }

    /// Applies a batch that L1 accepted. Returns the new state; the caller compares its commitment
    /// with the one on L1.
    ///
    /// # Errors
    /// [`ReplayError`]; the ledger is then unchanged.
    pub fn replay(&mut self, batch: &PublishedBatch, context: &Fr) -> Result<State, ReplayError> {
        let header = &batch.header;
        let shape = batch.shape;
        if header.context != *context {
            return Err(ReplayError::Context);
        }
        if header.batch_index != self.state.batch_index {
            return Err(ReplayError::BatchIndex {
                expected: self.state.batch_index,
                found: header.batch_index,
            });
        }
        if header.first_deposit != self.state.deposit_count {
            return Err(ReplayError::FirstDeposit {
                expected: self.state.deposit_count,
                found: header.first_deposit,
            });
        }
        let start = shape.start(self.state.leaf_count);
        if header.start != start {
            return Err(ReplayError::Start {
                expected: start,
                found: header.start,
            });
        }
        let (transactions, deposits) = (batch.transactions.len(), batch.deposits.len());
        if usize::from(header.transactions) != transactions
            || usize::from(header.deposits) != deposits
            || transactions.max(deposits) > shape.slots()
        {
            return Err(ReplayError::Counts);
        }
        self.check_room(shape, start)?;
        let nullifiers = padded(shape, batch.transactions.iter().map(|tx| tx.nullifiers));
        self.nullifiers.insert(start, &nullifiers)?;
        let commitments: Vec<_> = batch.transactions.iter().map(|tx| tx.commitments).collect();
        self.history.append(self.state.anchor(&header.oracle));
        self.finish(shape, start, &commitments, &batch.deposits, &header.oracle)?;
        Ok(self.state)
    }

    /// Checks everything that can be checked before the trees are touched. Nullifiers repeated
    /// within the batch are found later.
    fn check_batch(&self, input: &BatchInput, config: &Config) -> Result<(), ExecuteError> {
        let slots = input.shape.slots();
        if input.transactions.len() > slots {
            return Err(ExecuteError::TooManyTransactions {
                slots,
                found: input.transactions.len(),
            });
        }
        if input.deposits.len() > slots {
            return Err(ExecuteError::TooManyDeposits {
                slots,
                found: input.deposits.len(),
            });
        }
        if input.time >> BatchHeader::TIME_BITS != 0 {
            return Err(ExecuteError::Time(input.time));
        }
        let is_empty = |d: &Deposit| d.value == 0 && *d != Deposit::TAKEN_BACK;
        if let Some(slot) = input.deposits.iter().position(is_empty) {
            return Err(ExecuteError::EmptyDeposit { slot });
        }
        // All checks run before the first error is taken, so that the error names the first slot.
        let checks: Vec<_> = input
            .transactions
            .par_iter()
            .enumerate()
            .map(|(slot, transaction)| {
                in_time(transaction, input.time)
                    .and_then(|()| well_formed(transaction, config))
                    .map_err(|source| ExecuteError::Stateless { slot, source })?;
                self.historical(transaction, &input.assets_root, &input.prices)
                    .map_err(|source| ExecuteError::Historical { slot, source })
            })
            .collect();
        checks.into_iter().collect::<Result<(), _>>()?;
        Ok(paired(&input.transactions)?)
    }

    fn check_room(&self, shape: Shape, start: u64) -> Result<(), TreeError> {
        self.notes.check_append(start, shape.leaves())?;
        if self.history.len() > NoteTree::CAPACITY - 2 {
            return Err(TreeError::Full);
        }
        Ok(())
    }

    /// Appends the notes, writes the last anchor and advances the state, after the nullifiers are
    /// inserted and the first anchor is written.
    fn finish(
        &mut self,
        shape: Shape,
        start: u64,
        commitments: &[[NoteCommitment; 3]],
        deposits: &[Deposit],
        prices: &Fr,
    ) -> Result<(), TreeError> {
        let mut leaves = vec![Fr::from(0u64); shape.leaves()];
        for (slot, commitments) in commitments.iter().enumerate() {
            leaves[4 * slot..4 * slot + 3].copy_from_slice(&commitments.map(Fr::from));
        }
        for (slot, deposit) in deposits.iter().enumerate() {
            leaves[4 * slot + 3] = deposit.commitment().into();
        }
        self.notes.append_subtree(start, &leaves)?;
        self.history.append(Anchor::of(&self.notes.root(), prices));
        self.state = State {
            note_root: self.notes.root(),
            nullifier_root: self.nullifiers.root(),
            history_root: self.history.root(),
            leaf_count: start + shape.leaves() as u64,
            batch_index: self.state.batch_index + 1,
            deposit_count: self.state.deposit_count + deposits.len() as u64,
        };
        Ok(())
    }
}

/// Returns one entry for each slot, `None` in slots without a transaction.
fn padded(
    shape: Shape,
    nullifiers: impl Iterator<Item = [Nullifier; 3]>,
) -> Vec<Option<[Nullifier; 3]>> {
    let mut slots: Vec<_> = nullifiers.map(Some).collect();
    slots.resize(shape.slots(), None);
    slots
}
