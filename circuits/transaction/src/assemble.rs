//! Builds a statement from its contents, for wallets, padding and samples.

mod step;

use crate::witness::{
    ARITY, AssetSlot, CounterLeg, InputWitness, LoanWitness, OutputWitness, Witness,
};
use ark_bn254::Fr;
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::{UniformRand, Zero};
use ark_std::rand::{CryptoRng, RngCore};
use subrosa_protocol::asset::{AssetId, AssetTree};
use subrosa_protocol::element::{Anchor, Nullifier, OwnerId};
use subrosa_protocol::encryption::{AuditWords, EphemeralKey, Memo, NoteData, audit_encrypt};
use subrosa_protocol::keys::{SpendKey, ViewingKey};
use subrosa_protocol::note::{Note, dummy_nullifier, nullifier};
use subrosa_protocol::swap::{Side, Terms};
use subrosa_protocol::transaction::{Header, Kind, Transaction, Withdrawal};
use subrosa_protocol::tree::MerklePath;

pub use step::LoanStep;

/// Contents of a transaction.
///
/// `assets` must contain the assets of inputs and outputs, of the fee and of the withdrawal. Values
/// are in base units. [`crate::check`] checks the sum of each asset; this builder does not.
#[derive(Clone)]
pub struct Draft {
    /// Context word of the deployment.
    pub context: Fr,
    /// Note root that the inputs' paths lead to.
    pub note_root: Fr,
    /// Digest of the price snapshot in the anchor, or 0.
    pub prices: Fr,
    /// Kind, fee asset, fee, expiry and not-before.
    pub header: Header,
    /// Withdrawal from the rollup, for kind 2.
    pub withdrawal: Option<Withdrawal>,
    /// Notes to spend, and dummies.
    pub inputs: [InputWitness; ARITY],
    /// Owner, asset and value of each output.
    pub outputs: [(OwnerId, AssetId, u128); ARITY],
    /// Encryption key of the owner of output 0. A leg takes the key in its terms instead, and a
    /// step needs none.
    pub payee: EdwardsAffine,
    /// Assets of the slots; several slots may have the same asset.
    pub assets: [AssetId; ARITY],
    /// Memo for the recipient of output 0. A leg takes the memo of its terms instead.
    pub memo: Memo,
    /// Terms of a leg, for kinds 3 and 4. They then determine output 0 instead of `outputs`.
    pub terms: Option<Terms>,
    /// Step on a position. If the step spends a position and renews no loan, output 0 is its
    /// successor, with the value of output 0 in `outputs`.
    pub loan: Option<LoanStep>,
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").finish_non_exhaustive()
    }
}

impl Draft {
    /// Encrypts, commits and signs.
    ///
    /// Returns `None` if an asset is not registered or has no slot, if a leg has no terms or
    /// another kind has terms, or if a debt exceeds 128 bits.
    #[must_use]
    pub fn finish(
        self,
        keys: &ViewingKey,
        spend: &SpendKey,
        assets: &AssetTree,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Option<(Transaction, Witness)> {
        let loan = match &self.loan {
            Some(step) => Some(step.witness(&self.header)?),
            None => None,
        };
        let leg = self.leg()?;
        let nullifiers = self.nullifiers(keys, loan.as_ref());
        let ephemeral = EphemeralKey::new(&keys.ovk, &nullifiers);
        let memo = match leg {
            Some((side, terms)) => terms.exchange.memo(side),
            None => self.memo.clone(),
        };
        let notes = self.notes(&ephemeral, leg, loan.as_ref(), &memo);
        let slots = self.choose_slots(&notes, assets)?;
        let audit = audit_words(&notes, &ephemeral, keys, assets)?;
        let terms = match leg {
            Some((_, terms)) => terms.digest(),
            // Padding has no secrets and must not depend on who makes it.
            None if self.header.kind == Kind::NoOp => Fr::zero(),
            None => Fr::rand(rng),
        };
        let counter_leg = leg.map(|(side, terms)| counter_leg(side, terms));
        let transaction = Transaction {
            anchor: Anchor::of(&self.note_root, &self.prices),
            assets_root: assets.root(),
            header: self.header,
            withdrawal: self.withdrawal,
            terms,
            nullifiers,
            commitments: notes.each_ref().map(Note::commitment),
            ephemeral: ephemeral.y(),
            audit,
            note_data: self.note_data(&ephemeral, keys, leg, loan.as_ref(), &notes[0], &memo),
        };
        let witness = Witness {
            note_root: self.note_root,
            prices: self.prices,
            ak: keys.ak,
            nk: keys.nk,
            signature: spend.sign(&transaction.digest(&self.context), rng),
            esk: *ephemeral.scalar(),
            inputs: self.inputs,
            outputs: notes.map(|note| OutputWitness { note }),
            slots: slots.slots,
            input_slots: slots.inputs,
            output_slots: slots.outputs,
            fee_slot: slots.fee,
            withdraw_slot: slots.withdrawal,
            counter_leg,
            loan,
        };
        Some((transaction, witness))
    }

    /// Returns side and terms of a leg, `Some(None)` for any other kind, and `None` if kind and
    /// terms do not fit.
    fn leg(&self) -> Option<Option<(Side, &Terms)>> {
        match (self.header.kind.side(), &self.terms) {
            (Some(side), Some(terms)) => Some(Some((side, terms))),
            (None, None) => Some(None),
            _ => None,
        }
    }

    /// Returns the nullifiers of the inputs. A position has the nullifier key of its pair.
    fn nullifiers(&self, keys: &ViewingKey, loan: Option<&LoanWitness>) -> [Nullifier; ARITY] {
        let pair = loan.and_then(LoanWitness::spent).map(|loan| loan.keys().nk);
        std::array::from_fn(|i| {
            let nk = pair.as_ref().filter(|_| i == 0).unwrap_or(&keys.nk);
            input_nullifier(&self.inputs[i], nk)
        })
    }

    /// Returns the notes to create. Terms and steps determine some of them.
    fn notes(
        &self,
        ephemeral: &EphemeralKey,
        leg: Option<(Side, &Terms)>,
        loan: Option<&LoanWitness>,
        memo: &Memo,
    ) -> [Note; ARITY] {
        let [(owner, asset, value), second, third] = self.outputs;
        let change = |index, (owner, asset, value)| ephemeral.change(index, owner, asset, value);
        let mut notes = [
            ephemeral.payment(owner, asset, value, memo),
            change(1, second),
            change(2, third),
        ];
        if let Some((side, terms)) = leg {
            notes[0] = terms.delivery(side);
        }
        if let Some(loan) = loan.filter(|loan| !loan.step.makes_loan()) {
            notes[0] = loan.successor(value);
            if let Some(repayment) = loan.repayment() {
                notes[1] = repayment;
            }
        }
        notes
    }

    /// Encrypts output 0 to its owner or, in a step on a position, masks the next state for both
    /// parties.
    fn note_data(
        &self,
        ephemeral: &EphemeralKey,
        keys: &ViewingKey,
        leg: Option<(Side, &Terms)>,
        loan: Option<&LoanWitness>,
        first: &Note,
        memo: &Memo,
    ) -> NoteData {
        match (loan, leg) {
            (Some(loan), _) => {
                let lent = leg.map(|(side, terms)| terms.exchange.leg(side.other()).value);
                loan.note_data(first, lent.unwrap_or_default(), ephemeral, &keys.ovk)
            }
            (None, Some((side, terms))) => ephemeral.seal(&terms.receiver(side).pk, first, memo),
            (None, None) => ephemeral.seal(&self.payee, first, memo),
        }
    }

    /// Chooses a slot for everything that moves. Returns `None` if an asset is not registered or
    /// has no slot.
    fn choose_slots(&self, notes: &[Note; ARITY], assets: &AssetTree) -> Option<ChosenSlots> {
        let slot_of = |asset: AssetId| -> Option<u8> {
            let slot = self.assets.iter().position(|of| *of == asset)?;
            Some(slot as u8)
        };
        let mut slots = Vec::with_capacity(ARITY);
        let mut inputs = [0; ARITY];
        let mut outputs = [0; ARITY];
        for i in 0..ARITY {
            let asset = self.assets[i];
            slots.push(AssetSlot {
                info: *assets.get(asset)?,
                path: assets.path(asset)?,
            });
            inputs[i] = slot_of(self.inputs[i].note.asset)?;
            outputs[i] = slot_of(notes[i].asset)?;
        }
        Some(ChosenSlots {
            slots: slots.try_into().ok()?,
            inputs,
            outputs,
            fee: slot_of(self.header.fee_asset)?,
            withdrawal: match &self.withdrawal {
                Some(withdrawal) => slot_of(withdrawal.asset)?,
                None => 0,
            },
        })
    }
}

/// Asset slots, and the slot of everything that moves.
struct ChosenSlots {
    slots: [AssetSlot; ARITY],
    inputs: [u8; ARITY],
    outputs: [u8; ARITY],
    fee: u8,
    withdrawal: u8,
}

/// Encrypts the outputs to the auditors of their assets. Returns `None` if an asset is not
/// registered.
fn audit_words(
    notes: &[Note; ARITY],
    ephemeral: &EphemeralKey,
    keys: &ViewingKey,
    assets: &AssetTree,
) -> Option<AuditWords> {
    let encrypt = |note: &Note| {
        let auditor = &assets.get(note.asset)?.auditor;
        Some(audit_encrypt(ephemeral, auditor, note, keys.owner.tag()))
    };
    let [first, second, third] = notes;
    Some(AuditWords::join([
        encrypt(first)?,
        encrypt(second)?,
        encrypt(third)?,
    ]))
}

/// Returns the words of the terms that the leg of `side` does not determine.
fn counter_leg(side: Side, terms: &Terms) -> CounterLeg {
    let other = side.other();
    CounterLeg {
        packed: terms.exchange.leg(other).packed(),
        owner: terms.receiver(other).owner,
        aux: terms.aux[other.index()],
        salt: terms.exchange.salt.element(),
    }
}

/// Returns the nullifier that an input publishes.
pub(crate) fn input_nullifier(input: &InputWitness, nk: &Fr) -> Nullifier {
    let commitment = input.note.commitment();
    if input.dummy {
        dummy_nullifier(nk, &commitment, input.leaf_index)
    } else {
        nullifier(nk, &commitment, input.leaf_index)
    }
}

/// Returns a dummy input: a note of value 0 outside the tree. Its random rcm makes its nullifier
/// unique.
pub(crate) fn dummy(owner: OwnerId, asset: AssetId, rcm: Fr) -> InputWitness {
    InputWitness {
        dummy: true,
        note: Note::cash(asset, 0, owner, rcm),
        leaf_index: 0,
        path: MerklePath {
            index: 0,
            siblings: [[Fr::zero(); 3]; crate::NOTE_DEPTH],
        },
    }
}
