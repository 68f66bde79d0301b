//! A statement from its contents: what wallets, padding and samples are made with.

mod step;

use crate::witness::{ARITY, AssetSlot, CounterLeg, InputWitness, OutputWitness, Step, Witness};
use ark_bn254::Fr;
use ark_ff::{UniformRand, Zero};
use ark_std::rand::{CryptoRng, RngCore};
use subrosa_protocol::asset::{AssetId, AssetTree};
use subrosa_protocol::encryption::{
    EphemeralKey, Memo, OutputPlaintext, audit_encrypt, encrypt_outputs, encrypt_step,
};
use subrosa_protocol::keys::{Address, SpendKey, ViewingKey};
use subrosa_protocol::note::{Note, dummy_nullifier, nullifier};
use subrosa_protocol::swap::Terms;
use subrosa_protocol::transaction::{Header, Kind, Transaction, Withdrawal};
use subrosa_protocol::tree::MerklePath;

pub use step::LoanStep;

/// What a transaction is to do.
///
/// The assets of inputs and outputs, of the fee and of the withdrawal must each stand in `assets`; values are in base
/// units. The sum per asset is not checked here but by [`crate::check`].
#[derive(Clone)]
pub struct Draft {
    /// Word 0.
    pub context: Fr,
    /// The note root that the inputs' paths lead to.
    pub anchor: Fr,
    /// Kind, fee asset, fee and expiry.
    pub header: Header,
    /// What leaves the rollup, for kind 2.
    pub withdrawal: Option<Withdrawal>,
    /// Notes to spend, and dummies.
    pub inputs: [InputWitness; ARITY],
    /// Recipient, asset, value.
    pub outputs: [(Address, AssetId, u128); ARITY],
    /// The assets of the slots; an asset may stand in several.
    pub assets: [AssetId; ARITY],
    /// What to write to the recipient of output 0; of a leg it is the terms' own.
    pub memo: Memo,
    /// The terms, for kinds 3 and 4. Output 0 is then what they say, whatever `outputs` has there.
    pub terms: Option<Terms>,
    /// The step on a position. Output 0 of one that spends a position is then the successor, with the value that `outputs` has
    /// there.
    pub loan: Option<LoanStep>,
    /// Digest of a price snapshot, or 0.
    pub oracle: Fr,
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").finish_non_exhaustive()
    }
}

impl Draft {
    /// Encrypts, commits and signs. `None` if an asset is not registered or has no slot, if a leg has no
    /// terms or another kind has some, or if a debt outgrows 128 bits.
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
        let pair = loan
            .as_ref()
            .filter(|loan| loan.step != Step::Open)
            .map(|loan| loan.loan.keys().nk);
        let nullifiers = std::array::from_fn(|i| {
            let nk = pair.as_ref().filter(|_| i == 0).unwrap_or(&keys.nk);
            input_nullifier(&self.inputs[i], nk)
        });
        let ephemeral = EphemeralKey::new(&keys.ovk, &nullifiers);
        let leg = match (self.header.kind.side(), &self.terms) {
            (Some(side), Some(terms)) => Some((side, terms)),
            (None, None) => None,
            _ => return None,
        };
        let memo = leg.map_or(self.memo, |(side, terms)| terms.exchange.memo(side));
        let mut index = 0u8..;
        let mut plain = self.outputs.map(|(to, asset, value)| {
            let index = index.next().unwrap_or_default();
            OutputPlaintext::cash(&ephemeral, &nullifiers[0], index, to, asset, value, &memo)
        });
        if let Some((side, terms)) = leg {
            plain[0] = OutputPlaintext {
                recipient: *terms.receiver(side),
                note: terms.delivery(side),
            };
        }
        if let Some(loan) = loan.as_ref().filter(|loan| loan.step != Step::Open) {
            plain[0] = loan.successor(plain[0].note.value);
            if let Some(repayment) = loan.repayment() {
                plain[1] = repayment;
            }
        }
        let slot_of = |asset: AssetId| -> Option<u8> {
            self.assets
                .iter()
                .position(|of| *of == asset)
                .map(|slot| slot as u8)
        };
        let mut slots = Vec::with_capacity(ARITY);
        let mut audit = [[Fr::zero(); 3]; ARITY];
        let mut input_slots = [0; ARITY];
        let mut output_slots = [0; ARITY];
        for i in 0..ARITY {
            let asset = self.assets[i];
            slots.push(AssetSlot {
                info: *assets.get(asset)?,
                path: assets.path(asset)?,
            });
            input_slots[i] = slot_of(self.inputs[i].note.asset)?;
            let note = &plain[i].note;
            output_slots[i] = slot_of(note.asset)?;
            let auditor = &assets.get(note.asset)?.auditor;
            let commitment = note.commitment();
            audit[i] = audit_encrypt(
                &ephemeral,
                auditor,
                &commitment,
                &note.packed(),
                &note.owner,
                &keys.owner,
            );
        }
        let fee_slot = slot_of(self.header.fee_asset)?;
        let withdraw_slot = match &self.withdrawal {
            Some(withdrawal) => slot_of(withdrawal.asset)?,
            None => 0,
        };
        let transaction = Transaction {
            anchor: self.anchor,
            assets_root: assets.root(),
            header: self.header,
            withdrawal: self.withdrawal,
            terms: match leg {
                Some((_, terms)) => terms.digest(),
                // Padding has no secrets, and is to be the same whoever makes it.
                None if self.header.kind == Kind::NoOp => Fr::zero(),
                None => Fr::rand(rng),
            },
            oracle: self.oracle,
            nullifiers,
            commitments: plain.each_ref().map(|output| output.note.commitment()),
            ephemeral: ephemeral.y(),
            audit,
            note_data: match &loan {
                Some(loan) => {
                    let opening = loan.opening(&plain[0].note, &ephemeral, &keys.ovk);
                    encrypt_step(&ephemeral, &keys.ovk, &plain, &opening)
                }
                None => encrypt_outputs(&ephemeral, &keys.ovk, &plain, &memo),
            },
        };
        let witness = Witness {
            ak: keys.ak,
            nk: keys.nk,
            signature: spend.sign(&transaction.digest(&self.context), rng),
            esk: *ephemeral.scalar(),
            inputs: self.inputs,
            outputs: plain.map(|output| OutputWitness { note: output.note }),
            slots: slots.try_into().ok()?,
            input_slots,
            output_slots,
            fee_slot,
            withdraw_slot,
            counter_leg: leg.map(|(side, terms)| CounterLeg {
                packed: terms.exchange.leg(side.other()).packed(),
                owner: terms.receiver(side.other()).owner,
                aux: terms.aux[side.other().index()],
                salt: terms.exchange.salt.element(),
            }),
            loan,
        };
        Some((transaction, witness))
    }
}

/// The nullifier that an input publishes.
pub(crate) fn input_nullifier(input: &InputWitness, nk: &Fr) -> Fr {
    let commitment = input.note.commitment();
    if input.dummy {
        dummy_nullifier(nk, &commitment, input.position)
    } else {
        nullifier(nk, &commitment, input.position)
    }
}

/// A dummy input: a note of value 0 that is nowhere. Its random rcm makes its nullifier unique.
pub(crate) fn dummy(owner: Fr, asset: AssetId, rcm: Fr) -> InputWitness {
    InputWitness {
        dummy: true,
        note: Note::cash(asset, 0, owner, rcm),
        position: 0,
        path: MerklePath {
            index: 0,
            siblings: [[Fr::zero(); 3]; crate::NOTE_DEPTH],
        },
    }
}
