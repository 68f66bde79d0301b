//! Stops of seizures, in the leaf of the collateral: T34 (spec: *Collateral*, Stops).

use crate::Rule;
use crate::gadgets::range::range;
use crate::gadgets::{Builder, Num, Synthesis};
use crate::parts::slots::{Choices, SlotWires};
use crate::parts::wires::{LoanWires, MarketWires};
use crate::raw::RawWitness;
use crate::witness::{ARITY, LoanWitness, Step, Witness};
use crate::words::{TIME_BITS, field, power_of_two};
use ark_bn254::Fr;
use subrosa_protocol::layout::{Field, asset};

/// Token, flags and home chain as one field.
const BELOW: Field = Field {
    name: "BELOW",
    offset: asset::TOKEN.offset,
    width: asset::STOP_MARKETS.offset - asset::TOKEN.offset,
};

// The parts of a leaf's word determine it, and it determines them.
const _: () = assert!(asset::STOP_MINUTES.end() < crate::gadgets::range::FIELD_BITS);
// The end of a stop in seconds is a time.
const _: () = assert!(
    60 * ((1u64 << asset::STOP_FROM.width) + (1 << asset::STOP_MINUTES.width)) <= 1 << TIME_BITS
);

/// Checks T34 natively.
pub(super) fn check(step: &LoanWitness, witness: &Witness) -> Result<(), Rule> {
    if step.step != Step::Liquidate {
        return Ok(());
    }
    // T9: the slot exists and has the collateral's asset.
    let slot = witness.slots.get(usize::from(witness.input_slots[0]));
    let stopped = slot
        .zip(step.snapshot.as_ref())
        .is_none_or(|(slot, snapshot)| {
            let stop = &slot.info.stop;
            stop.forbids(step.loan.market, snapshot.time)
        });
    if stopped { Err(Rule::T34) } else { Ok(()) }
}

/// Constrains T34. The choice of input 0 picks the collateral's slot (T9, T23).
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    slots: &[SlotWires; ARITY],
    choices: &Choices,
    loan: &LoanWires,
    market: &MarketWires,
) -> Synthesis<()> {
    b.enter(Rule::T34);
    let one = b.one();
    let [collateral, ..] = &choices.inputs;
    let rest = collateral.pick(b, [&slots[0].rest, &slots[1].rest, &slots[2].rest])?;
    // The place of a field in the leaf's word, above the id.
    let above = |of: Field| Field {
        offset: of.offset - asset::TOKEN.offset,
        ..of
    };
    let zero = b.constant(Fr::from(0u64));
    let mut sum = zero.clone();
    let mut part = |b: &mut Builder, of: Field| {
        let number = b.witness(field(rest.value(), above(of)))?;
        let bits = range(b, &number, of.width)?;
        sum = sum.plus(&number.times(power_of_two(above(of).offset)));
        Synthesis::Ok((number, bits))
    };
    part(b, BELOW)?;
    let (_, mut stops) = part(b, asset::STOP_MARKETS)?;
    let (from, _) = part(b, asset::STOP_FROM)?;
    let (minutes, _) = part(b, asset::STOP_MINUTES)?;
    b.equal(&sum, &rest)?;

    for bit in &loan.market_bits {
        let pairs = stops.chunks_exact(2);
        stops = pairs
            .map(|pair| b.select(bit, &pair[1], &pair[0]))
            .collect::<Synthesis<_>>()?;
    }
    let [stops] = &stops[..] else {
        unreachable!("the bits of a number select one bit")
    };
    let stopped = b.mul(&loan.liquidates, stops)?;
    // The snapshot is earlier than the stop, or later: the claimed distance is not negative.
    let earlier = b.witness(raw.loan.earlier)?;
    b.boolean(&earlier)?;
    b.enforce(&earlier, &one.minus(&stopped), &zero)?;
    let begin = from.times(Fr::from(60u64));
    let until = from.plus(&minutes).times(Fr::from(60u64));
    let distance = b.select(
        &earlier,
        &begin.minus(&market.time),
        &market.time.minus(&until),
    )?;
    let distance: Num = b.mul(&stopped, &distance.minus(&one))?;
    range(b, &distance, TIME_BITS)?;
    Ok(())
}
