//! The prover's private knowledge of a transaction (spec: *Transaction*, Rules).

use ark_bn254::Fr;
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::PrimeField;
use std::fmt;
use subrosa_protocol::Scalar;
use subrosa_protocol::asset::AssetInfo;
use subrosa_protocol::element::OwnerId;
use subrosa_protocol::keys::Signature;
use subrosa_protocol::loan::{Debt, LAPSE, Loan, improves};
use subrosa_protocol::market::{Market, Price, PriceSnapshot};
use subrosa_protocol::note::Note;
use subrosa_protocol::tree::MerklePath;
use zeroize::Zeroize;

/// Number of inputs, of outputs and of asset slots.
pub const ARITY: usize = 3;

/// Depth of the note tree.
pub const NOTE_DEPTH: usize = 16;

/// Depth of the asset tree.
pub const ASSET_DEPTH: usize = 8;

/// An input: a note to spend, or a dummy.
#[derive(Clone)]
pub struct InputWitness {
    /// Whether the input is a dummy. A dummy's note has value 0 and need not exist.
    pub dummy: bool,
    /// Note of the input.
    pub note: Note,
    /// Index of the leaf in the note tree; equal to the path's index.
    pub leaf_index: u64,
    /// Path of the leaf; ignored for a dummy.
    pub path: MerklePath<NOTE_DEPTH>,
}

/// An output.
#[derive(Clone)]
pub struct OutputWitness {
    /// Note to create.
    pub note: Note,
}

/// An asset that the transaction may move.
#[derive(Clone)]
pub struct AssetSlot {
    /// Leaf of the asset tree.
    pub info: AssetInfo,
    /// Path of the leaf in the asset tree.
    pub path: MerklePath<ASSET_DEPTH>,
}

/// The other leg of a swap: the words of the terms that this leg does not determine.
#[derive(Clone)]
pub struct CounterLeg {
    /// Packed part of the other side's delivery.
    pub packed: Fr,
    /// Owner who receives that delivery.
    pub owner: OwnerId,
    /// aux of that delivery: 0, unless it is the position of a new loan.
    pub aux: Fr,
    /// Salt of the terms.
    pub salt: Fr,
}

impl fmt::Debug for CounterLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterLeg").finish_non_exhaustive()
    }
}

/// Kind of a step on a position (spec: *Collateral*, Steps).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Output 0 of a swap's leg is the position of a new loan.
    Open,
    /// The same, and input 0 is the position of the loan that the new one renews.
    Renew,
    /// The borrower adjusts the position or, if no debt remains, closes it.
    Adjust,
    /// The lender takes the owed amount, or a part of it, out of the collateral.
    Liquidate,
}

impl Step {
    /// Whether the step makes the position of a new loan.
    pub(crate) fn makes_loan(self) -> bool {
        matches!(self, Self::Open | Self::Renew)
    }
}

/// Witness of a step on a position.
#[derive(Clone)]
pub struct LoanWitness {
    /// Kind of the step.
    pub step: Step,
    /// Loan of the position that the step makes, or of the one that it ends.
    pub loan: Loan,
    /// Loan of the position that the step renews; ignored for other steps.
    pub renewed: Option<Loan>,
    /// Debt of input 0; ignored for a new loan that renews none.
    pub before: Debt,
    /// Amount that the debt before the step grows to, at the loan's rate, by the time of the step.
    pub owed: u128,
    /// Debt after the step.
    pub after: Debt,
    /// Snapshot in the anchor, if the step needs a price or the lack of one.
    pub snapshot: Option<PriceSnapshot>,
}

impl LoanWitness {
    /// Returns the loan of the position that the step spends, if it spends one.
    pub(crate) fn spent(&self) -> Option<&Loan> {
        match self.step {
            Step::Open => None,
            Step::Renew => self.renewed.as_ref(),
            Step::Adjust | Step::Liquidate => Some(&self.loan),
        }
    }

    /// Whether the lender takes the collateral because it has no price, long after maturity.
    pub(crate) fn lapses(&self, not_before: Fr) -> bool {
        // In range: T7.
        let not_before = not_before.into_bigint().0[0];
        let lapsed = self.loan.maturity.saturating_add(LAPSE);
        self.step == Step::Liquidate && self.priced_market().is_none() && not_before > lapsed
    }

    /// Returns the loan's market and its price in the snapshot. `None` if the market has no price,
    /// or is one of other assets.
    pub(crate) fn priced_market(&self) -> Option<(&Market, Price)> {
        let found = self.snapshot.as_ref()?.market_with_price(self.loan.market);
        found.filter(|(market, _)| {
            (market.collateral, market.debt) == (self.loan.collateral, self.loan.debt)
        })
    }

    /// Whether a step of the borrower is legal because it makes the position less risky at any
    /// price. `collateral` holds the amounts before and after.
    pub(crate) fn improves(&self, collateral: [u128; 2]) -> bool {
        let repaid = self.owed.saturating_sub(self.after.amount);
        improves(collateral, self.owed, repaid)
    }
}

impl LoanWitness {
    /// Whether the step needs a price. `collateral` holds the amounts before and after.
    pub(crate) fn priced(&self, collateral: [u128; 2], not_before: Fr) -> bool {
        match self.step {
            Step::Open | Step::Renew => true,
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
/// Dropping it overwrites its secrets, and `Debug` does not show them.
#[derive(Clone)]
pub struct Witness {
    /// Note root in the anchor.
    pub note_root: Fr,
    /// Digest of the price snapshot in the anchor, or 0.
    pub prices: Fr,
    /// Public half of the spending key.
    pub ak: EdwardsAffine,
    /// Nullifier key.
    pub nk: Fr,
    /// Signature over the digest.
    pub signature: Signature,
    /// Ephemeral secret.
    pub esk: Scalar,
    /// Inputs.
    pub inputs: [InputWitness; ARITY],
    /// Outputs.
    pub outputs: [OutputWitness; ARITY],
    /// Asset slots; several slots may have the same asset.
    pub slots: [AssetSlot; ARITY],
    /// Slot of each input.
    pub input_slots: [u8; ARITY],
    /// Slot of each output.
    pub output_slots: [u8; ARITY],
    /// Slot that pays the fee.
    pub fee_slot: u8,
    /// Slot that is withdrawn from; ignored unless the kind is 2.
    pub withdraw_slot: u8,
    /// Other leg of the swap; ignored unless the kind is 3 or 4.
    pub counter_leg: Option<CounterLeg>,
    /// Step on a position, if there is one.
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
