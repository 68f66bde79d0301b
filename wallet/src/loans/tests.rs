//! Plans and margins at random prices and amounts: every plan is legal by the rules, and the
//! margins agree with the plans.

use proptest::prelude::*;
use subrosa_protocol::{
    Fr,
    asset::AssetId,
    element::Nullifier,
    keys::{Address, Seed, ViewingKey},
    loan::{Debt, Loan, Position, covers, improves, seizable},
    market::{Market, Markets, PriceSnapshot},
    note::Note,
    swap::Salt,
};

use super::{Action, Health, HeldLoan, Role, StepContext, StepError, plan};

const NOW: u64 = 1_800_000_000;

fn address(seed: u8) -> Address {
    ViewingKey::from_seed(&Seed::from_bytes([seed; 32])).address()
}

fn held(role: Role, collateral: u128, debt: u128, maturity: u64) -> HeldLoan {
    let loan = Loan {
        borrower: address(1),
        lender: address(2),
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
        nullifier: Nullifier::new(zero),
        opened: NOW - 1_000,
        batch: 3,
        end: None,
    }
}

fn snapshot(price: u128, time: u64) -> PriceSnapshot {
    let mut snapshot = PriceSnapshot {
        time,
        markets: Markets::default(),
        prices: [0; 16],
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

fn context(snapshot: &PriceSnapshot) -> StepContext<'_> {
    StepContext {
        snapshot: Some(snapshot),
        last: NOW - 20,
        now: NOW,
        expiry: NOW + 3_600,
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
    let covered = |value, debt, margin| {
        price.is_some_and(|price| covers(value, price, market.haircut, debt, margin))
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
                            || covered(plan.left, plan.step.debt, market.initial)))
        }
        Role::Lender => {
            let owed = loan.owed(&before.debt, plan.not_before).unwrap();
            let seized = before.collateral - plan.left;
            let missed = !covered(before.collateral, owed, market.maintenance);
            plan.step.debt == 0
                && (missed || plan.not_before > loan.maturity)
                && seizable(seized, price.unwrap(), owed, market.bonus)
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

proptest! {
    #[test]
    fn what_is_planned_is_legal(
        action in action(),
        collateral in 1u128..1 << 70,
        debt in 1u128..1 << 70,
        price in 1u128..1 << 70,
        maturity in prop_oneof![NOW - 500..NOW + 5_000, Just(NOW - 1), Just(NOW), Just(NOW + 1)],
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
        collateral in 1u128..1 << 70, debt in 1u128..1 << 70, price in 1u128 << 40..1 << 70,
    ) {
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
        prop_assert!(covers(collateral, price, 700, owed, health.ratio));
        let next = health.ratio.saturating_add(1);
        prop_assert!(
            !covers(collateral, price, 700, owed, next) || health.ratio == u32::MAX - 1
        );
    }
}

#[test]
fn without_a_price_there_are_no_margins() {
    let held = held(Role::Lender, 5, 5, NOW + 90_000);
    let none = snapshot(0, NOW);
    assert!(Health::of(&held, &context(&none)).is_none());
    let refused = plan::plan(&held, &Action::Liquidate, &context(&none)).unwrap_err();
    assert_eq!(refused, StepError::NoPrice);
    let mut elsewhere = snapshot(5, NOW);
    elsewhere.markets.0[0] = None;
    let refused = plan::plan(&held, &Action::Liquidate, &context(&elsewhere)).unwrap_err();
    assert_eq!(refused, StepError::NoMarket);
    let some = snapshot(5, NOW);
    let shown = format!("{:?}", Health::of(&held, &context(&some)).unwrap());
    assert_eq!(shown, "Health(..)");
    let _: Note = held.note;
}
