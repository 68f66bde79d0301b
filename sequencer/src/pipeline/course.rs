//! The comparison of L1's settled history with this sequencer's.

use std::{ops::Range, sync::Arc};

use subrosa_protocol::ledger::State;

use super::{Failure, blocking, reading};
use crate::{
    event::BatchEventKind,
    health::Halt,
    node::Node,
    ports::RollupView,
    store::tables::{BatchRecord, Batches, Stage, Stages},
};

/// Times in a row that L1 must contradict what was final.
const CONTRADICTIONS: u32 = 5;

/// The next step on the way to L1's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// L1 has settled exactly what is recorded as settled here.
    Level,
    /// L1 has also settled this batch, as it was sealed here.
    Settled {
        /// Index of the batch.
        index: u64,
        /// Hash of the L1 transaction.
        tx: [u8; 32],
    },
    /// L1 no longer holds the batches from this index on. Those below agree.
    TakenBack(u64),
    /// From this index on, L1 holds batches that were not sealed here. Those below agree.
    Foreign(u64),
}

/// Compares the settled batches of L1 with those of the store.
///
/// The states after the last settled batch usually settle the question, because each state commits
/// to all batches before it. A state does not commit to a batch's time, so that both commitments
/// are compared of each batch that is found settled, and of all that are not final after a
/// reorganisation.
pub(super) async fn course(node: &Arc<Node>, view: &RollupView) -> Result<Course, Failure> {
    let comparison = node.comparisons().due();
    let cursor = *node.cursor();
    let next = view.batch_index;
    let agreed = node.final_below();
    if next < agreed {
        // It was final at this index. An endpoint that shows less is behind or wrong.
        return Err(Failure::Transient(format!(
            "L1 shows {next} as the next batch, and batches below {agreed} were final; check the \
             L1 endpoint"
        )));
    }
    let common = if next <= cursor.seal && comparison.is_none() {
        let state = state_before(node, next).await?;
        (state.commitment() == view.state).then_some(next.min(cursor.settle))
    } else {
        None
    };
    let common = match common {
        Some(common) => common,
        None => {
            let common = last_common(node, next.min(cursor.seal)).await?;
            if common == next && state_before(node, next).await?.commitment() != view.state {
                let reason = "L1's state is not the one to which its batches lead";
                return Err(Failure::Transient(reason.into()));
            }
            common
        }
    };
    if common < agreed {
        // One answer can be false. The answers are read anew each time.
        return Err(if node.contradicted() < CONTRADICTIONS {
            let reason = format!("L1 shows another batch {common} than the one that was final");
            Failure::Transient(reason)
        } else {
            Failure::Final(contradiction(common))
        });
    }
    node.agreed();
    if common < next && common < cursor.settle {
        return Ok(Course::Foreign(common));
    }
    if next < cursor.settle {
        return Ok(Course::TakenBack(next));
    }
    if next == cursor.settle {
        if let Some(comparison) = comparison
            && renew(node, agreed.max(1)..next).await?
        {
            node.comparisons().made(comparison);
        }
        return Ok(Course::Level);
    }
    let index = cursor.settle;
    if index < cursor.seal
        && let Some(tx) = agreed_in(node, index).await?
    {
        return Ok(Course::Settled { index, tx });
    }
    Ok(Course::Foreign(index))
}

/// Returns the first index at which the histories may differ: L1 and the store hold the same
/// batches below it. Looks from `from` downwards.
async fn last_common(node: &Arc<Node>, from: u64) -> Result<u64, Failure> {
    let floor = node.final_below().max(1);
    let mut place = from;
    while place > floor && agreed_in(node, place - 1).await?.is_none() {
        place -= 1;
    }
    if place == floor && floor > 1 && agreed_in(node, floor - 1).await?.is_none() {
        return Ok(floor - 1);
    }
    Ok(place)
}

/// Returns the L1 transaction of the batch with this index, if L1 accepted it as it was sealed
/// here. Compares the commitment to the data too, because the state after a batch commits neither
/// to its time nor to its data.
async fn agreed_in(node: &Arc<Node>, index: u64) -> Result<Option<[u8; 32]>, Failure> {
    let ours = record(node, index).await?;
    let ours = (ours.new.commitment(), ours.commitment);
    let settlement = &node.ports.settlement;
    for attempt in 0..2 {
        let theirs = settlement.accepted(index).await;
        let Some(theirs) = theirs.map_err(reading)? else {
            return Err(not_shown(node, index));
        };
        if (theirs.new_state, theirs.data_commitment) == ours {
            return Ok(Some(theirs.tx));
        }
        if attempt == 0 {
            // The event may have been read wrongly once.
            settlement.forget(index);
        }
    }
    Ok(None)
}

/// Returns the failure of a batch that L1 counts and does not show: its state is newer than its
/// log. The log is read anew next time.
pub(super) fn not_shown(node: &Node, index: u64) -> Failure {
    node.ports.settlement.forget(index);
    Failure::Transient(format!(
        "L1 counts batch {index} as settled but does not show it yet"
    ))
}

/// Records the L1 transactions in which settled batches are now: a reorganisation can bring a batch
/// back in another one, at another price. Returns false if L1 has changed since it was compared:
/// another comparison is needed.
async fn renew(node: &Arc<Node>, settled: Range<u64>) -> Result<bool, Failure> {
    for index in settled {
        let Some(tx) = agreed_in(node, index).await? else {
            return Ok(false);
        };
        let changed = blocking(node, "settle", move |node| {
            let stage = Stage::Settled { tx };
            if node.store.get::<Stages>(&index)? == Some(stage) {
                return Ok(false);
            }
            let mut changes = node.store.change();
            changes.put::<Stages>(&index, &stage)?;
            changes.commit()?;
            Ok(true)
        });
        if changed.await.map_err(Failure::Final)? {
            tracing::info!(batch = index, "settled in another transaction of L1");
            node.emit(index, BatchEventKind::Settled { tx });
        }
    }
    Ok(true)
}

/// Returns the state in which the batch with this index starts.
async fn state_before(node: &Arc<Node>, index: u64) -> Result<State, Failure> {
    match index.checked_sub(1) {
        None | Some(0) => Ok(State::genesis()),
        Some(before) => Ok(record(node, before).await?.new),
    }
}

/// Reads the record of a batch from the store.
pub(super) async fn record(node: &Arc<Node>, index: u64) -> Result<BatchRecord, Failure> {
    blocking(node, "settle", move |node| {
        let record = node.store.get::<Batches>(&index)?;
        record.ok_or_else(|| Halt::Store {
            detail: format!("batch {index} is missing"),
        })
    })
    .await
    .map_err(Failure::Final)
}

/// The only contradiction that stops the sequencer for good: both versions of a batch were final.
fn contradiction(batch: u64) -> Halt {
    Halt::Diverged {
        batch,
        detail: "L1 finalised another batch than the one that was final here; check the L1 \
                 endpoint, and if it is right run `subrosa sequencer rebuild --set-aside`"
            .into(),
    }
}
