//! The transaction circuit: one universal R1CS statement, proven with Groth16 over BN254.
//!
//! The statement is that of the specification's *Transaction* section, rules T1 to T33. Its one
//! public input is the digest of the transaction's 30 words. Each rule exists twice, side by side
//! in `parts/`: as a native check, used before a proof is attempted and by tests, and as
//! constraints.
//!
//! - [`check`] says whether a witness satisfies the statement, and which rule it breaks;
//! - [`TransactionCircuit`] is the statement for a prover or for a setup;
//! - [`constraints`] measures the circuit by rule, `constraints.json` pins the result;
//! - [`no_op`] builds a padding transaction, [`padding_statement`] the one that batches are padded with;
//! - [`samples`] builds deterministic statements for tests and benches.

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

use ark_bn254::Fr;

/// Checks a statement natively and returns its digest.
///
/// # Errors
/// The first rule that is broken, in the order in which the parts are checked.
pub fn check(witness: &Witness, words: &Words) -> Result<Fr, Rule> {
    let digest = parts::digest::digest(words);
    check_digest(witness, words, digest)?;
    Ok(digest)
}

/// [`check`] against a digest given from outside, the public input.
///
/// # Errors
/// The first rule that is broken; [`Rule::T18`] if the digest is not that of the words.
pub fn check_digest(witness: &Witness, words: &Words, digest: Fr) -> Result<(), Rule> {
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
