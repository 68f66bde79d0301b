//! The state derived from recorded histories: whole, tampered with, interrupted and reorganised.

#![allow(missing_docs, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use alloy_primitives::B256;
use subrosa_derivation::{
    Checkpoints, Derivation, DeriveError, Derived, Deriver, Ignore, Options, Outcome, Progress,
    Sink, SinkError, Source, What,
    synthetic::{Recording, Synthetic},
};
use subrosa_l1::{
    Block, Change, L1Error, Recorded, RollupView, Submission, Tag, history::BatchRecord,
};
use subrosa_protocol::{Fr, batch::Shape, element::OwnerId};

/// Makes a history of five batches, with deposits, assets and snapshots between them.
fn history() -> Synthetic {
    let mut chain = Synthetic::new(7);
    for (shape, transactions) in [
        (Shape::S4, 3),
        (Shape::S16, 9),
        (Shape::S4, 0),
        (Shape::S16, 16),
        (Shape::S4, 4),
    ] {
        chain.deposit();
        chain.deposit();
        chain.batch(shape, transactions).unwrap();
        chain.take_snapshot();
        chain.pass();
    }
    chain.register_asset();
    chain.deposit();
    chain
}

/// A source whose history can change, and that fails now and then.
#[derive(Clone, Default)]
struct Live {
    shown: Arc<Mutex<Recording>>,
    /// Requests that fail from now on.
    failures: Arc<AtomicUsize>,
}

impl Live {
    fn showing(recording: &Recording) -> Self {
        let live = Self::default();
        live.show(recording);
        live
    }

    fn show(&self, recording: &Recording) {
        *self.shown.lock().unwrap() = recording.clone();
    }

    fn now(&self) -> Result<Recording, L1Error> {
        let left = self.failures.load(Ordering::Relaxed);
        if left > 0 {
            self.failures.store(left - 1, Ordering::Relaxed);
            return Err(L1Error::Odd("null".into()));
        }
        Ok(self.shown.lock().unwrap().clone())
    }
}

#[async_trait::async_trait]
impl Source for Live {
    async fn block(&self, tag: Tag) -> Result<Option<Block>, L1Error> {
        self.now()?.block(tag).await
    }
    async fn history(&self, from: u64, to: u64) -> Result<Vec<Recorded>, L1Error> {
        self.now()?.history(from, to).await
    }
    async fn submission(&self, recorded: &Recorded) -> Result<Submission, L1Error> {
        self.now()?.submission(recorded).await
    }
    async fn rollup_at(&self, block: &Block) -> Result<RollupView, L1Error> {
        self.now()?.rollup_at(block).await
    }
}

/// Collects what it is given, and fails after so many windows.
#[derive(Default)]
struct Collect {
    batches: Vec<Derived>,
    changes: Vec<Recorded>,
    reached: Vec<Progress>,
    fails_after: Option<usize>,
}

#[async_trait::async_trait]
impl Sink for Collect {
    async fn batch(&mut self, batch: Derived) -> Result<(), SinkError> {
        self.batches.push(batch);
        Ok(())
    }
    async fn change(&mut self, change: &Recorded) -> Result<(), SinkError> {
        self.changes.push(change.clone());
        Ok(())
    }
    async fn reached(&mut self, progress: &Progress) -> Result<(), SinkError> {
        if self.fails_after == Some(self.reached.len()) {
            return Err("the disk is full".into());
        }
        self.reached.push(*progress);
        Ok(())
    }
}

fn narrow(blocks: u64) -> Options {
    Options {
        blocks,
        batches: 2,
        every: 1,
        ..Options::default()
    }
}

async fn derive(recording: Recording) -> Result<Derivation, DeriveError> {
    let target = *recording.blocks.last().unwrap();
    let deployment = Synthetic::new(0).deployment();
    let mut deriver = Deriver::start(recording, deployment, Options::default());
    deriver.run(&target, &mut Ignore).await?;
    Ok(deriver.into_derivation().unwrap())
}

#[tokio::test]
async fn a_whole_history_is_derived_whatever_the_windows_are() {
    let chain = history();
    for blocks in [1, 3, 1_000] {
        let mut sink = Collect::default();
        let recording = chain.recording().clone();
        let mut deriver = Deriver::start(recording, chain.deployment(), narrow(blocks));
        let outcome = deriver.run(&chain.head(), &mut sink).await.unwrap();
        assert_eq!(outcome, Outcome::Reached);
        let derivation = deriver.derivation().unwrap();
        assert_eq!(derivation.ledger().state(), chain.ledger().state());
        assert_eq!(derivation.ledger().to_bytes(), chain.ledger().to_bytes());
        assert_eq!(derivation.through(), Some(&chain.head()));
        let around = derivation.surroundings();
        assert_eq!(around.queued_deposits(), 11);
        assert_eq!(around.waiting_deposits().len(), 1);
        assert_eq!(around.assets().len(), 3);
        assert_eq!(around.active_shapes(), Shape::ALL);
        let digest = around.snapshot().unwrap().digest();
        let time = around.snapshot().unwrap().time;
        let validity = around.snapshot_validity(&digest).unwrap();
        assert_eq!((validity.taken, validity.superseded), (time, None));

        let indices: Vec<u64> = sink.batches.iter().map(|b| b.record.index).collect();
        assert_eq!(indices, [1, 2, 3, 4, 5]);
        let given = sink.batches.len() + sink.changes.len();
        assert_eq!(given, chain.recording().records.len());
        let last = sink.reached.last().unwrap();
        assert_eq!((last.batches, last.transactions), (5, 32));
        assert_eq!(last.block, chain.head());
    }
}

#[tokio::test]
async fn a_later_target_goes_on_and_an_earlier_one_is_refused() {
    let chain = history();
    let recording = chain.recording().clone();
    let middle = recording.blocks[recording.blocks.len() / 2];
    let mut deriver = Deriver::start(recording, chain.deployment(), Options::default());
    deriver.run(&middle, &mut Ignore).await.unwrap();
    let half = deriver.derivation().unwrap().ledger().state().batch_index;
    assert!(1 < half && half < 6, "{half}");
    deriver.run(&chain.head(), &mut Ignore).await.unwrap();
    let state = *deriver.derivation().unwrap().ledger().state();
    assert_eq!(&state, chain.ledger().state());
    // Nothing new is no failure.
    deriver.run(&chain.head(), &mut Ignore).await.unwrap();
    let error = deriver.run(&middle, &mut Ignore).await.unwrap_err();
    assert!(matches!(error, DeriveError::Behind { .. }), "{error}");
    assert!(deriver.derivation().is_some());
}

/// Returns the record of batch 4, to alter it.
fn fourth(recording: &mut Recording) -> &mut BatchRecord {
    let mut batches = recording
        .records
        .iter_mut()
        .filter_map(|found| match &mut found.change {
            Change::Batch(record) => Some(record),
            _ => None,
        });
    batches.nth(3).unwrap()
}

/// Alters the submission of batch 4.
fn submitted(recording: &mut Recording, alter: impl FnOnce(&mut Submission)) {
    let submission = recording
        .submissions
        .values_mut()
        .find(|submission| submission.header.batch_index == 4);
    alter(submission.unwrap());
}

fn flip(data: &alloy_primitives::Bytes, place: usize) -> alloy_primitives::Bytes {
    let mut data = data.to_vec();
    data[place] ^= 1;
    data.into()
}

#[tokio::test]
async fn whatever_is_altered_is_reported_with_its_place() {
    type Alter = fn(&mut Recording);
    let cases: [(&str, What, Alter); 15] = [
        // The value of a deposit, its flag, and a byte too few.
        ("deposit", What::PostedDeposit, |r| {
            submitted(r, |s| s.deposits_data = flip(&s.deposits_data, 37));
        }),
        ("taken back", What::TakeBack, |r| {
            submitted(r, |s| s.deposits_data = flip(&s.deposits_data, 70));
        }),
        ("deposits", What::Calldata, |r| {
            submitted(r, |s| s.deposits_data.truncate(70));
        }),
        ("new state, event only", What::Header("new state"), |r| {
            fourth(r).new_state = Fr::from(1u64);
        }),
        ("new state", What::NewState, |r| {
            fourth(r).new_state = Fr::from(1u64);
            submitted(r, |s| s.new_state = Fr::from(1u64));
        }),
        ("old state", What::OldState, |r| {
            fourth(r).old_state = Fr::from(1u64);
            submitted(r, |s| s.old_state = Fr::from(1u64));
        }),
        ("words hash", What::WordsHash, |r| {
            fourth(r).words_hash[31] ^= 1
        }),
        // The last byte of the first nullifier, of a commitment, and of the note data.
        ("nullifier", What::DataCommitment, |r| {
            submitted(r, |s| s.slots_data = flip(&s.slots_data, 31));
        }),
        ("commitment", What::DataCommitment, |r| {
            submitted(r, |s| s.slots_data = flip(&s.slots_data, 32 * 5 + 31));
        }),
        ("note data", What::DataCommitment, |r| {
            submitted(r, |s| s.slots_data = flip(&s.slots_data, 680));
        }),
        ("withdrawal", What::DataCommitment, |r| {
            submitted(r, |s| s.withdrawals_data = flip(&s.withdrawals_data, 38));
        }),
        ("length", What::Calldata, |r| {
            submitted(r, |s| s.slots_data.truncate(680));
        }),
        ("fee recipient", What::DataCommitment, |r| {
            submitted(r, |s| s.header.fee_recipient[0] ^= 1);
        }),
        ("first leaf", What::DataCommitment, |r| {
            submitted(r, |s| s.header.start += 64);
        }),
        ("time", What::Header("time"), |r| {
            submitted(r, |s| s.header.time += 1);
        }),
    ];
    let chain = history();
    for (case, what, alter) in cases {
        let mut recording = chain.recording().clone();
        alter(&mut recording);
        let place = recording
            .records
            .iter()
            .find(|found| matches!(&found.change, Change::Batch(record) if record.index == 4));
        let place = place.unwrap().clone();
        let Err(DeriveError::Difference(found)) = derive(recording).await else {
            panic!("{case}: no difference is reported");
        };
        assert_eq!(
            (found.what, found.batch),
            (what, Some(4)),
            "{case}: {found}"
        );
        assert_eq!(found.block, place.block, "{case}");
        assert_eq!(found.block_hash, place.block_hash, "{case}");
        assert_eq!(found.transaction, place.transaction, "{case}");
        assert_ne!(found.expected, found.found, "{case}");
    }
    derive(chain.into_recording()).await.unwrap();
}

/// Requests for deposits, of which one takes effect before its batch and one after it.
fn taken_back() -> Synthetic {
    let mut chain = Synthetic::new(8);
    for _ in 0..4 {
        chain.deposit();
    }
    chain.take_back(1, 2);
    chain.take_back(2, 99);
    chain.pass();
    chain.pass();
    chain.batch(Shape::S4, 1).unwrap();
    chain
}

#[tokio::test]
async fn deposits_that_are_taken_back_are_derived() {
    let chain = taken_back();
    let derived = derive(chain.recording().clone()).await.unwrap();
    assert_eq!(derived.ledger().state(), chain.ledger().state());
    assert!(derived.surroundings().take_backs().is_empty());

    type Alter = fn(&mut Recording);
    let cases: [Alter; 3] = [
        // The request that took effect is not recorded.
        |r| {
            r.records
                .retain(|f| !matches!(f.change, Change::TakeBackRequested { index: 1, .. }));
        },
        // The other one takes effect before the batch.
        |r| {
            for found in &mut r.records {
                if let Change::TakeBackRequested { effective, .. } = &mut found.change {
                    *effective = 0;
                }
            }
        },
        // A deposit is credited that nobody requested.
        |r| {
            for found in &mut r.records {
                if let Change::DepositTakenBack { index } = &mut found.change {
                    *index = 3;
                }
            }
        },
    ];
    for alter in cases {
        let mut recording = chain.recording().clone();
        alter(&mut recording);
        let Err(DeriveError::Difference(found)) = derive(recording).await else {
            panic!("no difference is reported");
        };
        assert_eq!(found.what, What::TakeBack, "{found}");
    }
}

#[tokio::test]
async fn another_chain_of_published_data_is_noticed() {
    let mut recording = history().into_recording();
    recording.views.last_mut().unwrap().data_chain[0] ^= 1;
    let Err(DeriveError::Difference(found)) = derive(recording).await else {
        panic!("no difference is reported");
    };
    assert_eq!(found.what, What::DataChain, "{found}");
}

#[tokio::test]
async fn a_deposit_that_names_another_owner_is_noticed() {
    let chain = history();
    type Alter = fn(&mut u64, &mut subrosa_l1::DepositName);
    let cases: [(What, Alter); 3] = [
        (What::DepositIndex, |index, _| *index += 1),
        (What::DepositOwner, |_, name| name.rcm += Fr::from(1u64)),
        (What::DepositOwner, |_, name| {
            name.owner = OwnerId::new(Fr::from(5u64));
        }),
    ];
    for (what, alter) in cases {
        let mut recording = chain.recording().clone();
        let mut changes = recording.records.iter_mut().map(|found| &mut found.change);
        let altered = changes.find_map(|change| match change {
            Change::DepositNamed { index, name } => Some((index, name)),
            _ => None,
        });
        let (index, name) = altered.expect("one deposit is named");
        alter(index, name);
        let Err(DeriveError::Difference(found)) = derive(recording).await else {
            panic!("{what}: no difference is reported");
        };
        assert_eq!(found.what, what, "{found}");
    }
}

#[tokio::test]
async fn records_that_are_left_out_are_noticed() {
    type Left = fn(&Change) -> bool;
    let cases: [(What, Left); 7] = [
        (
            What::BatchIndex,
            |c| matches!(c, Change::Batch(r) if r.index == 2),
        ),
        (
            What::BatchIndex,
            |c| matches!(c, Change::Batch(r) if r.index == 5),
        ),
        (What::DepositIndex, |c| {
            matches!(c, Change::Deposit { index: 2, .. })
        }),
        (What::QueuedDeposits, |c| {
            matches!(c, Change::Deposit { index: 10, .. })
        }),
        (What::AssetsRoot, |c| {
            matches!(c, Change::Asset { asset: subrosa_l1::history::RegisteredAsset::New(info), .. }
                if info.id.0 == 2)
        }),
        (What::Shape, |c| matches!(c, Change::Shape { id: 2, .. })),
        (What::Shapes, |c| matches!(c, Change::Shape { id: 3, .. })),
    ];
    let chain = history();
    for (what, left_out) in cases {
        let mut recording = chain.recording().clone();
        // The consumption of deposits belongs to its batch, and is recorded before it.
        let gone: HashSet<B256> = recording
            .records
            .iter()
            .filter(|found| left_out(&found.change))
            .map(|found| found.transaction)
            .collect();
        recording.records.retain(|found| {
            let consumed = matches!(found.change, Change::Consumed { .. });
            let with_it = consumed && gone.contains(&found.transaction);
            !(with_it || left_out(&found.change))
        });
        let Err(DeriveError::Difference(found)) = derive(recording).await else {
            panic!("{what}: no difference is reported");
        };
        assert_eq!(found.what, what, "{found}");
    }
}

/// L1 takes a batch under the newest snapshot, or under one that a newer one superseded at most ten
/// minutes before, and none that is older than the last batch's.
#[tokio::test]
async fn the_snapshot_of_a_batch_must_be_that_of_its_time() {
    let start = || {
        let mut chain = Synthetic::new(9);
        let first = chain.prices();
        chain.batch(Shape::S4, 2).unwrap();
        chain.take_snapshot();
        (chain, first)
    };
    // A block takes 12 seconds, and the snapshot is in the one before the first of these.
    for (blocks, fits) in [(0, true), (49, true), (50, false)] {
        let (mut chain, first) = start();
        for _ in 0..blocks {
            chain.pass();
        }
        chain.batch_under(Shape::S4, 1, first).unwrap();
        let derived = derive(chain.into_recording()).await;
        assert_eq!(derived.is_ok(), fits, "{blocks}");
    }
    let refused = async |chain: Synthetic| match derive(chain.into_recording()).await {
        Err(DeriveError::Difference(found)) => found.what,
        _ => panic!("no difference is reported"),
    };
    let (mut chain, first) = start();
    chain.batch(Shape::S4, 1).unwrap();
    chain.batch_under(Shape::S4, 1, first).unwrap();
    assert_eq!(refused(chain).await, What::Oracle, "older than the last");
    for unknown in [1u64, 0] {
        let (mut chain, _) = start();
        chain.batch_under(Shape::S4, 1, Fr::from(unknown)).unwrap();
        assert_eq!(refused(chain).await, What::Oracle, "{unknown}");
    }
    // Before the first snapshot a batch has none; ten minutes later, it must have one.
    let genesis = Derivation::genesis(&Synthetic::new(9).deployment());
    let none = genesis.surroundings().snapshot_validity(&Fr::from(0u64));
    assert_eq!(
        none.map(|none| (none.taken, none.superseded)),
        Some((1, None))
    );
    // A snapshot that no batch has is missed by the next one.
    let (mut chain, _) = start();
    chain.take_snapshot();
    let mut recording = chain.into_recording();
    let second = recording
        .records
        .iter()
        .rposition(|found| matches!(found.change, Change::Snapshot { .. }));
    let before = recording.records[..second.unwrap()]
        .iter()
        .rposition(|found| matches!(found.change, Change::Snapshot { .. }));
    recording.records.remove(before.unwrap());
    let Err(DeriveError::Difference(found)) = derive(recording).await else {
        panic!("no difference is reported");
    };
    assert_eq!(found.what, What::Snapshot, "{found}");
}

#[tokio::test]
async fn a_run_interrupted_at_any_window_goes_on_from_its_checkpoint() {
    let chain = history();
    let windows = chain.recording().blocks.len();
    for fails_after in 0..windows {
        let folder = tempfile::tempdir().unwrap();
        let open = async || {
            Deriver::open(
                chain.recording().clone(),
                chain.deployment(),
                Checkpoints::open(folder.path()).unwrap(),
                narrow(1),
            )
            .await
            .unwrap()
        };
        let mut deriver = open().await;
        let mut sink = Collect {
            fails_after: Some(fails_after),
            ..Collect::default()
        };
        let error = deriver.run(&chain.head(), &mut sink).await.unwrap_err();
        assert!(matches!(error, DeriveError::Sink(_)), "{error}");
        let error = deriver.run(&chain.head(), &mut sink).await.unwrap_err();
        assert!(matches!(error, DeriveError::Interrupted), "{error}");

        let mut deriver = open().await;
        let resumed = deriver.derivation().unwrap().ledger().state().batch_index;
        let mut rest = Collect::default();
        deriver.run(&chain.head(), &mut rest).await.unwrap();
        let bytes = deriver.derivation().unwrap().ledger().to_bytes();
        assert_eq!(
            bytes,
            chain.ledger().to_bytes(),
            "after window {fails_after}"
        );
        // The second run begins no later than what the first one confirmed.
        let confirmed = sink.reached.last().map_or(0, |progress| progress.batches);
        assert!(resumed <= confirmed + 1, "after window {fails_after}");
        let indices: Vec<u64> = rest.batches.iter().map(|b| b.record.index).collect();
        assert_eq!(indices, (resumed..6).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn checkpoints_of_replaced_blocks_give_way_to_an_older_one() {
    let mut chain = Synthetic::new(3);
    chain.batch(Shape::S4, 2).unwrap();
    let mut other = chain.clone();
    other.diverge(99);
    let common = chain.head();
    chain.batch(Shape::S4, 3).unwrap();
    chain.batch(Shape::S4, 1).unwrap();
    other.deposit();
    other.batch(Shape::S16, 5).unwrap();
    other.pass();
    other.pass();

    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::open(folder.path()).unwrap();
    let live = Live::showing(chain.recording());
    let deployment = chain.deployment();
    let open = || Deriver::open(live.clone(), deployment, checkpoints.clone(), narrow(1));
    let mut deriver = open().await.unwrap();
    deriver.run(&chain.head(), &mut Ignore).await.unwrap();

    live.show(other.recording());
    let error = deriver.run(&other.head(), &mut Ignore).await.unwrap_err();
    assert!(matches!(error, DeriveError::Reorganised(_)), "{error}");
    assert!(error.is_transient());
    let mut deriver = open().await.unwrap();
    let begun = deriver.derivation().unwrap().through().copied();
    assert!(begun.is_none_or(|begun| begun.number <= common.number));
    deriver.run(&other.head(), &mut Ignore).await.unwrap();
    let bytes = deriver.derivation().unwrap().ledger().to_bytes();
    assert_eq!(bytes, other.ledger().to_bytes());
}

#[tokio::test]
async fn a_reorganisation_during_a_run_ends_it() {
    let chain = history();
    let mut other = Synthetic::new(7);
    other.diverge(5);
    while other.recording().blocks.len() < chain.recording().blocks.len() {
        other.pass();
    }
    let live = Live::showing(chain.recording());
    struct Reorganise(Live, Recording);
    #[async_trait::async_trait]
    impl Sink for Reorganise {
        async fn batch(&mut self, _: Derived) -> Result<(), SinkError> {
            self.0.show(&self.1);
            Ok(())
        }
    }
    let mut deriver = Deriver::start(live.clone(), chain.deployment(), narrow(2));
    let mut sink = Reorganise(live, other.into_recording());
    let error = deriver.run(&chain.head(), &mut sink).await.unwrap_err();
    assert!(matches!(error, DeriveError::Reorganised(_)), "{error}");
}

#[tokio::test]
async fn failures_that_pass_end_nothing() {
    let chain = history();
    let live = Live::showing(chain.recording());
    let mut deriver = Deriver::start(live.clone(), chain.deployment(), narrow(1_000));
    live.failures.store(2, Ordering::Relaxed);
    deriver.run(&chain.head(), &mut Ignore).await.unwrap();
    // Those that stay end the run, and it can be repeated.
    live.failures.store(1_000, Ordering::Relaxed);
    let error = deriver.run(&chain.head(), &mut Ignore).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    live.failures.store(0, Ordering::Relaxed);
    deriver.run(&chain.head(), &mut Ignore).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_run_goes_on_later() {
    let chain = history();
    let options = narrow(1);
    let cancel = options.cancel.clone();
    struct Cancel(tokio_util::sync::CancellationToken, usize);
    #[async_trait::async_trait]
    impl Sink for Cancel {
        async fn batch(&mut self, _: Derived) -> Result<(), SinkError> {
            self.1 += 1;
            self.0.cancel();
            Ok(())
        }
    }
    let source = chain.recording().clone();
    let mut deriver = Deriver::start(source.clone(), chain.deployment(), options);
    let mut sink = Cancel(cancel, 0);
    let outcome = deriver.run(&chain.head(), &mut sink).await.unwrap();
    assert_eq!((outcome, sink.1), (Outcome::Cancelled, 1));
    let half = deriver.into_derivation().unwrap();
    let mut deriver = Deriver::resume(source, chain.deployment(), half, narrow(1));
    let outcome = deriver.run(&chain.head(), &mut Ignore).await.unwrap();
    assert_eq!(outcome, Outcome::Reached);
    assert_eq!(
        deriver.derivation().unwrap().ledger().state(),
        chain.ledger().state()
    );
}

#[tokio::test]
async fn a_checkpoint_is_what_it_was_or_nothing() {
    let chain = history();
    let derivation = derive(chain.recording().clone()).await.unwrap();
    let context = chain.deployment().context();
    let checkpoint = derivation.checkpoint().unwrap();
    let again = Derivation::from_checkpoint(&checkpoint.bytes, &context).unwrap();
    assert_eq!(again.checkpoint().unwrap(), checkpoint);
    assert_eq!(again.through(), Some(&chain.head()));

    for place in (0..checkpoint.bytes.len()).step_by(97) {
        let mut bytes = checkpoint.bytes.clone();
        bytes[place] ^= 0x40;
        assert!(
            Derivation::from_checkpoint(&bytes, &context).is_err(),
            "{place}"
        );
        bytes.truncate(place);
        assert!(
            Derivation::from_checkpoint(&bytes, &context).is_err(),
            "{place}"
        );
    }
    assert!(Derivation::from_checkpoint(&checkpoint.bytes, &Fr::from(1u64)).is_err());

    // A damaged file gives way to an older one.
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::open(folder.path()).unwrap();
    checkpoints.save(&checkpoint).unwrap();
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
    let file = file.unwrap().path();
    let found = checkpoints.newest(chain.recording(), &context, None).await;
    assert!(found.unwrap().is_some());
    std::fs::write(&file, &checkpoint.bytes[..100]).unwrap();
    let found = checkpoints.newest(chain.recording(), &context, None).await;
    assert!(found.unwrap().is_none());
    assert!(!file.exists());
}
