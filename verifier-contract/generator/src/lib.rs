//! Generates the keys and the gates of the Solidity halo2 verifier
//! (`verifier-contract/src/Halo2Verifier.sol`).
//!
//! - [`transcript`]: the Keccak transcript of proofs for the contract. [`transcript::KeccakWrite`]
//!   writes the `proof` argument of `verify`, byte for byte.
//! - [`transcript::column_challenge`]: the last instance, which the contract computes itself.
//! - [`vk_data`]: a verifying key as the code of a data contract.
//! - [`Gates`], [`gates_solidity`]: the generated part of the contract.
//!
//! ```
//! use halo2_proofs::plonk::ConstraintSystem;
//! use subrosa_verifier_generator::{Gates, gates_solidity};
//!
//! let mut cs = ConstraintSystem::<halo2curves::bn256::Fr>::default();
//! let (x, y) = (cs.advice_column(), cs.advice_column());
//! cs.create_gate("square", |cells| {
//!     let rotation = halo2_proofs::poly::Rotation::cur();
//!     let (x, y) = (cells.query_advice(x, rotation), cells.query_advice(y, rotation));
//!     vec![x.clone() * x - y]
//! });
//! let source = gates_solidity(&cs, "SquareGates")?;
//! assert!(source.contains("abstract contract SquareGates is Halo2Verifier"));
//! assert_eq!(Gates::new(&cs)?.operations(), 3);
//! # Ok::<(), subrosa_verifier_generator::ExpressionError>(())
//! ```

pub mod encoding;
mod expression;
mod gates;
mod key;
mod opening;
mod places;
pub mod transcript;

pub use expression::ExpressionError;
pub use gates::Gates;
pub use key::{KeyError, MAX_CODE, data_contract_init_code, key_hash, vk_data};
pub use places::{CALLER_INSTANCES, HEADER, INSTANCES};

use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;

/// Returns the Solidity source of the abstract contract `name` with the gates of `cs`, for a file
/// in `src/generated`.
///
/// # Errors
/// If an expression uses a feature that the contract does not support.
pub fn gates_solidity(cs: &ConstraintSystem<Fr>, name: &str) -> Result<String, ExpressionError> {
    Ok(Gates::new(cs)?.solidity(name, "../Halo2Verifier.sol"))
}
