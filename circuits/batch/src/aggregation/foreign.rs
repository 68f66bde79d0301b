//! Arithmetic modulo q, the base field of BN254's groups, in a circuit over 𝔽_r (spec:
//! *Aggregation*).
//!
//! A **value** is an integer of five limbs of 52 bits. Each limb is cut into four looked-up pieces
//! of 13 bits. The integer represents its residue mod q and is not reduced further. It is also the
//! polynomial a(X) = Σ aⱼXʲ with a(2⁵²) = a.
//!
//! An **identity** Σ c·a·b + Σ c·d + c₀ ≡ 0 (mod q) is never checked alone. Once all values are
//! fixed (the column challenge ζ is drawn from the commitments to their pieces), every identity
//! gets a random weight u of 127 bits. A group of identities is then one statement over the
//! integers,
//!
//! Σ uₘ·Fₘ(X) = K(X)·q(X) + (X − 2⁵²)·C(X),
//!
//! with one quotient K and one list of carries C for the whole group. The statement is checked at a
//! random point σ that is drawn after K and C. At σ a value is a single cell, and a product of
//! values is a single product.
//!
//! The module [`bounds`] holds the sizes that make this a statement over the integers; its test
//! derives them again.
//!
//! The module [`trace`] records values and identities natively; [`emit`] writes them into the
//! circuit.

pub(crate) mod bounds;
pub(crate) mod emit;
pub(crate) mod group;
pub(crate) mod limbs;
pub(crate) mod trace;
