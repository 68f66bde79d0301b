#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use subrosa_decoders::{note_data, write_seeds};

fuzz_target!(
    init: write_seeds("note_data", Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))),
    |data: &[u8]| note_data(data)
);
