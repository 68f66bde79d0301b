//! One transaction slot: flag, words, digest and header fields (rules B2, B3, B5, B10, B15, B21).
//! Rule B20, on neighbouring slots, is in `pairs`.
//!
//! All words of an inactive slot are 0. Its proof is for the padding digest.

use ark_ff::Zero;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::{BatchWitness, SlotWitness};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::layout::{
    Field as PackedField, TIME_BITS, header as header_fields, info, word,
};
use subrosa_protocol::transaction::{Header, Kind, WORDS};

use super::native::{active, kind as kind_of, require};
use crate::convert::{at, bits, to_halo2};
use crate::layout::{Hint, Input, Layout, Wire};
use crate::parts::header::HeaderWires;
use crate::rules::Rule;
use crate::witness::well_formed;

/// Checks B2 natively: the numbers of slots, the active ones first and of known kinds, the others
/// all zero.
pub(crate) fn check_slots(witness: &BatchWitness) -> Result<(), Rule> {
    require(well_formed(witness), Rule::B2)?;
    let slots = witness.shape.slots();
    let active = usize::from(witness.header.transactions);
    let deposits = usize::from(witness.header.deposits);
    require(active <= slots && deposits <= slots, Rule::B2)?;
    for (index, slot) in witness.slots.iter().enumerate() {
        require(slot.active == (index < active), Rule::B2)?;
        let expected = if slot.active {
            (Kind::Transfer as u128..=Kind::SwapB as u128).contains(&kind_of(slot))
        } else {
            slot.words == [ark_bn254::Fr::zero(); WORDS]
        };
        require(expected, Rule::B2)?;
    }
    Ok(())
}

/// Checks B3 natively: context, assets root, header fields and fee asset of the active slots.
pub(crate) fn check_words(witness: &BatchWitness) -> Result<(), Rule> {
    let header = &witness.header;
    for slot in active(witness) {
        let holds = slot.words[word::CONTEXT] == header.context
            && slot.words[word::ASSETS_ROOT] == header.assets_root;
        require(holds, Rule::B3)?;
        let stated = Header::unpack(&slot.words[word::HEADER]).map_err(|_| Rule::B3)?;
        require(stated.fee_asset == header.fee_asset, Rule::B3)?;
    }
    Ok(())
}

/// Checks B5 and B21 natively: the batch's time is within the window of every active slot.
pub(crate) fn check_times(witness: &BatchWitness) -> Result<(), Rule> {
    let time = u128::from(witness.header.time);
    require(info::TIME.holds(time), Rule::B5)?;
    for slot in active(witness) {
        let expiry = header_fields::EXPIRY.of(&slot.words[word::HEADER]);
        require(time <= expiry, Rule::B5)?;
    }
    for slot in active(witness) {
        let not_before = header_fields::NOT_BEFORE.of(&slot.words[word::HEADER]);
        require(not_before <= time, Rule::B21)?;
    }
    Ok(())
}

/// Checks B10 natively.
pub(crate) fn check_fee_total(witness: &BatchWitness) -> Result<(), Rule> {
    let fees: u128 = active(witness)
        .map(|slot| header_fields::FEE.of(&slot.words[word::HEADER]))
        .sum();
    require(witness.header.fee_total == fees, Rule::B10)
}

/// Checks B15 natively: a withdrawal has an amount, and any other kind has neither amount nor
/// target.
pub(crate) fn check_withdrawals(witness: &BatchWitness) -> Result<(), Rule> {
    for slot in active(witness) {
        let withdraws = kind_of(slot) == Kind::Withdraw as u128;
        let stated = !slot.words[word::AMOUNT].is_zero();
        let holds = withdraws == stated && (withdraws || slot.words[word::TARGET].is_zero());
        require(holds, Rule::B15)?;
    }
    Ok(())
}

/// A transaction slot on wires.
pub(crate) struct SlotWires {
    /// 1 if the slot holds a transaction, else 0.
    pub(crate) active: Wire,
    /// The 22 words: the cells that the digest absorbs.
    pub(crate) words: [Wire; WORDS],
    /// Digest x, the public input of the client's proof.
    pub(crate) digest: Wire,
    /// Fee, 96 bits; 0 in an inactive slot.
    pub(crate) fee: Wire,
    /// 1 if the transaction is side A of a swap, else 0.
    pub(crate) side_a: Wire,
    /// 1 if the transaction is side B of a swap, else 0.
    pub(crate) side_b: Wire,
}

impl SlotWires {
    /// Returns the note root that the transaction is proven against.
    pub(crate) fn anchor(&self) -> Wire {
        self.words[word::ANCHOR]
    }

    /// Returns the digest of the swap's terms.
    pub(crate) fn terms(&self) -> Wire {
        self.words[word::TERMS]
    }

    /// Returns the three nullifiers.
    pub(crate) fn nullifiers(&self) -> &[Wire] {
        &self.words[word::NULLIFIERS]
    }

    /// Returns the three commitments.
    pub(crate) fn commitments(&self) -> &[Wire] {
        &self.words[word::COMMITMENTS]
    }

    /// Returns the words that are published as data: withdrawal target, amount, and all from the
    /// nullifiers on.
    pub(crate) fn data(&self) -> impl Iterator<Item = Wire> + '_ {
        word::PUBLISHED
            .into_iter()
            .flat_map(|run| &self.words[run])
            .copied()
    }
}

/// Writes a slot. `previous` is the flag of the slot before it.
pub(crate) fn slot(
    layout: &mut Layout<'_>,
    witness: &SlotWitness,
    header: &HeaderWires,
    previous: Option<Wire>,
) -> SlotWires {
    let words: [Fr; WORDS] = std::array::from_fn(|i| to_halo2(&witness.words[i]));

    layout.rule(Rule::B2);
    let active = layout.free_flag(witness.active);
    layout.assert_flag(active, previous);

    layout.rule(Rule::B3);
    let message = words.map(|word| Input::Hint(word, Hint::Hashed));
    let hashed = layout.hash(Domain::Transaction, &message);
    let words: [Wire; WORDS] = std::array::from_fn(|i| hashed.message[i]);

    layout.assert_product(active, header.context(), words[word::CONTEXT]);
    layout.assert_product(active, header.assets_root(), words[word::ASSETS_ROOT]);

    layout.rule(Rule::B2);
    for (index, word) in words.iter().enumerate() {
        if ![word::CONTEXT, word::ASSETS_ROOT].contains(&index) {
            layout.assert_zero_unless(active, *word);
        }
    }

    // Kind, fee asset, fee, expiry and not-before. In an inactive slot all are 0, because each is
    // bounded and their weighted sum is 0.
    let packed = words[word::HEADER];
    let value = |field: PackedField| bits(&packed.value, field.offset, field.width);
    let stated = value(header_fields::KIND);
    let flags = [Kind::Withdraw, Kind::SwapA, Kind::SwapB]
        .map(|kind| Fr::from(u64::from(stated == Fr::from(kind as u64))));
    let KindWires {
        kind,
        withdraws,
        side_a,
        side_b,
    } = kind(layout, active, stated, flags);
    layout.rule(Rule::B3);
    let fee_asset = layout.mul(active, header.fee_asset);
    let stated = [
        header_fields::FEE,
        header_fields::EXPIRY,
        header_fields::NOT_BEFORE,
    ]
    .map(value);
    let [fee, expiry, not_before] = unpack(layout, kind, fee_asset, stated, packed);

    layout.rule(Rule::B5);
    let left = layout.sub_mul(expiry, active, header.time);
    layout.range(left.into(), TIME_BITS);
    layout.rule(Rule::B21);
    let passed = layout.combine(
        (Fr::ONE, active, header.time),
        &[(-Fr::ONE, not_before)],
        Fr::ZERO,
    );
    layout.range(passed.into(), TIME_BITS);

    // Kind 2 ⇔ amount ≠ 0, and any other kind withdraws nothing. The client's statement says so
    // too; it is repeated here because L1 pays by these two words.
    layout.rule(Rule::B15);
    let (target, amount) = (words[word::TARGET], words[word::AMOUNT]);
    layout.assert_zero_unless(withdraws, target);
    layout.assert_zero_unless(withdraws, amount);
    let inverse = layout.free_word(amount.value.invert().unwrap_or(Fr::ZERO));
    layout.assert_product(amount, inverse, withdraws);

    SlotWires {
        active,
        words,
        digest: hashed.output,
        fee,
        side_a,
        side_b,
    }
}

/// Kind of a transaction on wires.
pub(crate) struct KindWires {
    /// The kind, 1 to 4; 0 in an inactive slot.
    pub(crate) kind: Wire,
    /// 1 if the kind is 2 (withdrawal), else 0.
    pub(crate) withdraws: Wire,
    /// 1 if the kind is 3 (side A), else 0.
    pub(crate) side_a: Wire,
    /// 1 if the kind is 4 (side B), else 0.
    pub(crate) side_b: Wire,
}

/// Constrains the kind of a slot: 1 without a flag, or 2, 3, 4 by one flag each. At most one flag
/// may be set. Otherwise 4 could also be stated as 1 + 1 + 2, and a side B that claims to be a
/// withdrawal and side A would escape the rules of both.
pub(crate) fn kind(layout: &mut Layout<'_>, active: Wire, stated: Fr, flags: [Fr; 3]) -> KindWires {
    let flags = flags.map(|flag| {
        let flag = layout.free_word(flag);
        layout.assert_flag(flag, None);
        flag
    });
    let set = layout.linear(&flags.map(|flag| (Fr::ONE, flag)), Fr::ZERO);
    layout.assert_flag(set, Some(active));
    let kind = layout.free_word(stated);
    let [withdraws, side_a, side_b] = flags;
    layout.assert_linear(
        &[
            (Fr::ONE, active),
            (Fr::ONE, withdraws),
            (Fr::from(2), side_a),
            (Fr::from(3), side_b),
        ],
        Fr::ZERO,
        kind,
    );
    KindWires {
        kind,
        withdraws,
        side_a,
        side_b,
    }
}

/// Witnesses fee, expiry and not-before of the header word `packed`. The fields take 200 bits
/// together, so their sum does not wrap, and the ranges leave one way to state them.
pub(crate) fn unpack(
    layout: &mut Layout<'_>,
    kind: Wire,
    fee_asset: Wire,
    [fee, expiry, not_before]: [Fr; 3],
    packed: Wire,
) -> [Wire; 3] {
    let fee = layout.ranged_hint(fee, header_fields::FEE.width);
    let expiry = layout.ranged_hint(expiry, header_fields::EXPIRY.width);
    let not_before = layout.ranged_hint(not_before, header_fields::NOT_BEFORE.width);
    layout.assert_linear(
        &[
            (at(header_fields::KIND), kind),
            (at(header_fields::FEE_ASSET), fee_asset),
            (at(header_fields::FEE), fee),
            (at(header_fields::EXPIRY), expiry),
            (at(header_fields::NOT_BEFORE), not_before),
        ],
        Fr::ZERO,
        packed,
    );
    [fee, expiry, not_before]
}

/// B10: constrains the fee total to be the sum of the fees. At most 64 values below 2^96 cannot
/// wrap.
pub(crate) fn fee_total(layout: &mut Layout<'_>, header: &HeaderWires, slots: &[SlotWires]) {
    layout.rule(Rule::B10);
    let terms: Vec<(Fr, Wire)> = slots.iter().map(|slot| (Fr::ONE, slot.fee)).collect();
    layout.assert_linear(&terms, Fr::ZERO, header.fee_total());
}
