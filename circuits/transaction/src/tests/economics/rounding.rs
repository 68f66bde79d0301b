//! Interest, rounding and dust against exact rational numbers: no party gains by how often, when or
//! in how small parts it acts.

use super::model::{DAY, Model, Ratio};
use super::world::{Attempt, BEGIN, Judge, State, World, histories, plain_market};
use super::{LONG, hold};
use crate::Rule;
use crate::witness::Step;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use subrosa_protocol::loan::Rounding;
use subrosa_protocol::market::Market;

const CASES: u32 = 60;

/// Parts of a party: seconds since its last step, and 256ths of the debt or collateral.
type Parts = Vec<(u64, u8)>;

/// Numbers of a loan, and the parts in which somebody acts.
#[derive(Clone, Debug)]
struct Acts {
    market: Market,
    price: u128,
    principal: u128,
    rate: u32,
    parts: Parts,
    /// Thousandths of the collateral that the maintenance margin needs.
    cover: u32,
}

fn acts() -> impl Strategy<Value = Acts> {
    let passed = prop_oneof![Just(0u64), 1u64..300, 300u64..4_000_000];
    let parts = prop::collection::vec((passed, any::<u8>()), 1..24);
    // Dust as often as fortunes.
    let dust = prop_oneof![Just(None), (1u128..600).prop_map(Some)];
    (histories(7), parts, dust, 500u32..3_000).prop_map(|(history, parts, dust, cover)| Acts {
        market: Market {
            max_age: 86_400,
            ..history.market
        },
        price: history.price,
        principal: dust.unwrap_or(history.principal),
        rate: history.rate,
        parts,
        cover,
    })
}

/// A debt of the code beside the same debt without any rounding.
struct Exact {
    debt: Ratio,
    /// Most by which the code's debt differs from the exact one: a unit for each step, with
    /// interest.
    slack: Ratio,
}

impl Exact {
    fn new(principal: u128) -> Self {
        Self {
            debt: Ratio::whole(principal),
            slack: Ratio::whole(0),
        }
    }

    /// Lets time pass and checks what the code says is owed in a step that rounds so.
    fn pass(
        &mut self,
        model: &Model,
        [from, to]: [u64; 2],
        owed: u128,
        rounding: Rounding,
    ) -> TestCaseResult {
        self.debt = model.grown(&self.debt, from, to);
        self.slack = model.grown(&self.slack, from, to);
        if from < to {
            self.slack = self.slack.plus(&Ratio::whole(1));
        }
        let owed = Ratio::whole(owed);
        let [less, more] = match rounding {
            Rounding::Up => [&self.debt, &owed],
            Rounding::Down => [&owed, &self.debt],
        };
        prop_assert!(less <= more, "who acts gains by rounding");
        prop_assert!(
            *more <= less.plus(&self.slack),
            "a step rounds by more than a unit"
        );
        Ok(())
    }

    fn clear(&mut self, amount: u128) {
        self.debt = self.debt.minus(&Ratio::whole(amount));
    }
}

/// Returns the judge, a world without snapshots, and the model of a loan from `BEGIN` on.
fn stage(acts: &Acts, maturity: u64) -> (Judge, World, Model) {
    let mut judge = Judge::new(acts.principal, acts.rate);
    let world = World::new(acts.market, judge.loan.market, 100, acts.price);
    let model = judge.begin(&acts.market, BEGIN, maturity);
    (judge, world, model)
}

/// Tries a step with a claim of what is owed.
fn claims(judge: &mut Judge, world: &World, before: State, owed: u128, step: Step) -> bool {
    let index = world.snapshots.len() - 1;
    let time = world.snapshots[index].time;
    let attempt = Attempt {
        step,
        before,
        owed,
        left: [before.collateral, 0],
        snapshot: Some(index),
        window: [time, time],
    };
    judge.judge(world, &attempt).is_ok()
}

/// A borrower that repays in parts pays at least what exact interest requires, and less than a unit
/// more for each step. Parts of one time are as good as one step.
fn a_borrower_saves_nothing(acts: Acts) -> TestCaseResult {
    let (mut judge, mut world, model) = stage(&acts, BEGIN + (1 << 32));
    let mut state = State {
        collateral: 1 << 126,
        debt: acts.principal,
        accrued: BEGIN,
    };
    let mut exact = Exact::new(acts.principal);
    let mut now = BEGIN;
    world.snapshot(now, acts.price);
    for (passed, part) in &acts.parts {
        now += passed;
        if *passed >= 60 {
            world.snapshot(now, acts.price);
        }
        let owed = model.owed(state.debt, state.accrued, now);
        if owed >= 1 << 120 {
            break;
        }
        exact.pass(&model, [state.accrued, now], owed, Rounding::Up)?;
        // Nobody owes a unit more or less than the model says.
        let mut owes = |claimed, left| {
            let attempt = Attempt {
                step: Step::Adjust,
                before: state,
                owed: claimed,
                left: [state.collateral, left],
                snapshot: None,
                window: [0, now],
            };
            judge.judge(&world, &attempt)
        };
        prop_assert_eq!(owes(owed, 0), Ok(()));
        prop_assert_eq!(owes(owed - 1, 0), Err(Rule::T26));
        prop_assert_eq!(owes(owed + 1, 0), Err(Rule::T26));
        let least = owed.div_ceil(256);
        prop_assert!(
            owes(owed, owed - least + 1).is_err(),
            "dust moves the position"
        );
        let repaid = (owed / 256 * u128::from(*part)).clamp(least, owed);
        prop_assert_eq!(owes(owed, owed - repaid), Ok(()));
        // The same in two parts.
        let half = State {
            debt: owed - repaid,
            accrued: now.max(state.accrued),
            ..state
        };
        prop_assert_eq!(model.owed(half.debt, half.accrued, now), owed - repaid);
        exact.clear(repaid);
        state = half;
        if state.debt == 0 {
            break;
        }
        prop_assert!(Ratio::whole(state.debt) >= exact.debt);
    }
    Ok(())
}

/// A borrower that releases collateral in parts keeps as much as with one step, and what it keeps
/// covers the exact debt.
fn a_borrower_releases_nothing_more(acts: Acts) -> TestCaseResult {
    let (mut judge, mut world, model) = stage(&acts, BEGIN + (1 << 32));
    let all = model.needed(acts.price, acts.principal, model.initial);
    prop_assume!(all < 1 << 120);
    world.snapshot(BEGIN + 60, acts.price);
    let now = BEGIN + 60;
    let owed = model.owed(acts.principal, BEGIN, now);
    let least = model.needed(acts.price, owed, model.initial);
    let mut state = State {
        collateral: least * 2 + 7,
        debt: acts.principal,
        accrued: BEGIN,
    };
    for (_, part) in &acts.parts {
        let excess = state.collateral - least;
        let left = state.collateral - excess / 256 * u128::from(*part) - excess.min(1);
        let index = Some(0);
        prop_assert!(judge.adjusts(&world, &model, state, [left, owed], index, now));
        state = State {
            collateral: left,
            debt: owed,
            accrued: now,
        };
        if least > 0 {
            let less = [least - 1, owed];
            prop_assert!(!judge.adjusts(&world, &model, state, less, index, now));
        }
    }
    let debt = model.grown(&Ratio::whole(acts.principal), BEGIN, now);
    let counted = Model::worth(state.collateral, acts.price)
        .times(&Ratio::new(10_000 - u32::from(model.haircut), 10_000u16));
    prop_assert!(counted >= debt.times(&Ratio::new(model.initial, 10_000u16)));
    Ok(())
}

/// A lender that liquidates in parts takes no more than exact interest and the bonus allow, but for
/// less than a unit of the debt for each step that is later than the one before. Parts of one time
/// take no more than one step, and no part makes a healthy position unhealthy.
fn a_lender_takes_nothing_more(acts: Acts) -> TestCaseResult {
    let maturity = BEGIN + 1_000_000;
    let (mut judge, mut world, model) = stage(&acts, maturity);
    let cover = model.needed(acts.price, acts.principal, model.maintenance);
    prop_assume!(cover < 1 << 110);
    let mut state = State {
        collateral: cover / 1_000 * u128::from(acts.cover) + cover % 1_000,
        debt: acts.principal,
        accrued: BEGIN,
    };
    let mut exact = Exact::new(acts.principal);
    let (mut taken, mut cleared) = (Ratio::whole(0), Ratio::whole(0));
    // Seizures of one time: their sum, and the most that one step could take.
    let mut at_once = (0, 0u128, 0u128);
    let mut now = BEGIN + 60;
    world.snapshot(now, acts.price);
    for (passed, part) in &acts.parts {
        if *passed >= 60 {
            now += passed;
            world.snapshot(now, acts.price);
        }
        let index = world.snapshots.len() - 1;
        let owed = model.claimed(state.debt, state.accrued, now);
        if owed >= 1 << 110 {
            break;
        }
        let well = model.covers(state.collateral, acts.price, owed, model.maintenance);
        let Some(bonus) = model.bonus(well, now) else {
            let mut tries = |seized, debt| {
                judge.liquidates(&world, &model, state, (seized, debt), index, [now, now])
            };
            prop_assert!(!tries(0, 0) && !tries(0, owed - owed.div_ceil(256)));
            continue;
        };
        exact.pass(&model, [state.accrued, now], owed, Rounding::Down)?;
        prop_assert!(!claims(
            &mut judge,
            &world,
            state,
            owed + 1,
            Step::Liquidate
        ));
        prop_assert!(!claims(
            &mut judge,
            &world,
            state,
            owed - 1,
            Step::Liquidate
        ));
        let least = owed.div_ceil(256);
        let part = (owed / 256 * u128::from(*part)).clamp(least, owed);
        let most = Model::claim(acts.price, &Ratio::whole(part), bonus).floor();
        let seized = most.min(state.collateral);
        let mut tries = |seized, debt| {
            judge.liquidates(&world, &model, state, (seized, debt), index, [now, now])
        };
        prop_assert!(!tries(0, owed - least + 1), "a step clears too little");
        prop_assert!(tries(seized, owed - part));
        if seized < state.collateral {
            prop_assert!(!tries(seized + 1, owed - part));
        }
        let once = Model::claim(acts.price, &Ratio::whole(owed), bonus).floor();
        if at_once.0 != now {
            at_once = (now, 0, once.min(state.collateral));
        }
        at_once.1 += seized;
        prop_assert!(at_once.1 <= at_once.2, "parts take more than one step");
        state = State {
            collateral: state.collateral - seized,
            debt: owed - part,
            accrued: now.max(state.accrued),
        };
        exact.clear(part);
        taken = taken.plus(&Model::worth(seized, acts.price));
        cleared = cleared.plus(&Ratio::whole(part));
        let paid = cleared.times(&Ratio::new(10_000 + u32::from(model.bonus), 10_000u16));
        prop_assert!(taken <= paid);
        if state.debt == 0 {
            break;
        }
        if well {
            let still = model.covers(state.collateral, acts.price, state.debt, model.maintenance);
            prop_assert!(still, "a part makes a healthy position unhealthy");
        }
    }
    Ok(())
}

/// A lender of dust that clears it in parts, each at another time, gains nothing: rounded up, each
/// part would gain a unit. The position is due, so that it need not be unhealthy.
#[test]
fn parts_of_a_liquidation_gain_no_interest() {
    let acts = Acts {
        market: plain_market(),
        price: 10u128.pow(18),
        principal: 256,
        rate: 1,
        parts: Parts::new(),
        cover: 0,
    };
    let maturity = BEGIN + 1;
    let (mut judge, mut world, model) = stage(&acts, maturity);
    let mut state = State {
        collateral: 100_000,
        debt: 256,
        accrued: BEGIN,
    };
    let mut now = maturity + DAY + 1;
    let mut exact = Exact::new(256);
    let steps = 1_000u128;
    let mut taken = 0;
    for _ in 0..steps {
        world.snapshot(now, acts.price);
        let owed = model.claimed(state.debt, state.accrued, now);
        exact
            .pass(&model, [state.accrued, now], owed, Rounding::Down)
            .unwrap();
        let part = owed.div_ceil(256);
        let bonus = model.bonus(true, now).unwrap();
        let seized = Model::claim(acts.price, &Ratio::whole(part), bonus).floor();
        let index = world.snapshots.len() - 1;
        let before = state;
        let window = [now, now];
        assert!(judge.liquidates(&world, &model, before, (seized, owed - part), index, window));
        exact.clear(part);
        taken += part;
        state = State {
            collateral: state.collateral - seized,
            debt: owed - part,
            accrued: now,
        };
        now += 60;
    }
    // Some millionths of a unit are due in all this time.
    assert_eq!(taken, 256);
}

#[test]
fn a_borrower_gains_nothing_by_parts() {
    hold(CASES, acts(), a_borrower_saves_nothing);
    hold(CASES, acts(), a_borrower_releases_nothing_more);
}

#[test]
#[ignore = "long"]
fn a_borrower_gains_nothing_by_parts_long() {
    hold(CASES * LONG, acts(), a_borrower_saves_nothing);
    hold(CASES * LONG, acts(), a_borrower_releases_nothing_more);
}

#[test]
fn a_lender_gains_nothing_by_parts() {
    hold(CASES, acts(), a_lender_takes_nothing_more);
}

#[test]
#[ignore = "long"]
fn a_lender_gains_nothing_by_parts_long() {
    hold(CASES * LONG, acts(), a_lender_takes_nothing_more);
}
