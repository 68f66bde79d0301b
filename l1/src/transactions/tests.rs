#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod schedules;
mod world;

use alloy_primitives::U256;

use super::{Cancellation, Manager, Repeat, TransactionError, node::Refusal};
use world::{DEPTH, GWEI, World, data, request};

fn reason(answer: Option<Result<crate::transport::Mined, TransactionError>>) -> String {
    match answer {
        Some(Err(TransactionError::Rejected { reason })) => reason,
        other => panic!("not rejected: {other:?}"),
    }
}

#[tokio::test]
async fn a_call_that_reverts_uses_no_nonce() {
    let world = World::new();
    world.state().reverting.insert(data("deposit/1"));
    let mut engine = world.engine();
    let refused = engine.submit(&request("deposit/1", Repeat::Never)).await;
    let reason = "Paused".into();
    assert_eq!(refused, Err(TransactionError::Rejected { reason }));
    assert!(world.state().handed.is_empty());
    engine
        .submit(&request("deposit/2", Repeat::Never))
        .await
        .unwrap();
    assert_eq!(world.state().handed[0].nonce, 0);
}

#[tokio::test]
async fn a_repeated_request_joins_and_then_finds_the_outcome() {
    let world = World::new();
    let mut engine = world.engine();
    let once = request("deposit/1", Repeat::Never);
    engine.submit(&once).await.unwrap();
    engine.submit(&once).await.unwrap();
    assert!(engine.answer("deposit/1").is_none());
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("deposit/1").unwrap().is_ok());
    engine.submit(&once).await.unwrap();
    world.mine(DEPTH as usize);
    engine.step().await.unwrap();
    assert!(!engine.is_open());
    // Recorded, also after a restart.
    let mut engine = world.engine();
    engine.submit(&once).await.unwrap();
    assert!(engine.answer("deposit/1").unwrap().is_ok());
    assert_eq!(world.state().handed.len(), 1);
    // A snapshot is taken again.
    engine
        .submit(&request("snapshot", Repeat::Always))
        .await
        .unwrap();
    engine
        .submit(&request("snapshot", Repeat::Always))
        .await
        .unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    engine
        .submit(&request("snapshot", Repeat::Always))
        .await
        .unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    assert_eq!(world.state().effects(&data("snapshot")), 2);
}

#[tokio::test]
async fn what_a_deep_reorganisation_took_is_sent_again_only_if_the_contract_takes_it_once() {
    let world = World::new();
    let mut engine = world.engine();
    let (settle, deposit) = (
        request("settle/1", Repeat::UntilDone),
        request("deposit/1", Repeat::Never),
    );
    engine.submit(&settle).await.unwrap();
    engine.submit(&deposit).await.unwrap();
    world.mine(1 + DEPTH as usize);
    engine.step().await.unwrap();
    assert!(!engine.is_open());
    world.state().reorganise(usize::MAX, true);
    engine.submit(&deposit).await.unwrap();
    assert!(engine.answer("deposit/1").unwrap().is_ok());
    engine.submit(&settle).await.unwrap();
    assert!(engine.answer("settle/1").is_none());
    // The nonces that nothing uses any more are filled.
    engine.step().await.unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("settle/1").unwrap().is_ok());
    assert_eq!(world.state().effects(&data("settle/1")), 1);
    assert_eq!(world.state().effects(&data("deposit/1")), 0);
}

#[tokio::test]
async fn a_transaction_whose_receipt_comes_late_is_not_given_up() {
    let mut world = World::new();
    world.settings.confirmations = Some(1);
    let mut engine = world.engine();
    let deposit = request("deposit/1", Repeat::Never);
    engine.submit(&deposit).await.unwrap();
    world.state().lacks_receipts = true;
    world.mine(1);
    engine.step().await.unwrap();
    world.pass(2);
    engine.step().await.unwrap();
    assert!(engine.answer("deposit/1").is_none());
    world.state().lacks_receipts = false;
    engine.step().await.unwrap();
    assert!(engine.answer("deposit/1").unwrap().is_ok());
    assert_eq!(world.state().handed.len(), 1);
}

#[tokio::test]
async fn a_transaction_that_reverts_in_another_branch_is_not_taken_for_mined() {
    let world = World::new();
    let mut engine = world.engine();
    let settle = request("settle/1", Repeat::UntilDone);
    engine.submit(&settle).await.unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("settle/1").unwrap().is_ok());
    // The same transaction at the same height, after another one than before.
    {
        let mut state = world.state();
        state.reorganise(1, false);
        state.reverting_when_mined.insert(data("settle/1"));
        state.mine();
    }
    engine.step().await.unwrap();
    let answer = engine.answer("settle/1").unwrap();
    assert!(
        matches!(answer, Err(TransactionError::Rejected { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_nonce_far_ahead_is_not_believed_at_once() {
    let world = World::new();
    let mut engine = world.engine();
    let first = request("settle/1", Repeat::UntilDone);
    engine.submit(&first).await.unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    world.state().lead = 1_000_000;
    let second = request("settle/2", Repeat::UntilDone);
    let refused = engine.submit(&second).await;
    assert!(matches!(refused, Err(TransactionError::Unavailable(_))));
    world.state().lead = 0;
    engine.submit(&second).await.unwrap();
    assert_eq!(world.state().handed.last().unwrap().nonce, 1);
}

#[tokio::test]
async fn a_node_that_is_behind_has_no_mined_nonce_filled() {
    let world = World::new();
    let mut engine = world.engine();
    for place in 1..4 {
        let settle = request(&format!("settle/{place}"), Repeat::UntilDone);
        engine.submit(&settle).await.unwrap();
        if place < 3 {
            world.mine(1);
            engine.step().await.unwrap();
        }
    }
    let handed = world.state().handed.len();
    world.state().lag = 2;
    world.state().pool.clear();
    engine.step().await.unwrap();
    let sent = world.state().handed[handed..].to_vec();
    assert!(sent.iter().all(|sent| sent.nonce == 2), "{sent:?}");
}

#[tokio::test]
async fn fees_rise_under_one_nonce_up_to_the_cap() {
    let mut world = World::new();
    world.settings.max_fee_wei = 6 * GWEI;
    let mut engine = world.engine();
    engine
        .submit(&request("settle/1", Repeat::UntilDone))
        .await
        .unwrap();
    world.state().base_fee = 2 * GWEI;
    for _ in 0..20 {
        world.patience(&mut engine).await;
    }
    let handed = world.state().handed.clone();
    let mut variants = handed.clone();
    variants.dedup_by_key(|sent| sent.hash);
    for pair in variants.windows(2) {
        assert_eq!(pair[1].nonce, pair[0].nonce);
        assert!(
            pair[1].max_fee * 1_000 >= pair[0].max_fee * 1_125,
            "{pair:?}"
        );
        assert!(pair[1].tip * 1_000 >= pair[0].tip * 1_125, "{pair:?}");
        assert!(pair[1].max_fee <= 6 * GWEI && pair[1].tip <= pair[1].max_fee);
    }
    assert!(variants.len() > 2, "{variants:?}");
    // At the cap it is sent again as it is.
    assert!(handed.len() > variants.len() + 5);
    let status = engine.status();
    assert!(status.fee_cap_reached);
    assert_eq!(status.pending.len(), 1);
    assert_eq!(status.pending[0].kind, "settle");
    assert_eq!(status.pending[0].age_s, 20 * world.settings.attempt_s);
    world.state().base_fee = GWEI;
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("settle/1").unwrap().is_ok());
    assert!(!engine.status().fee_cap_reached);
}

#[tokio::test]
async fn a_variant_that_the_node_finds_too_cheap_is_replaced_at_once() {
    let world = World::new();
    let mut engine = world.engine();
    world.state().refuses = Some(Refusal::Underpriced);
    engine
        .submit(&request("settle/1", Repeat::UntilDone))
        .await
        .unwrap();
    engine.step().await.unwrap();
    world.state().refuses = None;
    engine.step().await.unwrap();
    let fees: Vec<u64> = world
        .state()
        .handed
        .iter()
        .map(|sent| sent.max_fee)
        .collect();
    assert!(
        fees.len() == 3 && fees.is_sorted_by(|a, b| a < b),
        "{fees:?}"
    );
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("settle/1").unwrap().is_ok());
}

// Before, variants kept the gas of the first estimate, and none of them was ever mined.
#[tokio::test]
async fn a_transaction_with_too_little_gas_gets_more() {
    for refuses in [false, true] {
        let world = World::new();
        let mut engine = world.engine();
        world.state().estimate = 30_000;
        world.state().least_gas = 90_000;
        world.state().refuses_little_gas = refuses;
        engine
            .submit(&request("settle/1", Repeat::UntilDone))
            .await
            .unwrap();
        world.mine(1);
        engine.step().await.unwrap();
        assert!(world.state().handed.iter().all(|sent| sent.gas < 90_000));
        world.state().estimate = 100_000;
        world.patience(&mut engine).await;
        world.mine(1);
        engine.step().await.unwrap();
        assert!(engine.answer("settle/1").unwrap().is_ok());
        let nonces = world.state().handed.iter().map(|sent| sent.nonce).max();
        assert_eq!(nonces, Some(0));
    }
}

// Before, a transaction counted as mined until the chain had come to the false block.
#[tokio::test]
async fn a_receipt_of_a_block_that_is_not_there_counts_for_nothing() {
    let world = World::new();
    let mut engine = world.engine();
    world.state().misplaced = 1_000_000;
    let settlement = request("settle/1", Repeat::UntilDone);
    engine.submit(&settlement).await.unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("settle/1").is_none());
    world.state().misplaced = 0;
    world.state().reorganise(1, true);
    world.mine(2);
    world.patience(&mut engine).await;
    world.patience(&mut engine).await;
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("settle/1").unwrap().is_ok());
    assert_eq!(world.state().effects(&data("settle/1")), 1);
}

#[tokio::test]
async fn a_forgotten_transaction_is_handed_over_again() {
    let world = World::new();
    let mut engine = world.engine();
    world.state().forgets = true;
    engine
        .submit(&request("settle/1", Repeat::UntilDone))
        .await
        .unwrap();
    world.mine(1);
    world.state().forgets = false;
    world.patience(&mut engine).await;
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("settle/1").unwrap().is_ok());
    assert!(world.state().handed.iter().all(|sent| sent.nonce == 0));
}

#[tokio::test]
async fn a_nonce_that_another_program_took_is_dead_when_it_is_deep() {
    let world = World::new();
    let mut engine = world.engine();
    let deposit = request("deposit/1", Repeat::Never);
    engine.submit(&deposit).await.unwrap();
    world.state().foreign();
    engine.step().await.unwrap();
    // The block may still be taken back.
    assert!(engine.answer("deposit/1").is_none());
    engine.submit(&deposit).await.unwrap();
    assert_eq!(world.state().handed.len(), 1);
    world.mine(DEPTH as usize);
    world.pass(3);
    engine.step().await.unwrap();
    let answer = engine.answer("deposit/1").unwrap();
    assert_eq!(answer.unwrap_err(), TransactionError::Superseded);
    engine.submit(&deposit).await.unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("deposit/1").unwrap().is_ok());
    assert_eq!(world.state().effects(&data("deposit/1")), 1);
}

#[tokio::test]
async fn an_account_without_ether_waits_for_money() {
    let world = World::new();
    let mut engine = world.engine();
    let rich = world.state().balance;
    let account = world.account.address();
    let poor = Err(TransactionError::LacksEther { account });
    world.state().balance = U256::from(1u64);
    assert_eq!(
        engine.submit(&request("settle/1", Repeat::UntilDone)).await,
        poor
    );
    assert!(world.state().handed.is_empty());
    assert!(engine.status().low_balance);
    // The money is gone between the check and the sending.
    world.state().balance = rich;
    world.state().refuses = Some(Refusal::LacksEther);
    engine
        .submit(&request("settle/1", Repeat::UntilDone))
        .await
        .unwrap();
    let answer = engine.answer("settle/1").unwrap();
    assert_eq!(
        answer.unwrap_err(),
        TransactionError::LacksEther { account }
    );
    assert!(engine.status().lacks_ether);
    world.state().refuses = None;
    world.patience(&mut engine).await;
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("settle/1").unwrap().is_ok());
    assert!(!engine.status().lacks_ether);
    let text = TransactionError::LacksEther { account }
        .of("submitBatch")
        .to_string();
    assert!(text.contains("the account lacks ether"), "{text}");
}

#[tokio::test]
async fn a_mined_revert_has_the_contracts_name_and_can_be_tried_anew() {
    let world = World::new();
    let mut engine = world.engine();
    world.state().reverting_when_mined.insert(data("settle/1"));
    world.state().reverting_when_mined.insert(data("deposit/1"));
    let settle = request("settle/1", Repeat::UntilDone);
    let deposit = request("deposit/1", Repeat::Never);
    engine.submit(&settle).await.unwrap();
    engine.submit(&deposit).await.unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    assert_eq!(reason(engine.answer("settle/1")), "WrongOldState");
    assert_eq!(reason(engine.answer("deposit/1")), "WrongOldState");
    world.state().reverting_when_mined.clear();
    world.state().blocks.push(Vec::new());
    engine.submit(&settle).await.unwrap();
    engine.submit(&deposit).await.unwrap();
    assert_eq!(world.state().handed.len(), 3);
}

#[tokio::test]
async fn a_block_that_is_taken_back_is_noticed_until_it_is_deep() {
    let world = World::new();
    let mut engine = world.engine();
    engine
        .submit(&request("deposit/1", Repeat::Never))
        .await
        .unwrap();
    world.mine(DEPTH as usize - 1);
    engine.step().await.unwrap();
    assert!(engine.answer("deposit/1").unwrap().is_ok());
    world.state().reorganise(DEPTH as usize - 1, true);
    world.mine(DEPTH as usize);
    engine.step().await.unwrap();
    assert!(engine.answer("deposit/1").is_none());
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("deposit/1").unwrap().is_ok());
    assert_eq!(world.state().effects(&data("deposit/1")), 1);
}

#[tokio::test]
async fn a_cancelled_transaction_is_dead_or_was_mined() {
    let world = World::new();
    let mut engine = world.engine();
    let never = engine.cancel("settle/0").await.unwrap().unwrap();
    assert!(matches!(never, Cancellation::NeverSent));

    let settle = request("settle/1", Repeat::UntilDone);
    engine.submit(&settle).await.unwrap();
    assert!(engine.cancel("settle/1").await.unwrap().is_none());
    assert_eq!(
        engine.submit(&settle).await,
        Err(TransactionError::Cancelled)
    );
    world.mine(1);
    engine.step().await.unwrap();
    let dead = engine.fate("settle/1").unwrap();
    assert!(matches!(dead, Cancellation::Dead { is_final: false }));
    world.mine(DEPTH as usize);
    engine.step().await.unwrap();
    let dead = engine.fate("settle/1").unwrap();
    assert!(matches!(dead, Cancellation::Dead { is_final: true }));
    assert_eq!(world.state().effects(&data("settle/1")), 0);
    assert_eq!(world.state().nonce(), 1);

    // Mined before the cancellation.
    engine
        .submit(&request("settle/2", Repeat::UntilDone))
        .await
        .unwrap();
    world.mine(1);
    let mined = engine.cancel("settle/2").await.unwrap().unwrap();
    assert!(matches!(mined, Cancellation::Mined(_)));

    // The node mines the first variant although it knows the cancellation.
    engine
        .submit(&request("settle/3", Repeat::UntilDone))
        .await
        .unwrap();
    let first = world.state().pool[&2].clone();
    assert!(engine.cancel("settle/3").await.unwrap().is_none());
    world.state().pool.insert(2, first);
    world.mine(1);
    engine.step().await.unwrap();
    let mined = engine.fate("settle/3").unwrap();
    assert!(matches!(mined, Cancellation::Mined(_)));
    // The wish survives a restart.
    engine
        .submit(&request("settle/4", Repeat::UntilDone))
        .await
        .unwrap();
    assert!(engine.cancel("settle/4").await.unwrap().is_none());
    let mut engine = world.engine();
    engine.step().await.unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    let dead = engine.fate("settle/4").unwrap();
    assert!(matches!(dead, Cancellation::Dead { .. }));
}

#[tokio::test]
async fn a_restart_watches_on_and_sends_nothing_twice() {
    let world = World::new();
    let mut engine = world.engine();
    let deposit = request("deposit/1", Repeat::Never);
    engine.submit(&deposit).await.unwrap();
    let mut engine = world.engine();
    engine.submit(&deposit).await.unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("deposit/1").unwrap().is_ok());
    assert_eq!(world.state().nonce(), 1);
}

#[tokio::test]
async fn nothing_is_sent_if_the_journal_cannot_be_stored() {
    let world = World::new();
    let mut engine = world.engine();
    world.state().fuse = Some(0);
    let refused = engine.submit(&request("deposit/1", Repeat::Never)).await;
    assert!(matches!(refused, Err(TransactionError::Unavailable(_))));
    assert!(world.state().handed.is_empty());
    assert!(!engine.is_open());
}

#[tokio::test]
async fn a_gap_below_a_waiting_transaction_is_filled() {
    let world = World::new();
    // Somebody else's transaction waits in the pool when a nonce is assigned, and is forgotten.
    let mut engine = world.engine();
    world.state().foreign();
    let other = world.state().blocks.pop().unwrap().remove(0);
    world.state().pool.insert(0, other);
    engine
        .submit(&request("deposit/1", Repeat::Never))
        .await
        .unwrap();
    assert_eq!(world.state().handed[0].nonce, 1);
    engine.step().await.unwrap();
    // While it waits, its nonce is its own.
    assert_eq!(world.state().handed.len(), 1);
    world.state().pool.remove(&0);
    engine.step().await.unwrap();
    world.mine(1);
    engine.step().await.unwrap();
    assert!(engine.answer("deposit/1").unwrap().is_ok());
    assert_eq!(world.state().nonce(), 2);
}

#[tokio::test]
async fn a_node_that_hangs_blocks_nobody_and_a_dropped_caller_loses_nothing() {
    let world = World::new();
    let manager = Manager::start(world.tools()).unwrap();
    let sending = tokio::spawn({
        let manager = manager.clone();
        async move { manager.send(request("deposit/1", Repeat::Never)).await }
    });
    while world.state().pool.is_empty() {
        tokio::task::yield_now().await;
    }
    sending.abort();
    world.state().hangs = true;
    let submitted = manager.submit(request("deposit/2", Repeat::Never)).await;
    assert!(matches!(submitted, Err(TransactionError::Unavailable(_))));
    world.state().hangs = false;
    world.mine(1);
    let ticket = manager
        .submit(request("deposit/1", Repeat::Never))
        .await
        .unwrap();
    let pressing = tokio::spawn({
        let world = world.clone();
        async move {
            loop {
                world.pass(1);
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
    });
    ticket.wait().await.unwrap();
    assert_eq!(world.state().effects(&data("deposit/1")), 1);
    // Nothing is mined: the wait ends, and the transaction goes on.
    let late = manager
        .send(request("deposit/3", Repeat::Never))
        .await
        .unwrap_err();
    assert!(late.is_transient(), "{late}");
    assert!(late.to_string().contains("waits to be mined"), "{late}");
    world.mine(1);
    manager
        .send(request("deposit/3", Repeat::Never))
        .await
        .unwrap();
    pressing.abort();
    assert!(world::unix(&world) > 1_800_000_000);
}

#[tokio::test]
async fn many_callers_get_a_nonce_each() {
    let world = World::new();
    let manager = Manager::start(world.tools()).unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let manager = manager.clone();
            let purpose = format!("deposit/{}", number % 10);
            tokio::spawn(async move { manager.submit(request(&purpose, Repeat::Never)).await })
        })
        .collect();
    let mut tickets = Vec::new();
    for task in tasks {
        tickets.push(task.await.unwrap().unwrap());
    }
    assert_eq!(manager.waiting().await.unwrap().len(), 10);
    world.mine(1);
    world.pass(1);
    for ticket in tickets {
        ticket.wait().await.unwrap();
    }
    assert_eq!(world.state().nonce(), 10);
}

#[test]
fn the_words_of_nodes_are_understood() {
    let cases = [
        ("already known", Refusal::Known),
        ("transaction already imported", Refusal::Known),
        ("AlreadyKnown", Refusal::Known),
        (
            "nonce too low: next nonce 5, tx nonce 4",
            Refusal::NonceTooLow,
        ),
        ("OldNonce", Refusal::NonceTooLow),
        ("replacement transaction underpriced", Refusal::Underpriced),
        (
            "transaction underpriced: tip needed 1",
            Refusal::Underpriced,
        ),
        (
            "max fee per gas less than block base fee",
            Refusal::Underpriced,
        ),
        (
            "insufficient funds for gas * price + value",
            Refusal::LacksEther,
        ),
        (
            "Insufficient funds for gas * price + value",
            Refusal::LacksEther,
        ),
    ];
    for (words, refusal) in cases {
        assert_eq!(Refusal::of(words), refusal, "{words}");
    }
    assert_eq!(
        Refusal::of("rate limit"),
        Refusal::Other("rate limit".into())
    );
}

#[test]
fn a_gas_limit_has_a_margin_below_the_blocks_limit() {
    let settings = super::Settings::default();
    assert_eq!(settings.gas_limit(600_000, 40_000, 30_000_000), 770_000);
    assert_eq!(settings.gas_limit(30_000_000, 0, 30_000_000), 30_000_000);
    assert_eq!(settings.raised(8), 9);
    assert_eq!(settings.raised(0), 0);
}
