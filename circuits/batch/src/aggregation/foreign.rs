//! Arithmetic modulo q, the base field of BN254's groups, in a circuit over 𝔽_r (spec: *Aggregation*).
//!
//! A **value** is an integer of five limbs of 52 bits, each cut into four looked-up pieces of 13 bits; it
//! stands for its residue mod q and is not reduced further. It is also the polynomial
//! a(X) = Σ aⱼXʲ with a(2⁵²) = a.
//!
//! An **identity** Σ c·a·b + Σ c·d + c₀ ≡ 0 (mod q) is never checked alone. When all values are fixed
//! (the column challenge ζ is drawn from the commitments to their pieces), every identity gets a
//! random weight u of 127 bits, and a group of them is one statement over the integers,
//!
//! Σ uₘ·Fₘ(X) = K(X)·q(X) + (X − 2⁵²)·C(X),
//!
//! with one quotient K and one list of carries C for the whole group; it is checked at a random point
//! σ that is drawn after K and C. At σ a value is a single cell, and a product a single product.
//!
//! The bounds behind "over the integers" are in [`bounds`] and derived again by a test.
//!
//! [`trace`] records values and identities natively, [`emit`] writes them into the circuit.

pub(crate) mod bounds;
pub(crate) mod emit;
pub(crate) mod group;
pub(crate) mod limbs;
pub(crate) mod trace;
