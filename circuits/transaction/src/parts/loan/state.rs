//! Kind of the step, the loan, and the debt before and after: T22, T23 and T26.

use crate::Rule;
use crate::gadgets::range::range;
use crate::gadgets::{Builder, Num, Synthesis, nonzero, poseidon};
use crate::parts::wires::{DebtWires, HeaderWires, LoanWires, NotesWires, StepWires};
use crate::raw::{RawLoan, RawWitness};
use crate::witness::{LoanWitness, Step, Witness};
use crate::words::{Fields, TIME_BITS, VALUE_BITS, pack};
use ark_bn254::Fr;
use ark_ff::{One, PrimeField, Zero};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::layout::{header, loan as parameters};
use subrosa_protocol::loan::{Loan, RATE_PERIOD};
use subrosa_protocol::market::MARKETS;
use subrosa_protocol::note::NoteClass;
use subrosa_protocol::transaction::Kind;

/// Bits of a market's number.
pub(super) const MARKET_BITS: usize = MARKETS.trailing_zeros() as usize;
/// Bits of an interest: 128 of a debt, 24 of a rate and 40 of a time, minus 44 of the period.
const INTEREST_BITS: usize = 148;
/// Bits of the period.
const PERIOD_BITS: usize = 45;

// All times here have as many bits as the header's times.
const _: () = assert!(header::EXPIRY.width == TIME_BITS && header::NOT_BEFORE.width == TIME_BITS);
const _: () = assert!(1 << PERIOD_BITS > RATE_PERIOD && 1 << (PERIOD_BITS - 1) <= RATE_PERIOD);
const _: () =
    assert!(VALUE_BITS + parameters::RATE.width + TIME_BITS - (PERIOD_BITS - 1) <= INTEREST_BITS);

/// Checks T22, T23 and T26 natively. Returns the step, if there is one.
pub(super) fn check<'a>(
    witness: &'a Witness,
    fields: &Fields,
) -> Result<Option<&'a LoanWitness>, Rule> {
    let [spent, made] = [&witness.inputs[0].note, &witness.outputs[0].note];
    let class = |position: bool| {
        if position {
            NoteClass::Position
        } else {
            NoteClass::Cash
        }
    };
    let Some(step) = &witness.loan else {
        if [spent, made].iter().any(|note| note.class != class(false)) {
            return Err(Rule::T22);
        }
        if [spent, made].iter().any(|note| !note.aux.is_zero()) {
            return Err(Rule::T23);
        }
        return Ok(None);
    };
    let spends = step.step != Step::Open;
    let makes_loan = step.step.makes_loan();
    let has_debt_after = step.after.amount != 0;
    let right_kind = if makes_loan {
        fields.side().is_some()
    } else {
        fields.kind == Fr::from(Kind::Transfer as u64)
    };
    if !right_kind
        || (spends && (witness.inputs[0].dummy || step.spent().is_none()))
        || spent.class != class(spends)
        || made.class != class(has_debt_after)
        || (makes_loan && !has_debt_after)
    {
        return Err(Rule::T22);
    }
    check_loan(step, witness)?;
    check_accrual(step, fields)?;
    Ok(Some(step))
}

fn check_loan(step: &LoanWitness, witness: &Witness) -> Result<(), Rule> {
    let loan = &step.loan;
    let [spent, made] = [&witness.inputs[0].note, &witness.outputs[0].note];
    let wide = |value: u64, bits: usize| value >> bits != 0;
    let times = [
        loan.start,
        loan.maturity,
        step.before.accrued,
        step.after.accrued,
    ];
    let in_range = usize::from(loan.market) < MARKETS
        && loan.rate >> Loan::RATE_BITS == 0
        && loan.principal >> Loan::PRINCIPAL_BITS == 0
        && !times.into_iter().any(|time| wide(time, TIME_BITS));
    let before = step.spent();
    let spent_aux = before.map_or(Fr::zero(), |before| before.aux(&step.before));
    // A renewed loan is one of the same two owners and of the same salt.
    let same_pair = before.is_none_or(|before| {
        before.borrower == loan.borrower && before.lender == loan.lender && before.salt == loan.salt
    });
    let made_aux = if step.after.amount == 0 {
        Fr::zero()
    } else {
        loan.aux(&step.after)
    };
    let keeps = !step.step.makes_loan();
    let assets = made.asset == loan.collateral && (!keeps || spent.asset == loan.collateral);
    if !in_range || !same_pair || !assets || spent.aux != spent_aux || made.aux != made_aux {
        return Err(Rule::T23);
    }
    Ok(())
}

fn check_accrual(step: &LoanWitness, fields: &Fields) -> Result<(), Rule> {
    let (loan, before) = (&step.loan, &step.before);
    // In range: T7.
    let [not_before, expiry] =
        [fields.not_before, fields.expiry].map(|time| time.into_bigint().0[0]);
    let (time, owed) = match step.step {
        Step::Open | Step::Renew | Step::Adjust => (expiry, loan.owed(before, expiry)),
        Step::Liquidate => (not_before, loan.claimed(before, not_before)),
    };
    let accrued = match step.step {
        Step::Open | Step::Renew => loan.start,
        Step::Adjust | Step::Liquidate => before.accrued.max(time),
    };
    if owed != Some(step.owed) || step.after.accrued != accrued {
        return Err(Rule::T26);
    }
    Ok(())
}

/// Constrains the rules that need no notes.
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    header: &HeaderWires,
) -> Synthesis<LoanWires> {
    let zero = b.constant(Fr::zero());
    let one = b.one();
    let hints = &raw.loan;

    let [is_opening, spends, renews, liquidates] = constrain_kind(b, hints, header)?;
    let adjusts = spends.minus(&renews).minus(&liquidates);
    let active = is_opening.plus(&spends).minus(&renews);

    b.enter(Rule::T23);
    let borrower = b.witness(hints.borrower)?;
    let lender = b.witness(hints.lender)?;
    let collateral = b.witness(hints.collateral)?;
    let debt = b.witness(hints.debt)?;
    let principal = b.witness(hints.principal)?;
    let rate = b.witness(hints.rate)?;
    let start = b.witness(hints.start)?;
    let maturity = b.witness(hints.maturity)?;
    let market = b.witness(hints.market)?;
    let salt = b.witness(raw.salt)?;
    // The collateral asset is a note's (below), and that is a slot's.
    range(b, &debt, parameters::DEBT.width)?;
    range(b, &principal, Loan::PRINCIPAL_BITS as usize)?;
    range(b, &rate, parameters::RATE.width)?;
    range(b, &start, parameters::START.width)?;
    range(b, &maturity, parameters::MATURITY.width)?;
    let market_bits = range(b, &market, MARKET_BITS)?;
    let packed = pack([
        (parameters::COLLATERAL, &collateral),
        (parameters::DEBT, &debt),
        (parameters::MARKET, &market),
        (parameters::RATE, &rate),
        (parameters::START, &start),
        (parameters::MATURITY, &maturity),
    ]);
    // A renewed loan differs in these two at most. Its position binds them, so that their parts
    // need no range check: they had one when the position was made.
    let packed_before = b.witness(hints.packed_before)?;
    let principal_before = b.witness(hints.principal_before)?;
    let keeps = one.minus(&renews);
    b.enforce(&keeps, &packed_before.minus(&packed), &zero)?;
    b.enforce(&keeps, &principal_before.minus(&principal), &zero)?;
    let keys = |b: &mut Builder, packed: Num| {
        let message = [borrower.clone(), lender.clone(), packed, salt.clone()];
        poseidon::hash3(b, Domain::Loan, &message)
    };
    let [digest_before, nk, _] = keys(b, packed_before)?;
    let [digest_after, ..] = keys(b, packed)?;
    let before = DebtWires::new(b, &hints.before)?;
    let after = DebtWires::new(b, &hints.after)?;
    let aux = |b: &mut Builder, digest: Num, principal: &Num, debt: &DebtWires| {
        let message = [digest, principal.clone(), debt.packed()];
        poseidon::hash(b, Domain::Position, &message)
    };
    let aux_before = aux(b, digest_before, &principal_before, &before)?;
    let aux_after = aux(b, digest_after, &principal, &after)?;

    b.enter(Rule::T22);
    // Debt remains or does not; without a step no debt remains.
    let has_debt_after = nonzero(b, &after.amount)?;
    let paid = one.minus(&has_debt_after);
    b.enforce(&has_debt_after, &one.minus(&active), &zero)?;
    b.enforce(&is_opening, &paid, &zero)?;

    let loan = LoanWires {
        is_opening,
        spends,
        renews,
        liquidates,
        adjusts,
        has_debt_after,
        borrower,
        lender,
        collateral,
        debt,
        principal,
        rate,
        start,
        maturity,
        market,
        market_bits,
        nk,
        before,
        owed: b.witness(hints.owed)?,
        keys: StepWires::new(b, &salt, &after.sequence)?,
        salt,
        after,
        aux_before,
        aux_after,
    };
    accrue_on_wires(b, header, &loan)?;
    Ok(loan)
}

/// Constrains the flags of T22: a loan's position is created, a position is spent, both, a position
/// is spent by the lender.
fn constrain_kind(b: &mut Builder, hints: &RawLoan, header: &HeaderWires) -> Synthesis<[Num; 4]> {
    let zero = b.constant(Fr::zero());
    let one = b.one();
    b.enter(Rule::T22);
    let flag = |b: &mut Builder, value: Fr| {
        let flag = b.witness(value)?;
        b.boolean(&flag)?;
        Synthesis::Ok(flag)
    };
    let is_opening = flag(b, hints.is_opening)?;
    let spends = flag(b, hints.spends)?;
    let liquidates = flag(b, hints.liquidates)?;
    let renews = flag(b, hints.renews)?;
    let leg = header.swap_a.plus(&header.swap_b);
    b.enforce(&is_opening, &spends, &renews)?;
    b.enforce(&is_opening, &one.minus(&leg), &zero)?;
    let steps = spends.minus(&renews);
    b.enforce(&steps, &one.minus(&header.transfers), &zero)?;
    b.enforce(&liquidates, &one.minus(&steps), &zero)?;
    Ok([is_opening, spends, renews, liquidates])
}

/// Constrains T26.
fn accrue_on_wires(b: &mut Builder, header: &HeaderWires, loan: &LoanWires) -> Synthesis<()> {
    b.enter(Rule::T26);
    let one = b.one();
    let before = &loan.before;
    let time = b.select(&loan.liquidates, &header.not_before, &header.expiry)?;
    let elapsed = time.minus(&before.accrued);
    let is_later = time.value().into_bigint() >= before.accrued.value().into_bigint();
    let later = b.witness(Fr::from(is_later))?;
    b.boolean(&later)?;
    // elapsed if it is later, otherwise −elapsed − 1: the claimed one of both is not negative.
    let elapsed_if_later = b.mul(&later, &elapsed)?;
    let claimed = elapsed_if_later
        .times(Fr::from(2u64))
        .plus(&later)
        .minus(&elapsed)
        .minus(&one);
    range(b, &claimed, TIME_BITS)?;

    // interest·period = debt·rate·elapsed + rest: the interest is rounded up if 0 ≤ rest < period,
    // and down, for the lender, if 0 ≤ −rest < period.
    let yearly = b.mul(&before.amount, &loan.rate)?;
    let due = b.mul(&yearly, &elapsed_if_later)?;
    let interest = loan.owed.minus(&before.amount);
    range(b, &interest, INTEREST_BITS)?;
    let period = Fr::from(RATE_PERIOD);
    let rest = interest.times(period).minus(&due);
    let of_lender = b.mul(&loan.liquidates, &rest)?;
    let rest = rest.minus(&of_lender.times(Fr::from(2u64)));
    range(b, &rest, PERIOD_BITS)?;
    let limit = b.constant(period - Fr::one());
    range(b, &limit.minus(&rest), PERIOD_BITS)?;
    range(b, &loan.owed, VALUE_BITS)?;

    let later_of_both = before.accrued.plus(&elapsed_if_later);
    let spent = b.mul(&loan.spends.minus(&loan.renews), &later_of_both)?;
    let opened = b.mul(&loan.is_opening, &loan.start)?;
    b.equal(&loan.after.accrued, &spent.plus(&opened))
}

/// Constrains T22 and T23 for the notes: class, aux and asset of input 0 and output 0.
pub(super) fn constrain_notes(
    b: &mut Builder,
    notes: &NotesWires,
    loan: &LoanWires,
) -> Synthesis<()> {
    let zero = b.constant(Fr::zero());
    let [spent, ..] = &notes.inputs;
    let [made, ..] = &notes.outputs;

    b.enter(Rule::T22);
    b.equal(&spent.class, &loan.spends)?;
    b.equal(&made.class, &loan.has_debt_after)?;
    b.enforce(&loan.spends, &notes.dummies[0], &zero)?;

    b.enter(Rule::T23);
    let aux = b.mul(&loan.spends, &loan.aux_before)?;
    b.equal(&spent.aux, &aux)?;
    let aux = b.mul(&loan.has_debt_after, &loan.aux_after)?;
    b.equal(&made.aux, &aux)?;
    let keeps = loan.spends.minus(&loan.renews);
    b.enforce(&keeps, &spent.asset.minus(&loan.collateral), &zero)?;
    b.enforce(&loan.active(), &made.asset.minus(&loan.collateral), &zero)
}
