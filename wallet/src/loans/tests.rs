//! Plans and margins at random prices and amounts: every plan is legal by the rules, and the
//! margins agree with the plans.

use std::sync::LazyLock;

use proptest::prelude::*;
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetInfo, AssetTree, Stop},
    element::{Nullifier, OwnerId},
    keys::{Seed, ViewingKey, unaudited},
    loan::{CURE, Debt, LAPSE, Loan, Position, covers, improves, overdue_bonus, seizable},
    market::{MARKETS, Market, Markets, Price, PriceSnapshot},
    note::Note,
    swap::Salt,
};

use super::{Action, Health, HeldLoan, Role, StepContext, StepError, plan};
use crate::times::Validity;

const NOW: u64 = 1_800_000_000;

fn owner(seed: u8) -> OwnerId {
    ViewingKey::from_seed(&Seed::from_bytes([seed; 32])).owner
}

fn held(role: Role, collateral: u128, debt: u128, maturity: u64) -> HeldLoan {
    let loan = Loan {
        borrower: owner(1),
        lender: owner(2),
        collateral: AssetId(1),
        debt: AssetId(0),
        principal: 1_000,
        rate: 80_000,
        start: NOW - 1_000,
        maturity,
        market: 0,
        salt: Salt::from_bytes([7; 16]),
    };
    let position = Position {
        collateral,
        debt: Debt {
            amount: debt,
            accrued: NOW - 1_000,
            sequence: 4,
        },
    };
    let zero = Fr::from(0u64);
    HeldLoan {
        note: loan.note(&position, zero),
        loan,
        role,
        position,
        leaf_index: 9,
        nullifier: Nullifier::of(zero),
        opened: NOW - 1_000,
        batch: 3,
        end: None,
    }
}

fn snapshot(price: Price, time: u64) -> PriceSnapshot {
    let mut snapshot = PriceSnapshot {
        time,
        previous: time - 60,
        markets: Markets::default(),
        prices: [Price::default(); MARKETS],
    };
    snapshot.markets.0[0] = Some(Market {
        collateral: AssetId(1),
        debt: AssetId(0),
        haircut: 700,
        initial: 13_000,
        maintenance: 11_500,
        bonus: 600,
        max_age: 600,
    });
    snapshot.prices[0] = price;
    snapshot
}

/// Assets without stops.
static ASSETS: LazyLock<AssetTree> = LazyLock::new(AssetTree::new);

fn context(snapshot: &PriceSnapshot) -> StepContext<'_> {
    StepContext {
        snapshot: Some(snapshot),
        last: NOW - 20,
        assets: &ASSETS,
        now: NOW,
        usual: Validity {
            not_before: NOW - 20,
            expiry: NOW + 3_600,
        },
    }
}

/// Whether a planned step obeys the rules T17 and T26 to T32.
fn legal(held: &HeldLoan, plan: &super::Plan, snapshot: &PriceSnapshot) -> bool {
    let market = snapshot.markets.get(0).unwrap();
    let (loan, before) = (&held.loan, &held.position);
    let price = plan.step.snapshot.map(|used| {
        assert_eq!(used, *snapshot);
        assert!(plan.expiry <= used.time + u64::from(market.max_age));
        used.prices[0]
    });
    let covered = |of: fn(Price) -> u128, value, debt, margin| {
        price.is_some_and(|price| covers(value, of(price), market.haircut, debt, margin))
    };
    assert!(plan.expiry > NOW && plan.not_before >= NOW - 20);
    match held.role {
        Role::Borrower => {
            let owed = loan.owed(&before.debt, plan.expiry).unwrap();
            let collateral = [before.collateral, plan.left];
            owed - plan.step.debt == plan.repaid
                && (plan.step.debt == 0
                    || plan.expiry <= loan.maturity
                        && (improves(collateral, owed, plan.repaid)
                            || covered(|p| p.low, plan.left, plan.step.debt, market.initial)))
        }
        Role::Lender => {
            let owed = loan.claimed(&before.debt, plan.not_before).unwrap();
            let seized = before.collateral - plan.left;
            let missed = !covered(|p| p.high, before.collateral, owed, market.maintenance);
            let bonus = match missed {
                true => Some(market.bonus),
                false => overdue_bonus(market.bonus, loan.maturity, plan.not_before),
            };
            let high = price.unwrap().high;
            plan.step.debt == 0 && bonus.is_some_and(|bonus| seizable(seized, high, owed, bonus))
        }
    }
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (1u128..1 << 70).prop_map(|amount| Action::Add { amount }),
        (1u128..1 << 70).prop_map(|amount| Action::Release { amount }),
        (1u128..1 << 70).prop_map(|amount| Action::Repay { amount }),
        Just(Action::Close),
        Just(Action::Liquidate),
    ]
}

fn price() -> impl Strategy<Value = Price> {
    let high = prop_oneof![Just(0u128), 0u128..1 << 70];
    (1u128..1 << 70, high).prop_map(|(low, above)| Price {
        low,
        high: low + above,
    })
}

/// Around now, and around the end of the cure period.
fn maturity() -> impl Strategy<Value = u64> {
    let near = prop_oneof![
        NOW - 500..NOW + 5_000,
        Just(NOW - 1),
        Just(NOW),
        Just(NOW + 1)
    ];
    (near, prop_oneof![Just(0), Just(CURE), Just(7 * CURE)]).prop_map(|(at, ago)| at - ago)
}

proptest! {
    #[test]
    fn what_is_planned_is_legal(
        action in action(),
        collateral in 1u128..1 << 70,
        debt in 1u128..1 << 70,
        price in price(),
        maturity in maturity(),
        age in 0u64..700,
    ) {
        let snapshot = snapshot(price, NOW - age);
        let held = held(action.actor(), collateral, debt, maturity);
        if let Ok(plan) = plan::plan(&held, &action, &context(&snapshot)) {
            prop_assert!(legal(&held, &plan, &snapshot));
            let other = match held.role {
                Role::Borrower => Role::Lender,
                Role::Lender => Role::Borrower,
            };
            let theirs = HeldLoan { role: other, ..held };
            let refused = plan::plan(&theirs, &action, &context(&snapshot)).unwrap_err();
            prop_assert_eq!(refused, StepError::NotOurs);
        }
    }

    /// The required and the releasable amount are exact to the last unit, and the margins agree
    /// with the steps.
    #[test]
    fn margins_say_what_steps_may_do(
        collateral in 1u128..1 << 70, debt in 1u128..1 << 70,
        low in 1u128 << 40..1 << 70, above in 0u128..1 << 60,
    ) {
        let price = Price { low, high: low + above };
        let snapshot = snapshot(price, NOW - 100);
        let context = context(&snapshot);
        let held = held(Role::Borrower, collateral, debt, NOW + 90_000);
        let health = Health::of(&held, &context).unwrap();
        let with = |added| HeldLoan {
            position: Position { collateral: collateral + added, debt: held.position.debt },
            ..held.clone()
        };
        if health.covered {
            prop_assert_eq!(health.required_top_up, Some(0));
            prop_assert!(!health.liquidatable);
        } else {
            let required = health.required_top_up.unwrap();
            prop_assert_eq!(health.releasable, 0);
            let (topped, short) = (with(required), with(required - 1));
            prop_assert!(Health::of(&topped, &context).unwrap().covered);
            // The step is judged by the debt at its expiry, which is no smaller than the debt now.
            let release = Action::Release { amount: 1 };
            prop_assert!(plan::plan(&short, &release, &context).is_err());
            let add = Action::Add { amount: required };
            prop_assert!(plan::plan(&held, &add, &context).is_ok());
        }
        if health.releasable > 0 {
            let release = |amount| plan::plan(&held, &Action::Release { amount }, &context);
            prop_assert!(release(health.releasable).is_ok());
            let more = release(health.releasable + 1);
            prop_assert!(more.is_err());
        }
        let owed = held.loan.owed(&held.position.debt, NOW).unwrap();
        prop_assert!(covers(collateral, low, 700, owed, health.ratio));
        let next = health.ratio.saturating_add(1);
        prop_assert!(
            !covers(collateral, low, 700, owed, next) || health.ratio == u32::MAX - 1
        );
    }
}

#[test]
fn without_a_price_there_are_no_margins() {
    let held = held(Role::Lender, 5, 5, NOW + 90_000);
    let none = snapshot(Price::default(), NOW);
    assert!(Health::of(&held, &context(&none)).is_none());
    let refused = plan::plan(&held, &Action::Liquidate, &context(&none)).unwrap_err();
    assert_eq!(refused, StepError::NoPrice);
    let mut elsewhere = snapshot(Price::flat(5), NOW);
    elsewhere.markets.0[0] = None;
    let refused = plan::plan(&held, &Action::Liquidate, &context(&elsewhere)).unwrap_err();
    assert_eq!(refused, StepError::NoMarket);
    let some = snapshot(Price::flat(5), NOW);
    let shown = format!("{:?}", Health::of(&held, &context(&some)).unwrap());
    assert_eq!(shown, "Health(..)");
    let _: Note = held.note;
}

#[test]
fn a_stop_holds_a_liquidation_of_its_market_at_prices_within_it() {
    let taken = NOW - 100;
    let prices = snapshot(Price::flat(10u128.pow(17)), taken);
    let late = LAPSE + CURE;
    for (maturity, price) in [
        (NOW + 90_000, true),
        (NOW - late, true),
        (NOW - late, false),
    ] {
        let mut prices = prices;
        if !price {
            prices.prices[0] = Price::default();
        }
        let lent = held(Role::Lender, 1_300, 1_000, maturity);
        let minute = u32::try_from(taken / 60).unwrap();
        for (collateral, markets, from_minute, minutes, stopped) in [
            (1, 0b1, minute, 1, true),
            (1, 0b1, minute - 1, 2, true),
            (1, 0b1, minute + 1, 1, false),
            (1, 0b1, minute - 2, 1, false),
            (1, 0b10, minute, 1, false),
            // The stop is in the collateral's leaf.
            (0, 0b1, minute, 1, false),
        ] {
            let assets: AssetTree = [AssetInfo {
                id: AssetId(collateral),
                token: [1; 20],
                flags: 0,
                auditor: unaudited(),
                stop: Stop {
                    markets,
                    from_minute,
                    minutes,
                },
            }]
            .into_iter()
            .collect();
            let context = StepContext {
                assets: &assets,
                ..context(&prices)
            };
            let planned = plan::plan(&lent, &Action::Liquidate, &context).map(|_| ());
            let refused = Err(StepError::Stopped);
            assert_eq!(planned, if stopped { refused } else { Ok(()) });
            if price {
                let health = Health::of(&lent, &context).unwrap();
                assert_eq!(health.liquidatable, !stopped);
            }
        }
    }
}

#[test]
fn a_liquidation_counts_the_high_price_and_everything_else_the_low_one() {
    let wide = |low, high| snapshot(Price { low, high }, NOW - 100);
    let one = 10u128.pow(18);
    // 1,300 for a debt of 1,000: covered at 1.08, maintained at 0.96, each after the haircut.
    let lent = held(Role::Lender, 1_300, 1_000, NOW + 90_000);
    let owed = held(Role::Borrower, 1_300, 1_000, NOW + 90_000);
    let step = |held, action, prices: &PriceSnapshot| {
        plan::plan(held, &action, &context(prices)).map(|_| ())
    };
    for (low, high, liquidates, releases) in [
        (95, 95, true, false),
        (95, 97, false, false),
        (107, 120, false, false),
        (109, 120, false, true),
    ] {
        let prices = wide(low * (one / 100), high * (one / 100));
        let liquidated = step(&lent, Action::Liquidate, &prices);
        assert_eq!(liquidated.is_ok(), liquidates, "{low} to {high}");
        let released = step(&owed, Action::Release { amount: 1 }, &prices);
        assert_eq!(released.is_ok(), releases, "{low} to {high}");
        let health = Health::of(&lent, &context(&prices)).unwrap();
        assert_eq!(
            (health.liquidatable, health.covered),
            (liquidates, releases)
        );
    }
}
