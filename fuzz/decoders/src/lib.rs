//! Bodies of the fuzz targets: one function for each decoder of untrusted bytes.
//!
//! A body takes any bytes and must not panic. Where a format has one canonical encoding, the body
//! also checks that accepted bytes encode to the same bytes again. The fuzz targets in
//! `fuzz/fuzz_targets/` and the tests of this crate call the same functions. Therefore a target
//! that no longer compiles, or fails on a sample, fails `cargo test` on stable Rust.
//!
//! ```
//! let amount = subrosa_decoders::TARGETS.iter().find(|t| t.name == "amount").unwrap();
//! (amount.run)(b"\x061250.50");
//! ```

mod proofs;
mod protocol;
mod samples;
mod wallet;

pub use proofs::{batch_proof, client_proof, verifying_key};
pub use protocol::{
    address, batch_witness, l1_words, note_data, published_batch, sealed_message, submission,
};
pub use samples::{seeds, write_seeds};
pub use wallet::{amount, key_file, negotiation};

/// A fuzz target.
pub struct Target {
    /// Name, as of its file in `fuzz/fuzz_targets/`.
    pub name: &'static str,
    /// Body of the target.
    pub run: fn(&[u8]),
    /// Largest useful input in bytes.
    pub max_len: usize,
    /// Whether one run takes milliseconds or more, so that tests try few inputs.
    pub slow: bool,
}

const fn target(name: &'static str, run: fn(&[u8]), max_len: usize) -> Target {
    Target {
        name,
        run,
        max_len,
        slow: false,
    }
}

const fn slow(name: &'static str, run: fn(&[u8]), max_len: usize) -> Target {
    Target {
        name,
        run,
        max_len,
        slow: true,
    }
}

/// All targets but [`batch_proof`], which needs keys that take seconds to make.
pub const TARGETS: &[Target] = &[
    target("address", address, 256),
    target("amount", amount, 128),
    target("batch_witness", batch_witness, 131_072),
    slow("client_proof", client_proof, 256),
    slow("key_file", key_file, 2_048),
    target("l1_words", l1_words, 4_096),
    target("negotiation", negotiation, 1_024),
    slow("note_data", note_data, 2_048),
    target("published_batch", published_batch, 16_384),
    slow("sealed_message", sealed_message, 2_048),
    target("submission", submission, 2_048),
    slow("verifying_key", verifying_key, 1_024),
];
