//! Notes for quotes: chosen at once where they are there, merged first where they are too many.

use std::sync::Arc;

use rand::rngs::OsRng;
use subrosa_protocol::{encoding::fr_to_bytes, swap::Leg};

use super::{
    Inner, Wallet,
    carry::hold,
    fate::{brings_notes, held_nullifiers},
};
use crate::{
    chain::OwnedNote,
    compose::{ComposeError, Composed, Intent},
    error::WalletError,
    negotiation::{Id, QuoteStatus, records::Quote},
    operation::Request,
};

/// What a quote that is being prepared needs next.
enum Step {
    /// Nothing can be done now.
    Wait,
    /// Its notes are there.
    Ready(Vec<[u8; 32]>),
    /// A merge.
    Merge(Box<Composed>),
    /// It will not get them.
    Never,
}

impl Wallet {
    /// The notes that a leg would spend, of those that nothing else holds. None if it has to wait: for a merge,
    /// or for change that is on its way.
    ///
    /// # Errors
    /// [`WalletError::InsufficientFunds`] if what the institution has or is about to get back is not enough.
    pub(super) fn choose(
        &self,
        inner: &Inner,
        intent: &Intent,
        leg: &Leg,
    ) -> Result<Option<Vec<[u8; 32]>>, WalletError> {
        if !self.covers(inner, leg.asset, leg.value) {
            return Err(WalletError::InsufficientFunds);
        }
        let held = held_nullifiers(inner, None);
        let chosen = self.composer(inner, self.fee).choose(
            intent,
            leg.asset,
            leg.value,
            |note: &OwnedNote| !held.contains(&fr_to_bytes(&note.nullifier)),
        );
        match chosen {
            Ok((notes, false)) => Ok(Some(nullifiers(&notes))),
            Ok((_, true)) => Ok(None),
            Err(ComposeError::Insufficient) if inner.state.operations.iter().any(brings_notes) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Carries quotes on whose notes are not there yet.
    pub(super) async fn prepare_quotes(self: &Arc<Self>) -> Result<(), WalletError> {
        let preparing: Vec<Id> = {
            let inner = self.inner.lock().await;
            let quotes = inner.state.book.quotes();
            let mut preparing: Vec<&Quote> = quotes
                .filter(|quote| quote.status == QuoteStatus::Preparing)
                .collect();
            preparing.sort_by_key(|quote| quote.created);
            preparing.into_iter().map(|quote| quote.id).collect()
        };
        for id in preparing {
            self.prepare(&id).await?;
        }
        Ok(())
    }

    async fn prepare(self: &Arc<Self>, id: &Id) -> Result<(), WalletError> {
        let mut inner = self.inner.lock().await;
        let quote = inner.state.book.quote(id);
        let Some(quote) = quote.filter(|quote| quote.status == QuoteStatus::Preparing) else {
            return Ok(());
        };
        let (leg, intent) = (*quote.gives(), leg_of(quote));
        match self.next_step(&inner, &intent, &leg) {
            Step::Wait => Ok(()),
            Step::Ready(notes) => {
                let letter = match inner.state.book.offered(id, notes, super::now()) {
                    Ok(letter) => letter,
                    // Its notes took too long to be made ready.
                    Err(refusal) => {
                        tracing::info!("an offer is given up: {refusal}");
                        return self.give_up(&mut inner, id);
                    }
                };
                self.enqueue(&mut inner, vec![letter])?;
                self.save(&mut inner)?;
                self.mail.notify_one();
                Ok(())
            }
            Step::Never => self.give_up(&mut inner, id),
            Step::Merge(composed) => {
                hold(&mut inner, &composed);
                drop(inner);
                let parent = self.new_operation(Request::Merge, leg.asset, leg.value);
                let (attempt, submission) = match self.prove_composed(*composed).await {
                    Ok(proven) => proven,
                    // It would fail again.
                    Err(WalletError::Prover(reason)) => {
                        tracing::error!("notes for a quote cannot be merged: {reason}");
                        return self.give_up(&mut *self.inner.lock().await, id);
                    }
                    Err(error) => return Err(error),
                };
                self.start_merge(parent, attempt, submission).await
            }
        }
    }

    /// A quote that was not sent is taken back; it may have been already.
    fn give_up(&self, inner: &mut Inner, id: &Id) -> Result<(), WalletError> {
        match inner.state.book.cancel_quote(id) {
            Ok(letters) => self.enqueue(inner, letters)?,
            Err(_) => return Ok(()),
        }
        self.save(inner)
    }

    fn next_step(&self, inner: &Inner, intent: &Intent, leg: &Leg) -> Step {
        let held = held_nullifiers(inner, None);
        let spendable = |note: &OwnedNote| !held.contains(&fr_to_bytes(&note.nullifier));
        let composer = self.composer(inner, self.fee);
        let merge = match composer.choose(intent, leg.asset, leg.value, spendable) {
            Ok((notes, false)) => return Step::Ready(nullifiers(&notes)),
            Ok((_, true)) => composer.compose(intent, leg.asset, leg.value, spendable, &mut OsRng),
            Err(error) => Err(error),
        };
        match merge {
            Ok(composed) => Step::Merge(Box::new(composed)),
            Err(ComposeError::Insufficient) if inner.state.operations.iter().any(brings_notes) => {
                Step::Wait
            }
            Err(_) => Step::Never,
        }
    }
}

/// The intent of our leg of a quote, or of a proposal.
pub(super) fn leg_of(quote: &Quote) -> Intent {
    match quote.deal.agreement() {
        Some(agreement) => Intent::Open(Box::new(agreement.clone())),
        None => Intent::Leg {
            terms: Box::new(quote.deal.terms().clone()),
            side: quote.side(),
        },
    }
}

fn nullifiers(notes: &[OwnedNote]) -> Vec<[u8; 32]> {
    notes
        .iter()
        .map(|note| fr_to_bytes(&note.nullifier))
        .collect()
}
