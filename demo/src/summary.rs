//! Output at the end of a demonstration.

use anyhow::ensure;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use subrosa_node::system::{median, peak_rss_bytes, rounded};
use subrosa_wallet::amount::format;

use crate::{
    account::Snapshot,
    desk::{End, Outcome},
    world::World,
};

/// Returns a table with a header and some columns aligned to the right.
pub(crate) fn aligned(header: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(header);
    table.add_rows(rows);
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Shows the balances before and after.
pub(crate) fn table(before: &Snapshot, after: &Snapshot) -> Table {
    let header = [
        "institution",
        "asset",
        "inside before",
        "on L1 before",
        "inside after",
        "on L1 after",
    ];
    let rows = before.holdings.iter().zip(&after.holdings);
    let rows = rows.map(|(old, new)| {
        let show = |units| format(units, old.1.decimals);
        vec![
            old.0.clone(),
            old.1.symbol.clone(),
            show(old.2),
            show(old.3),
            show(new.2),
            show(new.3),
        ]
    });
    aligned(&header, &[2, 3, 4, 5], rows.collect())
}

/// Shows every trade and its end.
pub(crate) fn trades(outcomes: &[Outcome]) -> Table {
    let header = ["requester", "gives", "quoter", "gives", "ended"];
    let rows = outcomes.iter().map(|Outcome { trade, end, .. }| {
        vec![
            trade.requester.clone(),
            format!("{} {}", trade.give_amount, trade.give),
            trade.quoter.clone(),
            format!("{} {}", trade.want_amount, trade.want),
            format!("{end:?}").to_lowercase(),
        ]
    });
    aligned(&header, &[1, 3], rows.collect())
}

/// Returns the figures of swaps for the line of JSON.
pub(crate) fn swaps(outcomes: &[Outcome]) -> Value {
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

/// Returns the line of JSON with the figures of this run. `more` are the figures of this scenario
/// alone. Where services are processes of their own, their proving times are as their metrics have
/// them, and the peak memory is of this process.
pub(crate) async fn line(world: &World, scenario: &str, more: Value) -> anyhow::Result<String> {
    let settled = world.settled().await?;
    let transactions: usize = settled.iter().map(|b| b.transactions.len()).sum();
    ensure!(transactions > 0, "no transaction settled");
    let count = transactions as f64;
    let data: usize = settled
        .iter()
        .map(|b| b.transaction_data().len() + b.withdrawal_data().len())
        .sum();
    let mut line = json!({
        "scenario": scenario,
        "transactions": transactions,
        "batches": settled.len(),
        "settled": true,
        "l1_state_root": world.l1_state_root().await?,
        "verify_gas": world.verify_gas().await?,
        "gas_per_transaction": rounded(world.settlement_gas().await? / count, 0),
        "data_bytes_per_transaction": rounded(data as f64 / count, 1),
        "peak_rss_bytes": peak_rss_bytes(),
    });
    let times = world.times().await?;
    let times = [
        ("client_prove_ms_median", times.client_ms_median, 1),
        ("batch_prove_s_median", times.batch_s_median, 3),
        ("batch_prove_s_mean", times.batch_s_mean, 3),
    ];
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        for (name, time, decimals) in times {
            if let Some(time) = time {
                line.insert(name.to_owned(), json!(rounded(time, decimals)));
            }
        }
        line.extend(more);
    }
    Ok(line.to_string())
}
