//! The possible fates of signed transactions, and their consequences for notes and balances.

use std::collections::HashSet;

use subrosa_protocol::{asset::AssetId, element::Nullifier};

use super::super::Inner;
use crate::{
    chain::Chain,
    failure::Failure,
    operation::{Attempt, Operation, Progress, Request},
};

/// The fate of a signed transaction, as far as the chain decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// This batch includes it.
    Included(u64),
    /// Another transaction spent one of its notes.
    Superseded,
    /// No batch can include it any more.
    Expired,
    /// A batch can still include it.
    Live,
}

/// Only a settled batch supersedes: the sequencer can invent another, and take it back.
fn fate(attempt: &Attempt, chain: &Chain, settled: u64, l1_time: u64) -> Fate {
    if let Some(batch) = chain.included(&attempt.nullifiers) {
        Fate::Included(batch)
    } else if attempt
        .nullifiers
        .iter()
        .any(|nf| chain.spent(nf).is_some_and(|batch| batch <= settled))
    {
        Fate::Superseded
    } else if l1_time > attempt.expiry {
        Fate::Expired
    } else {
        Fate::Live
    }
}

/// Returns the progress of an operation in view of the chain.
pub(super) fn advance(
    operation: &Operation,
    chain: &Chain,
    settled: u64,
    l1_time: u64,
) -> Progress {
    let found = |batch: u64| {
        if batch <= settled {
            Progress::Settled { batch }
        } else {
            Progress::Included { batch }
        }
    };
    let current = operation.progress.clone();
    if let Request::Deposit { deposit } = operation.request {
        let taken = chain.deposited(deposit, AssetId(operation.asset), operation.amount);
        return match (taken, current) {
            (Some(batch), _) => found(batch),
            (None, Progress::Included { .. } | Progress::Settled { .. }) => Progress::Submitted,
            (None, current) => current,
        };
    }
    let attempts = operation.attempts.iter();
    let fates = || attempts.clone().map(|a| fate(a, chain, settled, l1_time));
    let included = fates().find_map(|fate| match fate {
        Fate::Included(batch) => Some(batch),
        _ => None,
    });
    if let Some(batch) = included {
        return found(batch);
    }
    let failed = |code: &str, detail: &str| Progress::Failed(Failure::new(code, detail));
    match current {
        // The batch was sealed again; the sequencer still has the transaction.
        Progress::Included { .. } | Progress::Settled { .. } => Progress::Submitted,
        Progress::Proven | Progress::Submitted => match fates().next_back() {
            // None of the operation's transactions can be included any more: start again.
            Some(Fate::Superseded) if starts_afresh(&operation.request) => Progress::Queued,
            Some(Fate::Superseded) => failed("superseded", "another transaction spent its notes"),
            Some(Fate::Expired) => failed("expired", EXPIRED),
            _ => current,
        },
        other => other,
    }
}

/// Detail of a failure with the code `expired`.
pub(super) const EXPIRED: &str = "no batch included the transaction before it expired; try again";

/// Whether a new transaction may replace one whose notes were spent.
///
/// A leg is signed only once. A second leg from other notes could settle a second swap if a batch
/// is taken back.
fn starts_afresh(request: &Request) -> bool {
    matches!(
        request,
        Request::Transfer { .. } | Request::Withdrawal { .. }
    )
}

/// Returns the nullifiers of reserved notes.
///
/// Notes are reserved by transactions that can still be included, by the transaction that is being
/// proven, and by quotes and agreed swaps. Notes of operation `except` are left out. A failed
/// merge reserves nothing: whether it or a later transaction is included, nothing is paid twice.
pub(in super::super) fn held_nullifiers(inner: &Inner, except: Option<&str>) -> HashSet<Nullifier> {
    let operations = inner.state.operations.iter();
    operations
        .filter(|o| Some(o.id.as_str()) != except)
        .filter(|o| o.request != Request::Merge || o.progress.is_open())
        .flat_map(|o| &o.attempts)
        .filter(|attempt| may_settle(inner, attempt))
        .flat_map(|attempt| attempt.nullifiers)
        .chain(inner.proving.iter().copied())
        .chain(inner.state.book.reserved(|id| is_open(inner, id), except))
        .collect()
}

fn is_open(inner: &Inner, operation: &str) -> bool {
    let operation = inner.state.operation(operation);
    operation.is_some_and(|operation| operation.progress.is_open())
}

/// Whether a batch can still include a transaction that was signed for the operation.
pub(super) fn is_live(inner: &Inner, operation: &Operation) -> bool {
    let mut attempts = operation.attempts.iter();
    attempts.any(|attempt| may_settle(inner, attempt))
}

/// Whether a batch can still include a transaction.
fn may_settle(inner: &Inner, attempt: &Attempt) -> bool {
    fate(attempt, &inner.chain, inner.settled, inner.l1_time) == Fate::Live
}

/// Returns which notes an operation may spend.
///
/// If transactions signed for it can still be included, only notes that all of them spend: another
/// transaction then excludes each of them, and nothing is paid twice. If notes were chosen for a
/// leg, only those.
pub(super) fn spendable(
    inner: &Inner,
    operation: &Operation,
) -> impl Fn(&Nullifier) -> bool + use<> {
    let attempts = operation.attempts.iter();
    let signed = attempts
        .filter(|attempt| may_settle(inner, attempt))
        .map(|attempt| attempt.nullifiers.to_vec())
        .reduce(|mut all, one| {
            all.retain(|nullifier| one.contains(nullifier));
            all
        });
    let pinned = signed.or_else(|| promised(inner, operation));
    let held = held_nullifiers(inner, Some(&operation.id));
    move |nullifier| match &pinned {
        Some(pinned) => pinned.contains(nullifier),
        None => !held.contains(nullifier),
    }
}

/// Returns the notes that a leg's quote keeps for it, once they are chosen.
pub(super) fn promised(inner: &Inner, operation: &Operation) -> Option<Vec<Nullifier>> {
    let Request::Leg { swap } = &operation.request else {
        return None;
    };
    let notes = &inner.state.book.quote(swap)?.notes;
    (!notes.is_empty()).then(|| notes.clone())
}

/// Whether an operation can still bring notes: change, or a merged note. A leg cannot, since the
/// counterparty decides whether it happens.
pub(in super::super) fn brings_notes(operation: &Operation) -> bool {
    operation.progress.is_open()
        && !matches!(
            operation.request,
            Request::Leg { .. } | Request::Deposit { .. }
        )
}

/// Whether an operation's payment can still leave.
fn may_leave(inner: &Inner, operation: &Operation) -> bool {
    let live = |attempt: &Attempt| may_settle(inner, attempt);
    operation.progress.is_open()
        || (matches!(operation.progress, Progress::Failed(_))
            && operation.request != Request::Merge
            && operation.attempts.iter().any(live))
}

/// Returns the balance of an asset after all open operations and all open quotes, with `fee` for
/// each leg. Payments from others are not counted.
pub(in super::super) fn projected(
    inner: &Inner,
    fee_asset: AssetId,
    fee: u128,
    asset: AssetId,
) -> u128 {
    let held = inner
        .chain
        .notes()
        .iter()
        .filter(|n| n.spent.is_none() && n.note.asset == asset)
        .fold(0u128, |sum, n| sum.saturating_add(n.note.value));
    let leaving = inner
        .state
        .operations
        .iter()
        .filter(|o| may_leave(inner, o))
        .map(|o| {
            let out = match o.request {
                Request::Transfer { .. }
                | Request::Withdrawal { .. }
                | Request::Leg { .. }
                | Request::Step { .. }
                    if o.asset == asset.0 =>
                {
                    o.amount
                }
                _ => 0,
            };
            let fee = if fee_asset == asset { o.fee } else { 0 };
            out.saturating_add(fee)
        })
        .chain(
            inner
                .state
                .book
                .quotes()
                .filter(|quote| quote.promises())
                .map(|quote| {
                    let leg = quote.gives();
                    let out = if leg.asset == asset { leg.value } else { 0 };
                    let fee = if fee_asset == asset { fee } else { 0 };
                    out.saturating_add(fee)
                }),
        )
        .fold(0u128, u128::saturating_add);
    held.saturating_sub(leaving)
}
