//! The circuit in memory. Its constraints can be evaluated repeatedly, with changed cells.

use std::collections::{BTreeSet, HashMap, HashSet};

use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rayon::prelude::*;

use super::failures::{labelled_column, rule};
use crate::circuit::BatchCircuit;
use crate::config::{Config, INSTANCES, TABLE_BITS, column, gate};
use crate::convert::limbs;
use crate::layout::{Census, Labels, Layout, Selector, Sheet};
use crate::rules::Rule;
use crate::schedule::COLUMNS;

type Cell = (usize, usize);

/// All cells of a circuit.
pub(crate) struct Grid {
    pub(crate) advice: Vec<[Fr; column::ALL]>,
    pub(crate) assigned: Vec<[bool; column::ALL]>,
    constants: Vec<[Fr; COLUMNS]>,
    selectors: Vec<[Fr; Selector::COUNT]>,
    pub(crate) copies: Vec<(Cell, Cell)>,
    pub(crate) labels: Labels,
    pub(crate) instances: [Cell; INSTANCES + 1],
    pub(crate) census: Census,
    /// Instances that the circuit was written for.
    public: Vec<Fr>,
    cs: ConstraintSystem<Fr>,
}

impl Sheet for Grid {
    fn advice(&mut self, column: usize, row: usize, value: Fr) {
        assert!(!self.assigned[row][column], "a cell is written twice");
        self.advice[row][column] = value;
        self.assigned[row][column] = true;
    }

    fn constant(&mut self, column: usize, row: usize, value: Fr) {
        assert!(bool::from(self.constants[row][column].is_zero()));
        self.constants[row][column] = value;
    }

    fn select(&mut self, selector: Selector, row: usize, value: Fr) {
        assert!(bool::from(self.selectors[row][selector as usize].is_zero()));
        self.selectors[row][selector as usize] = value;
    }

    fn equal(&mut self, left: Cell, right: Cell) {
        assert!(left.0 > 0 && right.0 > 0, "column 0 takes no copies");
        self.copies.push((left, right));
    }
}

impl Grid {
    fn blank(rows: usize) -> Grid {
        let mut cs = ConstraintSystem::default();
        Config::configure(&mut cs);
        Grid {
            advice: vec![[Fr::ZERO; column::ALL]; rows + 1],
            assigned: vec![[false; column::ALL]; rows + 1],
            constants: vec![[Fr::ZERO; COLUMNS]; rows + 1],
            selectors: vec![[Fr::ZERO; Selector::COUNT]; rows + 1],
            copies: Vec::new(),
            labels: Labels::default(),
            instances: [(0, 0); INSTANCES + 1],
            census: Census::default(),
            public: Vec::new(),
            cs,
        }
    }

    fn keep(&mut self, layout: (Census, Labels)) {
        self.census = layout.0;
        self.labels = layout.1;
    }

    /// Writes a circuit.
    pub(crate) fn of(circuit: &BatchCircuit) -> Grid {
        let mut grid = Grid::blank((1 << circuit.height()) - 16);
        let written = circuit.write(&mut grid).unwrap();
        let [old, new, c, z, y] = written.transition.instances;
        let wires = [old, new, c, z, y, written.challenge];
        let instances = wires.map(|wire| (wire.column, wire.row));
        let public = wires.iter().map(|wire| wire.value).collect();
        let layout = (written.layout.census(), written.layout.into_labels());
        grid.keep(layout);
        grid.instances = instances;
        grid.public = public;
        grid
    }

    /// Writes gadgets alone, on the given number of rows.
    pub(crate) fn build(rows: usize, gadgets: impl FnOnce(&mut Layout<'_>)) -> Grid {
        let mut grid = Grid::blank(rows);
        let mut layout = Layout::new(&mut grid, rows);
        gadgets(&mut layout);
        assert!(layout.fits());
        let layout = (layout.census(), layout.into_labels());
        grid.keep(layout);
        grid
    }

    /// Whether everything except the witness is equal.
    pub(crate) fn has_structure_of(&self, other: &Grid) -> bool {
        self.assigned == other.assigned
            && self.constants == other.constants
            && self.selectors == other.selectors
            && self.copies == other.copies
            && self.labels == other.labels
            && self.instances == other.instances
    }

    pub(crate) fn rows(&self) -> usize {
        self.labels.rules.len()
    }

    /// Returns the names of the gates that fail at `row`.
    pub(crate) fn failing(&self, row: usize) -> Vec<&str> {
        self.failing_with(row, &HashSet::new(), Fr::ZERO)
    }

    /// Returns the names of the gates that fail at `row` when `delta` is added to `cells`.
    pub(crate) fn failing_with(&self, row: usize, cells: &HashSet<Cell>, delta: Fr) -> Vec<&str> {
        let advice = |column: usize, row: usize| {
            let value = self.advice[row][column];
            if cells.contains(&(column, row)) {
                value + delta
            } else {
                value
            }
        };
        let mut names = Vec::new();
        if self.selectors[row] == [Fr::ZERO; Selector::COUNT] {
            return names;
        }
        for gate in self.cs.gates() {
            let holds = gate.polynomials().iter().all(|polynomial| {
                let value = polynomial.evaluate_lazy(
                    &|constant| constant,
                    &|_| unreachable!("selectors are fixed columns"),
                    &|query| match query.column_index() {
                        column if column < COLUMNS => self.constants[row][column],
                        column => self.selectors[row][column - COLUMNS],
                    },
                    &|query| {
                        let row = row + usize::try_from(query.rotation().0).unwrap();
                        advice(column::of_advice(query.column_index()), row)
                    },
                    &|_| self.public.get(row).copied().unwrap_or(Fr::ZERO),
                    &|_| unreachable!("one phase"),
                    &|a| -a,
                    &|a, b| a + b,
                    &|a, b| a * b,
                    &|a, scalar| a * scalar,
                    &Fr::ZERO,
                );
                bool::from(value.is_zero())
            });
            if !holds {
                names.push(gate.name());
            }
        }
        let looked_up = self.selectors[row][Selector::Range as usize]
            * (advice(9, row) - self.constants[row][9] * advice(9, row + 1));
        let value = limbs(&looked_up);
        if value[0] >> TABLE_BITS != 0 || value[1..] != [0; 3] {
            names.push(gate::RANGE);
        }
        names
    }

    /// Returns the rules that fail under these instances.
    pub(crate) fn failures(&self, instances: &[Fr]) -> BTreeSet<Rule> {
        let mut rules: BTreeSet<Rule> = (0..self.rows())
            .into_par_iter()
            .flat_map_iter(|row| {
                let names = self.failing(row).into_iter();
                names.filter_map(move |name| rule(&self.labels.rules, labelled_column(name), row))
            })
            .collect();
        for (left, right) in &self.copies {
            if self.advice[left.1][left.0] != self.advice[right.1][right.0] {
                for cell in [left, right] {
                    rules.extend(rule(&self.labels.rules, cell.0, cell.1));
                }
            }
        }
        for ((column, row), value) in self.instances.into_iter().zip(instances) {
            if self.advice[row][column] != *value {
                rules.extend(rule(&self.labels.rules, column, row));
            }
        }
        rules
    }

    /// Returns the assigned cells, grouped by the copy constraints between them.
    pub(crate) fn classes(&self) -> Vec<Vec<Cell>> {
        let mut leader: HashMap<Cell, Cell> = HashMap::new();
        fn find(leader: &mut HashMap<Cell, Cell>, cell: Cell) -> Cell {
            let mut root = cell;
            while let Some(next) = leader.get(&root) {
                root = *next;
            }
            if root != cell {
                leader.insert(cell, root);
            }
            root
        }
        for (left, right) in &self.copies {
            let (a, b) = (find(&mut leader, *left), find(&mut leader, *right));
            if a != b {
                leader.insert(a, b);
            }
        }
        let mut classes: HashMap<Cell, Vec<Cell>> = HashMap::new();
        for (row, assigned) in self.assigned.iter().enumerate() {
            for column in (0..column::ALL).filter(|column| assigned[*column]) {
                let cell = (column, row);
                let root = find(&mut leader, cell);
                classes.entry(root).or_default().push(cell);
            }
        }
        let mut classes: Vec<Vec<Cell>> = classes.into_values().collect();
        classes.sort();
        classes
    }
}
