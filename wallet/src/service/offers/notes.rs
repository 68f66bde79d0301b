//! Notes for offers: chosen at once if possible, otherwise merged first.

use std::sync::Arc;

use rand::rngs::OsRng;
use subrosa_protocol::{
    element::Nullifier,
    swap::{Leg, Side},
};

use super::super::{
    Inner, Wallet,
    operations::{
        carry::hold,
        fate::{brings_notes, held_nullifiers},
    },
};
use crate::{
    chain::OwnedNote,
    compose::{ComposeError, Composed, Intent},
    error::WalletError,
    negotiation::{Deal, Id, Quote, QuoteStatus},
    operation::Request,
};

/// The next step of a quote that is being prepared.
enum Step {
    /// Wait for change or a merge.
    Wait,
    /// Send it: these are its notes.
    Ready(Vec<Nullifier>),
    /// Merge notes.
    Merge(Box<Composed>),
    /// Give up: its notes will not come.
    Never,
}

impl Wallet {
    /// Chooses the notes for a leg among those that nothing else has reserved. Returns `None` if
    /// the leg has to wait for a merge or for change.
    ///
    /// # Errors
    /// [`WalletError::InsufficientFunds`] if the balance and the expected change do not cover it.
    pub(super) fn choose(
        &self,
        inner: &Inner,
        intent: &Intent,
        leg: &Leg,
    ) -> Result<Option<Vec<Nullifier>>, WalletError> {
        if !self.covers(inner, leg.asset, leg.value) {
            return Err(WalletError::InsufficientFunds);
        }
        let held = held_nullifiers(inner, None);
        let chosen = self.composer(inner, self.fee()).choose(
            intent,
            leg.asset,
            leg.value,
            |note: &OwnedNote| !held.contains(&note.nullifier),
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

    /// Moves quotes on whose notes are not ready yet, oldest first.
    pub(in super::super) async fn prepare_quotes(self: &Arc<Self>) -> Result<(), WalletError> {
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
        let (leg, intent) = (*quote.gives(), leg_of(&quote.deal, quote.side()));
        match self.next_step(&inner, &intent, &leg) {
            Step::Wait => Ok(()),
            Step::Ready(notes) => {
                let letter = match inner.state.book.offered(id, notes, self.now()) {
                    Ok(letter) => letter,
                    // The merge took too long for the loan's maturity.
                    Err(refusal) => {
                        tracing::info!("an offer is cancelled: {refusal}");
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
                    // Another attempt would fail in the same way.
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

    /// Cancels a quote that was not sent. Does nothing if it was cancelled before.
    fn give_up(&self, inner: &mut Inner, id: &Id) -> Result<(), WalletError> {
        match inner.state.book.cancel_quote(id) {
            Ok(letters) => self.enqueue(inner, letters)?,
            Err(_) => return Ok(()),
        }
        self.save(inner)
    }

    fn next_step(&self, inner: &Inner, intent: &Intent, leg: &Leg) -> Step {
        let held = held_nullifiers(inner, None);
        let spendable = |note: &OwnedNote| !held.contains(&note.nullifier);
        let composer = self.composer(inner, self.fee());
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

/// Returns the intent of our leg, on `side`, of a swap or an origination.
pub(in super::super) fn leg_of(deal: &Deal, side: Side) -> Intent {
    match deal.agreement() {
        Some(agreement) => Intent::Open(Box::new(agreement.clone())),
        None => Intent::Leg {
            terms: Box::new(deal.terms().clone()),
            side,
        },
    }
}

fn nullifiers(notes: &[OwnedNote]) -> Vec<Nullifier> {
    notes.iter().map(|note| note.nullifier).collect()
}
