//! One transaction slot: flag, words, digest and header fields (rules B2, B3, B5, B10, B15, B21,
//! B22). Rule B20, on neighbouring slots, is in `pairs`.
//!
//! All words of an inactive slot are 0. Its proof is for the padding digest.

use ark_ff::Zero;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::{BatchWitness, SlotWitness};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::transaction::{Header, WORDS};

use super::native::{active, field, require};
use crate::convert::{bits, power_of_two, to_halo2};
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
            (1..=4).contains(&field(&slot.words[3], 0, 8))
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
        let [context, _, assets_root, packed] = [0, 1, 2, 3].map(|i: usize| slot.words[i]);
        let holds = context == header.context && assets_root == header.assets_root;
        require(holds, Rule::B3)?;
        let stated = Header::unpack(&packed).map_err(|_| Rule::B3)?;
        require(stated.fee_asset == header.fee_asset, Rule::B3)?;
    }
    Ok(())
}

/// Checks B5 and B22 natively: the batch's time is within the window of every active slot.
pub(crate) fn check_times(witness: &BatchWitness) -> Result<(), Rule> {
    let time = u128::from(witness.header.time);
    require(time >> 40 == 0, Rule::B5)?;
    for slot in active(witness) {
        require(time <= field(&slot.words[3], 120, 40), Rule::B5)?;
    }
    for slot in active(witness) {
        require(field(&slot.words[3], 160, 40) <= time, Rule::B22)?;
    }
    Ok(())
}

/// Checks B21 natively: active slots name the batch's price snapshot or no snapshot.
pub(crate) fn check_snapshots(witness: &BatchWitness) -> Result<(), Rule> {
    for slot in active(witness) {
        let oracle = slot.words[7];
        require(
            oracle.is_zero() || oracle == witness.header.oracle,
            Rule::B21,
        )?;
    }
    Ok(())
}

/// Checks B10 natively.
pub(crate) fn check_fee_total(witness: &BatchWitness) -> Result<(), Rule> {
    let fees: u128 = active(witness)
        .map(|slot| field(&slot.words[3], 24, 96))
        .sum();
    require(witness.header.fee_total == fees, Rule::B10)
}

/// Checks B15 natively: a withdrawal has an amount, and any other kind has neither amount nor
/// target.
pub(crate) fn check_withdrawals(witness: &BatchWitness) -> Result<(), Rule> {
    for slot in active(witness) {
        let withdraws = field(&slot.words[3], 0, 8) == 2;
        let stated = !slot.words[5].is_zero();
        let holds = withdraws == stated && (withdraws || slot.words[4].is_zero());
        require(holds, Rule::B15)?;
    }
    Ok(())
}

/// A transaction slot on wires.
pub(crate) struct SlotWires {
    /// 1 if the slot holds a transaction, else 0.
    pub(crate) active: Wire,
    /// The 30 words: the cells that the digest absorbs.
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
    /// Note root that the transaction was proven against.
    pub(crate) fn anchor(&self) -> Wire {
        self.words[1]
    }

    /// Digest of the swap's terms.
    pub(crate) fn terms(&self) -> Wire {
        self.words[6]
    }

    /// The three nullifiers.
    pub(crate) fn nullifiers(&self) -> &[Wire] {
        &self.words[8..11]
    }

    /// The three commitments.
    pub(crate) fn commitments(&self) -> &[Wire] {
        &self.words[11..14]
    }

    /// The words that are published as data: withdrawal target, amount, and all from the nullifiers
    /// on.
    pub(crate) fn data(&self) -> impl Iterator<Item = Wire> + '_ {
        self.words[4..6].iter().chain(&self.words[8..]).copied()
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

    layout.assert_product(active, header.context(), words[0]);
    layout.assert_product(active, header.assets_root(), words[2]);

    layout.rule(Rule::B2);
    for (index, word) in words.iter().enumerate() {
        if ![0, 2].contains(&index) {
            layout.assert_zero_unless(active, *word);
        }
    }

    // Kind, fee asset, fee, expiry and not-before. In an inactive slot all are 0, because each is
    // bounded and their weighted sum is 0.
    let packed = words[3].value;
    let stated = bits(&packed, 0, 8);
    let flags = std::array::from_fn(|i| Fr::from(u64::from(stated == Fr::from(2 + i as u64))));
    let KindWires {
        kind,
        withdraws,
        side_a,
        side_b,
    } = kind(layout, active, stated, flags);
    layout.rule(Rule::B3);
    let fee_asset = layout.mul(active, header.fee_asset);
    let stated = [(24, 96), (120, 40), (160, 40)].map(|(from, width)| bits(&packed, from, width));
    let [fee, expiry, not_before] = unpack(layout, kind, fee_asset, stated, words[3]);

    layout.rule(Rule::B5);
    let left = layout.sub_mul(expiry, active, header.time);
    layout.range(left.into(), 40);
    layout.rule(Rule::B22);
    let passed = layout.combine(
        (Fr::ONE, active, header.time),
        &[(-Fr::ONE, not_before)],
        Fr::ZERO,
    );
    layout.range(passed.into(), 40);

    layout.rule(Rule::B21);
    layout.assert_zero_or(header.oracle(), words[7]);

    // Kind 2 ⇔ amount ≠ 0, and any other kind withdraws nothing. The client's statement says so
    // too; it is repeated here because L1 pays by these two words.
    layout.rule(Rule::B15);
    let (target, amount) = (words[4], words[5]);
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
    let fee = layout.ranged_hint(fee, 96);
    let expiry = layout.ranged_hint(expiry, 40);
    let not_before = layout.ranged_hint(not_before, 40);
    layout.assert_linear(
        &[
            (Fr::ONE, kind),
            (power_of_two(8), fee_asset),
            (power_of_two(24), fee),
            (power_of_two(120), expiry),
            (power_of_two(160), not_before),
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
