//! Carrying operations through: composing, proving, submitting, following.

use std::sync::Arc;

use rand::rngs::OsRng;
use subrosa_protocol::{
    asset::AssetId, encoding::fr_to_bytes, keys::Address, transaction::Submission,
};

use super::{
    Inner, LIFETIME, MAX_ATTEMPTS, Wallet,
    fate::{advance, promised, spendable},
    new_id, now, parse_account,
    prepare::leg_of,
    watching::{MIXED, named, tell},
};
use crate::{
    chain::OwnedNote,
    compose::{ComposeError, Composed, Composer, Intent, Terms},
    error::{Failure, WalletError},
    loans::StepError,
    negotiation::Book,
    operation::{Attempt, Operation, Progress, Request},
    sequencer::SequencerError,
};

impl Wallet {
    /// Moves operations on that the chain has caught up with, or that can no longer happen. What the chain
    /// holds overrides what the sequencer said: a transaction that it called refused may be there.
    pub(super) async fn follow(&self) -> Result<(), WalletError> {
        let mut inner = self.inner.lock().await;
        let Inner {
            chain,
            state,
            settled,
            l1_time,
            ..
        } = &mut *inner;
        let mut changed = false;
        let now = now();
        for operation in &mut state.operations {
            let mut next = advance(operation, chain, *settled, *l1_time);
            if next == Progress::Queued && leg_is_over(&state.book, operation, now) {
                next = Progress::Failed(Failure {
                    code: "expired".into(),
                    reason: None,
                    detail: "the swap's time was over before its leg was made".into(),
                });
            }
            if next != operation.progress {
                if !next.is_open() || next == Progress::Queued {
                    operation.submission = None;
                }
                operation.progress = next;
                changed = true;
            }
        }
        let letters = state
            .book
            .withdraw_broken(|nf| chain.owns(nf) && chain.spent(nf).is_none());
        changed |= !letters.is_empty();
        self.enqueue(&mut inner, letters)?;
        changed |= tell(&mut inner);
        if changed {
            self.save(&mut inner)?;
            self.mail.notify_one();
        }
        Ok(())
    }

    /// Asks the sequencer about accepted transactions that no batch holds yet: it may have had to drop one,
    /// because the asset root moved or the expiry passed.
    pub(super) async fn watch_submitted(&self) -> Result<(), WalletError> {
        let waiting: Vec<(String, String)> = {
            let inner = self.inner.lock().await;
            inner
                .state
                .operations
                .iter()
                .filter(|o| o.progress == Progress::Submitted)
                .filter_map(|o| Some((o.id.clone(), o.attempts.last()?.digest.clone())))
                .collect()
        };
        for (id, digest) in waiting {
            if let Some(code) = self.client.refusal(&digest).await? {
                self.dropped(&id, code).await?;
            }
        }
        Ok(())
    }

    /// The sequencer does not take a transaction. If its ground moved, it is composed again from the same
    /// notes; otherwise the operation fails, and its notes are held until the transaction can no longer
    /// be included.
    async fn dropped(&self, id: &str, code: String) -> Result<(), WalletError> {
        self.refresh_assets().await?;
        let again = {
            let inner = self.inner.lock().await;
            let root = hex_word(&fr_to_bytes(&inner.assets.root()));
            let operation = inner.state.operations.iter().find(|o| o.id == id);
            operation.is_some_and(|o| {
                let moved = match code.as_str() {
                    "stale_assets" => o.attempts.last().is_some_and(|a| a.assets_root != root),
                    "unknown_anchor" | "unknown_snapshot" => true,
                    // Two legs name one price snapshot, or one of them none.
                    MIXED => matches!(o.request, Request::Leg { .. }),
                    // It was not refused for anything in it.
                    "displaced" => matches!(o.request, Request::Leg { .. }),
                    _ => false,
                };
                moved && o.request != Request::Merge && o.attempts.len() < MAX_ATTEMPTS
            })
        };
        if again {
            return self
                .update(id, |operation| {
                    operation.progress = Progress::Queued;
                    operation.submission = None;
                    operation.waiting_for = Some(code);
                })
                .await;
        }
        let failure = match code.as_str() {
            "expired" => Failure {
                code,
                reason: None,
                detail: "it was not included before its expiry".into(),
            },
            _ => Failure {
                code: "rejected".into(),
                reason: Some(code),
                detail: "the sequencer does not take the transaction".into(),
            },
        };
        self.fail(id, failure).await
    }

    pub(super) async fn to_submit(&self) -> Vec<String> {
        let inner = self.inner.lock().await;
        let proven = inner.state.operations.iter();
        proven
            .filter(|o| o.progress == Progress::Proven && o.waiting_for.is_none())
            .map(|o| o.id.clone())
            .collect()
    }

    /// What composes from our notes, with a transaction's fee.
    pub(super) fn composer<'a>(&'a self, inner: &'a Inner, fee: u128) -> Composer<'a> {
        Composer {
            chain: &inner.chain,
            assets: &inner.assets,
            keys: &self.keys,
            spend: &self.spend,
            terms: Terms {
                context: self.info.context,
                fee_asset: self.info.fee_asset,
                fee,
                expiry: now() + LIFETIME,
                now: now(),
                snapshot: inner.snapshot,
                silent: false,
            },
        }
    }

    /// Composes and proves a queued operation. False if it has to wait for notes.
    pub(super) async fn prove(self: &Arc<Self>, id: &str) -> Result<bool, WalletError> {
        let (operation, composed) = {
            let mut inner = self.inner.lock().await;
            let Some(operation) = inner.state.operations.iter().find(|o| o.id == id).cloned()
            else {
                return Ok(false);
            };
            let spendable = spendable(&inner, &operation);
            let intent = match self.intent(&inner, &operation.request) {
                Ok(intent) => intent,
                Err(error) => {
                    drop(inner);
                    self.fail(id, error.failure()).await?;
                    return Ok(false);
                }
            };
            let mut composer = self.composer(&inner, operation.fee);
            (composer.terms.snapshot, composer.terms.silent) = named(&inner, &operation);
            let composed = composer.compose(
                &intent,
                AssetId(operation.asset),
                operation.amount,
                |note: &OwnedNote| spendable(&fr_to_bytes(&note.nullifier)),
                &mut OsRng,
            );
            if let Ok(composed) = &composed {
                hold(&mut inner, composed);
            }
            (operation, composed)
        };
        let composed = match composed {
            Ok(composed) => composed,
            Err(ComposeError::Insufficient) => {
                return self.wait_for_notes(&operation).await.map(|()| false);
            }
            // A newer price may come before the opening's time is over.
            Err(ComposeError::Step(StepError::NoPrice))
                if matches!(operation.request, Request::Leg { .. }) =>
            {
                return Ok(false);
            }
            Err(error) => {
                self.fail(id, WalletError::from(error).failure()).await?;
                return Ok(false);
            }
        };
        let merges = composed.merges;
        let (attempt, submission) = match self.prove_composed(composed).await {
            Ok(proven) => proven,
            Err(error @ WalletError::Prover(_)) => {
                self.fail(id, error.failure()).await?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        if merges {
            self.start_merge(operation, attempt, submission).await?;
            return Ok(false);
        }
        let mut inner = self.inner.lock().await;
        inner.proving.clear();
        let Inner { state, chain, .. } = &mut *inner;
        let queued = state.operations.iter_mut().find(|o| o.id == id);
        // It may have been called off meanwhile.
        let Some(operation) = queued.filter(|o| o.progress == Progress::Queued) else {
            return Ok(false);
        };
        if let Request::Leg { swap } = &operation.request {
            let notes = attempt.nullifiers;
            let ours = notes.into_iter().filter(|nf| chain.owns(nf)).collect();
            state.book.pin(swap, ours);
        }
        operation.prove(attempt, submission);
        self.save(&mut inner)?;
        Ok(true)
    }

    /// Proves what was composed: the attempt, and the submission. Until it is kept, its notes are held.
    pub(super) async fn prove_composed(
        self: &Arc<Self>,
        composed: Composed,
    ) -> Result<(Attempt, Vec<u8>), WalletError> {
        let Composed {
            transaction,
            witness,
            ..
        } = composed;
        let words = transaction.words(&self.info.context);
        let digest = transaction.digest(&self.info.context);
        let wallet = Arc::clone(self);
        let proof = tokio::task::spawn_blocking(move || wallet.prover.prove(&words, &witness));
        let proof = match proof.await {
            Ok(Ok(proof)) => proof,
            failed => {
                self.inner.lock().await.proving.clear();
                return Err(match failed {
                    Ok(Err(reason)) => WalletError::Prover(reason),
                    _ => WalletError::Stopped,
                });
            }
        };
        let attempt = Attempt {
            digest: hex_word(&fr_to_bytes(&digest)),
            nullifiers: transaction.nullifiers.each_ref().map(fr_to_bytes),
            expiry: transaction.header.expiry,
            assets_root: hex_word(&fr_to_bytes(&transaction.assets_root)),
        };
        let submission = Submission { transaction, proof }.to_bytes();
        Ok((attempt, submission))
    }

    /// Keeps and submits a merge that something like `parent` waits for.
    pub(super) async fn start_merge(
        &self,
        parent: Operation,
        attempt: Attempt,
        submission: Vec<u8>,
    ) -> Result<(), WalletError> {
        let mut merge = Operation {
            id: new_id(),
            request: Request::Merge,
            created: now(),
            attempts: Vec::new(),
            ..parent
        };
        merge.prove(attempt, submission);
        let id = merge.id.clone();
        let mut inner = self.inner.lock().await;
        inner.proving.clear();
        inner.state.operations.push(merge);
        self.save(&mut inner)?;
        drop(inner);
        self.submit(&id).await
    }

    /// Leaves an operation queued while others may still bring it notes, and fails it when none can.
    async fn wait_for_notes(&self, waiting: &Operation) -> Result<(), WalletError> {
        let may_come = {
            let inner = self.inner.lock().await;
            // A leg whose notes were chosen has no others.
            promised(&inner, waiting).is_none()
                && inner
                    .state
                    .operations
                    .iter()
                    .any(|o| o.id != waiting.id && o.progress.is_open())
        };
        if may_come {
            Ok(())
        } else {
            self.fail(&waiting.id, WalletError::InsufficientFunds.failure())
                .await
        }
    }

    pub(super) fn intent(&self, inner: &Inner, request: &Request) -> Result<Intent, WalletError> {
        let malformed = |_| WalletError::Malformed("a stored operation".into());
        match request {
            Request::Transfer { to, memo } => Ok(Intent::Transfer {
                to: Address::decode(to, self.network)
                    .map_err(|e| WalletError::BadAddress(e.to_string()))?,
                memo: memo
                    .parse()
                    .map_err(|e: subrosa_protocol::encryption::MemoError| {
                        WalletError::MemoTooLong(e.to_string())
                    })?,
            }),
            Request::Withdrawal { to } => Ok(Intent::Withdraw {
                recipient: parse_account(to).map_err(malformed)?,
            }),
            Request::Leg { swap } => {
                let quote = inner.state.book.quote(swap).ok_or(WalletError::NotFound)?;
                Ok(leg_of(quote))
            }
            Request::Step {
                loan,
                sequence,
                action,
            } => {
                let held = inner.chain.loan(loan.as_bytes());
                let held = held.filter(|held| held.end.is_none() && held.sequence() == *sequence);
                let moved =
                    WalletError::WrongState("the loan has changed since the step was asked");
                Ok(Intent::Step {
                    loan: Box::new(held.cloned().ok_or(moved)?),
                    action: *action,
                })
            }
            Request::Deposit { .. } | Request::Merge => Err(WalletError::Malformed(
                "nothing to compose for this operation".into(),
            )),
        }
    }

    /// Sends a proven operation. Transient failures leave it proven; a moved ground queues it again.
    pub(super) async fn submit(&self, id: &str) -> Result<(), WalletError> {
        let bytes = {
            let mut inner = self.inner.lock().await;
            // What is not on disk does not leave: after a restart it would be made again from other notes.
            if inner.unsaved {
                self.save(&mut inner)?;
            }
            let operation = inner.state.operations.iter().find(|o| o.id == id);
            let Some(hex) = operation.and_then(|o| o.submission.as_ref()) else {
                return Ok(());
            };
            hex::decode(hex).map_err(|_| WalletError::Malformed("a stored submission".into()))?
        };
        match self.client.submit(bytes).await {
            Ok(()) => {
                self.update(id, |operation| operation.progress = Progress::Submitted)
                    .await
            }
            // No room for a leg must not hold up what there is room for.
            Err(SequencerError::Refused { code, .. }) if code == "legs_full" => Ok(()),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(SequencerError::Refused { code, .. }) => self.dropped(id, code).await,
            Err(error) => self.fail(id, WalletError::from(error).failure()).await,
        }
    }

    pub(super) async fn update(
        &self,
        id: &str,
        change: impl FnOnce(&mut Operation),
    ) -> Result<(), WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(operation) = inner.state.operations.iter_mut().find(|o| o.id == id) {
            change(operation);
        }
        self.save(&mut inner)
    }

    pub(super) async fn fail(&self, id: &str, failure: Failure) -> Result<(), WalletError> {
        self.update(id, |operation| {
            operation.progress = Progress::Failed(failure);
            operation.submission = None;
        })
        .await
    }
}

/// Whether a leg can no longer be made in time.
fn leg_is_over(book: &Book, operation: &Operation, now: u64) -> bool {
    let Request::Leg { swap } = &operation.request else {
        return false;
    };
    book.quote(swap)
        .is_none_or(|quote| now > quote.deal.terms().expiry)
}

/// Keeps the notes of what is about to be proven from other uses.
pub(super) fn hold(inner: &mut Inner, composed: &Composed) {
    let nullifiers = &composed.transaction.nullifiers;
    inner.proving = nullifiers.iter().map(fr_to_bytes).collect();
}

/// 0x hex.
fn hex_word(bytes: &[u8; 32]) -> String {
    format!("0x{}", hex::encode(bytes))
}
