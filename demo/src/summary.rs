//! What the demonstration shows at its end.

use anyhow::ensure;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use subrosa_wallet::amount::format;

use super::{
    account::Snapshot,
    desk::{End, Outcome},
    world::World,
};
use crate::system::{median, peak_rss_bytes, rounded};

/// Balances before and after.
pub(super) fn table(before: &Snapshot, after: &Snapshot) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "institution",
        "asset",
        "inside before",
        "on L1 before",
        "inside after",
        "on L1 after",
    ]);
    for (old, new) in before.holdings.iter().zip(&after.holdings) {
        let show = |units| format(units, old.1.decimals);
        table.add_row([
            old.0.clone(),
            old.1.symbol.clone(),
            show(old.2),
            show(old.3),
            show(new.2),
            show(new.3),
        ]);
    }
    for column in 2..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Every trade and what became of it.
pub(super) fn trades(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "requester",
        "gives",
        "quoter",
        "gives",
        "ended",
    ]);
    for Outcome { trade, end, .. } in outcomes {
        let give = |amount: &str, asset: &str| format!("{amount} {asset}");
        table.add_row([
            trade.requester.clone(),
            give(&trade.give_amount, &trade.give),
            trade.quoter.clone(),
            give(&trade.want_amount, &trade.want),
            format!("{end:?}").to_lowercase(),
        ]);
    }
    for column in [1, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// What the line of JSON says of swaps.
pub(super) fn swaps(outcomes: &[Outcome]) -> Value {
    let ended = |as_: End| outcomes.iter().filter(|o| o.end == as_).count();
    let latencies: Vec<f64> = outcomes
        .iter()
        .filter_map(|o| o.latency)
        .map(|latency| latency.as_secs_f64() * 1e3)
        .collect();
    json!({
        "swaps_settled": ended(End::Settled),
        "swaps_expired": ended(End::Expired),
        "swaps_declined": ended(End::Declined),
        "swaps_cancelled": ended(End::Cancelled),
        "swap_races_lost": outcomes.iter().map(|o| o.lost_races).sum::<usize>(),
        "swap_latency_ms_median": rounded(median(&latencies), 0),
    })
}

/// The line of JSON: every figure is of this run. `more` are the figures of the scenario alone.
pub(super) async fn line(world: &World, scenario: &str, more: Value) -> anyhow::Result<String> {
    let settled = world.settled();
    let transactions: usize = settled.iter().map(|b| b.transactions).sum();
    ensure!(transactions > 0, "no transaction settled");
    let count = transactions as f64;
    let gas: u64 = settled.iter().map(|b| b.gas_used).sum();
    let data: u64 = settled.iter().map(|b| b.data_bytes).sum();
    let times = world.batch_proof_times();
    let proving: Vec<f64> = times.iter().map(|t| t.elapsed.as_secs_f64()).collect();
    let mut line = json!({
        "scenario": scenario,
        "transactions": transactions,
        "batches": settled.len(),
        "settled": true,
        "l1_state_root": world.l1_state_root().await?,
        "verify_gas": world.verify_gas().await?,
        "gas_per_transaction": rounded(gas as f64 / count, 0),
        "data_bytes_per_transaction": rounded(data as f64 / count, 1),
        "client_prove_ms_median": rounded(median(&world.client_proof_ms()), 1),
        "batch_prove_s_median": rounded(median(&proving), 3),
        "peak_rss_bytes": peak_rss_bytes(),
    });
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    Ok(line.to_string())
}
