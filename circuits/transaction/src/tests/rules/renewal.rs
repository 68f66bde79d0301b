//! Renewals of loans: T22 to T30 for a leg that spends a position and makes another, and T35.

use super::Forger;
use super::loan::{ONE, planned, step};
use crate::Rule;
use crate::raw::RawWitness;
use crate::samples::{LoanCase, Plan, SAMPLE_ASSETS, SAMPLE_EXPIRY};
use crate::tests::rng;
use crate::words::power_of_two;
use ark_bn254::Fr;
use ark_ff::One;
use subrosa_protocol::asset::AssetId;
use subrosa_protocol::element::OwnerId;
use subrosa_protocol::encryption::Sent;
use subrosa_protocol::keys::{Seed, ViewingKey};
use subrosa_protocol::layout::note;
use subrosa_protocol::loan::Loan;
use subrosa_protocol::swap::{Salt, Side};

impl Forger {
    /// Replaces output 0 by the position of the step, as it now is, and the terms by its terms.
    fn restate(&mut self) -> &mut Self {
        let step = self.witness.loan.as_ref().unwrap();
        let aux = step.loan.aux(&step.after);
        self.witness.outputs[0].note.aux = aux;
        self.reagree()
    }
}

fn stranger() -> Seed {
    Seed::from_bytes([77; 32])
}

#[test]
fn a_roll_keeps_the_collateral_and_substitution_frees_it() {
    // The sample substitutes. The freed collateral is the borrower's.
    let forger = step(LoanCase::Renew);
    let spent = forger.witness.inputs[0].note;
    let [made, back, _] = &forger.witness.outputs;
    assert_ne!(made.note.asset, spent.asset);
    assert_eq!(
        (back.note.asset, back.note.value),
        (spent.asset, spent.value)
    );
    // The same collateral under other terms.
    let roll = |plan: &mut Plan| {
        let renewed = plan.renewed.clone().unwrap();
        plan.loan.collateral = renewed.collateral;
        let at = usize::from(plan.loan.market);
        plan.prices().markets.0[at].as_mut().unwrap().collateral = renewed.collateral;
        plan.spent = vec![(SAMPLE_ASSETS[0], plan.fee)];
    };
    planned(LoanCase::Renew, roll).holds();
    // Whatever the lender adds; whatever the market and the debt become, if they are covered.
    planned(LoanCase::Renew, |plan| plan.lent = 1 << 90).holds();
    for side in Side::BOTH {
        planned(LoanCase::Renew, |plan| plan.side = side).holds();
    }
    // Collateral does not come from nowhere.
    let mut forger = planned(LoanCase::Renew, roll);
    forger.witness.outputs[0].note.value += 1;
    forger.reagree().breaks_only(Rule::T10);
}

#[test]
fn both_parties_read_a_renewal() {
    let plan = Plan::new(LoanCase::Renew, &mut rng(41));
    let (renewed, before, side) = (
        plan.renewed.clone().unwrap(),
        plan.before.clone(),
        plan.side,
    );
    let (expected, exchange) = (plan.loan.clone(), plan.terms().exchange);
    let sample = plan.sample(&mut rng(42));
    let published = sample.published();
    let (loan, position, note) = renewed
        .follow_renewal(&before, &exchange, side, &published)
        .unwrap();
    assert_eq!(loan, expected);
    assert_eq!(note, sample.witness.outputs[0].note);
    assert_eq!(position.debt, sample.witness.loan.as_ref().unwrap().after);
    assert_eq!(position.collateral, note.value);
    // The borrower needs nothing but its keys.
    let keys = ViewingKey::from_seed(&sample.seed);
    let auditors: Vec<_> = sample
        .witness
        .slots
        .iter()
        .map(|slot| slot.info.auditor)
        .collect();
    // Also of a debt in another asset than before.
    let debts = SAMPLE_ASSETS;
    let other = Loan {
        debt: AssetId(renewed.debt.0 + 1),
        ..renewed.clone()
    };
    let follow = |renewed: &Loan| {
        let sent = Sent::read(&keys, &published, &auditors)?;
        renewed.follow_own_renewal(&before, &keys, &sent, &debts)
    };
    let own = follow(&other);
    assert_eq!(own.map(|(loan, ..)| loan), Some(loan.clone()));
    let own = follow(&renewed);
    assert_eq!(own, Some((loan.clone(), position.clone(), note)));
    // It is no step, and nothing else opens it.
    assert_eq!(renewed.follow(&before, &published), None);
    let other = side.other();
    assert!(
        renewed
            .follow_renewal(&before, &exchange, other, &published)
            .is_none()
    );
    let mut later = before;
    later.debt.sequence += 1;
    assert!(
        renewed
            .follow_renewal(&later, &exchange, side, &published)
            .is_none()
    );
}

#[test]
fn t22_a_renewal_at_another_place() {
    let mut forger = step(LoanCase::Renew);
    forger.witness.loan.as_mut().unwrap().renewed = None;
    forger.reseal().breaks_first_natively(Rule::T2);
    let edits: [fn(&mut RawWitness); 4] = [
        |raw| raw.loan.renews = Fr::from(0u64),
        |raw| raw.loan.spends = Fr::from(0u64),
        |raw| raw.loan.is_opening = Fr::from(0u64),
        |raw| raw.loan.liquidates = Fr::one(),
    ];
    for edit in edits {
        step(LoanCase::Renew).includes_on_wires(edit, Rule::T22);
    }
    for case in [LoanCase::Open, LoanCase::TopUp, LoanCase::Liquidate] {
        step(case).includes_on_wires(|raw| raw.loan.renews = Fr::one(), Rule::T22);
    }
    // A leg that spends a position and makes none.
    step(LoanCase::Lend).includes_on_wires(
        |raw| {
            raw.loan.spends = Fr::one();
            raw.loan.renews = Fr::one();
        },
        Rule::T22,
    );
    // Neither a new loan's leg nor a step of another kind spends one.
    step(LoanCase::Open).includes_on_wires(
        |raw| {
            raw.loan.spends = Fr::one();
            raw.loan.renews = Fr::one();
        },
        Rule::T22,
    );
}

#[test]
fn t23_the_position_of_another_loan() {
    // Other owners, or another salt, would be another pair's loan.
    let edits: [fn(&mut Plan); 3] = [
        |plan| {
            let other = ViewingKey::from_seed(&stranger()).owner;
            plan.renewed.as_mut().unwrap().borrower = other;
        },
        |plan| {
            let other = ViewingKey::from_seed(&stranger()).owner;
            plan.renewed.as_mut().unwrap().lender = other;
        },
        |plan| plan.renewed.as_mut().unwrap().salt = Salt::from_bytes([7; 16]),
    ];
    for edit in edits {
        planned(LoanCase::Renew, edit).breaks_first_natively(Rule::T23);
    }
    // Terms that the spent position does not have.
    let edits: [fn(&mut RawWitness); 5] = [
        |raw| raw.loan.packed_before += Fr::one(),
        |raw| raw.loan.principal_before += Fr::one(),
        |raw| raw.loan.before.amount += Fr::one(),
        |raw| raw.loan.before.accrued += Fr::one(),
        |raw| raw.loan.before.sequence += Fr::one(),
    ];
    for edit in edits {
        step(LoanCase::Renew).includes_on_wires(edit, Rule::T23);
    }
    // Without a renewal the terms stay.
    let edits: [fn(&mut RawWitness); 2] = [
        |raw| raw.loan.packed_before += Fr::one(),
        |raw| raw.loan.principal_before += Fr::one(),
    ];
    for edit in edits {
        for case in [LoanCase::TopUp, LoanCase::Liquidate, LoanCase::Open] {
            step(case).includes_on_wires(edit, Rule::T23);
        }
    }
    // The new position is of the new loan, whatever its collateral was.
    let mut forger = step(LoanCase::Renew);
    forger.witness.outputs[0].note.aux += Fr::one();
    forger.reagree().breaks_only(Rule::T23);
    planned(LoanCase::Renew, |plan| plan.loan.maturity = 1 << 40).breaks_only(Rule::T23);
}

#[test]
fn t25_the_sequence_of_a_renewal_is_the_next() {
    // At 0 it would be what a lender signs for an ordinary loan.
    for sequence in [0, 1 << 30] {
        let mut forger = step(LoanCase::Renew);
        forger.witness.loan.as_mut().unwrap().after.sequence = sequence;
        forger.restate().breaks_only(Rule::T25);
    }
    let mut forger = step(LoanCase::Open);
    forger.witness.loan.as_mut().unwrap().after.sequence = 1;
    forger.restate().breaks_only(Rule::T25);
}

#[test]
fn t26_interest_of_the_new_loan_runs_from_its_start() {
    let mut forger = step(LoanCase::Renew);
    forger.witness.loan.as_mut().unwrap().after.accrued -= 1;
    forger.restate().breaks_only(Rule::T26);
}

#[test]
fn t29_a_renewal_after_the_new_maturity() {
    let at = |maturity| planned(LoanCase::Renew, move |plan| plan.loan.maturity = maturity);
    at(SAMPLE_EXPIRY).holds();
    at(SAMPLE_EXPIRY - 1).breaks_only(Rule::T29);
    // The old one may have passed.
    planned(LoanCase::Renew, |plan| {
        plan.renewed.as_mut().unwrap().maturity = SAMPLE_EXPIRY - 1_000_000;
    })
    .holds();
}

#[test]
fn t30_what_a_renewal_must_be() {
    // Interest from another time, a debt other than the principal, too little collateral.
    planned(LoanCase::Renew, |plan| plan.loan.start -= 1).breaks_only(Rule::T30);
    let mut forger = step(LoanCase::Renew);
    forger.witness.loan.as_mut().unwrap().after.amount -= 1;
    forger.restate().breaks_only(Rule::T30);
    planned(LoanCase::Renew, |plan| plan.left = 1).breaks_only(Rule::T30);
    planned(LoanCase::Renew, |plan| {
        plan.price(ONE / 2);
    })
    .breaks_only(Rule::T30);
    // What the lender adds is the borrower's cash, of the debt asset.
    let mut forger = step(LoanCase::Renew);
    let counter = forger.witness.counter_leg.as_mut().unwrap();
    counter.packed += power_of_two(note::ASSET.offset);
    forger.reagree().breaks_only(Rule::T30);
    let mut forger = step(LoanCase::Renew);
    let counter = forger.witness.counter_leg.as_mut().unwrap();
    counter.owner = OwnerId::new(Fr::from(5u64));
    forger.reagree().breaks_only(Rule::T30);
    let mut forger = step(LoanCase::Renew);
    forger.witness.counter_leg.as_mut().unwrap().aux = Fr::one();
    forger.reagree().breaks_only(Rule::T30);
}

#[test]
fn t35_nobody_but_its_receiver_accepts_a_position() {
    // A borrower who would agree to his own renewal sends the other leg himself.
    planned(LoanCase::Lend, |plan| plan.parties.reverse()).breaks_first(Rule::T35);
    planned(LoanCase::Lend, |plan| plan.parties[0] = stranger()).breaks_only(Rule::T35);
    // A class that no note has, and a word that no note has.
    for excess in [
        power_of_two(note::CLASS.offset),
        power_of_two(note::LAYOUT.fields[2].end()),
    ] {
        let mut forger = step(LoanCase::Lend);
        forger.witness.counter_leg.as_mut().unwrap().packed += excess;
        forger.reagree().breaks_only(Rule::T35);
    }
    // Cash of somebody else is anybody's to accept.
    let mut forger = Forger::leg(Side::A);
    let counter = forger.witness.counter_leg.as_mut().unwrap();
    counter.owner = OwnerId::new(Fr::from(5u64));
    forger.reagree().holds();
}
