//! Messages: every message in the mailbox is tried with our keys, ours go into the book, and the
//! book's answers are stored until they are sent.

use std::{sync::Arc, time::Duration};

use rand::rngs::OsRng;
use rayon::prelude::*;
use subrosa_protocol::message::{self, OpenedMessage, SealedMessage};
use tokio_util::sync::CancellationToken;

use super::{Inner, POLL, Wallet, new_id};
use crate::{
    error::WalletError,
    failure::Failure,
    negotiation::{
        Id, Letter, Payload,
        book::{Dropped, Reading},
    },
    operation::{Progress, Request},
    sequencer::SequencerError,
    store::Posted,
};

/// Pause after the mailbox failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Attempts at sending a message.
const MAX_TRIES: u32 = 600;
/// Unsent messages beyond which answers to received messages are discarded.
const MAX_OUTBOX: usize = 64;
/// Pages read in one round.
const PAGES: usize = 16;
/// Messages after which the cursor is stored even if none was for us. Reading messages again does
/// no harm.
const STRIDE: u64 = 256;

impl Wallet {
    /// Reads and sends messages until cancelled.
    pub(super) async fn correspond(self: Arc<Self>, stop: CancellationToken) {
        let mut failing = false;
        let mut stored = self.inner.lock().await.state.mail.cursor;
        while !stop.is_cancelled() {
            let pause = match self.exchange(&mut stored).await {
                Ok(()) => {
                    failing = false;
                    POLL
                }
                Err(error) => {
                    let (code, _, retryable) = error.classify();
                    if std::mem::replace(&mut failing, true) {
                        tracing::debug!(code, retryable, "the mailbox failed: {error}");
                    } else {
                        tracing::warn!(code, retryable, "the mailbox failed: {error}");
                    }
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.mail.notified(), if !failing => {}
                () = self.clock.sleep(pause) => {}
            }
        }
    }

    /// Reads and sends once. Quotes and requests also expire when the mailbox is unreachable.
    async fn exchange(&self, stored: &mut u64) -> Result<(), WalletError> {
        let read = if self.ear.messages() {
            let read = self.read_messages(stored).await;
            read.inspect_err(|_| self.ear.missed_messages())
        } else {
            Ok(())
        };
        {
            let mut inner = self.inner.lock().await;
            if inner.state.book.tick(self.now()) || inner.unsaved {
                self.save(&mut inner)?;
            }
        }
        let sent = self.send_messages().await;
        read.and(sent)
    }

    async fn read_messages(&self, stored: &mut u64) -> Result<(), WalletError> {
        for _ in 0..PAGES {
            let cursor = self.inner.lock().await.state.mail.cursor;
            let page = self.client.messages(cursor).await?;
            if page.head < cursor {
                // The mailbox was replaced by a new one: read it from its start.
                self.inner.lock().await.state.mail.cursor = 0;
                continue;
            }
            let opened = self.open_all(page.messages).await?;
            let mut inner = self.inner.lock().await;
            let mut changed = false;
            for message in opened {
                changed |= self.receive(&mut inner, &message)?;
            }
            inner.state.mail.cursor = page.next;
            if changed || page.next.abs_diff(*stored) >= STRIDE {
                self.save(&mut inner)?;
                *stored = page.next;
            }
            if page.next <= cursor || page.next >= page.head {
                return Ok(());
            }
        }
        // There are more: they are read in the next round.
        self.ear.missed_messages();
        Ok(())
    }

    /// Opens the messages that are for us.
    async fn open_all(
        &self,
        messages: Vec<SealedMessage>,
    ) -> Result<Vec<OpenedMessage>, WalletError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.keys.clone();
        tokio::task::spawn_blocking(move || {
            let tried = messages.par_iter();
            tried
                .filter_map(|sealed| message::open(&keys, sealed))
                .collect()
        })
        .await
        .map_err(|_| WalletError::Stopped)
    }

    /// Takes a message into the book. A faulty message is dropped. Returns whether the state
    /// changed.
    fn receive(&self, inner: &mut Inner, message: &OpenedMessage) -> Result<bool, WalletError> {
        let payload = match Payload::from_bytes(&message.payload) {
            Ok(payload) => payload,
            Err(_) => {
                tracing::debug!("dropped a message that does not decode");
                return Ok(false);
            }
        };
        let (operation, own) = (new_id(), self.keys.address());
        let Inner { state, shown, .. } = inner;
        let reading = Reading {
            now: self.now(),
            own: &own,
            registered: &|id| shown.iter().any(|asset| asset.id == id),
            operation: &operation,
        };
        let reaction = match state.book.receive(&message.sender, payload, &reading) {
            Ok(reaction) => reaction,
            Err(why @ (Dropped::Own | Dropped::Unfit(_) | Dropped::Full)) => {
                tracing::debug!("dropped a message: {why}");
                return Ok(false);
            }
        };
        if let Some(swap) = &reaction.leg {
            self.start_leg(inner, swap)?;
        }
        if let Some(swap) = &reaction.withdrawn {
            call_off(inner, swap);
        }
        let answers = !reaction.letters.is_empty();
        if inner.state.mail.outbox.len() < MAX_OUTBOX {
            self.enqueue(inner, reaction.letters)?;
        }
        Ok(reaction.changed || answers)
    }

    /// Seals messages and adds them to the outbox. The caller stores the state.
    pub(super) fn enqueue(
        &self,
        inner: &mut Inner,
        letters: Vec<Letter>,
    ) -> Result<(), WalletError> {
        for Letter { to, payload, until } in letters {
            let sealed = message::seal(&self.keys, &to, &payload.to_bytes(), &mut OsRng)
                .map_err(|error| WalletError::Malformed(error.to_string()))?;
            inner.state.mail.outbox.push(Posted {
                message: hex::encode(sealed.0),
                until,
                tries: 0,
            });
        }
        Ok(())
    }

    /// Sends the outbox in order, until it is empty or the mailbox fails.
    async fn send_messages(&self) -> Result<(), WalletError> {
        loop {
            let next = {
                let mut inner = self.inner.lock().await;
                let (now, outbox) = (self.now(), &mut inner.state.mail.outbox);
                let before = outbox.len();
                outbox.retain(|posted| posted.until >= now && posted.tries < MAX_TRIES);
                if outbox.len() != before {
                    tracing::warn!("discarded messages that could not be sent in time");
                }
                outbox.first_mut().map(|posted| {
                    posted.tries += 1;
                    posted.message.clone()
                })
            };
            let Some(text) = next else { return Ok(()) };
            let sent = match hex::decode(&text) {
                Ok(bytes) => self.client.post(bytes, self.context, self.now()).await,
                Err(_) => Ok(()),
            };
            match sent {
                Err(error) if error.is_transient() => return Err(error.into()),
                // The operator runs no mailbox, or not yet: keep the message.
                Err(SequencerError::Refused { code, .. }) if code == "not_found" => {
                    return Err(WalletError::Chain("the sequencer has no mailbox".into()));
                }
                Err(error) => tracing::warn!("the mailbox refused a message: {error}"),
                Ok(()) => {}
            }
            let mut inner = self.inner.lock().await;
            let outbox = &mut inner.state.mail.outbox;
            outbox.retain(|posted| posted.message != text);
            self.save(&mut inner)?;
        }
    }
}

/// Fails the leg of a swap that its maker cancelled, if the leg is not signed yet. A signed leg
/// can be included until it expires.
fn call_off(inner: &mut Inner, swap: &Id) {
    let mut operations = inner.state.operations.iter_mut();
    let leg = operations.find(|o| {
        o.request == Request::Leg { swap: *swap }
            && o.progress == Progress::Queued
            && o.attempts.is_empty()
    });
    if let Some(leg) = leg {
        let detail = "the counterparty cancelled its quote";
        leg.progress = Progress::Failed(Failure::new("cancelled", detail));
    }
}
