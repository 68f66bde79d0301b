//! The circuit: all parts on one set of wires.

use crate::gadgets::{Builder, Synthesis};
use crate::parts::{audit, balance, digest, header, loan, notes, signature, slots, swap};
use crate::raw::RawWitness;
use crate::witness::Witness;
use crate::words::Words;
use crate::{Counts, Rule};
use ark_bn254::Fr;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, ConstraintSystemRef, Matrix, R1CS_PREDICATE_LABEL,
    SynthesisError, SynthesisMode,
};
use std::ops::Range;

/// The transaction statement, for `ark-groth16`: one public input, the digest of the words.
#[derive(Clone, Debug)]
pub struct TransactionCircuit {
    raw: Option<Box<RawWitness>>,
}

/// Rows of the circuit.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The matrices A, B and C. Column 0 is the constant one, column 1 the digest.
    pub matrices: Vec<Matrix<Fr>>,
    /// Columns of public values: the constant one and the digest.
    pub instances: usize,
    /// Columns of witness wires.
    pub witnesses: usize,
    /// Range of rows of each rule.
    pub spans: Vec<(Rule, Range<usize>)>,
}

impl TransactionCircuit {
    /// Creates the circuit with an assignment. Nothing is checked here: a witness that breaks a
    /// rule gives an assignment that does not satisfy the constraints. See [`crate::check`].
    #[must_use]
    pub fn new(words: &Words, witness: &Witness) -> Self {
        Self::assigned(RawWitness::new(words, digest::digest(words), witness))
    }

    /// Creates the circuit without an assignment, for the setup of keys.
    #[must_use]
    pub fn blank() -> Self {
        Self { raw: None }
    }

    /// Creates the circuit with any assignment of the wires that are not computed from others.
    pub(crate) fn assigned(raw: RawWitness) -> Self {
        Self {
            raw: Some(Box::new(raw)),
        }
    }

    /// Returns all columns in order: one, the digest, the witness wires. Together with the matrices
    /// of [`TransactionCircuit::shape`] this is everything a prover needs, at a third of the cost
    /// of a synthesis that also writes the rows.
    ///
    /// # Errors
    /// [`SynthesisError::AssignmentMissing`] for a blank circuit.
    pub fn assignment(&self) -> Result<Vec<Fr>, SynthesisError> {
        let raw = self.raw.as_ref().ok_or(SynthesisError::AssignmentMissing)?;
        let cs = ConstraintSystem::new_ref();
        cs.set_mode(SynthesisMode::Prove {
            construct_matrices: false,
            generate_lc_assignments: false,
        });
        synthesise(raw, &cs)?;
        let mut columns = cs.instance_assignment()?;
        columns.extend(cs.witness_assignment()?);
        Ok(columns)
    }

    /// Returns the rows, which are the same for every assignment.
    ///
    /// # Errors
    /// Errors of the constraint system.
    pub fn shape() -> Result<Shape, SynthesisError> {
        let cs = ConstraintSystem::new_ref();
        cs.set_mode(SynthesisMode::Setup);
        let spans = synthesise(&RawWitness::blank(), &cs)?;
        cs.finalize();
        let matrices = cs
            .to_matrices()?
            .remove(R1CS_PREDICATE_LABEL)
            .ok_or(SynthesisError::PredicateNotFound)?;
        Ok(Shape {
            matrices,
            instances: cs.num_instance_variables(),
            witnesses: cs.num_witness_variables(),
            spans,
        })
    }
}

impl ConstraintSynthesizer<Fr> for TransactionCircuit {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        match &self.raw {
            Some(raw) => synthesise(raw, &cs)?,
            None if cs.is_in_setup_mode() => synthesise(&RawWitness::blank(), &cs)?,
            None => return Err(SynthesisError::AssignmentMissing),
        };
        Ok(())
    }
}

/// Measures the circuit, by rule.
///
/// # Errors
/// Errors of the constraint system, which do not occur in practice.
pub fn constraints() -> Result<Counts, SynthesisError> {
    Counts::measure()
}

/// Writes the whole circuit. The parts come in the order of [`crate::check`].
fn synthesise(
    raw: &RawWitness,
    cs: &ConstraintSystemRef<Fr>,
) -> Synthesis<Vec<(Rule, Range<usize>)>> {
    let mut builder = Builder::new(cs.clone());
    let b = &mut builder;
    let digest = b.input(raw.digest)?;
    let mut words = Vec::with_capacity(raw.words.len());
    for word in &raw.words {
        words.push(b.witness(*word)?);
    }
    let header = header::constrain(b, raw, &words)?;
    let slots = slots::constrain(b, raw, &words)?;
    let state = loan::constrain_state(b, raw, &header)?;
    let notes = notes::constrain(b, raw, &words, &state)?;
    let assets = [&notes.inputs, &notes.outputs]
        .map(|notes| std::array::from_fn(|i| notes[i].asset.clone()));
    let choices = slots::constrain_choices(b, raw, &slots, &header, [&assets[0], &assets[1]])?;
    balance::constrain(b, &header, &notes, &choices)?;
    audit::constrain(b, raw, &words, &slots, &notes, &choices)?;
    let counter = swap::constrain(b, raw, &words, &header, &notes, &state)?;
    let market = loan::constrain(b, raw, &words, &header, &notes, &counter, &state)?;
    loan::constrain_stop(b, raw, &slots, &choices, &state, &market)?;
    digest::constrain(b, &words, &digest)?;
    signature::constrain(b, raw, &notes.ak, &digest)?;
    Ok(builder.into_spans())
}
