//! What the gateway asks of the wallet about loans: proposals, acceptances, and steps on what is open.

use rand::{RngCore as _, rngs::OsRng};
use subrosa_protocol::{
    asset::AssetId,
    loan::{Agreement, Loan, LoanError},
    swap::{Salt, Side},
};

use super::{
    Inner, LIFETIME, Wallet,
    ask::{recall_id, remember},
    lent::{LoanLine, loan_line},
    new_id, now,
    prepare::leg_of,
    trade::{Key, offer_times, parse_id},
};
use crate::{
    amount::AmountError,
    error::WalletError,
    loans::{Action, Ground, HeldLoan, Role, StepError, plan},
    negotiation::{Book, Deal, Id, Letter, book::NewOffer, book::Refusal},
    operation::{Operation, Request},
};

/// A firm offer of a loan, as the institution makes it.
pub struct LoanOrder {
    /// Which party the institution is to be.
    pub role: Role,
    /// The other party's address, as a text.
    pub with: String,
    /// What secures: asset and base units.
    pub collateral: (AssetId, u128),
    /// What is lent: asset and base units.
    pub debt: (AssetId, u128),
    /// Millionths a year.
    pub rate: u32,
    /// Unix seconds.
    pub maturity: u64,
    /// The market; that of the two assets if it is not said.
    pub market: Option<u8>,
    /// Seconds that the proposal may be accepted.
    pub valid_for: u64,
    /// Seconds that the loan may be opened after that.
    pub settle_within: u64,
}

impl std::fmt::Debug for LoanOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoanOrder").finish_non_exhaustive()
    }
}

/// On what steps are planned now.
pub(super) fn ground(inner: &Inner) -> Ground<'_> {
    let now = now();
    Ground {
        snapshot: inner.snapshot.as_ref(),
        last: inner.chain.time(),
        now,
        expiry: now + LIFETIME,
    }
}

/// The operation of a step on a loan that is on its way.
pub(super) fn stepping<'a>(inner: &'a Inner, id: &Id) -> Option<&'a Operation> {
    let mut newest = inner.state.operations.iter().rev();
    newest.find(|operation| {
        let step = matches!(&operation.request, Request::Step { loan, .. } if loan == id);
        step && operation.progress.is_open()
    })
}

/// Proposals.
impl Wallet {
    /// Makes a firm offer of a loan, and keeps notes for it. If they have to be merged first, it is sent when they are.
    ///
    /// # Errors
    /// [`WalletError`] naming what is wrong; nothing is kept or sent then.
    pub async fn propose_loan(&self, order: LoanOrder, key: Key) -> Result<LoanLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(id) = recall_id(&inner.state, key.as_ref())? {
            return loan_line(self, &inner, &parse_id(&id)?);
        }
        offer_times(order.valid_for, order.settle_within)?;
        let now = now();
        inner.state.book.tick(now);
        let (id, counterparty, agreement) = self.agreement(&inner, &order, now)?;
        let ground = ground(&inner);
        match order.role {
            Role::Borrower => plan::secured(&agreement, &ground)?,
            Role::Lender => ground.market(&agreement.loan).map(|_| ())?,
        }
        let maker = match order.role {
            Role::Borrower => agreement.borrower_side,
            Role::Lender => agreement.borrower_side.other(),
        };
        let intent = crate::compose::Intent::Open(Box::new(agreement.clone()));
        let deal = Deal::loan(agreement).map_err(super::trade::refused_terms)?;
        let leg = *deal.terms().exchange.leg(maker);
        let notes = self.choose(&inner, &intent, &leg)?;
        let offer = NewOffer {
            id,
            rfq: None,
            counterparty,
            deal,
            maker,
            times: (order.valid_for, order.settle_within),
            notes,
        };
        let letters = inner.state.book.offer(offer, now)?;
        self.conclude(&mut inner, letters, key, &id)?;
        loan_line(self, &inner, &id)
    }

    /// The agreement that an order asks for, its name, and with whom it is.
    fn agreement(
        &self,
        inner: &Inner,
        order: &LoanOrder,
        now: u64,
    ) -> Result<(Id, subrosa_protocol::keys::Address, Agreement), WalletError> {
        let counterparty = self.counterparty(&order.with)?;
        let own = self.keys.address();
        let (borrower, lender) = match order.role {
            Role::Borrower => (own, counterparty),
            Role::Lender => (counterparty, own),
        };
        let snapshot = inner.snapshot.as_ref().ok_or(StepError::NoPrice)?;
        let (collateral, debt) = (order.collateral.0, order.debt.0);
        let market = order.market.or_else(|| {
            let mut fit = snapshot.markets.between(collateral, debt);
            fit.next()
        });
        let loan = Loan {
            borrower,
            lender,
            collateral,
            debt,
            principal: order.debt.1,
            rate: order.rate,
            start: now,
            maturity: order.maturity,
            market: market.ok_or(StepError::NoMarket)?,
            salt: Salt::random(&mut OsRng),
        };
        loan.check().map_err(refused_loan)?;
        let expiry = now + order.valid_for + order.settle_within;
        if order.maturity < expiry {
            let early = "maturity: before the loan's opening has to settle";
            return Err(WalletError::Malformed(early.into()));
        }
        let id = Id::from_bytes(loan.id()).ok_or(WalletError::NotFound)?;
        let agreement = Agreement {
            loan,
            collateral: order.collateral.1,
            // Which side one is on means nothing, and is to say nothing.
            borrower_side: Side::BOTH[(OsRng.next_u32() & 1) as usize],
            expiry,
        };
        Ok((id, counterparty, agreement))
    }

    /// Takes a proposal: its notes are held, the counterparty is told, and our leg is made at once.
    ///
    /// # Errors
    /// [`WalletError`] naming what is wrong; nothing is kept or sent then.
    pub async fn accept_loan(&self, id: &Id, key: Key) -> Result<LoanLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(id) = recall_id(&inner.state, key.as_ref())? {
            return loan_line(self, &inner, &parse_id(&id)?);
        }
        let now = now();
        let quote = inner.state.book.acceptable(id, now)?.clone();
        let agreement = quote.deal.agreement().ok_or(WalletError::NotFound)?;
        // Of a wallet that was restored only the chain remembers which names were used.
        if inner.chain.loan(&agreement.loan.id()).is_some() {
            return Err(Refusal::WrongState("a loan of this name was opened before").into());
        }
        let ground = ground(&inner);
        match Role::of(&self.keys.owner, &agreement.loan) {
            Some(Role::Borrower) => plan::opening(agreement, &ground).map(|_| ())?,
            Some(Role::Lender) => ground.market(&agreement.loan).map(|_| ())?,
            None => return Err(WalletError::NotFound),
        }
        let notes = self.choose(&inner, &leg_of(&quote), quote.gives())?;
        let letters = inner
            .state
            .book
            .accept(id, &new_id(), notes.unwrap_or_default(), now)?;
        self.start_leg(&mut inner, id)?;
        self.conclude(&mut inner, letters, key, id)?;
        loan_line(self, &inner, id)
    }

    /// Says no to a proposal that was received.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn decline_loan(&self, id: &Id, key: Key) -> Result<LoanLine, WalletError> {
        self.decide_loan(id, key, |book| book.decline_quote(id))
            .await
    }

    /// Takes a proposal of our own back.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn cancel_loan(&self, id: &Id, key: Key) -> Result<LoanLine, WalletError> {
        self.decide_loan(id, key, |book| book.cancel_quote(id))
            .await
    }

    async fn decide_loan(
        &self,
        id: &Id,
        key: Key,
        decision: impl FnOnce(&mut Book) -> Result<Vec<Letter>, Refusal>,
    ) -> Result<LoanLine, WalletError> {
        let mut inner = self.inner.lock().await;
        let quote = inner.state.book.quote(id);
        if quote.is_some_and(|quote| !quote.is_loan()) {
            return Err(WalletError::NotFound);
        }
        self.decide(&mut inner, id, key, decision)?;
        loan_line(self, &inner, id)
    }
}

/// Steps.
impl Wallet {
    /// Starts a step on a loan that is open.
    ///
    /// # Errors
    /// [`WalletError`] naming what is wrong, a rule that the step would break among it; nothing is kept then.
    pub async fn step(&self, id: &Id, action: Action, key: Key) -> Result<LoanLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(id) = recall_id(&inner.state, key.as_ref())? {
            return loan_line(self, &inner, &parse_id(&id)?);
        }
        let Some(held) = inner.chain.loan(id.as_bytes()).cloned() else {
            let proposed = inner.state.book.quote(id);
            return Err(match proposed.filter(|quote| quote.is_loan()) {
                Some(_) => WalletError::WrongState("the loan is not open"),
                None => WalletError::NotFound,
            });
        };
        self.begin_step(&mut inner, &held, id, action)?;
        remember(&mut inner.state, key, id.to_string());
        self.save(&mut inner)?;
        self.wake.notify_one();
        loan_line(self, &inner, id)
    }

    /// Starts the operation of a step, if it is legal now and covered. The caller stores the state.
    pub(super) fn begin_step(
        &self,
        inner: &mut Inner,
        held: &HeldLoan,
        id: &Id,
        action: Action,
    ) -> Result<(), WalletError> {
        if stepping(inner, id).is_some() {
            return Err(WalletError::WrongState(
                "another step on the loan is on its way",
            ));
        }
        let plan = plan::plan(held, &action, &ground(inner))?;
        let (asset, amount) = plan.paid.unwrap_or((held.loan.collateral, 0));
        if !self.covers(inner, asset, amount) {
            return Err(WalletError::InsufficientFunds);
        }
        let request = Request::Step {
            loan: *id,
            sequence: held.sequence(),
            action,
        };
        let operation = self.new_operation(request, asset, amount);
        inner.state.operations.push(operation);
        Ok(())
    }
}

fn refused_loan(error: LoanError) -> WalletError {
    match error {
        LoanError::SameOwner => WalletError::BadAddress("it is the institution's own".into()),
        LoanError::Principal => AmountError::TooLarge.into(),
        LoanError::Market => StepError::NoMarket.into(),
        LoanError::SameAsset | LoanError::Rate | LoanError::Times => {
            WalletError::Malformed(error.to_string())
        }
    }
}
