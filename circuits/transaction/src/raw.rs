//! Values of the prover's wires, as the circuit takes them.
//!
//! A [`Witness`] cannot express everything that a malicious prover may put on the wires. Here every
//! value is a free field element. The circuit is synthesised from this form, so that tests can give
//! it any assignment without the native check in between.

use crate::gadgets::edwards::SCALAR_BITS;
use crate::witness::{ARITY, ASSET_DEPTH, LoanWitness, NOTE_DEPTH, Step, Witness};
use crate::words::{DISCLOSURE, Fields, Words, from_field};
use ark_bn254::Fr;
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::{BigInteger, PrimeField, Zero};
use std::fmt;
use subrosa_protocol::Scalar;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::encoding::fr_from_u128;
use subrosa_protocol::layout::{asset, disclosure_word};
use subrosa_protocol::loan::{Debt, covers, improves};
use subrosa_protocol::market::{MARKET_DEPTH, MARKETS, Market, PriceSnapshot};
use subrosa_protocol::note::Note;
use subrosa_protocol::transaction::WORDS;
use zeroize::Zeroize;

/// Fields of a note.
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
    pub(crate) leaf_index: Fr,
    pub(crate) siblings: [[Fr; 3]; NOTE_DEPTH],
    pub(crate) selector: [Fr; ARITY],
}

/// An output.
#[derive(Clone, Default)]
pub(crate) struct RawOutput {
    pub(crate) note: RawNote,
    pub(crate) selector: [Fr; ARITY],
}

/// An asset slot. `rest` holds the bits above the id in the leaf's packed word: token, flags, home
/// chain, stop.
#[derive(Clone)]
pub(crate) struct RawSlot {
    pub(crate) id: Fr,
    pub(crate) rest: Fr,
    pub(crate) auditor: [Fr; 2],
    pub(crate) siblings: [[Fr; 3]; ASSET_DEPTH],
}

/// A step on a position; all zeros without a step.
#[derive(Clone, Default)]
pub(crate) struct RawLoan {
    pub(crate) is_opening: Fr,
    pub(crate) spends: Fr,
    pub(crate) renews: Fr,
    pub(crate) liquidates: Fr,
    /// Reasons for a legal step of the borrower: collateral is added, debt is repaid, or the
    /// initial margin covers the debt.
    pub(crate) adds: Fr,
    pub(crate) repays: Fr,
    pub(crate) covered: Fr,
    /// 1 if a liquidation needs no price, long after maturity.
    pub(crate) lapses: Fr,
    /// 1 if the reason for a liquidation is a lack of margin, 0 if it is maturity.
    pub(crate) below: Fr,
    pub(crate) borrower: Fr,
    pub(crate) lender: Fr,
    pub(crate) collateral: Fr,
    pub(crate) debt: Fr,
    pub(crate) principal: Fr,
    pub(crate) rate: Fr,
    pub(crate) start: Fr,
    pub(crate) maturity: Fr,
    pub(crate) market: Fr,
    /// Packed terms and principal of the position that is spent.
    pub(crate) packed_before: Fr,
    pub(crate) principal_before: Fr,
    pub(crate) before: RawDebt,
    pub(crate) owed: Fr,
    pub(crate) after: RawDebt,
    pub(crate) prices: RawPrices,
    pub(crate) filler: [Fr; 2],
    /// 1 if the snapshot of a stopped liquidation is claimed to be earlier than the stop.
    pub(crate) earlier: Fr,
}

/// A debt.
#[derive(Clone, Default)]
pub(crate) struct RawDebt {
    pub(crate) amount: Fr,
    pub(crate) accrued: Fr,
    pub(crate) sequence: Fr,
}

/// A snapshot, and one market of it.
#[derive(Clone, Default)]
pub(crate) struct RawPrices {
    pub(crate) time: Fr,
    pub(crate) previous: Fr,
    pub(crate) market_root: Fr,
    pub(crate) words: [Fr; MARKETS],
    /// Both assets of the market.
    pub(crate) assets: Fr,
    pub(crate) haircut: Fr,
    pub(crate) initial: Fr,
    pub(crate) maintenance: Fr,
    pub(crate) bonus: Fr,
    pub(crate) max_age: Fr,
    pub(crate) siblings: [[Fr; 3]; MARKET_DEPTH],
}

impl RawLoan {
    fn new(step: &LoanWitness, words: &Words, witness: &Witness) -> Self {
        let loan = &step.loan;
        // Without a position that is spent the hints are the new loan's.
        let before = step.spent().unwrap_or(loan);
        let collateral = [witness.inputs[0].note.value, witness.outputs[0].note.value];
        let flag = |set: bool| Fr::from(set);
        let not_before = Fields::of(words).not_before;
        let adjusts = step.step == Step::Adjust;
        let liquidates = step.step == Step::Liquidate;
        let priced = step.priced(collateral, not_before);
        let improves_enough = adjusts && step.after.amount != 0 && !priced;
        // With none of the debt repaid, the step improves by its collateral alone.
        let adds = improves_enough && improves(collateral, u128::MAX, 0);
        let lapses = step.lapses(not_before);
        // The hints of an unused price stay zero.
        let snapshot = step.snapshot.as_ref().filter(|_| priced || lapses);
        let maintained = step.priced_market().is_some_and(|(market, price)| {
            let margin = market.maintenance;
            covers(collateral[0], price.high, market.haircut, step.owed, margin)
        });
        Self {
            is_opening: flag(step.step.makes_loan()),
            spends: flag(step.step != Step::Open),
            renews: flag(step.step == Step::Renew),
            liquidates: flag(liquidates),
            adds: flag(adds),
            repays: flag(improves_enough && !adds),
            covered: flag(adjusts && priced),
            lapses: flag(lapses),
            below: flag(liquidates && priced && !maintained),
            borrower: loan.borrower.into(),
            lender: loan.lender.into(),
            collateral: Fr::from(loan.collateral.0),
            debt: Fr::from(loan.debt.0),
            principal: fr_from_u128(loan.principal),
            rate: Fr::from(loan.rate),
            start: Fr::from(loan.start),
            maturity: Fr::from(loan.maturity),
            market: Fr::from(loan.market),
            packed_before: before.packed(),
            principal_before: fr_from_u128(before.principal),
            before: RawDebt::new(&step.before),
            owed: fr_from_u128(step.owed),
            after: RawDebt::new(&step.after),
            prices: snapshot.map_or_else(RawPrices::default, |s| RawPrices::new(s, loan.market)),
            filler: [0, 1]
                .map(|i| from_field(words[DISCLOSURE.start + i], disclosure_word::FILLER)),
            earlier: flag(liquidates && is_earlier(step, witness)),
        }
    }
}

/// Whether the snapshot of a liquidation is earlier than a stop of the collateral in its market.
fn is_earlier(step: &LoanWitness, witness: &Witness) -> bool {
    let slot = witness.slots.get(usize::from(witness.input_slots[0]));
    let snapshot = step.snapshot.as_ref();
    slot.zip(snapshot).is_some_and(|(slot, snapshot)| {
        let stop = &slot.info.stop;
        snapshot.time < stop.begin() && stop.forbids(step.loan.market, stop.begin())
    })
}

impl RawDebt {
    fn new(debt: &Debt) -> Self {
        Self {
            amount: fr_from_u128(debt.amount),
            accrued: Fr::from(debt.accrued),
            sequence: Fr::from(debt.sequence),
        }
    }
}

impl RawPrices {
    fn new(snapshot: &PriceSnapshot, id: u8) -> Self {
        let [_, market_root, words @ ..] = snapshot.words();
        let market = snapshot.markets.get(id).copied();
        let field =
            |of: fn(&Market) -> u32| market.as_ref().map_or(Fr::zero(), |m| Fr::from(of(m)));
        Self {
            time: Fr::from(snapshot.time),
            previous: Fr::from(snapshot.previous),
            market_root,
            words,
            assets: field(|m| u32::from(m.debt.0) << 16 | u32::from(m.collateral.0)),
            haircut: field(|m| m.haircut.into()),
            initial: field(|m| m.initial),
            maintenance: field(|m| m.maintenance),
            bonus: field(|m| m.bonus.into()),
            max_age: field(|m| m.max_age),
            siblings: snapshot
                .markets
                .path(id)
                .map_or([[Fr::zero(); 3]; MARKET_DEPTH], |path| path.siblings),
        }
    }
}

/// All values from which an assignment is computed.
#[derive(Clone)]
pub(crate) struct RawWitness {
    pub(crate) digest: Fr,
    pub(crate) words: Words,
    pub(crate) fields: Fields,
    pub(crate) note_root: Fr,
    pub(crate) prices: Fr,
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
    pub(crate) counter_aux: Fr,
    pub(crate) salt: Fr,
    pub(crate) loan: RawLoan,
}

impl RawWitness {
    /// Takes the values of a witness.
    pub(crate) fn new(words: &Words, digest: TransactionDigest, witness: &Witness) -> Self {
        let fields = Fields::of(words);
        let withdraws = fields.kind == Fr::from(2u64);
        let counter = fields.side().and(witness.counter_leg.as_ref());
        Self {
            digest: digest.into(),
            words: *words,
            fields,
            note_root: witness.note_root,
            prices: witness.prices,
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
                    leaf_index: Fr::from(input.leaf_index),
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
                RawSlot {
                    id: Fr::from(slot.info.id.0),
                    rest: from_field(slot.info.packed(), asset::TOKEN),
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
            counter_owner: counter.map_or(Fr::zero(), |counter| counter.owner.into()),
            counter_aux: counter.map_or(Fr::zero(), |counter| counter.aux),
            salt: match (&witness.loan, counter) {
                (_, Some(counter)) => counter.salt,
                (Some(loan), None) => loan.loan.salt.element(),
                (None, None) => Fr::zero(),
            },
            loan: witness
                .loan
                .as_ref()
                .map_or_else(RawLoan::default, |loan| RawLoan::new(loan, words, witness)),
        }
    }

    /// Returns all zeros, for a synthesis that only counts or writes rows.
    pub(crate) fn blank() -> Self {
        let zero = Fr::zero();
        Self {
            digest: zero,
            words: [zero; WORDS],
            fields: Fields::default(),
            note_root: zero,
            prices: zero,
            ak: [zero; 2],
            nk: zero,
            signature_r: [zero; 2],
            signature_s: [false; SCALAR_BITS],
            esk: [false; SCALAR_BITS],
            inputs: std::array::from_fn(|_| RawInput {
                dummy: zero,
                note: RawNote::default(),
                leaf_index: zero,
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
            counter_aux: zero,
            salt: zero,
            loan: RawLoan::default(),
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
        self.loan.principal.zeroize();
        self.loan.principal_before.zeroize();
        self.loan.before.amount.zeroize();
        self.loan.after.amount.zeroize();
        self.loan.owed.zeroize();
        let inputs = self.inputs.iter_mut().map(|input| &mut input.note);
        let outputs = self.outputs.iter_mut().map(|output| &mut output.note);
        for note in inputs.chain(outputs) {
            note.rcm.zeroize();
            note.value.zeroize();
        }
    }
}

/// Returns the bits of a scalar, least significant first.
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
        owner: note.owner.into(),
        aux: note.aux,
        rcm: note.rcm,
    }
}
