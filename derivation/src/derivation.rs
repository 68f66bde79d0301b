//! The state after some block, and the step to a later one.

use alloy_primitives::{B256, Bytes};
use rayon::prelude::*;
use subrosa_l1::{
    Block, Change, L1, L1Error, Recorded, RollupView, Submission, history::BatchRecord,
};
use subrosa_protocol::{
    Fr,
    batch::{PostedDeposit, PublishedBatch, Shape, data_commitment},
    encoding::fr_to_bytes,
    ledger::{Ledger, ReplayError, State},
    transaction::Context,
};

use crate::{
    difference::{Difference, Place, What, word},
    surroundings::Surroundings,
};

/// The deployment whose state is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Address of the rollup.
    pub rollup: [u8; 20],
    /// Number of a block before which none of the contracts existed.
    pub deployed_at: u64,
}

impl Deployment {
    /// Returns the deployment that an L1 client serves.
    ///
    /// # Errors
    /// [`L1Error`] if the endpoint does not tell the chain's id.
    pub async fn of(l1: &dyn L1) -> Result<Self, L1Error> {
        let contracts = l1.contracts();
        Ok(Self {
            chain_id: l1.chain_id().await?,
            rollup: contracts.rollup.into_array(),
            deployed_at: contracts.deployed_at,
        })
    }

    /// Returns the context word of its transactions.
    #[must_use]
    pub fn context(&self) -> Fr {
        Context {
            chain_id: self.chain_id,
            rollup: self.rollup,
        }
        .word()
    }
}

/// Records of a range of blocks.
#[derive(Clone, Debug)]
pub struct Window {
    /// Changes, oldest first, each batch with its submission.
    pub changes: Vec<(Recorded, Option<Submission>)>,
    /// Last block of the range; `None` if more of the range follows in a further window.
    pub through: Option<Block>,
}

/// A batch that was derived: every value was compared with L1's.
#[derive(Clone, Debug)]
pub struct Derived {
    /// Number of the block that holds it.
    pub block: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Hash of the transaction that submitted it.
    pub transaction: B256,
    /// The event that recorded it.
    pub record: BatchRecord,
    /// Its published data.
    pub published: PublishedBatch,
    /// The state after it.
    pub state: State,
    /// Its proof, not verified here: L1 did.
    pub proof: Bytes,
}

/// The state after some block, with everything that the next batch depends on.
#[derive(Clone, Debug)]
pub struct Derivation {
    context: Fr,
    pub(crate) ledger: Ledger,
    pub(crate) surroundings: Surroundings,
    pub(crate) through: Option<Block>,
}

/// A batch whose data are complete, and not compared yet.
struct Prepared<'a> {
    place: Place,
    record: BatchRecord,
    submission: &'a Submission,
    published: PublishedBatch,
}

impl Derivation {
    /// Returns the state of a deployment before its first block.
    #[must_use]
    pub fn genesis(deployment: &Deployment) -> Self {
        Self::restored(
            deployment.context(),
            Ledger::new(),
            Surroundings::genesis(),
            None,
        )
    }

    pub(crate) fn restored(
        context: Fr,
        ledger: Ledger,
        surroundings: Surroundings,
        through: Option<Block>,
    ) -> Self {
        Self {
            context,
            ledger,
            surroundings,
            through,
        }
    }

    /// Returns the ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns what surrounds the state.
    #[must_use]
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Returns the block after which this is the state; `None` before the first block.
    #[must_use]
    pub fn through(&self) -> Option<&Block> {
        self.through.as_ref()
    }

    /// Returns the deployment's context word.
    #[must_use]
    pub fn context(&self) -> &Fr {
        &self.context
    }

    /// Goes on by a window. Returns its batches, in order.
    ///
    /// # Errors
    /// The first [`Difference`]. The derivation is then useless: start again from a checkpoint.
    pub fn advance(&mut self, window: &Window) -> Result<Vec<Derived>, Box<Difference>> {
        // The first pass needs order but no hashing, the second hashing but no order, the third
        // both.
        let mut prepared = Vec::new();
        let mut next = self.ledger.state().batch_index;
        for (recorded, submission) in &window.changes {
            let Change::Batch(record) = &recorded.change else {
                self.surroundings.apply(recorded)?;
                continue;
            };
            let place = Place::in_batch(recorded, record.index);
            place.same(What::BatchIndex, &next, &record.index)?;
            next += 1;
            let Some(submission) = submission else {
                return Err(place.differs(What::Calldata, "calldata of a batch", "none"));
            };
            prepared.push(self.prepare(place, record, submission)?);
        }
        let checks = prepared.par_iter().map(Prepared::check_words);
        let checks: Vec<Result<(), Box<Difference>>> = checks.collect();
        checks.into_iter().collect::<Result<(), _>>()?;
        let mut derived = Vec::with_capacity(prepared.len());
        for batch in prepared {
            derived.push(self.replay(batch)?);
        }
        if window.through.is_some() {
            self.through = window.through;
        }
        Ok(derived)
    }

    /// Completes a batch's data, and compares what calldata, event and surroundings state.
    fn prepare<'a>(
        &mut self,
        place: Place,
        record: &BatchRecord,
        submission: &'a Submission,
    ) -> Result<Prepared<'a>, Box<Difference>> {
        let (header, around) = (&submission.header, &mut self.surroundings);
        let stated = What::Header;
        place.same(stated("batch index"), &record.index, &header.batch_index)?;
        place.same(stated("shape"), &record.shape, &submission.shape)?;
        place.same(stated("time"), &record.time, &header.time)?;
        let (counted, found) = (record.transactions, header.transactions);
        place.same(stated("transactions"), &counted, &found)?;
        place.same(stated("deposits"), &record.deposits, &header.deposits)?;
        let (first, found) = (record.first_deposit, header.first_deposit);
        place.same(stated("first deposit"), &first, &found)?;
        place.same_word(
            stated("old state"),
            &record.old_state,
            &submission.old_state,
        )?;
        place.same_word(
            stated("new state"),
            &record.new_state,
            &submission.new_state,
        )?;
        let committed = &submission.data_commitment;
        let name = stated("data commitment");
        place.same_word(name, &record.data_commitment, committed)?;

        let root = around.assets.root();
        place.same_word(What::AssetsRoot, &root, &header.assets_root)?;
        if header.time < around.last_time {
            let earliest = format!("at least {}", around.last_time);
            return Err(place.differs(What::Time, earliest, header.time));
        }
        around.last_time = header.time;
        match around.snapshot_validity(&header.oracle) {
            Some(known) if known.admits(header.time) && known.taken >= around.last_taken => {
                around.last_taken = known.taken;
            }
            _ => {
                let found = word(&header.oracle);
                return Err(place.differs(What::Oracle, "the snapshot of its time", found));
            }
        }
        let shape = match around.shapes.get(&record.shape) {
            Some(known) if !known.retired => known.shape,
            _ => return Err(place.differs(What::Shape, "a registered shape", record.shape)),
        };

        let deposits = consume(around, &place, submission)?;
        let published = submission
            .published(shape, self.context, &deposits)
            .map_err(|e| place.differs(What::Calldata, "an encoded batch", e))?;
        around.data_chain = record.data_chain(around.data_chain);
        Ok(Prepared {
            place,
            record: *record,
            submission,
            published,
        })
    }

    fn replay(&mut self, batch: Prepared<'_>) -> Result<Derived, Box<Difference>> {
        let place = batch.place;
        let old = self.ledger.state().commitment();
        place.same_word(What::OldState, &old, &batch.record.old_state)?;
        let state = self
            .ledger
            .replay(&batch.published, &self.context)
            .map_err(|error| refused(&place, &error))?;
        let new = state.commitment();
        place.same_word(What::NewState, &new, &batch.record.new_state)?;
        Ok(Derived {
            block: place.block,
            block_hash: place.block_hash,
            transaction: place.transaction,
            record: batch.record,
            published: batch.published,
            state,
            proof: batch.submission.proof.clone(),
        })
    }

    /// Compares the state with the contracts' own at the block up to which it was derived. It shows
    /// records that an endpoint left out at the end.
    ///
    /// # Errors
    /// The first [`Difference`].
    pub fn compare(&self, view: &RollupView) -> Result<(), Box<Difference>> {
        let place = Place {
            batch: None,
            block: view.block.number,
            block_hash: view.block.hash,
            transaction: B256::ZERO,
        };
        let (state, around) = (self.ledger.state(), &self.surroundings);
        place.same_word(What::Context, &self.context, &view.context)?;
        place.same(What::BatchIndex, &state.batch_index, &view.batch_index)?;
        place.same_word(What::NewState, &state.commitment(), &view.state)?;
        let consumed = &state.deposit_count;
        place.same(What::ConsumedDeposits, consumed, &view.deposit_count)?;
        let queued = &around.queued;
        place.same(What::QueuedDeposits, queued, &view.queued_deposits)?;
        place.same(What::ConsumedDeposits, &around.consumed, &None)?;
        let chain = B256::from(view.data_chain);
        place.same(What::DataChain, &around.data_chain, &chain)?;
        place.same_word(What::AssetsRoot, &around.assets.root(), &view.assets_root)?;
        place.same(What::Time, &around.last_time, &view.last_time)?;
        place.same::<Vec<Shape>>(What::Shapes, &around.active_shapes(), &view.shapes)
    }
}

impl Prepared<'_> {
    fn check_words(&self) -> Result<(), Box<Difference>> {
        let words = self.published.words();
        let commitment = data_commitment(&words);
        let recorded = &self.record.data_commitment;
        self.place
            .same_word(What::DataCommitment, &commitment, recorded)?;
        let mut hasher = alloy_primitives::Keccak256::new();
        for element in &words {
            hasher.update(fr_to_bytes(element));
        }
        let hash = hasher.finalize();
        self.place
            .same(What::WordsHash, &hash, &B256::from(self.record.words_hash))
    }
}

/// Takes the deposits of a batch from those that wait: L1 queued them and no earlier batch consumed
/// them. Compares the calldata with them and with the requests for them. Returns the calldata's.
fn consume(
    around: &mut Surroundings,
    place: &Place,
    submission: &Submission,
) -> Result<Vec<PostedDeposit>, Box<Difference>> {
    let header = &submission.header;
    let count = usize::from(header.deposits);
    let first = around.next_deposit();
    place.same(What::ConsumedDeposits, &first, &header.first_deposit)?;
    let stated = (count != 0).then_some((first, count as u64));
    place.same(What::ConsumedDeposits, &stated, &around.consumed.take())?;
    if count > around.waiting.len() {
        let most = format!("at most {}", around.waiting.len());
        return Err(place.differs(What::ConsumedDeposits, most, count));
    }
    let posted = submission
        .deposits()
        .map_err(|e| place.differs(What::Calldata, "encoded deposits", e))?;
    place.same(What::ConsumedDeposits, &count, &posted.len())?;
    for (index, posted) in (first..).zip(&posted) {
        let queued = around.waiting.pop_front();
        place.same(What::PostedDeposit, &queued, &Some(posted.deposit))?;
        let request = around.take_backs.remove(&index);
        let expected = request.is_some_and(|r| r.credited || r.effective <= header.time);
        place.same(What::TakeBack, &expected, &posted.is_taken_back)?;
    }
    Ok(posted)
}

fn refused(place: &Place, error: &ReplayError) -> Box<Difference> {
    match error {
        ReplayError::Context => place.differs(What::Context, "this deployment's", "another"),
        ReplayError::BatchIndex { expected, found } => {
            place.differs(What::BatchIndex, expected, found)
        }
        ReplayError::FirstDeposit { expected, found } => {
            place.differs(What::ConsumedDeposits, expected, found)
        }
        ReplayError::Start { expected, found } => place.differs(What::Start, expected, found),
        ReplayError::Counts => place.differs(What::Header("counts"), "lengths of lists", error),
        ReplayError::Nullifier(error) => place.differs(What::Nullifiers, "unspent notes", error),
        ReplayError::Tree(error) => place.differs(What::Room, "room for the batch", error),
    }
}
