//! Tests of the circuit against the ledger.

mod aggregation;
mod clients;
mod failures;
mod foreign;
mod grid;
mod pins;
mod proof;
mod rules;
mod satisfied;
mod scenario;
mod structure;
