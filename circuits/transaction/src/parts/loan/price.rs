//! A fresh price, if the step uses one: T17 (spec: *Collateral*, Markets and prices).

use crate::Rule;
use crate::gadgets::range::range;
use crate::gadgets::{Builder, Num, Synthesis, inverse_or_zero, merkle, poseidon};
use crate::parts::wires::{HeaderWires, LoanWires, MarketWires};
use crate::raw::RawWitness;
use crate::witness::{LoanWitness, Step, Witness};
use crate::words::{Fields, ORACLE, TIME_BITS, Words, field, pack};
use ark_bn254::Fr;
use ark_ff::{PrimeField, Zero};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::layout::{Field, market as parameters, prices};
use subrosa_protocol::loan::LAPSE;
use subrosa_protocol::market::Market;

/// Checks T17 natively. Returns market and price, or `None` if the step uses no price.
pub(super) fn check<'a>(
    step: &'a LoanWitness,
    witness: &Witness,
    words: &Words,
    fields: &Fields,
) -> Result<Option<(&'a Market, u128)>, Rule> {
    let collateral = [witness.inputs[0].note.value, witness.outputs[0].note.value];
    if !step.priced(collateral, fields.not_before) {
        return Ok(None);
    }
    let (loan, snapshot) = (&step.loan, step.snapshot.as_ref().ok_or(Rule::T17)?);
    let (market, price) = snapshot.market_with_price(loan.market).ok_or(Rule::T17)?;
    // In range: T7.
    let expiry = fields.expiry.into_bigint().0[0];
    let fresh = snapshot
        .time
        .checked_add(market.max_age.into())
        .is_some_and(|last| expiry <= last);
    if snapshot.digest() != words[ORACLE]
        || market.collateral != loan.collateral
        || market.debt != loan.debt
        || !fresh
        || (step.step != Step::Open && snapshot.time < loan.start)
    {
        return Err(Rule::T17);
    }
    Ok(Some((market, price)))
}

/// Constrains T17, and the flags of T28 and T31 that decide whether a price is used.
pub(super) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    words: &[Num],
    header: &HeaderWires,
    loan: &LoanWires,
) -> Synthesis<MarketWires> {
    let zero = b.constant(Fr::zero());
    let one = b.one();
    let hints = &raw.loan.prices;

    b.enter(Rule::T28);
    let covered = b.witness(raw.loan.covered)?;
    b.boolean(&covered)?;
    b.enforce(&covered, &one.minus(&loan.adjusts), &zero)?;

    b.enter(Rule::T31);
    let lapses = b.witness(raw.loan.lapses)?;
    b.boolean(&lapses)?;
    b.enforce(&lapses, &one.minus(&loan.liquidates), &zero)?;
    let last = loan.maturity.plus(&b.constant(Fr::from(LAPSE)));
    let since = b.mul(&lapses, &header.not_before.minus(&last).minus(&one))?;
    range(b, &since, TIME_BITS)?;

    b.enter(Rule::T17);
    let seizes = loan.liquidates.minus(&lapses);
    let priced = loan.is_opening.plus(&seizes).plus(&covered);
    let time = b.witness(hints.time)?;
    let market_root = b.witness(hints.market_root)?;
    let mut message = vec![time.clone(), market_root.clone()];
    for word in &hints.words {
        message.push(b.witness(*word)?);
    }
    let digest = poseidon::hash(b, Domain::Snapshot, &message)?;
    b.enforce(&priced, &digest.minus(&words[ORACLE]), &zero)?;

    let ranged = |b: &mut Builder, value: Fr, field: Field| {
        let number = b.witness(value)?;
        range(b, &number, field.width)?;
        Synthesis::Ok(number)
    };
    let haircut = ranged(b, hints.haircut, parameters::HAIRCUT)?;
    let initial = ranged(b, hints.initial, parameters::INITIAL)?;
    let maintenance = ranged(b, hints.maintenance, parameters::MAINTENANCE)?;
    let bonus = ranged(b, hints.bonus, parameters::BONUS)?;
    let max_age = ranged(b, hints.max_age, parameters::MAX_AGE)?;
    // The word fixes the loan's two assets; the market must be theirs.
    let word = pack([
        (parameters::COLLATERAL, &loan.collateral),
        (parameters::DEBT, &loan.debt),
        (parameters::HAIRCUT, &haircut),
        (parameters::INITIAL, &initial),
        (parameters::MAINTENANCE, &maintenance),
        (parameters::BONUS, &bonus),
        (parameters::MAX_AGE, &max_age),
    ]);
    let root = merkle::root(b, &word, &loan.market_bits, &hints.siblings)?;
    b.enforce(&priced, &root.minus(&market_root), &zero)?;

    // The lowest bit of the market's number selects the half of a word, the other bits select the
    // word.
    let mut level = message.split_off(2);
    for bit in &loan.market_bits[1..] {
        let pairs = level.chunks_exact(2);
        level = pairs
            .map(|pair| b.select(bit, &pair[1], &pair[0]))
            .collect::<Synthesis<_>>()?;
    }
    let [word] = &level[..] else {
        unreachable!("the bits above the lowest select one word")
    };
    let even = ranged(b, field(word.value(), prices::EVEN), prices::EVEN)?;
    let odd = ranged(b, field(word.value(), prices::ODD), prices::ODD)?;
    b.equal(&pack([(prices::EVEN, &even), (prices::ODD, &odd)]), word)?;
    let price = b.select(&loan.market_bits[0], &odd, &even)?;
    // The price is not 0. If no price is used, the inverse is held at zero.
    let used = b.mul(&priced, &price)?;
    let inverse = b.witness(inverse_or_zero(used.value()))?;
    b.enforce(&used, &inverse, &priced)?;
    b.enforce(&inverse, &one.minus(&priced), &zero)?;

    let left = b.mul(&priced, &time.plus(&max_age).minus(&header.expiry))?;
    range(b, &left, TIME_BITS + 1)?;
    // The price must not predate the loan.
    let since = b.mul(&seizes.plus(&covered), &time.minus(&loan.start))?;
    range(b, &since, TIME_BITS)?;
    Ok(MarketWires {
        lapses,
        covered,
        price,
        haircut,
        initial,
        maintenance,
        bonus,
    })
}
