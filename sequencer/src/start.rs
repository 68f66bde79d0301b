//! Starting and stopping.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use subrosa_protocol::Fr;
use subrosa_protocol::ledger;
use subrosa_protocol::transaction::Context;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admission::{self, AdmissionQueue, Committer};
use crate::api::Api;
use crate::config::{Config, ConfigError};
use crate::node::{BatchEvent, Node, Registry};
use crate::health::{Halt, Health};
use crate::mailbox::{self, Mailbox};
use crate::pipeline;
use crate::ports::{Ports, RollupView, SettlementError};
use crate::store::recovery::{Recovered, RecoveryError, recover};
use crate::store::tables::Identity;
use crate::store::{Store, StoreError};
use crate::telemetry;

/// Reloaded submissions whose proofs are verified together.
const REVERIFY: usize = 256;

/// Chain ids of local development nodes.
const DEVELOPMENT_CHAINS: [u64; 2] = [1337, 31337];

/// Attempts to reach the chain at start.
const START_ATTEMPTS: u32 = 10;

/// How long requests may take to finish at shutdown.
const DRAIN: Duration = Duration::from_secs(10);

/// Why the sequencer did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    /// The chain did not answer.
    #[error(transparent)]
    Settlement(#[from] SettlementError),
    /// The chain is not the one that is configured.
    #[error("the chain has {what} {found}, {expected} is configured")]
    Chain {
        /// What differs.
        what: &'static str,
        /// On the chain.
        found: String,
        /// In the configuration.
        expected: String,
    },
    /// A shape is enabled that the prover or the contract has no key for.
    #[error("shape {slots} has no verifying key {place}")]
    Shape {
        /// Slots of the shape.
        slots: usize,
        /// Where the key is missing.
        place: &'static str,
    },
    /// Keys from a development setup on a chain where they would be believed.
    #[error(
        "the verifying key is an unsafe development key and chain {chain_id} is no development chain"
    )]
    UnsafeKeys {
        /// The chain.
        chain_id: u64,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store is not sound.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// A reloaded submission's proof is not valid.
    #[error("the proof of the reloaded transaction {digest} is not valid")]
    Proof {
        /// Digest, hex.
        digest: String,
    },
    /// The address is taken, or the system gives no thread.
    #[error("{what}: {source}")]
    Io {
        /// What failed.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A task that checks the store failed.
    #[error("the start was interrupted")]
    Interrupted,
}

/// The sequencer.
#[derive(Debug, Clone, Copy)]
pub struct Sequencer;

/// A running sequencer. Dropping it stops nothing; call [`RunningSequencer::stop`].
pub struct RunningSequencer {
    addr: SocketAddr,
    node: Arc<Node>,
    tasks: Vec<JoinHandle<()>>,
    server: JoinHandle<()>,
    committer: Committer,
    threads: Arc<rayon::ThreadPool>,
}

impl Sequencer {
    /// Checks configuration, chain and store, resumes what was under way, and listens.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(config: Config, ports: Ports) -> Result<RunningSequencer, StartError> {
        config.validate()?;
        telemetry::recorder();
        telemetry::halted(false);
        let chain_id = config.chain_id;
        if ports.verifier.is_unsafe_development() && !DEVELOPMENT_CHAINS.contains(&chain_id) {
            return Err(StartError::UnsafeKeys { chain_id });
        }
        let context = Context {
            chain_id: config.chain_id,
            rollup: config.rollup,
        }
        .word();
        let (view, assets) = check_chain(&config, &ports, &context).await?;
        let ledger_config = ledger::Config {
            context,
            fee_asset: view.fee_asset,
            min_fee: config.min_fee,
        };
        let identity = Identity {
            chain_id: config.chain_id,
            rollup: config.rollup,
            key_hash: ports.verifier.key_hash(),
        };
        let path = config.store.clone();
        let verifier = ports.verifier.clone();
        let reverify = config.admission.reverify_on_start;
        let mailbox_config = config.mailbox.clone();
        let (store, mailbox, recovered) = tokio::task::spawn_blocking(move || {
            let store = Store::open(&path)?;
            let recovered = recover(&store, &identity, &context)?;
            if reverify {
                verify_reloaded(&recovered, verifier.as_ref())?;
            }
            let mailbox = Mailbox::open(&store, &mailbox_config)?;
            Ok::<_, StartError>((store, mailbox, recovered))
        })
        .await
        .map_err(|_| StartError::Interrupted)??;
        tracing::info!(
            next_batch = recovered.cursor.seal,
            unsettled = recovered.cursor.seal - recovered.cursor.settle,
            pending = recovered.mempool.len(),
            "the store is sound"
        );

        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(config.admission.threads)
            .thread_name(|index| format!("admission-{index}"))
            .panic_handler(|_| tracing::error!("a verification task panicked"))
            .build()
            .map_err(|error| StartError::Io {
                what: "admission threads",
                source: std::io::Error::other(error),
            })?;
        let threads = Arc::new(threads);
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| StartError::Io {
                what: "listening",
                source,
            })?;
        let addr = listener.local_addr().map_err(|source| StartError::Io {
            what: "listening",
            source,
        })?;
        let queue_capacity = config.admission.queue;
        let node = Arc::new(Node::new(
            config,
            ledger_config,
            ports,
            store,
            mailbox,
            recovered,
            Registry {
                root: view.assets_root,
                assets: Arc::new(assets),
            },
        ));
        let (committer, commits) =
            Committer::start(node.clone()).map_err(|source| StartError::Io {
                what: "the storing thread",
                source,
            })?;
        let (queue, parts) = AdmissionQueue::new(queue_capacity);
        let cancel = node.cancel.clone();
        let router = Api::new(node.clone(), queue).router();
        let server = tokio::spawn(serve(listener, router, cancel.clone()));
        let gather = admission::run(
            node.clone(),
            parts,
            threads.clone(),
            commits,
            cancel.clone(),
        );
        let tasks = vec![
            supervise(&node, "admission", gather),
            supervise(&node, "watch", pipeline::watch(node.clone())),
            supervise(&node, "seal", pipeline::seal(node.clone())),
            supervise(&node, "prove", pipeline::prove(node.clone())),
            supervise(&node, "settle", pipeline::settle(node.clone())),
            supervise(&node, "mailbox", mailbox::run(node.clone())),
        ];
        tracing::info!(%addr, "listening");
        Ok(RunningSequencer {
            addr,
            node,
            tasks,
            server,
            committer,
            threads,
        })
    }
}

impl RunningSequencer {
    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A token whose cancellation begins the shutdown; [`RunningSequencer::stop`] waits for it.
    pub fn shutdown(&self) -> CancellationToken {
        self.node.cancel.clone()
    }

    /// Running, degraded or halted.
    pub fn health(&self) -> Health {
        self.node.health.read()
    }

    /// What happens to batches from now on.
    pub fn events(&self) -> broadcast::Receiver<BatchEvent> {
        self.node.events.subscribe()
    }

    /// Stops: no new requests, a proof under way is cancelled, everything accepted is on disk. The
    /// store is closed when this returns.
    pub async fn stop(self) {
        let Self {
            node,
            tasks,
            server,
            committer,
            threads,
            ..
        } = self;
        node.cancel.cancel();
        let abort = server.abort_handle();
        if tokio::time::timeout(DRAIN, server).await.is_err() {
            abort.abort();
        }
        for task in tasks {
            // Supervised: a panic has been reported.
            let _ = task.await;
        }
        let joined = tokio::task::spawn_blocking(move || {
            // The committer ends when the last verification has sent its group.
            committer.join();
            drop(threads);
            close(node);
        });
        let _ = joined.await;
        tracing::info!("stopped");
    }
}

/// Waits for whoever is about to let go of the node (a connection that closes, a verification that
/// returns), then closes the store with it.
fn close(mut node: Arc<Node>) {
    let deadline = Instant::now() + DRAIN;
    loop {
        match Arc::try_unwrap(node) {
            Ok(node) => return drop(node),
            Err(_) if Instant::now() > deadline => {
                tracing::warn!("something still holds the store");
                return;
            }
            Err(shared) => node = shared,
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs a task; if it panics, the pipeline halts instead of standing still unnoticed.
fn supervise(
    node: &Arc<Node>,
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let node = node.clone();
    tokio::spawn(async move {
        if std::panic::AssertUnwindSafe(task)
            .catch_unwind()
            .await
            .is_err()
        {
            node.health.halt(Halt::Task { task: name.into() });
        }
    })
}

async fn serve(listener: TcpListener, router: axum::Router, cancel: CancellationToken) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service)
        .with_graceful_shutdown(async move { cancel.cancelled().await });
    if let Err(error) = server.await {
        tracing::error!(%error, "the HTTP server failed");
    }
}

/// The chain must be the configured one, and able to take what we would send.
async fn check_chain(
    config: &Config,
    ports: &Ports,
    context: &Fr,
) -> Result<(RollupView, Vec<subrosa_protocol::asset::AssetInfo>), StartError> {
    let settlement = &ports.settlement;
    let mut pause = Duration::from_millis(config.settle.backoff_ms);
    let mut attempt = 0;
    let chain_id = loop {
        attempt += 1;
        match settlement.chain_id().await {
            Ok(id) => break id,
            Err(SettlementError::Unavailable { reason }) if attempt < START_ATTEMPTS => {
                tracing::warn!(attempt, reason, "the chain does not answer");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(config.settle.backoff_max_ms));
            }
            Err(error) => return Err(error.into()),
        }
    };
    if chain_id != config.chain_id {
        return Err(StartError::Chain {
            what: "id",
            found: chain_id.to_string(),
            expected: config.chain_id.to_string(),
        });
    }
    let view = settlement.rollup().await?;
    if view.context != *context {
        return Err(StartError::Chain {
            what: "context",
            found: crate::wire::fr_hex(&view.context),
            expected: crate::wire::fr_hex(context),
        });
    }
    let provable = ports.prover.shapes();
    for shape in &config.seal.shapes {
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
    let assets = settlement.assets().await?;
    Ok((view, assets))
}

/// What the store holds as accepted is verified again, sealed or not: a transaction without a valid
/// proof would make its batch one that can never be proven.
fn verify_reloaded(
    recovered: &Recovered,
    verifier: &dyn crate::ports::ProofVerifier,
) -> Result<(), StartError> {
    let accepted = [&recovered.unproven[..], &recovered.mempool].into_iter();
    for group in accepted.flat_map(|accepted| accepted.chunks(REVERIFY)) {
        let statements: Vec<_> = group.iter().map(|(_, s)| (s.digest, s.proof)).collect();
        let verdicts = verifier.verify_batch(&statements);
        for (place, (_, submission)) in group.iter().enumerate() {
            if !verdicts.get(place).copied().unwrap_or(false) {
                return Err(StartError::Proof {
                    digest: hex::encode(submission.id),
                });
            }
        }
    }
    Ok(())
}
