//! The batch circuit: the state transition of a batch and its clients' proofs in halo2 (spec:
//! *Batch*, *Aggregation*, rules B1 … B21).
//!
//! | public instance | |
//! |---|---|
//! | 0 | commitment of the old state |
//! | 1 | commitment of the new state |
//! | 2 | c, commitment of the data words |
//! | 3 | z, the point that L1 derives from c and the words |
//! | 4 | y, the data words evaluated at z |
//! | 5 | ζ, the column challenge, which every verifier computes from the proof |
//!
//! [`BatchCircuit`] is the statement for a prover or for a setup. [`check()`] and
//! [`check_proofs()`] are the same statement computed natively; they return the rule that a witness
//! breaks.
//!
//! | module | contents |
//! |---|---|
//! | `config` | columns and gates, the same for all shapes |
//! | `layout` | placement of cells, each labelled with its rule |
//! | `schedule` | arrangement of the permutation in rows |
//! | `chips` | gadgets: arithmetic, ranges, sponge, Merkle paths |
//! | `parts` | rules of the state transition, native check beside constraints |
//! | `aggregation` | rules of the clients' proofs, on top of `pairing` and `foreign` |
//! | `circuit` | all rules over one witness, and the halo2 interface |
//!
//! A batch that the ledger executes satisfies the statement:
//!
//! ```
//! use ark_bn254::Fr;
//! use subrosa_batch::convert::from_halo2;
//! use subrosa_batch::{BatchCircuit, Rule, check, instances};
//! use subrosa_protocol::asset::AssetId;
//! use subrosa_protocol::batch::Shape;
//! use subrosa_protocol::ledger::{BatchInput, Config, Ledger};
//!
//! let config = Config {
//!     context: Fr::from(1u64),
//!     fee_asset: AssetId(0),
//!     min_fee: 1,
//! };
//! let batch = BatchInput {
//!     shape: Shape::S4,
//!     time: 1_800_000_000,
//!     fee_recipient: [7; 20],
//!     assets_root: Fr::from(2u64),
//!     prices: Fr::from(0u64),
//!     transactions: Vec::new(),
//!     deposits: Vec::new(),
//! };
//! let mut witness = Ledger::new().execute(batch, &config).expect("an empty batch is valid");
//!
//! let public: Vec<Fr> = instances(&witness).iter().map(from_halo2).collect();
//! let public: [Fr; 5] = public.try_into().expect("five instances");
//! assert_eq!(check(&witness, &public), Ok(()));
//! assert_eq!(BatchCircuit::k(Shape::S4), 16);
//!
//! // A fee that no transaction pays breaks rule B10.
//! witness.header.fee_total += 1;
//! assert_eq!(check(&witness, &public), Err(Rule::B10));
//! ```

mod aggregation;
mod check;
mod chips;
mod circuit;
mod client;
mod config;
pub mod convert;
mod counts;
mod layout;
mod parts;
mod rules;
mod schedule;
mod witness;

pub use check::{check, check_proofs};
pub use circuit::{BatchCircuit, Recorded, Statement, instances};
pub use client::{ClientKey, ClientProof};
pub use config::{COMMITTED, INSTANCES};
pub use counts::Counts;
pub use rules::Rule;

#[cfg(test)]
mod tests;
