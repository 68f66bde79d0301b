#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use subrosa_decoders::{verifying_key, write_seeds};

fuzz_target!(
    init: write_seeds("verifying_key", Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))),
    |data: &[u8]| verifying_key(data)
);
