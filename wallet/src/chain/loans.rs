//! Loans on the chain: openings found next to swaps, and positions followed from step to step,
//! whichever party made it.

use std::collections::{BTreeMap, BTreeSet};

use subrosa_protocol::{
    asset::AssetId,
    batch::PublishedBatch,
    element::OwnerId,
    encryption::{Delivery, Sent},
    loan::{Agreement, End, Loan, Position, Successor},
    note::{Note, NoteClass, nullifier},
    swap::{Exchange, Leg, Side},
};

use super::{Chain, Incoming, Movement, MovementKind, leaf_index, outputs};
use crate::loans::{HeldLoan, Role};

/// Openings that a batch holds, by slot.
pub(super) type Openings = BTreeMap<usize, (Loan, Position, Note)>;

/// Returns the slot of the other leg of a swap.
pub(super) fn beside(batch: &PublishedBatch, slot: usize, side: Side) -> Option<usize> {
    let other = match side {
        Side::A => slot.checked_add(1),
        Side::B => slot.checked_sub(1),
    };
    other.filter(|at| *at < batch.transactions.len())
}

impl Chain {
    /// Returns the loans of ours, including ended ones, oldest first.
    #[must_use]
    pub fn loans(&self) -> &[HeldLoan] {
        &self.loans
    }

    /// Returns the loan with this name.
    #[must_use]
    pub fn loan(&self, id: &[u8; 16]) -> Option<&HeldLoan> {
        let named = self.loans_by_id.get(id)?;
        self.loans.get(*named)
    }

    /// Searches also for the opening of this loan. The search does not depend on the ciphertexts.
    pub fn expect_opening(&mut self, agreement: &Agreement) {
        let Ok(terms) = agreement.terms() else {
            return;
        };
        if Role::of(&self.keys.owner, &agreement.loan).is_some() {
            let note = terms.delivery(agreement.borrower_side);
            self.openings.insert(note.commitment(), agreement.clone());
        }
        self.expect_delivery(&terms);
    }

    /// Sets the registered assets. A restored borrower finds the asset of its debt among them.
    pub fn expect_assets(&mut self, assets: impl IntoIterator<Item = AssetId>) {
        self.assets = assets.into_iter().collect();
    }

    /// Follows the positions that a batch spends. Returns the slots of all steps.
    pub(super) fn follow_positions(
        &mut self,
        batch: &PublishedBatch,
        index: u64,
    ) -> BTreeSet<usize> {
        let mut stepped = BTreeSet::new();
        for (slot, transaction) in batch.transactions.iter().enumerate() {
            let key = transaction.nullifiers[0];
            let Some(at) = self.positions.get(&key).copied() else {
                continue;
            };
            self.spent_positions.insert(key, index);
            let held = self.loans[at].clone();
            // Every step can be read (T22–T35). A renewal needs what the two parties exchanged, and
            // this wallet makes none.
            let Some(step) = held.loan.follow(&held.position, &outputs(transaction)) else {
                continue;
            };
            stepped.insert(slot);
            self.record_step(batch, index, slot, &held, &step);
            match step.position {
                Some(state) => self.hold(batch, index, slot, at, state, step.note),
                None => {
                    let ended = &mut self.loans[at];
                    ended.end = step.end;
                    ended.batch = index;
                    if held.role == Role::Borrower && step.note.value != 0 {
                        self.own(step.note, leaf_index(batch, slot, 0), index);
                    }
                }
            }
            if let Some(repayment) = step.repayment
                && held.role == Role::Lender
            {
                self.own(repayment, leaf_index(batch, slot, 1), index);
            }
        }
        stepped
    }

    /// Adopts the new state of a position.
    fn hold(
        &mut self,
        batch: &PublishedBatch,
        index: u64,
        slot: usize,
        at: usize,
        state: Position,
        note: Note,
    ) {
        let held = &mut self.loans[at];
        held.leaf_index = leaf_index(batch, slot, 0);
        held.nullifier = nullifier(&held.loan.keys().nk, &note.commitment(), held.leaf_index);
        held.position = state;
        held.note = note;
        held.batch = index;
        self.positions.insert(held.nullifier, at);
    }

    /// Records the movements of a step in its party's history.
    fn record_step(
        &mut self,
        batch: &PublishedBatch,
        index: u64,
        slot: usize,
        held: &HeldLoan,
        step: &Successor,
    ) {
        let loan = &held.loan;
        let (before, left) = (held.position.collateral, step.note.value);
        let repaid = step.repayment.map_or(0, |note| note.value);
        let (secured, released) = match step.end {
            Some(End::Closed) => (0, before),
            Some(End::Liquidated) => (0, left),
            None => (left.saturating_sub(before), before.saturating_sub(left)),
        };
        let lines: [(MovementKind, AssetId, u128); 3] = match held.role {
            Role::Borrower => [
                (MovementKind::Repaid, loan.debt, repaid),
                (MovementKind::Secured, loan.collateral, secured),
                (MovementKind::Released, loan.collateral, released),
            ],
            Role::Lender => {
                let seized = match step.end {
                    Some(End::Liquidated) => before.saturating_sub(left),
                    _ => 0,
                };
                [
                    (MovementKind::Received, loan.debt, repaid),
                    (MovementKind::Seized, loan.collateral, seized),
                    (MovementKind::Released, loan.collateral, 0),
                ]
            }
        };
        for line in lines.into_iter().filter(|(.., amount)| *amount != 0) {
            self.record_loan(batch, index, slot, line, held.counterparty());
        }
    }

    fn record_loan(
        &mut self,
        batch: &PublishedBatch,
        index: u64,
        slot: usize,
        (kind, asset, amount): (MovementKind, AssetId, u128),
        to: OwnerId,
    ) {
        self.movements.push(Movement {
            time: batch.header.time,
            batch: index,
            kind,
            asset,
            amount,
            to: Some(to),
            recipient: None,
            memo: None,
            nullifiers: batch.transactions[slot].nullifiers,
        });
    }

    /// Finds the opening next to our own lending leg. That leg determines the salt, the borrower
    /// and the collateral.
    pub(super) fn find_lent(
        &self,
        batch: &PublishedBatch,
        slot: usize,
        leg: (&Delivery, OwnerId),
        openings: &mut Openings,
    ) {
        let (delivery, borrower) = leg;
        let side = delivery.side.other();
        if delivery.exchange.leg(side).class != NoteClass::Position {
            return;
        }
        let Some(secured) = beside(batch, slot, delivery.side) else {
            return;
        };
        let published = outputs(&batch.transactions[secured]);
        let lender = self.keys.owner;
        let found = Loan::recover(&delivery.exchange, side, borrower, lender, &published);
        openings.extend(found.map(|found| (secured, found)));
    }

    /// Finds the opening that our own leg in `slot` makes, if any, and the principal next to it.
    /// Our leg determines both, whatever the lender encrypted.
    pub(super) fn find_borrowed(
        &self,
        batch: &PublishedBatch,
        (slot, sent): (usize, &Sent<'_>),
        incoming: &mut BTreeMap<u64, Incoming>,
        openings: &mut Openings,
    ) {
        let Some(found) = Loan::recover_own(&self.keys, sent, &self.assets) else {
            return;
        };
        let (loan, _, secured) = &found;
        for side in Side::BOTH {
            let Some(exchange) = exchange_of(loan, secured, side) else {
                continue;
            };
            let Some(beside) = beside(batch, slot, side) else {
                continue;
            };
            let note = exchange.delivery(side.other(), &self.keys.owner);
            if note.commitment() == batch.transactions[beside].commitments[0] {
                let principal = Incoming {
                    note,
                    slot: beside,
                    from: Some(loan.lender),
                    memo: None,
                };
                incoming.insert(leaf_index(batch, beside, 0), principal);
            }
        }
        openings.insert(slot, found);
    }

    /// Finds the openings that known agreements let us expect.
    pub(super) fn find_agreed(
        &self,
        batch: &PublishedBatch,
        sent: &[Option<Sent<'_>>],
        openings: &mut Openings,
    ) {
        if self.openings.is_empty() {
            return;
        }
        for (slot, transaction) in batch.transactions.iter().enumerate() {
            let Some(agreement) = self.openings.get(&transaction.commitments[0]) else {
                continue;
            };
            let Ok(terms) = agreement.terms() else {
                continue;
            };
            // Only next to our own leg: the other party could make both legs of these terms from
            // its own notes.
            let ours = match Role::of(&self.keys.owner, &agreement.loan) {
                Some(Role::Borrower) => Some(slot),
                Some(Role::Lender) => beside(batch, slot, agreement.borrower_side),
                None => None,
            };
            if ours.is_none_or(|slot| sent[slot].is_none()) {
                continue;
            }
            let note = terms.delivery(agreement.borrower_side);
            let found = (agreement.loan.clone(), agreement.position(), note);
            openings.insert(slot, found);
        }
    }

    /// Follows from now on the loans that a batch opened.
    pub(super) fn open_loans(&mut self, batch: &PublishedBatch, index: u64, openings: Openings) {
        for (slot, (loan, state, note)) in openings {
            let Some(role) = Role::of(&self.keys.owner, &loan) else {
                continue;
            };
            // A name belongs to one loan. Another opening under the same name is not ours.
            if self.loans_by_id.contains_key(&loan.id()) {
                continue;
            }
            let leaf_index = leaf_index(batch, slot, 0);
            let nullifier = nullifier(&loan.keys().nk, &note.commitment(), leaf_index);
            let held = HeldLoan {
                role,
                nullifier,
                leaf_index,
                note,
                opened: batch.header.time,
                batch: index,
                end: None,
                position: state,
                loan,
            };
            if role == Role::Borrower {
                let line = (
                    MovementKind::Secured,
                    held.loan.collateral,
                    held.position.collateral,
                );
                self.record_loan(batch, index, slot, line, held.loan.lender);
            }
            self.positions.insert(nullifier, self.loans.len());
            self.loans_by_id.insert(held.loan.id(), self.loans.len());
            self.loans.push(held);
        }
    }
}

/// Returns the exchange that opened a loan, if `side` is the borrower's side, whose note is
/// `secured`.
fn exchange_of(loan: &Loan, secured: &Note, side: Side) -> Option<Exchange> {
    let mut legs = [Leg::cash(loan.debt, loan.principal); 2];
    legs[side.index()] = Leg {
        class: NoteClass::Position,
        asset: secured.asset,
        value: secured.value,
    };
    let exchange = Exchange {
        legs,
        salt: loan.salt.clone(),
    };
    (exchange.blindings()[side.index()] == secured.rcm).then_some(exchange)
}
