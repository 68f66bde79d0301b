//! The transaction circuit: one universal R1CS statement, proven with Groth16 over BN254 (spec:
//! *Transaction*, rules T1 to T35).
//!
//! The only public input is the digest of the transaction's 22 words. Each rule exists twice, side
//! by side in `parts/`: as a native check, used by tests and before a proof is attempted, and as
//! constraints.
//!
//! - [`check`] checks a statement natively and returns the rule that it breaks;
//! - [`TransactionCircuit`] is the statement for a prover or for a setup;
//! - [`Draft`] builds a statement from its contents;
//! - [`constraints`] measures the circuit by rule; `constraints.json` pins the result;
//! - [`no_op`] builds a padding transaction, [`padding_statement`] the one that pads batches;
//! - [`samples`] builds deterministic statements for tests and benches.
//!
//! # Example
//!
//! ```
//! use ark_std::rand::SeedableRng;
//! use ark_std::rand::rngs::StdRng;
//! use subrosa_transaction::{Rule, TransactionCircuit, check, samples};
//!
//! let mut rng = StdRng::seed_from_u64(1);
//! let mut sample = samples::transfer(&mut rng);
//! let digest = check(&sample.witness, &sample.words).expect("samples are valid");
//!
//! // The assignment of all columns, which a prover needs: one, the digest, the witness wires.
//! let circuit = TransactionCircuit::new(&sample.words, &sample.witness);
//! let columns = circuit.assignment().expect("the circuit has an assignment");
//! assert_eq!(columns[1], subrosa_protocol::Fr::from(digest));
//!
//! // An output of another value does not open its commitment.
//! sample.witness.outputs[0].note.value += 1;
//! assert_eq!(check(&sample.witness, &sample.words), Err(Rule::T6));
//! ```

mod assemble;
mod circuit;
mod counts;
mod gadgets;
mod padding;
mod parts;
mod raw;
mod rule;
pub mod samples;
mod witness;
mod words;

#[cfg(test)]
mod tests;

pub use assemble::{Draft, LoanStep};
pub use circuit::{Shape, TransactionCircuit, constraints};
pub use counts::Counts;
pub use padding::{no_op, padding_statement};
pub use rule::Rule;
pub use witness::{
    ARITY, ASSET_DEPTH, AssetSlot, CounterLeg, InputWitness, LoanWitness, NOTE_DEPTH,
    OutputWitness, Step, Witness,
};
pub use words::Words;

use subrosa_protocol::element::TransactionDigest;

/// Checks a statement natively and returns its digest.
///
/// # Errors
/// The first broken rule, in the order in which the parts are checked.
pub fn check(witness: &Witness, words: &Words) -> Result<TransactionDigest, Rule> {
    let digest = parts::digest::digest(words);
    check_digest(witness, words, digest)?;
    Ok(digest)
}

/// Checks a statement natively against a digest from outside, the public input.
///
/// # Errors
/// The first broken rule; [`Rule::T18`] if `digest` is not the digest of the words.
pub fn check_digest(
    witness: &Witness,
    words: &Words,
    digest: TransactionDigest,
) -> Result<(), Rule> {
    let fields = parts::header::check(words)?;
    parts::slots::check(witness, words)?;
    let owner = parts::notes::check(witness, words)?;
    parts::slots::check_choices(witness, words, &fields)?;
    parts::balance::check(witness, words, &fields)?;
    parts::audit::check(witness, words, owner)?;
    parts::swap::check(witness, words, &fields, owner)?;
    parts::loan::check(witness, words, &fields, owner)?;
    parts::digest::check(words, digest)?;
    parts::signature::check(witness, digest)
}
