//! A fresh price, or its lack, if the step uses one: T17 (spec: *Collateral*, Markets and prices).

use crate::Rule;
use crate::gadgets::range::range;
use crate::gadgets::{Builder, Num, Synthesis, merkle, nonzero, poseidon};
use crate::parts::wires::{HeaderWires, LoanWires, MarketWires};
use crate::raw::RawWitness;
use crate::witness::{LoanWitness, Step, Witness};
use crate::words::{Fields, TIME_BITS, field, pack};
use ark_bn254::Fr;
use ark_ff::{PrimeField, Zero};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::layout::{Field, market as parameters, prices as price_word, snapshot_times};
use subrosa_protocol::loan::{LAPSE, LAPSE_AGE, OPENING_AGE};
use subrosa_protocol::market::Market;

/// The two assets of a market's word as one field.
const BOTH_ASSETS: Field = Field {
    name: "ASSETS",
    offset: parameters::COLLATERAL.offset,
    width: parameters::COLLATERAL.width + parameters::DEBT.width,
};

const _: () = assert!(parameters::DEBT.offset == parameters::COLLATERAL.end());

/// Checks T17 natively. Returns market and price, or `None` if the step uses no price.
pub(super) fn check<'a>(
    step: &'a LoanWitness,
    witness: &Witness,
    fields: &Fields,
) -> Result<Option<(&'a Market, u128)>, Rule> {
    let collateral = [witness.inputs[0].note.value, witness.outputs[0].note.value];
    let lapses = step.lapses(fields.not_before);
    if !lapses && !step.priced(collateral, fields.not_before) {
        return Ok(None);
    }
    let (loan, snapshot) = (&step.loan, step.snapshot.as_ref().ok_or(Rule::T17)?);
    // In range: T7.
    let expiry = fields.expiry.into_bigint().0[0];
    let within = |age: u64| {
        let last = snapshot.time.checked_add(age);
        last.is_some_and(|last| expiry <= last)
    };
    let in_range = [snapshot.time, snapshot.previous]
        .iter()
        .all(|time| time >> TIME_BITS == 0);
    if snapshot.digest() != witness.prices || !in_range {
        return Err(Rule::T17);
    }
    if lapses {
        return if within(LAPSE_AGE) {
            Ok(None)
        } else {
            Err(Rule::T17)
        };
    }
    let (market, price) = step.priced_market().ok_or(Rule::T17)?;
    let opens = step.step.makes_loan();
    // A release is as much as an opening: what leaves was lent against.
    let seizes = step.step == Step::Liquidate;
    if !within(market.max_age.into())
        || (!seizes && !within(OPENING_AGE))
        || (!opens && snapshot.time < loan.start)
    {
        return Err(Rule::T17);
    }
    let price = if seizes { price.high } else { price.low };
    Ok(Some((market, price)))
}

/// Constrains T17, and the flags of T28 and T31 that decide whether a price is used.
pub(super) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    header: &HeaderWires,
    prices: &Num,
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
    let used = priced.plus(&lapses);
    let ranged = |b: &mut Builder, value: Fr, field: Field| {
        let number = b.witness(value)?;
        range(b, &number, field.width)?;
        Synthesis::Ok(number)
    };
    let time = ranged(b, hints.time, snapshot_times::TIME)?;
    let previous = ranged(b, hints.previous, snapshot_times::PREVIOUS)?;
    let market_root = b.witness(hints.market_root)?;
    let times = pack([
        (snapshot_times::TIME, &time),
        (snapshot_times::PREVIOUS, &previous),
    ]);
    let mut message = vec![times, market_root.clone()];
    for word in &hints.words {
        message.push(b.witness(*word)?);
    }
    let digest = poseidon::hash(b, Domain::Snapshot, &message)?;
    b.enforce(&used, &digest.minus(prices), &zero)?;

    let haircut = ranged(b, hints.haircut, parameters::HAIRCUT)?;
    let initial = ranged(b, hints.initial, parameters::INITIAL)?;
    let maintenance = ranged(b, hints.maintenance, parameters::MAINTENANCE)?;
    let bonus = ranged(b, hints.bonus, parameters::BONUS)?;
    let max_age = ranged(b, hints.max_age, parameters::MAX_AGE)?;
    let assets = ranged(b, hints.assets, BOTH_ASSETS)?;
    let word = pack([
        (BOTH_ASSETS, &assets),
        (parameters::HAIRCUT, &haircut),
        (parameters::INITIAL, &initial),
        (parameters::MAINTENANCE, &maintenance),
        (parameters::BONUS, &bonus),
        (parameters::MAX_AGE, &max_age),
    ]);
    let root = merkle::root(b, &word, &loan.market_bits, &hints.siblings)?;
    b.enforce(&used, &root.minus(&market_root), &zero)?;

    // The market's number selects the word, the actor its half.
    let mut level = message.split_off(2);
    for bit in &loan.market_bits {
        let pairs = level.chunks_exact(2);
        level = pairs
            .map(|pair| b.select(bit, &pair[1], &pair[0]))
            .collect::<Synthesis<_>>()?;
    }
    let [word] = &level[..] else {
        unreachable!("the bits of a number select one word")
    };
    let low = ranged(b, field(word.value(), price_word::LOW), price_word::LOW)?;
    let high = ranged(b, field(word.value(), price_word::HIGH), price_word::HIGH)?;
    let halves = [(price_word::LOW, &low), (price_word::HIGH, &high)];
    b.equal(&pack(halves), word)?;
    let price = b.select(&loan.liquidates, &high, &low)?;
    // The market is the loan's and has a price, or it lacks one of both.
    let own = pack([
        (parameters::COLLATERAL, &loan.collateral),
        (parameters::DEBT, &loan.debt),
    ]);
    let differs = nonzero(b, &assets.minus(&own))?;
    let has_price = nonzero(b, &price)?;
    let usable = b.mul(&one.minus(&differs), &has_price)?;
    b.enforce(&priced, &one.minus(&usable), &zero)?;
    b.enforce(&lapses, &usable, &zero)?;

    let left = b.mul(&priced, &time.plus(&max_age).minus(&header.expiry))?;
    range(b, &left, TIME_BITS + 1)?;
    // Bounds that hold whatever the market allows. A step is one of these at most.
    let opens = loan.is_opening.plus(&covered);
    let bounded = opens.plus(&lapses);
    let ages = opens
        .times(Fr::from(OPENING_AGE))
        .plus(&lapses.times(Fr::from(LAPSE_AGE)));
    let left = b.mul(&bounded, &time.minus(&header.expiry))?.plus(&ages);
    range(b, &left, TIME_BITS + 1)?;
    // The price must not predate the loan.
    let since = b.mul(&seizes.plus(&covered), &time.minus(&loan.start))?;
    range(b, &since, TIME_BITS)?;
    Ok(MarketWires {
        lapses,
        covered,
        price,
        time,
        haircut,
        initial,
        maintenance,
        bonus,
    })
}
