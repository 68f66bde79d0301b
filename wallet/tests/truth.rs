//! L1 decides what was paid: a sequencer that shows less, or something else, makes no wallet pay
//! again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod market;

use std::sync::atomic::Ordering;

use market::{DOLLAR, FEE, Market, Party, units};
use serde_json::json;
use subrosa_protocol::keys::{Network, Seed, ViewingKey};

const HOUR: u64 = 60 * 60;

/// The sequencer shows another last batch, so that the wallet scans from the start, and then only
/// the batches before a payment that settled hours ago. The wallet has notes left to pay with.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_the_sequencer_hides_is_not_made_again() {
    let (market, sequencer) = Market::open().await;
    let directory = tempfile::tempdir().unwrap();
    let wallet = Party::open(&market, &sequencer, directory.path(), 1).await;
    wallet.deposit(DOLLAR, "10").await;
    wallet.deposit(DOLLAR, "9").await;
    let keys = ViewingKey::from_seed(&Seed::from_bytes([9; 32]));
    let to = keys.address().encode(Network::Development);
    let body = json!({ "asset": "dUSD", "amount": "4", "to": to });
    let id = wallet.start("/v1/transfers", &body).await;
    let payment = format!("/v1/operations/{id}");
    wallet.shows(&payment, "settled").await;
    // L1's clock tells the wallet that the transaction has expired long ago.
    market.ahead.store(3 * HOUR, Ordering::Relaxed);
    market.ticks(2).await;

    let before = market.batches() as u64 - 1;
    market.shown.store(before, Ordering::Relaxed);
    market.forged.store(true, Ordering::Relaxed);
    market.ticks(20).await;
    assert!(!market.forged.load(Ordering::Relaxed), "the wallet looked");
    assert_eq!(market.taken().len(), 1, "nothing is paid twice");
    assert_eq!(wallet.get(&payment).await["status"], "settled");

    market.shown.store(u64::MAX, Ordering::Relaxed);
    market.ticks(5).await;
    wallet.shows(&payment, "settled").await;
    let left = units(DOLLAR, "15") - FEE;
    wallet.comes_to_hold(DOLLAR, (left, 0)).await;
    assert_eq!(market.taken().len(), 1, "nothing is paid twice");
}
