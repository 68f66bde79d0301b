//! What the demonstration shows at its end.

use anyhow::ensure;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::json;
use subrosa_wallet::amount::format;

use super::{account::Snapshot, world::World};
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

/// The line of JSON: every figure is of this run.
pub(super) async fn line(world: &World) -> anyhow::Result<String> {
    let settled = world.settled();
    let transactions: usize = settled.iter().map(|b| b.transactions).sum();
    ensure!(transactions > 0, "no transaction settled");
    let count = transactions as f64;
    let gas: u64 = settled.iter().map(|b| b.gas_used).sum();
    let data: u64 = settled.iter().map(|b| b.data_bytes).sum();
    let made = world.batch_proofs();
    let proving: Vec<f64> = made.iter().map(|m| m.seconds).collect();
    Ok(json!({
        "scenario": "transfer",
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
    })
    .to_string())
}
