#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use subrosa_decoders::{sealed_message, write_seeds};

fuzz_target!(
    init: write_seeds("sealed_message", Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))),
    |data: &[u8]| sealed_message(data)
);
