//! One transaction slot (rules B2, B3, B5, B15, B21, B22): flag, words, digest, header fields. What its
//! neighbours have to do with it (B20) is in `pairs`.
//!
//! The words of an inactive slot are all 0; its proof is for the padding's digest instead.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::SlotWitness;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::transaction::WORDS;

use crate::convert::{bits, power_of_two, to_halo2};
use crate::layout::{Hint, Input, Layout, Wire};
use crate::rules::Rule;
use crate::state::HeaderWires;

/// A transaction slot as wires.
pub struct SlotWires {
    /// 1 if a transaction is here.
    pub active: Wire,
    /// Its 30 words, the cells that the digest absorbs.
    pub words: [Wire; WORDS],
    /// The digest x: the public input of the client's proof.
    pub digest: Wire,
    /// Its fee, 96 bits; 0 if inactive.
    pub fee: Wire,
    /// 1 if it is side A of a swap.
    pub side_a: Wire,
    /// 1 if it is side B of a swap.
    pub side_b: Wire,
}

impl SlotWires {
    /// Word 1.
    pub fn anchor(&self) -> Wire {
        self.words[1]
    }

    /// Word 6.
    pub fn terms(&self) -> Wire {
        self.words[6]
    }

    /// Words 8–10.
    pub fn nullifiers(&self) -> &[Wire] {
        &self.words[8..11]
    }

    /// Words 11–13.
    pub fn commitments(&self) -> &[Wire] {
        &self.words[11..14]
    }

    /// The data words: 4, 5 and 8–29.
    pub fn data(&self) -> impl Iterator<Item = Wire> + '_ {
        self.words[4..6].iter().chain(&self.words[8..]).copied()
    }
}

/// A slot whose predecessor has the flag `previous`.
pub fn slot(
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

    // Word 3: kind, fee asset, fee, expiry and not before; all 0 in an inactive slot, since each is bounded and their
    // weighted sum is 0.
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

    // Kind 2 ⇔ amount ≠ 0, and nothing is withdrawn otherwise: the client's statement, held here
    // too, because L1 pays by these two words.
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

/// What a transaction is, as wires.
pub(crate) struct KindWires {
    /// The kind, 1 to 4; 0 in an inactive slot.
    pub(crate) kind: Wire,
    /// 1 if it is 2.
    pub(crate) withdraws: Wire,
    /// 1 if it is 3.
    pub(crate) side_a: Wire,
    /// 1 if it is 4.
    pub(crate) side_b: Wire,
}

/// The kind as 1, or 2, 3, 4 by one flag each. At most one is set: 4 is also 1 + 1 + 2, and a side B that is
/// told as a withdrawal and side A would be neither leg nor payment.
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

/// Fee, expiry and not before of the header word `packed`, stated by the prover. 200 bits in all do not wrap, so
/// that in range there is one way to state them.
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

/// B10: the fee total is the sum of the fees. At most 64 values below 2^96 cannot wrap.
pub fn fee_total(layout: &mut Layout<'_>, header: &HeaderWires, slots: &[SlotWires]) {
    layout.rule(Rule::B10);
    let terms: Vec<(Fr, Wire)> = slots.iter().map(|slot| (Fr::ONE, slot.fee)).collect();
    layout.assert_linear(&terms, Fr::ZERO, header.fee_total());
}
