//! The check of the store at start, and the rebuilding of memory from it.
//!
//! The check makes sure that the store belongs to this deployment and that its tables agree with
//! each other. It repairs nothing: each kind of disagreement has its own error that names the
//! place.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use rayon::prelude::*;
use subrosa_protocol::{
    Fr,
    batch::{BatchWitness, PublishedBatch, data_commitment},
    element::Nullifier,
    ledger::{Deposit, Ledger, ReplayError, State},
    transaction::digest,
};

use crate::{
    cursor::Cursor,
    oracle::{KnownSnapshot, Oracle, OracleCursor},
    ports::Block,
    record::TransactionRecord,
    store::{
        CodecError, SCHEMA, Store, StoreError,
        tables::{
            BatchRecord, Batches, Bytes, Deposits, Identity, Jobs, LedgerCheckpoints, Mempool,
            Meta, MetaKey, PriceSnapshots, Proofs, Stage, Stages, StoredSnapshot, Submissions,
            Transactions, Value, count,
        },
    },
    submission::{ParsedSubmission, Sequenced},
    wire::{Word, word},
};

/// Number of batches that are checked in parallel.
const CHUNK: usize = 64;

/// The fault in a store.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry of the table `meta` cannot be read.
    #[error("meta entry {entry} is unreadable: {source}")]
    Meta {
        /// The entry.
        entry: &'static str,
        /// The fault in its bytes.
        source: CodecError,
    },
    /// Another version of the program made the store.
    #[error(
        "the store has schema {found}; this program needs schema {expected}: run \
         `subrosa sequencer rebuild --set-aside`, which reads everything from L1 anew and keeps \
         what was accepted, or use the program that made the store"
    )]
    Schema {
        /// Schema of the store.
        found: u64,
        /// Schema of the program.
        expected: u64,
    },
    /// The store belongs to another deployment or another circuit.
    #[error("the store was made for another {what}; use the store of this deployment")]
    Identity {
        /// The difference: chain, rollup or transaction circuit.
        what: &'static str,
    },
    /// A batch in the middle is missing.
    #[error("batch {expected} is missing; batch {found} follows")]
    Gap {
        /// The missing batch.
        expected: u64,
        /// The next batch in the store.
        found: u64,
    },
    /// A batch does not start in the state in which the previous one ended.
    #[error("batch {index} does not start in the state in which batch {} ended", index - 1)]
    Chain {
        /// Batch index.
        index: u64,
    },
    /// The published data of a batch disagree with its record.
    #[error("batch {index}: record and published data disagree in {what}")]
    Published {
        /// Batch index.
        index: u64,
        /// The field that differs.
        what: &'static str,
    },
    /// A batch does not apply to the state before it.
    #[error("batch {index} does not apply to the state before it: {source}")]
    Replay {
        /// Batch index.
        index: u64,
        /// The ledger's error.
        source: ReplayError,
    },
    /// A batch leads to another state than its record holds.
    #[error("batch {index} leads to another state than the stored one")]
    State {
        /// Batch index.
        index: u64,
    },
    /// The stored head is not the state after the last batch.
    #[error("the stored head is not the state after the last batch")]
    Head,
    /// A checkpoint of the ledger is damaged.
    #[error("the ledger checkpoint at batch {index} is damaged: {reason}")]
    Checkpoint {
        /// Batch index of its state.
        index: u64,
        /// The fault.
        reason: String,
    },
    /// The stage, proof, job or submissions of a batch are missing or belong to another batch.
    #[error("batch {index}: {what}")]
    Job {
        /// Batch index.
        index: u64,
        /// The fault.
        what: &'static str,
    },
    /// The record of a transaction disagrees with the batch that holds it.
    #[error("batch {batch} holds transaction {digest}, whose record says otherwise")]
    Transaction {
        /// Digest, hex.
        digest: String,
        /// Batch index.
        batch: u64,
    },
    /// An entry of the mempool is not the submission that was accepted.
    #[error("mempool entry {sequence}: {what}")]
    Mempool {
        /// Sequence number.
        sequence: u64,
        /// The fault.
        what: &'static str,
    },
    /// A message in the mailbox has a number that was never given.
    #[error("message {sequence} is not below the mailbox's head")]
    Message {
        /// Sequence number.
        sequence: u64,
    },
    /// The digest of a price snapshot is not the digest of its contents.
    #[error("the price snapshot {digest} is damaged: its contents have another digest")]
    PriceSnapshot {
        /// Digest, hex.
        digest: String,
    },
    /// The waiting deposits are not contiguous.
    #[error("deposit {expected} is missing; deposit {found} follows")]
    Deposits {
        /// The missing deposit.
        expected: u64,
        /// The next deposit in the store.
        found: u64,
    },
}

/// The contents of memory before the restart.
pub(crate) struct Recovered {
    /// The ledger after the last sealed batch.
    pub(crate) ledger: Ledger,
    /// Time of the last batch and the digest of its price snapshot.
    pub(crate) last: (u64, Fr),
    /// Progress of the stages.
    pub(crate) cursor: Cursor,
    /// Accepted and unsealed submissions.
    pub(crate) mempool: Vec<Sequenced>,
    /// Submissions of the batches that are not proven.
    pub(crate) unproven: Vec<Sequenced>,
    /// Sequence number of the next submission.
    pub(crate) next_sequence: u64,
    /// Deposits that no sealed batch consumed.
    pub(crate) deposits: Vec<Deposit>,
    /// The price oracle as far as it was followed.
    pub(crate) oracle: Oracle,
    /// A block of L1 that was seen.
    pub(crate) block: Option<Block>,
    /// Index below which the settled batches are final.
    pub(crate) final_below: u64,
}

/// Checks the store and rebuilds memory. Writes the identity into an empty store first.
///
/// # Errors
/// [`RecoveryError`] naming the first disagreement.
pub(crate) fn recover(
    store: &Store,
    identity: &Identity,
    context: &Fr,
) -> Result<Recovered, RecoveryError> {
    let head = check_identity(store, identity)?;
    let (block, final_below) = load_chain(store)?;
    let last = check_batches(store, &head, final_below, context)?;
    let ledger = load_ledger(store, head.batch_index, context)?;
    if *ledger.state() != head {
        return Err(RecoveryError::Head);
    }
    let Staged {
        cursor,
        unproven,
        next_sequence: last_sequence,
    } = check_stages(store, &head, final_below.max(1), context)?;
    let mempool = check_mempool(store, &ledger, context)?;
    let next_sequence = mempool
        .last()
        .map_or(0, |(sequence, _)| sequence + 1)
        .max(last_sequence);
    let deposits = waiting_deposits(store, head.deposit_count)?;
    let oracle = load_oracle(store)?;
    Ok(Recovered {
        ledger,
        last,
        cursor,
        mempool,
        unproven,
        next_sequence,
        deposits,
        oracle,
        block,
        final_below,
    })
}

/// Reads the last stored block of L1, and the index below which the settled batches are final.
fn load_chain(store: &Store) -> Result<(Option<Block>, u64), RecoveryError> {
    let unreadable = |entry| move |source| RecoveryError::Meta { entry, source };
    let block = store.get::<Meta>(&MetaKey::Block)?;
    let block = block.map(|Bytes(bytes)| Block::decode(&bytes)).transpose();
    let below = store.get::<Meta>(&MetaKey::Final)?;
    let below = below.map_or(Ok(0), |stored| number(stored, "final"))?;
    Ok((block.map_err(unreadable("block"))?, below))
}

/// Reads a number of the table `meta`, written by [`count`].
fn number(Bytes(bytes): Bytes, entry: &'static str) -> Result<u64, RecoveryError> {
    let bytes = bytes.try_into().map_err(|_| RecoveryError::Meta {
        entry,
        source: CodecError::Short,
    })?;
    Ok(u64::from_be_bytes(bytes))
}

/// Checks that a store, of any schema, belongs to this rollup, or to none yet.
///
/// # Errors
/// [`RecoveryError::Identity`] if it belongs to another one.
pub fn check_rollup(store: &Store, chain_id: u64, rollup: &[u8; 20]) -> Result<(), RecoveryError> {
    let stored = store.get::<Meta>(&MetaKey::Identity)?;
    // Damage may be why the store is made anew.
    let Some(Ok(stored)) = stored.map(|Bytes(bytes)| Identity::decode(&bytes)) else {
        return Ok(());
    };
    if (stored.chain_id, &stored.rollup) != (chain_id, rollup) {
        return Err(RecoveryError::Identity { what: "rollup" });
    }
    Ok(())
}

fn check_identity(store: &Store, identity: &Identity) -> Result<State, RecoveryError> {
    let unreadable = |entry| move |source| RecoveryError::Meta { entry, source };
    let Some(schema) = store.get::<Meta>(&MetaKey::Schema)? else {
        let genesis = State::genesis();
        let mut changes = store.change();
        changes.put::<Meta>(&MetaKey::Schema, &count(SCHEMA))?;
        changes.put::<Meta>(&MetaKey::Identity, &Bytes(identity.encode()))?;
        changes.put::<Meta>(&MetaKey::Head, &Bytes(genesis.encode()))?;
        changes.commit()?;
        return Ok(genesis);
    };
    let found = number(schema, "schema")?;
    if found != SCHEMA {
        return Err(RecoveryError::Schema {
            found,
            expected: SCHEMA,
        });
    }
    let entry = |key, name| {
        store
            .get::<Meta>(&key)?
            .map(|bytes| bytes.0)
            .ok_or_else(|| unreadable(name)(CodecError::Short))
    };
    let stored =
        Identity::decode(&entry(MetaKey::Identity, "identity")?).map_err(unreadable("identity"))?;
    if stored.chain_id != identity.chain_id {
        return Err(RecoveryError::Identity { what: "chain" });
    }
    if stored.rollup != identity.rollup {
        return Err(RecoveryError::Identity { what: "rollup" });
    }
    if stored.key_hash != identity.key_hash {
        return Err(RecoveryError::Identity {
            what: "transaction circuit (the verifying key differs)",
        });
    }
    State::decode(&entry(MetaKey::Head, "head")?).map_err(unreadable("head"))
}

/// Checks each batch that is not final, and the chain of their states. Returns time and prices of
/// the last. Those that are final were checked until they were, so that the time of a start does
/// not grow with the history.
fn check_batches(
    store: &Store,
    head: &State,
    final_below: u64,
    context: &Fr,
) -> Result<(u64, Fr), RecoveryError> {
    let (mut previous, mut last_batch) = match final_below.checked_sub(1).filter(|last| *last > 0) {
        None => (State::genesis(), (0, Fr::from(0u64))),
        Some(last) => {
            let record = store.get::<Batches>(&last)?;
            let gap = RecoveryError::Gap {
                expected: last,
                found: final_below,
            };
            record.map(|r| (r.new, (r.time, r.oracle))).ok_or(gap)?
        }
    };
    let mut entries = store.range::<Batches>(&previous.batch_index)?.peekable();
    while entries.peek().is_some() {
        let chunk: Vec<(u64, BatchRecord)> =
            entries.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
        for (index, record) in &chunk {
            if *index != previous.batch_index {
                return Err(RecoveryError::Gap {
                    expected: previous.batch_index,
                    found: *index,
                });
            }
            if record.old != previous {
                return Err(RecoveryError::Chain { index: *index });
            }
            if record.new.batch_index != index + 1 {
                return Err(RecoveryError::State { index: *index });
            }
            previous = record.new;
            last_batch = (record.time, record.oracle);
        }
        let verdicts: Vec<_> = chunk
            .par_iter()
            .map(|(index, record)| check_batch(store, *index, record, context))
            .collect();
        verdicts.into_iter().collect::<Result<(), _>>()?;
    }
    if previous != *head {
        return Err(RecoveryError::Head);
    }
    Ok(last_batch)
}

fn check_batch(
    store: &Store,
    index: u64,
    record: &BatchRecord,
    context: &Fr,
) -> Result<(), RecoveryError> {
    let wrong = |what| RecoveryError::Published { index, what };
    let published =
        PublishedBatch::from_bytes(&record.published).map_err(|_| wrong("the encoding"))?;
    let header = &published.header;
    if header.context != *context {
        return Err(wrong("the context"));
    }
    if header.batch_index != index {
        return Err(wrong("the batch index"));
    }
    if published.shape != record.shape {
        return Err(wrong("the shape"));
    }
    if header.time != record.time {
        return Err(wrong("the time"));
    }
    if header.assets_root != record.assets_root {
        return Err(wrong("the assets root"));
    }
    if header.oracle != record.oracle {
        return Err(wrong("the price snapshot"));
    }
    // The digests of an imported batch are not known.
    let imported = record.transactions.is_empty();
    if !imported && published.transactions.len() != record.transactions.len() {
        return Err(wrong("the number of transactions"));
    }
    if data_commitment(&published.words()) != record.commitment {
        return Err(wrong("the commitment"));
    }
    for (slot, digest) in (0u32..).zip(&record.transactions) {
        let expected = TransactionRecord::Included { batch: index, slot };
        if store.get::<Transactions>(digest)? != Some(expected) {
            return Err(RecoveryError::Transaction {
                digest: hex::encode(digest.to_bytes()),
                batch: index,
            });
        }
    }
    Ok(())
}

/// Builds the ledger before batch `until`: starts from the newest usable checkpoint, replays the
/// published batches after it, and compares the state after each batch with its record.
pub(crate) fn load_ledger(
    store: &Store,
    until: u64,
    context: &Fr,
) -> Result<Ledger, RecoveryError> {
    let mut ledger = Ledger::new();
    let mut newest = None;
    for entry in store.range::<LedgerCheckpoints>(&0)? {
        let (index, bytes) = entry?;
        if index <= until {
            newest = Some((index, bytes.0));
        }
    }
    if let Some((index, bytes)) = newest {
        let damaged = |reason: String| RecoveryError::Checkpoint { index, reason };
        ledger = Ledger::from_bytes(&bytes).map_err(|error| damaged(error.to_string()))?;
        let record = match index.checked_sub(1) {
            Some(before) => store.get::<Batches>(&before)?,
            None => None,
        };
        if record.is_none_or(|record| record.new != *ledger.state()) {
            return Err(damaged("it is not the state after its batch".into()));
        }
    }
    for entry in store.range::<Batches>(&ledger.state().batch_index)? {
        let (index, record) = entry?;
        if index >= until {
            break;
        }
        let published = PublishedBatch::from_bytes(&record.published).map_err(|_| {
            RecoveryError::Published {
                index,
                what: "the encoding",
            }
        })?;
        let state = ledger
            .replay(&published, context)
            .map_err(|source| RecoveryError::Replay { index, source })?;
        if state != record.new {
            return Err(RecoveryError::State { index });
        }
    }
    Ok(ledger)
}

/// The result of the check of the stages.
struct Staged {
    /// Progress of the stages.
    cursor: Cursor,
    /// Submissions of the batches that are not proven.
    unproven: Vec<Sequenced>,
    /// First sequence number above those of the kept submissions.
    next_sequence: u64,
}

/// Checks stages, proofs, jobs and kept submissions.
fn check_stages(
    store: &Store,
    head: &State,
    first: u64,
    context: &Fr,
) -> Result<Staged, RecoveryError> {
    let stages: BTreeMap<u64, Stage> = store.range::<Stages>(&first)?.collect::<Result<_, _>>()?;
    let last = head.batch_index;
    let mut cursor = Cursor {
        seal: last,
        prove: last,
        settle: last,
    };
    if stages.keys().copied().ne(first..last) {
        return Err(RecoveryError::Job {
            index: last,
            what: "the stages do not match the batches",
        });
    }
    for (&index, stage) in &stages {
        let wrong = |what| RecoveryError::Job { index, what };
        match stage {
            Stage::Settled { .. } if cursor.settle < index => {
                return Err(wrong("it has settled after a batch that has not"));
            }
            Stage::Settled { .. } => {}
            Stage::Proven if cursor.prove < index => {
                return Err(wrong("it is proven after a batch that is not"));
            }
            Stage::Proven => cursor.settle = cursor.settle.min(index),
            Stage::Sealed => {
                cursor.settle = cursor.settle.min(index);
                cursor.prove = cursor.prove.min(index);
            }
        }
        if *stage == Stage::Proven && store.get::<Proofs>(&index)?.is_none() {
            return Err(wrong("its proof is missing"));
        }
    }
    let mut unproven = Vec::new();
    for index in cursor.settle..last {
        let wrong = |what| RecoveryError::Job { index, what };
        let record = store
            .get::<Batches>(&index)?
            .ok_or_else(|| wrong("its record is missing"))?;
        if index >= cursor.prove {
            let job = store
                .get::<Jobs>(&index)?
                .ok_or_else(|| wrong("its witness is missing"))?;
            let witness =
                BatchWitness::from_bytes(&job.0).map_err(|_| wrong("its witness is unreadable"))?;
            // The digests are the statements of the proofs in the submissions.
            let active = witness.slots.iter().filter(|slot| slot.active);
            let digests = active.map(|slot| digest(&slot.words));
            if witness.data_commitment() != record.commitment
                || witness.old != record.old
                || witness.new != record.new
                || digests.ne(record.transactions.iter().copied())
            {
                return Err(wrong("its witness belongs to another batch"));
            }
        }
        let submissions = store
            .get::<Submissions>(&index)?
            .ok_or_else(|| wrong("its submissions are missing"))?;
        let mut digests = Vec::with_capacity(submissions.0.len());
        for (sequence, bytes) in submissions.0 {
            let submission = ParsedSubmission::parse(bytes, context)
                .map_err(|_| wrong("a submission is unreadable"))?;
            digests.push(submission.id);
            if index >= cursor.prove {
                unproven.push((sequence, Arc::new(submission)));
            }
        }
        if digests != record.transactions {
            return Err(wrong("its submissions belong to another batch"));
        }
    }
    let mut next_sequence = 0;
    for entry in store.range::<Submissions>(&0)? {
        let (_, submissions) = entry?;
        let places = submissions.0.iter().map(|(place, _)| place + 1);
        next_sequence = next_sequence.max(places.max().unwrap_or(0));
    }
    Ok(Staged {
        cursor,
        unproven,
        next_sequence,
    })
}

fn check_mempool(
    store: &Store,
    ledger: &Ledger,
    context: &Fr,
) -> Result<Vec<Sequenced>, RecoveryError> {
    let entries = store.all::<Mempool>()?;
    let parsed: Vec<_> = entries
        .into_par_iter()
        .map(|(sequence, bytes)| (sequence, ParsedSubmission::parse(bytes.0, context)))
        .collect();
    let mut pending: HashSet<Nullifier> = HashSet::new();
    let mut mempool = Vec::with_capacity(parsed.len());
    for (sequence, submission) in parsed {
        let wrong = |what| RecoveryError::Mempool { sequence, what };
        let submission = submission.map_err(|_| wrong("it is unreadable"))?;
        let record = store.get::<Transactions>(&submission.id)?;
        if record != Some(TransactionRecord::Pending { sequence }) {
            return Err(wrong("the transaction's record does not say pending"));
        }
        for nf in &submission.transaction.nullifiers {
            if ledger.nullifiers().contains(nf) {
                return Err(wrong("a sealed batch spends one of its nullifiers"));
            }
            if !pending.insert(*nf) {
                return Err(wrong("another entry has one of its nullifiers"));
            }
        }
        mempool.push((sequence, Arc::new(submission)));
    }
    Ok(mempool)
}

fn load_oracle(store: &Store) -> Result<Oracle, RecoveryError> {
    let cursor = store.get::<Meta>(&MetaKey::Oracle)?;
    let cursor = cursor.map(|Bytes(bytes)| OracleCursor::decode(&bytes));
    let cursor = cursor.transpose().map_err(|source| RecoveryError::Meta {
        entry: "oracle",
        source,
    })?;
    let mut known = Vec::new();
    for entry in store.range::<PriceSnapshots>(&Word::default())? {
        let (id, record) = entry?;
        let StoredSnapshot {
            block,
            place,
            snapshot,
        } = record;
        if word(&snapshot.digest()) != id {
            let digest = hex::encode(id);
            return Err(RecoveryError::PriceSnapshot { digest });
        }
        let snapshot = Arc::new(snapshot);
        known.push(KnownSnapshot {
            block,
            place,
            id,
            snapshot,
        });
    }
    Ok(Oracle::restored(cursor.unwrap_or_default(), known))
}

/// Returns the stored deposits from `first` on.
pub(crate) fn waiting_deposits(store: &Store, first: u64) -> Result<Vec<Deposit>, RecoveryError> {
    let mut deposits = Vec::new();
    let waiting: BTreeMap<u64, Deposit> =
        store.range::<Deposits>(&first)?.collect::<Result<_, _>>()?;
    for (expected, (found, deposit)) in (first..).zip(waiting) {
        if found != expected {
            return Err(RecoveryError::Deposits { expected, found });
        }
        deposits.push(deposit);
    }
    Ok(deposits)
}
