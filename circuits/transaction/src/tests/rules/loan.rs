//! Steps on the positions of loans: T17 and T22 to T33.

use super::Forger;
use super::swap::{agree, blind};
use crate::Rule;
use crate::raw::RawWitness;
use crate::samples::{LoanCase, Plan, SAMPLE_ASSETS, SAMPLE_EXPIRY};
use crate::tests::rng;
use crate::witness::Step;
use crate::words::{HEADER, DISCLOSURE, ORACLE};
use ark_bn254::Fr;
use ark_ff::{One, Zero};
use subrosa_protocol::keys::Seed;
use subrosa_protocol::loan::{LAPSE, Position, most_seizable, needed, step_keys};
use subrosa_protocol::market::Snapshot;
use subrosa_protocol::note::{Note, NoteClass};
use subrosa_protocol::swap::Salt;

const ONE: u128 = 1_000_000_000_000_000_000;

/// Steps that spend a position.
const SPENDS: [LoanCase; 6] = [
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

fn step(case: LoanCase) -> Forger {
    forger(plan(case))
}

/// Returns a step whose plan is changed first, with everything made consistent.
fn planned(case: LoanCase, edit: impl FnOnce(&mut Plan)) -> Forger {
    let mut plan = plan(case);
    edit(&mut plan);
    forger(plan)
}

impl Plan {
    fn prices(&mut self) -> &mut Snapshot {
        self.snapshot.as_mut().unwrap()
    }

    fn price(&mut self, price: u128) -> &mut Self {
        let market = usize::from(self.loan.market);
        self.prices().prices[market] = price;
        self
    }

    /// Takes a snapshot of this plan's market in which nothing is covered.
    fn crash(&mut self) -> &mut Self {
        let mut other = plan(LoanCase::Release);
        assert_eq!(other.loan.market, self.loan.market);
        self.snapshot = Some(*other.prices());
        self.price(ONE / 100)
    }

    /// Sets the collateral that just covers the owed amount by the maintenance margin, minus
    /// `less`.
    fn at_maintenance(&mut self, less: u128) -> &mut Self {
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
    fn remake(&mut self) -> &mut Self {
        let step = self.witness.loan.as_ref().unwrap();
        let (loan, after) = (&step.loan, step.after);
        let keys = step_keys(&loan.salt, after.sequence);
        let made = &mut self.witness.outputs[0].note;
        *made = if after.amount == 0 {
            Note::cash(made.asset, made.value, loan.borrower.owner, keys.rcm)
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
    fn reagree(&mut self) -> &mut Self {
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
    step(LoanCase::Open).reagree().holds();
}

#[test]
fn t17_no_price_or_another_snapshot() {
    for case in [
        LoanCase::Open,
        LoanCase::Release,
        LoanCase::Liquidate,
        LoanCase::Overdue,
    ] {
        let mut forger = step(case);
        forger.words[ORACLE] = Fr::zero();
        forger.breaks_only(Rule::T17);
        // Prices that the named snapshot does not contain.
        step(case).add(ORACLE, 1, 0).breaks_only(Rule::T17);
        let mut forger = step(case);
        let snapshot = &mut forger.witness.loan.as_mut().unwrap().snapshot;
        snapshot.as_mut().unwrap().time += 1;
        forger.breaks_only(Rule::T17);
    }
}

#[test]
fn t17_a_price_that_is_too_old() {
    for case in [
        LoanCase::Open,
        LoanCase::Release,
        LoanCase::Liquidate,
        LoanCase::Overdue,
    ] {
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
    planned(LoanCase::Release, |plan| {
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
    for case in SPENDS.into_iter().chain([LoanCase::Open]) {
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
        let [borrower, lender] = [loan.borrower.owner, loan.lender.owner];
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
    let mut forger = step(LoanCase::Liquidate);
    forger.witness.loan.as_mut().unwrap().owed += 1;
    forger.breaks_only(Rule::T26);
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
        .add(HEADER, later, 120)
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

#[test]
fn t28_a_step_that_improves_too_little() {
    let least = |amount: u128| amount.div_ceil(256);
    let top_up = |less: u128| {
        move |plan: &mut Plan| {
            let added = least(plan.before.collateral) - less;
            plan.left = plan.before.collateral + added;
            plan.spent.last_mut().unwrap().1 = added;
            plan.crash();
        }
    };
    planned(LoanCase::TopUp, top_up(0)).holds();
    planned(LoanCase::TopUp, top_up(1)).breaks_only(Rule::T28);
    let repay = |less: u128| {
        move |plan: &mut Plan| {
            let repaid = least(plan.owed()) - less;
            plan.debt = plan.owed() - repaid;
            plan.spent.last_mut().unwrap().1 = repaid;
            plan.crash();
        }
    };
    planned(LoanCase::Repay, repay(0)).holds();
    planned(LoanCase::Repay, repay(1)).breaks_only(Rule::T28);
    // Much is repaid, but one unit of collateral is taken.
    planned(LoanCase::Repay, |plan| {
        plan.left -= 1;
        plan.spent.last_mut().unwrap().1 = plan.repaid();
        plan.crash();
    })
    .breaks_only(Rule::T28);
    // All but one unit of the owed amount is repaid.
    planned(LoanCase::Close, |plan| {
        plan.debt = 1;
        plan.left = 0;
        plan.spent.last_mut().unwrap().1 = plan.repaid();
        plan.crash();
    })
    .breaks_only(Rule::T28);
}

#[test]
fn t28_a_release_that_the_initial_margin_does_not_cover() {
    step(LoanCase::Release).holds();
    planned(LoanCase::Release, |plan| plan.left -= 1).breaks_only(Rule::T28);
    planned(LoanCase::Release, |plan| plan.left = 0).breaks_only(Rule::T28);
    planned(LoanCase::Release, |plan| {
        plan.price(2 * ONE - 1);
    })
    .breaks_only(Rule::T28);
    // Other reasons, which do not hold either.
    let claim = |reason: fn(&mut RawWitness)| {
        planned(LoanCase::Release, |plan| plan.left -= 1).breaks_on_wires(
            |raw| {
                raw.loan.covered = Fr::zero();
                reason(raw);
            },
            &[Rule::T28],
        );
    };
    claim(|_| {});
    claim(|raw| raw.loan.adds = Fr::one());
    claim(|raw| raw.loan.repays = Fr::one());
    // A reason with a weight other than 0 and 1.
    planned(LoanCase::Release, |plan| plan.left -= 1).includes_on_wires(
        |raw| {
            raw.loan.adds = Fr::from(2u64);
            raw.loan.repays = -Fr::one();
        },
        Rule::T28,
    );
}

#[test]
fn t29_after_maturity() {
    for case in [
        LoanCase::TopUp,
        LoanCase::Repay,
        LoanCase::Release,
        LoanCase::Open,
    ] {
        planned(case, |plan| plan.loan.maturity = SAMPLE_EXPIRY).holds();
        planned(case, |plan| plan.loan.maturity = SAMPLE_EXPIRY - 1).breaks_only(Rule::T29);
    }
    for case in [LoanCase::Close, LoanCase::Liquidate] {
        planned(case, |plan| plan.loan.maturity = SAMPLE_EXPIRY - 1).holds();
    }
}

#[test]
fn t30_an_opening_that_is_not_what_is_lent() {
    let edits: [fn(&mut crate::CounterLeg); 3] = [
        |counter| counter.packed -= Fr::from(1u64 << 24),
        |counter| counter.owner += Fr::one(),
        |counter| counter.aux += Fr::one(),
    ];
    for edit in edits {
        let mut forger = step(LoanCase::Open);
        edit(forger.witness.counter_leg.as_mut().unwrap());
        forger.reagree().breaks_only(Rule::T30);
    }
    // The debt is less than the principal.
    let mut forger = step(LoanCase::Open);
    let step = forger.witness.loan.as_mut().unwrap();
    step.after.amount -= 1;
    forger.witness.outputs[0].note.aux = step.loan.aux(&step.after);
    forger.reagree().breaks_only(Rule::T30);
}

#[test]
fn t30_an_opening_that_the_initial_margin_does_not_cover() {
    let at = |less: u128| {
        move |plan: &mut Plan| {
            let least = needed(2 * ONE, 500, plan.owed(), 12_500).unwrap();
            plan.left = least - less;
        }
    };
    let spent = |plan: &mut Plan| plan.spent.last_mut().unwrap().1 = plan.left;
    planned(LoanCase::Open, |plan| {
        at(0)(plan);
        spent(plan);
    })
    .holds();
    planned(LoanCase::Open, |plan| {
        at(1)(plan);
        spent(plan);
    })
    .breaks_only(Rule::T30);
}

#[test]
fn t30_an_opening_of_another_day() {
    // Interest of the time before is owed at once and must be covered.
    let begun = |days: u64, covered: bool| {
        planned(LoanCase::Open, move |plan| {
            plan.loan.start -= days * 86_400;
            plan.before.debt.accrued = plan.loan.start;
            let debt = if covered {
                plan.owed()
            } else {
                plan.loan.principal
            };
            plan.left = needed(2 * ONE, 500, debt, 12_500).unwrap();
            plan.spent.last_mut().unwrap().1 = plan.left;
        })
    };
    begun(1_000, true).holds();
    begun(1_000, false).breaks_only(Rule::T30);
    // Whatever is claimed to have been owed before.
    let mut forger = begun(1_000, false);
    let stepped = forger.witness.loan.as_mut().unwrap();
    stepped.before.accrued = SAMPLE_EXPIRY;
    stepped.owed = stepped.before.amount;
    forger.breaks_only(Rule::T30);
    let mut forger = begun(1_000, false);
    let stepped = forger.witness.loan.as_mut().unwrap();
    stepped.before.amount = 0;
    stepped.owed = 0;
    forger.breaks_only(Rule::T30);
    // Blinded and agreed under one salt, sealed under another.
    let mut forger = step(LoanCase::Open);
    let stepped = forger.witness.loan.as_mut().unwrap();
    stepped.loan.salt = Salt::from_bytes([9; 16]);
    forger.witness.outputs[0].note.aux = stepped.loan.aux(&stepped.after);
    forger.reagree().breaks_first_natively(Rule::T30);
}

#[test]
fn t17_a_price_of_before_the_loan() {
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
fn t31_a_healthy_position_before_maturity() {
    planned(LoanCase::Liquidate, |plan| {
        plan.at_maintenance(1);
    })
    .holds();
    planned(LoanCase::Liquidate, |plan| {
        plan.at_maintenance(0);
    })
    .breaks_only(Rule::T31);
    let healthy = |less: u64| {
        planned(LoanCase::Overdue, |plan| {
            plan.loan.maturity = plan.window[0] - less;
        })
    };
    healthy(1).holds();
    healthy(0).breaks_only(Rule::T31);
    healthy(0).breaks_on_wires(|raw| raw.loan.below = Fr::one(), &[Rule::T31]);
}

#[test]
fn t31_without_a_price_only_long_after_maturity() {
    let lapsed = |more: i64| {
        planned(LoanCase::Overdue, |plan| {
            plan.snapshot = None;
            plan.loan.maturity = (plan.window[0] - LAPSE).checked_add_signed(-more).unwrap();
            plan.loan.start = plan.loan.maturity - 1;
            plan.left = 0;
        })
    };
    lapsed(1).holds();
    lapsed(0).breaks_first(Rule::T17);
    lapsed(0).breaks_on_wires(|raw| raw.loan.lapses = Fr::one(), &[Rule::T31]);
    // The borrower always needs a price.
    planned(LoanCase::Release, |plan| plan.loan.maturity = SAMPLE_EXPIRY)
        .includes_on_wires(|raw| raw.loan.lapses = Fr::one(), Rule::T31);
    // Debt must not remain.
    let mut forger = lapsed(1);
    forger.witness.loan.as_mut().unwrap().after.amount = 1;
    forger.remake().breaks_only(Rule::T32);
}

#[test]
fn t32_more_than_is_seizable() {
    for case in [LoanCase::Liquidate, LoanCase::Overdue] {
        planned(case, |plan| plan.left -= 1).breaks_only(Rule::T32);
        planned(case, |plan| plan.left = 0).breaks_only(Rule::T32);
        // The lender may take less.
        planned(case, |plan| plan.left += 1).holds();
        planned(case, |plan| plan.left = plan.before.collateral).holds();
        // A negative seizure is not allowed.
        planned(case, |plan| {
            plan.left = plan.before.collateral + 5;
            plan.spent.push((plan.loan.collateral, 5));
        })
        .breaks_only(Rule::T32);
        let mut forger = step(case);
        forger.witness.loan.as_mut().unwrap().after.amount = 1;
        forger.remake().breaks_only(Rule::T32);
    }
    // The collateral is worth less than the owed amount: all of it may be taken, and no more.
    planned(LoanCase::Liquidate, |plan| {
        plan.price(1);
        plan.left = 0;
    })
    .holds();
}

#[test]
fn t33_what_the_other_party_cannot_open() {
    for case in SPENDS.into_iter().chain([LoanCase::Open]) {
        for word in [DISCLOSURE, DISCLOSURE + 1] {
            step(case).add(word, 1, 0).breaks_only(Rule::T33);
            step(case).add(word, 1, 215).breaks_only(Rule::T33);
            step(case).add(word, 1, 248).breaks_only(Rule::T33);
            // The filler above the mask enters the hash that gives the masks.
            step(case).add(word, 1, 216).breaks_only(Rule::T33);
        }
        // Sealed under another secret.
        let mut forger = step(case);
        let step = forger.witness.loan.as_mut().unwrap();
        let keys = step_keys(&Salt::from_bytes([3; 16]), step.after.sequence);
        let made = forger.witness.outputs[0].note;
        let opening = step.loan.opening(made.value, &step.after);
        let words = opening.seal(&keys, &made.commitment(), [1, 2]);
        forger.words[DISCLOSURE..DISCLOSURE + 2].copy_from_slice(&words);
        forger.breaks_only(Rule::T33);
    }
    for case in SPENDS {
        let mut forger = step(case);
        forger.witness.outputs[0].note.rcm += Fr::one();
        forger.reseal().breaks_only(Rule::T33);
    }
}
