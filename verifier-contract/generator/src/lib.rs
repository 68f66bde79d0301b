//! The Rust side of the Solidity halo2 verifier (`verifier-contract/src/Halo2Verifier.sol`).
//!
//! - [`transcript`]: the Keccak transcript that proofs for the contract are made with. What
//!   [`transcript::KeccakWrite`] writes is the `proof` argument of `verify`, byte for byte.
//! - [`transcript::column_challenge`]: the last instance, which the contract computes itself.
//! - [`vk_data`]: a verifying key as the code of a data contract.
//! - [`Gates`], [`gates_solidity`]: the generated part of the contract.

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

/// Solidity source of the abstract contract `name` with the gates of `cs`, for a file that lies
/// in `src/generated`.
///
/// # Errors
/// If an expression uses what the contract does not follow.
pub fn gates_solidity(cs: &ConstraintSystem<Fr>, name: &str) -> Result<String, ExpressionError> {
    Ok(Gates::new(cs)?.solidity(name, "../Halo2Verifier.sol"))
}
