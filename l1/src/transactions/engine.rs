//! The steps of an account's transactions: submit, watch, replace, cancel.
//!
//! An engine does one thing at a time and waits for nothing but the node and the disk. The
//! manager's task gives it its turns.

mod price;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::Duration,
};

use alloy_primitives::{Address, Bytes, U256};
use subrosa_clock::Clock;

use super::{
    Cancellation, Pending, Repeat, Settings, Status, TransactionError,
    journal::{Attempt, Book, Ended, Journal, Open, Outcome},
    node::{Call, Node, Refusal},
    sign::{Price, Signed, sign},
};
use crate::{
    account::Account,
    error::L1Error,
    transport::{Block, Mined, Outgoing},
};

/// Gas of a transfer to an account without code.
const TRANSFER_GAS: u64 = 21_000;

/// Most transactions of other senders of the account that may wait in a node's pool.
const MAX_FOREIGN: u64 = 64;

/// Time for which a node must insist on a nonce beyond that.
const INSISTENCE: Duration = Duration::from_secs(60);

/// Everything that an engine works with.
pub(super) struct Tools {
    pub(super) account: Account,
    pub(super) chain_id: u64,
    pub(super) node: Arc<dyn Node>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
}

/// One account's transactions.
pub(super) struct Engine {
    tools: Tools,
    book: Book,
    /// When the newest variant of a nonce was last handed to the node, on the clock of intervals.
    handed: BTreeMap<u64, Duration>,
    /// Nonces whose variant the node wants to be dearer.
    urgent: BTreeSet<u64>,
    /// Reason why the node refused the newest variant of a nonce.
    refused: BTreeMap<u64, Refusal>,
    /// Nonces that need a higher price than the cap.
    capped: BTreeSet<u64>,
    /// Since when a nonce counts as used and nothing of ours is mined under it.
    unexplained: BTreeMap<u64, Duration>,
    /// Whether the node has named a final block.
    finalizes: bool,
    /// Since when the node shows a nonce that is far beyond those that are known.
    jumped: Option<Duration>,
    /// The newest block at the last look.
    seen: Option<Block>,
    balance: Option<U256>,
    failure: Option<String>,
}

impl Engine {
    /// Takes up what the journal holds.
    pub(super) fn new(tools: Tools) -> Result<Self, TransactionError> {
        let book = tools.journal.load()?;
        Ok(Self {
            tools,
            book,
            handed: BTreeMap::new(),
            urgent: BTreeSet::new(),
            refused: BTreeMap::new(),
            capped: BTreeSet::new(),
            unexplained: BTreeMap::new(),
            finalizes: false,
            jumped: None,
            seen: None,
            balance: None,
            failure: None,
        })
    }

    fn address(&self) -> Address {
        self.tools.account.address()
    }

    /// Whether a transaction waits to be mined.
    pub(super) fn is_waiting(&self) -> bool {
        self.book.open.iter().any(|open| open.outcome.is_none())
    }

    /// Whether a transaction is not final.
    pub(super) fn is_open(&self) -> bool {
        !self.book.open.is_empty()
    }

    /// Waits for the node, for a bounded time.
    async fn asked<T>(
        &self,
        answer: impl Future<Output = Result<T, L1Error>>,
    ) -> Result<T, TransactionError> {
        let limit = Duration::from_millis(self.tools.settings.request_ms);
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(TransactionError::Unavailable(
                "L1 did not answer in time".into(),
            )),
        }
    }

    /// Stores the book. The disk may be slow, so that another thread waits for it.
    async fn save(&self) -> Result<(), TransactionError> {
        let journal = Arc::clone(&self.tools.journal);
        let book = self.book.clone();
        match tokio::task::spawn_blocking(move || journal.save(&book)).await {
            Ok(saved) => Ok(saved?),
            Err(_) => Err(TransactionError::Unavailable(
                "the transaction journal was not stored: the process ends".into(),
            )),
        }
    }

    /// Returns the newest open transaction of a purpose.
    fn open(&self, purpose: &str) -> Option<&Open> {
        self.book.open.iter().rfind(|open| open.purpose == purpose)
    }

    /// Returns the newest ended transaction of a purpose.
    fn ended(&self, purpose: &str) -> Option<&Ended> {
        self.book
            .ended
            .iter()
            .rfind(|ended| ended.purpose == purpose)
    }

    /// Makes sure that a transaction of the purpose is under way, or has been mined.
    ///
    /// # Errors
    /// [`TransactionError`]; nothing new is sent then.
    pub(super) async fn submit(&mut self, request: &Outgoing) -> Result<(), TransactionError> {
        let open = self.open(&request.purpose);
        if open.is_some_and(|open| open.outcome.is_some()) {
            // Its block may have been taken back since the last look.
            self.look().await?;
        }
        let again = match self.open(&request.purpose) {
            Some(open) => match (&open.outcome, request.repeat) {
                (None, _) if open.cancelling => return Err(TransactionError::Cancelled),
                (None, _) => false,
                (Some(Outcome::Mined(_)), repeat) => repeat == Repeat::Always,
                (Some(_), repeat) => repeat != Repeat::Never,
            },
            None => !self.is_recorded(&request.purpose, request.repeat).await?,
        };
        if again {
            self.begin(request).await?;
        }
        Ok(())
    }

    /// Whether the recorded outcome of a purpose that has ended answers a repeated request.
    async fn is_recorded(&self, purpose: &str, repeat: Repeat) -> Result<bool, TransactionError> {
        let ended = self.ended(purpose);
        let Some(ended) = ended else {
            return Ok(false);
        };
        Ok(match (&ended.outcome, repeat) {
            (Outcome::Mined(_) | Outcome::Reverted { .. }, Repeat::Never) => true,
            (Outcome::Mined(mined), Repeat::UntilDone) => {
                // A reorganisation below the depth of confirmations may have taken it back.
                let found = self.asked(self.tools.node.receipt(mined.hash)).await?;
                found.is_some_and(|found| found.success)
            }
            _ => false,
        })
    }

    /// Returns the answer to those who wait for a purpose, once there is one.
    pub(super) fn answer(&self, purpose: &str) -> Option<Result<Mined, TransactionError>> {
        let outcome = if let Some(open) = self.open(purpose) {
            if open.outcome.is_none() && self.lacks_ether(open.nonce) {
                let account = self.address();
                return Some(Err(TransactionError::LacksEther { account }));
            }
            open.outcome.as_ref()?
        } else {
            let ended = self.ended(purpose);
            match ended {
                Some(ended) => &ended.outcome,
                None => return Some(Err(TransactionError::Superseded)),
            }
        };
        Some(match outcome {
            Outcome::Mined(mined) => Ok(mined.clone()),
            Outcome::Reverted { reason, .. } => Err(TransactionError::Rejected {
                reason: reason.clone(),
            }),
            Outcome::Cancelled { .. } => Err(TransactionError::Cancelled),
            Outcome::Superseded => Err(TransactionError::Superseded),
        })
    }

    /// Assigns a nonce to a call, stores both and sends it.
    async fn begin(&mut self, request: &Outgoing) -> Result<(), TransactionError> {
        let call = request.call();
        let address = self.address();
        let node = Arc::clone(&self.tools.node);
        let estimate = self.asked(node.estimate(address, &call)).await?;
        let market = self.asked(node.market()).await?;
        let settings = &self.tools.settings;
        let gas_limit = settings.gas_limit(estimate, request.spare_gas, market.block_gas);
        let price = price::first(settings, &market);
        self.check_balance(&call, gas_limit, price).await?;
        let pending = self.asked(node.pending_nonce(address)).await?;
        let mined = self.asked(node.mined_nonce(address)).await?;
        self.check_jump(mined, pending)?;
        let nonce = self.book.next_nonce.max(pending);
        let open = Open {
            purpose: request.purpose.clone(),
            repeat: request.repeat,
            nonce,
            to: call.to,
            data: call.data,
            value: call.value,
            gas_limit,
            created: self.tools.clock.unix(),
            cancelling: false,
            attempts: Vec::new(),
            outcome: None,
            used_at: None,
        };
        let before = self.book.next_nonce;
        self.book.open.push(open);
        self.book.next_nonce = nonce + 1;
        if let Err(error) = self.attempt(nonce, gas_limit, price).await {
            // Not stored, and therefore not sent: the nonce is free.
            self.book.open.retain(|open| open.nonce != nonce);
            self.book.next_nonce = before;
            return Err(error);
        }
        if let Err(error) = self.look().await {
            self.failure = Some(error.to_string());
        }
        Ok(())
    }

    /// Refuses a nonce that is far beyond those that are known, until the node has insisted on it
    /// for a while: a nonce that is never reached would bar all later ones.
    fn check_jump(&mut self, mined: u64, pending: u64) -> Result<(), TransactionError> {
        let known = match self.book.next_nonce {
            0 => mined,
            next => next,
        };
        if pending.saturating_sub(known) <= MAX_FOREIGN {
            self.jumped = None;
            return Ok(());
        }
        let now = self.tools.clock.now();
        // An older sighting says nothing about this one.
        let recent = self
            .jumped
            .filter(|since| now.saturating_sub(*since) < 2 * INSISTENCE);
        let since = recent.unwrap_or(now);
        self.jumped = Some(since);
        if mined > known && now.saturating_sub(since) >= INSISTENCE {
            return Ok(());
        }
        Err(TransactionError::Unavailable(format!(
            "L1 says that the account's next nonce is {pending}, and that {mined} are used; \
             {known} was expected"
        )))
    }

    /// Checks that the account can pay for a call besides everything that waits.
    async fn check_balance(
        &mut self,
        call: &Call,
        gas_limit: u64,
        price: Price,
    ) -> Result<(), TransactionError> {
        let account = self.address();
        let balance = self.asked(self.tools.node.balance(account)).await?;
        self.balance = Some(balance);
        let cost = |gas: u64, fee: u64, value: U256| {
            let gas = U256::from(gas).saturating_mul(U256::from(fee));
            gas.saturating_add(value)
        };
        let waiting = self.book.open.iter().filter(|open| open.outcome.is_none());
        let need = waiting
            .filter_map(|open| {
                let newest = open.attempts.last()?;
                let value = if newest.cancels {
                    U256::ZERO
                } else {
                    open.value
                };
                Some(cost(newest.gas_limit, newest.max_fee, value))
            })
            .fold(
                cost(gas_limit, price.max_fee, call.value),
                U256::saturating_add,
            );
        if need > balance {
            return Err(TransactionError::LacksEther { account });
        }
        Ok(())
    }

    /// Signs a variant of the open transaction with this nonce, stores it and sends it. It cancels
    /// if the transaction is being cancelled.
    ///
    /// # Errors
    /// [`TransactionError`] if it was not stored. It was not sent then, and the book is as before.
    async fn attempt(
        &mut self,
        nonce: u64,
        gas_limit: u64,
        price: Price,
    ) -> Result<(), TransactionError> {
        let Some(place) = self.place(nonce) else {
            return Ok(());
        };
        let open = &self.book.open[place];
        let cancels = open.cancelling;
        let signed = self.signed(open, cancels, gas_limit, price)?;
        let attempt = Attempt {
            hash: signed.hash,
            cancels,
            gas_limit,
            max_fee: price.max_fee,
            tip: price.tip,
            at: self.tools.clock.unix(),
        };
        self.book.open[place].attempts.push(attempt);
        if let Err(error) = self.save().await {
            self.book.open[place].attempts.pop();
            return Err(error);
        }
        self.hand_over(nonce, &signed.raw).await;
        Ok(())
    }

    /// Sends the newest variant of an open transaction once more.
    async fn repeat(&mut self, nonce: u64) -> Result<(), TransactionError> {
        let Some(place) = self.place(nonce) else {
            return Ok(());
        };
        let open = &self.book.open[place];
        let Some(newest) = open.attempts.last() else {
            return Ok(());
        };
        let price = Price {
            max_fee: newest.max_fee,
            tip: newest.tip,
        };
        let signed = self.signed(open, newest.cancels, newest.gas_limit, price)?;
        self.hand_over(nonce, &signed.raw).await;
        Ok(())
    }

    /// Signs a variant of an open transaction: the call, or the transfer that cancels it.
    fn signed(
        &self,
        open: &Open,
        cancels: bool,
        gas_limit: u64,
        price: Price,
    ) -> Result<Signed, TransactionError> {
        let tools = &self.tools;
        let call = self.call_of(open, cancels);
        let nonce = open.nonce;
        sign(
            &tools.account,
            tools.chain_id,
            nonce,
            &call,
            gas_limit,
            price,
        )
    }

    /// Hands a signed variant to the node, and notes its answer.
    async fn hand_over(&mut self, nonce: u64, raw: &Bytes) {
        self.handed.insert(nonce, self.tools.clock.now());
        self.urgent.remove(&nonce);
        self.refused.remove(&nonce);
        let limit = Duration::from_millis(self.tools.settings.request_ms);
        let answer = self.tools.node.broadcast(self.address(), raw);
        let refusal = match tokio::time::timeout(limit, answer).await {
            Ok(Ok(()) | Err(Refusal::Known)) => return,
            Ok(Err(refusal)) => refusal,
            Err(_) => Refusal::Other("L1 did not answer in time".into()),
        };
        if refusal == Refusal::Underpriced {
            self.urgent.insert(nonce);
        }
        tracing::debug!(nonce, "L1 did not take a transaction: {refusal}");
        self.refused.insert(nonce, refusal);
    }

    fn place(&self, nonce: u64) -> Option<usize> {
        self.book.open.iter().position(|open| open.nonce == nonce)
    }

    fn call_of(&self, open: &Open, cancels: bool) -> Call {
        if cancels {
            return Call {
                to: Some(self.address()),
                data: Bytes::new(),
                value: U256::ZERO,
            };
        }
        Call {
            to: open.to,
            data: open.data.clone(),
            value: open.value,
        }
    }

    fn lacks_ether(&self, nonce: u64) -> bool {
        self.refused.get(&nonce) == Some(&Refusal::LacksEther)
    }

    /// Asks for the cancellation of a purpose, and returns its fate if that is decided.
    ///
    /// # Errors
    /// [`TransactionError`] if the wish could not be stored.
    pub(super) async fn cancel(
        &mut self,
        purpose: &str,
    ) -> Result<Option<Cancellation>, TransactionError> {
        if let Some(nonce) = self.open(purpose).map(|open| open.nonce) {
            // It may have been mined since the last look, or its block taken back.
            self.look().await?;
            if let Some(place) = self.place(nonce)
                && self.book.open[place].outcome.is_none()
                && !self.book.open[place].cancelling
            {
                self.book.open[place].cancelling = true;
                if let Err(error) = self.save().await {
                    self.book.open[place].cancelling = false;
                    return Err(error);
                }
                self.urgent.insert(nonce);
                self.step().await?;
            }
        }
        self.check_ended(purpose).await?;
        Ok(self.fate(purpose))
    }

    /// Forgets that the ended transaction of a purpose was mined, if the chain no longer shows
    /// it: a reorganisation took back what counted as final.
    async fn check_ended(&mut self, purpose: &str) -> Result<(), TransactionError> {
        if self.open(purpose).is_some() {
            return Ok(());
        }
        let ended = self.book.ended.iter().rposition(|e| e.purpose == purpose);
        if let Some(place) = ended
            && let Outcome::Mined(mined) = &self.book.ended[place].outcome
            && self
                .asked(self.tools.node.receipt(mined.hash))
                .await?
                .is_none()
        {
            self.book.ended[place].outcome = Outcome::Superseded;
            self.save().await?;
        }
        Ok(())
    }

    /// Returns the fate of a purpose for somebody who cancels it; `None` while it is open.
    pub(super) fn fate(&self, purpose: &str) -> Option<Cancellation> {
        let fate = |outcome: &Outcome, is_final| match outcome {
            Outcome::Mined(mined) => Cancellation::Mined(Box::new(mined.clone())),
            _ => Cancellation::Dead { is_final },
        };
        if let Some(open) = self.open(purpose) {
            return open.outcome.as_ref().map(|outcome| fate(outcome, false));
        }
        let ended = self.ended(purpose);
        Some(ended.map_or(Cancellation::NeverSent, |e| fate(&e.outcome, true)))
    }

    /// Whether a request for the purpose would join a transaction or find its outcome.
    pub(super) fn knows(&self, purpose: &str) -> bool {
        let done =
            |outcome: &Outcome| matches!(outcome, Outcome::Mined(_) | Outcome::Reverted { .. });
        let ended = self.ended(purpose);
        self.open(purpose).is_some() || ended.is_some_and(|ended| done(&ended.outcome))
    }

    /// Whether the newest transaction of a purpose ended because another one used its nonce.
    pub(super) fn is_lost(&self, purpose: &str) -> bool {
        let ended = self.ended(purpose);
        let superseded = ended.is_some_and(|e| matches!(e.outcome, Outcome::Superseded));
        superseded && self.open(purpose).is_none()
    }

    /// Returns the calls that wait to be mined.
    pub(super) fn waiting(&self) -> Vec<Call> {
        let waiting = self.book.open.iter().filter(|open| open.outcome.is_none());
        waiting
            .map(|open| self.call_of(open, open.cancelling))
            .collect()
    }

    /// Returns the recorded outcomes of a purpose, oldest first.
    #[cfg(test)]
    pub(super) fn outcomes(&self, purpose: &str) -> Vec<Outcome> {
        let ended = self.book.ended.iter().filter(|e| e.purpose == purpose);
        ended.map(|ended| ended.outcome.clone()).collect()
    }

    /// Reads the account's balance, for the status.
    pub(super) async fn refresh_balance(&mut self) {
        match self.asked(self.tools.node.balance(self.address())).await {
            Ok(balance) => self.balance = Some(balance),
            Err(error) => self.failure = Some(error.to_string()),
        }
    }

    /// Returns the state of the account's transactions.
    pub(super) fn status(&self) -> Status {
        let now = self.tools.clock.unix();
        let waiting = self.book.open.iter().filter(|open| open.outcome.is_none());
        let pending = waiting.map(|open| Pending {
            kind: kind(&open.purpose).to_owned(),
            nonce: open.nonce,
            age_s: now.saturating_sub(open.created),
            attempts: open.attempts.len(),
            max_fee_wei: open.attempts.last().map_or(0, |newest| newest.max_fee),
            cancelling: open.cancelling,
            refused: self.refused.get(&open.nonce).map(ToString::to_string),
        });
        let level = U256::from(self.tools.settings.low_balance_gwei) * U256::from(1_000_000_000u64);
        Status {
            account: self.address(),
            balance_wei: self.balance,
            low_balance: self.balance.is_some_and(|balance| balance < level),
            lacks_ether: self.refused.values().any(|r| *r == Refusal::LacksEther),
            fee_cap_reached: !self.capped.is_empty(),
            pending: pending.collect(),
            failure: self.failure.clone(),
        }
    }
}

/// Returns the first part of a purpose.
fn kind(purpose: &str) -> &str {
    purpose.split('/').next().unwrap_or(purpose)
}
