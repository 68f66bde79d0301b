//! Metrics of the keeper, and the address at which they are read.

use std::net::SocketAddr;

use alloy_primitives::U256;
use anyhow::Context as _;
use axum::{Router, routing::get};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

const SNAPSHOTS: &str = "subrosa_keeper_snapshots_total";
const ERRORS: &str = "subrosa_keeper_errors_total";
const AGE: &str = "subrosa_keeper_snapshot_age_seconds";
const SPENT: &str = "subrosa_keeper_spent_today_wei";
const BALANCE: &str = "subrosa_keeper_balance_wei";
const EXHAUSTED: &str = "subrosa_keeper_budget_exhausted";

/// Serves `/metrics` and `/health` on `listen`. Returns the address.
///
/// # Errors
/// If the address cannot be bound.
pub async fn serve(listen: SocketAddr) -> anyhow::Result<SocketAddr> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("another metrics recorder is installed")?;
    describe_counter!(SNAPSHOTS, "Snapshots taken");
    describe_counter!(ERRORS, "Turns that failed");
    describe_gauge!(AGE, "Age of the newest snapshot on L1");
    describe_gauge!(SPENT, "Wei that the account lost today (UTC)");
    describe_gauge!(BALANCE, "Wei that the account holds");
    describe_gauge!(EXHAUSTED, "1 when the day's budget is used up");
    counter!(SNAPSHOTS).absolute(0);
    counter!(ERRORS).absolute(0);
    exhausted(false);
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("{listen} cannot be listened on"))?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/metrics", get(move || async move { handle.render() }))
        .route("/health", get(|| async { "ok" }));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
    Ok(address)
}

/// Counts a snapshot.
pub(super) fn taken() {
    counter!(SNAPSHOTS).increment(1);
}

/// Counts a failed turn.
pub(super) fn failed() {
    counter!(ERRORS).increment(1);
}

/// Sets the age of the newest snapshot, in seconds.
pub(super) fn age(age: Option<u64>) {
    if let Some(age) = age {
        gauge!(AGE).set(age as f64);
    }
}

/// Sets what the account holds, and what it lost today.
pub(super) fn money(balance: U256, spent: u128) {
    gauge!(BALANCE).set(f64::from(balance));
    gauge!(SPENT).set(spent as f64);
}

/// Sets whether the day's budget is used up.
pub(super) fn exhausted(yes: bool) {
    gauge!(EXHAUSTED).set(if yes { 1.0 } else { 0.0 });
}
