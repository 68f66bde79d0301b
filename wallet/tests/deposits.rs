//! Minimum and fee of deposits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod market;

use market::{DOLLAR, EURO, GOLD, Market, Party, units};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_below_the_minimum_is_refused_before_it_is_sent() {
    let (market, sequencer) = Market::open().await;
    let directory = tempfile::tempdir().unwrap();
    let wallet = Party::open(&market, &sequencer, directory.path(), 1).await;
    market.set_deposit_terms(units(DOLLAR, "5"), units(DOLLAR, "0.25"));
    let before = market.batches();
    let body = json!({ "asset": "dUSD", "amount": "4.999999" });
    let (status, problem) = wallet.post("/v1/deposits", &body).await;
    assert_eq!((status, &problem["code"]), (422, &json!("below_minimum")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("at least 5,"), "{detail}");
    assert_eq!(market.batches(), before, "L1 queued a deposit");
    let balances = wallet.get("/v1/balances").await;
    assert_eq!(balances[DOLLAR]["deposit_minimum"], "5");
    assert_eq!(balances[DOLLAR]["deposit_fee"], "0.25");
    let named = [DOLLAR, GOLD].map(|asset| balances[asset]["deposit_is_named"].clone());
    assert_eq!(named, [false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_is_worth_what_the_vault_queued_of_it() {
    let (market, sequencer) = Market::open().await;
    let directory = tempfile::tempdir().unwrap();
    let wallet = Party::open(&market, &sequencer, directory.path(), 1).await;
    market.set_deposit_terms(units(DOLLAR, "5"), units(DOLLAR, "0.25"));
    wallet.deposit(DOLLAR, "5").await;
    wallet
        .comes_to_hold(DOLLAR, (units(DOLLAR, "4.75"), 0))
        .await;
}

// Before, a running wallet knew a new asset only after a payment had failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_wallet_learns_of_a_new_asset() {
    let (market, sequencer) = Market::open().await;
    let directory = tempfile::tempdir().unwrap();
    let wallet = Party::open(&market, &sequencer, directory.path(), 1).await;
    let body = json!({ "asset": "dEUR", "amount": "3" });
    let (status, problem) = wallet.post("/v1/deposits", &body).await;
    assert_eq!((status, &problem["code"]), (422, &json!("unknown_asset")));
    market.register_euro();
    for _ in 0..8 {
        market.tick().await;
    }
    wallet.deposit(EURO, "3").await;
    wallet.comes_to_hold(EURO, (units(EURO, "3"), 0)).await;
}
