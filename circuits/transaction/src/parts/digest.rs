//! The digest, T18: the only public input.

use crate::Rule;
use crate::gadgets::{Builder, Num, Synthesis, poseidon};
use crate::words::Words;
use subrosa_protocol::domain::Domain;
use subrosa_protocol::element::TransactionDigest;
use subrosa_protocol::poseidon::hash;

/// Returns the digest of the words.
pub(crate) fn digest(words: &Words) -> TransactionDigest {
    TransactionDigest::new(hash(Domain::Transaction, words))
}

/// Checks T18 natively.
pub(crate) fn check(words: &Words, digest: TransactionDigest) -> Result<(), Rule> {
    if self::digest(words) == digest {
        Ok(())
    } else {
        Err(Rule::T18)
    }
}

/// Constrains T18.
pub(crate) fn constrain(b: &mut Builder, words: &[Num], digest: &Num) -> Synthesis<()> {
    b.enter(Rule::T18);
    let computed = poseidon::hash(b, Domain::Transaction, words)?;
    b.equal(&computed, digest)
}
