//! Whoever is healthy is left alone until a day after maturity.

use super::model::DAY;
use super::world::{
    Attempt, BEGIN, History, INTERVAL, Judge, State, Taken, World, histories, plain_market,
};
use super::{LONG, hold};
use crate::Rule;
use crate::witness::Step;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

const CASES: u32 = 60;

/// A history; 256ths of its batches before the position is made, seconds between that batch and the
/// loan's start, and thousandths of the whole time until maturity.
type Life = (History, u8, u64, u64);

fn lives() -> impl Strategy<Value = Life> {
    (histories(26), any::<u8>(), 0u64..=900, 0u64..1_500)
}

/// A position whose collateral just covers its debt by the maintenance margin, at the high price of
/// each snapshot since the loan's start and with the interest until the snapshot is too old: no
/// choice of anchor, times and amounts liquidates it. With one unit less, exactly the choices
/// liquidate it at which the model says that it is not healthy.
fn the_healthy_are_left_alone((history, place, wait, part): Life) -> TestCaseResult {
    let mut judge = Judge::new(history.principal, history.rate);
    let world = World::of(&history, judge.loan.market);
    prop_assume!(world.batches.len() > 1);
    let made = usize::from(place) * (world.batches.len() - 1) / 256;
    let [first, last] = [made, world.batches.len() - 1].map(|i| world.batches[i].time);
    let start = first + wait;
    let maturity = start + 1 + (last.saturating_sub(start) + 2 * DAY) * part / 1_000;
    let model = judge.begin(&history.market, start, maturity);
    let owed = |time| model.claimed(history.principal, start, time);
    let needs = |snapshot: &Taken| {
        let time = last.min(snapshot.time + model.max_age);
        model.needed(snapshot.high, owed(time), model.maintenance)
    };
    let collateral = world.priced(start, last).map(needs).max();
    prop_assume!(collateral.is_some_and(|c| c > 1 && c < 1 << 126));
    let healthy = State {
        collateral: collateral.unwrap_or(0),
        debt: history.principal,
        accrued: start,
    };
    let thin = State {
        collateral: healthy.collateral - 1,
        ..healthy
    };
    for used in made + 1..world.batches.len() {
        let now = world.batches[used].time;
        for index in world.anchors(made, used) {
            let snapshot = &world.snapshots[index];
            let end = snapshot.time + model.max_age;
            let mut begins = vec![now, now.min(end), start, maturity + DAY, maturity + DAY + 1];
            begins.retain(|time| *time <= now);
            begins.sort_unstable();
            begins.dedup();
            for begin in begins {
                let usable = snapshot.high != 0 && snapshot.time >= start && now <= end;
                let owed = owed(begin);
                let overdue = begin > maturity + DAY;
                let mut try_on = |state, seized, debt, expiry| {
                    judge.liquidates(
                        &world,
                        &model,
                        state,
                        (seized, debt),
                        index,
                        [begin, expiry],
                    )
                };
                // All is cleared and nothing taken: if this is refused, everything is.
                let spared = try_on(healthy, 0, 0, now);
                prop_assert_eq!(spared, usable && overdue, "healthy, at {}", begin);
                if !overdue {
                    prop_assert!(!try_on(healthy, 1, owed - owed.div_ceil(256), now));
                    prop_assert!(!try_on(healthy, healthy.collateral, 0, end.max(now)));
                }
                let well = model.covers(thin.collateral, snapshot.high, owed, model.maintenance);
                let expected = usable && (overdue || !well);
                prop_assert_eq!(try_on(thin, 0, 0, now), expected, "thin, at {}", begin);
            }
        }
    }
    Ok(())
}

/// Borrowers who take the thinnest collateral that a choice of theirs allows are not liquidated
/// before a snapshot of the loan's time says that they are not healthy.
fn an_origination_is_not_its_own_undoing((history, place, _, part): Life) -> TestCaseResult {
    let mut judge = Judge::new(history.principal, history.rate);
    let world = World::of(&history, judge.loan.market);
    prop_assume!(world.batches.len() > 1);
    let made = usize::from(place) * (world.batches.len() - 1) / 256;
    let now = world.batches[made].time;
    let last = world.batches[world.batches.len() - 1].time;
    // The borrower's cash is old: every anchor so far will do.
    let mut best: Option<State> = None;
    for index in world.anchors(0, made) {
        let snapshot = &world.snapshots[index];
        let start = now.max(snapshot.time + u64::from(history.market.max_age).min(900));
        let maturity = start + 1 + part * 600;
        let model = judge.begin(&history.market, start, maturity);
        if snapshot.low == 0 {
            continue;
        }
        let thinnest = model.needed(snapshot.low, history.principal, model.initial);
        prop_assume!(thinnest < 1 << 126);
        let mut opens = |collateral| {
            let state = State {
                collateral,
                debt: history.principal,
                accrued: start,
            };
            let attempt = Attempt {
                step: Step::Open,
                before: state,
                owed: history.principal,
                left: [collateral, history.principal],
                snapshot: Some(index),
                window: [0, start],
            };
            judge.judge(&world, &attempt).is_ok().then_some(state)
        };
        prop_assert!(opens(thinnest.saturating_sub(1)).is_none() || thinnest == 0);
        if let Some(state) = opens(thinnest) {
            prop_assert!(
                now <= snapshot.time + 900,
                "the price is older than 15 minutes"
            );
            if best.is_none_or(|best| state.collateral < best.collateral) {
                best = Some(state);
            }
        }
    }
    let Some(state) = best else {
        return Ok(());
    };
    let model = judge.begin(
        &history.market,
        state.accrued,
        state.accrued + 1 + part * 600,
    );
    for used in made + 1..world.batches.len() {
        let now = world.batches[used].time;
        for index in world.anchors(made, used) {
            if !judge.liquidates(&world, &model, state, (0, 0), index, [now, now]) {
                continue;
            }
            let ill = |s: &Taken| {
                let owed =
                    model.claimed(state.debt, state.accrued, now.min(s.time + model.max_age));
                !model.covers(state.collateral, s.high, owed, model.maintenance)
            };
            let reason = world.priced(model.start, last).any(ill) || now > model.maturity + DAY;
            prop_assert!(reason, "a healthy loan was liquidated");
        }
    }
    Ok(())
}

/// Seconds between the snapshots of a wrong feed, with their answers in 256ths of the right price;
/// basis points of the maximum move.
type Fault = (Vec<(u64, u16)>, u16);

fn faults() -> impl Strategy<Value = Fault> {
    let answer = prop_oneof![1 => Just(0u16), 3 => 1u16..256, 2 => 256u16..60_000];
    let answer = (INTERVAL..200, answer);
    (prop::collection::vec(answer, 1..10), 1u16..600)
}

/// A feed that is wrong for less than ten minutes neither lets a lender liquidate whom the right
/// price covers, nor a borrower borrow more than it allows.
fn a_short_fault_costs_nobody((answers, maximum_move): Fault) -> TestCaseResult {
    let market = plain_market();
    let mut judge = Judge::new(1_000_000_007, 0);
    let price = 3_000_000_000_000_000_000;
    let mut world = World::new(market, judge.loan.market, maximum_move, price);
    let mut now = BEGIN;
    // Twenty minutes, and the time since the last sample, as the faults have it.
    for _ in 0..20 + answers[0].0 % 5 {
        now += INTERVAL;
        world.snapshot(now, price);
    }
    let start = now;
    let mut wrong = 0;
    for (gap, answer) in &answers {
        if wrong + gap + INTERVAL >= 600 {
            break;
        }
        // The fault begins with its first snapshot.
        wrong += if now == start { 0 } else { *gap };
        now += gap;
        world.snapshot(now, price / 256 * u128::from(*answer));
    }
    for _ in 0..30 {
        now += INTERVAL;
        world.snapshot(now, price);
    }
    let model = judge.begin(&market, start, now + 1_000_000);
    let debt = judge.loan.principal;
    let state = |margin| State {
        collateral: model.needed(price, debt, margin),
        debt,
        accrued: start,
    };
    for (index, snapshot) in world.snapshots.iter().enumerate() {
        let time = snapshot.time;
        let healthy = state(model.maintenance);
        let liquidated = judge.liquidates(&world, &model, healthy, (0, 0), index, [time, time]);
        prop_assert!(!liquidated, "liquidated at {}", time - start);
        let thin = state(model.initial);
        let left = [thin.collateral - 1, debt];
        let released = judge.adjusts(&world, &model, thin, left, Some(index), time);
        prop_assert!(!released, "released at {}", time - start);
    }
    Ok(())
}

/// A lender takes a collateral without a price only after ninety days, and only if a snapshot of
/// the last day says so.
#[test]
fn a_lapse_needs_ninety_days_and_a_snapshot_of_the_last_one() {
    let (maturity, day) = (1_999_000_000 + 1, DAY);
    let lapse = maturity + 90 * day;
    let market = plain_market();
    let mut judge = Judge::new(1_000_000, 50_000);
    let mut world = World::new(market, judge.loan.market, 100, 1 << 60);
    let model = judge.begin(&market, 1_990_000_000, maturity);
    let state = State {
        collateral: 5_000_000,
        debt: 1_000_000,
        accrued: model.start,
    };
    world.snapshot(lapse - 100, 0);
    world.snapshot(lapse - 40, 1 << 60);
    world.snapshot(lapse + day, 1 << 60);
    let mut attempt = |index, begin, expiry, seized, debt| {
        let attempt = Attempt {
            step: Step::Liquidate,
            before: state,
            owed: model.claimed(state.debt, state.accrued, begin),
            left: [state.collateral - seized, debt],
            snapshot: Some(index),
            window: [begin, expiry],
        };
        judge.judge(&world, &attempt)
    };
    let all = state.collateral;
    let end = lapse - 100 + day;
    // A newer snapshot with a price does not undo the one without.
    assert_eq!(attempt(0, lapse + 1, lapse + 1, all, 0), Ok(()));
    assert_eq!(attempt(0, lapse + 1, end, all, 0), Ok(()));
    assert_eq!(attempt(0, lapse + 1, end + 1, all, 0), Err(Rule::T17));
    assert_eq!(attempt(0, lapse, lapse, all, 0), Err(Rule::T17));
    assert_eq!(attempt(0, lapse + 1, lapse + 1, all, 1), Err(Rule::T32));
    // A price bounds what the lender takes.
    let late = lapse + day;
    assert_eq!(attempt(2, late, late, all, 0), Err(Rule::T32));
}

#[test]
fn who_is_healthy_at_every_snapshot_is_left_alone() {
    hold(CASES, lives(), the_healthy_are_left_alone);
}

#[test]
#[ignore = "long"]
fn who_is_healthy_at_every_snapshot_is_left_alone_long() {
    hold(CASES * LONG, lives(), the_healthy_are_left_alone);
}

#[test]
fn no_loan_is_ill_by_the_prices_of_its_origination() {
    hold(CASES, lives(), an_origination_is_not_its_own_undoing);
}

#[test]
#[ignore = "long"]
fn no_loan_is_ill_by_the_prices_of_its_origination_long() {
    hold(CASES * LONG, lives(), an_origination_is_not_its_own_undoing);
}

#[test]
fn a_feed_that_is_wrong_for_less_than_ten_minutes_costs_nobody() {
    hold(CASES, faults(), a_short_fault_costs_nobody);
}

#[test]
#[ignore = "long"]
fn a_feed_that_is_wrong_for_less_than_ten_minutes_costs_nobody_long() {
    hold(CASES * LONG, faults(), a_short_fault_costs_nobody);
}
