//! Types and rules of the Subrosa protocol, without I/O and without async.
//!
//! The crate follows the book in `spec/`; each module names the section that it implements. Both
//! circuits compute the same functions under constraints. The prover, the sequencer, the wallet and
//! an auditor's tools use the crate directly.
//!
//! # Example
//!
//! A wallet derives its keys from a seed, makes a note, and computes the commitment that enters the
//! note tree and the nullifier that spends it:
//!
//! ```
//! use subrosa_protocol::asset::AssetId;
//! use subrosa_protocol::keys::{Seed, ViewingKey};
//! use subrosa_protocol::note::{Note, commit, nullifier};
//!
//! let keys = ViewingKey::from_seed(&Seed::random(&mut rand::thread_rng()));
//! // The blinding of a deposit of the owner to itself; 0 is the index of the deposit.
//! let note = Note::cash(AssetId(1), 2_500, keys.owner, keys.deposit_rcm(0));
//!
//! let commitment = note.commitment();
//! assert_eq!(commitment, commit(&note.packed(), &note.inner()));
//!
//! // The nullifier depends on the leaf of the note tree that holds the commitment.
//! let leaf_index = 7;
//! let spent = note.nullifier(&keys.nk, leaf_index);
//! assert_eq!(spent, nullifier(&keys.nk, &commitment, leaf_index));
//! assert_ne!(spent, note.nullifier(&keys.nk, leaf_index + 1));
//! ```
//!
//! # Modules
//!
//! | module | section |
//! |---|---|
//! | [`domain`], [`poseidon`], [`mod@derive`] | *Notation and hashing* |
//! | [`encoding`], [`element`], [`layout`] | *Notation and hashing* |
//! | [`keys`] | *Keys and addresses* |
//! | [`note`], [`encryption`], [`memo`] | *Notes* |
//! | [`tree`], [`nullifier_tree`], [`asset`] | *Trees and state* |
//! | [`transaction`], [`proof`] | *Transaction* |
//! | [`swap`], [`message`] | *Swaps* |
//! | [`loan`], [`market`] | *Collateral* |
//! | [`batch`], [`ledger`], [`state`] | *Batch*, *Trees and state* |

pub mod asset;
pub mod batch;
pub mod derive;
pub mod domain;
pub mod element;
pub mod encoding;
pub mod encryption;
pub mod keys;
pub mod layout;
pub mod ledger;
pub mod loan;
pub mod market;
pub mod memo;
pub mod message;
pub mod note;
pub mod nullifier_tree;
pub mod poseidon;
pub mod proof;
pub mod state;
pub mod swap;
pub mod transaction;
pub mod tree;

pub use ark_bn254::Fr;
pub use ark_ed_on_bn254::{EdwardsAffine, EdwardsProjective, Fr as Scalar};
