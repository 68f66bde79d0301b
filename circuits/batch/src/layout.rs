//! Placement of cells. There is one region from row 0, written by two cursors: permutations grow
//! from the top; arithmetic (cells 1–8) and ranges (cell 9) share rows that grow from the bottom.
//!
//! Every value enters the circuit in one of four ways, and each is counted: a **copy** of an
//! existing wire, a **hint** (a new witness, labelled by the constraint that will bind it), a value
//! **derived** by a gate, or a constant that a gate fixes. Each cell is labelled with the rule
//! under which it is written, so that a failing constraint names its rule.

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

use crate::config::{Foreign, Step, column};
use crate::rules::Rule;

/// Target of a layout: a halo2 region, or a grid in memory.
pub(crate) trait Sheet {
    /// Writes an advice cell.
    fn advice(&mut self, column: usize, row: usize, value: Fr);
    /// Writes a round constant or coefficient.
    fn constant(&mut self, column: usize, row: usize, value: Fr);
    /// Writes a selector.
    fn select(&mut self, selector: Selector, row: usize, value: Fr);
    /// Constrains two advice cells, given as (column, row), to be equal.
    fn equal(&mut self, left: (usize, usize), right: (usize, usize));
}

/// A sheet that discards everything.
pub(crate) struct Blank;

impl Sheet for Blank {
    fn advice(&mut self, _: usize, _: usize, _: Fr) {}
    fn constant(&mut self, _: usize, _: usize, _: Fr) {}
    fn select(&mut self, _: Selector, _: usize, _: Fr) {}
    fn equal(&mut self, _: (usize, usize), _: (usize, usize)) {}
}

/// The selector columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// Full rounds.
    Full,
    /// Partial rounds.
    Partial,
    /// Absorption, Merkle steps, arithmetic.
    Step,
    /// Lookup factor.
    Range,
    /// Weighted products.
    Weighted,
    /// Evaluations.
    Foreign,
    /// The multiset argument.
    Live,
    /// The table.
    Table,
}

impl Selector {
    /// Number of selector columns.
    pub(crate) const COUNT: usize = 8;
}

/// A cell and its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire {
    /// Value under this witness.
    pub(crate) value: Fr,
    /// Advice column.
    pub(crate) column: usize,
    /// Row.
    pub(crate) row: usize,
}

/// Reason why a cell may hold a fresh witness: the constraint that binds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Hint {
    /// A word that a hash absorbs; the hash is tied to a state, a root or the data commitment.
    Hashed,
    /// A bit of a leaf index. The Merkle gate makes it boolean; the root binds it.
    Bit,
    /// A sibling; the root binds it.
    Sibling,
    /// A value bounded by a lookup and bound by an arithmetic gate.
    Ranged,
    /// A flag or a small value that arithmetic gates bind.
    Arithmetic,
    /// The evaluation point or the column challenge; the instance binds them.
    Instance,
    /// A piece of a limb. The multiset argument bounds it; the evaluation of its limb binds it.
    Piece,
    /// The multiplicity of a table entry; the multiset argument binds it.
    Multiplicity,
}

/// Input of a gadget: an existing wire, which is copied, or a fresh hint.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// An existing value.
    Wire(Wire),
    /// A new witness.
    Hint(Fr, Hint),
}

impl From<Wire> for Input {
    fn from(wire: Wire) -> Input {
        Input::Wire(wire)
    }
}

/// Number of cells that entered in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Number of copies of existing wires.
    pub(crate) copies: usize,
    /// Number of fresh hints, by [`Hint`].
    pub(crate) hints: [usize; 8],
    /// Number of values that a gate derives.
    pub(crate) derived: usize,
    /// Number of looked-up cells.
    pub(crate) lookups: usize,
    /// Number of permutations.
    pub(crate) permutations: usize,
    /// Number of arithmetic rows, weighted products included.
    pub(crate) arithmetic: usize,
    /// Number of weighted products.
    pub(crate) weighted: usize,
}

impl Census {
    /// Returns the number of advice cells written.
    pub(crate) fn cells(&self) -> usize {
        self.copies + self.hints.iter().sum::<usize>() + self.derived
    }
}

/// Labels of the cells written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    /// Number of the rule under which each cell was written, by row and column; 0 for an unwritten
    /// cell.
    pub(crate) rules: Vec<[u8; column::ALL]>,
    /// Column, row and kind of each hint, in order.
    pub(crate) hints: Vec<(usize, usize, Hint)>,
}

/// A change to one cell, for tests. `delta` is added to the value that would be written there;
/// everything computed from it afterwards follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tamper {
    /// Advice column.
    pub(crate) column: usize,
    /// Row.
    pub(crate) row: usize,
    /// Difference to add.
    pub(crate) delta: Fr,
}

/// Writer of cells.
pub(crate) struct Layout<'s> {
    sheet: &'s mut dyn Sheet,
    /// Next row of the permutation area: an input row, possibly with an output in cells 0–4.
    pub(crate) main: usize,
    /// Whether cells 0–4 of that row hold the output of a permutation.
    pub(crate) occupied: bool,
    arithmetic: usize,
    range: usize,
    foreign: usize,
    rule: Rule,
    census: Census,
    labels: Vec<[u8; column::ALL]>,
    hinted: Vec<(usize, usize, Hint)>,
    tamper: Option<Tamper>,
    zero: Option<Wire>,
    one: Option<Wire>,
}

impl<'s> Layout<'s> {
    /// Creates a writer on rows 0 … `rows` − 1 of `sheet`.
    pub(crate) fn new(sheet: &'s mut dyn Sheet, rows: usize) -> Layout<'s> {
        Layout {
            sheet,
            main: 0,
            occupied: false,
            arithmetic: rows,
            range: rows,
            foreign: 0,
            rule: Rule::B1,
            census: Census::default(),
            labels: vec![[0; column::ALL]; rows],
            hinted: Vec::new(),
            tamper: None,
            zero: None,
            one: None,
        }
    }

    /// Changes one cell while writing; the circuit then states something false.
    #[cfg(test)]
    pub(crate) fn tamper(&mut self, tamper: Tamper) {
        self.tamper = Some(tamper);
    }

    /// Sets the rule that labels the following cells.
    pub(crate) fn rule(&mut self, rule: Rule) {
        self.rule = rule;
    }

    /// Returns the counts so far.
    pub(crate) fn census(&self) -> Census {
        self.census
    }

    /// Writes a selector unless it is 0.
    pub(crate) fn select_nonzero(&mut self, selector: Selector, row: usize, value: Fr) {
        if !bool::from(value.is_zero()) {
            self.select(selector, row, value);
        }
    }

    /// Writes the table alone, for circuits without values modulo q.
    #[cfg(test)]
    pub(crate) fn table(&mut self) {
        for entry in 1..1 << crate::config::TABLE_BITS {
            self.select(Selector::Table, entry, Fr::from(entry as u64));
        }
    }

    /// Records how many rows from the top the values modulo q take.
    pub(crate) fn foreign_rows(&mut self, rows: usize) {
        self.foreign = rows;
    }

    /// Returns the number of rows from the top that the values modulo q take.
    pub(crate) fn foreign_height(&self) -> usize {
        self.foreign
    }

    /// Returns the number of all rows.
    pub(crate) fn height(&self) -> usize {
        self.labels.len()
    }

    /// Counts a weighted product.
    pub(crate) fn count_weighted(&mut self) {
        self.census.weighted += 1;
    }

    /// Returns the number of rows in use by permutations, and from the bottom.
    pub(crate) fn rows(&self) -> (usize, usize) {
        let bottom = self.labels.len() - self.arithmetic.min(self.range);
        (self.main + 1, bottom)
    }

    /// Whether the two areas are disjoint and the values modulo q end before the boundary.
    pub(crate) fn fits(&self) -> bool {
        let (top, bottom) = self.rows();
        top + bottom <= self.labels.len() && self.foreign + 2 <= self.labels.len()
    }

    /// Returns the rule of each cell, and the hints.
    pub(crate) fn into_labels(self) -> Labels {
        Labels {
            rules: self.labels,
            hints: self.hinted,
        }
    }

    fn put(&mut self, column: usize, row: usize, mut value: Fr) -> Wire {
        if let Some(tamper) = self.tamper
            && (tamper.column, tamper.row) == (column, row)
        {
            value += tamper.delta;
        }
        self.sheet.advice(column, row, value);
        if let Some(labels) = self.labels.get_mut(row) {
            labels[column] = self.rule as u8;
        }
        Wire { value, column, row }
    }

    /// Writes a fresh witness.
    pub(crate) fn hint(&mut self, column: usize, row: usize, value: Fr, hint: Hint) -> Wire {
        self.census.hints[hint as usize] += 1;
        self.hinted.push((column, row, hint));
        self.put(column, row, value)
    }

    /// Copies a wire into a cell.
    pub(crate) fn copy(&mut self, column: usize, row: usize, wire: Wire) -> Wire {
        self.census.copies += 1;
        let copy = self.put(column, row, wire.value);
        self.equal(copy, wire);
        copy
    }

    /// Writes a value that a gate derives.
    pub(crate) fn derived(&mut self, column: usize, row: usize, value: Fr) -> Wire {
        self.census.derived += 1;
        self.put(column, row, value)
    }

    /// Copies a wire, or writes a hint.
    pub(crate) fn input(&mut self, column: usize, row: usize, input: Input) -> Wire {
        match input {
            Input::Wire(wire) => self.copy(column, row, wire),
            Input::Hint(value, hint) => self.hint(column, row, value, hint),
        }
    }

    /// Constrains two wires to be equal.
    pub(crate) fn equal(&mut self, left: Wire, right: Wire) {
        self.sheet
            .equal((left.column, left.row), (right.column, right.row));
    }

    /// Writes a constant or coefficient, unless it is 0.
    pub(crate) fn constant_cell(&mut self, column: usize, row: usize, value: Fr) {
        if !bool::from(value.is_zero()) {
            self.sheet.constant(column, row, value);
        }
    }

    /// Writes a selector.
    pub(crate) fn select(&mut self, selector: Selector, row: usize, value: Fr) {
        self.sheet.select(selector, row, value);
    }

    /// Marks a row with its kind.
    pub(crate) fn step(&mut self, row: usize, step: Step) {
        self.select(Selector::Step, row, Fr::from(step as u64));
    }

    /// Returns a free arithmetic row.
    pub(crate) fn arithmetic_row(&mut self) -> usize {
        self.census.arithmetic += 1;
        self.arithmetic = self.arithmetic.saturating_sub(1);
        self.arithmetic
    }

    /// Returns the first of `count` consecutive free cells of the looked-up column.
    pub(crate) fn range_rows(&mut self, count: usize) -> usize {
        self.census.lookups += count;
        self.range = self.range.saturating_sub(count);
        self.range
    }

    /// Writes a fresh witness into a cell of its own, which only copies of it constrain: cell 9 of
    /// a row whose lookup factor stays 0.
    pub(crate) fn free(&mut self, value: Fr, hint: Hint) -> Wire {
        self.range = self.range.saturating_sub(1);
        let row = self.range;
        self.hint(9, row, value, hint)
    }

    /// Writes a word that the data commitment or an arithmetic gate binds.
    pub(crate) fn free_word(&mut self, value: Fr) -> Wire {
        self.free(value, Hint::Arithmetic)
    }

    /// Writes a flag, not yet constrained to be 0 or 1.
    pub(crate) fn free_flag(&mut self, value: bool) -> Wire {
        self.free(Fr::from(u64::from(value)), Hint::Arithmetic)
    }

    pub(crate) fn count_permutation(&mut self) {
        self.census.permutations += 1;
    }

    /// Exposes wires as the instances, in order, each under its rule.
    pub(crate) fn expose(&mut self, wires: &[Wire], rules: &[Rule]) {
        for (row, (wire, rule)) in wires.iter().zip(rules).enumerate() {
            self.rule(*rule);
            let kind = Fr::from(Foreign::Instance as u64);
            self.select(Selector::Foreign, row, kind);
            self.copy(column::EVALUATION, row, *wire);
        }
    }

    /// Returns a wire that is 0.
    pub(crate) fn zero(&mut self) -> Wire {
        if let Some(wire) = self.zero {
            return wire;
        }
        let wire = self.constant(Fr::ZERO);
        self.zero = Some(wire);
        wire
    }

    /// Returns a wire that is 1.
    pub(crate) fn one(&mut self) -> Wire {
        if let Some(wire) = self.one {
            return wire;
        }
        let wire = self.constant(Fr::ONE);
        self.one = Some(wire);
        wire
    }
}
