//! Compilation of a graph to operations on blocks of rows.
//!
//! Every operation runs over a whole block before the next begins. This divides the cost of
//! dispatch by the block's length, and keeps the registers in use in the first two cache levels.

use std::collections::HashMap;

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use rayon::prelude::*;

use crate::graph::{Graph, Id, Node};

/// Number of rows of a block: a register then takes 2 KiB.
const BLOCK: usize = 64;

/// Location of an operand.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operand {
    Register(usize),
    /// One of the program's queries.
    Query(usize),
}

/// An operation. The register of the result comes first.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Fill(usize, Fr),
    Copy(usize, Operand),
    Negate(usize, Operand),
    Scale(usize, Fr, Operand),
    Add(usize, Operand),
    Subtract(usize, Operand),
    AddScaled(usize, Fr, Operand),
    Multiply(usize, Operand, Operand),
    MultiplyBy(usize, Operand),
    Square(usize, Operand),
}

/// A compiled graph.
pub(crate) struct Program {
    operations: Vec<Operation>,
    queries: Vec<(usize, i32)>,
    registers: usize,
    result: Operand,
}

impl Program {
    pub(crate) fn new(graph: &Graph) -> Program {
        let mut compiler = Compiler {
            graph,
            operations: vec![],
            queries: vec![],
            query_index: HashMap::new(),
            free: vec![],
            registers: 0,
            placed: HashMap::new(),
            uses: uses(graph),
        };
        let result = compiler.place(graph.root);
        Program {
            operations: compiler.operations,
            queries: compiler.queries,
            registers: compiler.registers,
            result,
        }
    }

    /// Returns the numbers of operations and of registers.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.operations.len(), self.registers)
    }

    /// Whether the program reads a column.
    pub(crate) fn reads(&self, column: usize) -> bool {
        self.queries.iter().any(|query| query.0 == column)
    }

    /// Computes the values in all rows. Columns that the program does not read may be empty.
    pub(crate) fn run(&self, columns: &[&[Fr]], values: &mut [Fr]) {
        let n = values.len();
        values.par_chunks_mut(BLOCK).enumerate().for_each_init(
            || State {
                registers: vec![vec![Fr::ZERO; BLOCK]; self.registers],
                wrapped: vec![vec![Fr::ZERO; BLOCK]; self.queries.len()],
            },
            |state, (index, values)| self.block(state, columns, n, index * BLOCK, values),
        );
    }

    fn block(
        &self,
        state: &mut State,
        columns: &[&[Fr]],
        n: usize,
        start: usize,
        values: &mut [Fr],
    ) {
        let length = values.len();
        let first =
            |rotation: i32| (start as i64 + i64::from(rotation)).rem_euclid(n as i64) as usize;
        for (&(column, rotation), copy) in self.queries.iter().zip(&mut state.wrapped) {
            let first = first(rotation);
            if first + length > n {
                let column = columns[column];
                let (end, begin) = copy[..length].split_at_mut(n - first);
                end.copy_from_slice(&column[first..]);
                begin.copy_from_slice(&column[..begin.len()]);
            }
        }
        let cells: Vec<&[Fr]> = self
            .queries
            .iter()
            .zip(&state.wrapped)
            .map(|(&(column, rotation), copy)| {
                let first = first(rotation);
                if first + length > n {
                    &copy[..length]
                } else {
                    &columns[column][first..first + length]
                }
            })
            .collect();
        for operation in &self.operations {
            operation.run(&mut state.registers, &cells, length);
        }
        values.copy_from_slice(read(&state.registers, &cells, self.result, length));
    }
}

struct State {
    registers: Vec<Vec<Fr>>,
    /// Copies of the cells of queries whose rows wrap around the end of the column.
    wrapped: Vec<Vec<Fr>>,
}

fn read<'a>(
    registers: &'a [Vec<Fr>],
    cells: &[&'a [Fr]],
    operand: Operand,
    length: usize,
) -> &'a [Fr] {
    match operand {
        Operand::Register(register) => &registers[register][..length],
        Operand::Query(query) => cells[query],
    }
}

impl Operation {
    fn target(&self) -> usize {
        match *self {
            Operation::Fill(target, _)
            | Operation::Copy(target, _)
            | Operation::Negate(target, _)
            | Operation::Scale(target, _, _)
            | Operation::Add(target, _)
            | Operation::Subtract(target, _)
            | Operation::AddScaled(target, _, _)
            | Operation::Multiply(target, _, _)
            | Operation::MultiplyBy(target, _)
            | Operation::Square(target, _) => target,
        }
    }

    fn run(&self, registers: &mut [Vec<Fr>], cells: &[&[Fr]], length: usize) {
        // The compiler assigns the result a register that holds none of the operands.
        let mut target = std::mem::take(&mut registers[self.target()]);
        let rows = &mut target[..length];
        let read = |operand| read(registers, cells, operand, length);
        match *self {
            Operation::Fill(_, value) => rows.fill(value),
            Operation::Copy(_, a) => rows.copy_from_slice(read(a)),
            Operation::Negate(_, a) => each(rows, read(a), |row, a| *row = -a),
            Operation::Scale(_, factor, a) => each(rows, read(a), |row, a| *row = a * factor),
            Operation::Add(_, a) => each(rows, read(a), |row, a| *row += a),
            Operation::Subtract(_, a) => each(rows, read(a), |row, a| *row -= a),
            Operation::AddScaled(_, factor, a) => each(rows, read(a), |row, a| *row += a * factor),
            Operation::Multiply(_, a, b) => {
                for ((row, a), b) in rows.iter_mut().zip(read(a)).zip(read(b)) {
                    *row = a * b;
                }
            }
            Operation::MultiplyBy(_, a) => each(rows, read(a), |row, a| *row *= a),
            Operation::Square(_, a) => each(rows, read(a), |row, a| *row = a.square()),
        }
        registers[self.target()] = target;
    }
}

#[inline(always)]
fn each(rows: &mut [Fr], operand: &[Fr], apply: impl Fn(&mut Fr, &Fr)) {
    for (row, operand) in rows.iter_mut().zip(operand) {
        apply(row, operand);
    }
}

/// Counts how often each node is an operand.
fn uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.nodes.len()];
    let mut pending = vec![graph.root];
    while let Some(id) = pending.pop() {
        uses[id as usize] += 1;
        if uses[id as usize] > 1 {
            continue;
        }
        match &graph.nodes[id as usize] {
            Node::Query { .. } => {}
            Node::Sum(_, terms) => pending.extend(terms.iter().map(|term| term.1)),
            Node::Product(factors) => pending.extend(factors),
        }
    }
    uses
}

struct Compiler<'a> {
    graph: &'a Graph,
    operations: Vec<Operation>,
    queries: Vec<(usize, i32)>,
    query_index: HashMap<(usize, i32), usize>,
    free: Vec<usize>,
    registers: usize,
    placed: HashMap<Id, usize>,
    /// Number of remaining uses by node.
    uses: Vec<usize>,
}

impl Compiler<'_> {
    fn allocate(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.registers += 1;
            self.registers - 1
        })
    }

    /// Emits the operations that compute a node, unless it is computed already.
    fn place(&mut self, id: Id) -> Operand {
        if let Some(&register) = self.placed.get(&id) {
            return Operand::Register(register);
        }
        let graph = self.graph;
        let register = match &graph.nodes[id as usize] {
            Node::Query { column, rotation } => {
                let query = (*column as usize, *rotation);
                let next = self.queries.len();
                let index = *self.query_index.entry(query).or_insert(next);
                if index == next {
                    self.queries.push(query);
                }
                return Operand::Query(index);
            }
            Node::Sum(constant, terms) => self.sum(*constant, terms),
            Node::Product(factors) => self.product(factors),
        };
        self.placed.insert(id, register);
        Operand::Register(register)
    }

    /// Ends one use of a node; the last use frees its register.
    fn release(&mut self, id: Id) {
        let uses = &mut self.uses[id as usize];
        *uses -= 1;
        if *uses == 0
            && let Some(register) = self.placed.remove(&id)
        {
            self.free.push(register);
        }
    }

    /// Adds each term as soon as it is computed, so that no register has to keep it.
    fn sum(&mut self, constant: Fr, terms: &[(Fr, Id)]) -> usize {
        let mut target = None;
        if constant != Fr::ZERO || terms.is_empty() {
            let register = self.allocate();
            self.operations.push(Operation::Fill(register, constant));
            target = Some(register);
        }
        for &(coefficient, node) in terms {
            let operand = self.place(node);
            let one = coefficient == Fr::ONE;
            let minus_one = coefficient == -Fr::ONE;
            let operation = match target {
                Some(register) if one => Operation::Add(register, operand),
                Some(register) if minus_one => Operation::Subtract(register, operand),
                Some(register) => Operation::AddScaled(register, coefficient, operand),
                None => {
                    let register = self.allocate();
                    target = Some(register);
                    if one {
                        Operation::Copy(register, operand)
                    } else if minus_one {
                        Operation::Negate(register, operand)
                    } else {
                        Operation::Scale(register, coefficient, operand)
                    }
                }
            };
            self.operations.push(operation);
            self.release(node);
        }
        // Always present: a sum without terms is filled above.
        target.unwrap_or_default()
    }

    fn product(&mut self, factors: &[Id]) -> usize {
        let mut operands: Vec<(Operand, Id)> = vec![];
        for &factor in factors {
            operands.push((self.place(factor), factor));
        }
        let target = self.allocate();
        match operands[..] {
            [(a, _)] => self.operations.push(Operation::Copy(target, a)),
            [(a, _), (b, _)] if a == b => self.operations.push(Operation::Square(target, a)),
            _ => {
                for (place, &(b, _)) in operands.iter().enumerate().skip(1) {
                    self.operations.push(if place == 1 {
                        Operation::Multiply(target, operands[0].0, b)
                    } else {
                        Operation::MultiplyBy(target, b)
                    });
                }
            }
        }
        for (_, node) in operands {
            self.release(node);
        }
        target
    }
}
