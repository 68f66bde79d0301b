//! Whoever can be liquidated and has a live lender is liquidated within a stated time.

use super::model::{DAY, Model, Ratio};
use super::world::{
    BEGIN, History, INTERVAL, Judge, PRICE_LAG, State, World, histories, plain_market,
};
use super::{LONG, hold};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

const CASES: u32 = 30;

/// A fall of the price for good, after a history.
#[derive(Clone, Debug)]
struct Fall {
    history: History,
    /// Basis points.
    depth: u32,
    /// Most seconds by which a snapshot is later than L1 would take it.
    delay: u64,
    /// Most seconds between two batches.
    interval: u64,
    /// In turn, 255ths of `delay` and of the half of `interval` that may pass or not, and whether a
    /// batch takes the oldest snapshot that it may.
    pace: Vec<(u8, u8, bool)>,
    /// Basis points by which the price falls further, and most steps for which the borrower pays.
    more: u32,
    dodges: u32,
}

fn falls() -> impl Strategy<Value = Fall> {
    let pace = (any::<u8>(), any::<u8>(), prop::bool::weighted(0.8));
    let pace = prop::collection::vec(pace, 1..12);
    let numbers = (50u32..6_000, 0u64..=60, 60u64..600, 0u32..2_000, 0u32..12);
    (histories(20), numbers, pace).prop_map(
        |(mut history, (depth, delay, interval, more, dodges), pace)| {
            history.maximum_move = history.maximum_move.max(50);
            // Interest of a year is below the debt, so that a step improves by more than it.
            history.rate %= 1_000_000;
            let live = PRICE_LAG + INTERVAL + delay + 2 * interval;
            history.market.max_age = history.market.max_age.max(live as u32 + 1);
            Fall {
                history,
                depth,
                delay,
                interval,
                pace,
                more,
                dodges,
            }
        },
    )
}

/// Returns the most samples until a sample is at most `target`, each a maximum move of five minutes
/// below the last one.
fn samples(mut last: u128, target: u128, maximum_move: u16) -> u64 {
    let left = 10_000u128.saturating_sub(5 * u128::from(maximum_move));
    let mut count = 1;
    while last * left / 10_000 > target {
        last = last * left / 10_000;
        count += 1;
    }
    count
}

/// Time on L1 from a fall on: snapshots and batches as they come.
struct Clock {
    fall: Fall,
    spot: u128,
    snapshot: u64,
    batch: u64,
    turns: usize,
}

impl Clock {
    fn pace(&mut self) -> (u64, u64, bool) {
        let (late, slow, lags) = self.fall.pace[self.turns % self.fall.pace.len()];
        self.turns += 1;
        let delay = self.fall.delay * u64::from(late) / 255;
        let interval = self.fall.interval * (255 + u64::from(slow)) / 510;
        (delay, interval, lags)
    }

    /// Takes the snapshots until the next batch, and the batch. Returns its time.
    fn next(&mut self, world: &mut World) -> u64 {
        while self.snapshot <= self.batch {
            world.snapshot(self.snapshot, self.spot);
            self.snapshot += INTERVAL + self.pace().0;
        }
        let time = self.batch;
        let (_, interval, lags) = self.pace();
        world.batch(time, lags);
        self.batch += interval;
        time
    }
}

/// Whether the lender has a legal step for the batch that comes: made after the one before, with
/// one of the newest anchors that it or an older one has left.
fn lender_acts(
    judge: &mut Judge,
    world: &World,
    model: &Model,
    state: State,
    made: usize,
    next: u64,
) -> bool {
    let last = world.batches.len() - 2;
    let begin = world.batches[last].time;
    let mut newest = world.anchors(made, last).into_iter().rev().take(4);
    newest.any(|index| {
        let end = world.snapshots[index].time + model.max_age;
        end >= next && judge.liquidates(world, model, state, (0, 0), index, [begin, end])
    })
}

/// Whether a step is legal that changes nothing: a borrower would move its position with it, so
/// that a step of the lender no longer fits.
fn moves_for_nothing(
    judge: &mut Judge,
    world: &World,
    model: &Model,
    state: State,
    made: usize,
) -> Option<State> {
    let used = world.batches.len() - 1;
    let now = world.batches[used].time;
    for index in world.anchors(made, used) {
        let owed = model.owed(state.debt, state.accrued, now);
        let left = [state.collateral, owed];
        if judge.adjusts(world, model, state, left, Some(index), now) {
            return Some(State {
                debt: owed,
                accrued: state.accrued.max(now),
                ..state
            });
        }
    }
    None
}

fn the_unhealthy_are_liquidated(fall: Fall) -> TestCaseResult {
    let history = &fall.history;
    let mut judge = Judge::new(history.principal, history.rate);
    let mut world = World::of(history, judge.loan.market);
    if world.batches.is_empty() {
        world.batch(world.snapshots[world.snapshots.len() - 1].time, false);
    }
    let mut made = world.batches.len() / 2;
    let start = world.batches[made].time;
    let model = judge.begin(&history.market, start, start + (1 << 30));

    let shot = world.snapshots[world.snapshots.len() - 1].time;
    let begin = shot.max(world.batches[world.batches.len() - 1].time) + 7;
    let price = (world.spot * u128::from(10_000 - fall.depth) / 10_000).max(1);
    let owed = model.claimed(history.principal, start, begin);
    let needed = model.needed(price, owed, model.maintenance);
    prop_assume!(needed > 1_000 && needed < 1 << 120);
    // Just unhealthy, or by more: then a borrower has more steps.
    let collateral = needed - 1 - needed / 10_000 * u128::from(fall.more);
    let mut state = State {
        collateral: collateral.max(1),
        debt: history.principal,
        accrued: start,
    };
    let count = samples(world.oracle.last(), price, history.maximum_move) + 2;
    let reference = count * (300 + INTERVAL - 1 + fall.delay) + INTERVAL + fall.delay;
    let bound = begin + reference + PRICE_LAG + 2 * fall.interval + 1;
    // From here on no batch has a snapshot from before the fall.
    let fallen = begin + INTERVAL + fall.delay + PRICE_LAG;
    let (interval, dodges) = (fall.interval, fall.dodges);
    let mut clock = Clock {
        spot: price,
        snapshot: begin.max(shot + INTERVAL) + fall.delay,
        batch: begin + fall.interval,
        turns: 0,
        fall,
    };
    let (mut free, mut paid) = (0, 0);
    loop {
        let now = clock.next(&mut world);
        let steps = u64::from(free + paid);
        if !lender_acts(&mut judge, &world, &model, state, made, now) {
            let owed = model.claimed(state.debt, state.accrued, now);
            if now > bound && model.covers(state.collateral, price, owed, model.maintenance) {
                // The borrower has paid for its health.
                prop_assert!(paid > 0);
                return Ok(());
            }
            prop_assert!(
                now <= bound + steps * interval,
                "no liquidation {} s after the fall, {} after the bound",
                now - begin,
                now - bound
            );
            continue;
        }
        // The borrower's step comes first. One that costs nothing needs an old price.
        if let Some(moved) = moves_for_nothing(&mut judge, &world, &model, state, made) {
            if now > fallen {
                free += 1;
                prop_assert!(free <= 1, "the borrower moves its position for nothing");
            }
            (state, made) = (moved, world.batches.len() - 1);
            continue;
        }
        let owed = model.owed(state.debt, state.accrued, now);
        let [adds, repays] = [state.collateral, owed].map(|whole| whole.div_ceil(256));
        let mut adjusts =
            |collateral, debt| judge.adjusts(&world, &model, state, [collateral, debt], None, now);
        prop_assert!(!adjusts(state.collateral + adds - 1, owed));
        prop_assert!(!adjusts(state.collateral, owed - repays + 1));
        if paid == dodges {
            prop_assert!(now <= bound + (steps + 1) * interval);
            return Ok(());
        }
        let improved = if paid % 2 == 0 {
            [state.collateral + adds, owed]
        } else {
            [state.collateral, owed - repays]
        };
        prop_assert!(adjusts(improved[0], improved[1]));
        let before = Model::worth(state.collateral, price).over(&Ratio::whole(owed));
        state = State {
            collateral: improved[0],
            debt: improved[1],
            accrued: state.accrued.max(now),
        };
        if state.debt == 0 {
            return Ok(());
        }
        let after = Model::worth(state.collateral, price);
        let after = after.over(&Ratio::whole(state.debt));
        prop_assert!(after >= before.times(&Ratio::new(257u16, 256u16)));
        made = world.batches.len() - 1;
        paid += 1;
    }
}

/// A healthy loan is due for its lender in the first second after the day, at any price that L1
/// has.
#[test]
fn an_overdue_loan_is_liquidated_in_the_first_batch_after_the_day() {
    let market = plain_market();
    let mut judge = Judge::new(1_000_000, 50_000);
    let mut world = World::new(market, judge.loan.market, 100, 1 << 70);
    let due = BEGIN + 1_000;
    let model = judge.begin(&market, BEGIN - 10, due - DAY - 1);
    let state = State {
        collateral: 1 << 90,
        debt: 1_000_000,
        accrued: BEGIN - 10,
    };
    world.snapshot(BEGIN, 1 << 70);
    let owed = model.claimed(state.debt, state.accrued, due);
    let most = Model::claim(1 << 70, &Ratio::whole(owed), 0).floor();
    let mut takes =
        |seized, time| judge.liquidates(&world, &model, state, (seized, 0), 0, [time, due + 600]);
    assert!(!takes(0, due - 1));
    assert!(takes(most, due));
    assert!(!takes(most + 1, due));
}

#[test]
fn who_can_be_liquidated_is_liquidated_in_time() {
    hold(CASES, falls(), the_unhealthy_are_liquidated);
}

#[test]
#[ignore = "long"]
fn who_can_be_liquidated_is_liquidated_in_time_long() {
    hold(CASES * LONG, falls(), the_unhealthy_are_liquidated);
}
