//! A model of the committed loans on the committed path, by the protocol's arithmetic and without a
//! deployment. It leaves interest out: the interest of some minutes must decide nothing.

use subrosa_protocol::{
    loan::{covers, needed},
    market::Market,
};
use subrosa_wallet::amount;

use super::{
    Portfolio,
    loans::{End, LoanLine, OnCall},
    path::Day,
    sizing,
};
use crate::{LOANS, MARKETS, PRICES, RESERVES, TOKENS, instructions, world::Token};

/// Least distance of every ratio from a threshold.
const CLEAR: f64 = 0.001;

fn portfolio() -> Portfolio {
    Portfolio::parse(PRICES, MARKETS, LOANS).unwrap()
}

fn token(symbol: &str) -> &'static Token {
    TOKENS.iter().find(|t| t.symbol == symbol).unwrap()
}

fn units(symbol: &str, text: &str) -> u128 {
    amount::parse(text, token(symbol).decimals).unwrap()
}

fn market_of(portfolio: &Portfolio, loan: &LoanLine) -> Market {
    let id = |symbol: &str| Ok(TOKENS.iter().position(|t| t.symbol == symbol).unwrap() as u16);
    let mut found = portfolio.markets.iter().filter(|m| {
        (m.collateral.as_str(), m.debt.as_str()) == (loan.collateral.as_str(), loan.debt.as_str())
    });
    found.next().unwrap().market(id).unwrap()
}

/// Returns the base units of the debt asset for 10¹⁸ base units of the collateral asset, rounded as
/// on L1.
fn price(loan: &LoanLine, day: &Day) -> u128 {
    let raised = 18 + u32::from(token(&loan.debt).decimals);
    let lowered = u32::from(token(&loan.collateral).decimals);
    day.prices[&loan.collateral] * 10u128.pow(raised - lowered) / day.prices[&loan.debt]
}

struct Course {
    calls: usize,
    end: Option<End>,
    /// Least distance of a ratio from a threshold.
    closest: f64,
}

fn course(portfolio: &Portfolio, loan: &LoanLine) -> Course {
    let market = market_of(portfolio, loan);
    let mut collateral = units(&loan.collateral, &loan.collateral_amount);
    let mut debt = units(&loan.debt, &loan.principal);
    let opens = portfolio.days.iter().position(|d| d.label == loan.opens);
    let days = portfolio.days.iter().skip(opens.unwrap());
    let mut course = Course {
        calls: 0,
        end: None,
        closest: f64::MAX,
    };
    let mut called = false;
    for (step, day) in (0u32..).zip(days) {
        let price = price(loan, day);
        let covered =
            |collateral, debt, margin| covers(collateral, price, market.haircut, debt, margin);
        let ratio = sizing::ratio(collateral, price, debt, &market);
        for margin in [market.initial, market.maintenance] {
            let distance = (ratio - f64::from(margin) / 1e4).abs();
            course.closest = course.closest.min(distance);
        }
        if step == 0 {
            assert!(covered(collateral, debt, market.initial), "{loan:?}");
            continue;
        }
        let below = !covered(collateral, debt, market.initial);
        course.calls += usize::from(below && !called);
        if !covered(collateral, debt, market.maintenance) {
            let value = collateral as f64 * (price as f64 / 1e18) / debt as f64;
            course.closest = course.closest.min((value - 1.0).abs());
            course.end = Some(if value < 1.0 {
                End::Lost
            } else {
                End::Liquidated
            });
            return course;
        }
        let today = |label: &Option<String>| label.as_deref() == Some(day.label.as_str());
        let reacts = loan.on_call != OnCall::Ignore;
        assert!(
            !(below && reacts) || step < loan.term,
            "a call after maturity: {loan:?}"
        );
        if below && !called {
            match loan.on_call {
                OnCall::TopUp => {
                    let needed = needed(price, market.haircut, debt, market.initial).unwrap();
                    collateral += sizing::top_up(needed - collateral, collateral);
                }
                OnCall::Repay => debt -= sizing::repayment(debt, ratio, &market),
                OnCall::Ignore => {}
            }
        }
        called = below && loan.on_call == OnCall::Ignore;
        if today(&loan.closes) {
            course.end = Some(End::Closed);
            return course;
        }
        if today(&loan.releases) {
            let needed = needed(price, market.haircut, debt, market.initial).unwrap();
            collateral -= sizing::release(collateral - needed);
        }
        if today(&loan.repays) {
            debt -= units(&loan.debt, loan.repayment.as_ref().unwrap());
        }
    }
    // A day after its maturity, which the demonstration waits for.
    course.end = Some(End::Matured);
    course
}

#[test]
fn the_committed_loans_end_as_the_file_says() {
    let portfolio = portfolio();
    for (number, loan) in (1..).zip(&portfolio.loans) {
        let course = course(&portfolio, loan);
        assert_eq!(course.calls, loan.calls, "margin calls of loan {number}");
        assert_eq!(course.end, Some(loan.end), "end of loan {number}");
        assert!(course.closest > CLEAR, "loan {number}: {}", course.closest);
    }
}

#[test]
fn the_committed_loans_show_everything() {
    let Portfolio { loans, .. } = portfolio();
    assert!(loans.len() >= 12);
    let mut collateral: Vec<&str> = loans.iter().map(|l| l.collateral.as_str()).collect();
    collateral.sort_unstable();
    collateral.dedup();
    assert!(collateral.len() >= 3);
    for end in [End::Closed, End::Liquidated, End::Lost, End::Matured] {
        assert!(loans.iter().any(|l| l.end == end), "{end:?}");
    }
    for on_call in [OnCall::TopUp, OnCall::Repay, OnCall::Ignore] {
        let called = |l: &LoanLine| l.on_call == on_call && l.calls > 0;
        assert!(loans.iter().any(called), "{on_call:?}");
    }
    // One that met every call until the gap came, and one that was never called before it.
    let lost = |l: &&LoanLine| l.end == End::Lost && l.calls == 1;
    assert!(loans.iter().any(|l| lost(&l) && l.on_call == OnCall::TopUp));
    assert!(loans.iter().any(|l| l.releases.is_some()));
    assert!(loans.iter().any(|l| l.repays.is_some()));
}

/// No institution promises more of an asset than it deposits.
#[test]
fn the_committed_reserves_cover_the_loans() {
    let portfolio = portfolio();
    let reserves = instructions::parse(RESERVES).unwrap();
    let institutions = instructions::institutions(&reserves);
    assert_eq!(institutions.len(), 4);
    for loan in &portfolio.loans {
        for (name, symbol, text) in [
            (&loan.lender, &loan.debt, &loan.principal),
            (&loan.borrower, &loan.collateral, &loan.collateral_amount),
        ] {
            let held: u128 = reserves
                .iter()
                .filter(|i| i.from == *name && i.asset == *symbol)
                .map(|i| units(symbol, &i.amount))
                .sum();
            assert!(held >= units(symbol, text), "{name} lacks {symbol}");
        }
    }
}
