//! Random interleavings of submissions, legs of swaps, double spends, deposits, outages, lost
//! receipts, reorganisations, prices that move and that the chain takes back, changes of the
//! registry, lapses of time and restarts.
//!
//! In the end every accepted transaction has settled exactly once or was rejected for a reason; a
//! leg may also still wait for its counterpart. Both legs of a swap settled side by side, or
//! neither settled. Chain and store agree.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering,
    time::Duration,
};

use proptest::prelude::*;
use subrosa_protocol::{element::Nullifier, ledger::paired, swap::Side, transaction::Transaction};
use subrosa_sequencer::Health;

use crate::support::*;

fn is_leg(tx: &Transaction) -> bool {
    tx.header.kind.side().is_some()
}

#[derive(Debug, Clone)]
enum Action {
    /// Submits this many transactions, some of which rely on the next batch's prices.
    Submit(u8),
    Respend,
    /// Submits a leg of one of few swaps. It may expire soon by the chain's clock, and may rely on
    /// the next batch's prices.
    Leg(Side, u8, bool, bool),
    /// Submits a transfer that spends a note of a leg.
    SpendLeg(u8),
    Deposit,
    Restart,
    Wait,
    Outage,
    LoseReceipt,
    Reorganise,
    /// The chain records a price snapshot, or takes the last one back.
    Snapshot(bool),
    Register,
    HoldProver(bool),
    Later,
}

fn arb_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (1u8..6).prop_map(Action::Submit),
        3 => Just(Action::Respend),
        8 => (any::<bool>(), 0u8..3, prop::bool::weighted(0.2), any::<bool>()).prop_map(
            |(a, terms, soon, relies)| {
                Action::Leg(if a { Side::A } else { Side::B }, terms, soon, relies)
            }
        ),
        2 => any::<u8>().prop_map(Action::SpendLeg),
        2 => Just(Action::Deposit),
        3 => Just(Action::Restart),
        4 => Just(Action::Wait),
        1 => Just(Action::Outage),
        2 => Just(Action::LoseReceipt),
        1 => Just(Action::Reorganise),
        3 => prop::bool::weighted(0.8).prop_map(Action::Snapshot),
        1 => Just(Action::Register),
        2 => any::<bool>().prop_map(Action::HoldProver),
        1 => Just(Action::Later),
    ]
}

async fn play(actions: &[Action]) {
    let world = World::new();
    let mut config = world.config();
    config.settle.max_rewinds = 100;
    config.settle.snapshot_every = 3;
    let mut node = world.start(config.clone()).await;
    let mut accepted: Vec<Transaction> = Vec::new();
    let mut deposits = 0;
    let mut taken = 0;
    for action in actions {
        match action {
            Action::Submit(count) => {
                let next = node.next_anchor().await;
                let all: Vec<_> = (0..*count)
                    .map(|i| {
                        let mut tx = world.transaction();
                        tx.header.expiry = now() + 20 * 3600;
                        if i % 2 == 1 {
                            tx.anchor = next;
                        }
                        tx
                    })
                    .collect();
                let answers = futures::future::join_all(all.iter().map(|tx| node.submit(tx))).await;
                for (tx, answer) in all.into_iter().zip(answers) {
                    if answer.status == 202 {
                        accepted.push(tx);
                    } else {
                        // The registry may have changed, or the prices have moved.
                        let codes = ["stale_assets", "unknown_anchor"];
                        assert!(codes.contains(&answer.code()), "{answer:?}");
                    }
                }
            }
            Action::Respend => {
                if let Some(victim) = accepted.last() {
                    let mut tx = world.transaction();
                    tx.header.expiry = now() + 20 * 3600;
                    tx.nullifiers[1] = victim.nullifiers[0];
                    if node.submit(&tx).await.status == 202 {
                        // Possible only if the other was rejected meanwhile, which the end checks.
                        accepted.push(tx);
                    }
                }
            }
            Action::Leg(side, terms, soon, relies) => {
                let mut tx = world.leg(*side, 1 + u64::from(*terms));
                tx.header.expiry = now() + if *soon { 3_000 } else { 20 * 3_600 };
                if *relies {
                    tx.anchor = node.next_anchor().await;
                }
                let answer = node.submit(&tx).await;
                if answer.status == 202 {
                    accepted.push(tx);
                } else {
                    let codes = ["stale_assets", "unknown_anchor"];
                    assert!(codes.contains(&answer.code()), "{answer:?}");
                }
            }
            Action::SpendLeg(which) => {
                let legs: Vec<_> = accepted.iter().filter(|tx| is_leg(tx)).collect();
                let Some(leg) = legs.get(usize::from(*which) % legs.len().max(1)) else {
                    continue;
                };
                let mut tx = world.transaction();
                tx.header.expiry = now() + 20 * 3600;
                tx.nullifiers[2] = leg.nullifiers[1];
                let answer = node.submit(&tx).await;
                if answer.status == 202 {
                    accepted.push(tx);
                } else {
                    let codes = ["nullifier_pending", "nullifier_spent", "stale_assets"];
                    assert!(codes.contains(&answer.code()), "{answer:?}");
                }
            }
            Action::Deposit => {
                world.chain.deposit(1 + deposits as u128);
                deposits += 1;
            }
            Action::Restart => {
                node.stop().await;
                node = world.start(config.clone()).await;
            }
            Action::Wait => world.chain.polled(3).await,
            Action::Outage => {
                world.chain.down.store(true, Ordering::SeqCst);
                world.chain.called(4).await;
                world.chain.down.store(false, Ordering::SeqCst);
            }
            Action::LoseReceipt => {
                world
                    .chain
                    .with(|chain| chain.faults.push_back(Fault::LoseReceipt));
            }
            Action::Reorganise => {
                if world.chain.settled() > 0 {
                    world.chain.reorganise(1);
                }
            }
            Action::Snapshot(true) => {
                taken += 1;
                world.chain.snapshot(taken);
            }
            Action::Snapshot(false) => {
                if world.chain.with(|chain| !chain.oracle.is_empty()) {
                    world.chain.revert_oracle(1);
                }
            }
            Action::Register => {
                world.chain.with(|chain| {
                    let id = chain.assets.len() as u16;
                    chain.assets.insert(asset(id));
                });
                world.chain.polled(2).await;
            }
            Action::HoldProver(held) => world.prover.blocked.store(*held, Ordering::SeqCst),
            Action::Later => {
                world.chain.with(|chain| chain.time_offset += 3_400);
            }
        }
        assert!(
            !matches!(node.running.health(), Health::Halted(_)),
            "{:?}",
            node.running.health()
        );
    }
    world.prover.blocked.store(false, Ordering::SeqCst);
    // Everything comes to rest.
    let mut fates = HashMap::new();
    for _ in 0..1_500 {
        for tx in &accepted {
            let answer = node.status(tx).await;
            fates.insert(digest(tx), answer.field("status").to_owned());
        }
        let resting = fates
            .values()
            .all(|fate| ["settled", "rejected", "expired", "waiting"].contains(&&**fate));
        let info = node.get("/v1/info").await.body;
        // The chain decides, because a reorganisation may not have been noticed here yet.
        let (chain, consumed) = world
            .chain
            .with(|chain| (chain.state.commitment(), chain.state.deposit_count));
        let all_settled = info["settled_below"] == info["state"]["batch_index"]
            && info["state"]["commitment"] == hex_fr(&chain)
            && consumed == deposits as u64;
        if resting && all_settled {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let settled: Vec<[Nullifier; 3]> = world.chain.with(|chain| {
        let transactions = chain.settled.iter().flat_map(|batch| &batch.transactions);
        transactions.map(|tx| tx.nullifiers).collect()
    });
    let distinct: HashSet<Nullifier> = settled.iter().flatten().copied().collect();
    assert_eq!(
        distinct.len(),
        3 * settled.len(),
        "something was spent twice"
    );
    for tx in &accepted {
        let times = settled.iter().filter(|nfs| **nfs == tx.nullifiers).count();
        let fate = &fates[&digest(tx)];
        match fate.as_str() {
            "settled" => assert_eq!(times, 1),
            "rejected" | "expired" => assert_eq!(times, 0),
            "waiting" => assert!(is_leg(tx) && times == 0),
            other => panic!("lost: {other}, {:?}", node.running.health()),
        }
    }
    // Both legs of a swap are side by side in one batch, or neither is in a batch.
    for batch in world.settled(&accepted) {
        paired(&batch).unwrap();
    }
    // No leg waits for a counterpart that is here.
    let waiting = accepted.iter().filter(|tx| fates[&digest(tx)] == "waiting");
    let waiting: Vec<_> = waiting
        .filter_map(|tx| Some((tx.header.kind.side()?, tx)))
        .collect();
    for (side, one) in &waiting {
        for (other_side, other) in &waiting {
            let meet = *other_side == side.other() && one.terms == other.terms;
            assert!(!meet);
        }
    }
    assert_eq!(world.chain.with(|c| c.state.deposit_count), deposits as u64);
    let info = node.get("/v1/info").await.body;
    let chain = world.chain.with(|chain| chain.state.commitment());
    assert_eq!(info["state"]["commitment"], hex_fr(&chain));
    node.stop().await;
    world.start(config).await.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        max_shrink_iters: 20,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_and_nothing_doubled(
        actions in proptest::collection::vec(arb_action(), 4..28)
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(play(&actions));
    }
}
