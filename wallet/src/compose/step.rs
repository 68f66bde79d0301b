//! Layout of a step on a position: the position, at most two notes of cash next to it, and change.

use subrosa_protocol::asset::AssetId;
use subrosa_transaction::ARITY;

use super::{ComposeError, Composer, Layout, take};
use crate::{
    chain::OwnedNote,
    loans::{HeldLoan, Plan},
    select::{Selection, select},
};

/// Amounts of one asset that a step moves.
struct Flow {
    asset: AssetId,
    /// Amount that the step and the fee take.
    out: u128,
    /// Amount that comes out of the position.
    back: u128,
}

impl Composer<'_> {
    /// Lays out a step. One note pays for the step and one for the fee, or up to two notes for both
    /// if they are in the same asset. If no such notes exist, notes are merged first.
    ///
    /// Output 1 is the repayment. A step that repays therefore has room for only one change, and a
    /// note of exactly the fee is made first if there would be two.
    pub(super) fn lay_out_step(
        &self,
        held: &HeldLoan,
        plan: &Plan,
        spendable: &impl Fn(&OwnedNote) -> bool,
    ) -> Result<Layout, ComposeError> {
        let loan = &held.loan;
        let (fee_asset, fee) = (self.envelope.fee_asset, self.envelope.fee);
        let own = self.keys.owner;
        let flows = flows(loan.collateral, plan, (fee_asset, fee))?;
        let short = |flow: &&Flow| flow.out > flow.back;
        let limit = ARITY - 1 - usize::from(flows.iter().filter(short).count() > 1);
        let mut inputs = vec![OwnedNote {
            note: held.note,
            leaf_index: held.leaf_index,
            batch: held.batch,
            nullifier: held.nullifier,
            spent: None,
        }];
        let mut changes = Vec::new();
        for flow in &flows {
            let notes = self.held(flow.asset, spendable);
            let need = flow.out.saturating_sub(flow.back);
            let (spent, total) = match select(&notes, need, limit) {
                _ if need == 0 => (Vec::new(), 0),
                Selection::Enough(chosen) => take(&notes, &chosen)?,
                Selection::Fragmented(_) => return self.merge_for_step(&notes, spendable),
                Selection::Insufficient => return Err(ComposeError::Insufficient),
            };
            inputs.extend(spent);
            let change = flow
                .back
                .checked_add(total)
                .ok_or(ComposeError::OutOfRange)?
                - flow.out;
            if change != 0 {
                changes.push((own, flow.asset, change));
            }
        }
        let mut outputs = vec![(own, loan.collateral, plan.left)];
        if plan.repaid != 0 {
            outputs.push((loan.lender, loan.debt, plan.repaid));
        }
        outputs.extend(changes);
        if outputs.len() > ARITY {
            return self.make_fee_note(spendable);
        }
        outputs.resize(ARITY, (own, fee_asset, 0));
        Ok(Layout {
            inputs,
            outputs: outputs.try_into().map_err(|_| ComposeError::OutOfRange)?,
            payee_pk: self.keys.pk,
            assets: [loan.collateral, loan.debt, fee_asset],
            merges: false,
        })
    }

    /// Merges notes of one asset if no single note suffices.
    fn merge_for_step(
        &self,
        notes: &[OwnedNote],
        spendable: &impl Fn(&OwnedNote) -> bool,
    ) -> Result<Layout, ComposeError> {
        let (fee_asset, fee) = (self.envelope.fee_asset, self.envelope.fee);
        let asset = notes.first().ok_or(ComposeError::Insufficient)?.note.asset;
        if asset == fee_asset {
            return self.merge_largest(notes, ARITY);
        }
        let fee_notes = self.held(fee_asset, spendable);
        match select(&fee_notes, fee, 1) {
            Selection::Enough(chosen) => {
                let payer = fee_notes[chosen[0]].clone();
                let mut order: Vec<usize> = (0..notes.len()).collect();
                order.sort_by_key(|&i| std::cmp::Reverse(notes[i].note.value));
                order.truncate(ARITY - 1);
                self.merge(notes, &order, Some(payer))
            }
            Selection::Fragmented(_) => self.merge_largest(&fee_notes, ARITY),
            Selection::Insufficient => Err(ComposeError::Insufficient),
        }
    }

    /// Splits off a note of exactly the fee, to ourselves.
    fn make_fee_note(
        &self,
        spendable: &impl Fn(&OwnedNote) -> bool,
    ) -> Result<Layout, ComposeError> {
        let (fee_asset, fee) = (self.envelope.fee_asset, self.envelope.fee);
        let own = self.keys.owner;
        let notes = self.held(fee_asset, spendable);
        let need = fee.checked_mul(2).ok_or(ComposeError::OutOfRange)?;
        let chosen = match select(&notes, need, ARITY) {
            Selection::Enough(chosen) => chosen,
            Selection::Fragmented(_) => return self.merge_largest(&notes, ARITY),
            Selection::Insufficient => return Err(ComposeError::Insufficient),
        };
        let (inputs, total) = take(&notes, &chosen)?;
        Ok(Layout {
            inputs,
            outputs: [
                (own, fee_asset, fee),
                (own, fee_asset, total - need),
                (own, fee_asset, 0),
            ],
            payee_pk: self.keys.pk,
            assets: [fee_asset; ARITY],
            merges: true,
        })
    }
}

/// Returns the amounts that a step and its fee move, by asset.
fn flows(
    collateral: AssetId,
    plan: &Plan,
    (fee_asset, fee): (AssetId, u128),
) -> Result<Vec<Flow>, ComposeError> {
    let moved = [
        plan.paid.map(|(asset, amount)| (asset, amount, 0)),
        Some((collateral, 0, plan.released)),
        Some((fee_asset, fee, 0)),
    ];
    let mut flows: Vec<Flow> = Vec::with_capacity(ARITY);
    for (asset, out, back) in moved.into_iter().flatten() {
        match flows.iter_mut().find(|flow| flow.asset == asset) {
            Some(flow) => {
                let sum = |a: u128, b: u128| a.checked_add(b).ok_or(ComposeError::OutOfRange);
                flow.out = sum(flow.out, out)?;
                flow.back = sum(flow.back, back)?;
            }
            None => flows.push(Flow { asset, out, back }),
        }
    }
    Ok(flows)
}
