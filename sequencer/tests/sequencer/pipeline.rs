//! From acceptance to settlement, with restarts and faults at each stage.

use std::{sync::atomic::Ordering, time::Duration};

use futures::StreamExt;
use subrosa_protocol::{
    Fr,
    asset::AssetInfo,
    batch::{PublishedBatch, Shape},
    element::Nullifier,
    encoding::fr_from_bytes,
    transaction::Transaction,
};
use subrosa_sequencer::{BatchEventKind, Halt, Health};

use crate::support::*;

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text.strip_prefix("0x").unwrap()).unwrap()
}

fn word(text: &str) -> Fr {
    fr_from_bytes(&bytes(text).try_into().unwrap()).unwrap()
}

/// Returns the nullifiers of all settled transactions.
fn settled_nullifiers(world: &World) -> Vec<Nullifier> {
    world.chain.with(|chain| {
        let transactions = chain.settled.iter().flat_map(|batch| &batch.transactions);
        transactions.flat_map(|tx| tx.nullifiers).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_and_deposits_settle() {
    let world = World::new();
    let node = world.start(world.config()).await;
    world.chain.deposit(500);
    let mut all = vec![withdrawal(genesis_root(), world.chain.assets_root(), 77)];
    all.extend((0..5).map(|_| world.transaction()));
    for tx in &all {
        assert_eq!(node.submit(tx).await.status, 202);
    }
    for tx in &all {
        let answer = node.until(tx, "settled").await;
        let batch = answer.body["batch"].as_u64().unwrap();
        assert_eq!(answer.field("l1_transaction"), hex0x(&tx_of(batch)));
        let slot = answer.body["slot"].as_u64().unwrap() as usize;
        let detail = node.get(&format!("/v1/batches/{batch}")).await.body;
        assert_eq!(detail["transactions"][slot], digest(tx));
        assert_eq!(detail["status"], "settled");
        assert_eq!(detail["after"]["commitment"], detail["new_state"]);
        assert_eq!(detail["proof"], detail["commitment"], "the double's proof");
        let published =
            PublishedBatch::from_bytes(&bytes(detail["published"].as_str().unwrap())).unwrap();
        assert_eq!(published.transactions[slot].nullifiers, tx.nullifiers);
        assert_eq!(published.transactions[slot].withdrawal, tx.withdrawal);
        assert_eq!(published.header.fee_recipient, [0x33; 20]);
    }
    eventually("the deposit settles", || {
        world.chain.with(|c| c.state.deposit_count == 1)
    })
    .await;
    // A wallet can follow from the pages alone.
    let mut ledger = subrosa_protocol::ledger::Ledger::new();
    let mut from = 1;
    loop {
        let page = node
            .get(&format!("/v1/batches?from={from}&limit=1"))
            .await
            .body;
        for batch in page["batches"].as_array().unwrap() {
            let published =
                PublishedBatch::from_bytes(&bytes(batch["published"].as_str().unwrap())).unwrap();
            let state = ledger.replay(&published, &context()).unwrap();
            assert_eq!(
                state.commitment(),
                word(batch["new_state"].as_str().unwrap())
            );
        }
        let next = page["next"].as_u64().unwrap();
        if next == page["head"].as_u64().unwrap() {
            break;
        }
        assert!(next > from);
        from = next;
    }
    assert_eq!(*ledger.state(), world.chain.with(|chain| chain.state));
    // The root of a sealed batch is an anchor at once, so that its notes can be spent.
    let anchor = ledger.state().anchor(&Fr::from(0u64));
    let tx = transaction(anchor, world.chain.assets_root());
    assert_eq!(node.submit(&tx).await.status, 202);
    node.until(&tx, "settled").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_alone_are_sealed() {
    let world = World::new();
    let node = world.start(world.config()).await;
    world.chain.deposit(1);
    world.chain.deposit(2);
    eventually("deposits settle", || {
        world.chain.with(|c| c.state.deposit_count == 2)
    })
    .await;
    assert!(
        world
            .chain
            .with(|c| c.settled.iter().all(|b| b.transactions.is_empty()))
    );
    node.stop().await;
}

/// A deposit that its depositor has taken back becomes no note; those around it do.
#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_is_taken_back_is_passed_over() {
    let world = World::new();
    let mut config = world.config();
    config.seal.min_deposits = 3;
    config.seal.deposit_patience_ms = Some(3_600_000);
    let node = world.start(config).await;
    world.chain.deposit(1);
    world.chain.deposit(2);
    // One is effective, the other is not for a day.
    world.chain.with(|c| {
        c.take_backs.insert(1, now() - 5);
        c.take_backs.insert(2, now() + 86_400);
    });
    world.chain.polled(20).await;
    world.chain.deposit(3);
    eventually("the deposits settle", || {
        world.chain.with(|c| c.state.deposit_count == 3)
    })
    .await;
    let values = world.chain.with(|c| {
        let deposits = c.settled.iter().flat_map(|batch| &batch.deposits);
        deposits.map(|deposit| deposit.value).collect::<Vec<_>>()
    });
    assert_eq!(values, [1, 0, 3]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_deposit_waits_for_others_or_for_a_transaction() {
    let world = World::new();
    let mut config = world.config();
    config.seal.min_deposits = 2;
    config.seal.deposit_patience_ms = Some(3_600_000);
    let node = world.start(config).await;
    world.chain.deposit(1);
    world.chain.polled(20).await;
    assert_eq!(node.get("/v1/info").await.body["state"]["batch_index"], 1);
    world.chain.deposit(2);
    let settled = |count| world.chain.with(|c| c.state.deposit_count == count);
    eventually("two deposits settle", || settled(2)).await;

    world.chain.deposit(3);
    world.chain.polled(20).await;
    assert!(settled(2), "a lone deposit was sealed");
    let tx = world.transaction();
    assert_eq!(node.submit(&tx).await.status, 202);
    eventually("the deposit settles", || settled(3)).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_is_sealed_once_it_has_its_confirmations() {
    let world = World::new();
    let mut config = world.config();
    config.settle.deposit_confirmations = Some(3);
    let node = world.start(config).await;
    world.chain.deposit(1);
    for confirmations in 1..3 {
        world.chain.polled(3).await;
        let read = world.chain.deposit_reads.load(Ordering::SeqCst);
        assert_eq!(read, 0, "{confirmations}");
        world.chain.with(|chain| chain.block += 1);
    }
    eventually("the deposit settles", || {
        world.chain.with(|c| c.state.deposit_count == 1)
    })
    .await;
    // A second deposit waits for its own confirmations.
    let read = world.chain.deposit_reads.load(Ordering::SeqCst);
    world.chain.deposit(2);
    world.chain.polled(3).await;
    assert_eq!(world.chain.deposit_reads.load(Ordering::SeqCst), read);
    world.chain.with(|chain| chain.block += 2);
    eventually("the second deposit settles", || {
        world.chain.with(|c| c.state.deposit_count == 2)
    })
    .await;
    node.stop().await;
}

// Before, a node that answered zeros for a deposit after a reorganisation halted the sequencer for
// good: the ledger takes no such deposit.
#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_was_read_as_zeros_is_read_anew() {
    let world = World::new();
    let node = world.start(world.config()).await;
    world.chain.deposit(5);
    world.chain.deposit(0);
    let tx = world.transaction();
    node.submit(&tx).await;
    eventually("the queue was read anew", || {
        world.chain.deposit_reads.load(Ordering::SeqCst) > 3
    })
    .await;
    assert!(!matches!(node.running.health(), Health::Halted(_)));
    world.chain.with(|chain| chain.queue[1].1.value = 6);
    node.until(&tx, "settled").await;
    eventually("both deposits settle", || {
        world.chain.with(|chain| chain.state.deposit_count) == 2
    })
    .await;
    node.stop().await;
}

// Before, an incomplete log of deposits held up all settlement.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_without_deposits_settles_while_deposits_cannot_be_read() {
    let world = World {
        prover: Prover::blocked(),
        ..World::new()
    };
    let mut config = world.config();
    config.seal.deposit_wait_ms = 3_600_000;
    let node = world.start(config).await;
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "included").await;
    world.chain.deposit(5);
    eventually("the deposit is stored", || {
        world.chain.deposit_reads.load(Ordering::SeqCst) > 0
    })
    .await;
    world.chain.polled(3).await;
    world.chain.hides_deposits.store(true, Ordering::SeqCst);
    // Another block: the stored deposit has to be compared again.
    world.chain.deposit(6);
    world.chain.polled(3).await;
    world.prover.blocked.store(false, Ordering::SeqCst);
    node.until(&tx, "settled").await;
    assert_eq!(world.chain.with(|chain| chain.state.deposit_count), 0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sealed_without_a_reason() {
    let world = World::new();
    let node = world.start(world.config()).await;
    // Each poll wakes the sealing task.
    world.chain.polled(20).await;
    assert_eq!(node.get("/v1/info").await.body["state"]["batch_index"], 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smallest_fitting_shape_is_chosen() {
    for (count, shapes, expected) in [
        (3, vec![Shape::S4, Shape::S16], vec![4]),
        (5, vec![Shape::S4, Shape::S16], vec![16]),
        (17, vec![Shape::S4, Shape::S16], vec![16, 4]),
        (2, vec![Shape::S16], vec![16]),
    ] {
        let world = World::new();
        let all: Vec<_> = (0..count).map(|_| world.transaction()).collect();
        let node = world.start(idle(world.config())).await;
        for tx in &all {
            assert_eq!(node.submit(tx).await.status, 202);
        }
        node.stop().await;
        let mut config = world.config();
        config.seal.shapes = shapes;
        let node = world.start(config).await;
        for tx in &all {
            node.until(tx, "settled").await;
        }
        let found: Vec<usize> = world
            .chain
            .with(|chain| chain.settled.iter().map(|b| b.shape.slots()).collect());
        assert_eq!(found, expected, "{count} transactions");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_of_acceptance_is_order_of_inclusion() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let all: Vec<_> = (0..9).map(|_| world.transaction()).collect();
    for tx in &all {
        node.submit(tx).await;
    }
    node.stop().await;
    let mut config = world.config();
    config.seal.shapes = vec![Shape::S4];
    let node = world.start(config).await;
    for tx in &all {
        node.until(tx, "settled").await;
    }
    let expected: Vec<Nullifier> = all.iter().flat_map(|tx| tx.nullifiers).collect();
    assert_eq!(settled_nullifiers(&world), expected);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_waits_for_settlement() {
    let world = World {
        prover: Prover::blocked(),
        ..World::new()
    };
    let mut config = world.config();
    config.seal.max_unsettled = 2;
    let node = world.start(config).await;
    let mut all = Vec::new();
    for place in 0..4 {
        let tx = world.transaction();
        node.submit(&tx).await;
        if place < 2 {
            node.until(&tx, "included").await;
        }
        all.push(tx);
    }
    world.chain.polled(10).await;
    assert_eq!(node.get("/v1/info").await.body["state"]["batch_index"], 3);
    world.prover.blocked.store(false, Ordering::SeqCst);
    for tx in &all {
        node.until(tx, "settled").await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_what_was_accepted() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let all: Vec<_> = (0..10).map(|_| world.transaction()).collect();
    for tx in &all {
        node.submit(tx).await;
    }
    node.stop().await;
    let node = world.start(world.config()).await;
    for tx in &all {
        node.until(tx, "settled").await;
    }
    assert_eq!(settled_nullifiers(&world).len(), 30);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_resumes_a_sealed_batch() {
    let world = World {
        prover: Prover::blocked(),
        ..World::new()
    };
    let node = world.start(world.config()).await;
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "included").await;
    eventually("proving began", || {
        world.prover.calls.load(Ordering::SeqCst) == 1
    })
    .await;
    // The proof under way is cancelled; the stop does not wait for it.
    node.stop().await;
    world.prover.blocked.store(false, Ordering::SeqCst);
    let node = world.start(world.config()).await;
    node.until(&tx, "settled").await;
    assert_eq!(world.chain.settled(), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_settles_a_proven_batch_without_proving_again() {
    let world = World::new();
    world
        .chain
        .with(|chain| chain.forever = Some(Fault::Unavailable));
    let node = world.start(world.config()).await;
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "proven").await;
    node.stop().await;
    world.chain.with(|chain| chain.forever = None);
    let node = world.start(world.config()).await;
    node.until(&tx, "settled").await;
    assert_eq!(world.prover.calls.load(Ordering::SeqCst), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_settled_unrecorded_is_recorded_and_not_sent_again() {
    let world = World::new();
    // The batch settles, but its receipt is lost. The chain is then silent until after a restart.
    world
        .chain
        .with(|chain| chain.faults.push_back(Fault::LoseReceipt));
    let node = world.start(world.config()).await;
    let tx = world.transaction();
    let chain = world.chain.clone();
    let watcher = tokio::spawn(async move {
        eventually("it settles on the chain", || chain.settled() == 1).await;
        chain.down.store(true, Ordering::SeqCst);
    });
    node.submit(&tx).await;
    watcher.await.unwrap();
    node.stop().await;
    world.chain.down.store(false, Ordering::SeqCst);
    let node = world.start(world.config()).await;
    let answer = node.until(&tx, "settled").await;
    assert_eq!(answer.field("l1_transaction"), hex0x(&tx_of(1)));
    assert_eq!(world.chain.settled(), 1);
    assert_eq!(world.chain.settle_calls.load(Ordering::SeqCst), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_failures_are_tried_again() {
    let world = World::new();
    world.chain.with(|chain| {
        chain
            .faults
            .extend([Fault::Unavailable, Fault::Unavailable, Fault::LoseReceipt]);
    });
    let node = world.start(world.config()).await;
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "settled").await;
    assert_eq!(world.chain.settled(), 1);
    assert_eq!(world.chain.settle_calls.load(Ordering::SeqCst), 3);
    eventually("healthy again", || node.running.health() == Health::Running).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_degrades_and_passes() {
    let world = World::new();
    let node = world.start(world.config()).await;
    world.chain.down.store(true, Ordering::SeqCst);
    let tx = world.transaction();
    assert_eq!(
        node.submit(&tx).await.status,
        202,
        "admission needs no chain"
    );
    eventually("degraded", || {
        matches!(node.running.health(), Health::Degraded(_))
    })
    .await;
    let ready = node.get("/ready").await;
    assert_eq!((ready.status, ready.field("status")), (200, "degraded"));
    world.chain.down.store(false, Ordering::SeqCst);
    node.until(&tx, "settled").await;
    eventually("healthy again", || node.running.health() == Health::Running).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_degrades_and_is_sealed_anew_until_it_settles() {
    let world = World::new();
    world
        .chain
        .with(|chain| chain.forever = Some(Fault::Reject));
    let node = world.start(world.config()).await;
    let mut events = node.running.events();
    let tx = world.transaction();
    node.submit(&tx).await;
    eventually("degraded", || {
        matches!(node.running.health(), Health::Degraded(_))
    })
    .await;
    // Nothing on L1 explains the refusal, so that the batch is made anew after some attempts.
    let dropped = async { while events.recv().await.unwrap().kind != BatchEventKind::Dropped {} };
    tokio::time::timeout(Duration::from_secs(10), dropped)
        .await
        .expect("the batch is dropped");
    world.chain.with(|chain| chain.forever = None);
    node.until(&tx, "settled").await;
    eventually("healthy again", || node.running.health() == Health::Running).await;
    node.stop().await;
    assert_eq!(world.chain.settled(), 1);
}

/// Sends a batch that waits in L1's pool, and has the contract refuse it from then on.
async fn waiting_batch(world: &World) -> (Node, Transaction) {
    world.chain.with(|chain| chain.forever = Some(Fault::Wait));
    let node = world.start(world.config()).await;
    let tx = world.transaction();
    node.submit(&tx).await;
    eventually("sent", || {
        world.chain.with(|chain| !chain.waiting.is_empty())
    })
    .await;
    world
        .chain
        .with(|chain| chain.forever = Some(Fault::Reject));
    (node, tx)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_sent_is_cancelled_before_it_is_dropped() {
    let world = World::new();
    let (node, tx) = waiting_batch(&world).await;
    let sent = world.chain.with(|chain| chain.waiting[0].commitment);
    eventually("cancelled", || {
        world.chain.with(|chain| chain.cancelled == [sent])
    })
    .await;
    world.chain.with(|chain| chain.forever = None);
    node.until(&tx, "settled").await;
    node.stop().await;
    assert_eq!(world.chain.settled(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_mined_before_its_cancellation_is_not_dropped() {
    let world = World::new();
    world.chain.with(|chain| chain.mines_first = true);
    let (node, tx) = waiting_batch(&world).await;
    let mut events = node.running.events();
    node.until(&tx, "settled").await;
    let mut kinds = std::iter::from_fn(|| events.try_recv().ok()).map(|event| event.kind);
    assert!(!kinds.any(|kind| kind == BatchEventKind::Dropped));
    node.stop().await;
    assert_eq!(world.chain.settled(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_prover_is_tried_a_bounded_number_of_times() {
    let (world, clock) = World::virtual_time();
    world.prover.failures.store(1, Ordering::SeqCst);
    let node = world.start(world.config()).await;
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "settled").await;
    world.prover.failures.store(1_000, Ordering::SeqCst);
    node.submit(&world.transaction()).await;
    let halt = node.until_halted().await;
    assert!(matches!(halt, Halt::Prover { batch: 2, .. }), "{halt:?}");
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(node.get("/health").await.status, 200);
    node.stop().await;
    assert_eq!(world.prover.calls.load(Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_its_batches_do_not_lead_to_is_not_acted_upon() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "settled").await;
    let right = world.chain.with(|chain| chain.state);
    world
        .chain
        .with(|chain| chain.state.note_root = Fr::from(1u64));
    let next = world.transaction();
    node.submit(&next).await;
    eventually("degraded", || {
        matches!(node.running.health(), Health::Degraded(_))
    })
    .await;
    world.chain.with(|chain| chain.state = right);
    node.until(&next, "settled").await;
    eventually("healthy again", || node.running.health() == Health::Running).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_of_a_batch_is_imported() {
    let world = World::new();
    world
        .chain
        .with(|chain| chain.faults.push_back(Fault::SettleOlderVersion));
    let node = world.start(world.config()).await;
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "settled").await;
    let theirs = world.chain.with(|chain| {
        let published = chain.settled[0].words();
        hex_fr(&subrosa_protocol::batch::data_commitment(&published))
    });
    let ours = node.get("/v1/batches/1").await.body;
    assert_eq!(ours["commitment"].as_str().unwrap(), theirs);
    // It goes on from there.
    let next = world.transaction();
    node.submit(&next).await;
    node.until(&next, "settled").await;
    node.stop().await;
    assert_eq!(world.chain.settled(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganised_chain_is_settled_again() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        let tx = world.transaction();
        node.submit(&tx).await;
        node.until(&tx, "settled").await;
        all.push(tx);
    }
    let before = world.chain.with(|chain| chain.state);
    world.chain.reorganise(2);
    eventually("settled again", || {
        world.chain.with(|chain| chain.state == before)
    })
    .await;
    for tx in &all {
        node.until(tx, "settled").await;
    }
    assert_eq!(settled_nullifiers(&world).len(), 9);
    assert_eq!(
        world.prover.calls.load(Ordering::SeqCst),
        3,
        "the proofs were kept"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_transactions_with_an_old_assets_root_are_rejected() {
    // Nothing is sealed before time passes, so that the change comes first.
    let (world, _clock) = World::virtual_time();
    let node = world.start(world.config()).await;
    let old = world.transaction();
    assert_eq!(node.submit(&old).await.status, 202);
    world.chain.with(|chain| {
        chain.past_assets = vec![AssetInfo {
            auditor: Default::default(),
            ..asset(2)
        }];
        chain.assets.insert(asset(2))
    });
    let answer = node.until(&old, "rejected").await;
    assert_eq!(answer.field("code"), "stale_assets");
    assert_eq!(node.submit(&old).await.field("status"), "rejected", "final");
    let new = world.transaction();
    assert_eq!(node.submit(&new).await.status, 202);
    node.until(&new, "settled").await;
    let assets = node.get("/v1/assets").await.body;
    assert_eq!(assets["assets"].as_array().unwrap().len(), 3);
    let past = |id: usize| &assets["assets"][id]["past_auditors"];
    assert_eq!(past(2).as_array().unwrap().len(), 1);
    assert!(past(1).is_null(), "nobody was replaced");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_assets_root_rejects_nothing() {
    let world = World::new();
    let node = world.start(world.config()).await;
    world
        .chain
        .with(|chain| chain.false_root = Some(Fr::from(7u64)));
    let tx = world.transaction();
    assert_eq!(node.submit(&tx).await.status, 202);
    world.chain.called(20).await;
    assert_eq!(node.status(&tx).await.field("status"), "pending");
    world.chain.with(|chain| chain.false_root = None);
    node.until(&tx, "settled").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_transactions_are_told_so() {
    let (world, _clock) = World::virtual_time();
    let mut config = world.config();
    config.seal.max_wait_ms = 2_500;
    config.seal.patience_ms = 2_500;
    let node = world.start(config).await;
    let mut tx = world.transaction();
    tx.header.expiry = now() + 1;
    assert_eq!(node.submit(&tx).await.status, 202);
    // L1's clock passes the expiry too: a batch of its time could still include the transaction.
    world.chain.with(|chain| chain.time_offset = 5);
    node.until(&tx, "expired").await;
    assert_eq!(world.chain.settled(), 0);
    // Its notes are free again.
    let mut next = world.transaction();
    next.nullifiers = tx.nullifiers;
    assert_eq!(node.submit(&next).await.status, 202);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_under_an_old_assets_root_are_sealed_anew() {
    let world = World {
        prover: Prover::blocked(),
        ..World::new()
    };
    let node = world.start(world.config()).await;
    let mut events = node.running.events();
    world.chain.deposit(10);
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "included").await;
    world.chain.with(|chain| chain.assets.insert(asset(2)));
    // The transaction proves the old root for ever. The deposit proves none.
    let answer = node.until(&tx, "rejected").await;
    assert_eq!(answer.field("code"), "stale_assets");
    world.prover.blocked.store(false, Ordering::SeqCst);
    eventually("the deposit settles", || {
        world.chain.with(|c| c.state.deposit_count == 1)
    })
    .await;
    assert!(settled_nullifiers(&world).is_empty());
    let mut kinds = Vec::new();
    while let Ok(event) = events.try_recv() {
        kinds.push(event.kind);
    }
    assert!(kinds.contains(&subrosa_sequencer::BatchEventKind::Dropped));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_became_too_old_are_sealed_anew() {
    let world = World {
        prover: Prover::blocked(),
        ..World::new()
    };
    let node = world.start(world.config()).await;
    let mut first = world.transaction();
    first.header.expiry = now() + 20 * 3600;
    let mut second = world.transaction();
    second.header.expiry = first.header.expiry;
    node.submit(&first).await;
    node.until(&first, "included").await;
    node.submit(&second).await;
    node.until(&second, "included").await;
    let before = node.get("/v1/batches/1").await.body;
    // Two hours pass on the chain.
    world.chain.with(|chain| chain.time_offset = 7_200);
    eventually("both were dropped and sealed anew", || {
        world.prover.calls.load(Ordering::SeqCst) >= 2
    })
    .await;
    world.prover.blocked.store(false, Ordering::SeqCst);
    node.until(&first, "settled").await;
    node.until(&second, "settled").await;
    let after = node.get("/v1/batches/1").await.body;
    assert_ne!(before["time"], after["time"]);
    assert_ne!(before["commitment"], after["commitment"]);
    assert_eq!(settled_nullifiers(&world).len(), 6);
    node.stop().await;
    // The store is sound after all that.
    let node = world.start(world.config()).await;
    assert_eq!(node.status(&second).await.field("status"), "settled");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_on_a_dropped_root_are_rejected() {
    let world = World {
        prover: Prover::blocked(),
        ..World::new()
    };
    let node = world.start(world.config()).await;
    let mut first = world.transaction();
    first.header.expiry = now() + 20 * 3600;
    node.submit(&first).await;
    node.until(&first, "included").await;
    let anchor = node.next_anchor().await;
    let mut child = transaction(anchor, world.chain.assets_root());
    child.header.expiry = first.header.expiry;
    assert_eq!(node.submit(&child).await.status, 202);
    node.until(&child, "included").await;
    // With the deposit, the batch that is sealed anew differs from the first.
    world.chain.deposit(3);
    world.chain.with(|chain| chain.time_offset = 7_200);
    world.prover.blocked.store(false, Ordering::SeqCst);
    node.until(&first, "settled").await;
    let answer = node.until(&child, "rejected").await;
    assert_eq!(answer.field("code"), "unknown_anchor");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_streamed() {
    let world = World::new();
    let mut config = world.config();
    config.http.max_streams = 1;
    let node = world.start(config).await;
    let url = format!("{}/v1/batches/stream", node.base);
    let response = node.client.get(&url).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let refused = answer(node.client.get(&url).send().await.unwrap()).await;
    assert_eq!((refused.status, refused.code()), (503, "unavailable"));
    let tx = world.transaction();
    node.submit(&tx).await;
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    while !text.contains("event: settled") {
        let chunk = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
        text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap().unwrap()).unwrap());
    }
    let places: Vec<_> = ["event: sealed", "event: proven", "event: settled"]
        .iter()
        .map(|event| text.find(event).unwrap())
        .collect();
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains(&format!("\"l1_transaction\":\"{}\"", hex0x(&tx_of(1)))));
    // An open stream does not hold up the shutdown.
    tokio::time::timeout(Duration::from_secs(5), node.stop())
        .await
        .unwrap();
}
