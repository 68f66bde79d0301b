//! Subrosa's ground floor: the types and rules of the protocol, without I/O and without async.
//!
//! Everything here follows the book in `spec/`; each module names the section it implements. The
//! crate is used by both circuits (which compute the same functions under constraints), by the
//! sequencer, the prover, the wallet and the tools of an auditor.
//!
//! | module | section |
//! |---|---|
//! | [`domain`], [`poseidon`], [`encoding`], [`mod@derive`] | *Notation and hashing* |
//! | [`keys`] | *Keys and addresses* |
//! | [`note`], [`encryption`] | *Notes* |
//! | [`tree`], [`nullifier_tree`], [`asset`] | *Trees and state* |
//! | [`transaction`], [`proof`] | *Transaction* |
//! | [`swap`], [`message`] | *Swaps* |
//! | [`loan`], [`market`] | *Collateral* |
//! | [`batch`], [`ledger`] | *Batch*, *Trees and state* |

pub mod asset;
pub mod batch;
pub mod derive;
pub mod domain;
pub mod encoding;
pub mod encryption;
pub mod keys;
pub mod ledger;
pub mod loan;
pub mod market;
pub mod message;
pub mod note;
pub mod nullifier_tree;
pub mod poseidon;
pub mod proof;
pub mod swap;
pub mod transaction;
pub mod tree;

pub use ark_bn254::Fr;
pub use ark_ed_on_bn254::{EdwardsAffine, EdwardsProjective, Fr as Scalar};
