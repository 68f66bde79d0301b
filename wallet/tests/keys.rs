//! Wallet and sequencer must use the same transaction key.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod market;

use std::sync::atomic::Ordering;

use market::{DOLLAR, FEE, KEY, Market, Party, units};
use serde_json::{Value, json};
use subrosa_wallet::WalletError;

/// Asks for a payment of dollars to nobody in particular, and returns the path of its operation.
async fn pay(from: &Party, to: &str, amount: &str) -> String {
    let body = json!({ "asset": "dUSD", "amount": amount, "to": to });
    let id = from.start("/v1/transfers", &body).await;
    format!("/v1/operations/{id}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_with_other_keys_than_the_sequencer_does_not_start() {
    let (market, sequencer) = Market::open().await;
    market.key.store(KEY + 1, Ordering::Relaxed);
    let directory = tempfile::tempdir().unwrap();
    let refused = Party::try_open(&market, &sequencer, directory.path(), 1).await;
    let Err(error @ WalletError::KeyMismatch { .. }) = refused.map(|_| ()) else {
        panic!("the wallet starts with a key of its own");
    };
    let text = error.to_string();
    for part in ["07".repeat(32).as_str(), "08".repeat(32).as_str(), "--keys"] {
        assert!(text.contains(part), "{text}");
    }
}

/// The sequencer is unreachable when the wallet starts, and has other keys when it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_compared_at_the_first_contact_before_anything_is_sent() {
    let (market, sequencer) = Market::open().await;
    let directory = tempfile::tempdir().unwrap();
    let open = || Party::open(&market, &sequencer, directory.path(), 1);
    let mut wallet = open().await;
    let to = payee();
    wallet.deposit(DOLLAR, "10").await;
    market.admits.store(false, Ordering::Relaxed);
    let proven = pay(&wallet, &to, "4").await;
    let queued = pay(&wallet, &to, "3").await;
    wallet.shows(&proven, "proven").await;
    wallet.stop().await;

    market.admits.store(true, Ordering::Relaxed);
    market.reachable.store(false, Ordering::Relaxed);
    market.key.store(KEY + 1, Ordering::Relaxed);
    let wallet = open().await;
    market.ticks(3).await;
    assert_eq!(status(&wallet, &queued).await, "queued");
    market.reachable.store(true, Ordering::Relaxed);
    let failed = wallet.shows(&queued, "failed").await;
    assert_eq!(failed["failure"]["code"], "key_mismatch");
    market.ticks(3).await;
    assert_eq!(status(&wallet, &proven).await, "proven");
    assert!(market.taken().is_empty(), "nothing is sent");

    market.key.store(KEY, Ordering::Relaxed);
    wallet.shows(&proven, "settled").await;
    let left = units(DOLLAR, "6") - FEE;
    wallet.comes_to_hold(DOLLAR, (left, 0)).await;
}

/// A proof that fails the wallet's own check is not sent, so its notes are free at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_does_not_verify_releases_its_notes() {
    let (market, sequencer) = Market::open().await;
    let directory = tempfile::tempdir().unwrap();
    let wallet = Party::open(&market, &sequencer, directory.path(), 1).await;
    wallet.deposit(DOLLAR, "10").await;
    let before = wallet.holds(DOLLAR).await;
    market.verifies.store(false, Ordering::Relaxed);
    let payment = pay(&wallet, &payee(), "4").await;
    let failed = wallet.shows(&payment, "failed").await;
    assert_eq!(failed["failure"]["code"], "internal");
    assert!(market.taken().is_empty(), "nothing is sent");
    assert_eq!(wallet.holds(DOLLAR).await, before);
}

async fn status(wallet: &Party, path: &str) -> Value {
    wallet.get(path).await["status"].clone()
}

/// Returns an address that no wallet of the market has.
fn payee() -> String {
    use subrosa_protocol::keys::{Network, Seed, ViewingKey};
    let keys = ViewingKey::from_seed(&Seed::from_bytes([9; 32]));
    keys.address().encode(Network::Development)
}
