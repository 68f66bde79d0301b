//! One transaction slot (rules B2, B3, B5, B15): flag, words, digest, header fields.
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
}

impl SlotWires {
    /// Word 1.
    pub fn anchor(&self) -> Wire {
        self.words[1]
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
    layout.assert_product(active, header.oracle(), words[7]);

    layout.rule(Rule::B2);
    for (index, word) in words.iter().enumerate() {
        if ![0, 2, 7].contains(&index) {
            layout.assert_zero_unless(active, *word);
        }
    }

    // Word 3: kind (1, or 2 if `second`), fee asset, fee and expiry; all 0 in an inactive slot, since
    // each is bounded and their weighted sum is 0.
    let packed = words[3].value;
    let second = layout.free_flag(bits(&packed, 0, 8) == Fr::from(2));
    layout.assert_flag(second, Some(active));
    let kind = layout.free_word(bits(&packed, 0, 8));
    layout.assert_linear(&[(Fr::ONE, active), (Fr::ONE, second)], Fr::ZERO, kind);
    layout.rule(Rule::B3);
    let fee_asset = layout.mul(active, header.fee_asset);
    let fee = layout.ranged_hint(bits(&packed, 24, 96), 96);
    let expiry = layout.ranged_hint(bits(&packed, 120, 40), 40);
    layout.assert_linear(
        &[
            (Fr::ONE, kind),
            (power_of_two(8), fee_asset),
            (power_of_two(24), fee),
            (power_of_two(120), expiry),
        ],
        Fr::ZERO,
        words[3],
    );

    layout.rule(Rule::B5);
    let left = layout.sub_mul(expiry, active, header.time);
    layout.range(left.into(), 40);

    // Kind 2 ⇔ amount ≠ 0, and nothing is withdrawn otherwise: the client's statement, held here
    // too, because L1 pays by these two words.
    layout.rule(Rule::B15);
    let (target, amount) = (words[4], words[5]);
    layout.assert_zero_unless(second, target);
    layout.assert_zero_unless(second, amount);
    let inverse = layout.free_word(amount.value.invert().unwrap_or(Fr::ZERO));
    layout.assert_product(amount, inverse, second);

    SlotWires {
        active,
        words,
        digest: hashed.output,
        fee,
    }
}

/// B10: the fee total is the sum of the fees. At most 64 values below 2^96 cannot wrap.
pub fn fee_total(layout: &mut Layout<'_>, header: &HeaderWires, slots: &[SlotWires]) {
    layout.rule(Rule::B10);
    let terms: Vec<(Fr, Wire)> = slots.iter().map(|slot| (Fr::ONE, slot.fee)).collect();
    layout.assert_linear(&terms, Fr::ZERO, header.fee_total());
}
