//! A choice among snapshots gains no more than the prices of the admissible time differ.

use super::model::{Model, Ratio};
use super::world::{Attempt, History, Judge, State, Taken, World, histories};
use super::{LONG, hold};
use crate::witness::Step;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

const CASES: u32 = 60;

/// A history; 256ths of its batches before the position is made, its collateral in percent of what
/// the maintenance margin needs, and seconds from its start to maturity.
type Choice = (History, u8, u32, u64);

fn choices() -> impl Strategy<Value = Choice> {
    let maturity = prop_oneof![1u64..20_000, Just(1 << 30)];
    (histories(26), any::<u8>(), 50u32..160, maturity)
}

/// Returns the largest quotient of two prices of a time.
fn spread(world: &World, [from, to]: [u64; 2], price: fn(&Taken) -> u128) -> Ratio {
    let prices = || world.priced(from, to).map(price);
    let [least, most] = [prices().min(), prices().max()].map(|p| p.unwrap_or(1));
    Ratio::new(most, least)
}

fn a_choice_gains_no_more_than_prices_differ(choice: Choice) -> TestCaseResult {
    let (history, place, percent, life) = choice;
    let mut judge = Judge::new(history.principal, history.rate);
    let world = World::of(&history, judge.loan.market);
    prop_assume!(world.batches.len() > 1);
    let made = usize::from(place) * (world.batches.len() - 1) / 256;
    let start = world.batches[made].time;
    let model = judge.begin(&history.market, start, start + life);
    let typical = world.priced(0, u64::MAX).map(|s| s.high).min();
    prop_assume!(typical.is_some());
    let all = model.needed(typical.unwrap_or(1), history.principal, model.maintenance);
    prop_assume!(all > 0 && all < 1 << 120);
    let state = State {
        collateral: all / 100 * u128::from(percent) + all % 100,
        debt: history.principal,
        accrued: start,
    };
    for used in made..world.batches.len() {
        let now = world.batches[used].time;
        let Some(newest) = world.priced(0, now).last() else {
            continue;
        };
        if used == made {
            originations(&mut judge, &world, &model, used, newest)?;
            continue;
        }
        let window = [now.saturating_sub(model.max_age), now];
        let oldest = world.snapshots[world.batches[made].snapshot].time;
        // What the best price of all times would allow, which no choice may reach if it is old.
        let wishes = [
            world.priced(0, u64::MAX).map(|s| s.high).min().unwrap_or(1),
            world.priced(0, u64::MAX).map(|s| s.low).max().unwrap_or(1),
        ];
        for index in world.anchors(made, used) {
            let snapshot = &world.snapshots[index];
            if snapshot.high == 0 {
                continue;
            }
            let owed = model.claimed(state.debt, state.accrued, now);
            let well = model.covers(state.collateral, snapshot.high, owed, model.maintenance);
            let bonus = model.bonus(well, now);
            let claim = |price| {
                let claim = Model::claim(price, &Ratio::whole(owed), bonus.unwrap_or(0)).floor();
                claim.min(state.collateral)
            };
            let own = claim(snapshot.high);
            let fresh = now <= snapshot.time + model.max_age && snapshot.time >= start;
            let more = (own + 1).min(state.collateral);
            for seized in [own, more, claim(wishes[0])] {
                let expiry = now.max((snapshot.time + model.max_age).min(now + 600));
                let taken =
                    judge.liquidates(&world, &model, state, (seized, 0), index, [now, expiry]);
                if taken {
                    prop_assert!(snapshot.time >= window[0].max(oldest).max(start));
                    let factor = spread(&world, window, |s| s.high)
                        .times(&Ratio::new(10_000 + u32::from(model.bonus), 10_000u16));
                    let gain = Model::worth(seized, newest.high);
                    prop_assert!(gain <= Ratio::whole(owed).times(&factor));
                }
                prop_assert_eq!(taken, fresh && bonus.is_some() && seized <= own);
            }
            releases(&mut judge, &world, &model, index, (now, newest, wishes[1]))?;
        }
    }
    Ok(())
}

/// Tries to release what the best admissible price, and the best one ever, allow.
fn releases(
    judge: &mut Judge,
    world: &World,
    model: &Model,
    index: usize,
    (now, newest, wish): (u64, &Taken, u128),
) -> TestCaseResult {
    let state = State {
        collateral: 1 << 126,
        debt: judge.loan.principal,
        accrued: model.start,
    };
    let snapshot = &world.snapshots[index];
    let age = model.max_age.min(900);
    let end = snapshot.time + age;
    let mut expiries = vec![now, end, end + 1];
    expiries.retain(|time| *time >= now);
    for expiry in expiries {
        let owed = model.owed(state.debt, state.accrued, expiry);
        let [own, wished] = [snapshot.low, wish].map(|p| model.needed(p, owed, model.initial));
        let fresh = expiry <= end && snapshot.time >= model.start && expiry <= model.maturity;
        for left in [own, own.saturating_sub(1), wished] {
            if left >= state.collateral {
                continue;
            }
            let legal = judge.adjusts(world, model, state, [left, owed], Some(index), expiry);
            if legal {
                let window = [now.saturating_sub(age), now];
                secured(world, model, left, owed, newest.low, window)?;
            }
            prop_assert_eq!(legal, fresh && left >= own);
        }
    }
    Ok(())
}

/// Tries to originate with the thinnest collateral.
fn originations(
    judge: &mut Judge,
    world: &World,
    model: &Model,
    used: usize,
    newest: &Taken,
) -> TestCaseResult {
    let (start, principal) = (model.start, judge.loan.principal);
    let wish = world.priced(0, u64::MAX).map(|s| s.low).max().unwrap_or(1);
    for index in world.anchors(0, used) {
        let snapshot = &world.snapshots[index];
        if snapshot.low == 0 {
            continue;
        }
        let [own, wished] = [snapshot.low, wish].map(|p| model.needed(p, principal, model.initial));
        for collateral in [own, own.saturating_sub(1), wished] {
            let attempt = Attempt {
                step: Step::Open,
                before: State {
                    collateral: 0,
                    debt: principal,
                    accrued: start,
                },
                owed: principal,
                left: [collateral, principal],
                snapshot: Some(index),
                window: [0, start],
            };
            let legal = judge.judge(world, &attempt).is_ok();
            let fresh = start <= snapshot.time + model.max_age.min(900);
            if legal {
                let window = [start - model.max_age.min(900), start];
                secured(world, model, collateral, principal, newest.low, window)?;
            }
            prop_assert_eq!(legal, fresh && collateral >= own);
        }
    }
    Ok(())
}

/// Checks that the collateral is worth at least the initial margin, divided by the largest quotient
/// of two low prices of the time.
fn secured(
    world: &World,
    model: &Model,
    collateral: u128,
    debt: u128,
    newest: u128,
    window: [u64; 2],
) -> TestCaseResult {
    let counted = Ratio::new(10_000 - u32::from(model.haircut), 10_000u16);
    let value = Model::worth(collateral, newest).times(&counted);
    let required = Ratio::whole(debt).times(&Ratio::new(model.initial, 10_000u16));
    prop_assert!(value.times(&spread(world, window, |s| s.low)) >= required);
    Ok(())
}

#[test]
fn a_choice_among_snapshots_gains_no_more_than_their_prices_differ() {
    hold(CASES, choices(), a_choice_gains_no_more_than_prices_differ);
}

#[test]
#[ignore = "long"]
fn a_choice_among_snapshots_gains_no_more_than_their_prices_differ_long() {
    hold(
        CASES * LONG,
        choices(),
        a_choice_gains_no_more_than_prices_differ,
    );
}
