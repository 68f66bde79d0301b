#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use subrosa_decoders::{batch_proof, write_seeds};

fuzz_target!(
    init: write_seeds("batch_proof", Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))),
    |data: &[u8]| batch_proof(data)
);
