//! L1 decides: stores that lack batches, followers, reorganisations, and endpoints that are behind.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use subrosa_sequencer::{
    Config, Halt, Health, RecoveryError, check_rollup,
    ports::ProofVerifier as _,
    store::{Store, StoreError, carry, copy, restore, tables::Mempool},
};

use crate::support::*;

/// Settles `count` transactions and a deposit in each batch.
async fn settle(
    world: &World,
    node: &Node,
    count: usize,
) -> Vec<subrosa_protocol::transaction::Transaction> {
    let mut all = Vec::new();
    for place in 0..count {
        world.chain.deposit(100 + place as u128);
        let tx = world.transaction();
        assert_eq!(node.submit(&tx).await.status, 202);
        node.until(&tx, "settled").await;
        all.push(tx);
    }
    all
}

fn elsewhere(world: &World, name: &str) -> Config {
    config(&world.dir.path().join(name))
}

/// Starts a sequencer whose prover waits until it is unblocked.
async fn unproven(world: &World) -> (Node, Arc<Prover>) {
    let prover = Prover::blocked();
    let mut ports = world.ports();
    ports.prover = prover.clone();
    (world.start_with(world.config(), ports).await, prover)
}

/// Waits until the sequencer has as many batches as L1.
pub async fn level(world: &World, node: &Node) {
    let head = world.chain.with(|chain| chain.state.batch_index);
    for _ in 0..10_000 {
        let info = node.get("/v1/info").await.body;
        // The step after the last import begins to accept.
        if info["settled_below"].as_u64() == Some(head) && node.running.is_level() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never level: {:?}", node.running.health());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_becomes_whole_from_l1_and_goes_on() {
    let world = World::new();
    let node = world.start(world.config()).await;
    settle(&world, &node, 5).await;
    node.stop().await;

    let mut other = elsewhere(&world, "other");
    other.settle.snapshot_every = 2;
    let node = world.start(other.clone()).await;
    level(&world, &node).await;
    let more = settle(&world, &node, 2).await;
    let head = world.chain.with(|chain| chain.state);
    node.stop().await;
    // The rebuilt store passes the checks of a start.
    let node = world.start(other).await;
    for tx in &more {
        node.until(tx, "settled").await;
    }
    level(&world, &node).await;
    node.stop().await;
    assert!(world.chain.with(|chain| chain.state) == head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_behind_l1_imports_what_it_lacks_and_keeps_its_transactions() {
    let world = World::new();
    let (node, _prover) = unproven(&world).await;
    // Sealed and never proven here.
    let ours = world.transaction();
    node.submit(&ours).await;
    node.until(&ours, "included").await;
    node.stop().await;

    // Meanwhile another sequencer settles.
    let node = world.start(elsewhere(&world, "other")).await;
    settle(&world, &node, 3).await;
    node.stop().await;

    let node = world.start(world.config()).await;
    node.until(&ours, "settled").await;
    node.stop().await;
    let holding = world.chain.with(|chain| {
        let transactions = chain.settled.iter().flat_map(|batch| &batch.transactions);
        transactions
            .filter(|tx| tx.nullifiers == ours.nullifiers)
            .count()
    });
    assert_eq!(holding, 1, "it settled once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_somebody_else_settled_is_told_so() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let tx = world.transaction();
    node.submit(&tx).await;
    let other = world.start(elsewhere(&world, "other")).await;
    other.submit(&tx).await;
    other.until(&tx, "settled").await;
    other.stop().await;
    node.until(&tx, "settled").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_serves_what_has_settled_and_takes_nothing() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let mut config = elsewhere(&world, "follower");
    config.follow = true;
    let follower = world.start(config.clone()).await;
    settle(&world, &node, 2).await;
    level(&world, &follower).await;
    let theirs = node.get("/v1/batches/2").await.body;
    let ours = follower.get("/v1/batches/2").await.body;
    assert_eq!(ours["data"], theirs["data"]);
    assert_eq!(ours["commitment"], theirs["commitment"]);
    let refused = follower.submit(&world.transaction()).await;
    assert_eq!((refused.status, refused.code()), (503, "unavailable"));
    node.stop().await;
    follower.stop().await;
    // Promoted: the same store without the setting.
    config.follow = false;
    let promoted = world.start(config).await;
    settle(&world, &promoted, 1).await;
    promoted.stop().await;
}

#[test]
fn a_store_is_opened_once() {
    let directory = tempfile::tempdir().unwrap();
    let open = Store::open(directory.path()).unwrap();
    let again = Store::open(directory.path()).unwrap_err();
    assert!(matches!(again, StoreError::InUse { path } if path == directory.path()));
    drop(open);
    Store::open(directory.path()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_running_store_is_a_whole_store() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let settled = settle(&world, &node, 3).await;
    node.stop().await;
    let node = world.start(idle(world.config())).await;
    let waiting = world.transaction();
    assert_eq!(node.submit(&waiting).await.status, 202);
    let to = world.dir.path().join("copy");
    let entries = copy(&world.store(), &to, |_| ()).unwrap();
    assert!(entries > 10);
    let again = copy(&world.store(), &to, |_| ()).unwrap_err();
    assert!(matches!(again, StoreError::Exists { path } if path == to));
    let inside = world.store().join("copy");
    let inside = copy(&world.store(), &inside, |_| ()).unwrap_err();
    assert!(matches!(inside, StoreError::Inside { .. }));
    // The store goes on, and the copy lacks everything that comes later.
    let later = world.transaction();
    assert_eq!(node.submit(&later).await.status, 202);
    node.stop().await;
    let store = world.dir.path().join("restored");
    assert_eq!(restore(&to, &store).unwrap(), entries);
    let node = world.start(config(&store)).await;
    for tx in settled.iter().chain([&waiting]) {
        node.until(tx, "settled").await;
    }
    let path = format!("/v1/transactions/{}", digest(&later));
    assert_eq!(node.get(&path).await.status, 404);
    node.stop().await;
}

/// Nothing is put in place that is not a whole copy, and the copy stays as it is.
#[tokio::test(flavor = "multi_thread")]
async fn only_whole_copies_are_restored() {
    let world = World::new();
    let node = world.start(world.config()).await;
    settle(&world, &node, 2).await;
    node.stop().await;
    let at = |name: &str| world.dir.path().join(name);
    copy(&world.store(), &at("copy"), |_| ()).unwrap();
    let files = |path: &Path| {
        let names = std::fs::read_dir(path).unwrap();
        let contents = names.map(|entry| {
            let path = entry.unwrap().path();
            (path.clone(), std::fs::read(path).unwrap())
        });
        contents.collect::<BTreeMap<_, _>>()
    };
    let before = files(&at("copy"));
    restore(&at("copy"), &at("restored")).unwrap();
    assert_eq!(files(&at("copy")), before);
    let again = restore(&at("copy"), &at("restored")).unwrap_err();
    assert!(matches!(again, StoreError::Exists { .. }));

    // It said that it had restored each of these.
    let none = restore(&at("nowhere"), &at("new")).unwrap_err();
    assert!(matches!(none, StoreError::NoCopy { .. }));
    assert!(!at("nowhere").exists());
    std::fs::create_dir(at("empty")).unwrap();
    let none = restore(&at("empty"), &at("new")).unwrap_err();
    assert!(matches!(none, StoreError::NoCopy { .. }));
    for path in before.keys() {
        if path.extension().is_some_and(|ending| ending == "log") {
            std::fs::write(path, b"").unwrap();
        }
    }
    let damaged = restore(&at("copy"), &at("new")).unwrap_err();
    assert!(matches!(damaged, StoreError::Damaged { .. }), "{damaged}");
    assert!(!at("new").exists() && !at("new.partial").exists());
}

/// A store of another rollup is recognised before anything is set aside.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_another_rollup_is_recognised() {
    let world = World::new();
    let node = world.start(world.config()).await;
    node.stop().await;
    let config = world.config();
    let store = Store::open(&world.store()).unwrap();
    check_rollup(&store, config.chain_id, &config.rollup).unwrap();
    let other = check_rollup(&store, config.chain_id, &[9; 20]).unwrap_err();
    assert!(matches!(other, RecoveryError::Identity { .. }));
    check_rollup(&store, config.chain_id + 1, &config.rollup).unwrap_err();
    let empty = Store::open(&world.dir.path().join("empty")).unwrap();
    check_rollup(&empty, config.chain_id, &config.rollup).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_made_anew_takes_over_what_was_accepted() {
    let world = World::new();
    let (node, _prover) = unproven(&world).await;
    let sealed = world.transaction();
    node.submit(&sealed).await;
    node.until(&sealed, "included").await;
    node.stop().await;
    let mut ports = world.ports();
    ports.prover = Prover::blocked();
    let node = world.start_with(idle(world.config()), ports).await;
    let waiting = world.transaction();
    assert_eq!(node.submit(&waiting).await.status, 202);
    node.stop().await;

    let new = elsewhere(&world, "new");
    {
        let old = Store::open(&world.store()).unwrap();
        let new = Store::open(&new.store).unwrap();
        let context = world.config().context();
        let key_hash = world.verifier.key_hash();
        assert_eq!(carry(&old, &new, &context, &key_hash).unwrap(), (2, 0));
        // Before, proofs for another circuit were taken over, and no start took the store.
        let other = Store::open(&world.dir.path().join("other")).unwrap();
        assert_eq!(carry(&old, &other, &context, &[8; 32]).unwrap(), (0, 2));
        assert!(other.all::<Mempool>().unwrap().is_empty());
    }
    let node = world.start(new).await;
    node.until(&sealed, "settled").await;
    node.until(&waiting, "settled").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_a_reorganisation_changed_is_read_again() {
    let world = World::new();
    let (node, prover) = unproven(&world).await;
    world.chain.deposit(5);
    world.chain.deposit(6);
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "included").await;
    eventually("the deposits are sealed", || {
        world.chain.polls.load(Ordering::SeqCst) > 5
    })
    .await;
    // The two deposits change places, and one is added.
    world.chain.fork(2, |chain| {
        chain.queue.swap(0, 1);
        chain.block += 1;
    });
    world.chain.deposit(7);
    prover.blocked.store(false, Ordering::SeqCst);
    node.until(&tx, "settled").await;
    eventually("all deposits settle", || {
        world.chain.with(|chain| chain.state.deposit_count) == 3
    })
    .await;
    assert!(!matches!(node.running.health(), Health::Halted(_)));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_that_a_reorganisation_removed_are_forgotten() {
    let world = World::new();
    let (node, prover) = unproven(&world).await;
    world.chain.deposit(5);
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "included").await;
    world.chain.fork(2, |chain| {
        chain.queue.clear();
        chain.block += 1;
    });
    prover.blocked.store(false, Ordering::SeqCst);
    node.until(&tx, "settled").await;
    world.chain.deposit(8);
    eventually("the new deposit settles", || {
        world.chain.with(|chain| chain.state.deposit_count) == 1
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_behind_takes_nothing_back() {
    let world = World::new();
    let node = world.start(world.config()).await;
    world.chain.with(|chain| chain.block = 10);
    let all = settle(&world, &node, 2).await;
    let settled_calls = world.chain.settle_calls.load(Ordering::SeqCst);
    // An older block of the same chain, in which the second batch has not settled.
    let now = world.chain.with(|chain| {
        let now = (chain.block, chain.state);
        chain.block = 10;
        chain.state = chain.states[0];
        now
    });
    eventually("degraded", || {
        matches!(node.running.health(), Health::Degraded(_))
    })
    .await;
    assert_eq!(node.status(&all[1]).await.field("status"), "settled");
    world.chain.with(|chain| (chain.block, chain.state) = now);
    eventually("healthy again", || node.running.health() == Health::Running).await;
    assert_eq!(
        world.chain.settle_calls.load(Ordering::SeqCst),
        settled_calls,
        "nothing was sent again"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_of_an_unfinished_store_finishes_nothing() {
    let world = World::new();
    let (node, _prover) = unproven(&world).await;
    let sealed = world.transaction();
    node.submit(&sealed).await;
    node.until(&sealed, "included").await;
    node.stop().await;
    let mut config = world.config();
    config.follow = true;
    let calls = world.prover.calls.load(Ordering::SeqCst);
    let follower = world.start(config).await;
    world.chain.polled(5).await;
    assert_eq!(world.prover.calls.load(Ordering::SeqCst), calls);
    assert_eq!(world.chain.settled(), 0);
    assert!(!matches!(follower.running.health(), Health::Halted(_)));
    // L1's batches are taken over all the same.
    world.chain.settle_foreign(vec![world.transaction()]);
    level(&world, &follower).await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_read_wrongly_once_is_read_again() {
    let world = World::new();
    let node = world.start(world.config()).await;
    settle(&world, &node, 2).await;
    world.chain.with(|chain| chain.final_below = Some(3));
    world.chain.polled(5).await;
    node.stop().await;
    world.chain.with(|chain| chain.misread = 1);
    let node = world.start(world.config()).await;
    settle(&world, &node, 1).await;
    assert_eq!(world.chain.with(|chain| chain.misread), 0);
    assert_eq!(node.running.health(), Health::Running);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_number_that_was_wrong_bars_nothing_for_long() {
    let world = World::new();
    let node = world.start(world.config()).await;
    world.chain.polled(2).await;
    world.chain.with(|chain| chain.block += 1_000);
    world.chain.called(10).await;
    // Lower and later: the block that was seen cannot be below this one.
    world.chain.with(|chain| chain.block -= 998);
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "settled").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_contradiction_at_finality_halts() {
    let world = World::new();
    let node = world.start(world.config()).await;
    settle(&world, &node, 3).await;
    world.chain.with(|chain| chain.final_below = Some(3));
    let polls = world.chain.polls.load(Ordering::SeqCst);
    eventually("the finality is seen", || {
        world.chain.polls.load(Ordering::SeqCst) > polls + 5
    })
    .await;
    // Another batch 1, which was final.
    world.chain.fork(8, |chain| {
        for state in &mut chain.states {
            state.note_root = subrosa_protocol::Fr::from(1u64);
        }
        chain.state.note_root = subrosa_protocol::Fr::from(1u64);
        chain.block += 1;
    });
    let halt = node.until_halted().await;
    let Halt::Diverged { detail, .. } = &halt else {
        panic!("{halt:?}");
    };
    assert!(detail.contains("sequencer rebuild"), "{detail}");
    node.stop().await;
}
