//! Correspondence: every message of the mailbox is tried, ours are taken into the book, and what the book wants
//! said is kept until it is sent.

use std::{sync::Arc, time::Duration};

use rand::rngs::OsRng;
use rayon::prelude::*;
use subrosa_protocol::message::{self, OpenedMessage, SealedMessage};
use tokio_util::sync::CancellationToken;

use super::{Inner, POLL, Wallet, new_id, now};
use crate::{
    error::{Failure, WalletError},
    negotiation::{
        Letter, Payload,
        book::{Dropped, Reading},
    },
    operation::{Progress, Request},
    sequencer::SequencerError,
    store::Posted,
};

/// How long the mailbox is left alone after it failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a message is tried at most.
const MAX_TRIES: u32 = 600;
/// Answers to what others write are given up beyond so many unsent messages.
const MAX_OUTBOX: usize = 64;
/// Pages read before what they brought is acted upon.
const PAGES: usize = 16;
/// Messages of others after which the cursor is stored: reading them again does no harm.
const STRIDE: u64 = 256;

impl Wallet {
    /// Reads and writes messages until cancelled.
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
                        tracing::debug!(code, retryable, "no messages: {error}");
                    } else {
                        tracing::warn!(code, retryable, "no messages: {error}");
                    }
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.mail.notified(), if !failing => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One round. What is over ends also when the mailbox cannot be reached.
    async fn exchange(&self, stored: &mut u64) -> Result<(), WalletError> {
        let read = self.read_messages(stored).await;
        {
            let mut inner = self.inner.lock().await;
            if inner.state.book.tick(now()) || inner.unsaved {
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
                // Another mailbox than the one that was read: what it holds is new.
                self.inner.lock().await.state.mail.cursor = 0;
                continue;
            }
            let opened = self.open_all(page.messages).await?;
            let mut inner = self.inner.lock().await;
            let mut changed = false;
            for message in opened {
                changed |= self.take_in(&mut inner, &message)?;
            }
            inner.state.mail.cursor = page.next;
            if changed || page.next.abs_diff(*stored) >= STRIDE {
                self.save(&mut inner)?;
                *stored = page.next;
            }
            if page.next <= cursor || page.next >= page.head {
                break;
            }
        }
        Ok(())
    }

    /// Those messages that are for us.
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

    /// Takes a message into the book; whatever is wrong with it is its sender's affair. True if something
    /// changed.
    fn take_in(&self, inner: &mut Inner, message: &OpenedMessage) -> Result<bool, WalletError> {
        let payload = match Payload::from_bytes(&message.payload) {
            Ok(payload) => payload,
            Err(_) => {
                tracing::debug!("dropped a message that says nothing");
                return Ok(false);
            }
        };
        let (operation, own) = (new_id(), self.keys.address());
        let Inner { state, shown, .. } = inner;
        let reading = Reading {
            now: now(),
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

    /// Seals messages and keeps them to be sent. The caller stores the state.
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

    /// Sends what is kept, in its order, as far as the mailbox takes it now.
    async fn send_messages(&self) -> Result<(), WalletError> {
        loop {
            let next = {
                let mut inner = self.inner.lock().await;
                let (now, outbox) = (now(), &mut inner.state.mail.outbox);
                let before = outbox.len();
                outbox.retain(|posted| posted.until >= now && posted.tries < MAX_TRIES);
                if outbox.len() != before {
                    tracing::warn!("gave up messages that could not be sent in time");
                }
                outbox.first_mut().map(|posted| {
                    posted.tries += 1;
                    posted.message.clone()
                })
            };
            let Some(text) = next else { return Ok(()) };
            let sent = match hex::decode(&text) {
                Ok(bytes) => self.client.post(bytes).await,
                Err(_) => Ok(()),
            };
            match sent {
                Err(error) if error.is_transient() => return Err(error.into()),
                // An operator that has no mailbox, or not yet.
                Err(SequencerError::Refused { code, .. }) if code == "not_found" => {
                    return Err(WalletError::Chain("the sequencer has no mailbox".into()));
                }
                Err(error) => tracing::warn!("a message was refused: {error}"),
                Ok(()) => {}
            }
            let mut inner = self.inner.lock().await;
            let outbox = &mut inner.state.mail.outbox;
            outbox.retain(|posted| posted.message != text);
            self.save(&mut inner)?;
        }
    }
}

/// A swap was taken back by its maker. A leg that is signed can be included until it expires; one that is not,
/// is not made.
fn call_off(inner: &mut Inner, swap: &crate::negotiation::Id) {
    let mut operations = inner.state.operations.iter_mut();
    let leg = operations.find(|o| {
        o.request == Request::Leg { swap: *swap }
            && o.progress == Progress::Queued
            && o.attempts.is_empty()
    });
    if let Some(leg) = leg {
        leg.progress = Progress::Failed(Failure {
            code: "cancelled".into(),
            reason: None,
            detail: "the counterparty took its quote back".into(),
        });
    }
}
