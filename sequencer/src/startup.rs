//! The checks of configuration, chain and store at start.

use std::time::Duration;

use subrosa_l1::development::is_development_chain;
use subrosa_protocol::Fr;

use crate::{
    config::{Config, ConfigError},
    mailbox::Mailbox,
    node::Registry,
    ports::{Ports, ProofVerifier, RollupView, SettlementError},
    recovery::{Recovered, RecoveryError, recover},
    serve::TlsError,
    store::{Store, StoreError, tables::Identity},
    wire::fr_hex,
};

/// Number of reloaded submissions whose proofs are verified together.
const REVERIFY: usize = 256;

/// Number of attempts to reach the chain at start.
pub const START_ATTEMPTS: u32 = 10;

/// The reason why the sequencer did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    /// The chain did not answer.
    #[error(transparent)]
    Settlement(#[from] SettlementError),
    /// The chain is not the configured one.
    #[error("the chain has {what} {found}, but {expected} is configured")]
    Chain {
        /// The property that differs.
        what: &'static str,
        /// Its value on the chain.
        found: String,
        /// Its value in the configuration.
        expected: String,
    },
    /// The prover or the contract has no key for an enabled shape.
    #[error(
        "shape {slots} has no verifying key {place}; remove it from seal.shapes or add its key"
    )]
    Shape {
        /// Slots of the shape.
        slots: usize,
        /// The place where the key is missing.
        place: &'static str,
    },
    /// The keys come from a development setup, and the chain is not a development chain.
    #[error(
        "the verifying key is an unsafe development key, and chain {chain_id} is not a \
         development chain"
    )]
    UnsafeKeys {
        /// Chain id.
        chain_id: u64,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store is not sound.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The proof of a reloaded submission is not valid.
    #[error("the proof of the reloaded transaction {digest} is not valid")]
    Proof {
        /// Digest, hex.
        digest: String,
    },
    /// The certificate for TLS cannot be used.
    #[error("http.tls: {0}")]
    Tls(#[from] TlsError),
    /// The address is in use, or the system gives no thread.
    #[error("{what} failed")]
    Io {
        /// The action that failed.
        what: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// A task that checks the store failed.
    #[error("the start was interrupted")]
    Interrupted,
}

/// Makes a [`StartError::Io`] of an error of the action `what`.
pub(crate) fn io(what: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |source| StartError::Io { what, source }
}

/// Checks the configuration, and that its keys are allowed on its chain. Returns the context of the
/// rollup's transactions.
pub(crate) fn check_config(config: &Config, ports: &Ports) -> Result<Fr, StartError> {
    config.validate()?;
    let chain_id = config.chain_id;
    if ports.verifier.is_unsafe_development() && !is_development_chain(chain_id) {
        return Err(StartError::UnsafeKeys { chain_id });
    }
    Ok(config.context())
}

/// Opens the store and the mailbox, checks them and rebuilds memory.
pub(crate) async fn open_store(
    config: &Config,
    ports: &Ports,
    context: Fr,
) -> Result<(Store, Mailbox, Recovered), StartError> {
    let identity = Identity {
        chain_id: config.chain_id,
        rollup: config.rollup,
        key_hash: ports.verifier.key_hash(),
    };
    let path = config.store.clone();
    let verifier = ports.verifier.clone();
    let reverify = config.admission.reverify_on_start;
    let mailbox_config = config.mailbox.clone();
    let now = ports.clock.unix();
    tokio::task::spawn_blocking(move || {
        let store = Store::open(&path)?;
        let recovered = recover(&store, &identity, &context)?;
        if reverify {
            verify_reloaded(&recovered, verifier.as_ref())?;
        }
        let mailbox = Mailbox::open(&store, &mailbox_config, now)?;
        Ok((store, mailbox, recovered))
    })
    .await
    .map_err(|_| StartError::Interrupted)?
}

/// Checks that the chain is the configured one and can settle the batches of this sequencer. An
/// answer that fails or makes no sense is asked for again, a bounded number of times.
pub(crate) async fn check_chain(
    config: &Config,
    ports: &Ports,
    context: &Fr,
) -> Result<(RollupView, Registry), StartError> {
    let mut pause = Duration::from_millis(config.settle.backoff_ms);
    let mut attempt = 0;
    loop {
        attempt += 1;
        match look_at_chain(config, ports, context).await {
            Err(StartError::Settlement(error)) if attempt < START_ATTEMPTS => {
                tracing::warn!(attempt, "the chain does not answer as it should: {error}");
                ports.clock.sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(config.settle.backoff_max_ms));
            }
            other => return other,
        }
    }
}

async fn look_at_chain(
    config: &Config,
    ports: &Ports,
    context: &Fr,
) -> Result<(RollupView, Registry), StartError> {
    let chain_id = ports.settlement.chain_id().await?;
    if chain_id != config.chain_id {
        return Err(StartError::Chain {
            what: "id",
            found: chain_id.to_string(),
            expected: config.chain_id.to_string(),
        });
    }
    let view = ports.settlement.rollup().await?;
    if view.context != *context {
        return Err(StartError::Chain {
            what: "context",
            found: fr_hex(&view.context),
            expected: fr_hex(context),
        });
    }
    let provable = ports.prover.shapes();
    let sealed = if config.follow {
        &[][..]
    } else {
        &config.seal.shapes
    };
    for shape in sealed {
        let slots = shape.slots();
        if !provable.contains(shape) {
            return Err(StartError::Shape {
                slots,
                place: "at the prover",
            });
        }
        if !view.shapes.contains(shape) {
            return Err(StartError::Shape {
                slots,
                place: "on the chain",
            });
        }
    }
    let registry = Registry::read(&*ports.settlement, view.assets_root).await?;
    // Taken over, a false root would reject everything that waits.
    let registry = registry.ok_or_else(|| SettlementError::Invalid {
        reason: "the assets that L1 lists do not have the root that it states".into(),
    })?;
    Ok((view, registry))
}

/// Verifies the proofs of all reloaded submissions again, sealed or not. A batch that holds a
/// transaction without a valid proof could never be proven.
fn verify_reloaded(recovered: &Recovered, verifier: &dyn ProofVerifier) -> Result<(), StartError> {
    let accepted = [&recovered.unproven[..], &recovered.mempool].into_iter();
    for group in accepted.flat_map(|accepted| accepted.chunks(REVERIFY)) {
        let statements: Vec<_> = group.iter().map(|(_, s)| (s.id, s.proof)).collect();
        let verdicts = verifier.verify_batch(&statements);
        for (place, (_, submission)) in group.iter().enumerate() {
            if !verdicts.get(place).copied().unwrap_or(false) {
                return Err(StartError::Proof {
                    digest: hex::encode(submission.id.to_bytes()),
                });
            }
        }
    }
    Ok(())
}
