//! The sequencer as a service: start, tasks and shutdown.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt;
use subrosa_protocol::ledger;
use tokio::{net::TcpListener, sync::broadcast, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    admission::{self, AdmissionQueue, Committer},
    api::Api,
    config::Config,
    event::BatchEvent,
    health::{Halt, Health},
    node::Node,
    operations, pipeline,
    ports::Ports,
    purge,
    serve::{self, Bounds},
    startup::{StartError, check_chain, check_config, io, open_store},
    telemetry,
};

/// Time within which a sequencer stops, unless the caller names another.
const DRAIN: Duration = Duration::from_secs(30);

/// Longest wait for the last holder of the store.
const CLOSE: Duration = Duration::from_secs(10);

/// Checks configuration, chain and store, resumes the work that was under way, and listens.
///
/// # Errors
/// [`StartError`]. Nothing is left running then.
pub async fn start(config: Config, ports: Ports) -> Result<RunningSequencer, StartError> {
    telemetry::recorder();
    telemetry::halted(false);
    let context = check_config(&config, &ports)?;
    let (view, registry) = check_chain(&config, &ports, &context).await?;
    let (store, mailbox, recovered) = open_store(&config, &ports, context).await?;
    tracing::info!(
        next_batch = recovered.cursor.seal,
        unsettled = recovered.cursor.unsettled(),
        pending = recovered.mempool.len(),
        "the store is sound"
    );
    let listener = serve::listen(config.listen).map_err(io("listening"))?;
    let ledger_config = ledger::Config {
        context,
        fee_asset: view.fee_asset,
        min_fee: config.min_fee,
    };
    let level = view.batch_index <= recovered.cursor.seal;
    let node = Node::new(
        config,
        ledger_config,
        ports,
        store,
        mailbox,
        recovered,
        registry,
    );
    node.set_level(level);
    RunningSequencer::run(Arc::new(node), listener)
}

/// A running sequencer. Dropping it stops nothing; call [`RunningSequencer::stop`].
pub struct RunningSequencer {
    addr: SocketAddr,
    operations_addr: SocketAddr,
    operations: std::thread::JoinHandle<()>,
    node: Arc<Node>,
    tasks: Vec<JoinHandle<()>>,
    server: JoinHandle<()>,
    committer: Committer,
    threads: Arc<rayon::ThreadPool>,
}

impl RunningSequencer {
    /// Starts the threads and tasks of a sequencer.
    fn run(node: Arc<Node>, listener: TcpListener) -> Result<Self, StartError> {
        let addr = listener.local_addr().map_err(io("listening"))?;
        let threads = Arc::new(verification_threads(&node)?);
        let (committer, commits) =
            Committer::start(node.clone()).map_err(io("the storing thread"))?;
        let (queue, parts) = AdmissionQueue::new(node.config.admission.queue);
        let cancel = node.cancel.clone();
        let router = Api::new(node.clone(), queue).router();
        let bounds = Bounds::new(&node.config.http, &cancel)?;
        let (operations_addr, operations) =
            operations::start(node.clone()).map_err(io("listening for operators"))?;
        let server = tokio::spawn(serve::serve(listener, router, bounds, cancel.clone()));
        let admission = admission::run(node.clone(), parts, threads.clone(), commits, cancel);
        let follow = node.config.follow;
        let mut tasks = vec![
            supervise(&node, "admission", admission),
            supervise(&node, "watch", pipeline::watch(node.clone())),
            supervise(&node, "settle", pipeline::settle(node.clone())),
            supervise(&node, "mailbox", purge::run(node.clone())),
        ];
        // A follower makes no batch, and finishes none that it began before.
        if !follow {
            tasks.push(supervise(&node, "seal", pipeline::seal(node.clone())));
            tasks.push(supervise(&node, "prove", pipeline::prove(node.clone())));
        }
        tracing::info!(%addr, operations = %operations_addr, "listening");
        Ok(Self {
            addr,
            operations_addr,
            operations,
            node,
            tasks,
            server,
            committer,
            threads,
        })
    }

    /// Returns the address on which it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the address on which it listens for operators.
    pub fn operations_addr(&self) -> SocketAddr {
        self.operations_addr
    }

    /// Returns the token whose cancellation begins the shutdown. [`RunningSequencer::stop`] waits
    /// for its end.
    pub fn shutdown(&self) -> CancellationToken {
        self.node.cancel.clone()
    }

    /// Whether it holds all batches that L1 has settled, as far as it has seen.
    pub fn is_level(&self) -> bool {
        self.node.is_level()
    }

    /// Returns the index of the next batch to seal or to import.
    pub fn next_batch(&self) -> u64 {
        self.node.cursor().seal
    }

    /// Returns the present health.
    pub fn health(&self) -> Health {
        self.node.health.read()
    }

    /// Subscribes to the changes of batches from now on.
    pub fn events(&self) -> broadcast::Receiver<BatchEvent> {
        self.node.events.subscribe()
    }

    /// Stops the sequencer within 30 seconds: [`RunningSequencer::drain`].
    pub async fn stop(self) {
        self.drain(DRAIN).await;
    }

    /// Stops the sequencer: refuses new requests, cancels a proof under way and stores everything
    /// that was accepted. The store is closed when this returns.
    ///
    /// Half of the time is for requests under way, and what is left of the rest for the pipeline.
    /// Whatever takes longer is cut off: a connection, or a call of an L1 that hangs. Each step of
    /// the pipeline begins from the store, so that the next start takes it up again.
    pub async fn drain(self, within: Duration) {
        let deadline = tokio::time::Instant::now() + within;
        let Self {
            node,
            tasks,
            server,
            operations,
            committer,
            threads,
            ..
        } = self;
        node.cancel.cancel();
        let abort = server.abort_handle();
        if tokio::time::timeout(within / 2, server).await.is_err() {
            tracing::warn!("requests under way were cut off");
            abort.abort();
        }
        for mut task in tasks {
            // The supervisor has reported a panic.
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                tracing::warn!("a task of the pipeline was cut off");
                task.abort();
                let _ = task.await;
            }
        }
        let joined = tokio::task::spawn_blocking(move || {
            // The committer ends when the last verification has sent its group.
            committer.join();
            drop(threads);
            while !operations.is_finished() && tokio::time::Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            close(node, within);
        });
        let _ = joined.await;
        tracing::info!("stopped");
    }
}

/// Makes the threads on which submissions are decoded and verified.
fn verification_threads(node: &Node) -> Result<rayon::ThreadPool, StartError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(node.config.admission.threads)
        .thread_name(|index| format!("admission-{index}"))
        .panic_handler(|_| tracing::error!("a verification task panicked"))
        .build()
        .map_err(|error| io("admission threads")(std::io::Error::other(error)))
}

/// Waits until the last holder lets go of the node (a connection that closes, a verification that
/// returns), then closes the store with it.
fn close(mut node: Arc<Node>, within: Duration) {
    let deadline = Instant::now() + within.min(CLOSE);
    loop {
        match Arc::try_unwrap(node) {
            Ok(node) => return drop(node),
            Err(_) if Instant::now() > deadline => {
                tracing::warn!("a task still holds the store; it stays open");
                return;
            }
            Err(shared) => node = shared,
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs a task. If the task panics, the pipeline halts instead of standing still unnoticed.
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
