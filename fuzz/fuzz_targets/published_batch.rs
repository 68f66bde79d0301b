#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use subrosa_decoders::{published_batch, write_seeds};

fuzz_target!(
    init: write_seeds("published_batch", Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))),
    |data: &[u8]| published_batch(data)
);
