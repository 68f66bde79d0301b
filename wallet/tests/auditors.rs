//! Keys of auditors: a wallet reads what it sent under every key that an asset ever had.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod market;

use std::sync::atomic::Ordering;

use market::{DOLLAR, FEE, Market, Party, units};
use serde_json::{Value, json};
use subrosa_protocol::keys::{AuditorKey, Network, Seed, ViewingKey};

/// Replaces the dollar's auditor by one of this number.
fn rotate(market: &Market, number: u8) {
    let auditor = AuditorKey::from_seed(&Seed::from_bytes([number; 32]));
    market.rotate(DOLLAR, auditor.public());
}

/// Pays a stranger, and waits until the payment has settled.
async fn pay(wallet: &Party, amount: &str) {
    let keys = ViewingKey::from_seed(&Seed::from_bytes([9; 32]));
    let to = keys.address().encode(Network::Development);
    let body = json!({ "asset": "dUSD", "amount": amount, "to": to, "memo": amount });
    let id = wallet.start("/v1/transfers", &body).await;
    wallet
        .shows(&format!("/v1/operations/{id}"), "settled")
        .await;
}

/// Returns the lines of the history with the amounts that were sent.
async fn sent(wallet: &Party) -> Vec<Value> {
    let history = wallet.get("/v1/history").await;
    let lines = history.as_array().unwrap().iter();
    let sent = lines.filter(|line| line["kind"] == "sent");
    sent.map(|line| line["amount"].clone()).collect()
}

/// Returns the history without the addresses, which a restored wallet has not learnt.
async fn history(wallet: &Party) -> Value {
    let mut history = wallet.get("/v1/history").await;
    for line in history.as_array_mut().unwrap() {
        line["counterparty_address"] = Value::Null;
    }
    history
}

/// Two payments under two keys, both of which were replaced since. A running wallet, one that
/// restarts and one that is restored from the seed show the same.
#[tokio::test(flavor = "multi_thread")]
async fn payments_under_replaced_keys_stay_in_the_history() {
    let (market, sequencer) = Market::open().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    let mut wallet = Party::open(&market, &sequencer, &home, 1).await;
    wallet.deposit(DOLLAR, "10").await;
    wallet.deposit(DOLLAR, "9").await;
    rotate(&market, 101);
    market.ticks(8).await;
    pay(&wallet, "3").await;
    rotate(&market, 102);
    market.ticks(8).await;
    pay(&wallet, "4").await;
    rotate(&market, 103);
    // Back to an earlier key: the registry has its root of then.
    rotate(&market, 101);
    market.ticks(8).await;

    let left = units(DOLLAR, "12") - 2 * FEE;
    wallet.comes_to_hold(DOLLAR, (left, 0)).await;
    let before = history(&wallet).await;
    assert_eq!(sent(&wallet).await.len(), 2, "{before}");
    wallet.stop().await;

    for place in ["home", "restored"] {
        let path = directory.path().join(place);
        let mut again = Party::open(&market, &sequencer, &path, 1).await;
        again.comes_to_hold(DOLLAR, (left, 0)).await;
        assert_eq!(history(&again).await, before, "{place}");
        again.stop().await;
    }
}

/// A batch that has not settled, under assets that L1 no longer has: what its keys are, nobody
/// says. The wallet applies it once L1 has accepted it.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_under_unknown_assets_waits_for_l1() {
    let (market, sequencer) = Market::open().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    rotate(&market, 101);
    let wallet = Party::open(&market, &sequencer, &home, 1).await;
    wallet.deposit(DOLLAR, "10").await;
    market.ticks(8).await;
    rotate(&market, 102);
    market.ticks(8).await;
    pay(&wallet, "3").await;

    let last = market.batches() as u64;
    market.settled.store(last - 1, Ordering::Relaxed);
    rotate(&market, 103);
    let restored = directory.path().join("restored");
    let restored = Party::open(&market, &sequencer, &restored, 1).await;
    restored
        .comes_to_hold(DOLLAR, (units(DOLLAR, "10"), 0))
        .await;
    market.ticks(20).await;
    assert!(sent(&restored).await.is_empty(), "the last batch waits");

    market.settled.store(u64::MAX, Ordering::Relaxed);
    let left = units(DOLLAR, "7") - FEE;
    restored.comes_to_hold(DOLLAR, (left, 0)).await;
    assert_eq!(sent(&restored).await, sent(&wallet).await);
    assert_eq!(sent(&restored).await.len(), 1);
}
