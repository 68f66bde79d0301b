//! The parties of the loans. Each acts through its own wallet's gateway, on the state that it
//! shows.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::U256;
use anyhow::{Context as _, ensure};
use subrosa_client::{
    GatewayClient,
    gateway::{AssetView, CollateralRequest, LoanRequest, LoanView, RepayRequest, RoleName},
};
use subrosa_clock::Clock;
use subrosa_protocol::{
    loan::{CURE, covers},
    market::{Market, Price, PriceSnapshot},
};
use subrosa_wallet::amount::format;

use super::{
    STEP, WATCHING,
    calls::Calls,
    loans::{End, LoanLine, OnCall},
    markets::MarketLine,
    outcome::{Outcome, Sums},
    path::Day,
    sizing,
};
use crate::{account::units, desk::with_funds, requests::amount, world::World};

/// Longest time of a step of a loan, with its proof and its batch.
const PATIENCE: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(200);
/// Seconds that a proposal may be accepted.
const VALID_FOR: u64 = 90;
/// Seconds after that in which the opening may settle.
const SETTLE_WITHIN: u64 = 240;

/// World, events and markets, shared by all loans.
pub(super) struct Desk<'a> {
    world: &'a World,
    calls: BTreeMap<&'a str, Calls>,
    markets: Vec<Market>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(world: &'a World, markets: &[MarketLine]) -> anyhow::Result<Self> {
        let market = |line: &MarketLine| line.market(|symbol| Ok(world.asset(symbol)?.id));
        let gateways = world.gateways().iter();
        Ok(Self {
            world,
            calls: gateways
                .map(|(name, gateway)| (name.as_str(), Calls::follow(gateway.clone())))
                .collect(),
            markets: markets.iter().map(market).collect::<Result<_, _>>()?,
        })
    }
}

impl Desk<'_> {
    /// Waits until every wallet knows a price of this time or a later one.
    pub(super) async fn know(&self, time: u64) -> anyhow::Result<()> {
        let since = Instant::now();
        for (name, gateway) in self.world.gateways() {
            loop {
                let markets = gateway.markets().await?;
                if markets.first().is_some_and(|market| market.time >= time) {
                    break;
                }
                ensure!(since.elapsed() < PATIENCE, "{name} does not see the price");
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }
}

/// Amounts of the position when it was last seen open, base units.
#[derive(Clone, Copy, Default)]
struct Position {
    collateral: u128,
    owed: u128,
}

/// A loan on its way from the opening to its end.
pub(super) struct Followed<'a> {
    line: &'a LoanLine,
    number: usize,
    lender: &'a GatewayClient,
    borrower: &'a GatewayClient,
    calls: &'a Calls,
    collateral: &'a AssetView,
    debt: &'a AssetView,
    market: Market,
    /// Number of the market.
    place: usize,
    /// Set when the loan is agreed.
    id: Option<String>,
    maturity: u64,
    last: Position,
    /// Whether it is below its initial margin, and its borrower knows.
    called: bool,
    /// Number of steps so far, so that each has its own key.
    steps: usize,
    sums: Sums,
    end: Option<(End, String)>,
    clock: Arc<dyn Clock>,
}

impl<'a> Followed<'a> {
    pub(super) fn new(
        desk: &'a Desk<'a>,
        number: usize,
        line: &'a LoanLine,
    ) -> anyhow::Result<Self> {
        let world = desk.world;
        let collateral = world.asset(&line.collateral)?;
        let debt = world.asset(&line.debt)?;
        let assets = |m: &Market| (m.collateral.0, m.debt.0) == (collateral.id, debt.id);
        let place = desk.markets.iter().position(assets);
        let place = place.with_context(|| format!("loan {number} has no market"))?;
        let calls = desk.calls.get(line.borrower.as_str());
        Ok(Self {
            line,
            number,
            lender: world.gateway(&line.lender)?,
            borrower: world.gateway(&line.borrower)?,
            calls: calls.context("a borrower without events")?,
            collateral,
            debt,
            market: desk.markets[place],
            place,
            id: None,
            maturity: 0,
            last: Position::default(),
            called: false,
            steps: 0,
            sums: Sums::default(),
            end: None,
            clock: world.time().clock(),
        })
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Returns the maturity of the loan if it is open, Unix seconds.
    pub(super) fn due(&self) -> Option<u64> {
        (!self.has_ended() && self.id.is_some()).then_some(self.maturity)
    }

    /// Returns its end, and the events before.
    pub(super) fn outcome(self) -> anyhow::Result<Outcome> {
        let (end, day) = self
            .end
            .with_context(|| format!("loan {} has not ended", self.number))?;
        Ok(Outcome {
            line: self.line.clone(),
            collateral: self.collateral.clone(),
            debt: self.debt.clone(),
            sums: self.sums,
            end,
            day,
        })
    }

    /// Lets the parties do what the day's price and date ask of them.
    pub(super) async fn day(&mut self, day: &Day, snapshot: &PriceSnapshot) -> anyhow::Result<()> {
        self.play(day, snapshot).await.with_context(|| {
            let LoanLine {
                lender, borrower, ..
            } = self.line;
            let number = self.number;
            format!("loan {number} of {lender} to {borrower} on {}", day.label)
        })
    }

    async fn play(&mut self, day: &Day, snapshot: &PriceSnapshot) -> anyhow::Result<()> {
        if self.has_ended() {
            return Ok(());
        }
        let today = |label: &Option<String>| label.as_deref() == Some(day.label.as_str());
        let Some(id) = self.id.clone() else {
            if self.line.opens == day.label {
                self.open().await?;
            }
            return Ok(());
        };
        let Some(loan) = self.priced(&id, snapshot.time).await? else {
            return self.liquidate(&id, day, snapshot).await;
        };
        let health = loan.health.as_ref().context("a loan without a price")?;
        if health.liquidatable {
            return self.liquidate(&id, day, snapshot).await;
        }
        if health.margin_call && !self.called {
            self.called = true;
            self.calls.reach(&id, self.sums.calls + 1).await?;
            self.sums.calls = self.calls.of(&id);
            let required = health.required_top_up.as_deref();
            self.meet(&id, snapshot, required).await?;
        } else if !health.margin_call {
            self.called = false;
        }
        if today(&self.line.closes) {
            return self.close(&id, day).await;
        }
        if today(&self.line.releases) {
            let most = units(&health.releasable, self.collateral)?;
            self.release(&id, sizing::release(most)).await?;
        }
        if let (true, Some(amount)) = (today(&self.line.repays), &self.line.repayment) {
            self.repay(&id, units(amount, self.debt)?).await?;
        }
        Ok(())
    }

    fn key(&mut self, step: &str) -> String {
        self.steps += 1;
        format!("loan-{}-{}-{step}", self.number, self.steps)
    }

    /// Lets one party propose and the other accept. Lenders propose the loans with odd numbers,
    /// borrowers those with even ones.
    async fn open(&mut self) -> anyhow::Result<()> {
        let line = self.line;
        let (proposer, other, role) = match self.number % 2 {
            0 => (self.borrower, self.lender, RoleName::Borrower),
            _ => (self.lender, self.borrower, RoleName::Lender),
        };
        self.maturity = self.clock.unix() + u64::from(line.term) * STEP.as_secs();
        let proposal = LoanRequest {
            role,
            with: other.address().await?.address,
            collateral: amount(&line.collateral, &line.collateral_amount),
            debt: amount(&line.debt, &line.principal),
            rate_ppm: line.rate_ppm,
            maturity: self.maturity,
            market: None,
            valid_for: VALID_FOR,
            settle_within: SETTLE_WITHIN,
        };
        let key = self.key("propose");
        let loan = with_funds(|| proposer.propose_loan(&proposal, Some(&key))).await?;
        let since = Instant::now();
        while other
            .loan(&loan.id)
            .await?
            .is_none_or(|seen| seen.status != "proposed")
        {
            ensure!(since.elapsed() < PATIENCE, "the proposal did not arrive");
            tokio::time::sleep(POLL).await;
        }
        let key = self.key("accept");
        with_funds(|| other.accept_loan(&loan.id, Some(&key))).await?;
        self.id = Some(loan.id.clone());
        self.last = Position {
            collateral: units(&line.collateral_amount, self.collateral)?,
            owed: units(&line.principal, self.debt)?,
        };
        self.agree(&loan.id, "open", |_| true).await
    }

    /// Waits until both sides show the loan at a price of this time or a later one. Returns `None`
    /// if the lender's wallet has liquidated it.
    async fn priced(&mut self, id: &str, time: u64) -> anyhow::Result<Option<LoanView>> {
        let since = Instant::now();
        loop {
            let (lent, owed) = self.both(id).await?;
            if lent.status == "liquidated" {
                return Ok(None);
            }
            self.remember(&lent)?;
            let fresh = |loan: &LoanView| {
                let time_of = loan.health.as_ref().map(|health| health.time);
                loan.status == "open" && time_of >= Some(time)
            };
            if fresh(&lent) && fresh(&owed) {
                return Ok(Some(owed));
            }
            ensure!(
                since.elapsed() < PATIENCE,
                "{} at the lender's and {} at the borrower's, without the latest price",
                lent.status,
                owed.status
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Returns the loan as the lender's and as the borrower's gateway show it.
    async fn both(&self, id: &str) -> anyhow::Result<(LoanView, LoanView)> {
        let missing = "a gateway does not know the loan any more";
        Ok((
            self.lender.loan(id).await?.context(missing)?,
            self.borrower.loan(id).await?.context(missing)?,
        ))
    }

    fn remember(&mut self, loan: &LoanView) -> anyhow::Result<()> {
        let collateral = loan.collateral.amount.as_deref();
        self.last = Position {
            collateral: units(collateral.unwrap_or("0"), self.collateral)?,
            owed: units(loan.owed.as_deref().unwrap_or("0"), self.debt)?,
        };
        Ok(())
    }

    /// Waits until both sides show a status, and a position that passes a check.
    async fn agree(
        &mut self,
        id: &str,
        status: &str,
        as_it_must: impl Fn(Position) -> bool,
    ) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            let (lent, owed) = self.both(id).await?;
            if lent.status == status && owed.status == status {
                if status != "open" {
                    return Ok(());
                }
                self.remember(&owed)?;
                let borrowers = self.last;
                self.remember(&lent)?;
                if as_it_must(borrowers) && as_it_must(self.last) {
                    return Ok(());
                }
            }
            for loan in [&lent, &owed] {
                let lost = ["failed", "expired", "cancelled", "declined"];
                ensure!(
                    !lost.contains(&loan.status.as_str()),
                    "it is {}: {:?}",
                    loan.status,
                    loan.failure
                );
            }
            ensure!(
                since.elapsed() < PATIENCE,
                "{} at the lender's and {} at the borrower's, not both {status} as they must be",
                lent.status,
                owed.status
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Lets the borrower react to a margin call.
    async fn meet(
        &mut self,
        id: &str,
        snapshot: &PriceSnapshot,
        required: Option<&str>,
    ) -> anyhow::Result<()> {
        let Position { collateral, owed } = self.last;
        match self.line.on_call {
            OnCall::TopUp => {
                let required = required.context("no collateral would do")?;
                let amount = sizing::top_up(units(required, self.collateral)?, collateral);
                let key = self.key("add");
                let request = CollateralRequest {
                    add: Some(format(amount, self.collateral.decimals)),
                    release: None,
                };
                let borrower = self.borrower;
                with_funds(|| borrower.change_collateral(id, &request, Some(&key))).await?;
                self.agree(id, "open", |new| new.collateral == collateral + amount)
                    .await?;
                self.sums.added += amount;
            }
            OnCall::Repay => {
                let ratio = sizing::ratio(collateral, self.price(snapshot).low, owed, &self.market);
                self.repay(id, sizing::repayment(owed, ratio, &self.market))
                    .await?;
            }
            OnCall::Ignore => return Ok(()),
        }
        self.sums.met += 1;
        self.called = false;
        Ok(())
    }

    async fn release(&mut self, id: &str, amount: u128) -> anyhow::Result<()> {
        let collateral = self.last.collateral;
        let key = self.key("release");
        let request = CollateralRequest {
            add: None,
            release: Some(format(amount, self.collateral.decimals)),
        };
        let borrower = self.borrower;
        with_funds(|| borrower.change_collateral(id, &request, Some(&key))).await?;
        self.agree(id, "open", |new| new.collateral + amount == collateral)
            .await?;
        self.sums.released += amount;
        Ok(())
    }

    async fn repay(&mut self, id: &str, amount: u128) -> anyhow::Result<()> {
        let owed = self.last.owed;
        let key = self.key("repay");
        let request = RepayRequest {
            amount: format(amount, self.debt.decimals),
        };
        let borrower = self.borrower;
        with_funds(|| borrower.repay(id, &request, Some(&key))).await?;
        // Interest runs meanwhile, and is far less than half of any repayment.
        self.agree(id, "open", |new| new.owed + amount / 2 < owed)
            .await?;
        self.sums.repaid += amount;
        Ok(())
    }

    async fn close(&mut self, id: &str, day: &Day) -> anyhow::Result<()> {
        let key = self.key("close");
        let borrower = self.borrower;
        with_funds(|| borrower.close_loan(id, Some(&key))).await?;
        self.agree(id, "closed", |_| true).await?;
        self.end = Some((End::Closed, day.label.clone()));
        Ok(())
    }

    /// Lets the lender liquidate, by itself or when it is told to.
    async fn liquidate(
        &mut self,
        id: &str,
        day: &Day,
        snapshot: &PriceSnapshot,
    ) -> anyhow::Result<()> {
        let Position { collateral, owed } = self.last;
        let Price { low, high } = self.price(snapshot);
        let Market {
            haircut,
            initial,
            maintenance,
            ..
        } = self.market;
        let secured = covers(collateral, high, haircut, owed, maintenance);
        if !covers(collateral, low, haircut, owed, initial) && !self.called {
            self.calls.reach(id, self.sums.calls + 1).await?;
            self.sums.calls = self.calls.of(id);
        }
        if !WATCHING.contains(&self.line.lender.as_str()) {
            let key = self.key("liquidate");
            let lender = self.lender;
            with_funds(|| lender.liquidate(id, Some(&key))).await?;
        }
        self.agree(id, "liquidated", |_| true).await?;
        if secured {
            ensure!(
                self.clock.unix() > self.maturity + CURE,
                "it was liquidated within a day of its maturity, or before, though secured"
            );
        }
        let value = worth(collateral, high)?;
        self.sums.loss = owed.saturating_sub(value);
        let end = match (secured, self.sums.loss) {
            (true, _) => End::Matured,
            (false, 0) => End::Liquidated,
            (false, _) => End::Lost,
        };
        self.end = Some((end, day.label.clone()));
        Ok(())
    }

    fn price(&self, snapshot: &PriceSnapshot) -> Price {
        snapshot.prices[self.place]
    }
}

/// Returns the value of a collateral at a price, rounded down.
fn worth(collateral: u128, price: u128) -> anyhow::Result<u128> {
    let value = U256::from(collateral) * U256::from(price) / U256::from(10u64.pow(18));
    u128::try_from(value).context("a collateral is worth more than 128 bits can tell")
}
