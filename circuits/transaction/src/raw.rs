//! The values of the prover's wires, as the circuit takes them.
//!
//! A [`Witness`] cannot say everything that a malicious prover may put on the wires: here every
//! value is a free field element. The circuit is synthesised from this form, so that tests can put
//! any assignment to it without the native check in between.

use crate::gadgets::edwards::SCALAR_BITS;
use crate::witness::{ARITY, ASSET_DEPTH, NOTE_DEPTH, Witness};
use crate::words::{Fields, Words};
use ark_bn254::Fr;
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::{BigInteger, PrimeField, Zero};
use std::fmt;
use subrosa_protocol::Scalar;
use subrosa_protocol::encoding::fr_from_u128;
use subrosa_protocol::note::Note;
use subrosa_protocol::transaction::WORDS;
use zeroize::Zeroize;

/// Parts of a note.
#[derive(Clone, Default)]
pub(crate) struct RawNote {
    pub(crate) class: Fr,
    pub(crate) asset: Fr,
    pub(crate) value: Fr,
    pub(crate) owner: Fr,
    pub(crate) aux: Fr,
    pub(crate) rcm: Fr,
}

/// An input.
#[derive(Clone)]
pub(crate) struct RawInput {
    pub(crate) dummy: Fr,
    pub(crate) note: RawNote,
    pub(crate) position: Fr,
    pub(crate) siblings: [[Fr; 3]; NOTE_DEPTH],
    pub(crate) selector: [Fr; ARITY],
}

/// An output.
#[derive(Clone, Default)]
pub(crate) struct RawOutput {
    pub(crate) note: RawNote,
    pub(crate) selector: [Fr; ARITY],
}

/// An asset slot. `rest` is what stands above the id in the leaf's packed word: token and flags.
#[derive(Clone)]
pub(crate) struct RawSlot {
    pub(crate) id: Fr,
    pub(crate) rest: Fr,
    pub(crate) auditor: [Fr; 2],
    pub(crate) siblings: [[Fr; 3]; ASSET_DEPTH],
}

/// All values from which an assignment is computed.
#[derive(Clone)]
pub(crate) struct RawWitness {
    pub(crate) digest: Fr,
    pub(crate) words: Words,
    pub(crate) fields: Fields,
    pub(crate) ak: [Fr; 2],
    pub(crate) nk: Fr,
    pub(crate) signature_r: [Fr; 2],
    pub(crate) signature_s: [bool; SCALAR_BITS],
    pub(crate) esk: [bool; SCALAR_BITS],
    pub(crate) inputs: [RawInput; ARITY],
    pub(crate) outputs: [RawOutput; ARITY],
    pub(crate) slots: [RawSlot; ARITY],
    pub(crate) fee_selector: [Fr; ARITY],
    pub(crate) withdraw_selector: [Fr; ARITY],
    pub(crate) counter_packed: Fr,
    pub(crate) counter_owner: Fr,
    pub(crate) salt: Fr,
}

impl RawWitness {
    /// The values of a witness.
    pub(crate) fn new(words: &Words, digest: Fr, witness: &Witness) -> Self {
        let fields = Fields::of(words);
        let withdraws = fields.kind == Fr::from(2u64);
        let counter = fields.side().and(witness.counter_leg.as_ref());
        Self {
            digest,
            words: *words,
            fields,
            ak: coordinates(&witness.ak),
            nk: witness.nk,
            signature_r: coordinates(&witness.signature.r),
            signature_s: scalar_bits(&witness.signature.s),
            esk: scalar_bits(&witness.esk),
            inputs: std::array::from_fn(|i| {
                let input = &witness.inputs[i];
                RawInput {
                    dummy: Fr::from(input.dummy),
                    note: note(&input.note),
                    position: Fr::from(input.position),
                    siblings: input.path.siblings,
                    selector: one_hot(witness.input_slots[i]),
                }
            }),
            outputs: std::array::from_fn(|i| RawOutput {
                note: note(&witness.outputs[i].note),
                selector: one_hot(witness.output_slots[i]),
            }),
            slots: std::array::from_fn(|i| {
                let slot = &witness.slots[i];
                let rest = Fr::from_be_bytes_mod_order(
                    &[&[slot.info.flags][..], &slot.info.token[..]].concat(),
                );
                RawSlot {
                    id: Fr::from(slot.info.id.0),
                    rest,
                    auditor: coordinates(&slot.info.auditor),
                    siblings: slot.path.siblings,
                }
            }),
            fee_selector: one_hot(witness.fee_slot),
            withdraw_selector: if withdraws {
                one_hot(witness.withdraw_slot)
            } else {
                [Fr::zero(); ARITY]
            },
            counter_packed: counter.map_or(Fr::zero(), |counter| counter.packed),
            counter_owner: counter.map_or(Fr::zero(), |counter| counter.owner),
            salt: counter.map_or(Fr::zero(), |counter| counter.salt),
        }
    }

    /// Zeros: what a synthesis runs on that only counts or writes rows.
    pub(crate) fn blank() -> Self {
        let zero = Fr::zero();
        Self {
            digest: zero,
            words: [zero; WORDS],
            fields: Fields::default(),
            ak: [zero; 2],
            nk: zero,
            signature_r: [zero; 2],
            signature_s: [false; SCALAR_BITS],
            esk: [false; SCALAR_BITS],
            inputs: std::array::from_fn(|_| RawInput {
                dummy: zero,
                note: RawNote::default(),
                position: zero,
                siblings: [[zero; 3]; NOTE_DEPTH],
                selector: [zero; ARITY],
            }),
            outputs: std::array::from_fn(|_| RawOutput::default()),
            slots: std::array::from_fn(|_| RawSlot {
                id: zero,
                rest: zero,
                auditor: [zero; 2],
                siblings: [[zero; 3]; ASSET_DEPTH],
            }),
            fee_selector: [zero; ARITY],
            withdraw_selector: [zero; ARITY],
            counter_packed: zero,
            counter_owner: zero,
            salt: zero,
        }
    }
}

impl fmt::Debug for RawWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawWitness").finish_non_exhaustive()
    }
}

impl Drop for RawWitness {
    fn drop(&mut self) {
        self.nk.zeroize();
        self.esk.zeroize();
        self.salt.zeroize();
        let inputs = self.inputs.iter_mut().map(|input| &mut input.note);
        let outputs = self.outputs.iter_mut().map(|output| &mut output.note);
        for note in inputs.chain(outputs) {
            note.rcm.zeroize();
            note.value.zeroize();
        }
    }
}

/// The bits of a scalar, least significant first.
pub(crate) fn scalar_bits(scalar: &Scalar) -> [bool; SCALAR_BITS] {
    let bits = scalar.into_bigint().to_bits_le();
    std::array::from_fn(|i| bits[i])
}

fn coordinates(point: &EdwardsAffine) -> [Fr; 2] {
    [point.x, point.y]
}

fn one_hot(slot: u8) -> [Fr; ARITY] {
    std::array::from_fn(|i| Fr::from(i == usize::from(slot)))
}

fn note(note: &Note) -> RawNote {
    RawNote {
        class: Fr::from(note.class as u8),
        asset: Fr::from(note.asset.0),
        value: fr_from_u128(note.value),
        owner: note.owner,
        aux: note.aux,
        rcm: note.rcm,
    }
}
