//! For each rule, false statements that break it natively and in circuit.
//!
//! A forger changes a valid statement, then makes everything else consistent with the change, so
//! far as the test wants: the broken rules in circuit are then exactly those named. The circuit is
//! given the forged assignment directly; the native check does not stand before it.

use super::{broken, rng};
use crate::assemble::input_nullifier;
use crate::parts::digest::digest;
use crate::raw::RawWitness;
use crate::samples::{self, SAMPLE_ASSETS, Sample};
use crate::words::{
    AMOUNT, ANCHOR, ASSETS, AUDIT, COMMITMENTS, EPHEMERAL, HEADER, NULLIFIERS, ORACLE, TARGET,
    TERMS, Words, power_of_two,
};
use crate::{Rule, Witness, check, check_digest};
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::{One, PrimeField, UniformRand, Zero};
use rand_chacha::ChaCha20Rng;
use subrosa_protocol::asset::{AssetId, AssetTree};
use subrosa_protocol::domain::Domain;
use subrosa_protocol::keys::{AuditorKey, Seed, SpendKey, ViewingKey, owner};
use subrosa_protocol::note::{NoteClass, dummy_nullifier, nullifier};
use subrosa_protocol::poseidon::hash3;
use subrosa_protocol::tree::NoteTree;

struct Forger {
    words: Words,
    witness: Witness,
    assets: AssetTree,
    spend: SpendKey,
    rng: ChaCha20Rng,
}

impl Forger {
    fn new(sample: Sample) -> Self {
        Self {
            words: sample.words,
            witness: sample.witness,
            assets: sample.assets,
            spend: SpendKey::from_seed(&sample.seed),
            rng: rng(99),
        }
    }

    fn transfer() -> Self {
        Self::new(samples::transfer(&mut rng(11)))
    }

    fn of_three() -> Self {
        Self::new(samples::transfer_of_three(&mut rng(12)))
    }

    fn withdraw() -> Self {
        Self::new(samples::withdraw(&mut rng(13)))
    }

    fn padding() -> Self {
        Self::new(samples::padding(&mut rng(14)))
    }

    /// Adds `amount` units of 2^shift to a word.
    fn add(&mut self, word: usize, amount: i64, shift: usize) -> &mut Self {
        self.words[word] += Fr::from(amount) * power_of_two(shift);
        self
    }

    /// Puts all real inputs, as they now are, in a note tree of their own.
    fn plant(&mut self) -> &mut Self {
        let real: Vec<_> =
            self.witness.inputs.iter().filter(|i| !i.dummy).map(|i| i.note).collect();
        let mut tree = NoteTree::new();
        let planted = samples::plant(&mut tree, real, Fr::zero(), &mut self.rng);
        let mut planted = planted.iter();
        for input in self.witness.inputs.iter_mut().filter(|input| !input.dummy) {
            let place = planted.next().unwrap();
            input.position = place.position;
            input.path = place.path.clone();
        }
        self.words[ANCHOR] = tree.root();
        self
    }

    /// Registers the slots' assets as they now are.
    fn register(&mut self) -> &mut Self {
        for slot in &self.witness.slots {
            self.assets.insert(slot.info);
        }
        for slot in &mut self.witness.slots {
            slot.path = self.assets.path(slot.info.id).unwrap();
        }
        self.words[ASSETS] = self.assets.root();
        self
    }

    /// Recomputes nullifiers and commitments.
    fn publish(&mut self) -> &mut Self {
        for (i, input) in self.witness.inputs.iter().enumerate() {
            self.words[NULLIFIERS + i] = input_nullifier(input, &self.witness.nk);
        }
        for (i, output) in self.witness.outputs.iter().enumerate() {
            self.words[COMMITMENTS + i] = output.note.commitment();
        }
        self
    }

    /// Encrypts anew to the auditors of the slots.
    fn audit(&mut self) -> &mut Self {
        let esk = self.witness.esk;
        let sender = owner(&self.witness.ak, &self.witness.nk);
        self.words[EPHEMERAL] = (EdwardsAffine::generator() * esk).into_affine().y;
        for i in 0..3 {
            let slot = &self.witness.slots[usize::from(self.witness.output_slots[i])];
            let shared = (slot.info.auditor * esk).into_affine().y;
            let pads = hash3(Domain::Audit, &[shared, self.words[COMMITMENTS + i]]);
            let note = &self.witness.outputs[i].note;
            for (j, plain) in [note.packed(), note.owner, sender].into_iter().enumerate() {
                self.words[AUDIT + 3 * i + j] = plain + pads[j];
            }
        }
        self
    }

    fn reseal(&mut self) -> &mut Self {
        self.publish().audit()
    }

    fn sign(&mut self) -> Fr {
        let digest = digest(&self.words);
        self.witness.signature = self.spend.sign(&digest, &mut self.rng);
        digest
    }

    /// Signed, the statement breaks `rule` first, natively and in circuit.
    fn breaks_first(&mut self, rule: Rule) {
        let digest = self.sign();
        assert_eq!(check(&self.witness, &self.words), Err(rule));
        let raw = RawWitness::new(&self.words, digest, &self.witness);
        assert_eq!(broken(raw).first(), Some(&rule));
    }

    /// Signed, the statement breaks `rule` natively, and in circuit it and no other.
    fn breaks_only(&mut self, rule: Rule) {
        let digest = self.sign();
        assert_eq!(check(&self.witness, &self.words), Err(rule));
        let raw = RawWitness::new(&self.words, digest, &self.witness);
        assert_eq!(broken(raw), [rule]);
    }

    /// Signed and then changed on the wires, where no `Witness` could go: it breaks these rules.
    fn breaks_on_wires(&mut self, change: impl FnOnce(&mut RawWitness), rules: &[Rule]) {
        let digest = self.sign();
        let mut raw = RawWitness::new(&self.words, digest, &self.witness);
        change(&mut raw);
        assert_eq!(broken(raw), rules);
    }
}

#[test]
fn the_forger_alone_breaks_nothing() {
    for mut forger in
        [Forger::transfer(), Forger::of_three(), Forger::withdraw(), Forger::padding()]
    {
        forger.plant().register().reseal();
        let digest = forger.sign();
        assert_eq!(check(&forger.witness, &forger.words), Ok(digest));
        assert_eq!(broken(RawWitness::new(&forger.words, digest, &forger.witness)), []);
    }
}

#[test]
fn t1_reserved_kind() {
    for more in [2, 3, 253] {
        Forger::transfer().add(HEADER, more, 0).breaks_first(Rule::T1);
    }
}

#[test]
fn t2_key_off_the_curve() {
    let mut forger = Forger::transfer();
    forger.witness.ak.x += Fr::one();
    forger.breaks_first(Rule::T2);
}

#[test]
fn t2_another_owners_note() {
    for input in 0..3 {
        let mut forger = Forger::of_three();
        forger.witness.inputs[input].note.owner += Fr::one();
        forger.plant().reseal().breaks_only(Rule::T2);
    }
    // A dummy has the owner too.
    let mut forger = Forger::transfer();
    forger.witness.inputs[2].note.owner = Fr::one();
    forger.reseal().breaks_only(Rule::T2);
}

#[test]
fn t2_another_nullifier_key_is_another_owner() {
    let mut forger = Forger::transfer();
    forger.witness.nk += Fr::one();
    forger.reseal().breaks_only(Rule::T2);
}

#[test]
fn t2_input_that_is_not_cash() {
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].note.class = NoteClass::Position;
    forger.plant().reseal().breaks_only(Rule::T2);
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].note.aux = Fr::one();
    forger.plant().reseal().breaks_only(Rule::T2);
}

#[test]
fn t3_note_that_is_not_in_the_tree() {
    for input in 0..3 {
        let mut forger = Forger::of_three();
        forger.witness.inputs[input].note.rcm += Fr::one();
        forger.reseal().breaks_only(Rule::T3);
    }
}

#[test]
fn t3_inflated_note() {
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].note.value += 1;
    forger.witness.outputs[1].note.value += 1;
    forger.reseal().breaks_only(Rule::T3);
}

#[test]
fn t3_another_anchor_sibling_or_position() {
    Forger::transfer().add(ANCHOR, 1, 0).breaks_only(Rule::T3);

    let mut forger = Forger::transfer();
    forger.witness.inputs[0].path.siblings[15][2] += Fr::one();
    forger.breaks_only(Rule::T3);

    // The same note under a position of choice would have a second nullifier.
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].position += 1;
    forger.witness.inputs[0].path.index += 1;
    forger.reseal().breaks_only(Rule::T3);
}

#[test]
fn t3_position_out_of_range() {
    for (mut forger, input) in [(Forger::transfer(), 0), (Forger::transfer(), 1)] {
        forger.witness.inputs[input].position += 1 << 32;
        forger.witness.inputs[input].path.index += 1 << 32;
        forger.reseal().breaks_only(Rule::T3);
    }
}

#[test]
fn t3_dummy_flag_is_a_boolean() {
    // Half a dummy: (1 − d)·(root − anchor) = 0 would still ask for the root.
    Forger::transfer().breaks_on_wires(
        |raw| raw.inputs[1].dummy = Fr::from(2u64),
        &[Rule::T3, Rule::T4, Rule::T16][..2],
    );
}

#[test]
fn t4_wrong_nullifiers() {
    for input in 0..3 {
        Forger::transfer().add(NULLIFIERS + input, 1, 0).audit().breaks_only(Rule::T4);
    }
    // A spent note that publishes the nullifier of a dummy could be spent again.
    let mut forger = Forger::transfer();
    let input = forger.witness.inputs[0].clone();
    let (nk, commitment) = (forger.witness.nk, input.note.commitment());
    forger.words[NULLIFIERS] = dummy_nullifier(&nk, &commitment, input.position);
    forger.breaks_only(Rule::T4);
    // A dummy that publishes a real nullifier could block another's note.
    let mut forger = Forger::transfer();
    let input = forger.witness.inputs[1].clone();
    let commitment = input.note.commitment();
    forger.words[NULLIFIERS + 1] = nullifier(&nk, &commitment, input.position);
    forger.breaks_only(Rule::T4);
    // As does one of another position.
    let mut forger = Forger::transfer();
    let input = forger.witness.inputs[0].clone();
    let commitment = input.note.commitment();
    forger.words[NULLIFIERS] = nullifier(&nk, &commitment, input.position + 1);
    forger.breaks_only(Rule::T4);
}

#[test]
fn t5_dummy_of_value() {
    let mut forger = Forger::transfer();
    forger.witness.inputs[2].note.value = 5;
    forger.witness.outputs[2].note.value += 5;
    forger.reseal().breaks_only(Rule::T5);
}

#[test]
fn t6_wrong_commitments() {
    for output in 0..3 {
        Forger::transfer().add(COMMITMENTS + output, 1, 0).audit().breaks_only(Rule::T6);
    }
}

#[test]
fn t6_output_that_is_not_cash() {
    for output in 0..3 {
        let mut forger = Forger::transfer();
        forger.witness.outputs[output].note.class = NoteClass::Position;
        forger.reseal().breaks_only(Rule::T6);
        let mut forger = Forger::transfer();
        forger.witness.outputs[output].note.aux = Fr::one();
        forger.reseal().breaks_only(Rule::T6);
    }
}

#[test]
fn t7_fields_out_of_range() {
    Forger::transfer().add(HEADER, 1, 160).breaks_only(Rule::T7);
    Forger::transfer().add(HEADER, 1, 200).breaks_only(Rule::T7);
    Forger::withdraw().add(TARGET, 1, 176).breaks_only(Rule::T7);
    Forger::withdraw().add(AMOUNT, 1, 128).breaks_first(Rule::T7);
}

#[test]
fn t7_negative_output() {
    // The other output is worth more by what this one is worth less than nothing.
    let one = Fr::one();
    let mut forger = Forger::transfer();
    forger.witness.outputs[1].note.value += 1;
    forger.witness.outputs[2].note.value = 0;
    forger.reseal();
    let mut note = forger.witness.outputs[2].note;
    note.value = 0;
    let packed = note.packed() - power_of_two(24);
    let commitment = subrosa_protocol::note::commit(&packed, &note.inner());
    forger.words[COMMITMENTS + 2] = commitment;
    let slot = &forger.witness.slots[0].info.auditor;
    let shared = (*slot * forger.witness.esk).into_affine().y;
    let pads = hash3(Domain::Audit, &[shared, commitment]);
    let sender = owner(&forger.witness.ak, &forger.witness.nk);
    for (j, plain) in [packed, note.owner, sender].into_iter().enumerate() {
        forger.words[AUDIT + 6 + j] = plain + pads[j];
    }
    forger.breaks_on_wires(|raw| raw.outputs[2].note.value = -one, &[Rule::T7]);
}

#[test]
fn t7_input_unpacked_otherwise() {
    // class + asset·2⁸ + value·2²⁴ is the same element for another asset and a huge value.
    Forger::transfer().breaks_on_wires(
        |raw| {
            let asset = Fr::from(SAMPLE_ASSETS[1].0);
            let note = &mut raw.inputs[0].note;
            note.value += (note.asset - asset) / power_of_two(16);
            note.asset = asset;
            raw.inputs[0].selector = [Fr::zero(), Fr::one(), Fr::zero()];
        },
        &[Rule::T7, Rule::T10],
    );
}

#[test]
fn t7_header_unpacked_otherwise() {
    // A fee of 2⁹⁶ more and an expiry of one less are the same word.
    let mut forger = Forger::transfer();
    forger.witness.inputs[0].note.value += 1 << 96;
    forger.plant().reseal();
    forger.breaks_on_wires(
        |raw| {
            raw.fields.fee += power_of_two(96);
            raw.fields.expiry -= Fr::one();
        },
        &[Rule::T7],
    );
}

#[test]
fn t8_asset_that_is_not_in_the_tree() {
    Forger::transfer().add(ASSETS, 1, 0).breaks_only(Rule::T8);
    for slot in 0..3 {
        // An auditor of one's own choice.
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
    // The leaf of asset 3, shown as that of asset 4.
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
    // Of no slot.
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
    // Value that vanishes breaks it as well.
    let mut forger = Forger::transfer();
    forger.witness.outputs[1].note.value -= 1;
    forger.reseal().breaks_only(Rule::T10);
    Forger::transfer().add(HEADER, 1, 24).breaks_only(Rule::T10);
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
    // The header says asset 0, the fee is taken from asset 515.
    let mut forger = Forger::of_three();
    let fee = forger.witness.inputs[0].note.value;
    forger.witness.fee_slot = 2;
    forger.witness.outputs[1].note.asset = SAMPLE_ASSETS[0];
    forger.witness.output_slots[1] = 0;
    forger.witness.outputs[1].note.value = fee;
    forger.witness.outputs[0].note.value += 7;
    forger.witness.outputs[2].note.value -= fee;
    forger.reseal().breaks_only(Rule::T11);
    // The header names another asset than that of the slot.
    Forger::transfer().add(HEADER, 3, 8).breaks_only(Rule::T11);
    // No slot pays.
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
    Forger::transfer().add(TARGET, 1, 16).breaks_only(Rule::T12);
    // A withdrawal that calls itself a transfer.
    Forger::withdraw().add(HEADER, -1, 0).breaks_first(Rule::T12);
    // A slot is withdrawn from although nothing is.
    Forger::transfer()
        .breaks_on_wires(|raw| raw.withdraw_selector[0] = Fr::one(), &[Rule::T12]);
}

#[test]
fn t13_signatures() {
    let other = Forger::transfer();
    let other_spend = SpendKey::from_seed(&Seed::from_bytes([7; 32]));
    let mut rng = rng(5);
    let forgeries: [&mut dyn FnMut(&mut Witness, Fr); 5] = [
        // By another key; over another digest; of another transaction; each half alone.
        &mut |w, digest| w.signature = other_spend.sign(&digest, &mut rng),
        &mut |w, digest| {
            let mut rng = super::rng(6);
            w.signature = other.spend.sign(&(digest + Fr::one()), &mut rng);
        },
        &mut |w, _| w.signature = Forger::of_three().witness.signature,
        &mut |w, _| w.signature.s += subrosa_protocol::Scalar::one(),
        &mut |w, _| w.signature.r = EdwardsAffine::generator(),
    ];
    for forge in forgeries {
        let mut forger = Forger::transfer();
        let digest = forger.sign();
        forge(&mut forger.witness, digest);
        assert_eq!(check(&forger.witness, &forger.words), Err(Rule::T13));
        let raw = RawWitness::new(&forger.words, digest, &forger.witness);
        assert_eq!(broken(raw), [Rule::T13]);
    }
}

#[test]
fn t14_ephemeral_word() {
    Forger::transfer().add(EPHEMERAL, 1, 0).breaks_only(Rule::T14);
    let mut forger = Forger::transfer();
    let key = ViewingKey::from_seed(&Seed::from_bytes([3; 32]));
    forger.words[EPHEMERAL] = key.pk.y;
    forger.breaks_only(Rule::T14);
}

#[test]
fn t15_each_audit_word() {
    for word in AUDIT..AUDIT + 9 {
        Forger::of_three().add(word, 1, 0).breaks_only(Rule::T15);
    }
}

#[test]
fn t15_auditor_of_another_asset() {
    let mut forger = Forger::of_three();
    let esk = forger.witness.esk;
    let wrong = (forger.witness.slots[0].info.auditor * esk).into_affine().y;
    let note = forger.witness.outputs[0].note;
    let pads = hash3(Domain::Audit, &[wrong, forger.words[COMMITMENTS]]);
    let sender = owner(&forger.witness.ak, &forger.witness.nk);
    for (j, plain) in [note.packed(), note.owner, sender].into_iter().enumerate() {
        forger.words[AUDIT + j] = plain + pads[j];
    }
    forger.breaks_only(Rule::T15);
}

#[test]
fn t15_auditor_off_the_curve() {
    let mut forger = Forger::transfer();
    // Registered so: only the circuit stands between such a leaf and a meaningless ciphertext.
    let mut rng = rng(8);
    forger.witness.slots[0].info.auditor =
        EdwardsAffine::new_unchecked(Fr::rand(&mut rng), Fr::rand(&mut rng));
    forger.register().breaks_first(Rule::T15);
}

#[test]
fn t16_padding_that_moves() {
    // A transfer that calls itself padding.
    Forger::transfer().add(HEADER, -1, 0).breaks_only(Rule::T16);
    // A note of value 0 is spent.
    let mut forger = Forger::padding();
    forger.witness.inputs[0].dummy = false;
    forger.plant().reseal().breaks_only(Rule::T16);
    // A fee, or an output, out of nothing: by T10 too.
    let mut forger = Forger::padding();
    forger.add(HEADER, 1, 24);
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

#[test]
fn t17_reserved_words() {
    for word in [TERMS, ORACLE] {
        Forger::transfer().add(word, 1, 0).breaks_only(Rule::T17);
        Forger::withdraw().add(word, 1, 0).breaks_only(Rule::T17);
    }
}

#[test]
fn t18_another_digest() {
    let mut forger = Forger::transfer();
    let digest = forger.sign() + Fr::one();
    // Validly signed, but not the digest of these words.
    forger.witness.signature = forger.spend.sign(&digest, &mut forger.rng);
    assert_eq!(check_digest(&forger.witness, &forger.words, digest), Err(Rule::T18));
    let raw = RawWitness::new(&forger.words, digest, &forger.witness);
    assert_eq!(broken(raw), [Rule::T18]);
}

#[test]
fn t18_every_word_is_in_the_digest() {
    // The digest stays that of the original: whichever word changes, T18 breaks.
    let mut forger = Forger::transfer();
    let digest = forger.sign();
    for word in 0..forger.words.len() {
        let mut words = forger.words;
        words[word] += Fr::one();
        let raw = RawWitness::new(&words, digest, &forger.witness);
        assert!(broken(raw).contains(&Rule::T18), "word {word}");
    }
}

#[test]
fn scalars_are_integers_on_the_wires() {
    // ℓ more than s and esk is the same multiple of G: no second statement comes of it, and no
    // rule is broken by a signature that is valid.
    let bits = crate::raw::scalar_bits(&-subrosa_protocol::Scalar::one());
    assert!(bits[250], "ℓ has 251 bits");
    assert_eq!(subrosa_protocol::Scalar::MODULUS_BIT_SIZE, 251);
}
