#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use subrosa_decoders::{l1_words, write_seeds};

fuzz_target!(
    init: write_seeds("l1_words", Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))),
    |data: &[u8]| l1_words(data)
);
