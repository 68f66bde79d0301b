//! Asset slots: T8, and the choice of slots, T9, T11 and T12.

use crate::Rule;
use crate::gadgets::edwards::Point;
use crate::gadgets::range::range;
use crate::gadgets::{Builder, Num, Synthesis, inverse_or_zero, merkle, poseidon};
use crate::parts::wires::HeaderWires;
use crate::raw::RawWitness;
use crate::witness::{ARITY, AssetSlot, Witness};
use crate::words::{AMOUNT, ASSETS_ROOT, Fields, Words, pack};
use ark_bn254::Fr;
use ark_ff::Zero;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::layout::asset;
use subrosa_protocol::note::Note;

/// Checks T8 natively.
pub(crate) fn check(witness: &Witness, words: &Words) -> Result<(), Rule> {
    for slot in &witness.slots {
        let at_id = slot.path.index == u64::from(slot.info.id.0);
        if !at_id || slot.path.root(slot.info.leaf()) != words[ASSETS_ROOT] {
            return Err(Rule::T8);
        }
    }
    Ok(())
}

/// Checks T9, T11 and T12 natively.
pub(crate) fn check_choices(witness: &Witness, words: &Words, fields: &Fields) -> Result<(), Rule> {
    let inputs = witness
        .inputs
        .iter()
        .map(|input| &input.note)
        .zip(&witness.input_slots);
    let outputs = witness
        .outputs
        .iter()
        .map(|output| &output.note)
        .zip(&witness.output_slots);
    for (note, slot) in inputs.chain(outputs) {
        let note: &Note = note;
        if chosen(witness, *slot).is_none_or(|slot| slot.info.id != note.asset) {
            return Err(Rule::T9);
        }
    }
    let has_asset = |slot: u8, asset: Fr| {
        chosen(witness, slot).is_some_and(|slot| Fr::from(slot.info.id.0) == asset)
    };
    if !has_asset(witness.fee_slot, fields.fee_asset) {
        return Err(Rule::T11);
    }
    let right = if fields.kind == Fr::from(2u64) {
        has_asset(witness.withdraw_slot, fields.target_asset)
            && Fr::from(witness.outputs[0].note.asset.0) == fields.target_asset
            && !words[AMOUNT].is_zero()
            && !fields.recipient.is_zero()
    } else {
        words[AMOUNT].is_zero() && fields.recipient.is_zero() && fields.target_asset.is_zero()
    };
    if right { Ok(()) } else { Err(Rule::T12) }
}

fn chosen(witness: &Witness, slot: u8) -> Option<&AssetSlot> {
    witness.slots.get(usize::from(slot))
}

/// An asset slot on wires.
pub(crate) struct SlotWires {
    pub(crate) id: Num,
    /// Token, flags, home chain and stop, as one number.
    pub(crate) rest: Num,
    pub(crate) auditor: Point,
}

/// Constrains T8.
pub(crate) fn constrain(
    b: &mut Builder,
    raw: &RawWitness,
    words: &[Num],
) -> Synthesis<[SlotWires; ARITY]> {
    b.enter(Rule::T8);
    let mut slots = Vec::with_capacity(ARITY);
    for slot in &raw.slots {
        let id = b.witness(slot.id)?;
        let bits = range(b, &id, asset::ID.width)?;
        let rest = b.witness(slot.rest)?;
        let packed = pack([(asset::ID, &id), (asset::TOKEN, &rest)]);
        let auditor = Point {
            x: b.witness(slot.auditor[0])?,
            y: b.witness(slot.auditor[1])?,
        };
        let message = [packed, auditor.x.clone(), auditor.y.clone()];
        let leaf = poseidon::hash(b, Domain::AssetLeaf, &message)?;
        let root = merkle::root(b, &leaf, &bits, &slot.siblings)?;
        b.equal(&root, &words[ASSETS_ROOT])?;
        slots.push(SlotWires { id, rest, auditor });
    }
    Ok(three(slots))
}

/// A choice of one slot out of three.
pub(crate) struct Choice([Num; ARITY]);

impl Choice {
    /// Witnesses bits that add up to `total`, itself 0 or 1.
    fn new(b: &mut Builder, values: &[Fr; ARITY], total: &Num) -> Synthesis<Self> {
        let mut bits = Vec::with_capacity(ARITY);
        for value in values {
            let bit = b.witness(*value)?;
            b.boolean(&bit)?;
            bits.push(bit);
        }
        let sum = bits[0].plus(&bits[1]).plus(&bits[2]);
        b.equal(&sum, total)?;
        Ok(Self(three(bits)))
    }

    /// Returns the chosen number out of three. Exactly one slot must be chosen.
    pub(crate) fn pick(&self, b: &mut Builder, of: [&Num; ARITY]) -> Synthesis<Num> {
        let first = b.mul(&self.0[0], &of[0].minus(of[2]))?;
        let second = b.mul(&self.0[1], &of[1].minus(of[2]))?;
        Ok(of[2].plus(&first).plus(&second))
    }

    /// Returns the number in the place of the chosen slot and zeros in the others. If no slot is
    /// chosen, the number must be zero.
    pub(crate) fn place(&self, b: &mut Builder, number: &Num) -> Synthesis<[Num; ARITY]> {
        let first = b.mul(&self.0[0], number)?;
        let second = b.mul(&self.0[1], number)?;
        let third = number.minus(&first).minus(&second);
        Ok([first, second, third])
    }
}

/// Choices of slots for inputs, outputs, fee and withdrawal.
pub(crate) struct Choices {
    pub(crate) inputs: [Choice; ARITY],
    pub(crate) outputs: [Choice; ARITY],
    pub(crate) fee: Choice,
    pub(crate) withdrawal: Choice,
}

/// Constrains T9, T11 and T12.
pub(crate) fn constrain_choices(
    b: &mut Builder,
    raw: &RawWitness,
    slots: &[SlotWires; ARITY],
    header: &HeaderWires,
    assets: [&[Num; ARITY]; 2],
) -> Synthesis<Choices> {
    let ids = [&slots[0].id, &slots[1].id, &slots[2].id];
    let one = b.one();
    let zero = b.constant(Fr::zero());

    b.enter(Rule::T9);
    let of_asset = |b: &mut Builder, values: &[Fr; ARITY], asset: &Num| {
        let choice = Choice::new(b, values, &one)?;
        let id = choice.pick(b, ids)?;
        b.equal(&id, asset)?;
        Ok(choice)
    };
    let mut inputs = Vec::with_capacity(ARITY);
    for (input, asset) in raw.inputs.iter().zip(assets[0]) {
        inputs.push(of_asset(b, &input.selector, asset)?);
    }
    let mut outputs = Vec::with_capacity(ARITY);
    for (output, asset) in raw.outputs.iter().zip(assets[1]) {
        outputs.push(of_asset(b, &output.selector, asset)?);
    }

    b.enter(Rule::T11);
    let fee = of_asset(b, &raw.fee_selector, &header.fee_asset)?;

    b.enter(Rule::T12);
    let withdrawal = Choice::new(b, &raw.withdraw_selector, &header.withdraws)?;
    // Zero if no slot is chosen, which is the case unless the kind is 2.
    let mut asset = zero.clone();
    for (bit, id) in withdrawal.0.iter().zip(ids) {
        asset = asset.plus(&b.mul(bit, id)?);
    }
    b.equal(&asset, &header.target_asset)?;
    // Its auditor reads there who withdraws. The output may hold nothing.
    let first = &assets[1][0];
    b.enforce(&header.withdraws, &first.minus(&asset), &zero)?;
    let idle = b.one().minus(&header.withdraws);
    for number in [&header.amount, &header.recipient] {
        // Nonzero if the kind is 2, otherwise zero. An unused inverse is held at zero.
        let inverse = b.witness(inverse_or_zero(number.value()))?;
        b.enforce(number, &inverse, &header.withdraws)?;
        b.enforce(number, &idle, &zero)?;
        b.enforce(&inverse, &idle, &zero)?;
    }
    Ok(Choices {
        inputs: three(inputs),
        outputs: three(outputs),
        fee,
        withdrawal,
    })
}

/// Converts a list collected over three elements to an array.
pub(crate) fn three<T>(things: Vec<T>) -> [T; ARITY] {
    match things.try_into() {
        Ok(things) => things,
        Err(_) => unreachable!("collected over arrays of three"),
    }
}
