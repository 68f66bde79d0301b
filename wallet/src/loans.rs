//! Secured loans as their parties keep them (spec: *Collateral*): their state, the legal steps, and
//! their margins. This module does no I/O and uses only numbers that both parties know.
//!
//! - [`held`]: a loan on the chain;
//! - [`plan`]: a step before it is composed, or the rule that it would break;
//! - [`health`]: margins at the latest price.

pub mod health;
pub mod held;
pub mod plan;
#[cfg(test)]
mod tests;

pub use health::Health;
pub use held::{HeldLoan, Role};
pub use plan::{Action, Plan, StepContext, StepError};
