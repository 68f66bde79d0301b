//! Legality of the steps on positions, and disclosure of their results: T28 to T33.

use super::loan::{ONE, SPENDS, planned, step};
use super::{Forger, next};
use crate::Rule;
use crate::raw::RawWitness;
use crate::samples::{LoanCase, Plan, SAMPLE_ASSETS, SAMPLE_EXPIRY};
use crate::words::{DISCLOSURE, power_of_two};
use ark_bn254::Fr;
use ark_ff::{One, Zero};
use subrosa_protocol::layout::word::NOTE_DATA;
use subrosa_protocol::layout::{disclosure_word, note};
use subrosa_protocol::loan::{
    CURE, LAPSE, LAPSE_AGE, RAMP_BITS, most_seizable, needed, overdue_bonus, step_keys,
};
use subrosa_protocol::swap::Salt;

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
fn t30_a_loan_exchanged_for_another_amount() {
    let edits: [fn(&mut crate::CounterLeg); 3] = [
        |counter| counter.packed -= power_of_two(note::VALUE.offset),
        |counter| counter.owner = next(counter.owner),
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
fn t30_a_loan_that_the_initial_margin_does_not_cover() {
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
fn t30_a_loan_that_does_not_start_at_its_expiry() {
    // Later prices alone serve against the borrower (T17), and no interest is owed at once.
    for later in [-1i64, 1, -86_400] {
        planned(LoanCase::Open, move |plan| {
            plan.loan.start = plan.loan.start.checked_add_signed(later).unwrap();
            plan.before.debt.accrued = plan.loan.start;
            plan.spent.last_mut().unwrap().1 += plan.left;
            plan.left *= 2;
        })
        .breaks_only(Rule::T30);
    }
    // Claims about the debt before do not help.
    let mut forger = step(LoanCase::Open);
    let stepped = forger.witness.loan.as_mut().unwrap();
    stepped.before.accrued -= 1;
    stepped.owed = stepped.loan.owed(&stepped.before, SAMPLE_EXPIRY).unwrap();
    forger.breaks_only(Rule::T30);
    let mut forger = step(LoanCase::Open);
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
fn t31_a_healthy_position_before_maturity() {
    planned(LoanCase::Liquidate, |plan| {
        plan.at_maintenance(1);
    })
    .holds();
    planned(LoanCase::Liquidate, |plan| {
        plan.at_maintenance(0);
    })
    .breaks_only(Rule::T31);
    let healthy = |more: u64| {
        planned(LoanCase::Overdue, |plan| {
            plan.loan.maturity = plan.window[0] - CURE - more;
            plan.left = plan.before.collateral - most_seizable(u128::MAX, 2 * ONE, plan.owed(), 0);
        })
    };
    healthy(1).holds();
    healthy(0).breaks_first(Rule::T31);
    healthy(0).includes_on_wires(|raw| raw.loan.below = Fr::one(), Rule::T31);
}

/// Returns a liquidation at the end of 90 days, or `more` seconds later, of a collateral whose
/// market has no price.
fn lapsed(more: i64, edit: impl FnOnce(&mut Plan)) -> Forger {
    planned(LoanCase::Overdue, |plan| {
        plan.price(0);
        plan.loan.maturity = (plan.window[0] - LAPSE).checked_add_signed(-more).unwrap();
        plan.loan.start = plan.loan.maturity - 1;
        plan.left = 0;
        edit(plan);
    })
}

#[test]
fn t31_without_a_price_only_long_after_maturity() {
    lapsed(1, |_| {}).holds();
    lapsed(0, |_| {}).breaks_first(Rule::T17);
    lapsed(0, |_| {}).includes_on_wires(|raw| raw.loan.lapses = Fr::one(), Rule::T31);
    // The borrower always needs a price.
    planned(LoanCase::Release, |plan| plan.loan.maturity = SAMPLE_EXPIRY)
        .includes_on_wires(|raw| raw.loan.lapses = Fr::one(), Rule::T31);
    // Debt must not remain.
    let mut forger = lapsed(1, |_| {});
    forger.witness.loan.as_mut().unwrap().after.amount = 1;
    forger.remake().breaks_only(Rule::T32);
}

#[test]
fn t17_without_a_price_only_if_there_is_none() {
    // A lender who could take all is held to the price that exists.
    let priced = || lapsed(1, |plan| plan.price(2 * ONE).left = 1);
    priced().breaks_only(Rule::T32);
    priced().breaks_on_wires(|raw| raw.loan.lapses = Fr::one(), &[Rule::T17]);
    // The snapshot that shows the lack is the anchor's, and at most a day old.
    lapsed(1, |plan| plan.snapshot = None).breaks_first(Rule::T17);
    let aged = |more: u64| {
        lapsed(1, |plan| {
            plan.prices().time = SAMPLE_EXPIRY - LAPSE_AGE - more;
        })
    };
    aged(0).holds();
    aged(1).breaks_only(Rule::T17);
    let mut forger = lapsed(1, |_| {});
    forger.witness.prices += Fr::one();
    forger.anchor().breaks_only(Rule::T17);
    // A market of other assets is none for this loan, whatever its price.
    let [fee_asset, ..] = SAMPLE_ASSETS;
    lapsed(1, |plan| {
        let at = usize::from(plan.loan.market);
        plan.price(2 * ONE);
        plan.prices().markets.0[at].as_mut().unwrap().debt = fee_asset;
    })
    .holds();
    // Nor is a number without a market.
    lapsed(1, |plan| {
        let at = usize::from(plan.loan.market);
        plan.prices().markets.0[at] = None;
    })
    .holds();
    // Assets that are not the market's.
    priced().breaks_on_wires(
        |raw| {
            raw.loan.lapses = Fr::one();
            raw.loan.prices.assets += Fr::one();
        },
        &[Rule::T17],
    );
}

#[test]
fn t32_a_bonus_that_rises_after_the_cure_period() {
    // `passed` seconds after it, with the most that is seizable and a unit more.
    let seized = |passed: u64, bonus: u16, more: u128| {
        planned(LoanCase::Overdue, move |plan| {
            plan.loan.maturity = plan.window[0] - CURE - 1 - passed;
            let (held, owed) = (plan.before.collateral, plan.owed());
            plan.left = held - most_seizable(held, 2 * ONE, owed, bonus) - more;
        })
    };
    let whole = 1u64 << RAMP_BITS;
    // 500 basis points a ramp: one for each 1,048.576 seconds.
    for (passed, bonus) in [
        (0, 0),
        (1_048, 0),
        (1_049, 1),
        (whole - 1, 499),
        (whole, 500),
        (2 * whole, 500),
    ] {
        assert_eq!(overdue_bonus(500, 7, 7 + CURE + 1 + passed), Some(bonus));
        seized(passed, bonus, 0).holds();
        seized(passed, bonus, 1).breaks_only(Rule::T32);
    }
    assert_eq!(overdue_bonus(500, 7, 7 + CURE), None);
    // Below the margin the whole bonus is due at once, but only below.
    seized(0, 500, 0).breaks_only(Rule::T32);
    seized(0, 500, 0).breaks_on_wires(|raw| raw.loan.below = Fr::one(), &[Rule::T31]);
}

#[test]
fn t32_a_part_of_the_debt() {
    let price = 68 * (ONE / 100);
    let part = |cleared: fn(u128) -> u128, more: u128| {
        planned(LoanCase::Liquidate, move |plan| {
            let (held, owed) = (plan.before.collateral, plan.owed());
            plan.debt = owed - cleared(owed);
            plan.left = held - most_seizable(held, price, cleared(owed), 500) - more;
        })
    };
    for cleared in [
        |owed: u128| owed / 2,
        |owed: u128| owed.div_ceil(256),
        |owed: u128| owed - 1,
    ] {
        part(cleared, 0).holds();
        part(cleared, 1).breaks_only(Rule::T32);
    }
    // Less than one part in 256, nothing, or less than nothing.
    part(|owed: u128| owed.div_ceil(256) - 1, 0).breaks_only(Rule::T32);
    part(|_| 0, 0).breaks_only(Rule::T32);
    let mut forger = part(|owed| owed / 2, 0);
    let stepped = forger.witness.loan.as_mut().unwrap();
    stepped.after.amount = stepped.owed + 1;
    forger.remake().breaks_only(Rule::T32);
    // The successor of a part is the lender's position, not cash.
    let mut forger = part(|owed| owed / 2, 0);
    let stepped = forger.witness.loan.as_ref().unwrap();
    forger.witness.outputs[0].note.owner = stepped.loan.borrower;
    forger.reseal().breaks_only(Rule::T25);
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
        // A unit of debt that remains is a unit that is not cleared.
        let mut forger = step(case);
        let stepped = forger.witness.loan.as_mut().unwrap();
        stepped.after.amount = stepped.owed / 2;
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
fn t33_a_disclosure_that_the_other_party_cannot_open() {
    for case in SPENDS.into_iter().chain([LoanCase::Open]) {
        for word in DISCLOSURE {
            step(case).add(word, 1, 0).breaks_only(Rule::T33);
            step(case)
                .add(word, 1, disclosure_word::SUM.end() - 1)
                .breaks_only(Rule::T33);
            step(case)
                .add(word, 1, disclosure_word::FILLER.end())
                .breaks_only(Rule::T33);
            // The filler above the mask enters the hash that gives the masks.
            step(case)
                .add(word, 1, disclosure_word::FILLER.offset)
                .breaks_only(Rule::T33);
        }
        // Sealed under another secret.
        let mut forger = step(case);
        let step = forger.witness.loan.as_mut().unwrap();
        let keys = step_keys(&Salt::from_bytes([3; 16]), step.after.sequence);
        let made = forger.witness.outputs[0].note;
        let disclosure = step.loan.disclosure(made.value, &step.after);
        let words = disclosure.seal(&keys, &made.commitment(), [1, 2]);
        forger.words[DISCLOSURE].copy_from_slice(&words);
        forger.breaks_only(Rule::T33);
    }
    for case in SPENDS {
        let mut forger = step(case);
        forger.witness.outputs[0].note.rcm += Fr::one();
        forger.reseal().breaks_only(Rule::T33);
        // The third word holds filler alone.
        step(case).add(NOTE_DATA.end - 1, 1, 0).holds();
    }
}
