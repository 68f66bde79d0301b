//! The circuit: all rules over one witness, and its halo2 interface.

use std::sync::Arc;

use ark_bn254::{G1Affine, G2Affine};
use halo2_proofs::circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::plonk::{Circuit, ConstraintSystem, Error};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use subrosa_protocol::batch::{BatchWitness, Shape};
use subrosa_protocol::transaction::digest;

use crate::aggregation::foreign::emit::Emitter;
use crate::aggregation::pairing::fixed::Fixed;
use crate::aggregation::pairing::product::Product;
use crate::aggregation::{aggregation, column_challenge, proven_digest, verify};
use crate::client::{ClientKey, ClientProof};
use crate::config::{COMMITTED, Config, INSTANCES, column};
use crate::convert::to_halo2;
use crate::layout::{Layout, Selector, Sheet, Wire};
use crate::parts::anchors::anchor;
use crate::parts::commitments::{commitments, deposits};
use crate::parts::data::{data, words};
use crate::parts::header::{counts, header};
use crate::parts::nullifiers::nullifiers;
use crate::parts::pairs::pairs;
use crate::parts::slot::{SlotWires, fee_total, slot};
use crate::parts::state::{deposit_counts, history, leaf_counts, state};
use crate::rules::Rule;
use crate::witness::{blank, well_formed};

// The multiplier of α is safe only over an even number of slots (see the module `g1`).
const _: () = {
    let mut i = 0;
    while i < Shape::ALL.len() {
        assert!(Shape::ALL[i].slots().is_multiple_of(2));
        i += 1;
    }
};

/// Rows at the end that the layout leaves free for blinding (the proof system needs fewer).
const RESERVED_ROWS: usize = 16;

/// Wires of the state transition that the rest of the circuit builds on.
pub(crate) struct StateTransition {
    /// Old state, new state, c, z, y.
    pub(crate) instances: [Wire; INSTANCES],
    /// Digest x of each slot; in an inactive slot, the digest of 29 zero words.
    pub(crate) digests: Vec<Wire>,
    /// Flag of each slot.
    pub(crate) active: Vec<Wire>,
}

/// Cells that each part of the statement takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Parts in order, with the number of advice cells written for them.
    pub(crate) cells: Vec<(&'static str, usize)>,
}

/// Writes the state transition. Returns the wires to expose and the cells of each part.
pub(crate) fn state_transition(
    layout: &mut Layout<'_>,
    witness: &BatchWitness,
) -> (StateTransition, Parts) {
    let mut parts = Parts::default();
    let mut written = 0;
    let mut part = |layout: &Layout<'_>, name: &'static str| {
        let cells = layout.census().cells();
        parts.cells.push((name, cells - written));
        written = cells;
    };

    layout.rule(Rule::B1);
    let old = state(layout, &witness.old);
    layout.rule(Rule::B13);
    let new = state(layout, &witness.new);
    part(layout, "states");
    let header = header(layout, &witness.header);
    part(layout, "header");

    let mut slots: Vec<SlotWires> = Vec::with_capacity(witness.slots.len());
    for values in &witness.slots {
        let previous = slots.last().map(|slot| slot.active);
        slots.push(slot(layout, values, &header, previous));
    }
    fee_total(layout, &header, &slots);
    pairs(layout, &slots);
    part(layout, "slots");
    let opened = history(layout, witness, &header, &old, &new);
    part(layout, "history");
    for (slot, values) in slots.iter().zip(&witness.slots) {
        anchor(layout, slot, &values.anchor_path, opened);
    }
    part(layout, "anchors");
    let deposits = deposits(layout, witness);
    part(layout, "deposits");
    let active: Vec<Wire> = slots.iter().map(|slot| slot.active).collect();
    let deposited: Vec<Wire> = deposits.iter().map(|deposit| deposit.active).collect();
    let deposit_sum = counts(layout, &header, &active, &deposited);
    part(layout, "counts");
    let place = nullifiers(layout, witness, &slots, &old, &new);
    part(layout, "nullifiers");
    commitments(layout, witness, &slots, &deposits, &place, &old, &new);
    part(layout, "commitments");
    leaf_counts(layout, witness, &header, &old, &new, &place);
    deposit_counts(layout, &header, &old, &new, deposit_sum);
    let words = words(&header, &deposits, &slots);
    let data = data(layout, &words, to_halo2(&witness.challenge()));
    part(layout, "data");

    let transition = StateTransition {
        instances: [
            old.commitment,
            new.commitment,
            data.commitment,
            data.challenge,
            data.evaluation,
        ],
        digests: slots.iter().map(|slot| slot.digest).collect(),
        active,
    };
    (transition, parts)
}

/// Returns the public instances of a witness, at the challenge that L1 computes from its words.
pub fn instances(witness: &BatchWitness) -> Vec<Fr> {
    witness
        .instances(&witness.challenge())
        .iter()
        .map(to_halo2)
        .collect()
}

/// The statement of a batch proof: the state transition, and the proof of every slot's transaction,
/// padding included.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The state transition.
    pub witness: BatchWitness,
    /// One proof a slot; inactive slots have a proof of the padding digest.
    pub proofs: Vec<ClientProof>,
}

/// The batch circuit of a shape, with a witness for proving or without one for key generation.
#[derive(Clone, Debug)]
pub struct BatchCircuit {
    /// Number of slots.
    pub shape: Shape,
    /// Verifying key of the clients.
    pub key: Arc<ClientKey>,
    /// Statement to prove; it has the same shape.
    pub statement: Option<Arc<Statement>>,
    /// Column challenge ζ, if the circuit is written as a whole; a prover passes it to
    /// [`Recorded::advice`].
    pub challenge: Fr,
    #[cfg(test)]
    pub(crate) tamper: Option<crate::layout::Tamper>,
    /// Leaves out the clients' proofs, for tests of the state transition.
    #[cfg(test)]
    pub(crate) bare: bool,
}

impl BatchCircuit {
    /// Creates the circuit with a witness.
    pub fn new(key: Arc<ClientKey>, statement: Arc<Statement>) -> BatchCircuit {
        BatchCircuit {
            shape: statement.witness.shape,
            key,
            statement: Some(statement),
            challenge: Fr::ZERO,
            #[cfg(test)]
            tamper: None,
            #[cfg(test)]
            bare: false,
        }
    }

    /// Creates the circuit of a shape without a witness, for key generation.
    pub fn blank(shape: Shape, key: Arc<ClientKey>) -> BatchCircuit {
        BatchCircuit {
            shape,
            key,
            statement: None,
            challenge: Fr::ZERO,
            #[cfg(test)]
            tamper: None,
            #[cfg(test)]
            bare: false,
        }
    }

    /// Records the product of pairings over the statement's proofs; it does not depend on ζ.
    /// Returns `None` without a statement, or if a list of the statement has the wrong length.
    pub fn record(&self) -> Option<Recorded<'_>> {
        let statement = self.statement.as_deref()?;
        if !self.takes(&statement.witness, &statement.proofs) {
            return None;
        }
        let digests: Vec<ark_bn254::Fr> = statement
            .witness
            .slots
            .iter()
            .map(|slot| match slot.active {
                true => digest(&slot.words),
                false => self.key.padding,
            })
            .map(ark_bn254::Fr::from)
            .collect();
        let fixed = Fixed::new(&self.key);
        let product = Product::new(&fixed, &statement.proofs, &digests);
        Some(Recorded {
            circuit: self,
            fixed,
            product,
        })
    }

    /// Returns log₂ of the number of rows.
    pub fn k(shape: Shape) -> u32 {
        match shape {
            Shape::S4 => 16,
            Shape::S16 => 17,
            Shape::S64 => 19,
        }
    }

    /// Returns the number of rows that the layout may use.
    pub fn rows(shape: Shape) -> usize {
        (1 << Self::k(shape)) - RESERVED_ROWS
    }

    /// Returns log₂ of the number of rows of this circuit.
    #[cfg(test)]
    pub(crate) fn height(&self) -> u32 {
        match (self.bare, self.shape) {
            (false, shape) => Self::k(shape),
            (true, Shape::S4) => 14,
            (true, Shape::S16) => 15,
            (true, Shape::S64) => 17,
        }
    }

    #[cfg(not(test))]
    fn height(&self) -> u32 {
        Self::k(self.shape)
    }

    /// Returns the number of rows that the layout of this circuit may use.
    fn usable(&self) -> usize {
        (1 << self.height()) - RESERVED_ROWS
    }

    /// Whether there is a proof for every slot.
    fn complete(&self, proofs: &[ClientProof]) -> bool {
        #[cfg(test)]
        if self.bare {
            return true;
        }
        proofs.len() == self.shape.slots()
    }

    /// Whether a statement has the lengths that the shape demands.
    fn takes(&self, witness: &BatchWitness, proofs: &[ClientProof]) -> bool {
        well_formed(witness) && witness.shape == self.shape && self.complete(proofs)
    }

    /// Writes the circuit on a sheet; returns `None` if a list of the witness has the wrong length.
    pub(crate) fn write<'s>(&self, sheet: &'s mut dyn Sheet) -> Option<Written<'s>> {
        self.write_with(sheet, self.challenge, None)
    }

    /// Writes the circuit under a column challenge, with the product of pairings if it is recorded.
    fn write_with<'s>(
        &self,
        sheet: &'s mut dyn Sheet,
        challenge: Fr,
        recorded: Option<&Recorded<'_>>,
    ) -> Option<Written<'s>> {
        let blank_witness;
        let identity = ClientProof {
            a: G1Affine::identity(),
            b: G2Affine::identity(),
            c: G1Affine::identity(),
        };
        let blank_proofs;
        let proofs = match &self.statement {
            Some(statement) => &statement.proofs,
            None => {
                blank_proofs = vec![identity; self.shape.slots()];
                &blank_proofs
            }
        };
        let witness = match &self.statement {
            Some(statement) => &statement.witness,
            None => {
                blank_witness = blank(self.shape);
                &blank_witness
            }
        };
        if !self.takes(witness, proofs) {
            return None;
        }
        let mut layout = Layout::new(sheet, self.usable());
        #[cfg(test)]
        if let Some(tamper) = self.tamper {
            layout.tamper(tamper);
        }
        let (transition, mut parts) = state_transition(&mut layout, witness);
        let before = layout.census().cells();
        let transition_rows = layout.rows();
        let challenge = column_challenge(&mut layout, challenge);
        let [old, new, c, z, y] = transition.instances;
        let rules = [
            Rule::B1,
            Rule::B13,
            Rule::B14,
            Rule::B14,
            Rule::B14,
            Rule::B17,
        ];
        layout.expose(&[old, new, c, z, y, challenge], &rules);
        #[cfg(test)]
        if self.bare {
            layout.table();
            return layout.fits().then_some(Written {
                layout,
                transition,
                challenge,
                transition_rows,
                parts,
            });
        }
        let derived;
        let fixed = match recorded {
            Some(recorded) => &recorded.fixed,
            None => {
                derived = Fixed::new(&self.key);
                &derived
            }
        };
        let digests: Vec<Wire> = transition
            .active
            .iter()
            .zip(&transition.digests)
            .map(|(active, digest)| proven_digest(&mut layout, fixed, *active, *digest))
            .collect();
        match recorded {
            Some(recorded) => verify(&mut layout, fixed, &recorded.product, &digests, challenge),
            None => aggregation(&mut layout, fixed, proofs, &digests, challenge),
        }
        let cells = layout.census().cells();
        parts.cells.push(("proofs", cells - before));
        layout.fits().then_some(Written {
            layout,
            transition,
            challenge,
            transition_rows,
            parts,
        })
    }
}

/// A statement with its recorded product of pairings. Its columns are written twice: first for the
/// commitments that ζ is drawn from, then under ζ.
pub struct Recorded<'c> {
    circuit: &'c BatchCircuit,
    fixed: Fixed,
    product: Product,
}

impl Recorded<'_> {
    /// Returns the columns that a prover commits to first, `2^k` cells each; ζ is drawn from the
    /// commitments.
    pub fn committed(&self) -> Vec<Vec<Fr>> {
        let mut sheet = Columns::new(self.circuit.shape, COMMITTED);
        let mut layout = Layout::new(&mut sheet, self.circuit.usable());
        Emitter::place(&mut layout, &self.product.trace);
        sheet.0
    }

    /// Returns all advice columns under the column challenge, `2^k` cells each, in the order of the
    /// constraint system. Returns `None` if the circuit does not fit its rows; a test excludes this
    /// for each shape.
    pub fn advice(&self, challenge: Fr) -> Option<Vec<Vec<Fr>>> {
        let mut sheet = Columns::new(self.circuit.shape, column::ALL);
        self.circuit.write_with(&mut sheet, challenge, Some(self))?;
        Some(sheet.0)
    }
}

/// A written circuit.
pub(crate) struct Written<'s> {
    /// Writer, with counts and labels.
    pub(crate) layout: Layout<'s>,
    /// Exposed wires.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests read it"))]
    pub(crate) transition: StateTransition,
    /// Column challenge ζ, which follows the five instances.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests read it"))]
    pub(crate) challenge: Wire,
    /// Rows of the state transition alone, as in [`Layout::rows`].
    pub(crate) transition_rows: (usize, usize),
    /// Cells of each part.
    pub(crate) parts: Parts,
}

/// The first advice columns, in memory.
struct Columns(Vec<Vec<Fr>>);

impl Columns {
    fn new(shape: Shape, count: usize) -> Columns {
        Columns(vec![vec![Fr::ZERO; 1 << BatchCircuit::k(shape)]; count])
    }
}

impl Sheet for Columns {
    fn advice(&mut self, column: usize, row: usize, value: Fr) {
        if let Some(column) = self.0.get_mut(column::to_advice(column)) {
            column[row] = value;
        }
    }
    fn constant(&mut self, _: usize, _: usize, _: Fr) {}
    fn select(&mut self, _: Selector, _: usize, _: Fr) {}
    fn equal(&mut self, _: (usize, usize), _: (usize, usize)) {}
}

/// A halo2 region as a sheet.
struct RegionSheet<'r> {
    region: Region<'r, Fr>,
    config: Config,
}

impl RegionSheet<'_> {
    fn cell(&self, (column, row): (usize, usize)) -> Cell {
        cell(&self.config, column, row)
    }
}

fn cell(config: &Config, column: usize, row: usize) -> Cell {
    Cell {
        row_offset: row,
        column: config.advice[column].into(),
    }
}

impl Sheet for RegionSheet<'_> {
    fn advice(&mut self, column: usize, row: usize, value: Fr) {
        self.region
            .assign_advice(self.config.advice[column], row, Value::known(value));
    }

    fn constant(&mut self, column: usize, row: usize, value: Fr) {
        self.region
            .assign_fixed(self.config.constants[column], row, value);
    }

    fn select(&mut self, selector: Selector, row: usize, value: Fr) {
        let column = match selector {
            Selector::Full => self.config.full,
            Selector::Partial => self.config.partial,
            Selector::Step => self.config.step,
            Selector::Range => self.config.range,
            Selector::Weighted => self.config.weighted,
            Selector::Foreign => self.config.foreign,
            Selector::Live => self.config.live,
            Selector::Table => self.config.table,
        };
        self.region.assign_fixed(column, row, value);
    }

    fn equal(&mut self, left: (usize, usize), right: (usize, usize)) {
        let (left, right) = (self.cell(left), self.cell(right));
        self.region.constrain_equal(left, right);
    }
}

impl Circuit<Fr> for BatchCircuit {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        BatchCircuit::blank(self.shape, self.key.clone())
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        Config::configure(meta)
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        layouter.assign_region(
            || "batch",
            |region| {
                let mut sheet = RegionSheet {
                    region,
                    config: config.clone(),
                };
                self.write(&mut sheet).ok_or(Error::Synthesis)?;
                Ok(())
            },
        )
    }
}
