//! For each rule, false statements that break it natively and in the circuit.
//!
//! A forger changes a valid statement and then makes everything else consistent with the change, as
//! far as the test needs. The broken rules in the circuit are then exactly the named ones. The
//! circuit gets the forged assignment directly; the native check does not stand before it.

mod assets;
mod keys;
mod legality;
mod loan;
mod notes;
mod renewal;
mod stop;
mod swap;

use crate::assemble::input_nullifier;
use crate::gadgets::range::FIELD_BITS;
use crate::parts::digest::digest;
use crate::raw::RawWitness;
use crate::samples::Sample;
use crate::tests::{broken, rng};
use crate::witness::LoanWitness;
use crate::words::{
    ANCHOR, ASSETS_ROOT, AUDIT, COMMITMENTS, DISCLOSURE, EPHEMERAL, NULLIFIERS, Words, power_of_two,
};
use crate::{Rule, Witness, check, samples};
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::{BigInt, BigInteger, One, PrimeField, Zero};
use rand_chacha::ChaCha20Rng;
use subrosa_protocol::asset::AssetTree;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::{Anchor, NoteCommitment, OwnerId, TransactionDigest};
use subrosa_protocol::encryption::{AuditWords, audit_packed};
use subrosa_protocol::keys::{SpendKey, owner};
use subrosa_protocol::loan::step_keys;
use subrosa_protocol::poseidon::hash3;
use subrosa_protocol::swap::Side;
use subrosa_protocol::tree::NoteTree;

/// Returns the owner whose element is one more.
fn next(owner: OwnerId) -> OwnerId {
    OwnerId::new(Fr::from(owner) + Fr::one())
}

/// Returns the integer of number + r, if it has 254 bits: the other bits of which the weighted sum
/// is the same element.
fn other_representation(number: Fr) -> Option<BigInt<4>> {
    let mut integer = number.into_bigint();
    let carry = integer.add_with_carry(&Fr::MODULUS);
    (!carry && integer.num_bits() as usize <= FIELD_BITS).then_some(integer)
}

/// Returns the lowest `width` bits of an integer.
fn cut(integer: &BigInt<4>, width: usize) -> Fr {
    let bits = integer.to_bits_le();
    Fr::from_bigint(BigInt::from_bits_le(&bits[..width])).expect("the width is below the modulus")
}

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

    fn leg(side: Side) -> Self {
        Self::new(samples::swap_leg(side, &mut rng(15)))
    }

    fn padding() -> Self {
        Self::new(samples::padding(&mut rng(14)))
    }

    /// Adds `amount` units of 2^shift to a word.
    fn add(&mut self, word: usize, amount: i64, shift: usize) -> &mut Self {
        self.words[word] += Fr::from(amount) * power_of_two(shift);
        self
    }

    /// Moves all real inputs, as they now are, to a note tree of their own.
    fn plant(&mut self) -> &mut Self {
        let real: Vec<_> = self
            .witness
            .inputs
            .iter()
            .filter(|i| !i.dummy)
            .map(|i| i.note)
            .collect();
        let mut tree = NoteTree::new();
        let planted = samples::plant(&mut tree, real, OwnerId::new(Fr::zero()), &mut self.rng);
        let mut planted = planted.iter();
        for input in self.witness.inputs.iter_mut().filter(|input| !input.dummy) {
            let place = planted.next().unwrap();
            input.leaf_index = place.leaf_index;
            input.path = place.path.clone();
        }
        self.witness.note_root = tree.root();
        self.anchor()
    }

    /// Recomputes the anchor of the note root and prices.
    fn anchor(&mut self) -> &mut Self {
        self.words[ANCHOR] = Anchor::of(&self.witness.note_root, &self.witness.prices).into();
        self
    }

    /// Registers the assets of the slots, as they now are.
    fn register(&mut self) -> &mut Self {
        for slot in &self.witness.slots {
            self.assets.insert(slot.info);
        }
        for slot in &mut self.witness.slots {
            slot.path = self.assets.path(slot.info.id).unwrap();
        }
        self.words[ASSETS_ROOT] = self.assets.root();
        self
    }

    /// Recomputes nullifiers, commitments and the disclosure.
    fn publish(&mut self) -> &mut Self {
        let pair = self.witness.loan.as_ref().and_then(LoanWitness::spent);
        let pair = pair.map(|loan| loan.keys().nk);
        for (i, input) in self.witness.inputs.iter().enumerate() {
            let nk = pair.filter(|_| i == 0).unwrap_or(self.witness.nk);
            self.words[NULLIFIERS.start + i] = input_nullifier(input, &nk).into();
        }
        for (i, output) in self.witness.outputs.iter().enumerate() {
            self.words[COMMITMENTS.start + i] = output.note.commitment().into();
        }
        if let Some(step) = &self.witness.loan {
            let keys = step_keys(&step.loan.salt, step.after.sequence);
            let disclosure = step
                .loan
                .disclosure(self.witness.outputs[0].note.value, &step.after);
            let cm0 = NoteCommitment::new(self.words[COMMITMENTS.start]);
            let sealed = disclosure.seal(&keys, &cm0, [8, 9]);
            self.words[DISCLOSURE].copy_from_slice(&sealed);
        }
        self
    }

    /// Returns the owner of the inputs.
    fn sender(&self) -> OwnerId {
        owner(&self.witness.ak, &self.witness.nk)
    }

    /// Encrypts again to the auditors of the slots.
    fn audit(&mut self) -> &mut Self {
        let esk = self.witness.esk;
        self.words[EPHEMERAL] = (EdwardsAffine::generator() * esk).into_affine().y;
        for output in 0..3 {
            let slot = usize::from(self.witness.output_slots[output]);
            let note = &self.witness.outputs[output].note;
            let plain = [audit_packed(note, self.sender().tag()), note.owner.into()];
            self.audit_as(output, slot, plain);
        }
        self
    }

    /// Encrypts these plaintexts as those of an output, to the auditor of a slot.
    fn audit_as(&mut self, output: usize, slot: usize, plain: [Fr; 2]) -> &mut Self {
        let auditor = self.witness.slots[slot].info.auditor;
        let shared = (auditor * self.witness.esk).into_affine().y;
        let message = [shared, self.words[COMMITMENTS.start + output]];
        let pads = hash3(Domain::Audit, &message);
        for (place, (plain, pad)) in AuditWords::places(output).zip(plain.iter().zip(pads)) {
            self.words[AUDIT.start + place] = *plain + pad;
        }
        self
    }

    fn reseal(&mut self) -> &mut Self {
        self.publish().audit()
    }

    fn sign(&mut self) -> TransactionDigest {
        let digest = digest(&self.words);
        self.witness.signature = self.spend.sign(&digest, &mut self.rng);
        digest
    }

    /// Signs, and asserts that the statement breaks nothing.
    fn holds(&mut self) {
        let digest = self.sign();
        assert_eq!(check(&self.witness, &self.words), Ok(digest));
        let raw = RawWitness::new(&self.words, digest, &self.witness);
        assert_eq!(broken(raw), []);
    }

    /// Signs, and asserts that the statement breaks `rule` first, natively and in the circuit.
    fn breaks_first(&mut self, rule: Rule) {
        let digest = self.sign();
        assert_eq!(check(&self.witness, &self.words), Err(rule));
        let raw = RawWitness::new(&self.words, digest, &self.witness);
        assert_eq!(broken(raw).first(), Some(&rule));
    }

    /// Signs, and asserts that the statement breaks `rule` natively. The circuit cannot express it;
    /// something breaks there.
    fn breaks_first_natively(&mut self, rule: Rule) {
        let digest = self.sign();
        assert_eq!(check(&self.witness, &self.words), Err(rule));
        let raw = RawWitness::new(&self.words, digest, &self.witness);
        assert_ne!(broken(raw), []);
    }

    /// Signs, and asserts that the statement breaks exactly `rule`, natively and in the circuit.
    fn breaks_only(&mut self, rule: Rule) {
        let digest = self.sign();
        assert_eq!(check(&self.witness, &self.words), Err(rule));
        let raw = RawWitness::new(&self.words, digest, &self.witness);
        assert_eq!(broken(raw), [rule]);
    }

    /// Signs, changes the wires, and asserts that `rule` is among the broken rules.
    fn includes_on_wires(&mut self, change: impl FnOnce(&mut RawWitness), rule: Rule) {
        let digest = self.sign();
        let mut raw = RawWitness::new(&self.words, digest, &self.witness);
        change(&mut raw);
        let rules = broken(raw);
        assert!(rules.contains(&rule), "{rules:?}");
    }

    /// Signs, changes the wires to values that no `Witness` gives, and asserts the broken rules.
    fn breaks_on_wires(&mut self, change: impl FnOnce(&mut RawWitness), rules: &[Rule]) {
        let digest = self.sign();
        let mut raw = RawWitness::new(&self.words, digest, &self.witness);
        change(&mut raw);
        assert_eq!(broken(raw), rules);
    }
}

#[test]
fn the_forger_alone_breaks_nothing() {
    for mut forger in [
        Forger::transfer(),
        Forger::of_three(),
        Forger::withdraw(),
        Forger::padding(),
        Forger::leg(Side::A),
        Forger::leg(Side::B),
    ] {
        forger.plant().register().reseal();
        let digest = forger.sign();
        assert_eq!(check(&forger.witness, &forger.words), Ok(digest));
        assert_eq!(
            broken(RawWitness::new(&forger.words, digest, &forger.witness)),
            []
        );
    }
}
