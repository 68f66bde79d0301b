//! Histories of prices, snapshots and batches, and the judge of steps.

use super::model::Model;
use super::oracle::Oracle;
use crate::Rule;
use crate::parts::loan::check_step;
use crate::samples::{LoanCase, Plan};
use crate::tests::rng;
use crate::witness::{LoanWitness, Step, Witness};
use crate::words::Fields;
use ark_bn254::Fr;
use proptest::prelude::*;
use subrosa_protocol::loan::{Debt, Loan, Position, step_keys};
use subrosa_protocol::market::{Market, Markets, PriceSnapshot};
use subrosa_protocol::note::{self, NoteClass};
use subrosa_protocol::transaction::Kind;

/// Time of the first snapshot.
pub(super) const BEGIN: u64 = 2_000_000_000;

/// Least seconds between two snapshots.
pub(super) const INTERVAL: u64 = 60;

/// Most seconds since a batch's snapshot was superseded.
pub(super) const PRICE_LAG: u64 = 600;

/// Change of the spot price.
#[derive(Clone, Debug)]
pub(super) enum Feed {
    Steady,
    /// Basis points by which it moves for good.
    Move(i16),
    /// Basis points by which one snapshot is wrong.
    Glitch(i16),
    /// One snapshot without a usable answer.
    Outage,
}

/// One snapshot, and perhaps a batch before the next one.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Seconds since the last snapshot.
    pub(super) gap: u64,
    pub(super) feed: Feed,
    /// Part of the time until the next snapshot, in 256ths, and whether the batch takes the oldest
    /// admissible snapshot instead of the newest.
    pub(super) batch: Option<(u8, bool)>,
}

/// Everything that happens on L1, with a loan's terms.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) market: Market,
    pub(super) maximum_move: u16,
    pub(super) price: u128,
    pub(super) principal: u128,
    pub(super) rate: u32,
    pub(super) events: Vec<Event>,
}

fn arb_event() -> impl Strategy<Value = Event> {
    let gap = prop_oneof![
        8 => INTERVAL..240,
        3 => 240u64..1_200,
        1 => 1_200u64..50_000,
    ];
    let feed = prop_oneof![
        5 => Just(Feed::Steady),
        4 => (-300i16..300).prop_map(Feed::Move),
        1 => (-6_000i16..6_000).prop_map(Feed::Move),
        2 => (-9_000i16..20_000).prop_map(Feed::Glitch),
        1 => Just(Feed::Outage),
    ];
    let batch = prop::option::weighted(0.6, (any::<u8>(), any::<bool>()));
    (gap, feed, batch).prop_map(|(gap, feed, batch)| Event { gap, feed, batch })
}

fn arb_market() -> impl Strategy<Value = Market> {
    let ages = prop_oneof![60u32..1_200, 1_200u32..86_400];
    (0u16..3_000, 0u32..4_000, 100u32..4_000, 0u16..=2_000, ages).prop_map(
        |(haircut, above, more, bonus, max_age)| {
            // The bounds of L1.
            let least = (10_000 + u32::from(bonus)) * (10_000 - u32::from(haircut));
            let maintenance = least.div_ceil(10_000).max(10_000) + above;
            Market {
                collateral: crate::samples::SAMPLE_ASSETS[1],
                debt: crate::samples::SAMPLE_ASSETS[2],
                haircut,
                initial: (maintenance * 101).div_ceil(100) + more - 100,
                maintenance,
                bonus,
                max_age,
            }
        },
    )
}

/// Returns a market for tests of single numbers.
pub(super) fn plain_market() -> Market {
    Market {
        collateral: crate::samples::SAMPLE_ASSETS[1],
        debt: crate::samples::SAMPLE_ASSETS[2],
        haircut: 500,
        initial: 12_500,
        maintenance: 11_000,
        bonus: 500,
        max_age: 3_600,
    }
}

/// Returns an amount with so many bits at most.
fn amount(bits: u32, fraction: u32) -> u128 {
    (((1u128 << bits) * u128::from(fraction)) >> 32).max(1)
}

/// Returns histories of at most so many snapshots.
pub(super) fn histories(events: usize) -> impl Strategy<Value = History> {
    let sizes = (20u32..90, any::<u32>(), 1u32..90, any::<u32>());
    // Up to eight times a debt in a year.
    let rate = prop_oneof![Just(0u32), 1u32..300_000, 300_000u32..8_000_000];
    let list = prop::collection::vec(arb_event(), 6..events);
    (arb_market(), 1u16..600, sizes, rate, list).prop_map(
        |(market, maximum_move, (bits, part, wide, whole), rate, events)| History {
            market,
            maximum_move,
            price: amount(bits, part | 1 << 31),
            // The collateral must fit its width.
            principal: amount(wide.min(bits + 40), whole),
            rate,
            events,
        },
    )
}

/// Snapshot that L1 has recorded.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) time: u64,
    pub(super) low: u128,
    pub(super) high: u128,
    whole: PriceSnapshot,
    digest: Fr,
}

/// A batch and the index of its snapshot. Its two anchors hold that snapshot, one with the note
/// root before its transactions and one with the root after them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) time: u64,
    pub(super) snapshot: usize,
}

/// Everything that L1 has recorded.
pub(super) struct World {
    pub(super) snapshots: Vec<Taken>,
    pub(super) batches: Vec<Batch>,
    pub(super) oracle: Oracle,
    pub(super) spot: u128,
    market: Market,
    id: u8,
}

impl World {
    pub(super) fn new(market: Market, id: u8, maximum_move: u16, price: u128) -> Self {
        Self {
            snapshots: Vec::new(),
            batches: Vec::new(),
            oracle: Oracle::new(maximum_move),
            spot: price,
            market,
            id,
        }
    }

    /// Plays a history.
    pub(super) fn of(history: &History, id: u8) -> Self {
        let mut world = Self::new(history.market, id, history.maximum_move, history.price);
        world.play(&history.events, history.price);
        world
    }

    fn play(&mut self, events: &[Event], scale: u128) {
        let moved = |price: u128, points: i16| {
            let factor = u128::from((10_000 + i32::from(points)).unsigned_abs());
            (price * factor / 10_000).clamp(scale / 50 + 1, scale * 50)
        };
        let mut now = BEGIN;
        for (i, event) in events.iter().enumerate() {
            now += event.gap;
            let answer = match event.feed {
                Feed::Steady => self.spot,
                Feed::Move(points) => {
                    self.spot = moved(self.spot, points);
                    self.spot
                }
                Feed::Glitch(points) => moved(self.spot, points),
                Feed::Outage => 0,
            };
            self.snapshot(now, answer);
            let next = events.get(i + 1).map_or(600, |event| event.gap);
            if let Some((part, lags)) = event.batch {
                self.batch(now + next * u64::from(part) / 256, lags);
            }
        }
    }

    /// Takes a snapshot at least a minute after the last one.
    pub(super) fn snapshot(&mut self, time: u64, spot: u128) {
        let previous = self.snapshots.last().map_or(0, |last| last.time);
        assert!(time >= previous + INTERVAL, "L1 takes no snapshot so early");
        let price = self.oracle.snapshot(time, spot);
        let mut whole = PriceSnapshot {
            time,
            previous,
            markets: Markets::default(),
            prices: Default::default(),
        };
        whole.markets.0[usize::from(self.id)] = Some(self.market);
        whole.prices[usize::from(self.id)] = price;
        self.snapshots.push(Taken {
            time,
            low: price.low,
            high: price.high,
            digest: whole.digest(),
            whole,
        });
    }

    /// Settles a batch with the newest snapshot, or with the oldest that L1 accepts.
    pub(super) fn batch(&mut self, time: u64, lags: bool) {
        let newest = self.snapshots.len() - 1;
        let oldest = self.batches.last().map_or(0, |batch| batch.snapshot);
        let admissible = |j: &usize| {
            let next = self.snapshots.get(j + 1);
            next.is_none_or(|next| next.time + PRICE_LAG >= time)
        };
        let snapshot = if lags {
            (oldest..=newest).find(admissible).unwrap_or(newest)
        } else {
            newest
        };
        self.batches.push(Batch { time, snapshot });
    }

    /// Returns the snapshots in the anchors that hold what batch `made` has made, for a
    /// transaction of batch `used`.
    pub(super) fn anchors(&self, made: usize, used: usize) -> Vec<usize> {
        let batches = &self.batches[made..=used];
        let mut list: Vec<usize> = batches.iter().map(|batch| batch.snapshot).collect();
        list.dedup();
        list
    }

    /// Returns the snapshots that L1 took from one time to another and that have a price.
    pub(super) fn priced(&self, from: u64, to: u64) -> impl Iterator<Item = &Taken> {
        self.snapshots
            .iter()
            .filter(move |s| s.low != 0 && s.time >= from && s.time <= to)
    }
}

/// State of a position: collateral, debt and the time to which it is accrued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) collateral: u128,
    pub(super) debt: u128,
    pub(super) accrued: u64,
}

/// Step to try. The actor claims what is owed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) step: Step,
    pub(super) before: State,
    pub(super) owed: u128,
    /// Collateral and debt after the step.
    pub(super) left: [u128; 2],
    /// Index of the snapshot in the anchor.
    pub(super) snapshot: Option<usize>,
    /// `not before` and expiry.
    pub(super) window: [u64; 2],
}

/// The code's native rules, for steps on one loan.
pub(super) struct Judge {
    pub(super) loan: Loan,
    opens: Witness,
    moves: Witness,
    leg: Kind,
}

impl Judge {
    pub(super) fn new(principal: u128, rate: u32) -> Self {
        let plan = Plan::new(LoanCase::Open, &mut rng(1));
        let (mut loan, leg) = (plan.loan.clone(), Kind::leg(plan.side));
        let opens = plan.sample(&mut rng(2)).witness.clone();
        let moves = Plan::new(LoanCase::Release, &mut rng(1)).sample(&mut rng(2));
        (loan.principal, loan.rate) = (principal, rate);
        Self {
            loan,
            opens,
            moves: moves.witness.clone(),
            leg,
        }
    }

    /// Sets start and maturity, and returns the model of the loan.
    pub(super) fn begin(&mut self, market: &Market, start: u64, maturity: u64) -> Model {
        (self.loan.start, self.loan.maturity) = (start, maturity);
        Model {
            haircut: market.haircut,
            initial: market.initial,
            maintenance: market.maintenance,
            bonus: market.bonus,
            max_age: market.max_age.into(),
            rate: self.loan.rate,
            start,
            maturity,
        }
    }

    /// Asks the rules whether a step is legal.
    pub(super) fn judge(&mut self, world: &World, attempt: &Attempt) -> Result<(), Rule> {
        let Attempt {
            step,
            before,
            left: [collateral, debt],
            window: [not_before, expiry],
            ..
        } = *attempt;
        let (opens, liquidates) = (step == Step::Open, step == Step::Liquidate);
        let loan = &self.loan;
        let time = if liquidates { not_before } else { expiry };
        let state = |amount, accrued, sequence| Debt {
            amount,
            accrued,
            sequence,
        };
        let from = state(before.debt, before.accrued, 6);
        let after = if opens {
            state(debt, loan.start, 0)
        } else {
            state(debt, before.accrued.max(time), 7)
        };
        let witness = if opens {
            &mut self.opens
        } else {
            &mut self.moves
        };
        let keys = step_keys(&loan.salt, after.sequence);
        if opens {
            let lent = note::pack(NoteClass::Cash, loan.debt, loan.principal);
            let counter = witness.counter_leg.as_mut().unwrap();
            counter.packed = lent;
        } else {
            let position = Position {
                collateral: before.collateral,
                debt: from,
            };
            witness.inputs[0].note = loan.note(&position, Fr::from(5u64));
        }
        let position = Position {
            collateral,
            debt: after,
        };
        witness.outputs[0].note = loan.successor(&position, keys.rcm);
        if step == Step::Adjust {
            let repaid = attempt.owed.saturating_sub(debt);
            witness.outputs[1].note = loan.repayment(repaid, keys.repayment);
        }
        let snapshot = attempt.snapshot.map(|index| &world.snapshots[index]);
        witness.prices = snapshot.map_or(Fr::from(0u64), |snapshot| snapshot.digest);
        witness.loan = Some(LoanWitness {
            step,
            loan: loan.clone(),
            renewed: None,
            before: from,
            owed: attempt.owed,
            after,
            snapshot: snapshot.map(|snapshot| snapshot.whole),
        });
        let fields = Fields {
            kind: Fr::from(if opens { self.leg } else { Kind::Transfer } as u64),
            expiry: Fr::from(expiry),
            not_before: Fr::from(not_before),
            ..Fields::default()
        };
        let party = if liquidates {
            loan.lender
        } else {
            loan.borrower
        };
        check_step(witness, &fields, party).map(|_| ())
    }

    /// Whether the rules let the lender of `state` clear down to `debt` and take `seized`.
    pub(super) fn liquidates(
        &mut self,
        world: &World,
        model: &Model,
        before: State,
        (seized, debt): (u128, u128),
        snapshot: usize,
        window: [u64; 2],
    ) -> bool {
        let attempt = Attempt {
            step: Step::Liquidate,
            before,
            owed: model.claimed(before.debt, before.accrued, window[0]),
            left: [before.collateral - seized, debt],
            snapshot: Some(snapshot),
            window,
        };
        self.judge(world, &attempt).is_ok()
    }

    /// Whether the rules let the borrower leave this collateral and debt.
    pub(super) fn adjusts(
        &mut self,
        world: &World,
        model: &Model,
        before: State,
        left: [u128; 2],
        snapshot: Option<usize>,
        expiry: u64,
    ) -> bool {
        let attempt = Attempt {
            step: Step::Adjust,
            before,
            owed: model.owed(before.debt, before.accrued, expiry),
            left,
            snapshot,
            window: [0, expiry],
        };
        self.judge(world, &attempt).is_ok()
    }
}
