//! Loans: proposals, decisions on them, and steps on open loans.

pub(super) mod view;
pub(super) mod watch;

use rand::rngs::OsRng;
use subrosa_protocol::{
    asset::AssetId,
    keys::Address,
    loan::{Agreement, Loan, LoanError, PartyKeys},
    swap::Salt,
};

use super::{
    Inner, Key, Wallet,
    offers::{Offer, check_times, own_address, random_side, refused_terms},
    operations::idempotency::{recall_id, remember},
};
use crate::{
    amount::AmountError,
    error::WalletError,
    loans::{Action, HeldLoan, Role, StepContext, StepError, plan},
    negotiation::{Book, Deal, Id, Letter, Quote, Times, book::Refusal},
    operation::{Operation, Request},
    times::{Validity, up},
};
use view::{LoanLine, loan_line};

/// A firm offer of a loan, as the institution makes it.
pub struct LoanOrder {
    /// Role of the institution.
    pub role: Role,
    /// Address of the other party, encoded.
    pub with: String,
    /// Collateral: asset and base units.
    pub collateral: (AssetId, u128),
    /// Principal: asset and base units.
    pub debt: (AssetId, u128),
    /// Interest, millionths a year.
    pub rate: u32,
    /// Unix seconds.
    pub maturity: u64,
    /// Market of the loan; by default the first market between the two assets.
    pub market: Option<u8>,
    /// Seconds within which the proposal can be accepted.
    pub valid_for: u64,
    /// Seconds after that within which the loan can be opened.
    pub settle_within: u64,
}

impl std::fmt::Debug for LoanOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoanOrder").finish_non_exhaustive()
    }
}

impl Inner {
    /// Returns the prices and times on which a step is planned at `now`.
    fn step_context(&self, now: u64) -> StepContext<'_> {
        let (snapshot, last) = (self.snapshot.as_ref(), self.chain.time());
        StepContext {
            snapshot,
            last,
            assets: &self.assets,
            now,
            usual: Validity::usual(now, last, snapshot),
        }
    }

    /// Returns the open operation of a step on a loan, if there is one.
    fn open_step(&self, id: &Id) -> Option<&Operation> {
        let mut newest = self.state.operations.iter().rev();
        newest.find(|operation| {
            let step = matches!(&operation.request, Request::Step { loan, .. } if loan == id);
            step && operation.progress.is_open()
        })
    }
}

/// Proposals.
impl Wallet {
    /// Makes a firm offer of a loan and reserves notes for it. If notes have to be merged first,
    /// the offer is sent when they are.
    ///
    /// # Errors
    /// [`WalletError`] naming the fault; nothing is stored or sent then.
    pub async fn propose_loan(&self, order: LoanOrder, key: Key) -> Result<LoanLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(id) = recall_id(&inner.state, &key)? {
            return loan_line(self, &inner, &id);
        }
        let times = Times {
            valid_for: order.valid_for,
            settle_within: order.settle_within,
        };
        check_times(times)?;
        let now = self.now();
        inner.state.book.tick(now);
        let (id, counterparty, agreement) = self.agreement(&inner, &order, now)?;
        let context = inner.step_context(now);
        match order.role {
            Role::Borrower => plan::secured(&agreement, &context)?,
            Role::Lender => context.market(&agreement.loan).map(|_| ())?,
        }
        let maker = match order.role {
            Role::Borrower => agreement.borrower_side,
            Role::Lender => agreement.borrower_side.other(),
        };
        let offer = Offer {
            id,
            rfq: None,
            counterparty,
            deal: Deal::loan(agreement).map_err(refused_terms)?,
            maker,
            times,
        };
        self.offer(&mut inner, offer, key, now)?;
        loan_line(self, &inner, &id)
    }

    /// Returns the agreement that an order asks for, its loan's name, and the other party.
    fn agreement(
        &self,
        inner: &Inner,
        order: &LoanOrder,
        now: u64,
    ) -> Result<(Id, Address, Agreement), WalletError> {
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
        let expiry = up(now + order.valid_for + order.settle_within);
        let loan = Loan {
            borrower: borrower.owner,
            lender: lender.owner,
            collateral,
            debt,
            principal: order.debt.1,
            rate: order.rate,
            // Interest runs from the last moment of the opening (T30).
            start: expiry,
            maturity: order.maturity,
            market: market.ok_or(StepError::NoMarket)?,
            salt: Salt::random(&mut OsRng),
        };
        if order.maturity <= expiry {
            let early = "maturity must be after valid_for and settle_within, \
                         so that the loan can be opened before it is due";
            return Err(WalletError::Malformed(early.into()));
        }
        loan.check().map_err(refused_loan)?;
        let id = Id::from_bytes(loan.id()).ok_or(WalletError::NotFound)?;
        let agreement = Agreement {
            loan,
            parties: PartyKeys::of(&borrower, &lender),
            collateral: order.collateral.1,
            borrower_side: random_side(),
            expiry,
        };
        Ok((id, counterparty, agreement))
    }

    /// Accepts a proposal: reserves notes, tells the counterparty, and starts our leg.
    ///
    /// # Errors
    /// [`WalletError`] naming the fault; nothing is stored or sent then.
    pub async fn accept_loan(&self, id: &Id, key: Key) -> Result<LoanLine, WalletError> {
        let mut inner = self.inner.lock().await;
        self.accept_offer(&mut inner, id, key, |inner, quote| {
            self.check_proposal(inner, quote)
        })?;
        loan_line(self, &inner, id)
    }

    /// Checks a proposal before it is accepted: its name must be new, and its opening legal for us.
    fn check_proposal(&self, inner: &Inner, quote: &Quote) -> Result<(), WalletError> {
        let agreement = quote.deal.agreement().ok_or(WalletError::NotFound)?;
        // A restored wallet learns only from the chain which names were used.
        if inner.chain.loan(&agreement.loan.id()).is_some() {
            let used = "a loan with this id was opened before; ask for a new proposal";
            return Err(WalletError::WrongState(used));
        }
        let context = inner.step_context(self.now());
        match Role::of(&self.keys.owner, &agreement.loan) {
            Some(_) => Ok(plan::may_agree(agreement, &context)?),
            None => Err(WalletError::NotFound),
        }
    }

    /// Declines a proposal that was received.
    ///
    /// # Errors
    /// [`WalletError::NotFound`] or [`WalletError::WrongState`].
    pub async fn decline_loan(&self, id: &Id, key: Key) -> Result<LoanLine, WalletError> {
        self.decide_loan(id, key, |book| book.decline_quote(id))
            .await
    }

    /// Cancels a proposal of our own.
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
    /// Starts a step on an open loan.
    ///
    /// # Errors
    /// [`WalletError`] naming the fault, or the rule that the step would break; nothing is stored
    /// then.
    pub async fn step(&self, id: &Id, action: Action, key: Key) -> Result<LoanLine, WalletError> {
        let mut inner = self.inner.lock().await;
        if let Some(id) = recall_id(&inner.state, &key)? {
            return loan_line(self, &inner, &id);
        }
        let Some(held) = inner.chain.loan(id.as_bytes()).cloned() else {
            let proposed = inner.state.book.quote(id);
            return Err(match proposed.filter(|quote| quote.is_loan()) {
                Some(_) => WalletError::WrongState("the loan is not open yet"),
                None => WalletError::NotFound,
            });
        };
        self.begin_step(&mut inner, &held, id, action)?;
        remember(&mut inner.state, key, id.to_string());
        self.save(&mut inner)?;
        self.wake.notify_one();
        loan_line(self, &inner, id)
    }

    /// Starts the operation of a step, if the step is legal now and the balance covers it. The
    /// caller stores the state.
    fn begin_step(
        &self,
        inner: &mut Inner,
        held: &HeldLoan,
        id: &Id,
        action: Action,
    ) -> Result<(), WalletError> {
        if inner.open_step(id).is_some() {
            return Err(WalletError::WrongState(
                "another step on this loan is not settled yet; wait for it",
            ));
        }
        let plan = plan::plan(held, &action, &inner.step_context(self.now()))?;
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

/// Maps a refused loan to the error that the user sees.
fn refused_loan(error: LoanError) -> WalletError {
    match error {
        LoanError::SameOwner => own_address(),
        LoanError::Principal => AmountError::TooLarge.into(),
        LoanError::Market => StepError::NoMarket.into(),
        LoanError::SameAsset | LoanError::Rate | LoanError::Times => {
            WalletError::Malformed(error.to_string())
        }
    }
}
