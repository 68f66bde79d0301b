//! The size of the circuit, by rule.

use crate::Rule;
use crate::circuit::TransactionCircuit;
use ark_relations::gr1cs::SynthesisError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Size of the circuit, pinned by `constraints.json` beside this crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Number of constraints.
    pub constraints: usize,
    /// Number of public inputs, without the constant one.
    pub public_inputs: usize,
    /// Number of witness wires.
    pub witnesses: usize,
    /// Number of nonzero entries of the matrices A, B and C.
    pub nonzeros: [usize; 3],
    /// Number of constraints of each rule.
    pub rules: BTreeMap<Rule, usize>,
}

impl Counts {
    /// Synthesises the circuit and counts.
    ///
    /// # Errors
    /// Errors of the constraint system.
    pub(crate) fn measure() -> Result<Self, SynthesisError> {
        let shape = TransactionCircuit::shape()?;
        let mut rules = BTreeMap::new();
        for (rule, span) in &shape.spans {
            *rules.entry(*rule).or_insert(0) += span.len();
        }
        let nonzeros = std::array::from_fn(|i| shape.matrices[i].iter().map(Vec::len).sum());
        Ok(Self {
            constraints: shape.matrices[0].len(),
            public_inputs: shape.instances - 1,
            witnesses: shape.witnesses,
            nonzeros,
            rules,
        })
    }
}
