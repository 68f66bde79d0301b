//! Configuration, keys and ports of a sequencer.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

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

use crate::{
    Keys, Rollup,
    config::{Environment, layered_over},
    keys::refuse_unsafe,
    proofs::with_bars,
};

/// Store of a sequencer whose configuration names none, relative to the current directory.
const DEFAULT_STORE: &str = ".subrosa/sequencer";

/// Makes a sequencer's configuration for `rollup`: defaults, then the TOML `file`, then environment
/// variables `SUBROSA_SEQUENCER_…`, then `flags`. Where nothing else names them, fees go to
/// `operator`, batches have the shapes that L1 has registered, and wallets are offered the
/// transaction keys in `keys`.
///
/// # Errors
/// If the file or a value is malformed, or L1 does not answer.
pub async fn configure(
    rollup: &Rollup,
    operator: Address,
    keys: &Path,
    file: Option<&Path>,
    flags: impl Serialize,
) -> anyhow::Result<Config> {
    let view = rollup.client(None).rollup().await?;
    let shapes: Vec<usize> = view.shapes.iter().map(|shape| shape.slots()).collect();
    ensure!(
        !shapes.is_empty(),
        "the rollup has no shape of batches: register one before starting a sequencer"
    );
    let defaults = json!({
        "store": DEFAULT_STORE,
        "fee_recipient": lower(operator),
        "key_directory": keys,
        "seal": { "shapes": shapes },
    });
    let contracts = rollup.contracts();
    let identity = json!({
        "chain_id": rollup.chain_id(),
        "rollup": lower(contracts.rollup),
        "vault": lower(contracts.vault),
    });
    let environment = Environment::of_process("SUBROSA_SEQUENCER_");
    settings(&defaults, file, &environment, flags, identity)
}

/// Returns the store that a sequencer's configuration names: the flag, the environment, the TOML
/// `file`, or the default. Needs no L1.
///
/// # Errors
/// If the file or the value is malformed.
pub fn store_path(file: Option<&Path>, flag: Option<&Path>) -> anyhow::Result<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Named {
        store: PathBuf,
    }
    let environment = Environment::of_process("SUBROSA_SEQUENCER_");
    let flags = flag.map_or_else(|| json!({}), |store| json!({ "store": store }));
    let defaults = json!({ "store": DEFAULT_STORE });
    let named: Named = layered_over(defaults, file, &environment, flags)?;
    Ok(named.store)
}

/// Joins the layers of a sequencer's configuration. Nothing overrides the `identity` of its rollup.
fn settings(
    defaults: &Value,
    file: Option<&Path>,
    environment: &Environment,
    flags: impl Serialize,
    identity: Value,
) -> anyhow::Result<Config> {
    let mut flags = serde_json::to_value(flags)?;
    if let (Value::Object(flags), Value::Object(identity)) = (&mut flags, identity) {
        flags.extend(identity);
    }
    layered_over(defaults, file, environment, flags)
        .context("the sequencer's configuration is wrong")
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
    let mut ports = assembled(rollup, Some(operator), keys)?;
    ports.prover = with_bars(ports.prover, bars);
    Ok(ports)
}

/// Returns the ports of a sequencer that only follows `rollup`: it has no operator and no batch
/// keys.
///
/// # Errors
/// If development keys meet a chain that is not a development chain, or the system provides no
/// threads.
pub fn follower_ports(rollup: &Rollup, verifier: TransactionVerifier) -> anyhow::Result<Ports> {
    let batch = Vec::new();
    assembled(rollup, None, SequencerKeys { verifier, batch })
}

fn assembled(
    rollup: &Rollup,
    operator: Option<Account>,
    keys: SequencerKeys,
) -> anyhow::Result<Ports> {
    refuse_unsafe(keys.is_unsafe_development(), rollup)?;
    Ok(Ports {
        verifier: Arc::new(Groth16Verifier::new(keys.verifier)),
        prover: Arc::new(LocalProver::new(keys.batch, None)?),
        settlement: Arc::new(L1Settlement::new(rollup.client(operator))),
        clock: SystemClock::shared(),
    })
}

/// Keeps the operator's L1 transactions beside the store, and shows them in the metrics
/// from now on. Call it before the sequencer starts.
///
/// # Errors
/// If the operator sends already, or its journal cannot be used.
pub async fn keep_transactions(
    rollup: &Rollup,
    operator: &Account,
    config: &Config,
) -> anyhow::Result<()> {
    // Beside the store: it outlives a store that is made anew.
    let directory = config.store.with_extension("transactions");
    rollup
        .keep_transactions(operator.address(), config.transactions.clone(), directory)
        .await?;
    let status = rollup.client(Some(operator.clone())).transactions().await?;
    tokio::spawn(report_transactions(status));
    Ok(())
}

#[cfg(test)]
mod tests {
    use subrosa_protocol::batch::Shape;

    use super::*;

    const OPERATOR: [u8; 20] = [0x11; 20];
    const TREASURY: &str = "0x2222222222222222222222222222222222222222";

    /// Joins the layers over some defaults.
    fn joined(file: &str, environment: &[(&str, &str)], flags: Value) -> anyhow::Result<Config> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("sequencer.toml");
        std::fs::write(&path, file)?;
        let defaults = json!({
            "store": DEFAULT_STORE,
            "fee_recipient": lower(OPERATOR.into()),
            "seal": { "shapes": [4, 16] },
        });
        let identity = json!({
            "chain_id": 31_337,
            "rollup": lower([0xa1; 20].into()),
            "vault": lower([0xb2; 20].into()),
        });
        let variables = environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let environment = Environment::new("SUBROSA_SEQUENCER_", variables);
        settings(&defaults, Some(&path), &environment, flags, identity)
    }

    fn flags(value: &str) -> Value {
        json!({ "fee_recipient": value })
    }

    #[test]
    fn each_layer_names_the_fee_recipient_over_those_below_it() -> anyhow::Result<()> {
        let address = |digit: &str| format!("0x{}", digit.repeat(40));
        let file = format!("fee_recipient = \"{TREASURY}\"");
        let (three, four) = (address("3"), address("4"));
        let variable = [("SUBROSA_SEQUENCER_FEE_RECIPIENT", three.as_str())];
        assert_eq!(joined("", &[], json!({}))?.fee_recipient, OPERATOR);
        assert_eq!(joined(&file, &[], json!({}))?.fee_recipient, [0x22; 20]);
        assert_eq!(
            joined(&file, &variable, json!({}))?.fee_recipient,
            [0x33; 20]
        );
        let all = joined(&file, &variable, flags(&four))?;
        assert_eq!(all.fee_recipient, [0x44; 20]);
        Ok(())
    }

    #[test]
    fn later_settings_replace_earlier_ones_level_by_level() -> anyhow::Result<()> {
        let file = "store = \"a\"\nmin_fee = \"5\"\n[seal]\nmax_wait_ms = 1\nshapes = [4]";
        let environment = [
            ("SUBROSA_SEQUENCER_SEAL__SHAPES", "[16]"),
            ("SUBROSA_SEQUENCER_SETTLE__POLL_MS", "7"),
            ("SUBROSA_SEQUENCER_STORE", "b"),
            ("SUBROSA_SEQUENCER_MIN_FEE", "18446744073709551616"),
            ("SUBROSA_SEQUENCER_CONFIG", "somewhere.toml"),
        ];
        let found = joined(file, &environment, json!({ "chain_id": 1 }))?;
        assert_eq!(found.seal.shapes, [Shape::S16]);
        assert_eq!((found.seal.max_wait_ms, found.settle.poll_ms), (1, 7));
        assert_eq!(found.store, Path::new("b"));
        assert_eq!(found.min_fee, 1 << 64);
        assert_eq!(found.chain_id, 31_337);
        Ok(())
    }

    #[test]
    fn variables_that_kubernetes_injects_are_ignored() -> anyhow::Result<()> {
        let environment = [
            ("SUBROSA_SEQUENCER_PORT", "tcp://10.0.0.7:7300"),
            ("SUBROSA_SEQUENCER_PORT_7300_TCP", "tcp://10.0.0.7:7300"),
            ("SUBROSA_SEQUENCER_PORT_7300_TCP_ADDR", "10.0.0.7"),
            ("SUBROSA_SEQUENCER_SERVICE_HOST", "10.0.0.7"),
            ("SUBROSA_SEQUENCER_SERVICE_PORT", "7300"),
            ("SUBROSA_SEQUENCER_SERVICE_PORT_HTTP", "7300"),
            ("SUBROSA_SEQUENCER_SEAL__NO_SUCH_SETTING", "1"),
            ("SUBROSA_SEQUENCER_SEAL__MAX_WAIT_MS", "9"),
        ];
        let found = joined("", &environment, json!({}))?;
        assert_eq!(found.seal.max_wait_ms, 9);
        assert_eq!(found.listen.port(), 7300);
        Ok(())
    }

    #[test]
    fn a_misspelt_setting_of_the_file_is_an_error() {
        for file in ["min_fees = \"5\"", "[seal]\nmax_wait = 1"] {
            let kubernetes = [("SUBROSA_SEQUENCER_PORT", "tcp://10.0.0.7:7300")];
            for environment in [&[][..], &kubernetes] {
                let error = joined(file, environment, json!({})).expect_err("refused");
                let text = format!("{error:#}");
                assert!(
                    text.contains("max_wait") || text.contains("min_fees"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_malformed_value_of_a_known_variable_is_an_error() {
        let environment = [("SUBROSA_SEQUENCER_SEAL__MAX_WAIT_MS", "soon")];
        assert!(joined("", &environment, json!({})).is_err());
    }
}
