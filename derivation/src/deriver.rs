//! The way to a target block.

use std::{error::Error, sync::Arc};

use subrosa_l1::{Block, Change, L1Error, Recorded, Tag};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    derivation::{Deployment, Derivation, Derived, Window},
    difference::Difference,
    fetch,
    source::Source,
    store::{Checkpoints, StoreError},
};

/// Windows that are read ahead of the replay.
const AHEAD: usize = 1;

/// Bounds of a [`Deriver`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Most blocks of a window.
    pub blocks: u64,
    /// Most batches that are held at once: three times as many are in memory.
    pub batches: usize,
    /// Batches after which a checkpoint is kept. A checkpoint takes time and space in proportion to
    /// the whole state.
    pub every: u64,
    /// Ends [`Deriver::run`] at the next window.
    pub cancel: CancellationToken,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            blocks: 50_000,
            batches: 64,
            every: 256,
            cancel: CancellationToken::new(),
        }
    }
}

/// Failure of a [`Sink`].
pub type SinkError = Box<dyn Error + Send + Sync>;

/// Receiver of what is derived, in L1's order.
///
/// A batch or change counts once [`Sink::reached`] names a block that includes it. A run that ends
/// before gives it again, so that a sink that stores things stores them by batch index.
#[async_trait::async_trait]
pub trait Sink: Send {
    /// Takes a batch. Everything in it was compared with L1.
    async fn batch(&mut self, batch: Derived) -> Result<(), SinkError>;
    /// Takes a change other than a batch.
    async fn change(&mut self, _change: &Recorded) -> Result<(), SinkError> {
        Ok(())
    }
    /// Takes note that everything up to a block was given.
    async fn reached(&mut self, _progress: &Progress) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A sink for those who only want the state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ignore;

#[async_trait::async_trait]
impl Sink for Ignore {
    async fn batch(&mut self, _: Derived) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Progress of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Block that was reached.
    pub block: Block,
    /// Number of the block at which the run ends.
    pub target: u64,
    /// Batches derived in this run.
    pub batches: u64,
    /// Transactions in them.
    pub transactions: u64,
}

/// End of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The target was reached, and the state equals the contracts' own.
    Reached,
    /// The run was cancelled. It can go on.
    Cancelled,
}

/// Reason why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
    /// L1 did not answer well. Transient.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// L1 recorded something else than was derived.
    #[error(transparent)]
    Difference(#[from] Box<Difference>),
    /// A block that was built upon is not on L1 any more. Transient: start again from a checkpoint.
    #[error("block {0} is not on L1 any more: a reorganisation replaced it")]
    Reorganised(u64),
    /// The target is older than what was derived already.
    #[error("the target, block {target}, is behind block {reached}, which was derived already")]
    Behind {
        /// Number of the target.
        target: u64,
        /// Number of the block that was reached.
        reached: u64,
    },
    /// The receiver failed.
    #[error("what was derived was not taken: {0}")]
    Sink(SinkError),
    /// A checkpoint was not kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A run before this one ended within a window, so that the state is unknown: start again from
    /// a checkpoint.
    #[error("the derivation was interrupted: start it again from a checkpoint")]
    Interrupted,
}

impl DeriveError {
    /// Whether the same run, or one from a checkpoint, can succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::L1(error) => error.is_transient(),
            Self::Store(StoreError::L1(error)) => error.is_transient(),
            Self::Reorganised(_) | Self::Interrupted => true,
            Self::Difference(_) | Self::Behind { .. } | Self::Sink(_) | Self::Store(_) => false,
        }
    }
}

/// Derives the state from a source, window by window.
#[derive(Debug)]
pub struct Deriver<S> {
    source: Arc<S>,
    derivation: Option<Derivation>,
    deployed_at: u64,
    options: Options,
    checkpoints: Option<Checkpoints>,
    /// Batches since the last checkpoint.
    unkept: u64,
}

impl<S: Source> Deriver<S> {
    /// Starts from the deployment, without checkpoints.
    pub fn start(source: S, deployment: Deployment, options: Options) -> Self {
        Self::resume(
            source,
            deployment,
            Derivation::genesis(&deployment),
            options,
        )
    }

    /// Starts from a derivation that the caller kept.
    pub fn resume(
        source: S,
        deployment: Deployment,
        derivation: Derivation,
        options: Options,
    ) -> Self {
        Self {
            source: Arc::new(source),
            derivation: Some(derivation),
            deployed_at: deployment.deployed_at,
            options,
            checkpoints: None,
            unkept: 0,
        }
    }

    /// Starts from the newest checkpoint that is still on L1, or else from the deployment, and
    /// keeps checkpoints from then on.
    ///
    /// # Errors
    /// [`DeriveError`] if the folder or L1 do not answer.
    pub async fn open(
        source: S,
        deployment: Deployment,
        checkpoints: Checkpoints,
        options: Options,
    ) -> Result<Self, DeriveError> {
        let context = deployment.context();
        let found = checkpoints.newest(&source, &context, None).await?;
        let derivation = found.unwrap_or_else(|| Derivation::genesis(&deployment));
        let deriver = Self::resume(source, deployment, derivation, options);
        Ok(Self {
            checkpoints: Some(checkpoints),
            ..deriver
        })
    }

    /// Returns what was derived; `None` if a run failed or was dropped within a window.
    #[must_use]
    pub fn derivation(&self) -> Option<&Derivation> {
        self.derivation.as_ref()
    }

    /// Returns what was derived; `None` if a run failed or was dropped within a window.
    #[must_use]
    pub fn into_derivation(self) -> Option<Derivation> {
        self.derivation
    }

    /// Derives up to `target` and compares the state with the contracts' own there.
    ///
    /// Reads the next window while it replays one. Holds a bounded number of batches. May be called
    /// again with a later target.
    ///
    /// # Errors
    /// [`DeriveError`]. If it is no [`DeriveError::Behind`] and no transient failure between two
    /// windows, the next call returns [`DeriveError::Interrupted`].
    pub async fn run(
        &mut self,
        target: &Block,
        sink: &mut dyn Sink,
    ) -> Result<Outcome, DeriveError> {
        let through = match &self.derivation {
            Some(derivation) => derivation.through().copied(),
            None => return Err(DeriveError::Interrupted),
        };
        if let Some(reached) = through {
            if target.number < reached.number {
                return Err(DeriveError::Behind {
                    target: target.number,
                    reached: reached.number,
                });
            }
            if target.number == reached.number && target.hash != reached.hash {
                return Err(DeriveError::Reorganised(reached.number));
            }
            self.still_there(&reached).await?;
        }
        let from = through.map_or(self.deployed_at, |block| block.number + 1);
        let (out, mut windows) = mpsc::channel(AHEAD);
        let fetching = fetch::windows(
            self.source.clone(),
            from,
            *target,
            self.options.clone(),
            out,
        );
        let fetching = tokio::spawn(fetching);
        let outcome = self.replay(target, &mut windows, sink).await;
        fetching.abort();
        if outcome? == Outcome::Cancelled {
            return Ok(Outcome::Cancelled);
        }
        let view = self.source.rollup_at(target).await?;
        let derivation = self.derivation.as_ref().ok_or(DeriveError::Interrupted)?;
        derivation.compare(&view)?;
        Ok(Outcome::Reached)
    }

    /// Checks that a block that was built upon is still on L1.
    async fn still_there(&self, reached: &Block) -> Result<(), DeriveError> {
        let found = self.source.block(Tag::Number(reached.number)).await?;
        match found {
            Some(found) if found.hash == reached.hash => Ok(()),
            Some(_) => Err(DeriveError::Reorganised(reached.number)),
            None => Err(DeriveError::L1(L1Error::Unavailable(format!(
                "the endpoint does not have block {}, which was derived already",
                reached.number
            )))),
        }
    }

    async fn replay(
        &mut self,
        target: &Block,
        windows: &mut mpsc::Receiver<Result<Window, DeriveError>>,
        sink: &mut dyn Sink,
    ) -> Result<Outcome, DeriveError> {
        let (mut batches, mut transactions) = (0, 0);
        // Within a window the derivation is taken out: an error or a drop leaves none behind. At
        // the end of a window it is put back.
        let mut held: Option<Derivation> = None;
        while let Some(window) = self.next(windows, held.is_none()).await? {
            let taken = held.take().or_else(|| self.derivation.take());
            let mut derivation = taken.ok_or(DeriveError::Interrupted)?;
            let work = move || {
                let derived = derivation.advance(&window);
                derived.map(|derived| (derivation, window, derived))
            };
            let joined = tokio::task::spawn_blocking(work).await;
            let joined = joined.map_err(|_| DeriveError::Interrupted)?;
            let (derivation, window, derived) = joined?;
            for batch in &derived {
                batches += 1;
                transactions += u64::from(batch.record.transactions);
                self.unkept += 1;
            }
            give(sink, &window, derived).await?;
            let Some(block) = window.through else {
                held = Some(derivation);
                continue;
            };
            let progress = Progress {
                block,
                target: target.number,
                batches,
                transactions,
            };
            sink.reached(&progress).await.map_err(DeriveError::Sink)?;
            self.derivation = Some(derivation);
            if self.unkept >= self.options.every {
                self.keep().await?;
            }
        }
        if held.is_some() {
            return Err(DeriveError::Interrupted);
        }
        let reached = self.derivation.as_ref().and_then(Derivation::through);
        if reached.is_some_and(|reached| reached.number == target.number) {
            Ok(Outcome::Reached)
        } else {
            Ok(Outcome::Cancelled)
        }
    }

    /// Returns the next window; `None` at the end, or if the run is cancelled between two windows.
    async fn next(
        &self,
        windows: &mut mpsc::Receiver<Result<Window, DeriveError>>,
        between: bool,
    ) -> Result<Option<Window>, DeriveError> {
        if !between {
            return windows.recv().await.transpose();
        }
        tokio::select! {
            biased;
            () = self.options.cancel.cancelled() => Ok(None),
            window = windows.recv() => window.transpose(),
        }
    }

    /// Keeps a checkpoint, as a service does before it stops. Does nothing without a folder, or if
    /// no batch came since the last one.
    ///
    /// # Errors
    /// [`DeriveError::Store`] if the disk fails. What was derived stays.
    pub async fn keep(&mut self) -> Result<(), DeriveError> {
        let due = self.checkpoints.clone().filter(|_| self.unkept > 0);
        let (Some(checkpoints), Some(derivation)) = (due, &self.derivation) else {
            return Ok(());
        };
        let checkpoint = derivation.checkpoint().map_err(StoreError::from)?;
        let saved = tokio::task::spawn_blocking(move || checkpoints.save(&checkpoint)).await;
        saved.map_err(|_| DeriveError::Interrupted)??;
        self.unkept = 0;
        Ok(())
    }
}

/// Gives a window's batches and changes to the sink, in L1's order.
async fn give(
    sink: &mut dyn Sink,
    window: &Window,
    derived: Vec<Derived>,
) -> Result<(), DeriveError> {
    let mut derived = derived.into_iter();
    for (recorded, _) in &window.changes {
        let given = if matches!(recorded.change, Change::Batch(_)) {
            match derived.next() {
                Some(batch) => sink.batch(batch).await,
                None => Ok(()),
            }
        } else {
            sink.change(recorded).await
        };
        given.map_err(DeriveError::Sink)?;
    }
    Ok(())
}
