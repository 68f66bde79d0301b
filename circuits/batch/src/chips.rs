//! Gadgets of the circuit. Each module adds one kind to [`crate::layout::Layout`].

mod arithmetic;
pub(crate) mod merkle;
mod poseidon;
mod range;
