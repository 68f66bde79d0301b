//! The mailbox (spec: *Swaps*, Negotiation): messages of one length that anybody may leave and
//! everybody may read.
//!
//! Contents, sender and recipient are encrypted. Nothing here looks into a message, and no message
//! is ever logged. The mailbox holds a message until it expires, and refuses messages beyond its
//! capacity.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use subrosa_protocol::derive;
pub use subrosa_protocol::message::MESSAGE_LEN;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    config::MailboxConfig,
    recovery::RecoveryError,
    store::{
        CodecError, Store, StoreError,
        tables::{Bytes, MessageRecord, Messages, Meta, MetaKey},
    },
    telemetry,
};

/// Largest number of messages on their way to disk. Each takes a thread until it is on disk;
/// further clients are told to try again, so that the mailbox does not take the threads that others
/// need.
const POSTING: usize = 32;

/// Share of the capacity, as a divisor, up to which a message takes the least work.
const CALM: usize = 4;

const POISON: &str = "no holder of this lock panics";

/// The reason to refuse a message.
#[derive(Debug)]
pub(crate) enum PostError {
    /// The message has too little work.
    Work {
        /// Bits that it needs at present.
        needed: u32,
    },
    /// The mailbox is full.
    Full,
    /// The store failed.
    Store(StoreError),
}

/// A page of messages.
#[derive(Debug)]
pub(crate) struct Page {
    /// Sequence numbers and bytes, in order.
    pub(crate) messages: Vec<(u64, Vec<u8>)>,
    /// First sequence number of the next page.
    pub(crate) next: u64,
    /// Sequence number of the next message to arrive.
    pub(crate) head: u64,
}

/// A message in memory: its identity and expiry. Its bytes are in the store.
#[derive(Debug)]
struct Held {
    id: [u8; 32],
    /// First second at which the message is gone.
    expires: u64,
}

/// The messages, by sequence number and by identity.
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

/// The mailbox. Memory holds the index of the messages, the store their bytes.
#[derive(Debug)]
pub(crate) struct Mailbox {
    config: MailboxConfig,
    shelf: Mutex<Shelf>,
    /// Held while messages go to disk, one after the other. Readers need the shelf only, so that
    /// they do not wait for the disk.
    writing: Mutex<()>,
    posting: Arc<Semaphore>,
    head: watch::Sender<u64>,
}

impl Mailbox {
    /// Opens the mailbox of a store at a time, Unix seconds. Numbers go on from the later of the
    /// stored one and the time in milliseconds: a store that was lost or restored would give
    /// numbers again that readers have read past.
    ///
    /// # Errors
    /// [`RecoveryError`] if the store cannot be read or contradicts itself.
    pub(crate) fn open(
        store: &Store,
        config: &MailboxConfig,
        now: u64,
    ) -> Result<Self, RecoveryError> {
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
        shelf.next = shelf.next.max(now.saturating_mul(1_000));
        telemetry::messages_held(shelf.held.len());
        Ok(Self {
            config: config.clone(),
            head: watch::Sender::new(shelf.next),
            shelf: Mutex::new(shelf),
            writing: Mutex::default(),
            posting: Arc::new(Semaphore::new(POSTING)),
        })
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().expect(POISON)
    }

    /// Returns a permit to post, unless too many clients are posting.
    pub(crate) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.posting.clone().try_acquire_owned().ok()
    }

    /// Subscribes to the sequence number of the next message to arrive.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Returns the bits of work that a message needs at present. They rise with the number of
    /// messages that are held, so that keeping the mailbox full costs the most.
    pub(crate) fn needed(&self) -> u32 {
        self.needed_beside(self.shelf().held.len())
    }

    fn needed_beside(&self, held: usize) -> u32 {
        let (least, most) = (self.config.work_bits, self.config.max_work_bits);
        let calm = self.config.capacity / CALM;
        let above = held.saturating_sub(calm) as u64;
        let rest = (self.config.capacity - calm).max(1) as u64;
        let rise = u64::from(most.saturating_sub(least)) * above.min(rest);
        least + rise.div_ceil(rest) as u32
    }

    /// Returns the second at which a message expires that is here already. Otherwise checks that a
    /// message with `bits` of work would be taken.
    pub(crate) fn look(
        &self,
        message: &[u8; MESSAGE_LEN],
        bits: u32,
        now: u64,
    ) -> Result<Option<u64>, PostError> {
        let id = id(message);
        let shelf = self.shelf();
        let known = shelf.by_id.get(&id).and_then(|at| shelf.held.get(at));
        if let Some(held) = known.filter(|held| held.expires > now) {
            telemetry::message("repeated");
            return Ok(Some(held.expires));
        }
        let needed = self.needed_beside(shelf.held.len());
        if bits < needed {
            telemetry::message("too_little_work");
            return Err(PostError::Work { needed });
        }
        Ok(None)
    }

    /// Stores a message with `bits` of work and returns the second at which it expires. A message
    /// that is here already keeps its expiry. Blocks until the message is on disk.
    pub(crate) fn post(
        &self,
        store: &Store,
        message: [u8; MESSAGE_LEN],
        bits: u32,
        now: u64,
    ) -> Result<u64, PostError> {
        let _writing = self.writing.lock().expect(POISON);
        if let Some(expires) = self.look(&message, bits, now)? {
            return Ok(expires);
        }
        let is_full = || {
            let shelf = self.shelf();
            let oldest = shelf.held.values().next();
            let expired = oldest.is_some_and(|held| held.expires <= now);
            (shelf.held.len() >= self.config.capacity, expired)
        };
        if let (true, true) = is_full() {
            self.purge_held(store, now).map_err(PostError::Store)?;
        }
        if let (true, _) = is_full() {
            telemetry::message("mailbox_full");
            return Err(PostError::Full);
        }
        let id = id(&message);
        let sequence = self.shelf().next;
        let expires = now + self.config.ttl_s;
        let record = MessageRecord { expires, message };
        let write = || -> Result<(), StoreError> {
            let mut changes = store.change();
            changes.put::<Messages>(&sequence, &record)?;
            // Stored with each message, so that numbers do not repeat when all messages are gone.
            let next = (sequence + 1).to_be_bytes().to_vec();
            changes.put::<Meta>(&MetaKey::Mailbox, &Bytes(next))?;
            changes.commit()
        };
        write().map_err(PostError::Store)?;
        let mut shelf = self.shelf();
        shelf.put(sequence, Held { id, expires });
        shelf.next = sequence + 1;
        telemetry::message("stored");
        telemetry::messages_held(shelf.held.len());
        self.head.send_replace(shelf.next);
        Ok(expires)
    }

    /// Deletes the expired messages.
    pub(crate) fn purge(&self, store: &Store, now: u64) -> Result<(), StoreError> {
        let _writing = self.writing.lock().expect(POISON);
        self.purge_held(store, now)
    }

    /// Deletes the expired messages from store and memory. The caller holds `writing`.
    fn purge_held(&self, store: &Store, now: u64) -> Result<(), StoreError> {
        let expired: Vec<u64> = {
            let shelf = self.shelf();
            let held = shelf.held.iter();
            held.filter(|(_, held)| held.expires <= now)
                .map(|(sequence, _)| *sequence)
                .collect()
        };
        if expired.is_empty() {
            return Ok(());
        }
        let mut changes = store.change();
        for sequence in &expired {
            changes.delete::<Messages>(sequence)?;
        }
        changes.commit()?;
        let mut shelf = self.shelf();
        for sequence in expired {
            shelf.remove(sequence);
        }
        telemetry::messages_held(shelf.held.len());
        Ok(())
    }

    /// Returns the number of the first message that is held, and the number of the next to arrive.
    pub(crate) fn extent(&self, now: u64) -> (u64, u64) {
        let shelf = self.shelf();
        let first = shelf.held.iter().find(|(_, held)| held.expires > now);
        (first.map_or(shelf.next, |(first, _)| *first), shelf.next)
    }

    /// Returns the messages from `from` on, at most `limit`.
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
            // Absent if it was purged a moment ago.
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

/// Returns the identity of a message.
fn id(message: &[u8; MESSAGE_LEN]) -> [u8; 32] {
    derive::bytes32("mailbox", &[message])
}

#[cfg(test)]
mod tests;
