//! Configuration, keys and ports of a sequencer.

use std::{path::Path, sync::Arc};

use alloy_primitives::Address;
use anyhow::{Context as _, ensure};
use indicatif::MultiProgress;
use serde::Serialize;
use serde_json::{Value, json};
use subrosa_clock::SystemClock;
use subrosa_l1::Account;
use subrosa_prover::{batch::BatchKeys, groth16::TransactionVerifier};
use subrosa_sequencer::{
    Config, Ports,
    adapters::{Groth16Verifier, L1Settlement, LocalProver},
    report_transactions,
};

use crate::{Keys, Rollup, config::layered, keys::refuse_unsafe, proofs::with_bars};

/// Store of a sequencer whose configuration names none, relative to the current directory.
const DEFAULT_STORE: &str = ".subrosa/sequencer";

/// Makes a sequencer's configuration for `rollup`: defaults, then the TOML `file`, then environment
/// variables `SUBROSA_SEQUENCER_…`, then `flags`. Fees go to `operator` unless the file names
/// another recipient. Where nothing names shapes, the sequencer seals those that L1 has registered.
///
/// # Errors
/// If the file or a value is malformed, or L1 does not answer.
pub async fn configure(
    rollup: &Rollup,
    operator: Address,
    file: Option<&Path>,
    flags: impl Serialize,
) -> anyhow::Result<Config> {
    let contracts = rollup.contracts();
    let view = rollup.client(None).rollup().await?;
    let shapes: Vec<usize> = view.shapes.iter().map(|shape| shape.slots()).collect();
    ensure!(
        !shapes.is_empty(),
        "the rollup has no shape of batches: register one before starting a sequencer"
    );
    let mut settings = json!({
        "store": DEFAULT_STORE,
        "fee_recipient": lower(operator),
        "seal": { "shapes": shapes },
    });
    let identity = json!({
        "chain_id": rollup.chain_id(),
        "rollup": lower(contracts.rollup),
        "vault": lower(contracts.vault),
    });
    merge(&mut settings, layered(file, "SUBROSA_SEQUENCER_", flags)?);
    merge(&mut settings, identity);
    serde_json::from_value(settings).context("the sequencer's configuration is wrong")
}

/// Writes `over`'s fields over those of `under`, level by level.
fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                merge(under.entry(name).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

fn lower(address: Address) -> String {
    address.to_string().to_lowercase()
}

/// Keys of a sequencer.
pub struct SequencerKeys {
    /// Verifying key of the transaction circuit.
    pub verifier: TransactionVerifier,
    /// Keys of the batch circuit, one for each shape that is sealed.
    pub batch: Vec<Arc<BatchKeys>>,
}

impl SequencerKeys {
    /// Loads the keys that `config` needs. Blocks: missing development keys are made.
    ///
    /// # Errors
    /// The key store's, or if the device is not there.
    pub fn load(keys: &Keys, config: &Config, bars: &MultiProgress) -> anyhow::Result<Self> {
        Ok(Self {
            verifier: keys.transaction_verifier(bars)?,
            batch: keys.batch(&config.seal.shapes, bars)?,
        })
    }

    fn is_unsafe_development(&self) -> bool {
        self.verifier.is_unsafe_development()
            || self.batch.iter().any(|keys| keys.is_unsafe_development())
    }
}

/// Returns the ports of a sequencer that settles on `rollup` as `operator` and proves batches in
/// this process, on the system's clock. Wrap or replace the ports to observe its work.
///
/// # Errors
/// If development keys meet a chain that is not a development chain, or the system provides no
/// threads for the prover.
pub fn ports(
    rollup: &Rollup,
    operator: Account,
    keys: SequencerKeys,
    bars: &MultiProgress,
) -> anyhow::Result<Ports> {
    refuse_unsafe(keys.is_unsafe_development(), rollup)?;
    let prover = Arc::new(LocalProver::new(keys.batch, None)?);
    Ok(Ports {
        verifier: Arc::new(Groth16Verifier::new(keys.verifier)),
        prover: with_bars(prover, bars),
        settlement: Arc::new(L1Settlement::new(rollup.client(Some(operator)))),
        clock: SystemClock::shared(),
    })
}

/// Keeps the operator's L1 transactions in the store's directory, and shows them in the metrics
/// from now on. Call it before the sequencer starts.
///
/// # Errors
/// If the operator sends already, or its journal cannot be used.
pub async fn keep_transactions(
    rollup: &Rollup,
    operator: &Account,
    config: &Config,
) -> anyhow::Result<()> {
    let directory = config.store.join("transactions");
    rollup
        .keep_transactions(operator.address(), config.transactions.clone(), directory)
        .await?;
    let status = rollup.client(Some(operator.clone())).transactions().await?;
    tokio::spawn(report_transactions(status));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_settings_replace_earlier_ones_level_by_level() {
        let mut settings = json!({ "store": "a", "seal": { "shapes": [4], "max_wait_ms": 1 } });
        merge(
            &mut settings,
            json!({ "store": "b", "seal": { "shapes": [16] }, "min_fee": "5" }),
        );
        assert_eq!(
            settings,
            json!({
                "store": "b",
                "seal": { "shapes": [16], "max_wait_ms": 1 },
                "min_fee": "5"
            })
        );
    }
}
