//! Maps failing constraints to the rules under which their cells were written.

use std::collections::BTreeSet;

use halo2_proofs::dev::{FailureLocation, MockProver, VerifyFailure};
use halo2_proofs::plonk::Any;
use halo2curves::bn256::Fr;

use super::grid::Grid;
use crate::circuit::BatchCircuit;
use crate::config::{column, gate};
use crate::rules::Rule;

/// Returns the column of the cell that carries the label of a gate's row.
pub(crate) fn labelled_column(name: &str) -> usize {
    match name {
        gate::ARITHMETIC => 5,
        gate::RANGE => 9,
        gate::ABSORB => 6,
        gate::WEIGHTED => 7,
        gate::EVALUATION | gate::INSTANCE => column::EVALUATION,
        gate::BOUNDARY | gate::POINT => column::POINT,
        gate::BALANCE => column::BALANCE,
        _ => 1,
    }
}

pub(crate) fn rule(labels: &[[u8; column::ALL]], column: usize, row: usize) -> Option<Rule> {
    let label = labels[row][column];
    Rule::ALL.into_iter().find(|rule| *rule as u8 == label)
}

fn row(location: &FailureLocation) -> usize {
    match location {
        FailureLocation::InRegion { offset, .. } => *offset,
        FailureLocation::OutsideRegion { row } => *row,
    }
}

/// Runs halo2's mock prover and returns the rules that fail.
pub(crate) fn mock(circuit: &BatchCircuit, instances: Vec<Fr>) -> BTreeSet<Rule> {
    let labels = Grid::of(circuit).labels.rules;
    let mut instances = instances;
    instances.push(circuit.challenge);
    let prover = MockProver::run(circuit.height(), circuit, vec![instances]).unwrap();
    let mut rules = BTreeSet::new();
    for failure in prover.verify_par().err().unwrap_or_default() {
        let (column, row) = match &failure {
            VerifyFailure::ConstraintNotSatisfied {
                constraint,
                location,
                ..
            } => {
                let text = constraint.to_string();
                let name = text.rsplit("('").next().unwrap().trim_end_matches("')");
                (labelled_column(name), row(location))
            }
            VerifyFailure::Lookup { location, .. } => (9, row(location)),
            VerifyFailure::Permutation { column, location } => match column.column_type() {
                Any::Advice(_) => (column::of_advice(column.index()), row(location)),
                // The advice cell at the other end is reported too.
                _ => continue,
            },
            other => panic!("{other}"),
        };
        rules.insert(rule(&labels, column, row).unwrap());
    }
    rules
}
