//! Metrics: their names and descriptions, and the functions that record them.

use std::{sync::OnceLock, time::Instant};

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use subrosa_l1::transactions::Status;
use tokio::sync::watch;

const ADMISSIONS: &str = "subrosa_sequencer_admissions_total";
const ADMISSION_SECONDS: &str = "subrosa_sequencer_admission_seconds";
const VERIFY_SECONDS: &str = "subrosa_sequencer_verify_group_seconds";
const VERIFY_SIZE: &str = "subrosa_sequencer_verify_group_size";
const COMMIT_SECONDS: &str = "subrosa_sequencer_commit_seconds";
const MEMPOOL: &str = "subrosa_sequencer_mempool_transactions";
const MESSAGES: &str = "subrosa_sequencer_messages_total";
const MESSAGES_HELD: &str = "subrosa_sequencer_messages_held";
const DEPOSITS: &str = "subrosa_sequencer_deposits_waiting";
const BATCHES: &str = "subrosa_sequencer_batches_total";
const STAGE_SECONDS: &str = "subrosa_sequencer_stage_seconds";
const UNSETTLED: &str = "subrosa_sequencer_unsettled_batches";
const TRANSACTIONS: &str = "subrosa_sequencer_transactions_total";
const GAS: &str = "subrosa_sequencer_settlement_gas_total";
const CALLDATA: &str = "subrosa_sequencer_settlement_calldata_bytes_total";
const PROVING: &str = "subrosa_sequencer_proving_progress_ratio";
const HALTED: &str = "subrosa_sequencer_halted";
const L1_BLOCK: &str = "subrosa_sequencer_l1_block";
const L1_AGE: &str = "subrosa_sequencer_l1_block_age_seconds";
const REORGANISATIONS: &str = "subrosa_sequencer_l1_reorganisations_total";
const REQUEUED: &str = "subrosa_sequencer_deposit_queue_changes_total";
const BEHIND: &str = "subrosa_sequencer_batches_behind_l1";
const L1_BALANCE: &str = "subrosa_sequencer_l1_balance_wei";
const L1_LOW_BALANCE: &str = "subrosa_sequencer_l1_low_balance";
const L1_PENDING: &str = "subrosa_sequencer_l1_pending_transactions";
const L1_OLDEST: &str = "subrosa_sequencer_l1_oldest_pending_seconds";
const L1_FEE_CAP: &str = "subrosa_sequencer_l1_fee_cap_reached";
const HTTP: &str = "subrosa_sequencer_http_requests_total";
const HTTP_SECONDS: &str = "subrosa_sequencer_http_request_seconds";

/// Buckets of all histograms, in seconds: from a quarter of a millisecond to ten minutes.
const SECONDS: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
    30.0, 60.0, 120.0, 300.0, 600.0,
];

/// Returns the process-wide recorder. The first call installs it; all sequencers of a process share
/// it.
pub(crate) fn recorder() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new();
            let recorder = builder
                .set_buckets(SECONDS)
                .expect("the buckets are not empty")
                .build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!(
                    "another metrics recorder is installed already; /metrics stays empty"
                );
            }
            describe();
            handle
        })
        .clone()
}

fn describe() {
    describe_counter!(ADMISSIONS, "Submissions by verdict");
    describe_histogram!(ADMISSION_SECONDS, "Time from queueing to verdict");
    describe_histogram!(VERIFY_SECONDS, "Time to verify one group of proofs");
    describe_histogram!(VERIFY_SIZE, "Proofs in one group");
    describe_histogram!(COMMIT_SECONDS, "Time to store accepted submissions, synced");
    describe_gauge!(MEMPOOL, "Transactions in the mempool");
    describe_counter!(MESSAGES, "Messages to the mailbox by verdict");
    describe_gauge!(MESSAGES_HELD, "Messages in the mailbox");
    describe_gauge!(DEPOSITS, "Deposits seen and not sealed");
    describe_counter!(BATCHES, "Batches by stage reached");
    describe_histogram!(STAGE_SECONDS, "Time a stage took for one batch");
    describe_gauge!(UNSETTLED, "Sealed and unsettled batches");
    describe_counter!(TRANSACTIONS, "Transactions by fate");
    describe_counter!(GAS, "Gas used by settlement");
    describe_counter!(CALLDATA, "Calldata bytes used by settlement");
    describe_gauge!(
        PROVING,
        "Progress of the present phase of the present proof"
    );
    describe_gauge!(HALTED, "1 when the pipeline has halted");
    describe_gauge!(L1_BLOCK, "Number of L1's newest seen block");
    describe_gauge!(L1_AGE, "Age of L1's newest seen block");
    describe_counter!(REORGANISATIONS, "Reorganisations of L1 that were noticed");
    describe_counter!(REQUEUED, "Times that L1 changed deposits that were read");
    describe_gauge!(BEHIND, "Batches of L1 that are not imported yet");
    describe_gauge!(L1_BALANCE, "Wei that the operator's L1 account holds");
    describe_gauge!(
        L1_LOW_BALANCE,
        "1 when that is less than the warning level, or too little for a transaction"
    );
    describe_gauge!(
        L1_PENDING,
        "The operator's L1 transactions that are not mined"
    );
    describe_gauge!(L1_OLDEST, "Age of the oldest of them");
    describe_gauge!(
        L1_FEE_CAP,
        "1 when a transaction waits because L1 is dearer than the configured cap"
    );
    describe_counter!(HTTP, "Requests by route and status");
    describe_histogram!(HTTP_SECONDS, "Time to answer a request");
}

/// Counts a verdict and measures the time since the submission was queued.
pub(crate) fn admission(result: &'static str, since: Instant) {
    counter!(ADMISSIONS, "result" => result).increment(1);
    histogram!(ADMISSION_SECONDS).record(since.elapsed().as_secs_f64());
}

/// Measures the verification of a group of `size` proofs.
pub(crate) fn verifying<T>(size: usize, verify: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = verify();
    histogram!(VERIFY_SECONDS).record(start.elapsed().as_secs_f64());
    histogram!(VERIFY_SIZE).record(size as f64);
    result
}

/// Measures the synced write of accepted submissions.
pub(crate) fn storing<T>(store: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = store();
    histogram!(COMMIT_SECONDS).record(start.elapsed().as_secs_f64());
    result
}

/// Sets the number of transactions in the mempool. No metric counts legs of swaps: whoever read it
/// around a batch would learn which batch holds swaps.
pub(crate) fn mempool(queued: usize) {
    gauge!(MEMPOOL).set(queued as f64);
}

/// Counts a message by its verdict.
pub(crate) fn message(result: &'static str) {
    counter!(MESSAGES, "result" => result).increment(1);
}

/// Sets the number of messages in the mailbox.
pub(crate) fn messages_held(count: usize) {
    gauge!(MESSAGES_HELD).set(count as f64);
}

/// Sets the number of deposits that wait to be sealed.
pub(crate) fn deposits_waiting(count: usize) {
    gauge!(DEPOSITS).set(count as f64);
}

/// Sets the number of sealed and unsettled batches.
pub(crate) fn unsettled(count: u64) {
    gauge!(UNSETTLED).set(count as f64);
}

/// Counts a batch that reached a stage and measures the time it took.
pub(crate) fn stage(name: &'static str, since: Instant) {
    counter!(BATCHES, "stage" => name).increment(1);
    histogram!(STAGE_SECONDS, "stage" => name).record(since.elapsed().as_secs_f64());
}

/// Counts transactions by their fate.
pub(crate) fn transactions(fate: &'static str, count: usize) {
    counter!(TRANSACTIONS, "fate" => fate).increment(count as u64);
}

/// Adds the cost of a settlement.
pub(crate) fn settlement(gas: u64, calldata: u64) {
    counter!(GAS).increment(gas);
    counter!(CALLDATA).increment(calldata);
}

/// Sets the progress of the present phase of the present proof.
pub(crate) fn proving(done: u64, total: u64) {
    if total > 0 {
        gauge!(PROVING).set(done as f64 / total as f64);
    }
}

/// Sets whether the pipeline has halted.
pub(crate) fn halted(yes: bool) {
    gauge!(HALTED).set(if yes { 1.0 } else { 0.0 });
}

/// Sets number and age of L1's newest seen block.
pub(crate) fn l1_head(number: u64, age: u64) {
    gauge!(L1_BLOCK).set(number as f64);
    gauge!(L1_AGE).set(age as f64);
}

/// Counts a reorganisation of L1.
pub(crate) fn reorganised() {
    counter!(REORGANISATIONS).increment(1);
}

/// Counts a change of deposits that were read.
pub(crate) fn requeued() {
    counter!(REQUEUED).increment(1);
}

/// Sets the number of L1's batches that are not imported.
pub(crate) fn behind(count: u64) {
    gauge!(BEHIND).set(count as f64);
}

/// Shows the operator's L1 transactions until their manager ends.
pub async fn report_transactions(mut status: watch::Receiver<Status>) {
    // A gauge that is set before the recorder is installed is lost.
    recorder();
    let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
    loop {
        // An age grows while nothing else changes, and the manager publishes each look.
        let now = status.borrow_and_update().clone();
        if let Some(balance) = now.balance_wei {
            gauge!(L1_BALANCE).set(f64::from(balance));
        }
        gauge!(L1_LOW_BALANCE).set(flag(now.low_balance || now.lacks_ether));
        gauge!(L1_PENDING).set(now.pending.len() as f64);
        gauge!(L1_OLDEST).set(now.oldest_pending_s() as f64);
        gauge!(L1_FEE_CAP).set(flag(now.fee_cap_reached));
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// Counts a request and measures the time to its answer.
pub(crate) fn http(route: String, status: u16, since: Instant) {
    counter!(HTTP, "route" => route.clone(), "status" => status.to_string()).increment(1);
    histogram!(HTTP_SECONDS, "route" => route).record(since.elapsed().as_secs_f64());
}
