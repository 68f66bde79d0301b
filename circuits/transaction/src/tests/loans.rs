//! Loans over their lives: random steps at random prices, compared with an independent model.

use super::{broken, rng};
use crate::Rule;
use crate::check;
use crate::raw::RawWitness;
use crate::samples::{LoanCase, Plan, SAMPLE_ASSETS, SAMPLE_EXPIRY};
use crate::witness::Step;
use num_bigint::BigUint;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use subrosa_protocol::loan::{Debt, Position};
use subrosa_protocol::market::Price;

const ONE: u128 = 1_000_000_000_000_000_000;

/// An attempted step.
#[derive(Clone, Debug)]
struct Try {
    /// Whether the lender liquidates; otherwise the borrower adjusts.
    liquidates: bool,
    /// Collateral after the step: number of a boundary of the model, and a distance from it.
    left: (u8, i8),
    /// Repaid amount: number of a boundary, and a distance from it.
    repaid: (u8, i8),
    /// Price in hundredths, if there is a price.
    price: Option<u16>,
    /// Seconds since the last step.
    passed: u32,
}

fn tries() -> impl Strategy<Value = Try> {
    (
        any::<bool>(),
        (0u8..7, -1i8..=1),
        (0u8..5, -1i8..=1),
        prop::option::weighted(0.8, 1u16..400),
        0u32..4_000_000,
    )
        .prop_map(|(liquidates, left, repaid, price, passed)| Try {
            liquidates,
            left,
            repaid,
            price,
            passed,
        })
}

fn big(value: u128) -> BigUint {
    BigUint::from(value)
}

fn small(value: &BigUint) -> u128 {
    u128::try_from(value).unwrap_or(u128::MAX)
}

fn ceil(a: &BigUint, b: &BigUint) -> BigUint {
    (a + b - 1u8) / b
}

/// The specification's arithmetic, on integers without bounds.
struct Model {
    rate: u128,
    haircut: u128,
    initial: u128,
    maintenance: u128,
    bonus: u128,
}

impl Model {
    fn owed(&self, debt: &Debt, time: u64, liquidates: bool) -> u128 {
        let elapsed = u128::from(time.saturating_sub(debt.accrued));
        let due = big(debt.amount) * self.rate * elapsed;
        let period = big(1_000_000 * 31_536_000);
        let interest = if liquidates {
            due / period
        } else {
            ceil(&due, &period)
        };
        debt.amount + small(&interest)
    }

    /// Returns the least collateral that covers a debt.
    fn needed(&self, price: u128, debt: u128, margin: u128) -> u128 {
        let unit = big(price) * (10_000 - self.haircut);
        small(&ceil(&(big(debt) * margin * ONE), &unit))
    }

    /// Returns the bonus of a lender at a time, of a healthy position or another.
    fn bonus(&self, healthy: bool, maturity: u64, now: u64) -> Option<u128> {
        if !healthy {
            return Some(self.bonus);
        }
        let overdue = now.checked_sub(maturity + 86_400 + 1)?;
        Some(self.bonus * u128::from(overdue.min(524_288)) / 524_288)
    }

    /// Returns the most that a lender may take.
    fn claim(&self, price: u128, cleared: u128, bonus: u128) -> u128 {
        small(&(big(cleared) * (10_000 + bonus) * ONE / (big(price) * 10_000u32)))
    }
}

/// Returns one of the amounts that matter, or a neighbour of it.
fn around(places: &[u128], (place, off): (u8, i8)) -> u128 {
    let at = places[usize::from(place) % places.len()];
    at.saturating_add_signed(i128::from(off))
}

/// An attempt at a step, with everything the model says of it.
struct Attempt {
    plan: Plan,
    price: Option<u128>,
    owed: u128,
    repaid: u128,
    after: Position,
}

impl Attempt {
    /// Plans a step on the position of `base` at the time `now`.
    fn new(base: &Plan, model: &Model, attempt: &Try, now: u64) -> Self {
        let mut plan = base.clone();
        plan.window = [now, now + 600];
        plan.step = if attempt.liquidates {
            Step::Liquidate
        } else {
            Step::Adjust
        };
        if attempt.liquidates {
            plan.parties.reverse();
        }
        let price = attempt.price.map(|p| u128::from(p) * (ONE / 100));
        match price {
            None => plan.snapshot = None,
            Some(price) => {
                let snapshot = plan.snapshot.as_mut().unwrap();
                snapshot.time = now;
                snapshot.prices[usize::from(base.loan.market)] = Price::flat(price);
            }
        }
        let (held, debt) = (base.before.collateral, base.before.debt);
        let time = plan.window[usize::from(!attempt.liquidates)];
        let owed = model.owed(&debt, time, attempt.liquidates);
        let places = [0, owed / 256, owed.div_ceil(256), owed / 2, owed];
        let cleared = around(&places, attempt.repaid).min(owed);
        let repaid = if attempt.liquidates { 0 } else { cleared };
        plan.debt = owed - cleared;
        let covering = price.map_or(held, |p| model.needed(p, plan.debt, model.initial));
        let healthy = price.is_some_and(|p| held >= model.needed(p, owed, model.maintenance));
        let bonus = model.bonus(healthy, base.loan.maturity, now).unwrap_or(0);
        let claim = price.map_or(0, |p| model.claim(p, cleared, bonus).min(held));
        let places = [
            held,
            held + held / 256,
            held + held.div_ceil(256),
            covering,
            0,
            held - claim,
            held / 2,
        ];
        plan.left = around(&places, attempt.left).min(u128::MAX >> 2);
        plan.spend_exactly(repaid);
        let after = Position {
            collateral: plan.left,
            debt: Debt {
                amount: plan.debt,
                accrued: debt.accrued.max(time),
                sequence: debt.sequence + 1,
            },
        };
        Self {
            plan,
            price,
            owed,
            repaid,
            after,
        }
    }

    /// Whether debt remains.
    fn has_debt_after(&self) -> bool {
        self.plan.debt != 0
    }

    /// Returns the verdict of the specification.
    fn expected(&self, model: &Model) -> Result<(), Rule> {
        let Self { plan, price, .. } = self;
        let held = plan.before.collateral;
        let [start, end] = plan.window;
        if plan.step == Step::Liquidate {
            let price = price.ok_or(Rule::T17)?;
            let healthy = held >= model.needed(price, self.owed, model.maintenance);
            let bonus = model.bonus(healthy, plan.loan.maturity, start);
            let bonus = bonus.ok_or(Rule::T31)?;
            let cleared = self.owed - plan.debt;
            let taken = held.checked_sub(plan.left);
            return match taken {
                Some(taken)
                    if big(cleared) * 256u32 >= big(self.owed)
                        && taken <= model.claim(price, cleared, bonus) =>
                {
                    Ok(())
                }
                _ => Err(Rule::T32),
            };
        }
        if !self.has_debt_after() {
            return Ok(());
        }
        let improves = plan.left >= held
            && (256 * (plan.left - held) >= held || big(self.repaid) * 256u32 >= big(self.owed));
        let covers = |p: u128| plan.left >= model.needed(p, plan.debt, model.initial);
        match price {
            None if !improves => Err(Rule::T17),
            Some(p) if !improves && !covers(*p) => Err(Rule::T28),
            _ if end > plan.loan.maturity => Err(Rule::T29),
            _ => Ok(()),
        }
    }
}

impl Plan {
    /// Spends exactly the notes that the step takes in, so that it has no change.
    fn spend_exactly(&mut self, repaid: u128) {
        self.spent = Vec::new();
        let held = self.before.collateral;
        if self.left > held {
            self.spent.push((self.loan.collateral, self.left - held));
        }
        if repaid != 0 {
            self.spent.push((self.loan.debt, repaid));
        }
        // Three inputs have room for the fee beside one of these.
        if self.spent.len() == 2 {
            self.fee = 0;
        } else {
            self.spent.push((SAMPLE_ASSETS[0], self.fee));
        }
    }
}

/// Returns a loan that begins now, with the model of its market.
fn begin(rate: u32, now: u64, rng: &mut ChaCha20Rng) -> (Plan, Model) {
    let mut base = Plan::new(LoanCase::Release, rng);
    base.loan.rate = rate;
    base.before.debt.accrued = now;
    base.loan.start = now;
    base.loan.maturity = now + 8_000_000;
    let markets = &base.snapshot.as_ref().unwrap().markets;
    let market = markets.get(base.loan.market).unwrap();
    let model = Model {
        rate: rate.into(),
        haircut: market.haircut.into(),
        initial: market.initial.into(),
        maintenance: market.maintenance.into(),
        bonus: market.bonus.into(),
    };
    (base, model)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Value leaves a position only by the rules, and collateral and debt are accounted for to the
    /// unit. A healthy position is never liquidated; an unhealthy one can always be.
    #[test]
    fn every_step_is_what_the_model_says(
        seed: u64,
        rate in 0u32..1 << 20,
        tries in prop::collection::vec(tries(), 1..6),
    ) {
        let rng = &mut rng(seed);
        let mut now = SAMPLE_EXPIRY - 20_000_000;
        let (mut base, model) = begin(rate, now, rng);
        for attempt in tries {
            now += u64::from(attempt.passed);
            let liquidates = attempt.liquidates;
            let attempt = Attempt::new(&base, &model, &attempt, now);
            let expected = attempt.expected(&model);
            let remains = attempt.has_debt_after();
            let Attempt { plan, owed, repaid, after, .. } = attempt;
            let held = base.before.collateral;
            let sample = plan.sample(rng);
            let checked = check(&sample.witness, &sample.words);
            prop_assert_eq!(checked.map(|_| ()), expected);
            let digest = sample.transaction.digest(&crate::samples::context());
            let raw = RawWitness::new(&sample.words, digest, &sample.witness);
            // The circuit may break several rules.
            prop_assert_eq!(broken(raw).first().copied(), expected.err());
            if expected.is_err() {
                continue;
            }
            // The other party follows from the published data alone, and nothing is lost.
            let published = sample.published();
            let found = base.loan.follow(&base.before, &published);
            let found = found.expect("the pair's secret opens the disclosure");
            prop_assert_eq!(found.note.value, after.collateral);
            let released: u128 = sample.witness.outputs[1..]
                .iter()
                .map(|output| &output.note)
                .filter(|note| note.asset == base.loan.collateral)
                .map(|note| note.value)
                .sum();
            prop_assert_eq!(after.collateral + released, held.max(after.collateral));
            prop_assert_eq!(found.repayment.map_or(0, |note| note.value), repaid);
            prop_assert_eq!(found.end.is_none(), remains);
            match found.position {
                None => break,
                Some(position) => {
                    prop_assert_eq!(&position, &after);
                    if !liquidates {
                        prop_assert_eq!(position.debt.amount + repaid, owed);
                    }
                    base.before = position;
                }
            }
        }
    }
}
