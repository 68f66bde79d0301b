//! Settings of the transaction manager.

use serde::{Deserialize, Serialize};

use crate::development::is_development_chain;

/// Smallest rise of a replacement's fees that the settings allow, in thousandths. Nodes refuse a
/// rise below 10 %, and some of them below 12.5 %.
const LEAST_BUMP: u32 = 125;

/// How the transactions of an account are priced, watched and replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Smallest priority fee, wei per gas. A node forgets transactions that offer almost nothing.
    pub min_tip_wei: u64,
    /// Highest fee that any transaction offers, wei per gas. A transaction that needs more waits
    /// until the price has fallen.
    pub max_fee_wei: u64,
    /// Seconds for which a transaction waits before it is replaced at a higher price.
    pub attempt_s: u64,
    /// Rise of both fees at each replacement, in thousandths; at least 125.
    pub bump_permille: u32,
    /// Gas beyond the node's estimate, in hundredths of the estimate. Others can make a transaction
    /// dearer after the estimate, for example by emptying a storage slot that it writes.
    pub gas_margin_percent: u32,
    /// Gas beyond the estimate and its margin.
    pub gas_spare: u64,
    /// Seconds for which one request waits for its transaction. The transaction itself has no time
    /// limit, and a repeated request finds it.
    pub wait_s: u64,
    /// Depth at which a transaction is no longer watched; the newest block has depth 1. By default
    /// it is watched until its block is final; on a chain that names no final block until depth 1
    /// on development chains, and 12 on all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmations: Option<u64>,
    /// Longest pause between two looks at an open transaction, in milliseconds.
    pub poll_ms: u64,
    /// Time limit of one request to the node, in milliseconds.
    pub request_ms: u64,
    /// Balance below which the account's status warns, in gwei (10⁻⁹ ether).
    pub low_balance_gwei: u64,
    /// Number of ended transactions whose outcome is kept, for requests that are repeated.
    pub remember: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_tip_wei: 100_000_000,
            max_fee_wei: 500_000_000_000,
            attempt_s: 45,
            bump_permille: LEAST_BUMP,
            gas_margin_percent: 20,
            gas_spare: 10_000,
            wait_s: 120,
            confirmations: None,
            poll_ms: 1_000,
            request_ms: 20_000,
            low_balance_gwei: 100_000_000,
            remember: 256,
        }
    }
}

impl Settings {
    /// Returns the depth at which a transaction of this chain is no longer watched.
    #[must_use]
    pub fn depth(&self, chain_id: u64) -> u64 {
        let usual = if is_development_chain(chain_id) {
            1
        } else {
            12
        };
        self.confirmations.unwrap_or(usual).max(1)
    }

    /// Returns the fee after one rise, rounded up.
    pub(super) fn raised(&self, fee: u64) -> u64 {
        let permille = 1_000 + u128::from(self.bump_permille.max(LEAST_BUMP));
        let raised = (u128::from(fee) * permille).div_ceil(1_000);
        u64::try_from(raised).unwrap_or(u64::MAX)
    }

    /// Returns the gas limit for an estimate. `spare` is what the caller asks for besides, and
    /// `block` the gas limit of a block.
    pub(super) fn gas_limit(&self, estimate: u64, spare: u64, block: u64) -> u64 {
        let margin = u128::from(estimate) * u128::from(self.gas_margin_percent) / 100;
        let margin = u64::try_from(margin).unwrap_or(u64::MAX);
        estimate
            .saturating_add(margin)
            .saturating_add(self.gas_spare)
            .saturating_add(spare)
            .min(block)
    }
}
