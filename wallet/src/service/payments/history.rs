//! History as the gateway shows it.

use subrosa_protocol::encryption::Memo;

use super::super::{ShownAsset, Wallet, addresses::Addresses};
use crate::chain::MovementKind;

/// One line of history.
#[derive(Clone)]
pub struct HistoryLine {
    /// Batch time, Unix seconds.
    pub time: u64,
    /// Index of the batch.
    pub batch: u64,
    /// Kind of the movement.
    pub kind: MovementKind,
    /// The asset.
    pub asset: ShownAsset,
    /// Base units.
    pub amount: u128,
    /// Owner id of the other party, or the L1 account, 0x hex. A restored wallet shows the same.
    pub counterparty: Option<String>,
    /// Address of the other party, encoded, if the wallet has learnt it.
    pub counterparty_address: Option<String>,
    /// Memo. U+FFFD replaces unsafe characters.
    pub memo: Option<String>,
    /// Whether L1 has accepted the batch.
    pub settled: bool,
}

impl Wallet {
    /// Returns the movements from batch `from` on, oldest first.
    pub async fn history(&self, from: u64) -> Vec<HistoryLine> {
        let inner = self.inner.lock().await;
        let addresses = Addresses::known(&inner.state, self.keys.address(), self.network);
        inner
            .chain
            .movements()
            .iter()
            .filter(|m| m.batch >= from)
            .filter_map(|m| {
                Some(HistoryLine {
                    time: m.time,
                    batch: m.batch,
                    kind: m.kind,
                    asset: inner.shown_asset(m.asset)?,
                    amount: m.amount,
                    counterparty: m
                        .to
                        .map(|to| to.to_string())
                        .or_else(|| m.recipient.map(|r| format!("0x{}", hex::encode(r)))),
                    counterparty_address: m.to.and_then(|to| addresses.of(&to)),
                    memo: m
                        .memo
                        .as_ref()
                        .filter(|memo| !memo.is_empty())
                        .map(Memo::to_string),
                    settled: m.batch <= inner.settled,
                })
            })
            .collect()
    }
}
