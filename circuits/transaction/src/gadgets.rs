//! Gadgets: constraints without knowledge of transactions.
//!
//! They all work on [`Num`], a linear combination of wires that carries its value, through a
//! [`Builder`]. Linear operations are free; a multiplication by a constant costs no constraint.

mod builder;
pub(crate) mod edwards;
pub(crate) mod merkle;
pub(crate) mod poseidon;
pub(crate) mod range;
pub(crate) mod wide;

pub(crate) use builder::{Builder, Num, Synthesis, inverse_or_zero, nonzero};

#[cfg(test)]
mod tests;
