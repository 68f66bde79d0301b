//! Who may take which step: T24, T25 and T27 to T32 (spec: *Collateral*, Steps).

use crate::Rule;
use crate::gadgets::range::range;
use crate::gadgets::wide::{FACTOR, Wide};
use crate::gadgets::{Builder, Num, Synthesis, nonzero};
use crate::parts::wires::{CounterWires, HeaderWires, LoanWires, MarketWires, NotesWires};
use crate::raw::RawWitness;
use crate::witness::{LoanWitness, Step, Witness};
use crate::words::{Fields, TIME_BITS, VALUE_BITS, field, pack};
use ark_bn254::Fr;
use ark_ff::{PrimeField, Zero};
use subrosa_protocol::element::OwnerId;
use subrosa_protocol::layout::{market as parameters, note as fields};
use subrosa_protocol::loan::{
    CURE, IMPROVEMENT, RAMP_BITS, clears, covers, overdue_bonus, seizable, step_keys,
};
use subrosa_protocol::market::{BASIS, Market, PRICE_BITS, PRICE_SCALE};
use subrosa_protocol::note::{self, NoteClass};

// price·(10⁴ − haircut) fits a factor. A haircut above 10⁴ belongs to no market, and no step uses a
// price with it.
const _: () = assert!(PRICE_BITS as usize + 14 <= FACTOR);

/// Checks the rules natively.
pub(super) fn check(
    step: &LoanWitness,
    witness: &Witness,
    fields: &Fields,
    owner: OwnerId,
    priced: Option<(&Market, u128)>,
) -> Result<(), Rule> {
    let loan = &step.loan;
    let made = &witness.outputs[0].note;
    let actor = match step.step {
        Step::Open | Step::Renew | Step::Adjust => loan.borrower,
        Step::Liquidate => loan.lender,
    };
    if owner != actor {
        return Err(Rule::T24);
    }
    let holder = if step.after.amount == 0 {
        loan.borrower
    } else {
        loan.lender
    };
    let sequence = match step.step {
        Step::Open => Some(0),
        Step::Renew | Step::Adjust | Step::Liquidate => step.before.sequence.checked_add(1),
    };
    if made.owner != holder || sequence != Some(step.after.sequence) {
        return Err(Rule::T25);
    }
    let collateral = [witness.inputs[0].note.value, made.value];
    // In range: T7.
    let [expiry, not_before] = [fields.expiry, fields.not_before].map(|t| t.into_bigint().0[0]);
    if step.step == Step::Adjust {
        adjust(step, witness, collateral, priced)?;
    }
    if step.step != Step::Liquidate && step.after.amount != 0 && expiry > loan.maturity {
        return Err(Rule::T29);
    }
    match step.step {
        Step::Adjust => Ok(()),
        Step::Open | Step::Renew => originate(step, witness, expiry, priced),
        Step::Liquidate => liquidate(step, collateral, not_before, priced),
    }
}

/// Checks T27 and T28 natively.
fn adjust(
    step: &LoanWitness,
    witness: &Witness,
    collateral: [u128; 2],
    priced: Option<(&Market, u128)>,
) -> Result<(), Rule> {
    let (loan, after) = (&step.loan, &step.after);
    let repaid = step.owed.checked_sub(after.amount).ok_or(Rule::T27)?;
    let rcm = step_keys(&loan.salt, after.sequence).repayment;
    let payment = loan.repayment(repaid, rcm);
    if repaid != 0 && witness.outputs[1].note != payment {
        return Err(Rule::T27);
    }
    let covered = priced.is_some_and(|(market, price)| {
        let margin = market.initial;
        covers(collateral[1], price, market.haircut, after.amount, margin)
    });
    if after.amount != 0 && !step.improves(collateral) && !covered {
        return Err(Rule::T28);
    }
    Ok(())
}

/// Checks T30 natively.
fn originate(
    step: &LoanWitness,
    witness: &Witness,
    expiry: u64,
    priced: Option<(&Market, u128)>,
) -> Result<(), Rule> {
    let loan = &step.loan;
    let counter = witness.counter_leg.as_ref().ok_or(Rule::T30)?;
    let lent = note::pack(NoteClass::Cash, loan.debt, loan.principal);
    let before = (step.before.amount, step.before.accrued);
    // How much the lender adds to a renewed loan is the two parties' affair.
    let exchanged = if step.step == Step::Renew {
        field(counter.packed, fields::ASSET) == Fr::from(loan.debt.0)
    } else {
        counter.packed == lent && before == (loan.principal, loan.start)
    };
    let agreed = exchanged
        && counter.owner == loan.borrower
        && counter.aux.is_zero()
        && counter.salt == loan.salt.element()
        && loan.start == expiry
        && step.after.amount == loan.principal;
    let secured = priced.is_some_and(|(market, price)| {
        let value = witness.outputs[0].note.value;
        covers(value, price, market.haircut, loan.principal, market.initial)
    });
    if agreed && secured {
        Ok(())
    } else {
        Err(Rule::T30)
    }
}

/// Checks T31 and T32 natively. `priced` is `None` if the collateral has no price, long after
/// maturity (T17).
fn liquidate(
    step: &LoanWitness,
    [collateral, left]: [u128; 2],
    not_before: u64,
    priced: Option<(&Market, u128)>,
) -> Result<(), Rule> {
    let Some((market, price)) = priced else {
        return if step.after.amount == 0 {
            Ok(())
        } else {
            Err(Rule::T32)
        };
    };
    let margin = market.maintenance;
    let healthy = covers(collateral, price, market.haircut, step.owed, margin);
    let bonus = if healthy {
        overdue_bonus(market.bonus, step.loan.maturity, not_before).ok_or(Rule::T31)?
    } else {
        market.bonus
    };
    let cleared = step.owed.checked_sub(step.after.amount).ok_or(Rule::T32)?;
    let allowed = collateral
        .checked_sub(left)
        .is_some_and(|seized| seizable(seized, price, cleared, bonus));
    if !clears(step.owed, step.after.amount) || !allowed {
        return Err(Rule::T32);
    }
    Ok(())
}

/// Constrains the rules.
pub(super) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    header: &HeaderWires,
    notes: &NotesWires,
    counter: &CounterWires,
    loan: &LoanWires,
    market: &MarketWires,
) -> Synthesis<()> {
    let zero = b.constant(Fr::zero());
    let one = b.one();
    let active = loan.active();
    let [spent, ..] = &notes.inputs;
    let [made, paid, _] = &notes.outputs;

    b.enter(Rule::T24);
    let actor = b.select(&loan.liquidates, &loan.lender, &loan.borrower)?;
    b.enforce(&active, &notes.owner.minus(&actor), &zero)?;

    b.enter(Rule::T25);
    let holder = b.select(&loan.has_debt_after, &loan.lender, &loan.borrower)?;
    b.enforce(&active, &made.owner.minus(&holder), &zero)?;
    let next = b.mul(&loan.spends, &loan.before.sequence.plus(&one))?;
    b.equal(&loan.after.sequence, &next)?;

    b.enter(Rule::T27);
    let repaid = b.mul(&loan.adjusts, &loan.owed.minus(&loan.after.amount))?;
    range(b, &repaid, VALUE_BITS)?;
    let pays = nonzero(b, &repaid)?;
    let payment = cash(&loan.debt, &repaid);
    b.enforce(&pays, &paid.packed.minus(&payment), &zero)?;
    b.enforce(&pays, &paid.owner.minus(&loan.lender), &zero)?;
    b.enforce(&pays, &paid.rcm.minus(&loan.keys.repayment), &zero)?;

    b.enter(Rule::T28);
    // The step has exactly one reason if it needs one, otherwise no reason.
    let adds = b.witness(raw.loan.adds)?;
    let repays = b.witness(raw.loan.repays)?;
    b.boolean(&adds)?;
    b.boolean(&repays)?;
    let improves = adds.plus(&repays);
    let needs = b.mul(&loan.adjusts, &loan.has_debt_after)?;
    b.equal(&improves.plus(&market.covered), &needs)?;
    let added = made.value.minus(&spent.value);
    let kept = b.mul(&improves, &added)?;
    range(b, &kept, VALUE_BITS)?;
    let part = Fr::from(IMPROVEMENT);
    let by_collateral = b.mul(&adds, &added.times(part).minus(&spent.value))?;
    let by_debt = b.mul(&repays, &repaid.times(part).minus(&loan.owed))?;
    let improvement = by_collateral.plus(&by_debt);
    range(
        b,
        &improvement,
        VALUE_BITS + IMPROVEMENT.trailing_zeros() as usize,
    )?;
    let covers = covers_on_wires(b, notes, loan, market)?;
    let uncovered = one.minus(&covers);
    b.enforce(&market.covered, &uncovered, &zero)?;

    b.enter(Rule::T29);
    let left = b.mul(
        &needs.plus(&loan.is_opening),
        &loan.maturity.minus(&header.expiry),
    )?;
    range(b, &left, TIME_BITS)?;

    b.enter(Rule::T30);
    let lent = cash(&loan.debt, &loan.principal);
    let originates = loan.is_opening.minus(&loan.renews);
    for difference in [
        counter.packed.minus(&lent),
        loan.before.amount.minus(&loan.principal),
        loan.before.accrued.minus(&loan.start),
    ] {
        b.enforce(&originates, &difference, &zero)?;
    }
    b.enforce(&loan.renews, &counter.asset.minus(&loan.debt), &zero)?;
    for difference in [
        counter.owner.minus(&loan.borrower),
        counter.aux.clone(),
        loan.after.amount.minus(&loan.principal),
        // No price from before the last moment of the opening serves against the borrower (T17).
        loan.start.minus(&header.expiry),
        uncovered,
    ] {
        b.enforce(&loan.is_opening, &difference, &zero)?;
    }

    b.enter(Rule::T31);
    let below = b.witness(raw.loan.below)?;
    b.boolean(&below)?;
    b.enforce(&below, &one.minus(&loan.liquidates), &zero)?;
    b.enforce(&below, &covers, &zero)?;
    let due = loan.liquidates.minus(&below);
    let cured = loan.maturity.plus(&b.constant(Fr::from(CURE)));
    let overdue = b.mul(&due, &header.not_before.minus(&cured).minus(&one))?;
    range(b, &overdue, TIME_BITS)?;
    let risen = rising_bonus(b, &overdue, market)?;
    let bonus = b.select(&below, &market.bonus, &risen)?;

    b.enter(Rule::T32);
    b.enforce(&market.lapses, &loan.after.amount, &zero)?;
    let cleared = b.mul(&loan.liquidates, &loan.owed.minus(&loan.after.amount))?;
    range(b, &cleared, VALUE_BITS)?;
    let enough = cleared
        .times(part)
        .minus(&b.mul(&loan.liquidates, &loan.owed)?);
    range(
        b,
        &enough,
        VALUE_BITS + IMPROVEMENT.trailing_zeros() as usize,
    )?;
    let missing = spent.value.minus(&made.value);
    seize_on_wires(b, &missing, &cleared, &bonus, loan, market)
}

/// Returns ⌊bonus·min(overdue, 2^RAMP_BITS) / 2^RAMP_BITS⌋; `overdue` counts from the end of the
/// cure period and is in range.
fn rising_bonus(b: &mut Builder, overdue: &Num, market: &MarketWires) -> Synthesis<Num> {
    let one = b.one();
    let whole = b.constant(Fr::from(1u64 << RAMP_BITS));
    let is_whole = overdue.value().into_bigint() >= whole.value().into_bigint();
    let is_whole = b.witness(Fr::from(is_whole))?;
    b.boolean(&is_whole)?;
    // The excess if it is claimed, otherwise the lack minus one: the claimed one is not negative.
    let excess = overdue.minus(&whole);
    let claimed = b
        .mul(&is_whole.times(Fr::from(2u64)).minus(&one), &excess)?
        .plus(&is_whole)
        .minus(&one);
    range(b, &claimed, TIME_BITS)?;
    let passed = b.select(&is_whole, &whole, overdue)?;
    let scaled = b.mul(&market.bonus, &passed)?;
    let risen = scaled.value().into_bigint() >> RAMP_BITS;
    let risen = b.witness(Fr::from(risen))?;
    range(b, &risen, parameters::BONUS.width)?;
    let rest = scaled.minus(&risen.times(whole.value()));
    range(b, &rest, RAMP_BITS as usize)?;
    Ok(risen)
}

/// Returns the packed part of cash.
fn cash(asset: &Num, value: &Num) -> Num {
    pack([(fields::ASSET, asset), (fields::VALUE, value)])
}

/// Returns 1 if the margin of the step covers the debt, else 0. A liquidation is held to the
/// maintenance margin and the state before it. Other steps are held to the initial margin and the
/// state after them.
fn covers_on_wires(
    b: &mut Builder,
    notes: &NotesWires,
    loan: &LoanWires,
    market: &MarketWires,
) -> Synthesis<Num> {
    let before = &loan.liquidates;
    let collateral = b.select(before, &notes.inputs[0].value, &notes.outputs[0].value)?;
    let debt = b.select(before, &loan.owed, &loan.after.amount)?;
    let margin = b.select(before, &market.maintenance, &market.initial)?;
    let counted = b.constant(Fr::from(BASIS)).minus(&market.haircut);
    let unit = b.mul(&market.price, &counted)?;
    // Below 2²⁴·2¹²⁸·2⁶⁰.
    let required = b.mul(&margin, &debt)?.times(Fr::from(PRICE_SCALE));
    let value = Wide::product(b, &collateral, &unit)?;
    let required = Wide::of(b, &required)?;
    value.at_least(b, &required)
}

/// Constrains T32: seized·price·10⁴ ≤ cleared·(10⁴ + bonus)·10¹⁸.
fn seize_on_wires(
    b: &mut Builder,
    missing: &Num,
    cleared: &Num,
    bonus: &Num,
    loan: &LoanWires,
    market: &MarketWires,
) -> Synthesis<()> {
    let basis = Fr::from(BASIS);
    let unit = market.price.times(basis);
    let rate = b.constant(basis).plus(bonus);
    let limit = b.mul(cleared, &rate)?.times(Fr::from(PRICE_SCALE));
    // Without a price the lender may take everything.
    let seized = b.mul(&loan.liquidates.minus(&market.lapses), missing)?;
    // With a price, the product also enforces that the collateral does not grow.
    let taken = Wide::product(b, &seized, &unit)?;
    let limit = Wide::of(b, &limit)?;
    limit.enforce_at_least(b, &taken)
}
