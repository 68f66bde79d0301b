//! Watching loans: the latest price snapshot, what has become of each loan, margin calls, and liquidation where the
//! institution wants it.

use std::time::{Duration, Instant};

use subrosa_protocol::{loan::End, market::Snapshot, note::NoteClass};

use super::{Inner, MAX_ATTEMPTS, Wallet, lending::ground, now};
use crate::{
    amount,
    error::WalletError,
    loans::{Action, Health, HeldLoan, Role, StepError},
    negotiation::Id,
    operation::{Operation, Progress, Request},
    store::Told,
};

/// How often the sequencer is asked for the latest snapshot.
const PRICES: Duration = Duration::from_secs(1);
/// The sequencer's code for a leg whose counterpart names another snapshot.
pub(super) const MIXED: &str = "mixed_snapshots";
/// Seconds after which a liquidation that failed is tried again; each time twice as long, up to 16 times that.
const RETRY: u64 = 30;
/// Doublings of [`RETRY`].
const DOUBLINGS: u32 = 4;

impl Wallet {
    /// Reads the latest price snapshot. That there is none now is no reason to do nothing else.
    pub(super) async fn refresh_prices(&self) {
        let due = {
            let mut inner = self.inner.lock().await;
            let due = inner.priced.is_none_or(|last| last.elapsed() >= PRICES);
            if due {
                inner.priced = Some(Instant::now());
            }
            due
        };
        if !due {
            return;
        }
        match self.client.snapshot().await {
            Ok(snapshot) => {
                let known = self.inner.lock().await.snapshot;
                if snapshot == known || !self.taken(snapshot.as_ref(), known.as_ref()).await {
                    return;
                }
                let mut inner = self.inner.lock().await;
                if inner.snapshot != snapshot {
                    let before = std::mem::replace(&mut inner.snapshot, snapshot);
                    inner.earlier.splice(..0, before);
                    inner.earlier.truncate(MAX_ATTEMPTS);
                }
            }
            Err(error) => tracing::debug!("no price snapshot: {error}"),
        }
    }

    /// Whether L1 has taken a snapshot, and no later one than it is known and still stands: the sequencer, which names them,
    /// could invent one to be known by, or go back to an old price.
    async fn taken(&self, named: Option<&Snapshot>, known: Option<&Snapshot>) -> bool {
        let on_l1 = async |snapshot: &Snapshot| {
            let time = self.l1.snapshot_time(&snapshot.digest()).await;
            matches!(time, Ok(Some(time)) if time == snapshot.time)
        };
        let Some(named) = named else {
            return true;
        };
        if !on_l1(named).await {
            tracing::debug!("the sequencer's price snapshot is not on L1");
            return false;
        }
        match known {
            Some(known) if known.time > named.time => !on_l1(known).await,
            _ => true,
        }
    }

    /// Liquidates what can be, where the institution wants that, once for each state of a position; what failed is tried
    /// again a few times.
    pub(super) async fn watch_loans(&self) -> Result<(), WalletError> {
        if !self.watch.liquidate {
            return Ok(());
        }
        let mut inner = self.inner.lock().await;
        let lent = inner.chain.loans().iter();
        let lent: Vec<HeldLoan> = lent
            .filter(|held| held.role == Role::Lender && held.end.is_none())
            .cloned()
            .collect();
        let mut started = false;
        for held in lent {
            let Some(id) = Id::from_bytes(held.loan.id()) else {
                continue;
            };
            if !may_try(&inner, &id, held.sequence(), now()) {
                continue;
            }
            match self.begin_step(&mut inner, &held, &id, Action::Liquidate) {
                Ok(()) => {
                    tracing::info!(loan = %id, "a loan is being liquidated");
                    started = true;
                }
                Err(WalletError::Step(
                    StepError::NotLiquidatable | StepError::NoPrice | StepError::NoMarket,
                )) => {}
                Err(error) => tracing::debug!(loan = %id, "not liquidated: {error}"),
            }
        }
        if started {
            self.save(&mut inner)?;
            self.wake.notify_one();
        }
        Ok(())
    }
}

/// The snapshot on which an operation's transaction rests, and whether it is silent about it. That is the latest; but a leg
/// whose counterpart was found to name another one is made again without one, or, where it needs one, with those before
/// the latest, one after the other.
pub(super) fn named(inner: &Inner, operation: &Operation) -> (Option<Snapshot>, bool) {
    let latest = inner.snapshot;
    let Request::Leg { swap } = &operation.request else {
        return (latest, false);
    };
    let quote = inner.state.book.quote(swap);
    match quote.filter(|_| operation.waiting_for.as_deref() == Some(MIXED)) {
        None => (latest, false),
        Some(quote) if quote.gives().class == NoteClass::Cash => (latest, true),
        Some(_) => {
            let tried = operation.attempts.len().saturating_sub(1);
            (inner.earlier.get(tried).copied().or(latest), false)
        }
    }
}

/// What an event says: a status and, of a margin call, what would end it.
type News = (&'static str, Option<String>);

/// Whether a position of this state may be liquidated by the wallet itself: it is not tried now, and was not just before. It
/// is never given up, as the other party could wait for that.
fn may_try(inner: &Inner, id: &Id, state: u32, now: u64) -> bool {
    let (mut tries, mut last) = (0u32, 0);
    for operation in &inner.state.operations {
        let Request::Step {
            loan,
            sequence,
            action: Action::Liquidate,
        } = &operation.request
        else {
            continue;
        };
        if loan != id || *sequence != state {
            continue;
        }
        let over = matches!(operation.progress, Progress::Failed(_));
        if !over {
            return false;
        }
        tries += 1;
        last = last.max(operation.created);
    }
    let wait = RETRY << DOUBLINGS.min(u32::saturating_sub(tries, 1));
    tries == 0 || now >= last.saturating_add(wait)
}

/// Tells by events what became of loans since the last time. True if anything did. To be asked when the chain is read to
/// its end: in the middle of it, loans stand where they once stood.
pub(super) fn tell(inner: &mut Inner) -> bool {
    let mut news: Vec<(Id, Told, Vec<News>)> = Vec::new();
    for held in inner.chain.loans() {
        let Some(id) = Id::from_bytes(held.loan.id()) else {
            continue;
        };
        let before = inner.state.loans.get(&id).copied();
        let (after, events) = become_of(inner, held, before);
        if before != Some(after) {
            news.push((id, after, events));
        }
    }
    let (changed, now) = (!news.is_empty(), now());
    for (id, told, events) in news {
        inner.state.loans.insert(id, told);
        for (status, top_up) in events {
            inner.state.book.events_mut().tell(id, status, now, top_up);
        }
    }
    changed
}

fn become_of(inner: &Inner, held: &HeldLoan, before: Option<Told>) -> (Told, Vec<News>) {
    let mut events = Vec::new();
    let end = held.end.map(|end| match end {
        End::Closed => "closed",
        End::Liquidated => "liquidated",
    });
    let mut told = Told {
        sequence: held.sequence(),
        ended: end.is_some(),
        margin_call: before.is_some_and(|told| told.margin_call),
    };
    match before {
        None => events.push(("open", None)),
        // A batch was taken back.
        Some(before) if before.ended && end.is_none() => events.push(("open", None)),
        Some(before) if before.sequence < told.sequence => events.push(("adjusted", None)),
        Some(_) => {}
    }
    if let Some(end) = end.filter(|_| !before.is_some_and(|told| told.ended)) {
        events.push((end, None));
    }
    if let Some(health) = Health::of(held, &ground(inner)) {
        if !health.covered && !told.margin_call {
            let mut shown = inner.shown.iter();
            let asset = shown.find(|shown| shown.id == held.loan.collateral);
            let top_up = health.required_top_up.zip(asset);
            let top_up = top_up.map(|(units, of)| amount::format(units, of.token.decimals));
            events.push(("margin_call", top_up));
        }
        told.margin_call = !health.covered;
    }
    (told, events)
}
