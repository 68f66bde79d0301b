//! The size of the circuit, by rule.

use crate::Rule;
use crate::circuit::TransactionCircuit;
use ark_relations::gr1cs::SynthesisError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Sizes of the circuit. `constraints.json` beside this crate pins them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Constraints.
    pub constraints: usize,
    /// Public inputs, the constant one not counted.
    pub public_inputs: usize,
    /// Witness wires.
    pub witnesses: usize,
    /// Nonzero entries of the matrices A, B and C.
    pub nonzeros: [usize; 3],
    /// Constraints by the rule they serve.
    pub rules: BTreeMap<Rule, usize>,
}

impl Counts {
    /// Synthesises the circuit and counts.
    ///
    /// # Errors
    /// Those of the constraint system.
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
