//! Wires that the parts hand to each other.

use crate::Rule;
use crate::gadgets::edwards::Point;
use crate::gadgets::range::range;
use crate::gadgets::{Builder, Num, Synthesis, poseidon};
use crate::raw::{RawDebt, RawNote};
use crate::witness::ARITY;
use crate::words::pack;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::layout::{debt as debt_fields, note as note_fields};

/// Fields of header and target, in range.
pub(crate) struct HeaderWires {
    /// In range by T11: it is the id of a slot.
    pub(crate) fee_asset: Num,
    pub(crate) fee: Num,
    pub(crate) expiry: Num,
    pub(crate) not_before: Num,
    /// In range by T12: it is the id of a slot, or zero.
    pub(crate) target_asset: Num,
    pub(crate) recipient: Num,
    pub(crate) amount: Num,
    /// 1 if the kind is 1, else 0.
    pub(crate) transfers: Num,
    /// 1 if the kind is 2, else 0.
    pub(crate) withdraws: Num,
    /// 1 if the kind is 0, else 0.
    pub(crate) no_op: Num,
    /// 1 if the kind is 3, else 0.
    pub(crate) swap_a: Num,
    /// 1 if the kind is 4, else 0.
    pub(crate) swap_b: Num,
}

/// A note on wires.
pub(crate) struct NoteWires {
    pub(crate) class: Num,
    pub(crate) asset: Num,
    pub(crate) value: Num,
    pub(crate) owner: Num,
    pub(crate) aux: Num,
    pub(crate) rcm: Num,
    pub(crate) packed: Num,
}

impl NoteWires {
    /// Witnesses the fields of a note as hints. Class and asset have no range check here. The class
    /// is 0 by T2 and T6, or determined by T22; the asset is a slot's by T9.
    pub(crate) fn new(b: &mut Builder, note: &RawNote) -> Synthesis<Self> {
        let class = b.witness(note.class)?;
        let asset = b.witness(note.asset)?;
        let value = b.witness(note.value)?;
        let packed = pack([
            (note_fields::CLASS, &class),
            (note_fields::ASSET, &asset),
            (note_fields::VALUE, &value),
        ]);
        Ok(Self {
            owner: b.witness(note.owner)?,
            aux: b.witness(note.aux)?,
            rcm: b.witness(note.rcm)?,
            class,
            asset,
            value,
            packed,
        })
    }

    /// Returns the commitment.
    pub(crate) fn commitment(&self, b: &mut Builder) -> Synthesis<Num> {
        let message = [self.owner.clone(), self.aux.clone(), self.rcm.clone()];
        let inner = poseidon::hash(b, Domain::NoteInner, &message)?;
        poseidon::hash(b, Domain::Note, &[self.packed.clone(), inner])
    }
}

/// Owner, notes, dummy flags and the anchor's prices on wires.
pub(crate) struct NotesWires {
    pub(crate) ak: Point,
    pub(crate) owner: Num,
    /// Digest of the price snapshot in the anchor, or 0.
    pub(crate) prices: Num,
    pub(crate) inputs: [NoteWires; ARITY],
    pub(crate) outputs: [NoteWires; ARITY],
    pub(crate) dummies: [Num; ARITY],
}

/// The other leg's delivery according to the terms; zeros outside a swap.
pub(crate) struct CounterWires {
    pub(crate) packed: Num,
    pub(crate) asset: Num,
    pub(crate) owner: Num,
    pub(crate) aux: Num,
}

/// A debt on wires.
pub(crate) struct DebtWires {
    pub(crate) amount: Num,
    pub(crate) accrued: Num,
    pub(crate) sequence: Num,
}

impl DebtWires {
    /// Witnesses the fields of a debt, in range.
    pub(crate) fn new(b: &mut Builder, debt: &RawDebt) -> Synthesis<Self> {
        let debt = Self {
            amount: b.witness(debt.amount)?,
            accrued: b.witness(debt.accrued)?,
            sequence: b.witness(debt.sequence)?,
        };
        range(b, &debt.amount, debt_fields::AMOUNT.width)?;
        range(b, &debt.accrued, debt_fields::ACCRUED.width)?;
        range(b, &debt.sequence, debt_fields::SEQUENCE.width)?;
        Ok(debt)
    }

    /// Returns the packed word.
    pub(crate) fn packed(&self) -> Num {
        pack([
            (debt_fields::AMOUNT, &self.amount),
            (debt_fields::ACCRUED, &self.accrued),
            (debt_fields::SEQUENCE, &self.sequence),
        ])
    }
}

/// A step on wires: its kind, the loan, and the debt. All fields are in range.
pub(crate) struct LoanWires {
    /// 1 if a position is created, else 0.
    pub(crate) is_opening: Num,
    /// 1 if a position is spent, else 0.
    pub(crate) spends: Num,
    /// 1 if a position is spent to create another loan's, else 0.
    pub(crate) renews: Num,
    /// 1 if the lender spends it, else 0.
    pub(crate) liquidates: Num,
    /// 1 if the borrower spends it and keeps the loan, else 0.
    pub(crate) adjusts: Num,
    /// 1 if debt remains after the step, else 0.
    pub(crate) has_debt_after: Num,
    pub(crate) borrower: Num,
    pub(crate) lender: Num,
    pub(crate) collateral: Num,
    pub(crate) debt: Num,
    pub(crate) principal: Num,
    pub(crate) rate: Num,
    pub(crate) start: Num,
    pub(crate) maturity: Num,
    pub(crate) market: Num,
    /// Bits of the market's number.
    pub(crate) market_bits: Vec<Num>,
    pub(crate) salt: Num,
    /// Nullifier key of the position that is spent.
    pub(crate) nk: Num,
    pub(crate) before: DebtWires,
    pub(crate) owed: Num,
    pub(crate) after: DebtWires,
    /// Secrets of the state after the step.
    pub(crate) keys: StepWires,
    /// aux of the position before the step.
    pub(crate) aux_before: Num,
    /// aux of the position after the step.
    pub(crate) aux_after: Num,
}

impl LoanWires {
    /// Returns 1 if there is a step, else 0.
    pub(crate) fn active(&self) -> Num {
        self.is_opening.plus(&self.spends).minus(&self.renews)
    }
}

/// Secrets of the step on wires.
pub(crate) struct StepWires {
    pub(crate) rcm: Num,
    pub(crate) repayment: Num,
    pub(crate) key: Num,
}

impl StepWires {
    /// Computes H(STEP; salt, sequence).
    pub(crate) fn new(b: &mut Builder, salt: &Num, sequence: &Num) -> Synthesis<Self> {
        b.enter(Rule::T33);
        let message = [salt.clone(), sequence.clone()];
        let [rcm, repayment, key] = poseidon::hash3(b, Domain::Step, &message)?;
        Ok(Self {
            rcm,
            repayment,
            key,
        })
    }
}

/// A market and its price on wires: always in range, and meaningful only if the step uses a price.
pub(crate) struct MarketWires {
    /// 1 if the lender needs no price, long after maturity.
    pub(crate) lapses: Num,
    /// 1 if the initial margin makes the borrower's step legal.
    pub(crate) covered: Num,
    /// The high price if the lender acts, otherwise the low one.
    pub(crate) price: Num,
    /// Time of the snapshot.
    pub(crate) time: Num,
    pub(crate) haircut: Num,
    pub(crate) initial: Num,
    pub(crate) maintenance: Num,
    pub(crate) bonus: Num,
}
