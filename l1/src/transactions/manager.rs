//! The handle on an account's transactions, and the task behind it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy_primitives::U256;
use subrosa_clock::Clock;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot, watch};

use super::{
    Call, Cancellation, Status, TransactionError,
    engine::{Engine, Tools},
};
use crate::{
    error::L1Error,
    transport::{Mined, Outgoing},
};

/// First pause between two looks at a waiting transaction. It doubles up to the configured one.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// Pause between two looks at mined transactions that are not deep enough, in pauses of waiting
/// ones.
const MINED_PAUSES: u32 = 12;
/// Pause between two reads of an idle account's balance, if somebody follows its status.
const IDLE_PAUSE: Duration = Duration::from_secs(30);
/// Commands that wait for the task.
const QUEUE: usize = 256;

type Answer<T> = oneshot::Sender<Result<T, TransactionError>>;

enum Command {
    Submit(Box<Outgoing>, Answer<Ticket>),
    Cancel(
        String,
        Answer<oneshot::Receiver<Result<Cancellation, TransactionError>>>,
    ),
    Waiting(oneshot::Sender<Vec<Call>>),
    Knows(String, oneshot::Sender<bool>),
    IsLost(String, oneshot::Sender<bool>),
    Refresh,
}

/// A transaction under way.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Result<Mined, TransactionError>>);

impl Ticket {
    /// Waits until the transaction is mined. It is carried on whether or not somebody waits.
    ///
    /// # Errors
    /// [`TransactionError`], except [`TransactionError::Waiting`].
    pub async fn wait(self) -> Result<Mined, TransactionError> {
        self.0.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// Sends for one account. Clones share the account's nonces.
#[derive(Clone)]
pub struct Manager {
    commands: mpsc::Sender<Command>,
    /// One receiver for all handles, so that others are counted.
    status: Arc<watch::Receiver<Status>>,
    locks: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
    demands: Demands,
    clock: Arc<dyn Clock>,
    wait: Duration,
}

/// Amounts that requests need of something, by its name.
type Demands = Arc<Mutex<HashMap<String, U256>>>;

/// A request's need, until it is dropped.
pub(crate) struct Demand {
    demands: Demands,
    name: String,
    amount: U256,
}

impl Demand {
    /// Returns the sum of all needs of the same name.
    pub(crate) fn total(&self) -> U256 {
        let demands = self.demands.lock().unwrap_or_else(PoisonError::into_inner);
        demands.get(&self.name).copied().unwrap_or_default()
    }
}

impl Drop for Demand {
    fn drop(&mut self) {
        let mut demands = self.demands.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(total) = demands.get_mut(&self.name) {
            *total = total.saturating_sub(self.amount);
        }
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager")
            .field("account", &self.status.borrow().account)
            .finish_non_exhaustive()
    }
}

impl Manager {
    /// Takes up what the journal holds, and starts the task that carries it on. The task ends when
    /// the last handle is dropped.
    pub(super) fn start(tools: Tools) -> Result<Self, TransactionError> {
        let clock = Arc::clone(&tools.clock);
        let wait = Duration::from_secs(tools.settings.wait_s);
        let poll = Duration::from_millis(tools.settings.poll_ms).max(FIRST_PAUSE);
        let engine = Engine::new(tools)?;
        let (commands, received) = mpsc::channel(QUEUE);
        let (publish, status) = watch::channel(engine.status());
        let worker = Worker {
            engine,
            clock: Arc::clone(&clock),
            poll,
            waiters: Vec::new(),
            cancellers: Vec::new(),
            publish,
        };
        tokio::spawn(worker.run(received));
        Ok(Self {
            commands,
            status: Arc::new(status),
            locks: Arc::default(),
            demands: Arc::default(),
            clock,
            wait,
        })
    }

    /// Whether the task has ended, with its runtime or by a panic.
    pub(super) fn is_stopped(&self) -> bool {
        self.commands.is_closed()
    }

    /// Follows the state of the account's transactions.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        // A full queue looks at the chain anyway.
        let _ = self.commands.try_send(Command::Refresh);
        self.status.as_ref().clone()
    }

    /// Makes sure that a transaction of the purpose is under way or mined. It is stored and was
    /// handed to the node when this returns.
    ///
    /// # Errors
    /// [`TransactionError`]; nothing new was sent then.
    pub async fn submit(&self, request: Outgoing) -> Result<Ticket, TransactionError> {
        self.ask(|answer| Command::Submit(Box::new(request), answer))
            .await
    }

    /// Submits and waits until the transaction is mined, for a bounded time.
    ///
    /// # Errors
    /// [`L1Error::Rejected`] if it reverts, [`L1Error::Unavailable`] if it is not mined in time: it
    /// is carried on, and a repeated request finds it.
    pub async fn send(&self, request: Outgoing) -> Result<Mined, L1Error> {
        let operation = request.operation;
        let sent = async { self.submit(request).await?.wait().await };
        self.bounded(sent).await.map_err(|e| e.of(operation))
    }

    /// Waits for an answer for at most the configured time.
    ///
    /// # Errors
    /// [`TransactionError::Waiting`] after it, and those of `answer`.
    pub async fn bounded<T>(
        &self,
        answer: impl Future<Output = Result<T, TransactionError>>,
    ) -> Result<T, TransactionError> {
        tokio::select! {
            answer = answer => answer,
            () = self.clock.sleep(self.wait) => Err(TransactionError::Waiting),
        }
    }

    /// Replaces the purpose's transaction by one that does nothing, and waits until one of the two
    /// is mined, for a bounded time.
    ///
    /// # Errors
    /// [`TransactionError::Waiting`] if neither is mined in time. The cancellation is stored and
    /// goes on; ask again.
    pub async fn cancel(&self, purpose: &str) -> Result<Cancellation, TransactionError> {
        self.bounded(async {
            let purpose = purpose.to_owned();
            let fate = self.ask(|answer| Command::Cancel(purpose, answer)).await?;
            fate.await.unwrap_or_else(|_| Err(stopped()))
        })
        .await
    }

    /// Returns the calls that wait to be mined, in the order of their nonces.
    ///
    /// # Errors
    /// [`TransactionError::Unavailable`] if the task has ended.
    pub async fn waiting(&self) -> Result<Vec<Call>, TransactionError> {
        let (answer, answered) = oneshot::channel();
        let command = Command::Waiting(answer);
        self.commands.send(command).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())
    }

    /// Whether a transaction of this purpose is under way, or its outcome is recorded.
    ///
    /// # Errors
    /// [`TransactionError::Unavailable`] if the task has ended.
    pub async fn knows(&self, purpose: &str) -> Result<bool, TransactionError> {
        let (answer, answered) = oneshot::channel();
        let command = Command::Knows(purpose.to_owned(), answer);
        self.commands.send(command).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())
    }

    /// Whether the transaction of this purpose counts as dead because another one used its nonce,
    /// as far as the node showed.
    ///
    /// # Errors
    /// [`TransactionError::Unavailable`] if the task has ended.
    pub async fn is_lost(&self, purpose: &str) -> Result<bool, TransactionError> {
        let (answer, answered) = oneshot::channel();
        let command = Command::IsLost(purpose.to_owned(), answer);
        self.commands.send(command).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())
    }

    /// Locks a name among all that send for this account, such as a token whose allowance several
    /// deposits share.
    pub async fn lock(&self, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(name.to_owned()).or_default())
        };
        lock.lock_owned().await
    }

    /// Registers a need, such as of a token's allowance, so that the first of several requests can
    /// provide for all.
    pub(crate) fn demand(&self, name: &str, amount: U256) -> Demand {
        let mut demands = self.demands.lock().unwrap_or_else(PoisonError::into_inner);
        let total = demands.entry(name.to_owned()).or_default();
        *total = total.saturating_add(amount);
        Demand {
            demands: Arc::clone(&self.demands),
            name: name.to_owned(),
            amount,
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(Answer<T>) -> Command,
    ) -> Result<T, TransactionError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.commands.send(command(answer)).await;
        sent.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> TransactionError {
    TransactionError::Unavailable("the transaction manager has stopped".into())
}

/// The task.
struct Worker {
    engine: Engine,
    clock: Arc<dyn Clock>,
    poll: Duration,
    waiters: Vec<(String, oneshot::Sender<Result<Mined, TransactionError>>)>,
    cancellers: Vec<(
        String,
        oneshot::Sender<Result<Cancellation, TransactionError>>,
    )>,
    publish: watch::Sender<Status>,
}

impl Worker {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut pause = FIRST_PAUSE;
        let mut next = self.clock.now();
        loop {
            let now = self.clock.now();
            let rest = next.saturating_sub(now);
            if rest.is_zero() {
                self.look().await;
                pause = (pause * 2).min(self.poll);
                next = self.clock.now() + self.rest(pause);
                continue;
            }
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => {
                        self.obey(command).await;
                        self.answer();
                        pause = FIRST_PAUSE;
                        next = next.min(self.clock.now() + pause);
                    }
                    None => return,
                },
                () = self.clock.sleep(rest) => {}
            }
        }
    }

    /// Returns the time until the next look.
    fn rest(&self, pause: Duration) -> Duration {
        if self.engine.is_waiting() {
            pause
        } else if self.engine.is_open() {
            self.poll * MINED_PAUSES
        } else {
            IDLE_PAUSE
        }
    }

    async fn look(&mut self) {
        if self.engine.is_open() {
            if let Err(error) = self.engine.step().await {
                tracing::debug!("a look at pending transactions failed: {error}");
            }
        } else if self.publish.receiver_count() > 1 {
            self.engine.refresh_balance().await;
        }
        self.answer();
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Submit(request, answer) => match self.engine.submit(&request).await {
                Ok(()) => {
                    let (sender, receiver) = oneshot::channel();
                    self.waiters.push((request.purpose, sender));
                    // Whoever gave up waiting finds the transaction by asking again.
                    let _ = answer.send(Ok(Ticket(receiver)));
                }
                Err(error) => {
                    let _ = answer.send(Err(error));
                }
            },
            Command::Cancel(purpose, answer) => match self.engine.cancel(&purpose).await {
                Ok(_) => {
                    let (sender, receiver) = oneshot::channel();
                    self.cancellers.push((purpose, sender));
                    let _ = answer.send(Ok(receiver));
                }
                Err(error) => {
                    let _ = answer.send(Err(error));
                }
            },
            Command::Waiting(answer) => {
                let _ = answer.send(self.engine.waiting());
            }
            Command::Knows(purpose, answer) => {
                let _ = answer.send(self.engine.knows(&purpose));
            }
            Command::IsLost(purpose, answer) => {
                let _ = answer.send(self.engine.is_lost(&purpose));
            }
            Command::Refresh => self.engine.refresh_balance().await,
        }
    }

    /// Answers those whose transactions are decided, and publishes the status.
    fn answer(&mut self) {
        for (purpose, sender) in std::mem::take(&mut self.waiters) {
            match self.engine.answer(&purpose) {
                Some(answer) => {
                    let _ = sender.send(answer);
                }
                None if sender.is_closed() => {}
                None => self.waiters.push((purpose, sender)),
            }
        }
        for (purpose, sender) in std::mem::take(&mut self.cancellers) {
            match self.engine.fate(&purpose) {
                Some(fate) => {
                    let _ = sender.send(Ok(fate));
                }
                None if sender.is_closed() => {}
                None => self.cancellers.push((purpose, sender)),
            }
        }
        let status = self.engine.status();
        self.publish.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        });
    }
}
