//! The mailbox (book: *Swaps*, Negotiation): messages of one length that anybody may leave and
//! everybody reads. What they say, from whom and for whom, is sealed; nothing here looks into one, and
//! none is ever logged. It holds a message until it expires, and refuses what is too much.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use subrosa_protocol::derive;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::admission::unix_now;
use crate::config::MailboxConfig;
use crate::node::Node;
use crate::health::Halt;
use crate::store::recovery::RecoveryError;
use crate::store::tables::{Bytes, MessageRecord, Messages, Meta, MetaKey};
use crate::store::{CodecError, Store, StoreError};
use crate::telemetry;

pub use subrosa_protocol::message::MESSAGE_LEN;

/// Messages on their way to disk at most. Each takes a thread until the disk has it; more are told to
/// come back, so that the mailbox cannot take the threads that others need.
const POSTING: usize = 32;

/// Bounds of the pause between two rounds of deleting what has expired.
const PURGE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Why a message is not taken.
#[derive(Debug)]
pub(crate) enum PostError {
    /// As many are held as may be.
    Full,
    /// The store failed.
    Store(StoreError),
}

/// A page of messages.
#[derive(Debug)]
pub(crate) struct Page {
    /// Sequence number and bytes, in order.
    pub(crate) messages: Vec<(u64, Vec<u8>)>,
    /// Where the next page begins.
    pub(crate) next: u64,
    /// Sequence number that the next message will have.
    pub(crate) head: u64,
}

#[derive(Debug)]
struct Held {
    id: [u8; 32],
    /// First second at which it is gone.
    expires: u64,
}

#[derive(Debug, Default)]
struct Shelf {
    next: u64,
    held: BTreeMap<u64, Held>,
    by_id: HashMap<[u8; 32], u64>,
}

impl Shelf {
    fn put(&mut self, sequence: u64, held: Held) {
        self.by_id.insert(held.id, sequence);
        self.held.insert(sequence, held);
    }

    fn remove(&mut self, sequence: u64) {
        if let Some(held) = self.held.remove(&sequence)
            && self.by_id.get(&held.id) == Some(&sequence)
        {
            self.by_id.remove(&held.id);
        }
    }
}

/// The mailbox. Memory knows which messages there are, the store what they are.
#[derive(Debug)]
pub(crate) struct Mailbox {
    config: MailboxConfig,
    shelf: Mutex<Shelf>,
    posting: Arc<Semaphore>,
    head: watch::Sender<u64>,
}

impl Mailbox {
    /// The mailbox as the store has it.
    ///
    /// # Errors
    /// [`RecoveryError`] if the store cannot be read or contradicts itself.
    pub(crate) fn open(store: &Store, config: &MailboxConfig) -> Result<Self, RecoveryError> {
        let mut shelf = Shelf::default();
        if let Some(Bytes(next)) = store.get::<Meta>(&MetaKey::Mailbox)? {
            let next = next.try_into().map_err(|_| RecoveryError::Meta {
                entry: "mailbox",
                source: CodecError::Short,
            })?;
            shelf.next = u64::from_be_bytes(next);
        }
        for entry in store.range::<Messages>(&0)? {
            let (sequence, MessageRecord { expires, message }) = entry?;
            if sequence >= shelf.next {
                return Err(RecoveryError::Message { sequence });
            }
            let id = id(&message);
            shelf.put(sequence, Held { id, expires });
        }
        telemetry::messages_held(shelf.held.len());
        Ok(Self {
            config: config.clone(),
            head: watch::Sender::new(shelf.next),
            shelf: Mutex::new(shelf),
            posting: Arc::new(Semaphore::new(POSTING)),
        })
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().expect("no holder of this lock panics")
    }

    /// The right to post, unless too many are posting.
    pub(crate) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.posting.clone().try_acquire_owned().ok()
    }

    /// Told of the sequence number that the next message will have, whenever it changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Stores a message and says when it expires; one that is here already stays as it is. Blocks until
    /// it is on disk.
    pub(crate) fn post(
        &self,
        store: &Store,
        message: [u8; MESSAGE_LEN],
        now: u64,
    ) -> Result<u64, PostError> {
        let id = id(&message);
        let mut shelf = self.shelf();
        let known = shelf.by_id.get(&id).and_then(|at| shelf.held.get(at));
        if let Some(held) = known.filter(|held| held.expires > now) {
            telemetry::message("repeated");
            return Ok(held.expires);
        }
        let oldest = shelf.held.values().next();
        if shelf.held.len() >= self.config.capacity && oldest.is_some_and(|h| h.expires <= now) {
            purge(&mut shelf, store, now).map_err(PostError::Store)?;
        }
        if shelf.held.len() >= self.config.capacity {
            telemetry::message("mailbox_full");
            return Err(PostError::Full);
        }
        let sequence = shelf.next;
        let expires = now + self.config.ttl_s;
        let record = MessageRecord { expires, message };
        let write = || -> Result<(), StoreError> {
            let mut changes = store.change();
            changes.put::<Messages>(&sequence, &record)?;
            // With each message: numbers do not repeat when all messages are gone.
            let next = (sequence + 1).to_be_bytes().to_vec();
            changes.put::<Meta>(&MetaKey::Mailbox, &Bytes(next))?;
            changes.commit()
        };
        write().map_err(PostError::Store)?;
        shelf.put(sequence, Held { id, expires });
        shelf.next = sequence + 1;
        telemetry::message("stored");
        telemetry::messages_held(shelf.held.len());
        self.head.send_replace(shelf.next);
        Ok(expires)
    }

    /// Messages from `from` on.
    pub(crate) fn read(
        &self,
        store: &Store,
        from: u64,
        limit: u64,
        now: u64,
    ) -> Result<Page, StoreError> {
        let limit = limit.clamp(1, self.config.max_page) as usize;
        let (head, sequences) = {
            let shelf = self.shelf();
            let live = shelf.held.range(from..);
            let live = live.filter(|(_, held)| held.expires > now);
            let sequences: Vec<u64> = live.map(|(at, _)| *at).take(limit).collect();
            (shelf.next, sequences)
        };
        let next = match sequences.last() {
            Some(last) if sequences.len() == limit => last + 1,
            _ => head,
        };
        let mut messages = Vec::with_capacity(sequences.len());
        for sequence in sequences {
            // Absent when it expired at this moment.
            if let Some(record) = store.get::<Messages>(&sequence)? {
                messages.push((sequence, record.message.to_vec()));
            }
        }
        Ok(Page {
            messages,
            next,
            head,
        })
    }
}

/// What tells two messages apart.
fn id(message: &[u8; MESSAGE_LEN]) -> [u8; 32] {
    derive::bytes32("mailbox", &[message])
}

fn purge(shelf: &mut Shelf, store: &Store, now: u64) -> Result<(), StoreError> {
    let held = shelf.held.iter();
    let expired: Vec<u64> = held
        .filter(|(_, held)| held.expires <= now)
        .map(|(sequence, _)| *sequence)
        .collect();
    if expired.is_empty() {
        return Ok(());
    }
    let mut changes = store.change();
    for sequence in &expired {
        changes.delete::<Messages>(sequence)?;
    }
    changes.commit()?;
    for sequence in expired {
        shelf.remove(sequence);
    }
    telemetry::messages_held(shelf.held.len());
    Ok(())
}

/// Deletes what has expired until cancelled.
pub(crate) async fn run(node: Arc<Node>) {
    let pause = Duration::from_secs(node.config.mailbox.ttl_s) / 8;
    let pause = pause.clamp(PURGE.0, PURGE.1);
    loop {
        tokio::select! {
            () = node.cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        if node.health.halted_by_store() {
            return;
        }
        let shared = node.clone();
        let purged = tokio::task::spawn_blocking(move || {
            purge(&mut shared.mailbox.shelf(), &shared.store, unix_now())
        });
        match purged.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => node.halt_on_store(&error),
            Err(_) => node.health.halt(Halt::Task {
                task: "mailbox".into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
