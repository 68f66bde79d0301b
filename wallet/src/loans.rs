//! Secured loans as their parties keep them (specification: *Collateral*): where each stands, what may be done to it
//! now, and how well it is secured. No I/O here, and nothing but numbers that both parties know.
//!
//! - [`held`]: a loan that the chain shows;
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
