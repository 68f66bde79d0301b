//! Invariants of the economics (spec: *Collateral*, Invariants) over random histories of prices,
//! snapshots, delays and choices of the parties.
//!
//! [`model`] and [`oracle`] say in their own words what the specification says. [`world`] plays a
//! history, and asks the native rules of the statement whether a step is legal. Each test then
//! tries what a party may choose: the anchor, expiry and `not before`, the amounts.
//!
//! `SUBROSA_ECONOMICS` multiplies the number of histories.

mod choice;
mod health;
mod liveness;
mod model;
mod oracle;
mod rounding;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use std::fmt::Debug;

/// Factor between the tests of each change and those of `make test-long`.
const LONG: u32 = 40;

/// Tries a property on so many random values, times `SUBROSA_ECONOMICS`.
fn hold<T: Debug>(cases: u32, values: impl Strategy<Value = T>, property: fn(T) -> TestCaseResult) {
    let factor = std::env::var("SUBROSA_ECONOMICS").ok();
    let factor = factor.and_then(|n| n.parse().ok()).unwrap_or(1);
    let config = ProptestConfig {
        cases: cases * factor,
        max_global_rejects: 100 * cases * factor,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let result = TestRunner::new(config).run(&values, property);
    if let Err(error) = result {
        panic!("{error}");
    }
}
