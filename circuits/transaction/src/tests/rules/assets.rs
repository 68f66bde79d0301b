//! Assets and balance: T8 to T12, and T16.

use super::Forger;
use crate::raw::RawWitness;
use crate::samples::SAMPLE_ASSETS;
use crate::tests::broken;
use crate::words::{AMOUNT, ASSETS_ROOT, HEADER, TARGET};
use crate::{Rule, check};
use ark_bn254::Fr;
use ark_ff::{One, Zero};
use subrosa_protocol::asset::AssetId;
use subrosa_protocol::keys::{AuditorKey, Seed};
use subrosa_protocol::layout::{header, target};

#[test]
fn t8_asset_that_is_not_in_the_tree() {
    Forger::transfer()
        .add(ASSETS_ROOT, 1, 0)
        .breaks_only(Rule::T8);
    for slot in 0..3 {
        // An auditor chosen by the sender.
        let mut forger = Forger::of_three();
        let own = AuditorKey::from_seed(&Seed::from_bytes([9; 32])).public();
        forger.witness.slots[slot].info.auditor = own;
        forger.reseal().breaks_only(Rule::T8);
        // Flags and token are bound as well.
        let mut forger = Forger::of_three();
        forger.witness.slots[slot].info.flags ^= 1;
        forger.breaks_only(Rule::T8);
        let mut forger = Forger::of_three();
        forger.witness.slots[slot].info.token[0] ^= 1;
        forger.breaks_only(Rule::T8);
    }
}

#[test]
fn t8_leaf_at_another_id() {
    // The leaf of asset 3, presented as the leaf of asset 4.
    let mut forger = Forger::of_three();
    let id = AssetId(4);
    forger.witness.slots[1].info.id = id;
    forger.witness.slots[1].path.index = 4;
    forger.witness.inputs[1].note.asset = id;
    forger.witness.outputs[0].note.asset = id;
    forger.witness.outputs[1].note.asset = id;
    forger.plant().reseal().breaks_only(Rule::T8);
}

#[test]
fn t9_asset_of_another_slot() {
    for output in 0..3 {
        let mut forger = Forger::transfer();
        forger.witness.outputs[output].note.asset = SAMPLE_ASSETS[1];
        forger.reseal().breaks_only(Rule::T9);
    }
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].note.asset = SAMPLE_ASSETS[1];
    forger.plant().reseal().breaks_only(Rule::T9);
    // An asset without a slot.
    let mut forger = Forger::transfer();
    forger.witness.outputs[0].note.asset = AssetId(77);
    forger.reseal().breaks_only(Rule::T9);
    let mut forger = Forger::transfer();
    forger.witness.output_slots[2] = 3;
    let digest = forger.sign();
    assert_eq!(check(&forger.witness, &forger.words), Err(Rule::T9));
    let raw = RawWitness::new(&forger.words, digest, &forger.witness);
    assert_eq!(broken(raw).first(), Some(&Rule::T9));
}

#[test]
fn t9_selectors_choose_one_slot() {
    let [zero, one] = [0u64, 1].map(Fr::from);
    for selector in [[one, one, zero], [zero; 3], [one + one, -one, zero]] {
        let mut forger = Forger::transfer();
        let digest = forger.sign();
        let mut raw = RawWitness::new(&forger.words, digest, &forger.witness);
        raw.inputs[0].selector = selector;
        assert_eq!(broken(raw).first(), Some(&Rule::T9));
    }
}

#[test]
fn t10_value_out_of_nothing() {
    for output in 0..3 {
        let mut forger = Forger::of_three();
        forger.witness.outputs[output].note.value += 1;
        forger.reseal().breaks_only(Rule::T10);
    }
    // Value that vanishes breaks the rule as well.
    let mut forger = Forger::transfer();
    forger.witness.outputs[1].note.value -= 1;
    forger.reseal().breaks_only(Rule::T10);
    Forger::transfer()
        .add(HEADER, 1, header::FEE.offset)
        .breaks_only(Rule::T10);
    Forger::withdraw().add(AMOUNT, 1, 0).breaks_only(Rule::T10);
}

#[test]
fn t10_value_across_assets() {
    let mut forger = Forger::of_three();
    forger.witness.outputs[0].note.value -= 1;
    forger.witness.outputs[2].note.value += 1;
    forger.reseal().breaks_only(Rule::T10);
}

#[test]
fn t11_fee_in_another_asset() {
    // The header names asset 0, but the fee is taken from asset 515.
    let mut forger = Forger::of_three();
    let fee = forger.witness.inputs[0].note.value;
    forger.witness.fee_slot = 2;
    forger.witness.outputs[1].note.asset = SAMPLE_ASSETS[0];
    forger.witness.output_slots[1] = 0;
    forger.witness.outputs[1].note.value = fee;
    forger.witness.outputs[0].note.value += 7;
    forger.witness.outputs[2].note.value -= fee;
    forger.reseal().breaks_only(Rule::T11);
    // The header names another asset than the slot's.
    Forger::transfer()
        .add(HEADER, 3, header::FEE_ASSET.offset)
        .breaks_only(Rule::T11);
    // The fee has no slot.
    let mut forger = Forger::transfer();
    forger.witness.fee_slot = 3;
    forger.breaks_first(Rule::T11);
}

#[test]
fn t12_withdrawal_of_another_asset() {
    Forger::withdraw().add(TARGET, 1, 0).breaks_only(Rule::T12);
    let mut forger = Forger::withdraw();
    forger.witness.withdraw_slot = 3;
    forger.breaks_first(Rule::T12);
}

/// The auditor of the asset would not learn who withdraws it.
#[test]
fn t12_withdrawal_without_an_output_of_its_asset() {
    // Output 0 is change of the fee asset.
    let mut forger = Forger::withdraw();
    let outputs = &mut forger.witness.outputs;
    let (own, fee) = (outputs[0].note, outputs[2].note);
    (outputs[0].note.asset, outputs[0].note.value) = (fee.asset, fee.value);
    (outputs[2].note.asset, outputs[2].note.value) = (own.asset, own.value);
    forger.witness.output_slots.swap(0, 2);
    forger.reseal().breaks_only(Rule::T12);
    // Everything is withdrawn, and no output has the asset.
    let mut forger = Forger::withdraw();
    let fee = forger.witness.outputs[2].note;
    forger.words[AMOUNT] = Fr::from(forger.witness.inputs[1].note.value);
    for (output, value) in forger.witness.outputs.iter_mut().zip([fee.value, 0, 0]) {
        (output.note.asset, output.note.value) = (fee.asset, value);
    }
    forger.witness.output_slots = [forger.witness.output_slots[2]; 3];
    forger.reseal().breaks_only(Rule::T12);
}

#[test]
fn t12_withdrawal_of_nothing_or_to_nobody() {
    let mut forger = Forger::withdraw();
    let amount = forger.words[AMOUNT];
    forger.words[AMOUNT] = Fr::zero();
    let amount = subrosa_protocol::encoding::fr_to_u128(&amount).unwrap();
    forger.witness.outputs[1].note.value += amount;
    forger.reseal().breaks_only(Rule::T12);

    let mut forger = Forger::withdraw();
    forger.words[TARGET] = Fr::from(SAMPLE_ASSETS[1].0);
    forger.breaks_only(Rule::T12);
}

#[test]
fn t12_withdrawal_words_of_another_kind() {
    // A transfer that names an amount, an asset or a recipient.
    let mut forger = Forger::transfer();
    forger.words[AMOUNT] = Fr::one();
    forger.breaks_first(Rule::T12);
    Forger::transfer().add(TARGET, 3, 0).breaks_only(Rule::T12);
    Forger::transfer()
        .add(TARGET, 1, target::RECIPIENT.offset)
        .breaks_only(Rule::T12);
    // A withdrawal that claims to be a transfer.
    Forger::withdraw()
        .add(HEADER, -1, 0)
        .breaks_first(Rule::T12);
    // A slot is withdrawn from although nothing is withdrawn.
    Forger::transfer().breaks_on_wires(|raw| raw.withdraw_selector[0] = Fr::one(), &[Rule::T12]);
}

#[test]
fn t16_padding_that_moves() {
    // A transfer that claims to be padding.
    Forger::transfer().add(HEADER, -1, 0).breaks_only(Rule::T16);
    // A note of value 0 is spent.
    let mut forger = Forger::padding();
    forger.witness.inputs[0].dummy = false;
    forger.plant().reseal().breaks_only(Rule::T16);
    // A fee, or an output, out of nothing also breaks T10.
    let mut forger = Forger::padding();
    forger.add(HEADER, 1, header::FEE.offset);
    let digest = forger.sign();
    let raw = RawWitness::new(&forger.words, digest, &forger.witness);
    assert_eq!(broken(raw), [Rule::T10, Rule::T16]);
    let mut forger = Forger::padding();
    forger.witness.outputs[2].note.value = 1;
    forger.reseal();
    let digest = forger.sign();
    let raw = RawWitness::new(&forger.words, digest, &forger.witness);
    assert_eq!(broken(raw), [Rule::T10, Rule::T16]);
}
