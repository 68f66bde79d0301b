//! Conversion of a linear form to a graph with few multiplications.
//!
//! Terms with the same factor that depends only on the key (a selector, a coefficient) are
//! collected in one sum under that factor. Then terms that share another factor are collected
//! greedily. Powers are chains of squares, and a pair of factors that occurs in several products is
//! multiplied once.

use std::collections::{BTreeMap, HashMap};

use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

use crate::symbolic::{Atom, Atoms, Factors, Kind, Linear};

/// Index of a node in its graph.
pub(crate) type Id = u32;

/// A computation step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// A column, `rotation` rows further.
    Query { column: u32, rotation: i32 },
    /// constant + Σ coefficient·node.
    Sum(Fr, Vec<(Fr, Id)>),
    /// Product of at least two nodes.
    Product(Vec<Id>),
}

/// Computation steps; [`Graph::root`] is the result.
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: Id,
}

impl Graph {
    pub(crate) fn new(atoms: &mut Atoms, form: &Linear) -> Graph {
        let mut builder = Builder {
            atoms,
            nodes: vec![],
            index: HashMap::new(),
            factors: HashMap::new(),
        };
        let root = builder.sum(form);
        let mut graph = Graph {
            nodes: builder.nodes,
            root,
        };
        graph.share_pairs();
        graph
    }

    /// Returns the number of multiplications per row.
    pub(crate) fn multiplications(&self) -> usize {
        let unit = |value: &Fr| *value == Fr::ONE || *value == -Fr::ONE;
        self.nodes
            .iter()
            .map(|node| match node {
                Node::Query { .. } => 0,
                Node::Sum(_, terms) => terms.iter().filter(|(c, _)| !unit(c)).count(),
                Node::Product(factors) => factors.len() - 1,
            })
            .sum()
    }

    /// Makes a node for the product of two factors, as long as two factors occur together in
    /// several products.
    fn share_pairs(&mut self) {
        loop {
            let mut counts: BTreeMap<(Id, Id), usize> = BTreeMap::new();
            for node in &self.nodes {
                let Node::Product(factors) = node else {
                    continue;
                };
                for (i, &a) in factors.iter().enumerate() {
                    for &b in &factors[i + 1..] {
                        if a != b {
                            *counts.entry((a.min(b), a.max(b))).or_default() += 1;
                        }
                    }
                }
            }
            let most = counts
                .into_iter()
                .max_by_key(|&(pair, count)| (count, std::cmp::Reverse(pair)));
            let Some(((a, b), 2..)) = most else {
                return;
            };
            let existing = self.nodes.iter().position(
                |node| matches!(node, Node::Product(f) if f[..] == [a, b] || f[..] == [b, a]),
            );
            let pair = existing.unwrap_or(self.nodes.len()) as Id;
            if existing.is_none() {
                self.nodes.push(Node::Product(vec![a, b]));
            }
            let mut changed = false;
            for (id, node) in self.nodes.iter_mut().enumerate() {
                let Node::Product(factors) = node else {
                    continue;
                };
                if id as Id == pair || !(factors.contains(&a) && factors.contains(&b)) {
                    continue;
                }
                for factor in [a, b] {
                    if let Some(place) = factors.iter().position(|&other| other == factor) {
                        factors.remove(place);
                    }
                }
                factors.push(pair);
                changed = true;
            }
            if !changed {
                return;
            }
        }
    }
}

struct Builder<'a> {
    atoms: &'a mut Atoms,
    nodes: Vec<Node>,
    index: HashMap<Node, Id>,
    factors: HashMap<Atom, Id>,
}

impl Builder<'_> {
    fn intern(&mut self, node: Node) -> Id {
        if let Some(&id) = self.index.get(&node) {
            return id;
        }
        let id = self.nodes.len() as Id;
        self.index.insert(node.clone(), id);
        self.nodes.push(node);
        id
    }

    /// Returns the node of a linear form.
    fn sum(&mut self, form: &Linear) -> Id {
        let mut terms = vec![];
        let mut plain = Linear::default();
        let mut groups: BTreeMap<Factors, Linear> = BTreeMap::new();
        for (&atom, &coefficient) in &form.terms {
            let (varying, keyed): (Factors, Factors) = self
                .atoms
                .factors_of(atom)
                .into_iter()
                .partition(|factor| self.atoms.varies(factor.0));
            if keyed.is_empty() {
                plain.accumulate_atom(coefficient, atom);
                continue;
            }
            let body = groups.entry(keyed).or_default();
            if varying.is_empty() {
                body.constant += coefficient;
            } else {
                let rest = self.atoms.product_atom(varying);
                self.atoms.accumulate(body, coefficient, rest);
            }
        }
        for (factors, body) in groups {
            terms.push(self.under(factors, body));
        }
        while let Some(factor) = self.common_factor(&plain) {
            let mut inner = Linear::default();
            let mut rest = Linear::default();
            for (&atom, &coefficient) in &plain.terms {
                let mut factors = self.atoms.factors_of(atom);
                match factors.iter().position(|&other| other == factor) {
                    Some(place) if factors.len() > 1 => {
                        factors.remove(place);
                        let atom = self.atoms.product_atom(factors);
                        self.atoms.accumulate(&mut inner, coefficient, atom);
                    }
                    _ => rest.accumulate_atom(coefficient, atom),
                }
            }
            terms.push(self.under(vec![factor], inner));
            plain = rest;
        }
        for (&atom, &coefficient) in &plain.terms {
            let factors = self.atoms.factors_of(atom);
            terms.push((coefficient, self.product(factors)));
        }
        terms.retain(|(coefficient, _)| *coefficient != Fr::ZERO);
        match terms[..] {
            [(coefficient, node)] if form.constant == Fr::ZERO && coefficient == Fr::ONE => node,
            _ => self.intern(Node::Sum(form.constant, terms)),
        }
    }

    /// Returns factors·body as coefficient and node.
    fn under(&mut self, mut factors: Factors, body: Linear) -> (Fr, Id) {
        if body.terms.is_empty() {
            return (body.constant, self.product(factors));
        }
        if let (Some((&atom, &coefficient)), 1, Fr::ZERO) = (
            body.terms.first_key_value(),
            body.terms.len(),
            body.constant,
        ) {
            factors.extend(self.atoms.factors_of(atom));
            return (coefficient, self.product(factors));
        }
        let sum = self.sum(&body);
        let mut nodes = self.powers(factors);
        nodes.push(sum);
        (Fr::ONE, self.intern(Node::Product(nodes)))
    }

    /// Returns the factor that occurs in the most products, if it occurs in at least two.
    fn common_factor(&self, form: &Linear) -> Option<(Atom, u32)> {
        let mut counts: BTreeMap<(Atom, u32), usize> = BTreeMap::new();
        for &atom in form.terms.keys() {
            let factors = self.atoms.factors_of(atom);
            if factors.len() > 1 {
                for factor in factors {
                    *counts.entry(factor).or_default() += 1;
                }
            }
        }
        counts
            .into_iter()
            .filter(|&(_, count)| count > 1)
            .max_by_key(|&(factor, count)| (count, std::cmp::Reverse(factor)))
            .map(|(factor, _)| factor)
    }

    fn product(&mut self, factors: Factors) -> Id {
        let nodes = self.powers(factors);
        match nodes[..] {
            [node] => node,
            _ => self.intern(Node::Product(nodes)),
        }
    }

    fn powers(&mut self, factors: Factors) -> Vec<Id> {
        factors
            .into_iter()
            .map(|(atom, exponent)| {
                let node = self.factor(atom);
                self.power(node, exponent)
            })
            .collect()
    }

    fn power(&mut self, node: Id, exponent: u32) -> Id {
        if exponent == 1 {
            return node;
        }
        let half = self.power(node, exponent / 2);
        let square = self.intern(Node::Product(vec![half, half]));
        if exponent.is_multiple_of(2) {
            square
        } else {
            self.intern(Node::Product(vec![square, node]))
        }
    }

    fn factor(&mut self, atom: Atom) -> Id {
        if let Some(&node) = self.factors.get(&atom) {
            return node;
        }
        let node = match self.atoms.kind(atom).clone() {
            Kind::Query { column, rotation } => self.intern(Node::Query { column, rotation }),
            Kind::Product(factors) => self.product(factors),
            Kind::Sum(constant, terms) => self.sum(&Linear {
                constant,
                terms: terms.into_iter().collect(),
            }),
        };
        self.factors.insert(atom, node);
        node
    }
}
