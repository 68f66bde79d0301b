//! Batch proofs as jobs: a bounded queue before one worker thread.
//!
//! Jobs live in the sequencer's store; the queue holds only what is being worked on. After a restart
//! the store submits its unproven batches again. What fails is final (the same witness fails again),
//! except where the job was cancelled.
//!
//! A job can be cancelled between any two steps of its proof, and is never resumed: submitted again, after
//! a cancellation or a crash, it begins with its first step. What ties the steps together is the generator
//! that blinded the committed columns, and that is kept in memory only: a second proof from the same
//! blinding under another challenge would give the columns away.

use std::any::Any;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;
use subrosa_protocol::batch::{BatchWitness, Shape};
use tokio::sync::{broadcast, oneshot};

use crate::batch::{BatchKeys, BatchProof, ProveError};
use crate::groth16::ProofBytes;
use crate::progress::ProgressSink;
use crate::setup::KeyStore;

/// A batch to be proven.
#[derive(Clone, Debug)]
pub struct Job {
    /// The batch's index.
    pub id: u64,
    /// The shape it is proven in.
    pub shape: Shape,
    /// What its circuit needs to know of the state transition.
    pub witness: BatchWitness,
    /// The proofs of its transactions, in slot order. They identify nothing: whoever saw one can make
    /// another of the same transaction.
    pub proofs: Vec<ProofBytes>,
}

/// Proves jobs, here or elsewhere.
pub trait ProofWorker: Send + Sync {
    /// Proves one job, telling the sink where it is and stopping where the sink says so.
    ///
    /// # Errors
    /// See [`ProveError`]; all but `Cancelled` are final.
    fn prove(&self, job: &Job, sink: &dyn ProgressSink) -> Result<BatchProof, ProveError>;
}

/// Proves in this process with the keys of a [`KeyStore`]. The keys of the last shape stay loaded.
#[derive(Debug)]
pub struct InProcessWorker {
    keys: KeyStore,
    last: Mutex<Option<Arc<BatchKeys>>>,
}

impl InProcessWorker {
    /// A worker with these keys.
    pub fn new(keys: KeyStore) -> Self {
        Self {
            keys,
            last: Mutex::new(None),
        }
    }
}

impl ProofWorker for InProcessWorker {
    fn prove(&self, job: &Job, sink: &dyn ProgressSink) -> Result<BatchProof, ProveError> {
        let held = lock(&self.last).take();
        let keys = match held {
            Some(keys) if keys.shape() == job.shape => keys,
            // Keys of another shape are dropped before these are loaded: they are large.
            _ => self
                .keys
                .batch(job.shape, sink)
                .map_err(|error| match error {
                    crate::setup::SetupError::Cancelled => ProveError::Cancelled,
                    error => ProveError::Keys(error.to_string()),
                })?,
        };
        let proof = keys.prove(&job.witness, &job.proofs, sink);
        *lock(&self.last) = Some(keys);
        proof
    }
}

/// What happens to jobs, for whoever watches. A slow watcher misses events, never results: those
/// come through the [`Ticket`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum JobEvent {
    /// Accepted, and waiting.
    Queued {
        /// The job.
        id: u64,
    },
    /// A phase began.
    Progress {
        /// The job.
        id: u64,
        /// The phase.
        phase: String,
        /// Steps done.
        done: u64,
        /// Steps in all; 0 if unknown.
        total: u64,
    },
    /// Proven.
    Finished {
        /// The job.
        id: u64,
        /// Time it took, in milliseconds.
        milliseconds: u64,
    },
    /// Failed for good.
    Failed {
        /// The job.
        id: u64,
        /// Why.
        error: String,
    },
    /// Cancelled before it was proven.
    Cancelled {
        /// The job.
        id: u64,
    },
}

/// Why a job was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The queue is full: submit again when a job has finished.
    #[error("the proof queue is full")]
    Full,
    /// A job of this id is waiting or being proven.
    #[error("job {0} is already in the queue")]
    Duplicate(u64),
    /// The queue was shut down.
    #[error("the proof queue is closed")]
    Closed,
}

/// Where the result of a job arrives.
#[derive(Debug)]
pub struct Ticket {
    id: u64,
    result: oneshot::Receiver<Result<BatchProof, ProveError>>,
}

impl Ticket {
    /// The job.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// See [`ProveError`]; `Cancelled` also if the queue was dropped first.
    pub async fn wait(self) -> Result<BatchProof, ProveError> {
        self.result.await.unwrap_or(Err(ProveError::Cancelled))
    }

    /// Waits for the result on a thread that is not a runtime's.
    ///
    /// # Errors
    /// As [`Ticket::wait`].
    ///
    /// # Panics
    /// Inside an asynchronous context.
    pub fn wait_blocking(self) -> Result<BatchProof, ProveError> {
        self.result
            .blocking_recv()
            .unwrap_or(Err(ProveError::Cancelled))
    }
}

/// How a queue is run.
#[derive(Clone, Copy, Debug)]
pub struct QueueConfig {
    /// Jobs that may wait besides the one being proven.
    pub capacity: usize,
    /// Threads of the prover; all processors if `None`.
    pub threads: Option<NonZeroUsize>,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            capacity: 16,
            threads: None,
        }
    }
}

/// A bounded queue of jobs and the thread that proves them in order.
#[derive(Debug)]
pub struct JobQueue {
    jobs: Option<SyncSender<Queued>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Queued {
    job: Job,
    cancelled: Arc<AtomicBool>,
    result: oneshot::Sender<Result<BatchProof, ProveError>>,
}

#[derive(Debug)]
struct Shared {
    events: broadcast::Sender<JobEvent>,
    /// Jobs waiting or being proven, and whether they are to stop.
    live: Mutex<HashMap<u64, Arc<AtomicBool>>>,
}

/// Events a slow watcher may be behind before it misses some.
const EVENTS: usize = 256;

impl JobQueue {
    /// Starts the worker thread.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(worker: Arc<dyn ProofWorker>, config: QueueConfig) -> std::io::Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(config.threads.map_or(0, NonZeroUsize::get))
            .thread_name(|index| format!("prover-{index}"))
            .build()
            .map_err(std::io::Error::other)?;
        let (jobs, queue) = sync_channel(config.capacity);
        let shared = Arc::new(Shared {
            events: broadcast::Sender::new(EVENTS),
            live: Mutex::default(),
        });
        let thread = std::thread::Builder::new()
            .name("prover".to_owned())
            .spawn({
                let shared = shared.clone();
                move || run(&*worker, &pool, &queue, &shared)
            })?;
        Ok(Self {
            jobs: Some(jobs),
            shared,
            thread: Some(thread),
        })
    }

    /// Hands a job over. Does not wait: a full queue says so.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub fn submit(&self, job: Job) -> Result<Ticket, SubmitError> {
        let id = job.id;
        let jobs = self.jobs.as_ref().ok_or(SubmitError::Closed)?;
        let (result, receiver) = oneshot::channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let mut live = lock(&self.shared.live);
        if live.contains_key(&id) {
            return Err(SubmitError::Duplicate(id));
        }
        let queued = Queued {
            job,
            cancelled: cancelled.clone(),
            result,
        };
        jobs.try_send(queued).map_err(|error| match error {
            TrySendError::Full(_) => SubmitError::Full,
            TrySendError::Disconnected(_) => SubmitError::Closed,
        })?;
        live.insert(id, cancelled);
        self.shared.tell(JobEvent::Queued { id });
        Ok(Ticket {
            id,
            result: receiver,
        })
    }

    /// Asks a job to stop at its next phase, and says whether there is such a job.
    pub fn cancel(&self, id: u64) -> bool {
        let live = lock(&self.shared.live);
        live.get(&id)
            .inspect(|cancelled| cancelled.store(true, Ordering::Relaxed))
            .is_some()
    }

    /// Jobs waiting or being proven.
    pub fn len(&self) -> usize {
        lock(&self.shared.live).len()
    }

    /// Whether nothing is waiting or being proven.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Watches events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<JobEvent> {
        self.shared.events.subscribe()
    }

    /// Cancels all jobs and waits for the worker to reach the end of its phase.
    pub fn shutdown(mut self) {
        self.close();
        if let Some(thread) = self.thread.take() {
            // The worker catches the panics of jobs; there is nobody left to tell of another.
            let _ = thread.join();
        }
    }

    fn close(&mut self) {
        self.jobs = None;
        for cancelled in lock(&self.shared.live).values() {
            cancelled.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for JobQueue {
    /// Cancels all jobs and does not wait.
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn tell(&self, event: JobEvent) {
        // Without a watcher there is nobody to miss it.
        let _ = self.events.send(event);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the mutexes guard is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sink of one job.
struct JobSink<'a> {
    id: u64,
    shared: &'a Shared,
    cancelled: &'a AtomicBool,
}

impl ProgressSink for JobSink<'_> {
    fn phase(&self, name: &str, done: u64, total: u64) {
        self.shared.tell(JobEvent::Progress {
            id: self.id,
            phase: name.to_owned(),
            done,
            total,
        });
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

fn run(
    worker: &dyn ProofWorker,
    pool: &rayon::ThreadPool,
    queue: &Receiver<Queued>,
    shared: &Shared,
) {
    while let Ok(Queued {
        job,
        cancelled,
        result,
    }) = queue.recv()
    {
        let sink = JobSink {
            id: job.id,
            shared,
            cancelled: &cancelled,
        };
        let start = Instant::now();
        let outcome = if sink.cancelled() {
            Err(ProveError::Cancelled)
        } else {
            catch_unwind(AssertUnwindSafe(|| {
                pool.install(|| worker.prove(&job, &sink))
            }))
            .unwrap_or_else(|panic| Err(ProveError::Panicked(panic_message(&*panic))))
        };
        let id = job.id;
        // Out of the list before anybody hears of it, so that the id can be submitted again.
        lock(&shared.live).remove(&id);
        shared.tell(event_of(id, &outcome, start.elapsed()));
        // A dropped ticket is a caller that does not want to know.
        let _ = result.send(outcome);
    }
}

fn event_of(id: u64, outcome: &Result<BatchProof, ProveError>, elapsed: Duration) -> JobEvent {
    match outcome {
        Ok(_) => {
            let milliseconds = elapsed.as_millis().try_into().unwrap_or(u64::MAX);
            tracing::info!(job = id, milliseconds, "batch proven");
            JobEvent::Finished { id, milliseconds }
        }
        Err(ProveError::Cancelled) => JobEvent::Cancelled { id },
        Err(error) => {
            tracing::error!(job = id, %error, "batch proof failed");
            JobEvent::Failed {
                id,
                error: error.to_string(),
            }
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
