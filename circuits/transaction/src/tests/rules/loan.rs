//! Steps on the positions of loans: T17 and T22 to T27.

use super::Forger;
use super::swap::{agree, blind};
use crate::Rule;
use crate::raw::RawWitness;
use crate::samples::{LoanCase, Plan, SAMPLE_ASSETS, SAMPLE_EXPIRY};
use crate::tests::rng;
use crate::witness::Step;
use crate::words::{ANCHOR, HEADER};
use ark_bn254::Fr;
use ark_ff::{One, Zero};
use subrosa_protocol::keys::Seed;
use subrosa_protocol::layout::header;
use subrosa_protocol::loan::{OPENING_AGE, Position, most_seizable, needed, step_keys};
use subrosa_protocol::market::{Price, PriceSnapshot};
use subrosa_protocol::note::{Note, NoteClass};

/// Price of 1.
pub(super) const ONE: u128 = 1_000_000_000_000_000_000;

/// Steps that spend a position.
pub(super) const SPENDS: [LoanCase; 6] = [
    LoanCase::TopUp,
    LoanCase::Repay,
    LoanCase::Release,
    LoanCase::Close,
    LoanCase::Liquidate,
    LoanCase::Overdue,
];

fn plan(case: LoanCase) -> Plan {
    Plan::new(case, &mut rng(41))
}

fn forger(plan: Plan) -> Forger {
    Forger::new(plan.sample(&mut rng(42)))
}

pub(super) fn step(case: LoanCase) -> Forger {
    forger(plan(case))
}

/// Returns a step whose plan is changed first, with everything made consistent.
pub(super) fn planned(case: LoanCase, edit: impl FnOnce(&mut Plan)) -> Forger {
    let mut plan = plan(case);
    edit(&mut plan);
    forger(plan)
}

impl Plan {
    pub(super) fn prices(&mut self) -> &mut PriceSnapshot {
        self.snapshot.as_mut().unwrap()
    }

    pub(super) fn price(&mut self, price: u128) -> &mut Self {
        let market = usize::from(self.loan.market);
        self.prices().prices[market] = Price::flat(price);
        self
    }

    /// Takes a snapshot of this plan's market in which nothing is covered.
    pub(super) fn crash(&mut self) -> &mut Self {
        let mut other = plan(LoanCase::Release);
        assert_eq!(other.loan.market, self.loan.market);
        self.snapshot = Some(*other.prices());
        self.price(ONE / 100)
    }

    /// Sets the collateral that just covers the owed amount by the maintenance margin, minus
    /// `less`.
    pub(super) fn at_maintenance(&mut self, less: u128) -> &mut Self {
        let price = 68 * (ONE / 100);
        let owed = self.owed();
        self.before.collateral = needed(price, 500, owed, 11_000).unwrap() - less;
        self.left =
            self.before.collateral - most_seizable(self.before.collateral, price, owed, 500);
        self
    }
}

impl Forger {
    /// Rebuilds output 0 from the witness of the step.
    pub(super) fn remake(&mut self) -> &mut Self {
        let step = self.witness.loan.as_ref().unwrap();
        let (loan, after) = (&step.loan, step.after);
        let keys = step_keys(&loan.salt, after.sequence);
        let made = &mut self.witness.outputs[0].note;
        *made = if after.amount == 0 {
            Note::cash(made.asset, made.value, loan.borrower, keys.rcm)
        } else {
            let collateral = made.value;
            loan.note(
                &Position {
                    collateral,
                    debt: after,
                },
                keys.rcm,
            )
        };
        self.reseal()
    }

    /// Rebuilds blinding and terms of a leg for a new loan.
    pub(super) fn reagree(&mut self) -> &mut Self {
        let fields = crate::words::Fields::of(&self.words);
        let side = fields.side().unwrap();
        blind(self, side);
        agree(self, side);
        self.reseal()
    }
}

#[test]
fn the_loan_forger_alone_breaks_nothing() {
    for case in LoanCase::ALL {
        let mut forger = step(case);
        forger.plant().register().reseal();
        forger.holds();
    }
    for case in SPENDS {
        step(case).remake().holds();
    }
    for case in [LoanCase::Open, LoanCase::Renew] {
        step(case).reagree().holds();
    }
}

#[test]
fn t17_no_price_or_another_snapshot() {
    for case in [
        LoanCase::Open,
        LoanCase::Renew,
        LoanCase::Release,
        LoanCase::Liquidate,
        LoanCase::Overdue,
    ] {
        // The anchor has no snapshot, or another one than the step uses.
        let of = |edit: fn(Fr) -> Fr| {
            let mut forger = step(case);
            forger.witness.prices = edit(forger.witness.prices);
            forger.anchor();
            forger
        };
        of(|_| Fr::zero()).breaks_only(Rule::T17);
        of(|prices| prices + Fr::one()).breaks_only(Rule::T17);
        let mut forger = step(case);
        let snapshot = &mut forger.witness.loan.as_mut().unwrap().snapshot;
        snapshot.as_mut().unwrap().time += 1;
        forger.breaks_only(Rule::T17);
        let mut forger = step(case);
        let snapshot = &mut forger.witness.loan.as_mut().unwrap().snapshot;
        snapshot.as_mut().unwrap().previous += 1;
        forger.breaks_only(Rule::T17);
        // A snapshot that the step uses and the anchor does not contain.
        step(case).add(ANCHOR, 1, 0).breaks_first(Rule::T3);
    }
}

#[test]
fn t17_times_that_do_not_fit_their_word() {
    // The same word, read as an earlier or later time.
    let shift = Fr::from(1u64 << 40);
    step(LoanCase::Release).breaks_on_wires(
        |raw| {
            raw.loan.prices.time += shift;
            raw.loan.prices.previous -= Fr::one();
        },
        &[Rule::T17],
    );
    planned(LoanCase::Release, |plan| plan.prices().previous = 1 << 40).breaks_only(Rule::T17);
}

#[test]
fn t17_collateral_counts_low_for_the_borrower_and_high_for_the_lender() {
    let apart = |plan: &mut Plan, low: u128, high: u128| {
        let market = usize::from(plan.loan.market);
        plan.prices().prices[market] = Price { low, high };
    };
    for case in [LoanCase::Release, LoanCase::Open] {
        planned(case, |plan| apart(plan, 2 * ONE, 9 * ONE)).holds();
    }
    planned(LoanCase::Release, |plan| apart(plan, 2 * ONE - 1, 9 * ONE)).breaks_only(Rule::T28);
    // A dip that the high price does not follow is no reason to liquidate.
    let low = 68 * (ONE / 100);
    planned(LoanCase::Liquidate, |plan| apart(plan, ONE / 2000, low)).holds();
    planned(LoanCase::Liquidate, |plan| apart(plan, low, 2 * ONE)).breaks_first(Rule::T31);
    // Nor does it let the lender take more.
    planned(LoanCase::Overdue, |plan| apart(plan, 2 * ONE - 2, 2 * ONE)).holds();
    planned(LoanCase::Overdue, |plan| {
        apart(plan, ONE, 2 * ONE);
        plan.left -= 1;
    })
    .breaks_only(Rule::T32);
    // The other half of the word.
    planned(LoanCase::Liquidate, |plan| apart(plan, low, 2 * ONE))
        .includes_on_wires(|raw| raw.loan.below = Fr::one(), Rule::T31);
}

#[test]
fn t17_an_opening_at_an_old_price() {
    let oldest = SAMPLE_EXPIRY - OPENING_AGE;
    for case in [LoanCase::Open, LoanCase::Renew, LoanCase::Release] {
        planned(case, |plan| plan.prices().time = oldest).holds();
        planned(case, |plan| plan.prices().time = oldest - 1).breaks_only(Rule::T17);
    }
}

#[test]
fn t17_a_price_that_is_too_old() {
    for case in [LoanCase::Liquidate, LoanCase::Overdue] {
        let oldest = SAMPLE_EXPIRY - 3_600;
        planned(case, |plan| plan.prices().time = oldest).holds();
        planned(case, |plan| plan.prices().time = oldest - 1).breaks_only(Rule::T17);
        planned(case, |plan| plan.prices().time = 0).breaks_only(Rule::T17);
    }
}

#[test]
fn t17_a_market_without_a_price_or_of_other_assets() {
    let [fee_asset, ..] = SAMPLE_ASSETS;
    let market = |plan: &mut Plan| usize::from(plan.loan.market);
    planned(LoanCase::Liquidate, |plan| {
        plan.price(0);
    })
    .breaks_only(Rule::T17);
    for case in [LoanCase::Release, LoanCase::Open, LoanCase::Liquidate] {
        planned(case, |plan| {
            let at = market(plan);
            plan.prices().markets.0[at].as_mut().unwrap().debt = fee_asset;
        })
        .breaks_only(Rule::T17);
        planned(case, |plan| {
            let at = market(plan);
            plan.prices().markets.0[at].as_mut().unwrap().collateral = fee_asset;
        })
        .breaks_only(Rule::T17);
    }
    // The market of these assets has another number.
    planned(LoanCase::Release, |plan| {
        let at = market(plan);
        let markets = &mut plan.prices().markets.0;
        markets.swap(at, (at + 1) % 16);
    })
    .breaks_first(Rule::T17);
}

#[test]
fn t17_parameters_that_are_not_the_markets() {
    // One unit too little, under margins that would allow it.
    let short = || planned(LoanCase::Release, |plan| plan.left -= 1);
    short().breaks_only(Rule::T28);
    let edits: [fn(&mut RawWitness); 2] = [
        |raw| raw.loan.prices.initial -= Fr::one(),
        |raw| raw.loan.prices.haircut -= Fr::one(),
    ];
    for edit in edits {
        short().breaks_on_wires(edit, &[Rule::T17]);
    }
    // Older than allowed, unless the market had another maximum age.
    planned(LoanCase::Liquidate, |plan| {
        plan.prices().time = SAMPLE_EXPIRY - 3_601
    })
    .breaks_on_wires(|raw| raw.loan.prices.max_age += Fr::one(), &[Rule::T17]);
    // Another price, another time, another root.
    let edits: [fn(&mut RawWitness); 3] = [
        |raw| {
            raw.loan
                .prices
                .words
                .iter_mut()
                .for_each(|word| *word += Fr::one())
        },
        |raw| raw.loan.prices.time += Fr::one(),
        |raw| raw.loan.prices.market_root += Fr::one(),
    ];
    for edit in edits {
        step(LoanCase::Release).breaks_on_wires(edit, &[Rule::T17]);
    }
}

#[test]
fn t17_a_price_that_predates_the_loan() {
    for case in [LoanCase::Release, LoanCase::Liquidate, LoanCase::Overdue] {
        let at = |later: u64| {
            planned(case, move |plan| {
                let (time, owed) = (plan.prices().time, plan.owed());
                plan.loan.start = time + later;
                assert_eq!(plan.owed(), owed);
            })
        };
        at(0).holds();
        at(1).breaks_only(Rule::T17);
    }
}

#[test]
fn t22_a_position_without_a_step() {
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].note.class = NoteClass::Position;
    forger.plant().reseal().breaks_only(Rule::T22);
    let mut forger = Forger::transfer();
    forger.witness.outputs[0].note.class = NoteClass::Position;
    forger.reseal().breaks_only(Rule::T22);
    // Spent with its owner's keys, as the owner's cash: the lender spends a position that it holds.
    for case in SPENDS {
        let mut forger = step(case);
        let lenders = forger.witness.loan.as_ref().unwrap().step == Step::Liquidate;
        forger.witness.loan = None;
        let rule = if lenders { Rule::T22 } else { Rule::T2 };
        forger.reseal().breaks_first(rule);
    }
    for kind in [Forger::withdraw, Forger::padding, Forger::transfer] {
        kind().includes_on_wires(|raw| raw.loan.is_opening = Fr::one(), Rule::T22);
    }
    kind_of_leg(|raw| raw.loan.spends = Fr::one());
    for kind in [Forger::withdraw, Forger::padding] {
        kind().includes_on_wires(|raw| raw.loan.spends = Fr::one(), Rule::T22);
    }
    Forger::transfer().includes_on_wires(|raw| raw.loan.liquidates = Fr::one(), Rule::T22);
}

fn kind_of_leg(edit: fn(&mut RawWitness)) {
    step(LoanCase::Lend).includes_on_wires(edit, Rule::T22);
    step(LoanCase::Open).includes_on_wires(edit, Rule::T22);
}

#[test]
fn t22_a_position_that_is_nowhere() {
    let mut forger = planned(LoanCase::TopUp, |plan| {
        plan.left -= plan.before.collateral;
        plan.before.collateral = 0;
    });
    forger.witness.inputs[0].dummy = true;
    forger.reseal().breaks_only(Rule::T22);
}

#[test]
fn t22_debt_without_a_position_and_the_other_way_round() {
    let mut forger = step(LoanCase::TopUp);
    forger.witness.outputs[0].note.class = NoteClass::Cash;
    forger.reseal().breaks_only(Rule::T22);
    let mut forger = step(LoanCase::Close);
    forger.witness.outputs[0].note.class = NoteClass::Position;
    forger.reseal().breaks_only(Rule::T22);
    // Flags other than 0 and 1, and a debt that is claimed to be zero.
    let edits: [fn(&mut RawWitness); 3] = [
        |raw| raw.loan.is_opening = Fr::from(2u64),
        |raw| raw.loan.spends = Fr::from(2u64),
        |raw| raw.loan.liquidates = -Fr::one(),
    ];
    for edit in edits {
        step(LoanCase::TopUp).includes_on_wires(edit, Rule::T22);
    }
}

#[test]
fn t23_another_loan_or_another_debt() {
    for case in SPENDS {
        let mut forger = step(case);
        forger.witness.inputs[0].note.aux += Fr::one();
        forger.plant().reseal().breaks_only(Rule::T23);
    }
    for case in [LoanCase::TopUp, LoanCase::Repay, LoanCase::Release] {
        let mut forger = step(case);
        forger.witness.outputs[0].note.aux += Fr::one();
        forger.reseal().breaks_only(Rule::T23);
    }
    let mut forger = step(LoanCase::Open);
    forger.witness.outputs[0].note.aux += Fr::one();
    forger.reagree().breaks_only(Rule::T23);
    let mut forger = Forger::transfer();
    forger.witness.outputs[0].note.aux = Fr::one();
    forger.reseal().breaks_only(Rule::T23);
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].note.aux = Fr::one();
    forger.plant().reseal().breaks_only(Rule::T23);
    // Fields of the loan that the position does not have.
    let edits: [fn(&mut RawWitness); 10] = [
        |raw| raw.loan.borrower += Fr::one(),
        |raw| raw.loan.debt += Fr::one(),
        |raw| raw.loan.principal += Fr::one(),
        |raw| raw.loan.rate += Fr::one(),
        |raw| raw.loan.start += Fr::one(),
        |raw| raw.loan.maturity += Fr::one(),
        |raw| raw.loan.collateral += Fr::one(),
        |raw| raw.loan.before.amount += Fr::one(),
        |raw| raw.loan.before.accrued += Fr::one(),
        |raw| raw.loan.before.sequence += Fr::one(),
    ];
    for edit in edits {
        step(LoanCase::TopUp).includes_on_wires(edit, Rule::T23);
    }
}

#[test]
fn t23_fields_out_of_range() {
    let edits: [fn(&mut Plan); 6] = [
        |plan| plan.loan.market = 16,
        |plan| plan.loan.rate = 1 << 24,
        |plan| plan.loan.maturity = 1 << 40,
        |plan| plan.loan.start = 1 << 40,
        |plan| plan.loan.principal = 1 << 112,
        |plan| plan.before.debt.accrued = 1 << 40,
    ];
    for edit in edits {
        planned(LoanCase::TopUp, |plan| {
            edit(plan);
            plan.debt = plan.owed();
        })
        .breaks_only(Rule::T23);
    }
}

#[test]
fn t24_somebody_else_acts() {
    for case in SPENDS.into_iter().chain([LoanCase::Open, LoanCase::Renew]) {
        let stranger = Seed::from_bytes([77; 32]);
        planned(case, |plan| plan.parties[0] = stranger).breaks_only(Rule::T24);
        planned(case, |plan| plan.parties.reverse()).breaks_only(Rule::T24);
    }
    // The lender claims to be the borrower.
    planned(LoanCase::Close, |plan| plan.parties.reverse())
        .includes_on_wires(|raw| raw.loan.liquidates = Fr::one(), Rule::T31);
}

#[test]
fn t25_the_successor_of_another_owner_or_sequence() {
    for case in SPENDS {
        let mut forger = step(case);
        let loan = &forger.witness.loan.as_ref().unwrap().loan;
        let [borrower, lender] = [loan.borrower, loan.lender];
        let owner = &mut forger.witness.outputs[0].note.owner;
        *owner = if *owner == lender { borrower } else { lender };
        forger.reseal().breaks_only(Rule::T25);

        for sequence in [-1i64, 1] {
            let mut forger = step(case);
            let after = &mut forger.witness.loan.as_mut().unwrap().after;
            after.sequence = after.sequence.checked_add_signed(sequence as i32).unwrap();
            let changed = after.sequence;
            // The sequence blinds a repayment too.
            let loan = forger.witness.loan.as_ref().unwrap();
            let rcm = step_keys(&loan.loan.salt, changed).repayment;
            if loan.loan.debt == forger.witness.outputs[1].note.asset {
                forger.witness.outputs[1].note.rcm = rcm;
            }
            forger.remake().breaks_only(Rule::T25);
        }
    }
    // Against the terms: the digest does not fit natively either.
    let mut forger = step(LoanCase::Open);
    let step = forger.witness.loan.as_mut().unwrap();
    step.after.sequence = 1;
    forger.witness.outputs[0].note.aux = step.loan.aux(&step.after);
    forger.reagree().breaks_only(Rule::T25);
}

#[test]
fn t26_interest_that_is_not_due_or_not_paid() {
    for case in [LoanCase::TopUp, LoanCase::Release] {
        let mut forger = step(case);
        let stepped = forger.witness.loan.as_mut().unwrap();
        stepped.owed -= 1;
        stepped.after.amount -= 1;
        forger.remake().breaks_only(Rule::T26);
        // Interest up to another time than the expiry.
        let mut forger = step(case);
        let stepped = forger.witness.loan.as_mut().unwrap();
        stepped.after.accrued -= 1;
        forger.remake().breaks_only(Rule::T26);
    }
    // A lender's interest is rounded down, whatever it claims.
    for owed in [u128::wrapping_add, u128::wrapping_sub] {
        // It takes less than it may, so that less could be claimed.
        let mut forger = planned(LoanCase::Liquidate, |plan| {
            let less = plan.left / 64;
            plan.left += less;
        });
        let stepped = forger.witness.loan.as_mut().unwrap();
        stepped.owed = owed(stepped.owed, 1);
        forger.breaks_only(Rule::T26);
    }
    let mut forger = step(LoanCase::Open);
    let stepped = forger.witness.loan.as_mut().unwrap();
    stepped.after.accrued += 1;
    forger.witness.outputs[0].note.aux = stepped.loan.aux(&stepped.after);
    forger.reagree().breaks_only(Rule::T26);
    // Time runs backwards: interest is not taken back.
    planned(LoanCase::TopUp, |plan| {
        plan.before.debt.accrued = SAMPLE_EXPIRY + 5;
        plan.debt = plan.owed();
    })
    .holds();
    let mut forger = planned(LoanCase::TopUp, |plan| {
        plan.before.debt.accrued = SAMPLE_EXPIRY + 5;
        plan.debt = plan.owed();
    });
    let stepped = forger.witness.loan.as_mut().unwrap();
    stepped.after.accrued = SAMPLE_EXPIRY;
    forger.remake().breaks_only(Rule::T26);
    // A header with another expiry.
    step_with_expiry(-1);
    step_with_expiry(1);
}

fn step_with_expiry(later: i64) {
    step(LoanCase::TopUp)
        .add(HEADER, later, header::EXPIRY.offset)
        .breaks_only(Rule::T26);
}

#[test]
fn t27_a_repayment_that_is_short_or_goes_elsewhere() {
    for case in [LoanCase::Repay, LoanCase::Close] {
        let mut forger = step(case);
        forger.witness.outputs[1].note.value -= 1;
        forger.witness.outputs[2].note.value += 1;
        forger.reseal().breaks_only(Rule::T27);
        let mut forger = step(case);
        forger.witness.outputs[1].note.value += 1;
        forger.witness.outputs[2].note.value -= 1;
        forger.reseal().breaks_only(Rule::T27);
        let mut forger = step(case);
        forger.witness.outputs[1].note.owner = forger.witness.outputs[2].note.owner;
        forger.reseal().breaks_only(Rule::T27);
        // A repayment that the lender cannot open.
        let mut forger = step(case);
        forger.witness.outputs[1].note.rcm += Fr::one();
        forger.reseal().breaks_only(Rule::T27);
    }
    // Debt that falls without a payment, and debt that grows.
    let mut forger = step(LoanCase::TopUp);
    forger.witness.loan.as_mut().unwrap().after.amount -= 1;
    forger.remake().breaks_only(Rule::T27);
    let mut forger = step(LoanCase::TopUp);
    forger.witness.loan.as_mut().unwrap().after.amount += 1;
    forger.remake().breaks_only(Rule::T27);
}
