//! Planning a step on a position before it is composed: its amounts and its validity, or the rule
//! of the transaction circuit that it would break (spec: *Collateral*, Steps). The wallet proves no
//! step that is refused here.

use std::fmt;

use ark_ed_on_bn254::EdwardsAffine;
use serde::{Deserialize, Serialize};
use subrosa_protocol::{
    asset::{AssetId, AssetTree},
    element::OwnerId,
    keys::Address,
    loan::{
        Agreement, Debt, LAPSE, LAPSE_AGE, Loan, OPENING_AGE, covers, improves, most_seizable,
        overdue_bonus,
    },
    market::{Market, Price, PriceSnapshot},
};
use subrosa_transaction::{LoanStep, Step};
use thiserror::Error;

use super::{HeldLoan, Role};
use crate::{
    decimal,
    times::{self, Validity},
};

/// Shortest remaining validity, seconds, for which a transaction is worth proving.
const SHORTEST: u64 = 20;

/// A step on a position. Amounts are in base units.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "action")]
pub enum Action {
    /// The borrower adds collateral.
    Add {
        /// Collateral to add.
        #[serde(with = "decimal")]
        amount: u128,
    },
    /// The borrower takes collateral out.
    Release {
        /// Collateral to release.
        #[serde(with = "decimal")]
        amount: u128,
    },
    /// The borrower pays part of the debt.
    Repay {
        /// Debt to pay.
        #[serde(with = "decimal")]
        amount: u128,
    },
    /// The borrower pays the whole debt and takes the collateral back.
    Close,
    /// The lender takes the debt out of the collateral.
    Liquidate,
}

impl Action {
    /// Returns the party that makes the step.
    #[must_use]
    pub const fn actor(&self) -> Role {
        match self {
            Self::Liquidate => Role::Lender,
            _ => Role::Borrower,
        }
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add { .. } => "Add(..)",
            Self::Release { .. } => "Release(..)",
            Self::Repay { .. } => "Repay(..)",
            Self::Close => "Close",
            Self::Liquidate => "Liquidate",
        })
    }
}

/// Reason why a step is not legal now, with the rule that it would break. It names no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StepError {
    /// There is no snapshot, it has no price for the market, or the price is too old.
    #[error("T17: the market has no fresh price; try again when the oracle has one")]
    NoPrice,
    /// The latest snapshot has no such market of these assets.
    #[error("T17: no market has this collateral and debt; see /v1/markets")]
    NoMarket,
    /// The other party must make the step.
    #[error("T24: only the other party can make this step")]
    NotOurs,
    /// The repayment is the whole debt or more.
    #[error("T27: the repayment is the whole debt or more; close the loan instead")]
    TooMuch,
    /// The initial margin would not cover the debt after the step.
    #[error("T28: the remaining collateral would not cover the debt at the initial margin")]
    NotCovered,
    /// The step adds or repays too little to be legal without a price, and the initial margin does
    /// not cover the debt.
    #[error(
        "T28: the step adds or repays less than a 256th, and the collateral does not cover the \
         debt at the initial margin; add or repay more"
    )]
    TooSmall,
    /// The loan has matured, or matures too soon for a transaction to settle.
    #[error("T29: the loan is due; it can only be closed or liquidated")]
    Due,
    /// The initial margin does not cover the principal.
    #[error("T30: the collateral does not cover the principal at the initial margin")]
    Unsecured,
    /// The maintenance margin is met, and the loan is not due, or became due less than a day ago.
    #[error(
        "T31: the collateral covers the debt at the maintenance margin, and the loan became due \
         less than a day ago, or is not due"
    )]
    NotLiquidatable,
    /// Seizures in the loan's market are stopped at the time of the latest prices.
    #[error("T34: seizures in this market are stopped for now; wait until the stop ends")]
    Stopped,
    /// The loan has ended.
    #[error("the loan has ended")]
    Ended,
    /// An amount is too large for its field, or larger than the collateral.
    #[error("T7: an amount is too large")]
    OutOfRange,
}

/// Prices and times on which a step is planned.
#[derive(Clone, Copy, Debug)]
pub struct StepContext<'a> {
    /// Latest known price snapshot.
    pub snapshot: Option<&'a PriceSnapshot>,
    /// Time of the last batch that was read. Later batches have no earlier time.
    pub last: u64,
    /// The current assets, whose leaves hold the stops of seizures.
    pub assets: &'a AssetTree,
    /// Now, Unix seconds.
    pub now: u64,
    /// Validity of other transactions. A step keeps to it as far as its rules allow, so that it
    /// looks like them.
    pub usual: Validity,
}

/// A step on a held loan, without the encryption keys that its witness has. Its `Debug` form shows
/// nothing.
#[derive(Clone)]
pub struct HeldStep {
    /// Kind of the step.
    pub step: Step,
    /// Loan of the position.
    pub loan: Loan<OwnerId>,
    /// Debt before the step.
    pub before: Debt,
    /// Debt that remains of the owed amount.
    pub debt: u128,
    /// Prices, if the step needs one.
    pub snapshot: Option<PriceSnapshot>,
}

impl HeldStep {
    /// Returns the step as the circuit takes it, with outputs that are encrypted to `own`, the
    /// actor's encryption key. Both parties read them by the position ([`Loan::follow`]), so that
    /// nobody needs the counterparty's key.
    #[must_use]
    pub fn encrypted_to(self, own: EdwardsAffine) -> LoanStep {
        let [borrower, lender] = self.loan.owners().map(|owner| Address { owner, pk: own });
        LoanStep {
            step: self.step,
            loan: self.loan.between(borrower, lender),
            renewed: None,
            before: self.before,
            debt: self.debt,
            snapshot: self.snapshot,
        }
    }
}

impl fmt::Debug for HeldStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldStep(..)")
    }
}

/// A legal step. Its `Debug` form shows none of its amounts.
#[derive(Clone)]
pub struct Plan {
    /// The step.
    pub step: HeldStep,
    /// First second at which it may settle.
    pub not_before: u64,
    /// Last second at which it may settle.
    pub expiry: u64,
    /// Value of output 0.
    pub left: u128,
    /// Collateral that goes to the actor.
    pub released: u128,
    /// Amount paid besides the fee: collateral to add, or debt to pay.
    pub paid: Option<(AssetId, u128)>,
    /// Part of it that goes to the lender.
    pub repaid: u128,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").finish_non_exhaustive()
    }
}

impl StepContext<'_> {
    /// Returns the market of a loan in the latest snapshot, whether or not it has a price.
    ///
    /// # Errors
    /// [`StepError::NoPrice`] without a snapshot, [`StepError::NoMarket`] if it has no such market
    /// of these assets.
    pub fn market<P>(&self, loan: &Loan<P>) -> Result<&Market, StepError> {
        let snapshot = self.snapshot.ok_or(StepError::NoPrice)?;
        let market = snapshot.markets.get(loan.market);
        market
            .filter(|market| market.collateral == loan.collateral && market.debt == loan.debt)
            .ok_or(StepError::NoMarket)
    }

    /// Whether seizures of a loan's collateral are stopped at the time of the latest prices.
    pub fn is_stopped<P>(&self, loan: &Loan<P>) -> bool {
        let collateral = self.assets.get(loan.collateral);
        let stop = collateral
            .map(|collateral| collateral.stop)
            .zip(self.snapshot);
        stop.is_some_and(|(stop, snapshot)| stop.forbids(loan.market, snapshot.time))
    }

    /// Returns the market of a loan, its prices, and the last point of the grid at which they are
    /// fresh.
    ///
    /// # Errors
    /// [`StepError::NoPrice`] or [`StepError::NoMarket`].
    pub fn price<P>(&self, loan: &Loan<P>) -> Result<(&Market, Price, u64), StepError> {
        self.market(loan)?;
        let snapshot = self.snapshot.ok_or(StepError::NoPrice)?;
        let (market, price) = snapshot
            .market_with_price(loan.market)
            .ok_or(StepError::NoPrice)?;
        let last = times::down(snapshot.time.saturating_add(market.max_age.into()));
        Ok((market, price, last))
    }

    /// Returns the same for a transaction that must settle under the price. The snapshot must not
    /// be older than `since`.
    fn fresh<P>(&self, loan: &Loan<P>, since: u64) -> Result<(&Market, Price, u64), StepError> {
        let priced = self.price(loan)?;
        let early = self.snapshot.is_none_or(|taken| taken.time < since);
        if early || priced.2 < self.soonest() {
            return Err(StepError::NoPrice);
        }
        Ok(priced)
    }

    /// Returns the expiry of a transaction that must settle by `time`.
    pub(super) fn until(&self, time: u64) -> u64 {
        self.usual.expiry.min(times::down(time))
    }

    /// Returns the least expiry for which a transaction is worth proving.
    fn soonest(&self) -> u64 {
        self.now.max(self.last).saturating_add(SHORTEST)
    }
}

/// Returns the step that the borrower's leg of an opening proves.
///
/// # Errors
/// [`StepError`] naming the rule that it would break.
pub fn originate(agreement: &Agreement, context: &StepContext<'_>) -> Result<LoanStep, StepError> {
    let loan = &agreement.loan;
    let (_, _, last) = context.fresh(loan, 0)?;
    let taken = context.snapshot.map_or(0, |snapshot| snapshot.time);
    if agreement.expiry > last.min(taken.saturating_add(OPENING_AGE)) {
        return Err(StepError::NoPrice);
    }
    secured(agreement, context)?;
    Ok(LoanStep {
        step: Step::Open,
        loan: loan.clone(),
        renewed: None,
        before: loan.origination_debt(),
        debt: loan.principal,
        snapshot: context.snapshot.copied(),
    })
}

/// Checks whether a party may commit itself to an agreement: the latest price must be fresh and
/// show that the loan is covered. The borrower's leg may have to wait for a price that is younger.
///
/// # Errors
/// [`StepError`] naming the rule that the borrower's leg would break.
pub fn may_agree(agreement: &Agreement, context: &StepContext<'_>) -> Result<(), StepError> {
    context.fresh(&agreement.loan, 0)?;
    secured(agreement, context)
}

/// Checks whether the latest price covers a loan at its opening, whatever the price's age.
///
/// # Errors
/// [`StepError`] naming the rule that it would break.
pub fn secured(agreement: &Agreement, context: &StepContext<'_>) -> Result<(), StepError> {
    let loan = &agreement.loan;
    let (market, Price { low, .. }, _) = context.price(loan)?;
    if agreement.expiry > loan.maturity {
        return Err(StepError::Due);
    }
    let collateral = agreement.collateral;
    let margin = market.initial;
    if covers(collateral, low, market.haircut, loan.principal, margin) {
        Ok(())
    } else {
        Err(StepError::Unsecured)
    }
}

/// Plans the step that does `action` to a position.
///
/// # Errors
/// [`StepError`] naming the rule that it would break.
pub fn plan(
    held: &HeldLoan,
    action: &Action,
    context: &StepContext<'_>,
) -> Result<Plan, StepError> {
    if held.end.is_some() {
        return Err(StepError::Ended);
    }
    if held.role != action.actor() {
        return Err(StepError::NotOurs);
    }
    match action {
        Action::Add { amount } => adjust(held, [*amount, 0, 0], context),
        Action::Release { amount } => adjust(held, [0, *amount, 0], context),
        Action::Repay { amount } => adjust(held, [0, 0, *amount], context),
        Action::Close => close(held, context),
        Action::Liquidate => liquidate(held, context),
    }
}

/// Returns the debt with its interest at a time, as the lender's step counts it.
fn claimed(loan: &Loan<OwnerId>, debt: &Debt, time: u64) -> Result<u128, StepError> {
    loan.claimed(debt, time).ok_or(StepError::OutOfRange)
}

/// Returns the debt with its interest at a time, as the borrower's step counts it.
fn owed(loan: &Loan<OwnerId>, debt: &Debt, time: u64) -> Result<u128, StepError> {
    loan.owed(debt, time).ok_or(StepError::OutOfRange)
}

fn close(held: &HeldLoan, context: &StepContext<'_>) -> Result<Plan, StepError> {
    let (loan, before) = (&held.loan, held.position.debt);
    let Validity { not_before, expiry } = context.usual;
    let repaid = owed(loan, &before, expiry)?;
    Ok(Plan {
        step: HeldStep {
            step: Step::Adjust,
            loan: loan.clone(),
            before,
            debt: 0,
            snapshot: None,
        },
        not_before,
        expiry,
        left: held.position.collateral,
        released: 0,
        paid: Some((loan.debt, repaid)),
        repaid,
    })
}

/// Plans an add, a release or a repayment. It uses no price if the step improves the position at
/// any price.
fn adjust(
    held: &HeldLoan,
    [added, released, repaid]: [u128; 3],
    context: &StepContext<'_>,
) -> Result<Plan, StepError> {
    let (loan, before) = (&held.loan, held.position.debt);
    let collateral = held.position.collateral;
    let left = collateral
        .checked_add(added)
        .and_then(|sum| sum.checked_sub(released))
        .ok_or(StepError::OutOfRange)?;
    let until = context.until(loan.maturity);
    if until <= context.now.max(context.last) {
        return Err(StepError::Due);
    }
    let ending = |expiry: u64, snapshot: Option<PriceSnapshot>| {
        let owed = owed(loan, &before, expiry)?;
        let debt = owed
            .checked_sub(repaid)
            .filter(|debt| *debt != 0)
            .ok_or(StepError::TooMuch)?;
        let plan = Plan {
            step: HeldStep {
                step: Step::Adjust,
                loan: loan.clone(),
                before,
                debt,
                snapshot,
            },
            not_before: context.usual.not_before,
            expiry,
            left,
            released,
            paid: [(loan.collateral, added), (loan.debt, repaid)]
                .into_iter()
                .find(|(_, amount)| *amount != 0),
            repaid,
        };
        Ok((plan, owed))
    };
    let (plan, owed) = ending(until, None)?;
    if improves([collateral, left], owed, repaid) {
        return Ok(plan);
    }
    // Without a release, the step is too small to be legal without a price.
    let refused = if released == 0 {
        StepError::TooSmall
    } else {
        StepError::NotCovered
    };
    let (market, Price { low, .. }, last) = match context.fresh(loan, loan.start) {
        Err(_) if released == 0 => return Err(refused),
        priced => priced?,
    };
    // A release is bounded as an opening is (T17).
    let taken = context.snapshot.map_or(0, |snapshot| snapshot.time);
    let last = last.min(times::down(taken.saturating_add(OPENING_AGE)));
    if last < context.soonest() {
        return Err(StepError::NoPrice);
    }
    let (plan, _) = ending(until.min(last), context.snapshot.copied())?;
    let margin = market.initial;
    if covers(left, low, market.haircut, plan.step.debt, margin) {
        Ok(plan)
    } else {
        Err(refused)
    }
}

/// Plans the liquidation of the whole debt.
fn liquidate(held: &HeldLoan, context: &StepContext<'_>) -> Result<Plan, StepError> {
    let (loan, before) = (&held.loan, held.position.debt);
    let collateral = held.position.collateral;
    let lapsed = loan.maturity.saturating_add(LAPSE);
    // Like other transactions', so that the sequencer recognises no liquidation: a lender waits for
    // the first one that may begin so late.
    let not_before = context.usual.not_before;
    match context.price(loan) {
        // So long after maturity, the lender need not wait for a price.
        Err(_) if not_before > lapsed => return seize_all(held, context),
        found => found.map(|_| ())?,
    }
    let (market, Price { high, .. }, last) = context.fresh(loan, loan.start)?;
    let is_healthy = |debt| covers(collateral, high, market.haircut, debt, market.maintenance);
    let debt = claimed(loan, &before, not_before)?;
    let bonus = if is_healthy(debt) {
        let due = overdue_bonus(market.bonus, loan.maturity, not_before);
        due.ok_or(StepError::NotLiquidatable)?
    } else {
        market.bonus
    };
    if context.is_stopped(loan) {
        return Err(StepError::Stopped);
    }
    let seized = most_seizable(collateral, high, debt, bonus);
    Ok(Plan {
        step: HeldStep {
            step: Step::Liquidate,
            loan: loan.clone(),
            before,
            debt: 0,
            snapshot: context.snapshot.copied(),
        },
        not_before,
        expiry: context.until(last),
        left: collateral - seized,
        released: seized,
        paid: None,
        repaid: 0,
    })
}

/// Plans the seizure of all collateral, under a snapshot that shows that it has no price.
fn seize_all(held: &HeldLoan, context: &StepContext<'_>) -> Result<Plan, StepError> {
    let snapshot = context.snapshot.ok_or(StepError::NoPrice)?;
    if context.is_stopped(&held.loan) {
        return Err(StepError::Stopped);
    }
    let expiry = context.until(snapshot.time.saturating_add(LAPSE_AGE));
    if expiry < context.soonest() {
        return Err(StepError::NoPrice);
    }
    let not_before = context.usual.not_before;
    claimed(&held.loan, &held.position.debt, not_before)?;
    Ok(Plan {
        step: HeldStep {
            step: Step::Liquidate,
            loan: held.loan.clone(),
            before: held.position.debt,
            debt: 0,
            snapshot: Some(*snapshot),
        },
        not_before,
        expiry,
        left: 0,
        released: held.position.collateral,
        paid: None,
        repaid: 0,
    })
}
