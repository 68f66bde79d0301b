//! The legs of a swap: paired in any order, settled side by side or not at all, and in nobody's
//! way.

use std::sync::atomic::Ordering;

use subrosa_protocol::{
    batch::Shape, element::Nullifier, ledger::paired, swap::Side, transaction::Transaction,
};

use crate::{admission::assert_problem, support::*};

/// Makes a transfer that spends a note of another transaction.
fn spending(world: &World, other: &Transaction) -> Transaction {
    let mut tx = world.transaction();
    tx.nullifiers[1] = other.nullifiers[0];
    tx
}

/// Returns batch and slot of a settled transaction.
async fn place(node: &Node, tx: &Transaction) -> (u64, u64) {
    let answer = node.until(tx, "settled").await;
    let number = |name: &str| answer.body[name].as_u64().unwrap();
    (number("batch"), number("slot"))
}

async fn assert_beside(node: &Node, a: &Transaction, b: &Transaction) {
    let (batch, slot) = place(node, a).await;
    assert_eq!(place(node, b).await, (batch, slot + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_settle_side_by_side_whichever_comes_first() {
    let world = World::new();
    let node = world.start(world.config()).await;
    for (terms, first) in [(1, Side::A), (2, Side::B)] {
        let (one, other) = (world.leg(first, terms), world.leg(first.other(), terms));
        let answer = node.submit(&one).await;
        assert_eq!((answer.status, answer.field("status")), (202, "waiting"));
        // A lone leg is not sealed with other transactions.
        let transfer = world.transaction();
        node.submit(&transfer).await;
        node.until(&transfer, "settled").await;
        assert_eq!(node.submit(&one).await.body, answer.body, "idempotent");
        assert_eq!(node.status(&one).await.field("status"), "waiting");
        assert_eq!(node.submit(&other).await.status, 202);
        let (a, b) = match first {
            Side::A => (&one, &other),
            Side::B => (&other, &one),
        };
        assert_beside(&node, a, b).await;
    }
    let metrics = node.metrics().await;
    for name in ["lone_legs", "mempool_pairs", "swaps_total"] {
        assert!(
            !metrics.contains(name),
            "{name} tells which batch holds swaps"
        );
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_leg_expires_and_its_notes_are_free() {
    let (world, _clock) = World::virtual_time();
    let node = world.start(idle(world.config())).await;
    let mut leg = world.leg(Side::A, 1);
    leg.header.expiry = now() + 1;
    node.submit(&leg).await;
    // Nothing is sealed, and the chain does not answer.
    world.chain.down.store(true, Ordering::SeqCst);
    node.until(&leg, "expired").await;
    assert_eq!(node.submit(&leg).await.field("status"), "expired", "final");
    // The counterpart comes too late. It waits and settles nothing.
    let mut late = world.leg(Side::B, 1);
    late.header.expiry = now() + 60;
    assert_eq!(node.submit(&late).await.field("status"), "waiting");
    let next = spending(&world, &leg);
    assert_eq!(node.submit(&next).await.field("status"), "pending");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spending_the_notes_elsewhere_ends_a_lone_leg() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let leg = world.leg(Side::B, 1);
    node.submit(&leg).await;
    let again = {
        let mut again = world.leg(Side::A, 2);
        again.nullifiers[2] = leg.nullifiers[2];
        again
    };
    assert_problem(&node.submit(&again).await, 409, "nullifier_pending");
    let spend = spending(&world, &leg);
    assert_eq!(node.submit(&spend).await.status, 202);
    let answer = node.status(&leg).await;
    assert_eq!(
        (answer.field("status"), answer.field("code")),
        ("rejected", "nullifier_spent")
    );
    let counterpart = world.leg(Side::A, 1);
    assert_eq!(node.submit(&counterpart).await.field("status"), "waiting");
    node.until(&spend, "settled").await;
    node.stop().await;
    // After a restart the answers are the same.
    let node = world.start(world.config()).await;
    assert_eq!(node.status(&leg).await.field("code"), "nullifier_spent");
    assert_eq!(node.status(&counterpart).await.field("status"), "waiting");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_party_can_leave_a_swap_that_is_complete() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let legs = Side::BOTH.map(|side| world.leg(side, 1));
    for leg in &legs {
        assert_eq!(node.submit(leg).await.status, 202);
    }
    for leg in &legs {
        assert_eq!(node.status(leg).await.field("status"), "pending");
        let answer = node.submit(&spending(&world, leg)).await;
        assert_problem(&answer, 409, "nullifier_pending");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_batch_ends_within_a_swap() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let mut all = Vec::new();
    // Three transfers, a swap, transfers, two swaps: in batches of four.
    let transfers = |count| (0..count).map(|_| world.transaction()).collect::<Vec<_>>();
    all.extend(transfers(3));
    all.extend(Side::BOTH.map(|side| world.leg(side, 1)));
    all.extend(transfers(2));
    all.extend(Side::BOTH.map(|side| world.leg(side.other(), 2)));
    all.extend(Side::BOTH.map(|side| world.leg(side, 3)));
    for tx in &all {
        assert_eq!(node.submit(tx).await.status, 202);
    }
    node.stop().await;
    let mut config = world.config();
    config.seal.shapes = vec![Shape::S4];
    let node = world.start(config).await;
    for tx in &all {
        node.until(tx, "settled").await;
    }
    let batches = world.settled(&all);
    for batch in &batches {
        paired(batch).unwrap();
    }
    let sizes: Vec<_> = batches.iter().map(Vec::len).collect();
    assert_eq!(sizes, [4, 3, 4], "a later transfer filled the first batch");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_survives_restarts_before_and_after_its_counterpart() {
    let world = World::new();
    let (a, b) = (world.leg(Side::A, 1), world.leg(Side::B, 1));
    let node = world.start(world.config()).await;
    node.submit(&a).await;
    node.stop().await;
    let node = world.start(idle(world.config())).await;
    assert_eq!(node.status(&a).await.field("status"), "waiting");
    assert_eq!(node.submit(&b).await.field("status"), "pending");
    assert_eq!(node.status(&a).await.field("status"), "pending");
    node.stop().await;
    let node = world.start(world.config()).await;
    assert_beside(&node, &a, &b).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_in_a_dropped_batch_is_sealed_anew_as_one() {
    let world = World {
        prover: Prover::blocked(),
        ..World::new()
    };
    let node = world.start(world.config()).await;
    let [a, b] = Side::BOTH.map(|side| {
        let mut leg = world.leg(side, 1);
        leg.header.expiry = now() + 20 * 3600;
        leg
    });
    // A second leg of the same terms is not part of the swap.
    let mut other = world.leg(Side::A, 1);
    other.header.expiry = a.header.expiry;
    for leg in [&a, &b, &other] {
        node.submit(leg).await;
    }
    node.until(&b, "included").await;
    world.chain.with(|chain| chain.time_offset = 7_200);
    eventually("dropped and sealed anew", || {
        world.prover.calls.load(Ordering::SeqCst) >= 2
    })
    .await;
    node.stop().await;
    let node = world.start(world.config()).await;
    world.prover.blocked.store(false, Ordering::SeqCst);
    assert_beside(&node, &a, &b).await;
    assert_eq!(node.status(&other).await.field("status"), "waiting");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_that_cannot_be_sealed_takes_the_other_out_and_not_with_it() {
    let (world, _clock) = World::virtual_time();
    let mut config = world.config();
    config.seal.max_wait_ms = 2_500;
    config.seal.patience_ms = 2_500;
    let node = world.start(config).await;
    // Real legs of a swap have one expiry. The ledger's rules do not require it.
    let (mut a, b) = (world.leg(Side::A, 1), world.leg(Side::B, 1));
    a.header.expiry = world.chain.time() + 1;
    node.submit(&a).await;
    assert_eq!(node.submit(&b).await.field("status"), "pending");
    let transfer = world.transaction();
    node.submit(&transfer).await;
    node.until(&a, "expired").await;
    node.until(&b, "waiting").await;
    node.until(&transfer, "settled").await;
    let again = world.leg(Side::A, 1);
    node.submit(&again).await;
    assert_beside(&node, &again, &b).await;
    node.stop().await;
    world.start(world.config()).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_end_with_the_assets_root_that_they_prove() {
    let world = World::new();
    let node = world.start(idle(world.config())).await;
    let lone = world.leg(Side::A, 1);
    let pair = Side::BOTH.map(|side| world.leg(side, 2));
    for leg in [&lone, &pair[0], &pair[1]] {
        assert_eq!(node.submit(leg).await.status, 202);
    }
    world.chain.with(|chain| chain.assets.insert(asset(2)));
    let answer = node.until(&lone, "rejected").await;
    assert_eq!(answer.field("code"), "stale_assets");
    node.stop().await;
    let node = world.start(world.config()).await;
    for leg in &pair {
        let answer = node.until(leg, "rejected").await;
        assert_eq!(answer.field("code"), "stale_assets");
    }
    assert_eq!(world.chain.settled(), 0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_lone_legs_the_last_to_end_give_way() {
    let world = World::new();
    let mut config = idle(world.config());
    config.admission.lone_legs = 2;
    let node = world.start(config).await;
    let until = |terms: u64, seconds: u64| {
        let mut leg = world.leg(Side::A, terms);
        leg.header.expiry = now() + seconds;
        leg
    };
    let (short, long) = (until(1, 500), until(2, 900));
    for leg in [&short, &long] {
        assert_eq!(node.submit(leg).await.status, 202);
    }
    let longest = node.submit(&until(3, 1_000)).await;
    assert_problem(&longest, 503, "legs_full");
    let third = until(4, 700);
    assert_eq!(node.submit(&third).await.field("status"), "waiting");
    let answer = node.status(&long).await;
    assert_eq!(
        (answer.field("status"), answer.field("code")),
        ("rejected", "displaced")
    );
    // Counterparts need no room.
    for terms in [1, 4] {
        let answer = node.submit(&world.leg(Side::B, terms)).await;
        assert_eq!(answer.field("status"), "pending");
    }
    node.stop().await;
    let node = world.start(world.config()).await;
    assert_eq!(node.status(&long).await.field("code"), "displaced");
    // It is accepted again when there is room.
    assert_eq!(node.submit(&long).await.field("status"), "waiting");
    assert_eq!(node.submit(&world.leg(Side::B, 2)).await.status, 202);
    node.until(&long, "settled").await;
    node.until(&short, "settled").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_lone_legs_delay_nobody() {
    let world = World::new();
    let mut config = world.config();
    config.admission.mempool_capacity = 64;
    config.admission.lone_legs = 1_500;
    let node = world.start(config).await;
    let mut held = 0;
    for group in 0..10u64 {
        let legs = (0..200).map(|i| {
            let mut leg = world.leg(Side::A, 1_000 + 200 * group + i);
            leg.header.expiry = now() + 7_200;
            leg
        });
        let legs: Vec<_> = legs.collect();
        let answers = futures::future::join_all(legs.iter().map(|leg| node.submit(leg))).await;
        held += answers.iter().filter(|a| a.status == 202).count();
        for refused in answers.iter().filter(|a| a.status != 202) {
            assert_problem(refused, 503, "legs_full");
        }
    }
    assert_eq!(held, 1_500);
    // More legs wait than the mempool has places, and the queue is empty.
    let transfers: Vec<_> = (0..20).map(|_| world.transaction()).collect();
    for tx in &transfers {
        assert_eq!(node.submit(tx).await.status, 202);
    }
    let [a, b] = Side::BOTH.map(|side| world.leg(side, 1));
    assert_eq!(node.submit(&a).await.field("status"), "waiting");
    assert_eq!(node.submit(&b).await.status, 202);
    assert_beside(&node, &a, &b).await;
    for tx in &transfers {
        node.until(tx, "settled").await;
    }
    node.stop().await;
    // After a restart they are all there, and still in nobody's way.
    let node = world.start(world.config()).await;
    let tx = world.transaction();
    node.submit(&tx).await;
    node.until(&tx, "settled").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_at_once_pair_up_and_none_is_left() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let all: Vec<_> = (0..60)
        .map(|i| world.leg(Side::BOTH[(i % 2) as usize], 1 + i % 3))
        .collect();
    let answers = futures::future::join_all(all.iter().map(|leg| node.submit(leg))).await;
    assert!(answers.iter().all(|answer| answer.status == 202));
    for leg in &all {
        node.until(leg, "settled").await;
    }
    for batch in world.settled(&all) {
        paired(&batch).unwrap();
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_leg_and_a_spend_at_once_no_half_swap_comes() {
    let world = World::new();
    let node = world.start(world.config()).await;
    let mut all = Vec::new();
    for terms in 1..20 {
        let (a, b) = (world.leg(Side::A, terms), world.leg(Side::B, terms));
        node.submit(&a).await;
        let spend = spending(&world, &a);
        let (pairing, spending) = tokio::join!(node.submit(&b), node.submit(&spend));
        assert_eq!(pairing.status, 202);
        if spending.status == 202 {
            let answer = node.status(&a).await;
            assert_eq!(answer.field("code"), "nullifier_spent");
            assert_eq!(node.status(&b).await.field("status"), "waiting");
            node.until(&spend, "settled").await;
        } else {
            assert!(["nullifier_pending", "nullifier_spent"].contains(&spending.code()));
            assert_beside(&node, &a, &b).await;
        }
        all.extend([a, b, spend]);
    }
    let settled = world.chain.with(|chain| {
        let batches = chain.settled.iter();
        batches.map(|b| b.transactions.len()).sum::<usize>()
    });
    assert!(settled >= 19);
    world.chain.polled(3).await;
    let distinct: std::collections::HashSet<Nullifier> = world.chain.with(|chain| {
        let transactions = chain.settled.iter().flat_map(|batch| &batch.transactions);
        transactions.flat_map(|tx| tx.nullifiers).collect()
    });
    assert_eq!(distinct.len(), 3 * settled);
    node.stop().await;
}
