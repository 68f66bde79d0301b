//! A prover for keys of halo2-axiom: KZG over BN254, opened with SHPLONK.
//!
//! [`prove`] writes the same proof as `halo2_proofs::plonk::create_proof_from_advice`, for circuits
//! of one phase with at most one instance column. It is built for gates with many terms, such as
//! the matrices of a hash function, and for little memory:
//!
//! * It combines all identities under the challenge symbolically, *before* it evaluates them. Terms
//!   that identities share are computed once, and a matrix becomes one row of coefficients
//!   (`symbolic`, `graph`).
//! * It compiles the result to a list of operations on blocks of rows (`program`).
//! * The quotient has degree below d − 1 times the number n of rows. It follows from its remainders
//!   modulo Xⁿ − c for d − 1 values of c, one coset of n rows each (`quotient`). halo2 uses the
//!   next power of two of cosets, and keeps all of them.
//!
//! | random choice in halo2's proofs | here |
//! |---|---|
//! | blinding cells and blinds | from the given generator, in the same order |
//! | order of a lookup's distinct inputs (a hash map's) | ascending |
//! | polynomial that blinds the quotient (a thread's generator) | seeded by the given generator |
//!
//! The last two make halo2's proofs differ from call to call even with the same generator. Given
//! the same choices, the proofs are equal byte by byte. The prover draws the blinds of commitments
//! to keep the generator in step, but does not use them: KZG has none.
//!
//! ```no_run
//! use halo2_proofs::plonk::ProvingKey;
//! use halo2_proofs::poly::kzg::commitment::ParamsKZG;
//! use halo2_proofs::transcript::{Blake2bWrite, Challenge255, TranscriptWriterBuffer};
//! use halo2curves::bn256::{Bn256, Fr, G1Affine};
//! use subrosa_plonk::{EngineError, Silent, prove};
//!
//! /// Proves with advice columns of 2ᵏ cells each.
//! fn example(
//!     params: &ParamsKZG<Bn256>,
//!     pk: &ProvingKey<G1Affine>,
//!     instances: &[Fr],
//!     advice: Vec<Vec<Fr>>,
//! ) -> Result<Vec<u8>, EngineError> {
//!     let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
//!     let rng = rand::rngs::OsRng;
//!     prove(params, pk, None, instances, advice, rng, &mut transcript, &Silent)?;
//!     Ok(transcript.finalize())
//! }
//! ```

mod commit;
mod constraints;
mod domain;
mod evaluations;
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

/// Why a proof could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The key's circuit uses a feature that this prover does not support.
    #[error("circuit not supported: {0}")]
    Unsupported(&'static str),
    /// The constraint system declares a degree below that of its gates, so its proofs would not
    /// verify.
    #[error("declared degree {declared} is below the actual degree {actual}")]
    Degree {
        /// Degree that the key was made for.
        declared: usize,
        /// Degree of the gates.
        actual: usize,
    },
    /// The parameters and the key have different sizes.
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
    /// The number or the length of the advice columns is wrong.
    #[error("wrong number or length of advice columns")]
    Advice,
    /// The given cosets belong to a key of another size.
    #[error("the cosets belong to another key")]
    Cosets,
    /// A looked-up value is not in the table.
    #[error("lookup {0}: a value is not in the table")]
    Lookup(usize),
    /// A challenge hit a point of evaluation, which has negligible probability.
    #[error("challenge outside the allowed set")]
    Challenge,
    /// [`Progress::cancelled`] returned true.
    #[error("cancelled")]
    Cancelled,
    /// The transcript could not be written.
    #[error("transcript: {0}")]
    Transcript(#[from] std::io::Error),
}
