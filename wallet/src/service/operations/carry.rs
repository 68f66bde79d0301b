//! Carrying operations through: composing, proving, submitting, following.

use std::sync::Arc;

use rand::rngs::OsRng;
use subrosa_protocol::{asset::AssetId, encoding::fr_to_bytes, transaction::Submission};

use super::{
    super::{
        Inner, MAX_ATTEMPTS, Wallet, loans::watch::publish_loans, new_id, offers::notes::leg_of,
        parse_account,
    },
    fate::{EXPIRED, advance, is_live, promised, spendable},
};
use crate::{
    chain::OwnedNote,
    compose::{ComposeError, Composed, Composer, Envelope, Intent},
    error::WalletError,
    failure::Failure,
    loans::StepError,
    negotiation::Book,
    operation::{Attempt, Operation, Progress, Request},
    sequencer::{Fate, SequencerError},
    store::State,
    times::Validity,
};

impl Wallet {
    /// Moves operations on that the chain has caught up with, or that can no longer happen.
    ///
    /// The chain overrides the sequencer's answers: a batch may include a transaction that the
    /// sequencer called refused.
    pub(in super::super) async fn follow(&self) -> Result<(), WalletError> {
        let mut inner = self.inner.lock().await;
        let Inner {
            chain,
            state,
            settled,
            l1_time,
            ..
        } = &mut *inner;
        let mut changed = false;
        let now = self.now();
        for operation in &mut state.operations {
            let mut next = advance(operation, chain, *settled, *l1_time);
            if next == Progress::Queued && leg_is_over(&state.book, operation, now) {
                next = Progress::Failed(Failure::new(
                    "expired",
                    "the swap expired before its leg was made; agree on a new one",
                ));
            }
            if next != operation.progress {
                // The batch that includes it may be taken back, and the sequencer lose it.
                let kept = matches!(
                    next,
                    Progress::Proven | Progress::Submitted | Progress::Included { .. }
                );
                if !kept {
                    operation.submission = None;
                }
                if matches!(next, Progress::Included { .. } | Progress::Settled { .. }) {
                    operation.waiting_for = None;
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
        changed |= publish_loans(&mut inner, now);
        if changed {
            self.save(&mut inner)?;
            self.mail.notify_one();
        }
        Ok(())
    }

    /// Notes that the sequencer holds the transaction of an operation.
    async fn submitted(&self, id: &str) -> Result<(), WalletError> {
        let mut inner = self.inner.lock().await;
        let operation = inner.state.operation_mut(id);
        let fresh = operation.filter(|operation| operation.progress == Progress::Proven);
        match fresh {
            Some(operation) => operation.progress = Progress::Submitted,
            None => return Ok(()),
        }
        self.save(&mut inner)
    }

    /// Handles a transaction that the sequencer rejected or dropped.
    ///
    /// If it became stale, it is composed again from the same notes. Otherwise the operation
    /// fails; its notes stay reserved until the transaction can no longer be included.
    async fn dropped(&self, id: &str, code: String) -> Result<(), WalletError> {
        if is_contested(&code) {
            // A batch that the wallet has not read may include this very transaction. After it has
            // read all of them, the same answer is final.
            let mut inner = self.inner.lock().await;
            let operation = inner.state.operation_mut(id);
            if let Some(operation) = operation
                && operation.waiting_for.as_ref() != Some(&code)
            {
                operation.waiting_for = Some(code);
                self.ear.missed();
                return self.save(&mut inner);
            }
        }
        self.refresh_assets().await?;
        let again = {
            let inner = self.inner.lock().await;
            if code == "unknown_anchor" && inner.absent > 0 {
                // Our last batches may be gone. Until that is sure, nothing better can be made.
                return Ok(());
            }
            let root = hex_word(&fr_to_bytes(&inner.assets.root()));
            if code == "unknown_anchor" {
                let anchor =
                    hex_word(&inner.chain.anchor_under(inner.snapshot.as_ref()).to_bytes());
                let operation = inner.state.operation(id);
                let attempt = operation.and_then(|operation| operation.attempts.last());
                if attempt.is_some_and(|attempt| attempt.anchor == anchor) {
                    // Neither prices nor batches have come since. It is sent again as it is.
                    return Ok(());
                }
            }
            inner.state.operation(id).is_some_and(|o| {
                let stale = match code.as_str() {
                    "stale_assets" => o.attempts.last().is_some_and(|a| a.assets_root != root),
                    // The prices moved on, or batches were dropped.
                    "unknown_anchor" => true,
                    // The leg only lost its place in the pool; nothing in it is wrong.
                    "displaced" => matches!(o.request, Request::Leg { .. }),
                    _ => false,
                };
                // New prices come all the time, so that they may be waited for as long as it is
                // valid.
                let counted = code != "unknown_anchor";
                stale
                    && o.request != Request::Merge
                    && !(counted && o.attempts.len() >= MAX_ATTEMPTS)
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
            "expired" => Failure::new("expired", EXPIRED),
            _ => Failure {
                detail: rejection(&code),
                reason: Some(code),
                code: "rejected".into(),
            },
        };
        self.fail(id, failure).await
    }

    /// Returns a composer of our notes, with a transaction's fee.
    pub(in super::super) fn composer<'a>(&'a self, inner: &'a Inner, fee: u128) -> Composer<'a> {
        let now = self.now();
        Composer {
            chain: &inner.chain,
            assets: &inner.assets,
            keys: &self.keys,
            spend: &self.spend,
            envelope: Envelope {
                context: self.context,
                fee_asset: self.fee_asset,
                fee,
                usual: Validity::usual(now, inner.chain.time(), inner.snapshot.as_ref()),
                now,
                snapshot: inner.snapshot,
            },
        }
    }

    /// Composes and proves a queued operation. Returns whether it is ready to be submitted.
    pub(in super::super) async fn prove(self: &Arc<Self>, id: &str) -> Result<bool, WalletError> {
        let (operation, composed) = {
            let mut inner = self.inner.lock().await;
            let Some(operation) = inner.state.operation(id).cloned() else {
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
            let composed = self.composer(&inner, operation.fee).compose(
                &intent,
                AssetId(operation.asset),
                operation.amount,
                |note: &OwnedNote| spendable(&note.nullifier),
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
            // A younger price may come before the origination expires.
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
        let State {
            operations, book, ..
        } = state;
        let queued = operations.iter_mut().find(|o| o.id == id);
        // The operation may have been called off while it was proven.
        let Some(operation) = queued.filter(|o| o.progress == Progress::Queued) else {
            return Ok(false);
        };
        if let Request::Leg { swap } = &operation.request {
            let notes = attempt.nullifiers;
            let ours = notes.into_iter().filter(|nf| chain.owns(nf)).collect();
            book.pin(swap, ours);
        }
        operation.prove(attempt, submission);
        self.save(&mut inner)?;
        Ok(true)
    }

    /// Proves a composed transaction and checks the proof. Returns the attempt and the submission.
    ///
    /// The notes stay reserved as being proven until the caller stores the attempt. If the proof
    /// fails the check, the notes are free again: nothing was sent.
    pub(in super::super) async fn prove_composed(
        self: &Arc<Self>,
        composed: Composed,
    ) -> Result<(Attempt, Vec<u8>), WalletError> {
        let Composed {
            transaction,
            witness,
            ..
        } = composed;
        let words = transaction.words(&self.context);
        let digest = transaction.digest(&self.context);
        let wallet = Arc::clone(self);
        let proof = tokio::task::spawn_blocking(move || {
            let proof = wallet.prover.prove(&words, &witness)?;
            if wallet.prover.verify(&digest, &proof) {
                Ok(proof)
            } else {
                Err("the proof does not verify under the wallet's own key".to_owned())
            }
        });
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
            digest,
            nullifiers: transaction.nullifiers,
            expiry: transaction.header.expiry,
            assets_root: hex_word(&fr_to_bytes(&transaction.assets_root)),
            anchor: hex_word(&transaction.anchor.to_bytes()),
        };
        let submission = Submission { transaction, proof }.to_bytes();
        Ok((attempt, submission))
    }

    /// Stores and submits a merge for an operation like `parent`, which waits for it.
    pub(in super::super) async fn start_merge(
        &self,
        parent: Operation,
        attempt: Attempt,
        submission: Vec<u8>,
    ) -> Result<(), WalletError> {
        let mut merge = Operation {
            id: new_id(),
            request: Request::Merge,
            created: self.now(),
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

    /// Leaves an operation queued while notes may still come; otherwise fails it. They may come
    /// from other operations. They may also come back: those of a transaction that is signed
    /// already can be in a batch that was lost and is sealed again. Until that transaction expires,
    /// others would pay twice.
    async fn wait_for_notes(&self, waiting: &Operation) -> Result<(), WalletError> {
        let may_come = {
            let inner = self.inner.lock().await;
            // A leg whose notes were chosen can use no others.
            let others = promised(&inner, waiting).is_none()
                && inner
                    .state
                    .operations
                    .iter()
                    .any(|o| o.id != waiting.id && o.progress.is_open());
            others || is_live(&inner, waiting)
        };
        if may_come {
            Ok(())
        } else {
            self.fail(&waiting.id, WalletError::InsufficientFunds.failure())
                .await
        }
    }

    /// Parses a request into the intent that its transaction carries out.
    ///
    /// # Errors
    /// [`WalletError`] if the request makes no sense, or not any more.
    pub(in super::super) fn intent(
        &self,
        inner: &Inner,
        request: &Request,
    ) -> Result<Intent, WalletError> {
        let malformed = |_| WalletError::Malformed("the stored L1 account is not valid".into());
        match request {
            Request::Transfer { to, memo } => Ok(Intent::Transfer {
                to: self.payee(to)?,
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
                Ok(leg_of(&quote.deal, quote.side()))
            }
            Request::Step {
                loan,
                sequence,
                action,
            } => {
                let held = inner.chain.loan(loan.as_bytes());
                let held = held.filter(|held| held.end.is_none() && held.sequence() == *sequence);
                let stale = WalletError::WrongState(
                    "the loan has changed since the step was requested; request it again",
                );
                Ok(Intent::Step {
                    loan: Box::new(held.cloned().ok_or(stale)?),
                    action: *action,
                })
            }
            Request::Deposit { .. } | Request::Merge => Err(WalletError::Malformed(
                "deposits and merges have no intent of their own".into(),
            )),
        }
    }

    /// Sends the transaction of an operation, the first time or again. A transient failure leaves
    /// the operation as it is; a stale transaction is made again.
    pub(in super::super) async fn submit(&self, id: &str) -> Result<(), WalletError> {
        let bytes = {
            let mut inner = self.inner.lock().await;
            // Nothing leaves before it is on disk: after a restart the wallet would make the
            // transaction again from other notes.
            if inner.unsaved {
                self.save(&mut inner)?;
            }
            let operation = inner.state.operation(id);
            let Some(hex) = operation.and_then(|o| o.submission.as_ref()) else {
                return Ok(());
            };
            let malformed = |_| WalletError::Malformed("the stored submission is not hex".into());
            hex::decode(hex).map_err(malformed)?
        };
        match self.client.submit(bytes).await {
            Ok(Fate::Kept) => self.submitted(id).await,
            Ok(Fate::Dropped(code)) => self.dropped(id, code).await,
            // A full pool of legs must not hold up other transactions.
            Err(SequencerError::Refused { code, .. }) if code == "legs_full" => Ok(()),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(SequencerError::Refused { code, .. }) => self.dropped(id, code).await,
            Err(error) => self.fail(id, WalletError::from(error).failure()).await,
        }
    }
}

/// Whether the sequencer says by this code that another transaction spends the same notes.
pub(super) fn is_contested(code: &str) -> bool {
    matches!(code, "nullifier_spent" | "nullifier_pending")
}

/// Returns the detail of a failure by the sequencer's code: what happened and what to do.
fn rejection(code: &str) -> String {
    let advice = match code {
        "invalid_proof" => {
            "the sequencer rejected the proof; start the wallet with the sequencer's keys (--keys)"
        }
        "nullifier_pending" | "nullifier_spent" => {
            "another transaction spends the same notes; \
             check that no second wallet runs with this seed"
        }
        _ => "the sequencer rejected the transaction",
    };
    format!("{advice}. The notes stay reserved until the transaction expires; then try again")
}

/// Whether a leg can no longer be made in time.
fn leg_is_over(book: &Book, operation: &Operation, now: u64) -> bool {
    let Request::Leg { swap } = &operation.request else {
        return false;
    };
    book.quote(swap)
        .is_none_or(|quote| now > quote.deal.terms().expiry)
}

/// Reserves the notes of a transaction that is about to be proven.
pub(in super::super) fn hold(inner: &mut Inner, composed: &Composed) {
    inner.proving = composed.transaction.nullifiers.into();
}

/// Writes 0x-prefixed hex.
fn hex_word(bytes: &[u8; 32]) -> String {
    format!("0x{}", hex::encode(bytes))
}
