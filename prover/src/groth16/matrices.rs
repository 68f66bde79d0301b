//! The constraint matrices of a circuit, in the prover's form, and their fingerprint.
//!
//! The matrices are synthesised once, with the keys. A proof synthesises only an assignment.

use ark_bn254::Fr;
use ark_ff::{BigInteger, Field, PrimeField};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, Matrix, OptimizationGoal, R1CS_PREDICATE_LABEL,
    SynthesisError, SynthesisMode,
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use zeroize::Zeroizing;

/// A matrix by rows. Coefficients repeat, so the entries refer to a table of distinct coefficients.
#[derive(Clone, Debug)]
struct SparseRows {
    /// Start of each row: row i has the entries `starts[i]..starts[i + 1]`.
    starts: Vec<u32>,
    /// Column, and index in `coefficients`.
    entries: Vec<(u32, u32)>,
    coefficients: Vec<Fr>,
}

/// Index of the coefficient 1 in every table.
const ONE: u32 = 0;
/// Index of the coefficient −1 in every table.
const MINUS_ONE: u32 = 1;

impl SparseRows {
    fn new(matrix: &Matrix<Fr>) -> Self {
        let mut coefficients = vec![Fr::ONE, -Fr::ONE];
        let mut places: HashMap<Fr, u32> = HashMap::from([(Fr::ONE, ONE), (-Fr::ONE, MINUS_ONE)]);
        let mut starts = Vec::with_capacity(matrix.len() + 1);
        let mut entries = Vec::with_capacity(matrix.iter().map(Vec::len).sum());
        starts.push(0);
        for row in matrix {
            for (coefficient, column) in row {
                let place = *places.entry(*coefficient).or_insert_with(|| {
                    coefficients.push(*coefficient);
                    coefficients.len() as u32 - 1
                });
                entries.push((*column as u32, place));
            }
            starts.push(entries.len() as u32);
        }
        Self {
            starts,
            entries,
            coefficients,
        }
    }

    /// Writes ⟨row, assignment⟩ for every row to the first elements of `out`.
    fn multiply_into(&self, assignment: &[Fr], out: &mut [Fr]) {
        out.par_iter_mut()
            .with_min_len(256)
            .zip(self.starts.par_windows(2))
            .for_each(|(out, range)| {
                *out = self.entries[range[0] as usize..range[1] as usize]
                    .iter()
                    .fold(Fr::from(0u64), |sum, (column, place)| {
                        let value = assignment[*column as usize];
                        match *place {
                            ONE => sum + value,
                            MINUS_ONE => sum - value,
                            place => sum + value * self.coefficients[place as usize],
                        }
                    });
            });
    }
}

/// The matrices A and B of a circuit. The prover does not need C: a satisfying assignment z has
/// C·z = (A·z)∘(B·z).
#[derive(Clone, Debug)]
pub(crate) struct ConstraintMatrices {
    /// Number of public inputs, counting the constant one.
    pub(crate) instance_variables: usize,
    /// Number of private variables.
    pub(crate) witness_variables: usize,
    /// Number of rows of each matrix.
    pub(crate) constraints: usize,
    /// SHA-256 of all three matrices and the counts. It ties a key to its circuit.
    pub(crate) fingerprint: [u8; 32],
    a: SparseRows,
    b: SparseRows,
}

impl ConstraintMatrices {
    /// Synthesises a circuit without an assignment.
    pub(crate) fn synthesize<C>(circuit: C) -> Result<Self, SynthesisError>
    where
        C: ConstraintSynthesizer<Fr>,
    {
        let cs = ConstraintSystem::<Fr>::new_ref();
        // The order of variables must be that of ark-groth16's generator, which made the queries.
        cs.set_optimization_goal(OptimizationGoal::Constraints);
        cs.set_mode(SynthesisMode::Setup);
        circuit.generate_constraints(cs.clone())?;
        cs.finalize();
        let mut matrices = cs.to_matrices()?;
        let matrices = matrices
            .remove(R1CS_PREDICATE_LABEL)
            .filter(|matrices| matrices.len() == 3 && cs.num_predicates() == 1)
            .ok_or(SynthesisError::PredicateNotFound)?;
        let counts = [
            cs.num_instance_variables(),
            cs.num_witness_variables(),
            cs.num_constraints(),
        ];
        Ok(Self {
            instance_variables: counts[0],
            witness_variables: counts[1],
            constraints: counts[2],
            fingerprint: fingerprint(&counts, &matrices),
            a: SparseRows::new(&matrices[0]),
            b: SparseRows::new(&matrices[1]),
        })
    }

    /// Returns the size of the evaluation domain: one row for each constraint and instance
    /// variable.
    pub(crate) fn domain_size(&self) -> usize {
        (self.constraints + self.instance_variables).next_power_of_two()
    }

    /// Returns the evaluations of the polynomials A and B over the domain. The assignment starts
    /// with the constant one and the public inputs.
    pub(crate) fn evaluate(&self, assignment: &[Fr]) -> (Vec<Fr>, Vec<Fr>) {
        let size = self.domain_size();
        let (mut a, mut b) = (vec![Fr::from(0u64); size], vec![Fr::from(0u64); size]);
        self.a.multiply_into(assignment, &mut a[..self.constraints]);
        self.b.multiply_into(assignment, &mut b[..self.constraints]);
        // Rows x·0 = 0 for the instance variables make their polynomials independent.
        a[self.constraints..self.constraints + self.instance_variables]
            .copy_from_slice(&assignment[..self.instance_variables]);
        (a, b)
    }
}

/// Synthesises the assignment alone: the constant one, the public inputs, then the witness.
/// The result is overwritten when dropped.
pub(crate) fn assignment<C>(circuit: C) -> Result<Zeroizing<Vec<Fr>>, SynthesisError>
where
    C: ConstraintSynthesizer<Fr>,
{
    let cs = ConstraintSystem::<Fr>::new_ref();
    cs.set_optimization_goal(OptimizationGoal::Constraints);
    cs.set_mode(SynthesisMode::Prove {
        construct_matrices: false,
        generate_lc_assignments: false,
    });
    circuit.generate_constraints(cs.clone())?;
    let mut system = cs.borrow_mut().ok_or(SynthesisError::MissingCS)?;
    let instance = Zeroizing::new(std::mem::take(&mut system.assignments.instance_assignment));
    let witness = Zeroizing::new(std::mem::take(&mut system.assignments.witness_assignment));
    let mut all = Zeroizing::new(Vec::with_capacity(instance.len() + witness.len()));
    all.extend_from_slice(&instance);
    all.extend_from_slice(&witness);
    Ok(all)
}

fn fingerprint(counts: &[usize; 3], matrices: &[Matrix<Fr>]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"subrosa/v1/r1cs");
    for count in counts {
        hasher.update((*count as u64).to_be_bytes());
    }
    for matrix in matrices {
        // Hashing rows separately uses all processors.
        let rows: Vec<[u8; 32]> = matrix
            .par_chunks(1024)
            .map(|rows| {
                let mut hasher = Sha256::new();
                for row in rows {
                    hasher.update((row.len() as u64).to_be_bytes());
                    for (coefficient, column) in row {
                        hasher.update((*column as u64).to_be_bytes());
                        hasher.update(coefficient.into_bigint().to_bytes_be());
                    }
                }
                hasher.finalize().into()
            })
            .collect();
        hasher.update((matrix.len() as u64).to_be_bytes());
        rows.iter().for_each(|row| hasher.update(row));
    }
    hasher.finalize().into()
}
