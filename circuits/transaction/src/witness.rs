//! What a prover knows (spec: *Transaction*, Rules).

use ark_bn254::Fr;
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::PrimeField;
use std::fmt;
use subrosa_protocol::Scalar;
use subrosa_protocol::asset::AssetInfo;
use subrosa_protocol::keys::Signature;
use subrosa_protocol::loan::{Debt, LAPSE, Loan, improves};
use subrosa_protocol::market::Snapshot;
use subrosa_protocol::note::Note;
use subrosa_protocol::tree::MerklePath;
use zeroize::Zeroize;

/// Number of inputs, of outputs and of asset slots.
pub const ARITY: usize = 3;

/// Depth of the note tree.
pub const NOTE_DEPTH: usize = 16;

/// Depth of the asset tree.
pub const ASSET_DEPTH: usize = 8;

/// An input: a note that is spent, or a dummy.
#[derive(Clone)]
pub struct InputWitness {
    /// True if no note is spent here. The note is then of value 0 and need not exist.
    pub dummy: bool,
    /// The note.
    pub note: Note,
    /// Its leaf index in the note tree; equal to the path's.
    pub position: u64,
    /// Its path; of a dummy any.
    pub path: MerklePath<NOTE_DEPTH>,
}

/// An output.
#[derive(Clone)]
pub struct OutputWitness {
    /// The note that is created.
    pub note: Note,
}

/// An asset that the transaction may move.
#[derive(Clone)]
pub struct AssetSlot {
    /// Its leaf.
    pub info: AssetInfo,
    /// The leaf's path in the asset tree.
    pub path: MerklePath<ASSET_DEPTH>,
}

/// What a leg says of the other one, besides the digest of the terms.
#[derive(Clone)]
pub struct CounterLeg {
    /// Packed part of what the other side delivers.
    pub packed: Fr,
    /// Owner who receives it.
    pub owner: Fr,
    /// aux of it: 0, unless it is the position that opens a loan.
    pub aux: Fr,
    /// Salt of the terms.
    pub salt: Fr,
}

impl fmt::Debug for CounterLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterLeg").finish_non_exhaustive()
    }
}

/// What a transaction does to a position (spec: *Collateral*, Steps).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Output 0 of a swap's leg is the position of a new loan.
    Open,
    /// The borrower adjusts or, if no debt is left, closes.
    Adjust,
    /// The lender takes what it is owed out of the collateral.
    Liquidate,
}

/// What a step on a position rests on.
#[derive(Clone)]
pub struct LoanWitness {
    /// What is done.
    pub step: Step,
    /// The loan.
    pub loan: Loan,
    /// Debt of input 0; of an opening any.
    pub before: Debt,
    /// What is owed of it at the time of the step; of an opening any.
    pub owed: u128,
    /// Debt that is left.
    pub after: Debt,
    /// The prices, where the step needs one.
    pub snapshot: Option<Snapshot>,
}

impl LoanWitness {
    /// Whether the lender takes the collateral without a price, long after maturity.
    pub(crate) fn lapses(&self, not_before: Fr) -> bool {
        // In range: T7.
        let not_before = not_before.into_bigint().0[0];
        let lapsed = self.loan.maturity.saturating_add(LAPSE);
        self.step == Step::Liquidate && self.snapshot.is_none() && not_before > lapsed
    }

    /// Whether a step of the borrower is legal for making the position less risky, at any price; `collateral` before
    /// and after.
    pub(crate) fn improves(&self, collateral: [u128; 2]) -> bool {
        let repaid = self.owed.saturating_sub(self.after.amount);
        improves(collateral, self.owed, repaid)
    }
}

impl LoanWitness {
    /// Whether the step needs a price; `collateral` before and after.
    pub(crate) fn priced(&self, collateral: [u128; 2], not_before: Fr) -> bool {
        match self.step {
            Step::Open => true,
            Step::Adjust => self.after.amount != 0 && !self.improves(collateral),
            Step::Liquidate => !self.lapses(not_before),
        }
    }
}

impl fmt::Debug for LoanWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoanWitness").finish_non_exhaustive()
    }
}

/// Everything the prover knows about a transaction besides its words.
///
/// The secrets among it are overwritten when it is dropped, and `Debug` does not show them.
#[derive(Clone)]
pub struct Witness {
    /// Public half of the spending key.
    pub ak: EdwardsAffine,
    /// Nullifier key.
    pub nk: Fr,
    /// Signature over the digest.
    pub signature: Signature,
    /// Ephemeral secret.
    pub esk: Scalar,
    /// The inputs.
    pub inputs: [InputWitness; ARITY],
    /// The outputs.
    pub outputs: [OutputWitness; ARITY],
    /// The asset slots; slots may repeat an asset.
    pub slots: [AssetSlot; ARITY],
    /// The slot of each input.
    pub input_slots: [u8; ARITY],
    /// The slot of each output.
    pub output_slots: [u8; ARITY],
    /// The slot that pays the fee.
    pub fee_slot: u8,
    /// The slot that is withdrawn from; without meaning unless the kind is 2.
    pub withdraw_slot: u8,
    /// The other leg of the swap; without meaning unless the kind is 3 or 4.
    pub counter_leg: Option<CounterLeg>,
    /// The loan whose position is opened or spent.
    pub loan: Option<LoanWitness>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").finish_non_exhaustive()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.nk.zeroize();
        self.esk.zeroize();
        let inputs = self.inputs.iter_mut().map(|input| &mut input.note);
        let outputs = self.outputs.iter_mut().map(|output| &mut output.note);
        for note in inputs.chain(outputs) {
            note.rcm.zeroize();
            note.value.zeroize();
        }
        if let Some(counter) = &mut self.counter_leg {
            counter.salt.zeroize();
        }
    }
}
