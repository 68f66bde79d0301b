//! Stops of seizures: T34.

use super::Forger;
use super::loan::{SPENDS, planned, step};
use crate::Rule;
use crate::samples::LoanCase;
use crate::witness::Step;
use ark_bn254::Fr;
use ark_ff::One;
use subrosa_protocol::asset::Stop;
use subrosa_protocol::layout::asset;

impl Forger {
    /// Returns number of the market and time of the snapshot.
    fn market_and_time(&self) -> (u8, u64) {
        let step = self.witness.loan.as_ref().unwrap();
        (
            step.loan.market,
            step.snapshot.as_ref().map_or(0, |s| s.time),
        )
    }

    /// Puts a stop into the leaf of the asset of input 0.
    fn stop(&mut self, stop: Stop) -> &mut Self {
        let slot = usize::from(self.witness.input_slots[0]);
        self.witness.slots[slot].info.stop = stop;
        self.register().reseal()
    }
}

/// Returns the minute of Unix time that has this second.
fn minute_of(time: u64) -> u32 {
    u32::try_from(time / 60).unwrap()
}

const LIQUIDATIONS: [LoanCase; 2] = [LoanCase::Liquidate, LoanCase::Overdue];

#[test]
fn t34_no_liquidation_at_a_stopped_price() {
    for case in LIQUIDATIONS {
        let (market, time) = step(case).market_and_time();
        let minute = minute_of(time);
        let stop = |from_minute: u32, minutes: u16| Stop {
            markets: 1 << market,
            from_minute,
            minutes,
        };
        let last = (1 << asset::STOP_FROM.width) - 1;
        for stop in [
            stop(minute, 0),
            stop(minute, 1),
            stop(minute - 1, 1),
            stop(minute - 8_191, 8_191),
            stop(minute - 8_191, 8_190),
            stop(0, 0),
            stop(last, 8_191),
        ] {
            let mut forger = step(case);
            forger.stop(stop);
            if stop.forbids(market, time) {
                forger.breaks_only(Rule::T34);
            } else {
                forger.holds();
            }
        }
        // Seconds beside full minutes count as themselves.
        for (offset, begin, minutes) in [(1, 0, 0), (1, 0, 1), (59, 0, 1), (59, 1, 1), (-1, 0, 9)] {
            let time = time.saturating_add_signed(offset);
            let stop = stop(minute + begin, minutes);
            let mut forger = planned(case, |plan| plan.prices().time = time);
            forger.stop(stop);
            if stop.forbids(market, time) {
                forger.breaks_only(Rule::T34);
            } else {
                forger.holds();
            }
        }
        // Just before and just after; markets beside it.
        step(case).stop(stop(minute + 1, 100)).holds();
        step(case).stop(stop(minute - 2, 1)).holds();
        let others = Stop {
            markets: !(1 << market),
            ..stop(minute, 10)
        };
        step(case).stop(others).holds();
        let all = Stop {
            markets: u16::MAX,
            ..others
        };
        step(case).stop(all).breaks_only(Rule::T34);
    }
}

#[test]
fn t34_stops_no_step_of_the_borrower() {
    let always = Stop {
        markets: u16::MAX,
        from_minute: 0,
        minutes: 8_191,
    };
    for case in SPENDS.into_iter().chain([LoanCase::Open, LoanCase::Renew]) {
        let mut forger = step(case);
        let (_, time) = forger.market_and_time();
        forger.stop(Stop {
            from_minute: minute_of(time).saturating_sub(2),
            ..always
        });
        let liquidates = forger.witness.loan.as_ref().unwrap().step == Step::Liquidate;
        if liquidates {
            forger.breaks_only(Rule::T34);
        } else {
            forger.holds();
        }
    }
}

#[test]
fn t34_the_stop_is_the_leafs() {
    let stopped = |case| {
        let mut forger = step(case);
        let (market, time) = forger.market_and_time();
        forger.stop(Stop {
            markets: 1 << market,
            from_minute: minute_of(time) - 1,
            minutes: 2,
        });
        forger
    };
    for case in LIQUIDATIONS {
        // Another word under the same leaf: less is stopped.
        stopped(case).includes_on_wires(
            |raw| {
                let above = asset::STOP_MARKETS.offset - asset::TOKEN.offset;
                for slot in &mut raw.slots {
                    slot.rest = crate::gadgets::range::cut(slot.rest, 0, above);
                }
            },
            Rule::T8,
        );
        // The time is claimed to be before the stop, though it is within.
        stopped(case).breaks_on_wires(|raw| raw.loan.earlier = Fr::one(), &[Rule::T34]);
        stopped(case).breaks_on_wires(|raw| raw.loan.earlier = Fr::from(2u64), &[Rule::T34]);
    }
}
