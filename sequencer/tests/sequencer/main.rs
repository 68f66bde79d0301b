//! The sequencer as a whole, over HTTP, with doubles of its ports: a chain that holds the
//! contract's rules, a verifier and a prover whose proofs are the statement's own bytes.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod admission;
mod interface;
mod kill;
mod mailbox;
mod oracle;
mod pipeline;
mod properties;
mod reading;
mod rebuild;
mod recovery;
mod start;
mod support;
mod swaps;
mod throughput;
