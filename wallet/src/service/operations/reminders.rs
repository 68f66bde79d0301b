//! Reminders: a transaction that the sequencer accepted and no batch includes is sent again.
//!
//! A wallet asks for no transaction of its own. Batches show which transactions are included, and
//! the same bytes change nothing at a sequencer that has them. Its answer tells whether it dropped
//! the transaction; if it lost it, it has it again. All transactions are sent again at the same
//! times, whatever they do.

use std::{collections::HashMap, time::Duration};

use subrosa_protocol::{
    Fr,
    ledger::HistoricalError,
    transaction::{Submission, Transaction},
};

use super::super::{Inner, Wallet};
use crate::{
    error::WalletError,
    operation::{Operation, Progress},
};

/// Time after which a transaction that no batch includes is sent again. It doubles each time.
const FIRST: Duration = Duration::from_secs(10);
/// Longest time between two sendings.
const LONGEST: Duration = Duration::from_secs(120);
/// Time after which a transaction is sent again that no batch can include any more.
const SOON: Duration = Duration::from_secs(1);
/// Time after which a transaction whose bytes are gone is made again.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// Transactions that no batch includes yet, by operation.
#[derive(Default)]
pub(in super::super) struct Reminders(HashMap<String, Reminder>);

/// A transaction that no batch includes yet.
struct Reminder {
    /// Number of transactions that were signed for the operation, this one included.
    attempt: usize,
    /// When to send it.
    due: Duration,
    /// Time between the sendings before and after `due`.
    pause: Duration,
    /// The transaction, if its bytes are stored.
    transaction: Option<Box<Transaction>>,
    /// Next batch and prices against which its anchor was checked last.
    checked: Option<(u64, Fr)>,
}

impl Reminder {
    fn new(operation: &Operation, now: Duration) -> Self {
        let bytes = operation.submission.as_ref().map(hex::decode);
        let submission = bytes.and_then(|bytes| Submission::from_bytes(&bytes.ok()?).ok());
        let pause = if submission.is_some() {
            FIRST
        } else {
            FORGOTTEN
        };
        Self {
            attempt: operation.attempts.len(),
            due: now + pause,
            pause,
            transaction: submission.map(|submission| Box::new(submission.transaction)),
            checked: None,
        }
    }
}

impl Inner {
    /// Returns the operations whose transactions are to be sent again, and puts them off.
    fn due(&mut self, now: Duration) -> Vec<String> {
        let Self {
            chain,
            assets,
            state,
            snapshot,
            reminders: Reminders(reminders),
            ..
        } = self;
        let waiting = state.operations.iter();
        let waiting = waiting.filter(|o| o.progress == Progress::Submitted);
        let waiting: HashMap<&str, &Operation> = waiting.map(|o| (o.id.as_str(), o)).collect();
        reminders.retain(|id, _| waiting.contains_key(id.as_str()));
        let prices = snapshot.map_or(*chain.prices(), |snapshot| snapshot.digest());
        let seen = Some((chain.batch_index(), prices));
        let mut due = Vec::new();
        for (id, operation) in waiting {
            let known = reminders.get(id).map(|reminder| reminder.attempt);
            if known != Some(operation.attempts.len()) {
                reminders.insert(id.to_owned(), Reminder::new(operation, now));
            }
            let Some(reminder) = reminders.get_mut(id) else {
                continue;
            };
            if reminder.checked != seen {
                reminder.checked = seen;
                let history = reminder.transaction.as_ref().map(|transaction| {
                    let root = assets.root();
                    chain.ledger().historical(transaction, &root, &prices)
                });
                if history == Some(Err(HistoricalError::UnknownAnchor)) {
                    reminder.due = reminder.due.min(now + SOON);
                }
            }
            if reminder.due <= now {
                reminder.due = now + reminder.pause;
                reminder.pause = (reminder.pause * 2).min(LONGEST);
                due.push(id.to_owned());
            }
        }
        due.sort_unstable();
        due
    }
}

impl Wallet {
    /// Sends transactions again that the sequencer accepted and no batch includes.
    ///
    /// Call it only when the chain is read to its end: before that, it shows too few batches.
    pub(in super::super) async fn remind(&self) -> Result<(), WalletError> {
        let due = self.inner.lock().await.due(self.clock.now());
        for id in due {
            let known = {
                let inner = self.inner.lock().await;
                let operation = inner.state.operation(&id);
                operation.is_some_and(|operation| operation.submission.is_some())
            };
            if known {
                self.submit(&id).await?;
            } else {
                self.update(&id, |operation| operation.progress = Progress::Queued)
                    .await?;
            }
        }
        Ok(())
    }
}
