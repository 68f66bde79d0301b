//! Verification of the clients' Groth16 proofs (spec: *Aggregation*) as one product of pairings,
//!
//! ∏ e(rᵢ·Aᵢ, Bᵢ) · e(−Σrᵢ·α, β) · e(−Σrᵢ·(IC₀ + xᵢ·IC₁), γ) · e(−Σrᵢ·Cᵢ, δ) = 1,
//!
//! with random rᵢ. The modules record it as values and identities modulo q:
//!
//! | module | contents |
//! |---|---|
//! | [`fixed`] | constants: the key, its tables, its lines |
//! | [`scalar`] | multipliers as digits |
//! | [`g1`] | points, tables, multiplication |
//! | [`lines`] | the twist, the lines of the Miller loop, and the subgroup check at its end |
//! | [`tower`] | 𝔽_q¹² as polynomials, the product of all lines, its quotients |
//! | [`residue`] | the residue witness that replaces the final exponentiation |
//! | [`transcript`] | the challenges |
//! | [`product`] | the whole product |

pub(crate) mod fixed;
pub(crate) mod g1;
pub(crate) mod lines;
pub(crate) mod product;
pub(crate) mod residue;
pub(crate) mod scalar;
pub(crate) mod tower;
pub(crate) mod transcript;
