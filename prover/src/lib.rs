//! Keys, proofs and verification.
//!
//! - [`groth16`]: client proofs of transactions. A wallet makes them, a sequencer verifies them.
//! - [`batch`]: halo2 proofs that a batch moved the state by the rules. L1 verifies them.
//! - [`setup`]: the keys of both, and the files that hold them.
//! - [`device`]: the processor or GPU that makes batch proofs.
//! - [`backend`]: the costly operations of Groth16 behind a trait, for devices other than the
//!   processor.
//! - [`progress`]: progress and cancellation of long operations.
//!
//! Every proof is verified before it leaves this crate. A statement is proven only after its native
//! check: if the check fails, the error names the broken rule.
//!
//! ```no_run
//! use subrosa_prover::progress::Silent;
//! use subrosa_prover::setup::KeyStore;
//! use subrosa_transaction::{Witness, Words};
//!
//! fn prove(words: &Words, witness: &Witness) -> Result<(), Box<dyn std::error::Error>> {
//!     // Makes development keys on first use.
//!     let keys = KeyStore::open("keys".as_ref())?.transaction(&Silent)?;
//!     let proof = keys.prove(words, witness)?;
//!     let digest = subrosa_protocol::transaction::digest(words);
//!     keys.verify(&digest, &proof)?;
//!     Ok(())
//! }
//! ```

pub mod backend;
pub mod batch;
mod clients;
pub mod device;
pub mod groth16;
mod halo2;
pub mod progress;
pub mod setup;
