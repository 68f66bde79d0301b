//! Every wire matters: changing any single wire breaks a constraint.

use super::{SHAPE, all_samples, evaluate, rng};
use crate::circuit::TransactionCircuit;
use ark_bn254::Fr;
use ark_ff::{One, UniformRand, Zero};
use ark_relations::gr1cs::{Matrix, transpose};

/// The sums A, B and C of each row, and the rows of each column.
struct Rows {
    sums: Vec<[Fr; 3]>,
    by_column: [Matrix<Fr>; 3],
}

impl Rows {
    fn new(columns: &[Fr]) -> Self {
        let matrices = &SHAPE.matrices;
        let sums = (0..matrices[0].len())
            .map(|row| std::array::from_fn(|m| evaluate(&matrices[m][row], columns)))
            .collect();
        let by_column = std::array::from_fn(|m| transpose(&matrices[m], columns.len()));
        Self { sums, by_column }
    }

    /// Whether some row breaks when `delta` is added to the column.
    fn notices(&self, column: usize, delta: Fr) -> bool {
        let mut changed = std::collections::BTreeMap::<usize, [Fr; 3]>::new();
        for (m, matrix) in self.by_column.iter().enumerate() {
            for (coefficient, row) in &matrix[column] {
                changed.entry(*row).or_insert(self.sums[*row])[m] += *coefficient * delta;
            }
        }
        changed.values().any(|[a, b, c]| *a * b != *c)
    }
}

#[test]
fn every_wire_of_every_kind_of_statement_is_constrained() {
    let mut rng = rng(77);
    for sample in all_samples(21) {
        let circuit = TransactionCircuit::new(&sample.words, &sample.witness);
        let columns = circuit.assignment().unwrap();
        assert_eq!(columns.len(), SHAPE.instances + SHAPE.witnesses);
        let rows = Rows::new(&columns);
        assert!(rows.sums.iter().all(|[a, b, c]| *a * b == *c));
        // Column 0 is the constant one; the others are the digest and the witness wires.
        let mut free = Vec::new();
        for (column, value) in columns.iter().enumerate().skip(1) {
            let bit = value.is_zero() || value.is_one();
            // The hardest change for a bit is to the other bit.
            let flip = if value.is_one() {
                -Fr::one()
            } else {
                Fr::one()
            };
            let random = Fr::rand(&mut rng);
            let noticed = rows.notices(column, flip)
                && rows.notices(column, random)
                && (bit || rows.notices(column, -*value));
            if !noticed {
                free.push(column);
            }
        }
        println!(
            "{:?}: {} wires changed, {} noticed",
            sample.transaction.header.kind,
            columns.len() - 1,
            columns.len() - 1 - free.len()
        );
        assert!(free.is_empty(), "free wires: {free:?}");
    }
}

#[test]
fn synthesis_with_and_without_rows_assigns_the_same_wires() {
    use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystem};
    for sample in all_samples(22) {
        let circuit = TransactionCircuit::new(&sample.words, &sample.witness);
        let cs = ConstraintSystem::new_ref();
        circuit.clone().generate_constraints(cs.clone()).unwrap();
        assert!(cs.is_satisfied().unwrap());
        assert_eq!(cs.num_constraints(), SHAPE.matrices[0].len());
        let mut columns = cs.instance_assignment().unwrap();
        columns.extend(cs.witness_assignment().unwrap());
        assert_eq!(columns, circuit.assignment().unwrap());
        assert_eq!(
            columns[1],
            Fr::from(sample.transaction.digest(&crate::samples::context()))
        );
    }
}

#[test]
fn a_blank_circuit_has_no_assignment() {
    assert!(TransactionCircuit::blank().assignment().is_err());
}
