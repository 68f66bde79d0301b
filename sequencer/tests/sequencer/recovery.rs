//! The check of the store at start, which names the fault.

use std::sync::atomic::Ordering;

use subrosa_protocol::{Fr, element::Nullifier};
use subrosa_sequencer::{
    RecoveryError, StartError,
    store::{Store, tables::*},
};

use crate::support::*;

/// Makes a store with two settled batches, a sealed one, two pending transactions and two deposits.
async fn filled() -> World {
    let world = World::new();
    let node = world.start(world.config()).await;
    world.chain.deposit(4);
    for _ in 0..2 {
        let tx = world.transaction();
        node.submit(&tx).await;
        node.until(&tx, "settled").await;
    }
    eventually("the deposit settles", || {
        world.chain.with(|c| c.state.deposit_count == 1)
    })
    .await;
    world.prover.blocked.store(true, Ordering::SeqCst);
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "included").await;
    node.stop().await;
    let node = world.start(idle(world.config())).await;
    for _ in 0..2 {
        assert_eq!(node.submit(&world.transaction()).await.status, 202);
    }
    world.chain.deposit(5);
    world.chain.deposit(6);
    world.chain.polled(3).await;
    node.stop().await;
    world
}

/// Returns the error of a start after the store was changed.
async fn after(tamper: impl FnOnce(&Store)) -> StartError {
    let world = filled().await;
    {
        let store = Store::open(&world.store()).unwrap();
        tamper(&store);
    }
    match world.try_start(idle(world.config())).await {
        Ok(_) => panic!("the tampered store was taken"),
        Err(error) => error,
    }
}

fn put<T: Table>(store: &Store, key: &T::Key, value: &T::Value) {
    let mut changes = store.change();
    changes.put::<T>(key, value).unwrap();
    changes.commit().unwrap();
}

fn delete<T: Table>(store: &Store, key: &T::Key) {
    let mut changes = store.change();
    changes.delete::<T>(key).unwrap();
    changes.commit().unwrap();
}

fn batch(store: &Store, index: u64) -> BatchRecord {
    store.get::<Batches>(&index).unwrap().unwrap()
}

/// Returns the index of the batch that is sealed and not proven.
fn last(store: &Store) -> u64 {
    *store.all::<Batches>().unwrap().keys().last().unwrap()
}

macro_rules! assert_recovery {
    ($error:expr, $pattern:pat) => {
        let error = $error;
        assert!(
            matches!(&error, StartError::Recovery($pattern)),
            "{error:?}"
        );
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_store_is_sound() {
    let world = filled().await;
    let node = world.start(idle(world.config())).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_belongs_to_one_deployment() {
    let mut world = filled().await;
    world.verifier = std::sync::Arc::new(Verifier {
        key_hash: [8; 32],
        unsafe_development: true,
        cost: std::time::Duration::ZERO,
        calls: Default::default(),
        proofs: Default::default(),
        blocked: Default::default(),
    });
    let error = world.try_start(idle(world.config())).await.err().unwrap();
    assert!(error.to_string().contains("verifying key"), "{error}");
    let error = after(|store| {
        let identity = Identity {
            chain_id: 1,
            rollup: ROLLUP,
            key_hash: [7; 32],
        };
        put::<Meta>(store, &MetaKey::Identity, &Bytes(identity.encode()));
    })
    .await;
    assert_recovery!(error, RecoveryError::Identity { what: "chain" });
    let error = after(|store| {
        let identity = Identity {
            chain_id: CHAIN_ID,
            rollup: [0; 20],
            key_hash: [7; 32],
        };
        put::<Meta>(store, &MetaKey::Identity, &Bytes(identity.encode()));
    })
    .await;
    assert_recovery!(error, RecoveryError::Identity { what: "rollup" });
    let error = after(|store| {
        put::<Meta>(store, &MetaKey::Schema, &Bytes(9u64.to_be_bytes().to_vec()));
    })
    .await;
    assert_recovery!(error, RecoveryError::Schema { found: 9, .. });
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_published_data_are_found() {
    // The commitment covers every byte.
    for place in [200, 400, 600] {
        let error = after(|store| {
            let mut record = batch(store, 1);
            let len = record.published.len();
            record.published[place.min(len - 1)] ^= 1;
            put::<Batches>(store, &1, &record);
        })
        .await;
        assert_recovery!(error, RecoveryError::Published { index: 1, .. });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_batch_with_a_matching_commitment_is_found() {
    // The commitment matches the change, but the roots do not.
    let error = after(|store| {
        use subrosa_protocol::batch::{PublishedBatch, data_commitment};
        let index = last(store);
        let mut record = batch(store, index);
        let mut published = PublishedBatch::from_bytes(&record.published).unwrap();
        let nullifier = &mut published.transactions[0].nullifiers[0];
        *nullifier = Nullifier::of(Fr::from(*nullifier) + Fr::from(1u64));
        record.commitment = data_commitment(&published.words());
        record.published = published.to_bytes();
        put::<Batches>(store, &index, &record);
    })
    .await;
    assert_recovery!(error, RecoveryError::State { .. });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_state_is_found() {
    let error = after(|store| {
        let mut record = batch(store, 2);
        record.old.note_root += Fr::from(1u64);
        put::<Batches>(store, &2, &record);
    })
    .await;
    assert_recovery!(error, RecoveryError::Chain { index: 2 });
    let error = after(|store| {
        let mut state = batch(store, 1).new;
        state.leaf_count += 16;
        put::<Meta>(store, &MetaKey::Head, &Bytes(state.encode()));
    })
    .await;
    assert_recovery!(error, RecoveryError::Head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_batch_is_found() {
    assert_recovery!(
        after(|store| delete::<Batches>(store, &1)).await,
        RecoveryError::Gap {
            expected: 1,
            found: 2
        }
    );
    let error = after(|store| {
        let index = last(store);
        delete::<Batches>(store, &index);
    })
    .await;
    assert_recovery!(error, RecoveryError::Head);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_foreign_jobs_are_found() {
    assert_recovery!(
        after(|store| delete::<Jobs>(store, &last(store))).await,
        RecoveryError::Job {
            what: "its witness is missing",
            ..
        }
    );
    assert_recovery!(
        after(|store| delete::<Submissions>(store, &last(store))).await,
        RecoveryError::Job {
            what: "its submissions are missing",
            ..
        }
    );
    assert_recovery!(
        after(|store| put::<Stages>(store, &last(store), &Stage::Proven)).await,
        RecoveryError::Job {
            what: "its proof is missing",
            ..
        }
    );
    assert_recovery!(
        after(|store| delete::<Stages>(store, &1)).await,
        RecoveryError::Job { .. }
    );
    assert_recovery!(
        after(|store| {
            let index = last(store);
            let mut job = store.get::<Jobs>(&index).unwrap().unwrap();
            let mut witness = subrosa_protocol::batch::BatchWitness::from_bytes(&job.0).unwrap();
            witness.header.time += 1;
            job.0 = witness.to_bytes();
            put::<Jobs>(store, &index, &job);
        })
        .await,
        RecoveryError::Job {
            what: "its witness belongs to another batch",
            ..
        }
    );
    // With another value of a word that is not published, the digest of the client proof differs.
    assert_recovery!(
        after(|store| {
            let index = last(store);
            let mut job = store.get::<Jobs>(&index).unwrap().unwrap();
            let mut witness = subrosa_protocol::batch::BatchWitness::from_bytes(&job.0).unwrap();
            witness.slots[0].words[6] += Fr::from(1u64);
            job.0 = witness.to_bytes();
            put::<Jobs>(store, &index, &job);
        })
        .await,
        RecoveryError::Job {
            what: "its witness belongs to another batch",
            ..
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_transaction_without_its_proof_is_found() {
    let tamper = |store: &Store| {
        let index = last(store);
        let mut submissions = store.get::<Submissions>(&index).unwrap().unwrap();
        let bytes = &mut submissions.0[0].1;
        let at = bytes.len() - 128;
        bytes[at] ^= 1;
        put::<Submissions>(store, &index, &submissions);
    };
    let error = after(tamper).await;
    assert!(matches!(error, StartError::Proof { .. }), "{error:?}");

    // If a start does not verify proofs again, the prover refuses the batch and is asked only once.
    let world = filled().await;
    world.prover.blocked.store(false, Ordering::SeqCst);
    let calls = world.prover.calls.load(Ordering::SeqCst);
    tamper(&Store::open(&world.store()).unwrap());
    let mut config = idle(world.config());
    config.admission.reverify_on_start = false;
    let node = world.start(config).await;
    let halt = node.until_halted().await;
    assert!(
        matches!(halt, subrosa_sequencer::Halt::Prover { .. }),
        "{halt:?}"
    );
    assert_eq!(world.prover.calls.load(Ordering::SeqCst), calls + 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_transaction_record_is_found() {
    let error = after(|store| {
        let digest = batch(store, last(store)).transactions[0];
        put::<Transactions>(store, &digest, &TransactionRecord::Expired);
    })
    .await;
    assert_recovery!(error, RecoveryError::Transaction { .. });
}

fn first_pending(store: &Store) -> (u64, Bytes) {
    store.all::<Mempool>().unwrap().pop_first().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_mempool_is_found() {
    assert_recovery!(
        after(|store| {
            let (sequence, mut bytes) = first_pending(store);
            bytes.0[300] ^= 1;
            put::<Mempool>(store, &sequence, &bytes);
        })
        .await,
        RecoveryError::Mempool { .. }
    );
    assert_recovery!(
        after(|store| {
            let (_, bytes) = first_pending(store);
            put::<Mempool>(store, &77, &bytes);
        })
        .await,
        RecoveryError::Mempool { .. }
    );
    // The proof of a submission is changed.
    let error = after(|store| {
        let (sequence, mut bytes) = first_pending(store);
        let at = bytes.0.len() - 128;
        bytes.0[at] ^= 1;
        put::<Mempool>(store, &sequence, &bytes);
    })
    .await;
    assert!(matches!(error, StartError::Proof { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_deposit_is_found() {
    assert_recovery!(
        after(|store| delete::<Deposits>(store, &1)).await,
        RecoveryError::Deposits {
            expected: 1,
            found: 2
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_entries_are_found() {
    let error = after(|store| put::<Meta>(store, &MetaKey::Head, &Bytes(vec![1, 2, 3]))).await;
    assert_recovery!(error, RecoveryError::Meta { entry: "head", .. });
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_shorten_the_restart_and_are_checked() {
    let world = World::new();
    let mut config = world.config();
    config.settle.snapshot_every = 2;
    let node = world.start(config.clone()).await;
    for _ in 0..5 {
        let tx = world.transaction();
        node.submit(&tx).await;
        node.until(&tx, "settled").await;
    }
    let state = node.get("/v1/info").await.body["state"].clone();
    node.stop().await;
    {
        let store = Store::open(&world.store()).unwrap();
        let kept: Vec<u64> = store
            .all::<LedgerCheckpoints>()
            .unwrap()
            .into_keys()
            .collect();
        assert_eq!(kept, [3, 5]);
    }
    let node = world.start(config.clone()).await;
    assert_eq!(node.get("/v1/info").await.body["state"], state);
    node.stop().await;
    {
        let store = Store::open(&world.store()).unwrap();
        let mut bytes = store.get::<LedgerCheckpoints>(&5).unwrap().unwrap();
        let place = bytes.0.len() - 40;
        bytes.0[place] ^= 1;
        put::<LedgerCheckpoints>(&store, &5, &bytes);
    }
    let error = world.try_start(config).await.err().unwrap();
    assert_recovery!(error, RecoveryError::Checkpoint { index: 5, .. });
}
