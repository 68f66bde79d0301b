//! The watch over loans: events about their changes, margin calls, and automatic liquidation.

use subrosa_protocol::loan::End;

use super::super::{Inner, Wallet};
use crate::{
    amount,
    error::WalletError,
    loans::{Action, Health, HeldLoan, Role, StepError},
    negotiation::Id,
    operation::{Progress, Request},
    store::Told,
};

/// Seconds after a failed liquidation until the next attempt. The time doubles with each attempt,
/// at most [`DOUBLINGS`] times.
const RETRY: u64 = 30;
/// Doublings of [`RETRY`].
const DOUBLINGS: u32 = 4;

impl Wallet {
    /// Starts the liquidation of every loan that allows it, if the institution asked for that.
    /// Each state of a position is tried once; failed attempts are repeated with growing pauses.
    pub(in super::super) async fn watch_loans(&self) -> Result<(), WalletError> {
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
            if !may_try(&inner, &id, held.sequence(), self.now()) {
                continue;
            }
            match self.begin_step(&mut inner, &held, &id, Action::Liquidate) {
                Ok(()) => {
                    tracing::info!(loan = %id, "liquidating a loan");
                    started = true;
                }
                Err(WalletError::Step(
                    StepError::NotLiquidatable
                    | StepError::NoPrice
                    | StepError::NoMarket
                    | StepError::Stopped,
                )) => {}
                Err(error) => tracing::debug!(loan = %id, "the loan is not liquidated: {error}"),
            }
        }
        if started {
            self.save(&mut inner)?;
            self.wake.notify_one();
        }
        Ok(())
    }
}

/// One event about a loan: a status and, for a margin call, the top-up that would end it.
type News = (&'static str, Option<String>);

/// Whether the wallet may start a liquidation of this state of a position: no attempt is open, and
/// the pause since the last one is over. The wallet never gives up: otherwise the borrower could
/// provoke failures until it does.
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

/// Publishes events about the changes of loans since the last call. Returns whether there were
/// any.
///
/// Call it only when the chain is read to its end: before that, loans show an earlier state.
pub(in super::super) fn publish_loans(inner: &mut Inner, now: u64) -> bool {
    let mut news: Vec<(Id, Told, Vec<News>)> = Vec::new();
    for held in inner.chain.loans() {
        let Some(id) = Id::from_bytes(held.loan.id()) else {
            continue;
        };
        let before = inner.state.loans.get(&id).copied();
        let (after, events) = changes(inner, held, before, now);
        if before != Some(after) {
            news.push((id, after, events));
        }
    }
    let changed = !news.is_empty();
    for (id, told, events) in news {
        inner.state.loans.insert(id, told);
        for (status, top_up) in events {
            inner.state.book.events_mut().tell(id, status, now, top_up);
        }
    }
    changed
}

/// Returns the state of a loan to remember, and the events since the remembered one.
fn changes(inner: &Inner, held: &HeldLoan, before: Option<Told>, now: u64) -> (Told, Vec<News>) {
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
    if let Some(health) = Health::of(held, &inner.step_context(now)) {
        if !health.covered && !told.margin_call {
            let asset = inner.shown_asset(held.loan.collateral);
            let top_up = health.required_top_up.zip(asset);
            let top_up = top_up.map(|(units, of)| amount::format(units, of.token.decimals));
            events.push(("margin_call", top_up));
        }
        told.margin_call = !health.covered;
    }
    (told, events)
}
