//! Loans over their lives: random steps at random prices, compared with an independent model.

use super::{broken, rng};
use crate::Rule;
use crate::check;
use crate::raw::RawWitness;
use crate::samples::{LoanCase, Plan, SAMPLE_ASSETS, SAMPLE_EXPIRY};
use crate::witness::Step;
use num_bigint::BigUint;
use proptest::prelude::*;
use subrosa_protocol::loan::{Debt, Position};

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
    fn owed(&self, debt: &Debt, time: u64) -> u128 {
        let elapsed = u128::from(time.saturating_sub(debt.accrued));
        let due = big(debt.amount) * self.rate * elapsed;
        debt.amount + small(&ceil(&due, &big(1_000_000 * 31_536_000)))
    }

    /// Returns the least collateral that covers a debt.
    fn needed(&self, price: u128, debt: u128, margin: u128) -> u128 {
        let unit = big(price) * (10_000 - self.haircut);
        small(&ceil(&(big(debt) * margin * ONE), &unit))
    }

    /// Returns the most that a lender may take.
    fn claim(&self, price: u128, debt: u128) -> u128 {
        small(&ceil(
            &(big(debt) * (10_000 + self.bonus) * ONE),
            &(big(price) * 10_000u32),
        ))
    }
}

/// Returns one of the amounts that matter, or a neighbour of it.
fn around(places: &[u128], (place, off): (u8, i8)) -> u128 {
    let at = places[usize::from(place) % places.len()];
    at.saturating_add_signed(i128::from(off))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// No sequence lets value out of a position but by the rules, collateral and debt are accounted for to the unit, a
    /// healthy position is never liquidated and one that is not always can be.
    #[test]
    fn every_step_is_what_the_model_says(seed: u64, rate in 0u32..1 << 20, tries in prop::collection::vec(tries(), 1..6)) {
        let rng = &mut rng(seed);
        let mut base = Plan::new(LoanCase::Release, rng);
        base.loan.rate = rate;
        let market = *base.snapshot.as_ref().unwrap().markets.get(base.loan.market).unwrap();
        let model = Model {
            rate: rate.into(),
            haircut: market.haircut.into(),
            initial: market.initial.into(),
            maintenance: market.maintenance.into(),
            bonus: market.bonus.into(),
        };
        let [fee_asset, ..] = SAMPLE_ASSETS;
        let mut now = SAMPLE_EXPIRY - 20_000_000;
        base.before.debt.accrued = now;
        base.loan.start = now;
        base.loan.maturity = now + 8_000_000;
        for attempt in tries {
            now += u64::from(attempt.passed);
            let window = [now, now + 600];
            let mut plan = base.clone();
            plan.window = window;
            plan.step = if attempt.liquidates { Step::Liquidate } else { Step::Adjust };
            if attempt.liquidates {
                plan.parties.reverse();
            }
            let price = attempt.price.map(|p| u128::from(p) * (ONE / 100));
            match price {
                None => plan.snapshot = None,
                Some(price) => {
                    let snapshot = plan.snapshot.as_mut().unwrap();
                    snapshot.time = now;
                    snapshot.prices[usize::from(base.loan.market)] = price;
                }
            }
            let (held, debt) = (base.before.collateral, base.before.debt);
            let owed = model.owed(&debt, window[usize::from(!attempt.liquidates)]);
            let repaid = if attempt.liquidates {
                0
            } else {
                around(&[0, owed / 256, owed.div_ceil(256), owed / 2, owed], attempt.repaid).min(owed)
            };
            plan.debt = if attempt.liquidates { 0 } else { owed - repaid };
            let covering = |margin| price.map_or(held, |p| model.needed(p, plan.debt, margin));
            let claim = price.map_or(0, |p| model.claim(p, owed).min(held));
            plan.left = around(
                &[held, held + held / 256, held + held.div_ceil(256), covering(model.initial), 0, held - claim, held / 2],
                attempt.left,
            )
            .min(u128::MAX >> 2);

            // What the specification says of it.
            let open = plan.debt != 0;
            let improves = plan.left >= held
                && (256 * (plan.left - held) >= held || big(repaid) * 256u32 >= big(owed));
            let covered = price.is_some_and(|p| plan.left >= model.needed(p, plan.debt, model.initial));
            let expected: Result<(), Rule> = if attempt.liquidates {
                match price {
                    None => Err(Rule::T17),
                    Some(p) if held >= model.needed(p, owed, model.maintenance) && window[0] <= base.loan.maturity => {
                        Err(Rule::T31)
                    }
                    Some(p) => {
                        let taken = held.checked_sub(plan.left);
                        if taken.is_some_and(|taken| taken <= model.claim(p, owed)) {
                            Ok(())
                        } else {
                            Err(Rule::T32)
                        }
                    }
                }
            } else if open && !improves && price.is_none() {
                Err(Rule::T17)
            } else if open && !improves && !covered {
                Err(Rule::T28)
            } else if open && window[1] > base.loan.maturity {
                Err(Rule::T29)
            } else {
                Ok(())
            };

            // Exactly what the step takes in, so that there is no change of it.
            plan.spent = Vec::new();
            if plan.left > held {
                plan.spent.push((plan.loan.collateral, plan.left - held));
            }
            if repaid != 0 {
                plan.spent.push((plan.loan.debt, repaid));
            }
            // Three inputs have room for the fee beside one of these.
            if plan.spent.len() == 2 {
                plan.fee = 0;
            } else {
                plan.spent.push((fee_asset, plan.fee));
            }
            let after = Position {
                collateral: plan.left,
                debt: Debt {
                    amount: plan.debt,
                    accrued: debt.accrued.max(window[usize::from(!attempt.liquidates)]),
                    sequence: debt.sequence + 1,
                },
            };
            let sample = plan.sample(rng);
            let checked = check(&sample.witness, &sample.words);
            prop_assert_eq!(checked.map(|_| ()), expected);
            let digest = sample.transaction.digest(&crate::samples::context());
            let raw = RawWitness::new(&sample.words, digest, &sample.witness);
            let found = broken(raw);
            // More than one may be broken.
            prop_assert_eq!(found.first().copied(), expected.err());
            if expected.is_err() {
                continue;
            }
            // The other party follows from what is published alone, and nothing is lost.
            let published = sample.published();
            let found = base.loan.follow(&base.before, &published).expect("the pair's secret opens it");
            prop_assert_eq!(found.note.value, after.collateral);
            let released: u128 = sample
                .witness
                .outputs[1..]
                .iter()
                .map(|output| &output.note)
                .filter(|note| note.asset == base.loan.collateral)
                .map(|note| note.value)
                .sum();
            prop_assert_eq!(after.collateral + released, held.max(after.collateral));
            prop_assert_eq!(found.repayment.map_or(0, |note| note.value), repaid);
            prop_assert_eq!(found.end.is_none(), open);
            match found.position {
                None => break,
                Some(position) => {
                    prop_assert_eq!(&position, &after);
                    prop_assert_eq!(position.debt.amount + repaid, owed);
                    base.before = position;
                }
            }
        }
    }
}
