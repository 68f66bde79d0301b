//! Solidity source of a constraint system's gates.
//!
//! The gates' expressions are the only part of the verifier that is generated code; everything else
//! reads the key. They become one contract that extends `Halo2Verifier` and serves every key of the
//! constraint system.

use std::fmt::Write as _;

use halo2_proofs::plonk::{ConstraintSystem, Expression};
use halo2curves::bn256::Fr;
use sha3::{Digest, Keccak256};

use crate::expression::{ExpressionError, Graph, Id, Node, Source, literal};

/// Greatest nesting of an expression; a word of scratch memory cuts a deeper one.
///
/// The EVM reaches 16 stack slots. The compiler moves variables that it cannot reach to memory, the
/// pointers and the modulus first, which lengthens every use of them.
const MAX_DEPTH: usize = 4;
/// Number of uses from which on a long constant is kept in scratch memory. A load costs 9 gas more
/// than the constant, and takes 27 bytes less.
const REPEATED: usize = 2;
/// Number of statements after which the gates continue in another function. The compiler lays out
/// the stack function by function, and fails at very long ones.
const STATEMENTS: usize = 16;

/// The generated contract, with the figures that a key contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gates {
    /// Bodies of the functions that fold the gates, in order.
    parts: Vec<String>,
    /// Body of `_lookups`.
    lookups: String,
    /// Number of words of scratch memory that the code writes.
    scratch_words: usize,
    /// Number of field operations in the code.
    operations: usize,
}

impl Gates {
    /// Writes the gates and lookup expressions of `cs`. It must belong to a verifying key, in which
    /// selectors are fixed columns.
    ///
    /// # Errors
    /// If an expression uses a feature that the contract does not support.
    pub fn new(cs: &ConstraintSystem<Fr>) -> Result<Self, ExpressionError> {
        let (parts, gate_words, gate_operations) = gate_bodies(cs)?;
        let (lookups, lookup_words, lookup_operations) = lookup_body(cs)?;
        Ok(Self {
            parts,
            lookups,
            scratch_words: gate_words.max(lookup_words),
            operations: gate_operations + lookup_operations,
        })
    }

    /// Returns keccak256 of all bodies, which identifies the gates in a key.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = Keccak256::new();
        for body in self.parts.iter().chain([&self.lookups]) {
            hasher.update((body.len() as u64).to_be_bytes());
            hasher.update(body);
        }
        hasher.finalize().into()
    }

    /// Returns the number of words of scratch memory that the code writes.
    pub fn scratch_words(&self) -> usize {
        self.scratch_words
    }

    /// Returns the number of additions and multiplications in the code.
    pub fn operations(&self) -> usize {
        self.operations
    }

    /// Returns the source file with the abstract contract `name`, which extends the contract
    /// `Halo2Verifier` of the file `import`.
    pub fn solidity(&self, name: &str, import: &str) -> String {
        let digest = hex::encode(self.digest());
        let lookups = &self.lookups;
        let lookup_parameters = parameters(lookups, &["theta", "out"]);
        let (mut calls, mut functions) = (String::new(), String::new());
        for (i, part) in self.parts.iter().enumerate() {
            let part_parameters = parameters(&format!("r {part}"), &["y", "folded"]);
            writeln!(
                calls,
                "        sum = foldGates{i}(a, f, i, s, t, r, y, sum);"
            )
            .expect("writing to a string");
            write!(
                functions,
                r#"
    function foldGates{i}({part_parameters}) private pure returns (uint256 sum) {{
        // Never so; but what may be left early is not put inline, and has room on its stack.
        if (r == 0) return 0;
        assembly ("memory-safe") {{
{part}        }}
    }}
"#
            )
            .expect("writing to a string");
        }
        format!(
            r#"// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the constraint system by subrosa-verifier-generator. Do not edit.
pragma solidity 0.8.30;

import {{Halo2Verifier}} from "{import}";

/// @title Gates and lookup expressions of one constraint system
abstract contract {name} is Halo2Verifier {{
    /// @inheritdoc Halo2Verifier
    function _gatesDigest() internal pure override returns (bytes32) {{
        return 0x{digest};
    }}

    /// @inheritdoc Halo2Verifier
    function _gates(uint256 a, uint256 f, uint256 i, uint256 s, uint256 t, uint256 r, uint256 y)
        internal
        pure
        override
        returns (uint256 sum)
    {{
{calls}    }}

    /// @inheritdoc Halo2Verifier
    function _lookups({lookup_parameters}) internal pure override {{
        assembly ("memory-safe") {{
{lookups}        }}
    }}
{functions}}}
"#
        )
    }
}

/// Returns the parameters of a body: those of all bodies, then `more`. A parameter that the body
/// does not use has no name, because the compiler warns about unused ones.
fn parameters(body: &str, more: &[&str]) -> String {
    let used = |name: &str| {
        let word = |c: char| c.is_ascii_alphanumeric();
        body.split(|c| !word(c)).any(|token| token == name)
    };
    ["a", "f", "i", "s", "t", "r"]
        .iter()
        .chain(more)
        .map(|name| match used(name) {
            true => format!("uint256 {name}"),
            false => "uint256".to_owned(),
        })
        .collect::<Vec<_>>()
        .join(", ")
}

fn gate_bodies(cs: &ConstraintSystem<Fr>) -> Result<(Vec<String>, usize, usize), ExpressionError> {
    let mut graph = Graph::default();
    let roots = cs
        .gates()
        .iter()
        .flat_map(|gate| gate.polynomials())
        .map(|polynomial| graph.insert(cs, polynomial))
        .collect::<Result<Vec<_>, _>>()?;
    let mut writer = Writer::new(&graph, &roots);
    let mut parts = Vec::new();
    let mut folded = "folded";
    for root in roots {
        let value = writer.expression(root);
        writer.line(&format!(
            "sum := addmod(mulmod({folded}, y, r), {value}, r)"
        ));
        folded = "sum";
        if writer.text.lines().count() >= STATEMENTS {
            parts.push(std::mem::take(&mut writer.text));
            folded = "folded";
        }
    }
    let (rest, words, operations) = writer.finish();
    if !rest.is_empty() {
        parts.push(rest);
    }
    Ok((parts, words, operations))
}

fn lookup_body(cs: &ConstraintSystem<Fr>) -> Result<(String, usize, usize), ExpressionError> {
    let mut graph = Graph::default();
    let mut insert = |expressions: &[Expression<Fr>]| {
        expressions
            .iter()
            .map(|expression| graph.insert(cs, expression))
            .collect::<Result<Vec<_>, _>>()
    };
    let mut sides = Vec::new();
    for lookup in cs.lookups() {
        sides.push(insert(lookup.input_expressions())?);
        sides.push(insert(lookup.table_expressions())?);
    }
    let roots: Vec<Id> = sides.iter().flatten().copied().collect();
    let mut writer = Writer::new(&graph, &roots);
    for (i, side) in sides.iter().enumerate() {
        let mut folded = String::from("0");
        for (j, root) in side.iter().enumerate() {
            let value = writer.expression(*root);
            folded = match j {
                // Reduce the first value: a negation may be r itself.
                0 => format!("addmod({value}, 0, r)"),
                _ => format!("addmod(mulmod({folded}, theta, r), {value}, r)"),
            };
        }
        writer.line(&format!("mstore({}, {folded})", place("out", i)));
    }
    Ok(writer.finish())
}

/// Writes a graph as Yul. Keeps values in scratch memory that are used more than once or nested too
/// deep.
///
/// The code writes scratch memory through the pointer `s` and reads it through `t`, which has the
/// same value. With one pointer, the compiler would know the result of each load, hold all of them
/// on the stack instead, and run out of stack slots.
struct Writer<'a> {
    graph: &'a Graph,
    uses: Vec<usize>,
    /// Scratch word by node, for the nodes that are kept.
    kept: Vec<Option<usize>>,
    text: String,
    words: usize,
    operations: usize,
}

impl<'a> Writer<'a> {
    fn new(graph: &'a Graph, roots: &[Id]) -> Self {
        let mut uses = vec![0; graph.len()];
        for root in roots {
            uses[*root] += 1;
        }
        // An operand has a smaller index than its operation.
        for id in (0..graph.len()).rev() {
            if uses[id] > 0 {
                match graph.node(id) {
                    Node::Sum(a, b) | Node::Difference(a, b) | Node::Product(a, b) => {
                        uses[a] += 1;
                        uses[b] += 1;
                    }
                    Node::Negation(a) => uses[a] += 1,
                    Node::Constant(_) | Node::Evaluation(..) => {}
                }
            }
        }
        let kept = vec![None; graph.len()];
        Self {
            graph,
            uses,
            kept,
            text: String::new(),
            words: 0,
            operations: 0,
        }
    }

    /// Writes the statements that a node needs, and returns its value as an expression.
    fn expression(&mut self, id: Id) -> String {
        if self.uses[id] > 1 {
            self.nested(id).0
        } else {
            self.computed(id).0
        }
    }

    /// Returns the expression and its depth, at most `MAX_DEPTH`.
    fn nested(&mut self, id: Id) -> (String, usize) {
        if let Some(word) = self.kept[id] {
            return (format!("mload({})", place("t", word)), 0);
        }
        let (text, depth) = self.computed(id);
        let keep = match self.graph.node(id) {
            Node::Constant(_) => self.uses[id] >= REPEATED && text.len() > 16,
            Node::Evaluation(..) => false,
            _ => self.uses[id] > 1 || depth > MAX_DEPTH,
        };
        if !keep {
            return (text, depth);
        }
        let word = self.words;
        self.words += 1;
        self.kept[id] = Some(word);
        self.line(&format!("mstore({}, {text})", place("s", word)));
        (format!("mload({})", place("t", word)), 0)
    }

    /// Returns the expression and its depth, without keeping its value.
    fn computed(&mut self, id: Id) -> (String, usize) {
        match self.graph.node(id) {
            Node::Constant(bytes) => (literal(&bytes), 0),
            Node::Evaluation(source, index) => {
                let base = match source {
                    Source::Advice => "a",
                    Source::Fixed => "f",
                    Source::Instance => "i",
                };
                (format!("mload({})", place(base, index)), 0)
            }
            Node::Sum(a, b) => self.operation("addmod", a, b),
            Node::Product(a, b) => self.operation("mulmod", a, b),
            Node::Difference(a, b) => {
                let (a, b) = (self.nested(a), self.nested(b));
                self.operations += 2;
                (
                    format!("addmod({}, sub(r, {}), r)", a.0, b.0),
                    a.1.max(b.1 + 1) + 1,
                )
            }
            Node::Negation(a) => {
                let a = self.nested(a);
                self.operations += 1;
                (format!("sub(r, {})", a.0), a.1 + 1)
            }
        }
    }

    /// Puts the deeper operand last: the EVM evaluates it first, with fewer values on the stack.
    fn operation(&mut self, name: &str, a: Id, b: Id) -> (String, usize) {
        let (a, b) = (self.nested(a), self.nested(b));
        self.operations += 1;
        let (shallow, deep) = if a.1 > b.1 { (b, a) } else { (a, b) };
        (
            format!("{name}({}, {}, r)", shallow.0, deep.0),
            (shallow.1 + 1).max(deep.1) + 1,
        )
    }

    fn line(&mut self, line: &str) {
        writeln!(self.text, "            {line}").expect("writing to a string");
    }

    fn finish(self) -> (String, usize, usize) {
        (self.text, self.words, self.operations)
    }
}

/// Returns the address of a word relative to a base pointer.
fn place(base: &str, index: usize) -> String {
    match index {
        0 => base.to_owned(),
        _ => format!("add({base}, {:#x})", 32 * index),
    }
}
