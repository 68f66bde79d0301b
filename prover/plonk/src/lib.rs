//! A prover for keys of halo2-axiom: KZG over BN254, opened with SHPLONK.
//!
//! [`prove`] writes the proof that `halo2_proofs::plonk::create_proof_from_advice` writes, for circuits
//! of one phase with at most one instance column. It is made for gates with many terms (the matrices of a
//! hash function) and for little memory:
//!
//! * All identities are combined under the challenge *before* they are evaluated, symbolically: what they
//!   share is computed once, and a matrix becomes one row of it (`symbolic`, `graph`).
//! * The result is a list of operations on blocks of rows (`program`).
//! * The quotient, of degree below d − 1 times the number of rows, is found from its remainders modulo
//!   Xⁿ − c for d − 1 values of c, one coset of n rows each (`quotient`). halo2 takes the next power of
//!   two, and keeps all of them.
//!
//! | where halo2's proofs are random | here |
//! |---|---|
//! | blinding cells and blinds | the given generator, in the same order |
//! | order of a lookup's distinct inputs (a hash map's) | ascending |
//! | polynomial that blinds the quotient (a thread's generator) | seeded by the given generator |
//!
//! The last two make halo2's proofs differ from call to call even under the same generator; given the
//! same choices, the proofs are equal byte by byte. Blinds of commitments are drawn and not used, as KZG
//! has none.

mod commit;
mod constraints;
mod domain;
mod graph;
mod lookup;
mod opening;
mod permutation;
mod program;
mod progress;
mod prove;
mod quotient;
mod symbolic;
#[cfg(test)]
mod tests;

pub use commit::{commit_columns, fill_blinding};
pub use progress::{Progress, Silent};
pub use prove::prove;
pub use quotient::KeyCosets;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The key's circuit has something that this prover does not do.
    #[error("circuit not supported: {0}")]
    Unsupported(&'static str),
    /// The constraint system declares a degree below that of its gates. Proofs would not verify.
    #[error("declared degree {declared} is below the actual degree {actual}")]
    Degree {
        /// What the key was made for.
        declared: usize,
        /// What the gates have.
        actual: usize,
    },
    /// The parameters are of another size than the key.
    #[error("parameters for 2^{params} rows, key for 2^{key}")]
    Parameters {
        /// log₂ of the size of the parameters.
        params: u32,
        /// log₂ of the number of rows.
        key: u32,
    },
    /// More instances than rows, or instances without an instance column.
    #[error("too many instances")]
    Instances,
    /// Advice columns of the wrong number or length.
    #[error("advice columns of the wrong number or length")]
    Advice,
    /// Cosets kept of a key of another size.
    #[error("cosets of another key")]
    Cosets,
    /// A looked-up value is not in the table.
    #[error("lookup {0}: a value is not in the table")]
    Lookup(usize),
    /// A challenge hit a point of evaluation, which has negligible probability.
    #[error("challenge outside the allowed set")]
    Challenge,
    /// The observer asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The transcript could not be written.
    #[error("transcript: {0}")]
    Transcript(#[from] std::io::Error),
}
