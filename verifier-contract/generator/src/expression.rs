//! Constraint expressions as a graph in which equal subexpressions share a node.
//!
//! The value of a node is a number in [0, r]. A difference is written `x + (r − y)`, so a negation
//! may be r itself; the next `addmod` or `mulmod` reduces it.

use std::collections::HashMap;

use halo2_proofs::plonk::{ConstraintSystem, Expression};
use halo2_proofs::poly::Rotation;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

use crate::encoding::scalar_bytes;

/// Why an expression cannot be written for the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// The circuit has a challenge phase. The contract supports single-phase circuits only.
    #[error("the circuit draws challenges of its own")]
    Challenge,
    /// A selector that key generation would have replaced by a fixed column.
    #[error("selectors are not fixed columns yet: use the constraint system of a verifying key")]
    Selector,
    /// An instance query other than the first column's in the current row.
    #[error("an instance query other than the first column in the current row")]
    InstanceQuery,
    /// A query that the constraint system does not list.
    #[error("a query that the constraint system does not list")]
    UnknownQuery,
}

/// Index of a node in its [`Graph`].
pub(crate) type Id = usize;

/// Kind of the column that a leaf reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Source {
    Advice,
    Fixed,
    Instance,
}

/// An operation. The operands of commutative operations are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// Big-endian bytes, which implement `Hash`.
    Constant([u8; 32]),
    /// The evaluation of a query, by its index.
    Evaluation(Source, usize),
    Sum(Id, Id),
    Difference(Id, Id),
    Product(Id, Id),
    Negation(Id),
}

/// Subexpressions; every operand precedes its operation.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    ids: HashMap<Node, Id>,
    /// Base and exponent of products that are powers.
    powers: HashMap<Id, (Id, u32)>,
}

impl Graph {
    pub(crate) fn node(&self, id: Id) -> Node {
        self.nodes[id]
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds an expression of `cs` and returns its root.
    pub(crate) fn insert(
        &mut self,
        cs: &ConstraintSystem<Fr>,
        expression: &Expression<Fr>,
    ) -> Result<Id, ExpressionError> {
        Ok(match expression {
            Expression::Constant(value) => self.constant(value),
            Expression::Selector(_) => return Err(ExpressionError::Selector),
            Expression::Challenge(_) => return Err(ExpressionError::Challenge),
            Expression::Fixed(query) => {
                let wanted = (query.column_index(), query.rotation());
                let index = position(
                    cs.fixed_queries()
                        .iter()
                        .map(|(column, at)| (column.index(), *at)),
                    wanted,
                )?;
                self.intern(Node::Evaluation(Source::Fixed, index))
            }
            Expression::Advice(query) => {
                let wanted = (query.column_index(), query.rotation());
                let index = position(
                    cs.advice_queries()
                        .iter()
                        .map(|(column, at)| (column.index(), *at)),
                    wanted,
                )?;
                self.intern(Node::Evaluation(Source::Advice, index))
            }
            Expression::Instance(query) => {
                if (query.column_index(), query.rotation()) != (0, Rotation::cur()) {
                    return Err(ExpressionError::InstanceQuery);
                }
                self.intern(Node::Evaluation(Source::Instance, 0))
            }
            Expression::Negated(inner) => {
                let inner = self.insert(cs, inner)?;
                self.negation(inner)
            }
            Expression::Sum(left, right) => {
                let (left, right) = (self.insert(cs, left)?, self.insert(cs, right)?);
                self.sum(left, right)
            }
            Expression::Product(left, right) => {
                let (left, right) = (self.insert(cs, left)?, self.insert(cs, right)?);
                self.product(left, right)
            }
            Expression::Scaled(inner, factor) => {
                let (inner, factor) = (self.insert(cs, inner)?, self.constant(factor));
                self.product(inner, factor)
            }
        })
    }

    fn constant(&mut self, value: &Fr) -> Id {
        self.intern(Node::Constant(scalar_bytes(value)))
    }

    fn negation(&mut self, inner: Id) -> Id {
        if let Some(value) = self.value(inner) {
            return self.constant(&-value);
        }
        match self.nodes[inner] {
            Node::Negation(inner) => inner,
            Node::Difference(left, right) => self.intern(Node::Difference(right, left)),
            _ => self.intern(Node::Negation(inner)),
        }
    }

    fn sum(&mut self, left: Id, right: Id) -> Id {
        match (self.value(left), self.value(right)) {
            (Some(a), Some(b)) => return self.constant(&(a + b)),
            (Some(a), None) => return self.sum_with(right, a),
            (None, Some(b)) => return self.sum_with(left, b),
            (None, None) => {}
        }
        match (self.nodes[left], self.nodes[right]) {
            (Node::Negation(a), Node::Negation(b)) => {
                let sum = self.sum(a, b);
                self.negation(sum)
            }
            (Node::Negation(a), _) => self.intern(Node::Difference(right, a)),
            (_, Node::Negation(b)) => self.intern(Node::Difference(left, b)),
            _ => self.intern(Node::Sum(left.min(right), left.max(right))),
        }
    }

    /// Returns `term + value`, as a difference if that has the shorter constant.
    fn sum_with(&mut self, term: Id, value: Fr) -> Id {
        if value == Fr::ZERO {
            return term;
        }
        let (constant, negative) = (self.constant(&value), self.constant(&-value));
        if let Node::Negation(inner) = self.nodes[term] {
            return self.intern(Node::Difference(constant, inner));
        }
        if scalar_bytes(&-value) < scalar_bytes(&value) {
            self.intern(Node::Difference(term, negative))
        } else {
            self.intern(Node::Sum(term.min(constant), term.max(constant)))
        }
    }

    fn product(&mut self, left: Id, right: Id) -> Id {
        match (self.value(left), self.value(right)) {
            (Some(a), Some(b)) => return self.constant(&(a * b)),
            (Some(a), None) => return self.product_with(right, a),
            (None, Some(b)) => return self.product_with(left, b),
            (None, None) => {}
        }
        if let Node::Negation(inner) = self.nodes[left] {
            let product = self.product(inner, right);
            return self.negation(product);
        }
        if let Node::Negation(inner) = self.nodes[right] {
            let product = self.product(left, inner);
            return self.negation(product);
        }
        let ((base, i), (other, j)) = (self.as_power(left), self.as_power(right));
        if base == other {
            return self.power(base, i + j);
        }
        self.intern(Node::Product(left.min(right), left.max(right)))
    }

    fn product_with(&mut self, factor: Id, value: Fr) -> Id {
        if value == Fr::ZERO {
            return self.constant(&Fr::ZERO);
        }
        if value == Fr::ONE {
            return factor;
        }
        if value == -Fr::ONE {
            return self.negation(factor);
        }
        // A small negative constant is shorter as the negation of a product.
        if scalar_bytes(&-value) < scalar_bytes(&value) && scalar_bytes(&-value)[..16] == [0; 16] {
            let product = self.product_with(factor, -value);
            return self.negation(product);
        }
        let constant = self.constant(&value);
        self.intern(Node::Product(factor.min(constant), factor.max(constant)))
    }

    fn as_power(&self, id: Id) -> (Id, u32) {
        self.powers.get(&id).copied().unwrap_or((id, 1))
    }

    /// Computes a power by squaring and multiplying, so that x⁵ shares x² with other powers of x.
    fn power(&mut self, base: Id, exponent: u32) -> Id {
        if exponent == 1 {
            return base;
        }
        let half = self.power(base, exponent / 2);
        let mut id = self.intern(Node::Product(half, half));
        self.powers.entry(id).or_insert((base, exponent & !1));
        if exponent % 2 == 1 {
            id = self.intern(Node::Product(base.min(id), base.max(id)));
            self.powers.entry(id).or_insert((base, exponent));
        }
        id
    }

    fn value(&self, id: Id) -> Option<Fr> {
        match self.nodes[id] {
            Node::Constant(bytes) => crate::encoding::scalar_from_bytes(&bytes),
            _ => None,
        }
    }

    fn intern(&mut self, node: Node) -> Id {
        if let Some(id) = self.ids.get(&node) {
            return *id;
        }
        let id = self.nodes.len();
        self.nodes.push(node);
        self.ids.insert(node, id);
        id
    }
}

fn position(
    mut queries: impl Iterator<Item = (usize, Rotation)>,
    wanted: (usize, Rotation),
) -> Result<usize, ExpressionError> {
    queries
        .position(|query| query == wanted)
        .ok_or(ExpressionError::UnknownQuery)
}

/// Returns the shortest literal of a constant: decimal if small, hexadecimal otherwise.
pub(crate) fn literal(bytes: &[u8; 32]) -> String {
    let digits = hex::encode(bytes);
    let digits = digits.trim_start_matches('0');
    match digits.len() {
        0..=4 => u64::from_str_radix(&format!("0{digits}"), 16)
            .map_or_else(|_| format!("0x{digits}"), |small| small.to_string()),
        _ => format!("0x{digits}"),
    }
}
